"""Rejected rows: what `loyalty rejected` shows of them."""

import pytest
from extracts import NEXT, NIGHT, RECEIPTS, load, rules
from typer.testing import CliRunner

from pipelines.ops.cli import app


@pytest.fixture
def loyalty(retailer, monkeypatch):
    monkeypatch.setenv("LOYALTY_HOME", str(retailer.home))
    return lambda *args: CliRunner().invoke(app, [*args, "--home", str(retailer.home)])


def test_the_rejected_rows_of_a_night_are_shown_with_their_values(retailer, loyalty):
    rows = "r1,c1,2017-12-31,five\nr2,c1,2017-12-31,2\nr3,c1,never,3\n"
    retailer.deliver(NIGHT, receipts=RECEIPTS + rows, products="product_id,name\np1,Кофе,x\n")
    retailer.load(NIGHT)
    shown = loyalty("rejected", "--date", NIGHT)
    assert shown.output.splitlines() == [
        'products  products.csv  row 1  too_many_fields  ["p1", "Кофе", "x"]',
        'receipts  receipts.csv  row 1  total_amount_unreadable  ["r1", "c1", "2017-12-31", "five"]',
        'receipts  receipts.csv  row 3  issued_at_unreadable  ["r3", "c1", "never", "3"]',
    ]
    limited = loyalty("rejected", "--date", NIGHT, "--source", "receipts", "--limit", "1")
    assert limited.output.splitlines()[1:] == ["1 more of 2; --limit shows them."]


def test_it_is_said_when_there_is_no_rejected_row_night_or_source(retailer, loyalty):
    retailer.deliver(NIGHT)
    retailer.load(NIGHT)
    assert loyalty("rejected", "--date", NIGHT).output == f"No row was rejected in night {NIGHT}.\n"
    for args, message in (
        (["--date", NEXT], f"night {NEXT} was never loaded"),
        (["--date", NIGHT, "--source", "till"], "no source is named 'till'"),
    ):
        failed = loyalty("rejected", *args)
        assert failed.exit_code == 1
        assert message in failed.output


@pytest.mark.parametrize("kind", ["spend", "expire"])
def test_a_posting_that_takes_points_and_adds_them_is_rejected_by_name(retailer, kind):
    ledger = f"entry_id,customer_id,kind,points,posted_at\ne1,c1,{kind},50,2017-12-31\ne2,c1,{kind},-50,2017-12-31\n"
    night = load(retailer, "points_ledger", ledger + "e3,c1,adjust,50,2017-12-31\n")
    assert rules(retailer, night, "points_ledger") == [(1, f"{kind}_above_zero")]


@pytest.mark.parametrize(
    ("source", "header", "row"),
    [
        ("stores", "store_id,name", "s1,Nord"),
        ("products", "Product_ID , NAME,note", "p1,name,x"),
        ("promo_codes", "promo_code", "A"),
        ("receipts", "receipt_id,issued_at,total_amount", "r1,2017-12-31,1"),
    ],
)
def test_a_header_in_the_middle_of_a_file_is_no_row(retailer, source, header, row):
    night = load(retailer, source, f"{header}\n{row}\n{header}\n\ufeff{header}\n")
    assert retailer.counts(night, source)[:3] == (3, 1, 2)
    assert rules(retailer, night, source) == [(2, "repeated_header"), (3, "repeated_header")]


def test_a_value_after_the_last_named_column_shows_a_row_that_is_shifted(retailer):
    header = "receipt_id,issued_at,total_amount,,\n"
    night = load(retailer, "receipts", header + "r1,2017-12-31,1,000,\nr2,2017-12-31,5,, \nr3,2017-12-31,5,,x\n")
    assert retailer.rows(night, "receipts", "receipt_id") == [("r2",)]
    assert rules(retailer, night, "receipts") == [(1, "too_many_fields"), (3, "too_many_fields")]
    night = load(retailer, "receipts", ",receipt_id,issued_at,total_amount\n0,r1,2017-12-31,1\n")  # an index in front
    assert retailer.rows(night, "receipts", "receipt_id") == [("r1",)]
