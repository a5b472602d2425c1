"""Batch expectations: what a batch is held against, what is left out, and what a failure says."""

import json
import re
import socket
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from pipelines import contracts
from pipelines.contracts import CONTRACTS, Expectation, read_contract, sources
from pipelines.errors import BadDataError, LoyaltyError
from pipelines.intake import batch_validation as expectations
from pipelines.intake.batch_figures import Figure
from pipelines.intake.control_totals import ControlTotal, read_control_totals
from pipelines.publishing.night_warnings import night_warnings

NIGHTS = [f"{date(2025, 6, 30) + timedelta(n)}" for n in range(60)]  # Monday is the first
ONLY = frozenset({*sources(), "batch_expectation"})


def receipts(night: str, count: int, header: str = "receipt_id,issued_at,total_amount", tail: str = ",5") -> str:
    """An extract of one day; ids are of the day."""
    return f"{header}\n" + "".join(f"{night}-{n},{night}T12:00:00{tail}\n" for n in range(count))


def load(retailer, night: str):
    return retailer.load(night, upto=("staging", "facts"), only=ONLY)


def judged(retailer, night, source: str = "receipts") -> dict[str, tuple[str, bool, str]]:
    """Severity, whether it is met, and what was seen, by expectation."""
    rows = retailer.rows(night, "batch_expectation", "source, expectation, severity, is_met, observed")
    return {name: (severity, is_met, seen) for of, name, severity, is_met, seen in rows if of == source}


def not_met(retailer, night) -> list[tuple[str, str]]:
    rows = retailer.rows(night, "batch_expectation", "source, expectation, is_met")
    return [(source, name) for source, name, is_met in rows if not is_met]


def test_the_defaults_are_a_valid_contract_and_every_source_has_them():
    path = CONTRACTS / "every_source.yaml"
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(OpenDataContractStandard.json_schema()))
    names = [expectation.name for expectation in read_contract(path).expectations]
    assert len(names) > 8
    for contract in sources().values():
        assert [e.name for e in contract.expectations[: len(names)]] == names
        assert all(e.figure in expectations.FIGURES and e.description and e.advice for e in contract.expectations)


def test_a_source_keeps_what_its_own_expectation_leaves_out():
    (own,) = (e for e in sources()["receipts"].expectations if e.name == "reject_rate")
    (default,) = (e for e in sources()["surveys"].expectations if e.name == "reject_rate")
    assert dict(own.arguments) == {"column": "rejected_share", "max_value": 0.01}
    assert dict(default.arguments) == {"column": "rejected_share", "max_value": 0.05}
    assert (own.severity, own.minimum_rows, own.advice) == ("warn", 100, default.advice)


def test_an_expectation_does_not_change_how_a_source_is_read():
    contract = sources()["receipts"]
    assert repr(replace(contract, expectations=(), control_amount=None)) == repr(contract)


@pytest.mark.parametrize(
    ("severity", "implementation", "why"),
    [
        ("error", "{type: t, kwargs: {column: rejected_share}}", "severity 'error' is neither fail nor warn"),
        ("warn", "{type: t, kwargs: {max_value: 1}}", "no type, or no kwargs with a column"),
        ("warn", "rejected_share < 1", "no type, or no kwargs with a column"),
        ("warn", "{kwargs: {column: rejected_share}}", "'type'"),
    ],
)
def test_a_broken_expectation_is_named(tmp_path, severity, implementation, why):
    path = tmp_path / "broken.yaml"
    path.write_text(
        "schema:\n- name: broken\n  quality:\n  - {name: mine, type: custom, engine: greatExpectations, "
        f"severity: {severity}, implementation: {implementation}}}\n"
    )
    with pytest.raises(ValueError, match=rf"broken\.yaml: not a valid data contract: .*{re.escape(why)}"):
        read_contract(path)


def test_nothing_is_judged_on_next_to_nothing_and_no_page_is_written(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 2))
    night = load(retailer, NIGHTS[0])
    assert retailer.rows(night, "batch_expectation") == []
    assert not (retailer.home / "quality").exists()


def test_a_good_batch_meets_what_can_be_judged(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    night = load(retailer, NIGHTS[0])
    assert judged(retailer, night) == {
        "duplicate_rate": ("warn", True, "0 of 100 rows are duplicates"),
        "reject_rate": ("warn", True, "0 of 100 rows are rejected"),
        "reject_rate_extreme": ("fail", True, "0 of 100 rows are rejected"),
    }


@pytest.mark.parametrize(("rejected", "unmet"), [(1, []), (2, [("receipts", "reject_rate")])])
def test_more_rejected_rows_than_the_contract_allows_are_a_warning(retailer, rejected, unmet):
    bad = "".join(f"bad{n},{NIGHTS[0]},?\n" for n in range(rejected))
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100 - rejected) + bad)
    assert not_met(retailer, load(retailer, NIGHTS[0])) == unmet


def test_a_batch_mostly_rejected_stops_the_night_and_says_all_there_is_to_say(retailer):
    half = receipts(NIGHTS[0], 49) + "".join(f"bad{n},{NIGHTS[0]},?\n" for n in range(51))
    crm = "customer_id,registered_at\n" + "c1,never\n" * 100
    retailer.deliver(NIGHTS[0], receipts=half, crm_customers=crm)
    with pytest.raises(BadDataError) as error:
        load(retailer, NIGHTS[0])
    advice = "Look at the file's columns, decimal mark and time format against the contract; have it delivered again."
    wanted = "Expected: At most half of the rows are rejected (rejected_share: max_value 0.5)."
    folder = retailer.home / "quality" / NIGHTS[0]
    assert str(error.value).split("\n") == [
        f"crm_customers: expectation reject_rate_extreme is not met: 100 of 100 rows are rejected. {wanted} {advice}",
        f"receipts: expectation reject_rate_extreme is not met: 51 of 100 rows are rejected. {wanted} {advice}",
        f"Nothing was published. All that was judged: {folder}/index.html",
    ]
    assert {path.name for path in folder.iterdir()} == {"index.html", "crm_customers.html", "receipts.html"}
    assert "51 of 100 rows are rejected" in (folder / "receipts.html").read_text()


def test_fewer_rows_than_half_of_the_usual_are_a_warning_from_the_fifth_monday_after_the_first(retailer):
    mondays = NIGHTS[0::7]
    counts = [1000, 200, 220, 210, 230, 99]  # the first, of a history, is compared with nothing
    for night, count in zip(mondays, counts, strict=False):
        retailer.deliver(night, receipts=receipts(night, count))
        last = load(retailer, night)
        if night != mondays[5]:
            assert not_met(retailer, last) == []
    found = judged(retailer, last)
    assert found["volume_low"] == ("warn", False, "99 rows; 200 to 230 on the last 4 Mondays")
    assert found["volume_high"] == ("warn", True, "99 rows; 200 to 230 on the last 4 Mondays")


def test_weekdays_are_told_apart():
    recent = {date(2025, 7, 7) + timedelta(7 * n): 1000 for n in range(4)}
    recent |= {date(2025, 7, 13) + timedelta(7 * n): 100 for n in range(4)}
    volume = expectations._volume(110, recent, date(2025, 8, 10))
    assert volume["volume_of_lowest"] == Figure(1.1, 110, "110 rows; 100 to 100 on the last 4 Sundays")
    volume = expectations._volume(110, recent, date(2025, 8, 12))
    assert volume["volume_of_lowest"] == Figure(1.1, 1000, "110 rows; 100 to 1,000 on the last 8 nights")
    del recent[date(2025, 7, 7)]
    assert expectations._volume(110, recent, date(2025, 8, 12)) == {}


def test_a_day_on_which_the_shop_is_usually_closed_has_no_usual_volume():
    closed = {date(2025, 7, 6) + timedelta(7 * n): 0 for n in range(4)}
    assert expectations._volume(500, closed, date(2025, 8, 3)) == {}


def test_the_last_nights_file_again_is_a_warning_and_of_a_full_load_it_is_none(retailer):
    extract, codes = receipts(NIGHTS[0], 3), "promo_code\nX\n"
    for night in NIGHTS[:2]:
        retailer.deliver(night, receipts=extract, promo_codes=codes)
        last = load(retailer, night)
    seen = f"3 of 3 rows are in files that came on {NIGHTS[0]} too"
    assert judged(retailer, last) == {"same_file_again": ("warn", False, seen)}
    assert judged(retailer, last, "promo_codes") == {}
    assert retailer.counts(last, "receipts") == (3, 3, 0, 0, 3)


def test_a_batch_of_old_events_is_a_warning(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 5))
    load(retailer, NIGHTS[0])
    retailer.deliver(NIGHTS[9], receipts=receipts(NIGHTS[6], 100))
    assert judged(retailer, load(retailer, NIGHTS[9]))["newest_event"] == (
        "warn",
        False,
        f"the newest event is of {NIGHTS[6]}",
    )


def test_a_full_load_may_be_of_any_age(retailer):
    codes = "promo_code,valid_from\n" + "".join(f"X{n},{NIGHTS[0]}\n" for n in range(100))
    for night in (NIGHTS[0], NIGHTS[9]):
        retailer.deliver(night, promo_codes=codes)
        last = load(retailer, night)
    assert set(judged(retailer, last, "promo_codes")) == {"duplicate_rate", "reject_rate", "reject_rate_extreme"}


def test_rows_with_a_key_met_twice_are_a_warning_above_a_tenth(retailer):
    once = receipts(NIGHTS[0], 88)
    retailer.deliver(NIGHTS[0], receipts=once + "".join(once.splitlines(keepends=True)[1:13]))
    night = load(retailer, NIGHTS[0])
    assert judged(retailer, night)["duplicate_rate"] == ("warn", False, "12 of 100 rows are duplicates")


def test_a_column_that_is_no_longer_filled_and_a_kind_that_is_missing_are_warnings(retailer):
    header = "receipt_id,issued_at,total_amount,store_id,sales_channel"
    for night in NIGHTS[:2]:
        half = receipts(night, 500, header, ",5,s1,online").replace(f"\n{night}-", f"\n{night}-online-")
        retailer.deliver(night, receipts=receipts(night, 500, header, ",5,s1,offline") + half.split("\n", 1)[1])
        assert not_met(retailer, load(retailer, night)) == []
    retailer.deliver(NIGHTS[2], receipts=receipts(NIGHTS[2], 1000, header, ",5,,offline"))
    found = judged(retailer, load(retailer, NIGHTS[2]))
    severity, is_met, seen = found["null_drift"]
    assert (severity, is_met, seen.split("; ")[0]) == ("warn", False, "100.0% NULL in store_id, 0.0% before")
    severity, is_met, seen = found["category_drift"]
    assert (severity, is_met, seen.split("; ")[:2]) == (
        "warn",
        False,
        [
            "0.0% of rows with sales_channel=online, 50.0% before",
            "100.0% of rows with sales_channel=offline, 50.0% before",
        ],
    )


@pytest.mark.parametrize(
    ("header", "row", "off"),
    [
        ("", "10", 0),
        ("", "-10", 0),
        ("", "10.01", 0),
        ("", "10.02", 100),
        (",discount_amount", "8,2", 0),
        (",discount_amount,points_amount", "7,2,1", 0),
        (",tax_amount", "12,2", 0),
        (",tax_amount", "10,2", 0),
        (",discount_amount", "8,1", 100),
    ],
)
def test_lines_add_up_to_the_receipt_with_what_tills_take_off_or_put_on_top(retailer, header, row, off):
    of_lines = "receipt_id,line_number,quantity,amount\n"
    of_lines += "".join(f"{NIGHTS[0]}-{n},{k},1,{k * 2 + 2}\n" for n in range(100) for k in (1, 2))
    extract = receipts(NIGHTS[0], 100, f"receipt_id,issued_at,total_amount{header}", f",{row}")
    retailer.deliver(NIGHTS[0], receipts=extract, receipt_lines=of_lines)
    night = load(retailer, NIGHTS[0])
    seen = f"the lines of {off} of 100 receipts do not add up to the total"
    assert judged(retailer, night, "receipt_lines")["lines_add_up"] == ("warn", off == 0, seen)


def test_control_totals_that_agree_are_met_and_are_no_unknown_file(retailer):
    totals = "source,rows,amount\nreceipts,3,15.00\nsurveys,0,\n"
    folder = retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 3))
    (folder / "control_totals.csv").write_text(totals)
    night = load(retailer, NIGHTS[0])
    assert judged(retailer, night) == {
        "control_amount": ("fail", True, "total_amount is 15.00 in all, control_totals.csv says 15.00"),
        "control_rows": ("fail", True, "3 rows were read, control_totals.csv says 3"),
    }
    assert judged(retailer, night, "surveys") == {
        "control_rows": ("fail", True, "0 rows were read, control_totals.csv says 0")
    }
    assert night_warnings(retailer.settings, night.lake.manifest(night.run_date)) == []


def test_control_totals_that_do_not_agree_stop_the_night_with_both_figures(retailer):
    folder = retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 3))
    (folder / "control_totals.csv").write_text("source,rows,amount\nreceipts,4,20.00\nsurveys,7\n")
    with pytest.raises(BadDataError) as error:
        load(retailer, NIGHTS[0])
    said = str(error.value)
    assert "receipts: expectation control_rows is not met: 3 rows were read, control_totals.csv says 4." in said
    assert "control_amount is not met: total_amount is 15.00 in all, control_totals.csv says 20.00." in said
    assert "surveys: expectation control_rows is not met: 0 rows were read, control_totals.csv says 7." in said


def test_the_amount_is_not_compared_when_a_row_was_rejected(retailer):
    folder = retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 3) + f"bad,{NIGHTS[0]},?\n")
    (folder / "control_totals.csv").write_text("source,rows,amount\nreceipts,4,20.00\n")
    assert set(judged(retailer, load(retailer, NIGHTS[0]))) == {"control_rows"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("source,rows\nreceipt,3\n", "row 1: no source is named 'receipt'"),
        ("source,rows,amount\nsurveys,3,5\n", "row 1: surveys has no amount to compare"),
        ("source,rows\nreceipts,3\nreceipts,3\n", "row 2: receipts is there twice"),
        ("source,rows\nreceipts,many\n", "invalid literal"),
        ("source;rows\nreceipts;3\n", "KeyError('source')"),
        ("source,rows\nreceipts\n", "TypeError"),
    ],
)
def test_control_totals_that_cannot_be_read_are_named(retailer, tmp_path, content, why):
    (tmp_path / "control_totals.csv").write_text(content)
    with pytest.raises(BadDataError, match=rf"control_totals\.csv: can't be read: .*{re.escape(why)}"):
        read_control_totals(tmp_path)


def test_control_totals_are_optional_and_may_leave_the_amount_out(retailer, tmp_path):
    assert read_control_totals(tmp_path) == {}
    (tmp_path / "control_totals.csv").write_text("\ufeffsource,rows,amount\nreceipts,3,\nreceipt_lines,5,1.5\n")
    assert read_control_totals(tmp_path) == {
        "receipts": ControlTotal(3, None),
        "receipt_lines": ControlTotal(5, Decimal("1.5")),
    }


@pytest.mark.parametrize(
    ("kind", "arguments", "why"),
    [
        ("expect_column_max_to_be_between", (("column", "no_such_figure"), ("max_value", 1)), "no_such_figure"),
        ("expect_column_to_be_nice", (("column", "rejected_share"),), "expect_column_to_be_nice"),
        ("expect_column_max_to_be_between", (("column", "rejected_share"), ("max_value", "x")), "max_value"),
    ],
)
def test_what_great_expectations_cannot_judge_is_an_error_and_no_failed_expectation(
    retailer, monkeypatch, kind, arguments, why
):
    odd = Expectation("odd", kind, arguments)
    contract = replace(sources()["receipts"], expectations=(odd,))
    monkeypatch.setattr(expectations, "sources", lambda: {**sources(), "receipts": contract})
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 3))
    with pytest.raises(LoyaltyError, match=f"receipts: great-expectations can't judge the expectation odd: .*{why}"):
        load(retailer, NIGHTS[0])


def test_a_severity_raised_in_the_contract_stops_the_night(retailer, monkeypatch):
    contract = sources()["receipts"]
    raised = tuple(replace(e, severity="fail") if e.name == "reject_rate" else e for e in contract.expectations)
    strict = {**sources(), "receipts": replace(contract, expectations=raised)}
    monkeypatch.setattr(expectations, "sources", lambda: strict)
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 97) + f"a,{NIGHTS[0]},?\n" * 3)
    with pytest.raises(BadDataError, match="receipts: expectation reject_rate is not met: 3 of 100 rows are rejected"):
        load(retailer, NIGHTS[0])


def test_what_was_not_met_is_in_the_summary(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 97) + f"a,{NIGHTS[0]},?\n" * 3)
    night = load(retailer, NIGHTS[0])
    assert night_warnings(retailer.settings, night.lake.manifest(night.run_date))[-1:] == [
        "receipts: expectation reject_rate is not met: 3 of 100 rows are rejected. Expected: At most 1 % of the rows "
        "are rejected (rejected_share: max_value 0.01). Table rejected_rows says which rule each row breaks; have the "
        "source mend them and deliver them again.",
    ]


def test_the_same_night_again_is_judged_the_same_and_the_pages_are_the_latest(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    first, again = (load(retailer, NIGHTS[0]) for _ in range(2))
    for table in ("batch_expectation", "batch_profile"):
        assert retailer.rows(first, table) == retailer.rows(again, table)
    (retailer.home / "landing" / NIGHTS[0] / "receipts.csv").write_text(receipts(NIGHTS[0], 1))
    load(retailer, NIGHTS[0])
    assert not (retailer.home / "quality" / NIGHTS[0]).exists()


def test_profiles_older_than_eight_weeks_are_let_go(retailer):
    for night in (NIGHTS[0], NIGHTS[1], NIGHTS[57]):
        retailer.deliver(night)
        last = load(retailer, night)
    days = {f"{day}" for (day,) in retailer.rows(last, "batch_profile", "DISTINCT profile_date")}
    assert days == {NIGHTS[1], NIGHTS[57]}


def test_profiles_and_pages_hold_no_value_of_a_person(retailer):
    crm = "customer_id,registered_at,email,region,gender\n"
    crm += "".join(f"id-{n},{NIGHTS[0]},who{n}@example.com,secret-region,f\n" for n in range(100))
    for day in NIGHTS[:2]:  # the first batch's shares are compared with nothing, so not measured
        retailer.deliver(day, crm_customers=crm)
        night = load(retailer, day)
    metrics = {name for (name,) in retailer.rows(night, "batch_profile", "metric")}
    assert {"null_share:region", "value_share:gender=f", "days_behind"} <= metrics
    assert "null_share:email" not in metrics
    kept = repr(retailer.rows(night, "batch_profile")) + repr(retailer.rows(night, "batch_expectation"))
    kept += "".join(path.read_text() for path in (retailer.home / "quality" / NIGHTS[1]).iterdir())
    assert not re.search("id-1|example.com|secret-region", kept)


@pytest.mark.parametrize(("shared", "file_mode", "folder_mode"), [("false", 0o600, 0o700), ("true", 0o640, 0o750)])
def test_pages_are_as_private_as_the_report_and_ask_no_other_host(
    retailer, monkeypatch, shared, file_mode, folder_mode
):
    monkeypatch.setenv("LOYALTY_SHARED_GROUP", shared)
    contracts.load_settings.cache_clear()
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    load(retailer, NIGHTS[0])
    folder = retailer.home / "quality" / NIGHTS[0]
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == folder_mode
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == file_mode
        page = path.read_text()
        assert "default-src 'none'" in page
        assert not re.search(r"<script|<link|<img", page)


def test_great_expectations_is_imported_by_the_task_alone():
    modules = "sys, pipelines.publishing.night_warnings, pipelines.intake.batch_validation"
    code = f"import {modules}; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_great_expectations_calls_nobody_and_writes_nothing_outside_the_home(retailer, monkeypatch, tmp_path):
    from pipelines.intake.data_docs import _context

    def refuse(*_address):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    load(retailer, NIGHTS[0])
    assert _context().variables.analytics_enabled is False
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []
