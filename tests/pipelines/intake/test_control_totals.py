"""Control totals: compared with what was read, or named if they can't be read."""

import re
from decimal import Decimal

import pytest
from batches import NIGHTS, judged, load, receipts

from pipelines.errors import BadDataError
from pipelines.intake.control_totals import ControlTotal, read_control_totals
from pipelines.publishing.night_warnings import night_warnings


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
