"""Values of extracts: times and their business dates, ids, blanks, and what can't be read."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from extracts import NIGHT, RECEIPTS, load, rules


def test_utc_times_fall_on_the_business_day_of_the_zone(retailer):
    retailer.deliver("2017-12-01", receipts=RECEIPTS + "r1,c1,2017-12-02T03:30:00Z,5\nr2,c1,2017-12-01T23:30:00,5\n")
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "receipts", "receipt_id, issued_date") == [
        ("r1", date(2017, 12, 1)),
        ("r2", date(2017, 12, 1)),
    ]


def test_days_on_which_the_clock_changes_keep_their_dates(retailer):
    times = ["2017-03-12T06:59:59Z", "2017-03-12T07:00:00Z", "2017-03-13T03:59:59Z", "2017-11-06T04:59:59Z"]
    rows = "".join(f"r{i},c1,{t},1\n" for i, t in enumerate(times))
    retailer.deliver("2017-12-01", receipts=RECEIPTS + rows)
    night = retailer.load("2017-12-01")
    dates = [row[1] for row in retailer.rows(night, "receipts", "receipt_id, issued_date")]
    assert dates == [date(2017, 3, 12), date(2017, 3, 12), date(2017, 3, 12), date(2017, 11, 5)]


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        *[(text, 10) for text in ("10:00Z", "10:00:00Z", "10:00:00.000Z", "10:00+00:00", "13:00+03:00", "13:00+03")],
        *[(text, 15) for text in ("10:00", "10:00:00", "10:00-05:00", "10:00:00-0500")],  # New York without an offset
    ],
)
def test_a_time_may_leave_its_seconds_out_with_and_without_an_offset(retailer, text, hour):
    retailer.deliver("2017-12-01", receipts=RECEIPTS + f"r1,c1,2017-01-01T{text},5\nr2,c1,2017-01-01 {text},5\n")
    night = retailer.load("2017-12-01", only=frozenset({"receipts"}))
    assert retailer.rows(night, "receipts", "receipt_id, issued_at") == [
        (receipt, datetime(2017, 1, 1, hour, tzinfo=UTC)) for receipt in ("r1", "r2")
    ]


@pytest.mark.parametrize(
    ("text", "hour"),
    [("12:05 AM", 5), ("1:05 am", 6), ("12:05:00 PM", 17), ("1:05PM", 18), ("01:05:59 p.m.", 18)],
)
def test_hours_with_am_or_pm_are_counted_on_to_24(retailer, text, hour):
    retailer.deliver("2017-12-01", receipts=RECEIPTS + f"r1,c1,2017-01-01 {text},5\n")
    night = retailer.load("2017-12-01", only=frozenset({"receipts"}))
    [(found,)] = retailer.rows(night, "receipts", "issued_at")
    assert (found.astimezone(UTC).hour, found.minute) == (hour, 5)


@pytest.mark.parametrize("text", ["13:05 PM", "1:05 M", "1:05 XM", "1 PM"])
def test_no_hour_of_half_a_day_is_guessed(retailer, text):
    retailer.deliver("2017-12-01", receipts=RECEIPTS + f"r1,c1,2017-01-01 {text},5\nr2,c1,2017-01-01 10:00,5\n")
    night = retailer.load("2017-12-01", only=frozenset({"receipts"}))
    assert retailer.rows(night, "receipts", "receipt_id") == [("r2",)]


def test_a_date_that_means_never_is_kept(retailer):
    rows = "promo_code,valid_to\na,9999-12-31\nb,9999-12-31T23:59:59\n"
    retailer.deliver("2017-12-01", promo_codes=rows)
    assert retailer.counts(retailer.load("2017-12-01"), "promo_codes") == (2, 2, 0, 0, 0)


def test_ids_keep_leading_zeros_and_lose_the_trace_of_a_float(retailer):
    rows = "007,2017-12-01\n17850.00,2017-12-01\nA.0,2017-12-01\n 12\t,2017-12-01\n"
    retailer.deliver("2017-12-01", crm_customers="customer_id,registered_at\n" + rows)
    night = retailer.load("2017-12-01")
    assert [row[0] for row in retailer.rows(night, "crm_customers", "customer_id")] == ["007", "12", "17850", "A.0"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(blank, None) for blank in ("", " ", '"\t\n"', "nan", "nan ", "\tnan", "NaN", "\u00a0", "\u200b")],
        *[(none, None) for none in (r"\N", "NULL", "Null", " null ", "None", "N/A", "#N/A", "undefined", "-", "<NA>")],
        *[(none, None) for none in ("NA", "-nan", "#N/A N/A", "#NV", "#\u041d/\u0414", "(blank)")],
        *[(marked, "00123") for marked in ('"=""00123"""', "'00123", "'00123'", "00\u00a0123", "\ufeff00123\u200b")],
        ("a\u00a0b", "a b"),
        *[(around, "c1") for around in ("c1", " c1", "c1 ", "c1\t", '"c1\n"', '"\rc1\r"', '"\n c1 \t"')],
        *[(number, "17") for number in ("17", "17.0", " 17.00 ", "17.000\t", "\u00a017.0")],
        *[
            (same, same)
            for same in ("17.", "17.10", ".0", "1.7.0", "-17.0", "c1.0", "nano", "c\t1", "O'Neil", "5E10", "1E+1")
        ],
        ("#17", "#17"),
    ],
)
def test_an_id_is_the_same_however_it_was_exported(retailer, text, value):
    rows = f"r1,{text},2017-12-01,1\nr2,c2,2017-12-01,1\n"
    retailer.deliver("2017-12-01", receipts=RECEIPTS + rows)
    night = retailer.load("2017-12-01", only=frozenset({"receipts"}))
    assert retailer.rows(night, "receipts", "receipt_id, customer_id") == [("r1", value), ("r2", "c2")]


def test_a_blank_is_no_value_and_no_unreadable_one(retailer):
    header = "receipt_id,line_number,quantity,amount,tax_amount\n"
    rows = "r1,1,1,1,\nr1,2,1,1, \nr1,3,1,1,x\nr1,4,1, ,1\nr1,5.0,1,1,1\nr1,5.5,1,1,1\n"
    retailer.deliver("2017-12-01", receipt_lines=header + rows)
    night = retailer.load("2017-12-01", only=frozenset({"receipt_lines"}))
    assert retailer.rows(night, "receipt_lines", "line_number, tax_amount") == [(1, None), (2, None), (5, Decimal(1))]
    assert [row[1:] for row in retailer.rejected(night, "receipt_lines")] == [
        (3, "tax_amount_unreadable"),
        (4, "amount_missing"),
        (6, "line_number_unreadable"),
    ]


def test_odd_but_possible_values_are_loaded(retailer):
    rows = "r1,1,0,0\nr1,2,89638,1\nr1,3,-80995,-5\n"
    night = load(retailer, "receipt_lines", "receipt_id,line_number,quantity,amount\n" + rows)
    assert retailer.counts(night, "receipt_lines") == (3, 3, 0, 0, 0)
    night = load(retailer, "crm_customers", "customer_id,registered_at,birth_date\nc1,2017-01-01,1893-01-01\n")
    assert retailer.counts(night, "crm_customers") == (1, 1, 0, 0, 0)


@pytest.mark.parametrize("end", ["294247-01-10", "294247-01-10T04:00:54Z", "290309-12-22 (BC)", "-290308-01-01"])
def test_a_time_at_the_end_of_the_calendar_costs_its_row_only(retailer, end):
    night = load(retailer, "receipts", RECEIPTS + f"r1,c1,2017-12-31,1\nr2,c1,{end},1\n")
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r1"]
    assert len(rules(retailer, night, "receipts")) == 1


def test_an_amount_that_cant_be_read_is_never_dropped_from_its_row(retailer):
    night = load(retailer, "receipts", "receipt_id,issued_at,total_amount,tax_amount\nr1,2017-12-01,5,one\n")
    assert rules(retailer, night, "receipts") == [(1, "tax_amount_unreadable")]


@pytest.mark.parametrize("text", ["1.23457E+15", "1,23457E+15", "1E+15", "1e+16", "9.9e+307", "1.2345678E7"])
def test_an_id_in_scientific_notation_stands_for_many_and_is_rejected(retailer, text):
    night = load(retailer, "receipts", RECEIPTS + f'r1,"{text}",2017-12-31,1\nr2,5E10,2017-12-31,1\n')
    assert retailer.rows(night, "receipts", "customer_id") == [("5E10",)]
    assert rules(retailer, night, "receipts") == [(1, "customer_id_in_scientific_notation")]


@pytest.mark.parametrize(
    "text", ["#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#\u0421\u0421\u042b\u041b\u041a\u0410!", "#######"]
)
def test_an_id_that_is_a_spreadsheets_error_stands_for_many_and_is_rejected(retailer, text):
    night = load(retailer, "receipts", RECEIPTS + f"r1,{text},2017-12-31,1\nr2,#17,2017-12-31,1\n")
    assert retailer.rows(night, "receipts", "customer_id") == [("#17",)]
    assert rules(retailer, night, "receipts") == [(1, "customer_id_spreadsheet_error")]


def test_a_spreadsheets_text_mark_without_quotes_around_it_is_taken_off(retailer):
    night = load(retailer, "receipts", RECEIPTS + 'r1,="00123",2017-12-31,1\n')
    assert retailer.rows(night, "receipts", "customer_id") == [("00123",)]


@pytest.mark.parametrize(("type_", "limit"), [(pa.float64(), 2**53), (pa.float32(), 2**24)])
def test_an_id_from_a_floating_point_column_is_exact_or_rejected(retailer, type_, limit):
    columns = {
        "receipt_id": pa.array([float(limit - 1), float(limit), 5.0], type_),
        "customer_id": pa.array([None, None, float("nan")], type_),
        "issued_at": ["2017-12-31"] * 3,
        "total_amount": ["1", "2", "3"],
    }
    folder = retailer.deliver(NIGHT)
    pq.write_table(pa.table(columns), folder / "receipts.parquet")
    (folder / "receipts.csv").unlink()
    night = retailer.load(NIGHT, only=frozenset({"receipts"}))
    assert dict(retailer.rows(night, "receipts", "receipt_id, customer_id")) == {"5": None, f"{limit - 1}": None}
    assert rules(retailer, night, "receipts") == [(2, "receipt_id_inexact_number")]


def test_words_for_no_value_are_null_in_typed_columns_and_lists_and_stay_in_names(retailer):
    header = "customer_id,registered_at,birth_date,gender,email_consent,name,region\n"
    words = ("NULL", r"\N", "n/a", "-")
    rows = "".join(f"c{n},2017-01-01,{word},{word},{word},{word},x\n" for n, word in enumerate(words))
    night = load(retailer, "crm_customers", header + rows)
    assert retailer.rows(night, "crm_customers", "birth_date, gender, email_consent") == [(None, None, None)] * 4
    assert {row[0] for row in retailer.rows(night, "crm_customers_personal", "name")} == set(words)
    assert night.table("crm_customers").info["unknown_values"] == {}


def test_a_missing_key_that_is_written_as_a_word_rejects_its_row(retailer):
    night = load(retailer, "receipts", RECEIPTS + "NULL,c1,2017-12-31,1\nr2,c1,#N/A,1\n")
    assert rules(retailer, night, "receipts") == [(1, "receipt_id_missing"), (2, "issued_at_missing")]


def test_a_time_zone_of_other_letters_is_refused_and_never_guessed(retailer):
    zones = ("BST", "AST", "ART", "EST", "Europe/London", "GMT+5")
    rows = "".join(f"r{n},c1,2017-12-01 10:00:00 {zone},1\n" for n, zone in enumerate(zones, 1))
    night = load(retailer, "receipts", RECEIPTS + rows)
    assert rules(retailer, night, "receipts") == [(n, "issued_at_unreadable") for n in range(1, 7)]


def test_an_offset_may_stand_after_a_blank(retailer):
    offsets = (" -0700", " -07:00", " -07", "-07", "-0700")
    zones = (" UTC", " gmt", " Z", "Z", " +0000", ":00z", ":00.5z")
    rows = "".join(f"r{n},c1,2017-12-01 03:00:00{offset},1\n" for n, offset in enumerate(offsets))
    rows += "".join(f"s{n},c1,2017-12-01T10:00{zone},1\n" for n, zone in enumerate(zones))
    night = load(retailer, "receipts", RECEIPTS + rows)
    found = [time.replace(microsecond=0) for (time,) in retailer.rows(night, "receipts", "issued_at")]
    assert found == [datetime(2017, 12, 1, 10, tzinfo=UTC)] * 12


LEDGER = "entry_id,customer_id,kind,points,posted_at,expires_at\n"


def expiries(retailer, night):
    return [row[1:] for row in retailer.rows(night, "points_ledger", "entry_id, expires_at, expires_date")]


def test_a_date_alone_is_the_end_of_its_day_where_the_contract_says_so_and_a_time_its_moment(retailer):
    times = ("2018-03-31", " 2018/3/31 ", "2018-03-31T00:00:00", "2018-03-31T23:30:00-07:00", "9999-12-31")
    rows = "".join(f"e{n},c,earn,1,2017-12-31,{time}\n" for n, time in enumerate(times))
    night = load(retailer, "points_ledger", LEDGER + rows)
    shown = "entry_id, strftime(timezone('UTC', expires_at), '%c'), expires_date"
    assert [row[1:] for row in retailer.rows(night, "points_ledger", shown)] == [
        *(("2018-04-01 03:59:59", date(2018, 3, 31)),) * 2,
        ("2018-03-31 04:00:00", date(2018, 3, 31)),
        ("2018-04-01 06:30:00", date(2018, 4, 1)),
        ("10000-01-01 04:59:59", date(9999, 12, 31)),
    ]


def test_a_date_alone_is_the_end_of_its_day_in_parquet_too(retailer):
    folder = retailer.deliver(NIGHT)
    columns = {"entry_id": ["e1"], "customer_id": ["c"], "kind": ["earn"], "points": [1], "posted_at": ["2017-12-31"]}
    table = pa.table(columns | {"expires_at": pa.array([date(2018, 3, 31)], pa.date32())})
    pq.write_table(table, folder / "points_ledger.parquet")
    night = retailer.load(NIGHT, only=frozenset({"points_ledger"}))
    assert expiries(retailer, night) == [(datetime(2018, 4, 1, 3, 59, 59, 999999, tzinfo=UTC), date(2018, 3, 31))]


@pytest.mark.parametrize(
    "text", ["1980-12-3x", "1980-12-31-5", "1980-12-31 99", "1980-12-31,1", "1980-12-31.5", "80-12-31", "epoch", "x"]
)
def test_a_date_is_read_from_end_to_end_or_rejected(retailer, text):
    header = "customer_id,registered_at,birth_date\n"
    night = load(retailer, "crm_customers", header + f'c1,2017-01-01,"{text}"\nc2,2017-01-01,\n')
    assert retailer.rows(night, "crm_customers", "customer_id, birth_date") == [("c2", None)]
    assert rules(retailer, night, "crm_customers") == [(1, "birth_date_unreadable")]


def test_a_time_in_a_column_of_dates_stands_for_its_date(retailer):
    times = (" 1980-12-31 ", "1980/12/31", "1980-12-31 00:00:00", "1980-12-31T00:00:00.000+03:00", "1980-12-31 0:00")
    times += ("1980-12-31 12:00:00 AM", "1980-12-31Z", "1980-12-31+03:00", "1980-12-31 00:00:00 MSK")
    rows = "".join(f"c{n},2017-01-01,{time}\n" for n, time in enumerate(times))
    night = load(retailer, "crm_customers", "customer_id,registered_at,birth_date\n" + rows)
    assert retailer.rows(night, "crm_customers", "birth_date") == [(date(1980, 12, 31),)] * 9
