"""Extracts into staging: what is read, what is rejected, and which row of several stands."""

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import BadDataError, LoyaltyError
from pipelines.settings import load_settings

RECEIPTS = "receipt_id,customer_id,issued_at,total_amount\n"


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


def test_columns_come_in_any_order_and_unknown_ones_are_named(retailer):
    retailer.deliver("2017-12-01", receipts="total_amount,till,issued_at,receipt_id\n5.10,7,2017-12-01,r1\n")
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "receipts", "receipt_id, total_amount, customer_id") == [("r1", Decimal("5.10"), None)]
    assert night.table("receipts").info["unknown_columns"] == ["till"]


def test_a_missing_required_column_names_file_and_column(retailer):
    retailer.deliver("2017-12-01", receipts="receipt_id,issued_at\nr1,2017-12-01\n")
    with pytest.raises(BadDataError, match=r"receipts\.csv: the required column total_amount is missing"):
        retailer.load("2017-12-01")


def test_a_file_without_a_header_is_named_and_nobodys_data_with_it(retailer):
    retailer.deliver("2017-12-01", crm_customers="4711,Jane Doe,jane@example.com\n4712,John Doe,jd@example.com\n")
    with pytest.raises(BadDataError, match=r"found: none that the contract knows; 3 in all") as error:
        retailer.load("2017-12-01")
    assert "jane" not in f"{error.value}".lower()


def test_a_missing_required_source_or_folder_stops_the_night_before_it_begins(retailer):
    with pytest.raises(BadDataError, match=r"2017-12-01: no such landing folder"):
        retailer.open("2017-12-01")
    folder = retailer.deliver("2017-12-01")
    (folder / "receipts.csv").unlink()
    with pytest.raises(BadDataError, match=r"2017-12-01: the required source receipts is missing"):
        retailer.open("2017-12-01")


def test_a_source_that_is_there_twice_is_refused(retailer):
    retailer.deliver("2017-12-01", stores="store_id\n1\n", stores__csv_gz=gzip.compress(b"store_id\n1\n"))
    with pytest.raises(BadDataError, match=r"stores is there more than once, as stores\.csv and stores\.csv\.gz"):
        retailer.load("2017-12-01")


def test_bad_rows_are_rejected_with_row_number_and_rule_and_the_good_go_on(retailer):
    retailer.deliver(
        "2017-12-01",
        receipts="receipt_id,issued_at,total_amount,operation\n"
        "r1,2017-12-01,5,sale\n"
        "r2,yesterday,5,sale\n"
        "r3,2017-12-01,five,SALE\n"
        ",2017-12-01,5,sale\n"
        "r5,2017-12-01,,sale\n"
        "r6,2017-12-01,5,refund\n"
        "r7,2017-12-01,5\n"
        "r8,infinity,5,sale\n"
        "r9,2017-12-01,5,Sale\n",
    )
    night = retailer.load("2017-12-01")
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r1", "r9"]
    assert retailer.rejected(night, "receipts") == [
        ("receipts.csv", 2, "issued_at_unreadable"),
        ("receipts.csv", 3, "total_amount_unreadable"),
        ("receipts.csv", 4, "receipt_id_missing"),
        ("receipts.csv", 5, "total_amount_missing"),
        ("receipts.csv", 6, "operation_unknown_value"),
        ("receipts.csv", 7, "too_few_fields"),
        ("receipts.csv", 8, "issued_at_out_of_range"),
    ]
    assert retailer.counts(night, "receipts") == (9, 2, 7, 0, 0)


def test_a_date_that_means_never_is_kept(retailer):
    rows = "promo_code,valid_to\na,9999-12-31\nb,9999-12-31T23:59:59\n"
    retailer.deliver("2017-12-01", promo_codes=rows)
    assert retailer.counts(retailer.load("2017-12-01"), "promo_codes") == (2, 2, 0, 0, 0)


def test_damage_in_a_row_of_many_bytes_a_character_is_rejected(retailer):
    damaged = "r1," + "я" * 5000 + ",2017-12-01,1,9\n"
    long = "r2," + "я" * 200_000 + ",2017-12-01,1\n"
    retailer.deliver("2017-12-01", receipts=RECEIPTS + damaged + long + "r3,c1,2017-12-01,1\n")
    night = retailer.load("2017-12-01")
    assert [row[2] for row in retailer.rejected(night, "receipts")] == ["too_many_fields", "field_too_long"]
    assert retailer.counts(night, "receipts") == (3, 1, 2, 0, 0)


def test_a_nul_byte_alone_is_found(retailer):
    retailer.deliver("2017-12-01", products=b"product_id,name\np2,a\x00b\np3,c\n")
    assert retailer.counts(retailer.load("2017-12-01"), "products") == (2, 1, 1, 0, 0)


def test_text_that_is_no_csv_at_all_is_an_error_that_names_the_file(retailer):
    retailer.deliver("2017-12-01", products=b"product_id,name\rp2,b\rp3,c\r")
    with pytest.raises(BadDataError, match=r"products\.csv"):
        retailer.load("2017-12-01")


def test_a_stray_quote_costs_its_own_row_only(retailer):
    rows = [f"p{i},name {i}" for i in range(1, 1001)]
    rows[300] = 'p301,"name 301'
    retailer.deliver("2017-12-01", products="product_id,name\n" + "\n".join(rows) + "\n")
    night = retailer.load("2017-12-01")
    assert retailer.counts(night, "products") == (1000, 999, 1, 0, 0)
    assert retailer.rejected(night, "products") == [("products.csv", 301, "stray_quote")]


def test_a_quoted_line_feed_is_part_of_its_value(retailer):
    retailer.deliver("2017-12-01", products='product_id,name\np1,"two\nlines"\np2,"say ""hi"""\n')
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "products", "product_id, name") == [("p1", "two\nlines"), ("p2", 'say "hi"')]


def test_bytes_that_are_no_text_are_rejected_and_counted(retailer):
    retailer.deliver("2017-12-01", products=b"product_id,name\np1,caf\xe9\np2,a\x00b\np3,caf\xc3\xa9\n")
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "products", "product_id, name") == [("p3", "café")]
    assert [row[2] for row in retailer.rejected(night, "products")] == ["wrong_encoding", "nul_byte"]


def test_a_gzip_cut_in_half_is_an_error_not_half_a_table(retailer):
    whole = gzip.compress("".join(f"r{i},2017-12-01,{i}\n" for i in range(5000)).encode())
    folder = retailer.deliver("2017-12-01", receipts__csv_gz=whole[: len(whole) // 2])
    (folder / "receipts.csv").unlink()
    with pytest.raises(BadDataError, match=r"receipts\.csv\.gz: the compressed file is cut off or damaged"):
        retailer.load("2017-12-01")


def test_an_empty_file_is_an_error_and_a_header_alone_is_not(retailer):
    retailer.deliver("2017-12-01", stores=b"")
    with pytest.raises(BadDataError, match=r"stores\.csv: the file is empty"):
        retailer.load("2017-12-01")
    retailer.deliver("2017-12-01", stores=b"store_id\n")
    assert retailer.counts(retailer.load("2017-12-01"), "stores") == (0, 0, 0, 0, 0)


def test_byte_order_mark_crlf_and_gzip_are_read(retailer):
    folder = retailer.deliver("2017-12-01", stores__csv_gz=gzip.compress("\ufeffstore_id,name\r\ns1,Nord\r\n".encode()))
    assert not (folder / "stores.csv").exists()
    assert retailer.rows(retailer.load("2017-12-01"), "stores", "store_id, name") == [("s1", "Nord")]


def test_parts_and_parquet_are_read_like_csv(retailer):
    folder = retailer.deliver("2017-12-01")
    (folder / "receipts.csv").unlink()
    (folder / "receipts").mkdir()
    (folder / "receipts" / "part-0.csv").write_text(RECEIPTS + "r1,17850,2017-12-01,1\n")
    table = {
        "receipt_id": [2.0],
        "customer_id": [17850.0],
        "issued_at": [date(2017, 12, 1)],
        "total_amount": [0.1 + 0.2],
    }
    pq.write_table(pa.table(table), folder / "receipts" / "part-1.parquet")
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "receipts", "receipt_id, customer_id, total_amount") == [
        ("2", "17850", Decimal("0.30")),
        ("r1", "17850", Decimal("1.00")),
    ]


def test_ids_keep_leading_zeros_and_lose_the_trace_of_a_float(retailer):
    rows = "007,2017-12-01\n17850.00,2017-12-01\nA.0,2017-12-01\n 12\t,2017-12-01\n"
    retailer.deliver("2017-12-01", crm_customers="customer_id,registered_at\n" + rows)
    night = retailer.load("2017-12-01")
    assert [row[0] for row in retailer.rows(night, "crm_customers", "customer_id")] == ["007", "12", "17850", "A.0"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(blank, None) for blank in ("", " ", '"\t\n"', "nan", "nan ", "\tnan")],
        *[(around, "c1") for around in ("c1", " c1", "c1 ", "c1\t", '"c1\n"', '"\rc1\r"', '"\n c1 \t"')],
        *[(number, "17") for number in ("17", "17.0", " 17.00 ", "17.000\t")],
        *[
            (same, same)
            for same in ("17.", "17.10", ".0", "1.7.0", "-17.0", "c1.0", "NaN", "nano", "c\t1", "\u00a017.0")
        ],
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


def test_of_one_key_twice_in_an_extract_the_latest_update_stands_else_the_last_row(retailer):
    retailer.deliver(
        "2017-12-01",
        crm_customers="customer_id,registered_at,region,updated_at\n"
        "c1,2017-01-01,new,2017-06-02\nc1,2017-01-01,old,2017-06-01\n"
        "c2,2017-01-01,a,\nc2,2017-01-01,b,\nc2,2017-01-01,b,\n",
    )
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "crm_customers", "customer_id, region") == [("c1", "new"), ("c2", "b")]
    assert retailer.counts(night, "crm_customers") == (5, 2, 0, 3, 0)


def test_personal_columns_lie_apart(retailer):
    retailer.deliver("2017-12-01", crm_customers="customer_id,registered_at,email\nc1,2017-01-01,a@example.com\n")
    night = retailer.load("2017-12-01")
    assert "a@example.com" not in repr(retailer.rows(night, "crm_customers"))
    assert retailer.rows(night, "crm_customers_personal", "customer_id, email") == [("c1", "a@example.com")]


def test_addresses_are_normalised_beside_those_that_were_given(retailer):
    retailer.deliver(
        "2017-12-01",
        crm_customers="customer_id,registered_at,email,phone\n"
        "c1,2017-01-01,Ann@Example.com,(201) 555-0123\nc2,2017-01-01,nobody,12\nc3,2017-01-01,,\n",
    )
    night = retailer.load("2017-12-01")
    columns = "customer_id, email, email_normal, phone, phone_normal"
    assert retailer.rows(night, "crm_customers_personal", columns) == [
        ("c1", "Ann@Example.com", "ann@example.com", "(201) 555-0123", "+12015550123"),
        ("c2", "nobody", None, "12", None),
        ("c3", None, None, None, None),
    ]
    assert "ann@example.com" not in repr(retailer.rows(night, "crm_customers"))


def test_a_night_loaded_again_in_another_phone_region_reads_addresses_anew_and_nothing_else(retailer, monkeypatch):
    crm = "customer_id,registered_at,phone\nc1,2017-01-01,0171 1234567\n"
    retailer.deliver("2017-12-01", crm_customers=crm)
    before = retailer.load("2017-12-01").tables()
    monkeypatch.setenv("LOYALTY_PHONE_REGION", "DE")
    load_settings.cache_clear()
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "crm_customers_personal", "phone_normal") == [("+491711234567",)]
    changed = {name for name, state in night.tables().items() if state.data_files != before[name].data_files}
    assert changed == {"crm_customers", "crm_customers_personal"}


def test_another_currency_is_an_error(retailer):
    retailer.deliver(
        "2017-12-01", receipts="receipt_id,issued_at,total_amount,currency\nr1,2017-12-01,5,USD\nr2,2017-12-01,5,EUR\n"
    )
    with pytest.raises(BadDataError, match=r"receipts\.csv: 1 rows have currency 'EUR', the home is kept in USD"):
        retailer.load("2017-12-01")


def test_column_names_from_a_file_never_reach_sql(retailer):
    retailer.deliver("2017-12-01", stores='store_id,"x""); DROP TABLE y; --"\ns1,1\n')
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "stores", "store_id") == [("s1",)]


# --- nights ---


def receipts(*rows: str) -> str:
    return RECEIPTS + "".join(f"{row}\n" for row in rows)


def amounts(retailer, night):
    return {key: int(amount) for key, amount in retailer.rows(night, "receipts", "receipt_id, total_amount")}


def test_a_later_night_corrects_a_row_and_an_earlier_night_stays_as_it_was_known(retailer):
    retailer.deliver("2017-12-01", receipts=receipts("r1,c,2017-12-01,1", "r2,c,2017-12-01,2"))
    retailer.deliver("2017-12-02", receipts=receipts("r1,c,2017-12-01,10", "r3,c,2017-12-02,3"))
    first, second = retailer.load("2017-12-01"), retailer.load("2017-12-02")
    assert amounts(retailer, first) == {"r1": 1, "r2": 2}
    assert amounts(retailer, second) == {"r1": 10, "r2": 2, "r3": 3}
    assert retailer.counts(second, "receipts") == (2, 2, 0, 0, 1)


def test_a_night_after_one_that_was_loaded_again_counts_its_own_corrections_only(retailer):
    retailer.deliver("2017-12-01", receipts=receipts("r1,c,2017-12-01,1", "r2,c,2017-12-01,2"))
    retailer.deliver("2017-12-02", receipts=receipts("r1,c,2017-12-01,10"))
    retailer.deliver("2017-12-03", receipts=receipts("r2,c,2017-12-01,20"))
    retailer.load("2017-12-01"), retailer.load("2017-12-02")
    retailer.deliver("2017-12-01", receipts=receipts("r1,c,2017-12-01,3", "r2,c,2017-12-01,4"))
    retailer.load("2017-12-01")
    third = retailer.load("2017-12-03")
    assert retailer.counts(third, "receipts") == (1, 1, 0, 0, 1)
    assert amounts(retailer, third) == {"r1": 10, "r2": 20}


def test_the_same_file_on_a_later_night_changes_no_value(retailer):
    for day in ("2017-12-01", "2017-12-02"):
        retailer.deliver(day, receipts=receipts("r1,c,2017-12-01,1"))
    retailer.load("2017-12-01")
    assert amounts(retailer, retailer.load("2017-12-02")) == {"r1": 1}


def test_a_night_loaded_late_takes_its_place_in_the_order_of_nights(retailer):
    retailer.deliver("2017-12-01", receipts=receipts("r1,c,2017-12-01,1", "r4,c,2017-12-01,4"))
    retailer.deliver("2017-12-02", receipts=receipts("r1,c,2017-12-01,2", "r4,c,2017-12-01,5"))
    retailer.deliver("2017-12-03", receipts=receipts("r1,c,2017-12-01,3"))
    retailer.load("2017-12-01")
    assert amounts(retailer, retailer.load("2017-12-03")) == {"r1": 3, "r4": 4}
    assert amounts(retailer, retailer.load("2017-12-02")) == {"r1": 2, "r4": 5}
    assert [str(n) for n in retailer.open("2017-12-03").lake.stale_nights()] == ["2017-12-03"]
    third = retailer.load("2017-12-03")
    assert amounts(retailer, third) == {"r1": 3, "r4": 5}
    assert third.lake.stale_nights() == []


def test_a_night_loaded_again_with_another_file_replaces_it(retailer):
    retailer.deliver("2017-12-01", receipts=receipts("r1,c,2017-12-01,1", "r2,c,2017-12-01,2"))
    retailer.deliver("2017-12-02", receipts=receipts("r3,c,2017-12-02,3"))
    retailer.load("2017-12-01"), retailer.load("2017-12-02")
    retailer.deliver("2017-12-01", receipts=receipts("r1,c,2017-12-01,7"))
    assert amounts(retailer, retailer.load("2017-12-01")) == {"r1": 7}
    assert amounts(retailer, retailer.load("2017-12-02")) == {"r1": 7, "r3": 3}


def test_a_night_loaded_again_with_the_same_files_makes_no_later_night_stale(retailer):
    for day in ("2017-12-01", "2017-12-02"):
        retailer.deliver(day, receipts=receipts(f"r{day},c,{day},1"))
        retailer.load(day)
    assert retailer.load("2017-12-01").lake.stale_nights() == []


def test_the_latest_full_extract_is_the_state_until_the_next_that_has_rows(retailer):
    retailer.deliver("2017-12-01", products="product_id\np1\np2\n")
    retailer.deliver("2017-12-02")
    retailer.deliver("2017-12-03", products="product_id\np2\n")
    retailer.deliver("2017-12-04", products="product_id\n")
    nights = [retailer.load(f"2017-12-0{day}") for day in (1, 2, 3, 4)]
    assert [[row[0] for row in retailer.rows(night, "products", "product_id")] for night in nights] == [
        ["p1", "p2"], ["p1", "p2"], ["p2"], ["p2"],
    ]  # fmt: skip


def test_a_home_whose_time_zone_changed_is_refused(retailer, monkeypatch):
    retailer.deliver("2017-12-01")
    retailer.load("2017-12-01")
    monkeypatch.setenv("LOYALTY_TIMEZONE", "Asia/Vladivostok")
    load_settings.cache_clear()
    with pytest.raises(LoyaltyError, match="this home was filled with time zone America/New_York"):
        retailer.open("2017-12-01")


cell = st.one_of(
    st.sampled_from(["r1", "r2", "2017-12-01", "2017-12-01T10:00:00Z", "5", "5.005", "-1", "", "x", "NULL", "1e999"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=6),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cell, min_size=1, max_size=5), max_size=12))
def test_every_record_is_loaded_rejected_or_duplicate(retailer, rows):
    """Over well-quoted garbage of any width: read = loaded + rejected + duplicate."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows(rows)
    retailer.deliver("2017-12-01", receipts=RECEIPTS + out.getvalue())
    night = retailer.load("2017-12-01", only=frozenset({"receipts"}))
    read, loaded, rejected, duplicate, _ = retailer.counts(night, "receipts")
    assert read == loaded + rejected + duplicate
    assert len(retailer.rows(night, "receipts")) == loaded
    assert len(retailer.rejected(night, "receipts")) == rejected
    if not any("\n" in value for row in rows for value in row):
        assert read == len(rows)
