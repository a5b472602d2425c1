"""The check of a landing folder: it says all at once, shows nobody's values, and leaves nothing behind."""

import re
import tempfile
from datetime import date
from pathlib import Path

import duckdb
import pytest
from mapped_files import ORDERS, SHOP
from nights import hashes
from typer.testing import CliRunner

from pipelines.ops import cli, cli_check
from pipelines.ops.check import reading
from pipelines.ops.check.report import Checked, check_landing_folder
from pipelines.settings import load_settings
from pipelines.store.lake import Lake

NIGHT = "2025-06-30"
RECEIPTS = "receipt_id,customer_id,issued_at,total_amount\n"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(cli_check, "end_at_once_on_signals", lambda *_: None)  # they would end pytest
    return folder


def check(retailer, night: str = NIGHT) -> Checked:
    return check_landing_folder(retailer.settings, date.fromisoformat(night))


def said(found: Checked) -> str:
    return " ".join(" ".join(found.lines).split())


def command(home: Path, *options: str) -> tuple[int, str]:
    load_settings.cache_clear()
    done = CliRunner().invoke(cli.app, ["check", "--home", str(home), *options])
    load_settings.cache_clear()
    return done.exit_code, done.output


def test_all_that_is_missing_or_unreadable_is_said_at_once(retailer):
    folder = retailer.deliver(
        NIGHT, stores="shop\n1\n", products="product_id,price\np1,x\n", receipts="receipt_id;issued_at;total_amount\n"
    )
    (folder / "crm_customers.csv").rename(folder / "customers.csv")
    (folder / "promo_codes.csv").unlink()
    found = check(retailer)
    assert [re.sub(r"^\S*/", "", stop).split(" missing")[0] for stop in found.stops] == [
        "2025-06-30: the required source crm_customers is",
        "2025-06-30: the required source promo_codes is",
        "receipts.csv: the required columns receipt_id, issued_at, total_amount are",
        "stores.csv: the required column store_id is",
    ]
    assert "There, but not read: customers.csv" in said(found)
    assert "not read: customers.csv" in said(found)
    assert "columns that the contract doesn't know were left out: price" in said(found)


def test_nothing_is_left_in_the_home_or_elsewhere(retailer, temporary):
    retailer.deliver(NIGHT, receipts=RECEIPTS + f"r1,c1,{NIGHT},5\nr2,c1,never,5\n")
    before = hashes(retailer.home)
    check(retailer)
    assert hashes(retailer.home) == before
    assert sorted(path.name for path in retailer.home.iterdir()) == ["landing"]
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError])
def test_what_was_written_goes_also_when_the_check_is_ended(retailer, temporary, monkeypatch, error):
    def end(*_: object) -> None:
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        raise error

    retailer.deliver(NIGHT)
    monkeypatch.setattr(reading, "judge_batches", end)
    with pytest.raises(error):
        check(retailer)
    assert list(temporary.iterdir()) == []


def test_a_night_that_is_open_meanwhile_is_left_alone(retailer):
    retailer.deliver(NIGHT)
    night = retailer.open(NIGHT)
    before = hashes(retailer.home)
    check(retailer)
    assert hashes(retailer.home) == before
    assert Lake(retailer.home).open_nights() == [NIGHT]
    assert night.tables() == {}


def test_personal_values_are_masked_wherever_they_stand(retailer):
    people = (
        "customer_id,registered_at,name,email,phone,mother\nc1,never,Ann Smith,ann@example.org,+12025550123,Eve Low\n"
    )
    receipts = RECEIPTS + "ann@example.org,79161234567,never,5\nr2,Ann Smith,never\nr3,c1,+1 (202) 555-0123,1\n"
    retailer.deliver(NIGHT, crm_customers=people, receipts=receipts)
    words = said(check(retailer))
    assert "registered_at='never', name='A*** S***', email='a***@e***.org', phone='+***'" in words
    for value in ("ann@", "Smith", "2025550123", "1234567", "555-0123", "Eve", "Low"):
        assert value not in words


def test_the_rules_most_broken_come_first_with_a_row_each(retailer):
    rows = "".join(f"r{n},c1,never,5\n" for n in range(3)) + "r4,c1,2025-06-30,five\n"
    retailer.deliver(NIGHT, receipts=RECEIPTS + rows)
    lines = check(retailer).lines
    begin = lines.index("Rules that rows break, the most broken first")
    assert lines[begin + 1 : begin + 6] == (
        "  - receipts, 3 rows: issued_at can't be read as a date and time written YYYY-MM-DD (issued_at_unreadable).",
        "      receipts.csv, row 1: receipt_id='r0', customer_id='c1', issued_at='never', total_amount='5'",
        "  - receipts, 1 row: total_amount can't be read as a number with the decimal mark '.'",
        "    (total_amount_unreadable).",
        "      receipts.csv, row 4: receipt_id='r4', customer_id='c1', issued_at='2025-06-30', total_amount='five'",
    )


def test_revenue_and_orders_are_shown_by_day(retailer):
    rows = "a,c1,2025-06-01,10,sale\nb,c1,2025-06-30,20,sale\nc,c1,2025-06-30,5,return\nd,c1,2025-07-02,7,sale\n"
    retailer.deliver(NIGHT, receipts="receipt_id,customer_id,issued_at,total_amount,operation\n" + rows)
    lines = check(retailer).lines
    begin = lines.index("Receipts by day, in USD")
    assert [line.split() for line in lines[begin + 2 : begin + 5]] == [
        ["2025-06-01", "1", "0", "10.00", "0.00", "10.00", "10.00"],
        ["2025-06-30", "1", "1", "20.00", "5.00", "15.00", "15.00"],
        ["after", "the", "night,", "to", "2025-07-02", "1", "0", "7.00", "0.00", "7.00", "7.00"],
    ]


def test_columns_that_came_or_went_since_the_last_night_are_named(retailer):
    retailer.deliver("2025-06-29", receipts=RECEIPTS + "r1,c1,2025-06-29,5\n")
    retailer.load("2025-06-29")
    retailer.deliver(NIGHT, receipts="receipt_id,issued_at,total_amount,discount_amount\nr2,2025-06-30,5,0\n")
    words = said(check(retailer))
    assert "receipts: columns are gone since 2025-06-29: customer_id; they count as not given." in words
    assert "receipts: columns are new since 2025-06-29: discount_amount." in words


OWN = """feeds:
  orders: {files: ["orders*.csv"]}
sources:
  receipts:
  - feed: orders
    columns:
      receipt_id: {column: "Order"}
      issued_at: {column: "Day"}
      operation: OPERATION
      total_amount: {column: "Total"}
"""


@pytest.mark.parametrize(
    ("operation", "meaning"),
    [
        (
            '{column: "Status", values: {paid: sale}}',
            "receipts, 1 row: operation has a text that `values` in mapping.yaml does not list (operation_not_mapped).",
        ),
        (
            '{column: "Status"}',
            "receipts, 2 rows: operation is none of sale, return, void; say by `values` in mapping.yaml what each text "
            "means (operation_unknown_value).",
        ),
    ],
)
def test_a_text_that_the_mapping_does_not_know_is_sent_to_its_values(retailer, operation, meaning):
    retailer.home.mkdir()
    (retailer.home / "mapping.yaml").write_text(OWN.replace("OPERATION", operation))
    folder = retailer.home / "landing" / NIGHT
    folder.mkdir(parents=True)
    (folder / "orders.csv").write_text("Order,Day,Status,Total\n1,2025-06-29,paid,5.00\n2,2025-06-30,lent,6.00\n")
    assert meaning in said(check(retailer))


def test_a_home_with_a_mapping_is_checked_through_it(retailer):
    retailer.home.mkdir()
    (retailer.home / "mapping.yaml").write_text(SHOP)
    folder = retailer.home / "landing" / "2023-06-01"
    folder.mkdir(parents=True)
    (folder / "orders_export.csv").write_text(ORDERS)
    (folder / "receipts.csv").write_text("receipt_id\n")
    (folder / "oders_export.csv").write_text(ORDERS)
    words = said(check(retailer, "2023-06-01"))
    assert "not read: oders_export.csv" in words
    assert "neither a source's name nor a feed's (orders_export*.csv); rename it, or move it away" in words
    assert "receipts is made of feeds by" in words
    assert "receipt_lines, 1 row: quantity can't be read as a number (quantity_unreadable)." in words
    assert "orders_export.csv, row 8: Name='#1006'" in words
    assert "@" not in words.replace("***@", "")
    assert not (retailer.home / "lake").exists()


def test_all_columns_that_a_feeds_file_lacks_are_named_with_the_nearest(retailer):
    retailer.home.mkdir()
    (retailer.home / "mapping.yaml").write_text(SHOP)
    folder = retailer.home / "landing" / "2023-06-01"
    folder.mkdir(parents=True)
    (folder / "orders_export.csv").write_text(ORDERS.replace("Paid at", "Payed at", 1).replace("Total", "Totals", 1))
    stop = next(stop for stop in check(retailer, "2023-06-01").stops if "receipts is made" in stop)
    assert "the column 'Paid at', of which receipts is made, is missing; the nearest is 'Payed at', and" in stop
    assert "the column 'Total', of which receipts is made, is missing; the nearest is 'Totals'" in stop


def test_what_a_terminal_would_take_for_a_command_is_shown_as_dots(retailer):
    retailer.deliver(NIGHT, receipts="receipt_id,issued_at,total_amount,\x1b[31mred\x07\n", **{"a\x1b[2Jb.csv": "x\n"})
    found = check(retailer)
    assert "were left out: ·[31mred·" in said(found)
    assert "not read: a·[2Jb.csv" in said(found)


def test_a_fault_in_the_mapping_is_said(retailer):
    retailer.home.mkdir()
    (retailer.home / "mapping.yaml").write_text(SHOP.replace("total_amount:", "totl_amount:"))
    (retailer.home / "landing" / "2023-06-01").mkdir(parents=True)
    found = check(retailer, "2023-06-01")
    assert any("totl_amount" in stop for stop in found.stops)
    assert found.lines[-1] == "The night of 2023-06-01 would stop. Mend what is listed first, then check again."


def test_a_folder_that_is_not_there_stops_the_night(retailer):
    retailer.deliver(NIGHT)
    found = check(retailer, "2025-07-01")
    assert [stop.split("landing/")[1].split(". ")[0] for stop in found.stops] == ["2025-07-01: no such landing folder"]


def test_the_command_checks_the_newest_folder_and_ends_with_0_if_its_night_would_go_on(retailer):
    retailer.deliver("2025-06-29", receipts=b"")
    retailer.deliver(NIGHT)
    (retailer.home / "landing" / "9999-99-99").mkdir()
    code, words = command(retailer.home)
    assert (code, words.splitlines()[-1].startswith(f"The night of {NIGHT} would go on")) == (0, True)
    code, words = command(retailer.home, "--date", "2025-06-29")
    assert (code, words.splitlines()[-1].startswith("The night of 2025-06-29 would stop.")) == (1, True)


@pytest.mark.parametrize(
    ("error", "why"),
    [(duckdb.IOException("no space"), "no space"), (duckdb.ConversionException("Ann"), "ConversionExcep")],
)
def test_what_duckdb_can_not_do_is_said_without_a_row(retailer, temporary, monkeypatch, error, why):
    def fail(*_: object) -> None:
        raise error

    retailer.deliver(NIGHT)
    monkeypatch.setattr(reading, "judge_batches", fail)
    code, words = command(retailer.home)
    assert code == 1
    assert f"Error: the folder can't be checked: {why}" in words
    assert f"is put into {temporary}" in words
    assert "Ann" not in words


def test_without_a_landing_folder_settings_contracts_and_campaigns_are_checked(tmp_path):
    (tmp_path / "new").mkdir()
    code, words = command(tmp_path / "new")
    assert code == 0
    assert "Settings and contracts have no fault." in words
    assert f"No landing folder is there yet: deliver extracts in {tmp_path}/new/landing/YYYY-MM-DD/" in words
    assert list((tmp_path / "new").iterdir()) == []


def test_the_campaign_file_alone_reads_no_landing_folder(retailer):
    retailer.deliver(NIGHT, receipts=b"")
    code, words = command(retailer.home, "--campaigns")
    assert (code, "landing" in words) == (0, False)
    assert command(retailer.home, "--campaigns", "--date", NIGHT)[0] == 2


def test_a_fault_in_the_targets_is_said_and_gives_1_without_a_landing_folder(tmp_path, monkeypatch):
    (tmp_path / "targets.yaml").write_text("plans: []")
    monkeypatch.setenv("LOYALTY_TARGETS", str(tmp_path / "targets.yaml"))
    (tmp_path / "new").mkdir()
    code, words = command(tmp_path / "new")
    assert (code, "targets.yaml, line 1, plans: 'plans' is no field. Did you mean plan?" in words) == (1, True)
    assert command(tmp_path / "new", "--campaigns")[0] == 0


def test_a_first_night_without_the_settings_that_can_not_change_is_refused_at_once(retailer, monkeypatch):
    retailer.deliver(NIGHT)
    for name in ("LOYALTY_CURRENCY", "LOYALTY_TIMEZONE"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("pipelines.ops.airflow_process.nightly_dag", lambda _: pytest.fail("Airflow was started"))
    load_settings.cache_clear()
    done = CliRunner().invoke(cli.app, ["run", "--date", NIGHT, "--home", str(retailer.home)])
    assert done.exit_code == 1
    assert "before the first night, say what can't be changed after it: LOYALTY_TIMEZONE (" in done.output
    code, words = command(retailer.home)
    assert (code, "LOYALTY_TIMEZONE (the time zone in which" in words) == (1, True)


def test_a_home_that_has_a_night_goes_on_without_them(retailer, monkeypatch):
    monkeypatch.setenv("LOYALTY_TIMEZONE", "UTC")
    load_settings.cache_clear()
    retailer.deliver("2025-06-29")
    retailer.load("2025-06-29")
    for name in ("LOYALTY_CURRENCY", "LOYALTY_TIMEZONE", "LOYALTY_PHONE_REGION"):
        monkeypatch.delenv(name)
    load_settings.cache_clear()
    retailer.deliver(NIGHT)
    retailer.open(NIGHT)
    assert check(retailer).stops == ()
