"""Lines without their receipt, and receipts without lines, are counted on the night that brings them."""

import pytest
from batches import NIGHTS, judged, load, not_met

from pipelines.errors import BadDataError
from pipelines.publishing.night_warnings import night_warnings

RECEIPTS, LINES = "receipt_id,issued_at,total_amount\n", "receipt_id,line_number,quantity,amount\n"
FIRST, SECOND = NIGHTS[:2]


def receipts(count: int, night: str = FIRST, first: int = 0, amount: str = "5") -> str:
    return "".join(f"r{n:04},{night}T12:00:00,{amount}\n" for n in range(first, first + count))


def lines(count: int, first: int = 0) -> str:
    return "".join(f"r{n:04},1,1,5\n" for n in range(first, first + count))


def profile(retailer, night, source):
    rows = retailer.rows(night, "batch_profile", "metric, value, source, CAST(profile_date AS VARCHAR)")
    return {metric: value for metric, value, of, day in rows if (of, day) == (source, f"{night.run_date}")}


def test_one_line_without_its_receipt_is_a_warning_that_names_file_count_and_example(retailer):
    retailer.deliver(FIRST, receipts=RECEIPTS + receipts(3), receipt_lines=LINES + lines(4))
    night = load(retailer, FIRST)
    seen = (
        "1 of 4 lines have no receipt, neither tonight's nor an earlier one, for example receipt_id r0003 in "
        "receipt_lines.csv"
    )
    assert judged(retailer, night, "receipt_lines") == {"lines_without_receipt": ("warn", False, seen)}
    assert profile(retailer, night, "receipt_lines")["lines_without_receipt"] == 1
    warned = [text for text in night_warnings(retailer.settings, night.lake.manifest(night.run_date)) if seen in text]
    assert ["ask the source for them" in text for text in warned] == [True]


@pytest.mark.parametrize(("without", "stops"), [(10, False), (11, True)])
def test_more_than_a_tenth_of_a_hundred_lines_without_receipt_stop_the_night(retailer, without, stops):
    retailer.deliver(FIRST, receipts=RECEIPTS + receipts(100 - without), receipt_lines=LINES + lines(100))
    if not stops:
        assert not_met(retailer, load(retailer, FIRST)) == [("receipt_lines", "lines_without_receipt")]
        return
    with pytest.raises(BadDataError, match="lines_mostly_without_receipt is not met: 11 of 100 lines have no receipt"):
        load(retailer, FIRST)
    night = load(retailer, FIRST, accept=["receipt_lines.lines_mostly_without_receipt"])
    assert ("receipt_lines", "lines_mostly_without_receipt") in not_met(retailer, night)


def test_of_fewer_than_twenty_lines_none_stops_the_night(retailer):
    retailer.deliver(FIRST, receipts=RECEIPTS, receipt_lines=LINES + lines(19))
    assert not_met(retailer, load(retailer, FIRST)) == [("receipt_lines", "lines_without_receipt")]


def test_receipts_that_were_rejected_are_named_as_the_likely_reason(retailer):
    """A misread decimal mark rejects every amount of a thousand and more, and their lines fall out with them."""
    dear = receipts(5, first=100).replace(",5\n", ',"1,724.96"\n')
    retailer.deliver(FIRST, receipts=RECEIPTS + receipts(100) + dear, receipt_lines=LINES + lines(105))
    _, is_met, seen = judged(retailer, load(retailer, FIRST), "receipt_lines")["lines_without_receipt"]
    assert (is_met, seen.rpartition("; ")[2]) == (False, "5 rows of receipts were rejected tonight")


def test_a_line_may_come_after_its_receipt_and_a_later_receipt_is_of_the_night_that_brings_it(retailer):
    retailer.deliver(FIRST, receipts=RECEIPTS + receipts(30), receipt_lines=LINES + lines(20) + lines(1, first=40))
    night = load(retailer, FIRST)
    assert profile(retailer, night, "receipts") | {"receipts_without_lines": 10, "receipts_with_goods": 30} == profile(
        retailer, night, "receipts"
    )
    assert not_met(retailer, night) == [
        *(("receipt_lines", "lines_without_receipt"), ("receipts", "receipts_without_lines"))
    ]
    retailer.deliver(
        SECOND, receipts=RECEIPTS + receipts(1, SECOND, first=40), receipt_lines=LINES + lines(10, first=20)
    )
    night = load(retailer, SECOND)
    assert profile(retailer, night, "receipt_lines")["lines_without_receipt"] == 0
    assert profile(retailer, night, "receipts")["receipts_without_lines"] == 0
    assert not_met(retailer, night) == []


@pytest.mark.parametrize(("without", "is_met"), [(5, True), (6, False)])
def test_more_than_one_receipt_in_twenty_without_lines_is_a_warning(retailer, without, is_met):
    retailer.deliver(FIRST, receipts=RECEIPTS + receipts(100), receipt_lines=LINES + lines(100 - without))
    severity, met, seen = judged(retailer, load(retailer, FIRST))["receipts_without_lines"]
    assert (severity, met) == ("warn", is_met)
    assert seen == (
        f"{without} of 100 receipts have no line, neither tonight's nor an earlier one, for example receipt_id "
        f"r{100 - without:04} in receipts.csv"
    )


def test_who_never_sends_lines_is_not_asked_for_any_and_who_stopped_is(retailer):
    retailer.deliver(FIRST, receipts=RECEIPTS + receipts(100))
    night = load(retailer, FIRST)
    assert not_met(retailer, night) == []
    assert "receipts_without_lines" not in profile(retailer, night, "receipts")
    retailer.deliver(SECOND, receipts=RECEIPTS + receipts(50, SECOND, 100), receipt_lines=LINES + lines(50, 100))
    assert not_met(retailer, load(retailer, SECOND)) == []
    retailer.deliver(NIGHTS[2], receipts=RECEIPTS + receipts(50, NIGHTS[2], 150))
    assert ("receipts", "receipts_without_lines") in not_met(retailer, load(retailer, NIGHTS[2]))


def test_a_void_needs_no_lines(retailer):
    voids = "".join(f"v{n},{FIRST}T12:00:00,5,void\n" for n in range(20))
    sales = receipts(20).replace(",5\n", ",5,\n")
    retailer.deliver(FIRST, receipts=f"{RECEIPTS.strip()},operation\n{sales}{voids}", receipt_lines=LINES + lines(20))
    night = load(retailer, FIRST)
    assert not_met(retailer, night) == []
    assert profile(retailer, night, "receipts")["receipts_with_goods"] == 20
