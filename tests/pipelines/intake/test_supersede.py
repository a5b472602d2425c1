"""The state of a source as of a night: which rows of earlier nights are superseded."""

import re
import tempfile
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from conftest import Retailer
from extracts import NEXT, RECEIPTS, load
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts import sources
from pipelines.settings import load_settings

CRM = "customer_id,registered_at,email,region,updated_at\n"


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


def test_yesterdays_extract_again_changes_nothing_and_is_counted_as_superseding(retailer):
    rows = RECEIPTS + "r1,c1,2017-12-31,1\n"
    load(retailer, "receipts", rows)
    night = load(retailer, "receipts", rows, NEXT)
    assert retailer.counts(night, "receipts") == (1, 1, 0, 0, 1)
    assert len(retailer.rows(night, "receipts")) == 1


def test_a_corrected_row_in_a_later_extract_heals_a_rejected_one(retailer):
    night = load(retailer, "receipts", RECEIPTS + "r1,c1,2017-12-31,five\nr2,c1,2017-12-31,2\n")
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r2"]
    night = load(retailer, "receipts", RECEIPTS + "r1,c1,2017-12-31,5\n", NEXT)
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r1", "r2"]


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


LINES = "receipt_id,line_number,quantity,amount\n"


def lines(retailer, night):
    return [(key, int(amount)) for key, amount in retailer.rows(night, "receipt_lines", "receipt_id, amount")]


def deliver_lines(retailer, *nights):
    """Lines of a night each, as in r1,1,20 r1,2,30: receipt, line, amount."""
    for day, rows in enumerate(nights, start=1):
        written = "".join("{},{},1,{}\n".format(*row.split(",")) for row in rows.split())
        retailer.deliver(f"2017-12-0{day}", receipt_lines=LINES + written)
    return [retailer.load(f"2017-12-0{day}") for day in range(1, len(nights) + 1)]


def test_a_line_that_a_corrected_receipt_no_longer_has_is_gone(retailer):
    nights = deliver_lines(retailer, "r1,1,20 r1,2,30 r2,1,5", "r1,1,20", "r3,1,7", "r1,2,9 r1,3,1")
    assert [lines(retailer, night) for night in nights] == [
        [("r1", 20), ("r1", 30), ("r2", 5)],
        [("r1", 20), ("r2", 5)],
        [("r1", 20), ("r2", 5), ("r3", 7)],
        [("r1", 1), ("r1", 9), ("r2", 5), ("r3", 7)],
    ]
    assert [retailer.counts(night, "receipt_lines")[-1] for night in nights] == [0, 2, 0, 1]


def test_lines_removed_are_the_same_after_a_night_came_late_or_was_run_again(retailer):
    nights = deliver_lines(retailer, "r1,1,20 r1,2,30", "", "r1,1,20")
    retailer.deliver("2017-12-02", receipt_lines=LINES + "r1,3,1,8\n")
    assert lines(retailer, retailer.load("2017-12-02")) == [("r1", 8)]
    third = retailer.load("2017-12-03")
    assert lines(retailer, third) == [("r1", 20)]
    assert retailer.counts(third, "receipt_lines")[-1] == 1
    assert lines(retailer, nights[0]) == [("r1", 20), ("r1", 30)]
    assert lines(retailer, retailer.load("2017-12-03")) == [("r1", 20)]


def test_a_corrected_receipt_that_comes_without_lines_keeps_those_it_has(retailer):
    retailer.deliver("2017-12-01", receipts=receipts("r1,c,2017-12-01,50"), receipt_lines=LINES + "r1,1,1,50\n")
    retailer.deliver("2017-12-02", receipts=receipts("r1,c,2017-12-01,20"))
    retailer.load("2017-12-01")
    assert lines(retailer, retailer.load("2017-12-02")) == [("r1", 50)]


def test_lines_that_come_piecemeal_replace_their_own_number_alone(retailer, own_contract):
    own_contract("receipt_lines", custom={"wholePer": "row"})
    nights = deliver_lines(retailer, "r1,1,20 r1,2,30", "r1,1,25 r1,3,4")
    assert lines(retailer, nights[1]) == [("r1", 25), ("r1", 30), ("r1", 4)]
    assert retailer.counts(nights[1], "receipt_lines")[-1] == 1


def test_another_rule_of_replacement_holds_for_every_night_from_then_on(retailer, own_contract):
    """A home that was filled line by line finds the lines that were removed long ago."""
    own_contract("receipt_lines", custom={"wholePer": "row"})
    nights = deliver_lines(retailer, "r1,1,20 r1,2,30", "r1,1,20")
    assert lines(retailer, nights[1]) == [("r1", 20), ("r1", 30)]
    own_contract("receipt_lines", custom={"wholePer": "receipt_id"})
    retailer.deliver("2017-12-03", receipt_lines=LINES)
    assert lines(retailer, retailer.load("2017-12-03")) == [("r1", 20)]


def test_an_own_contract_that_says_nothing_of_it_has_lines_whole_per_receipt(own_contract):
    path = own_contract("receipt_lines")
    document = yaml.safe_load(path.read_text())
    custom = document["schema"][0]["customProperties"]
    document["schema"][0]["customProperties"] = [p for p in custom if p["property"] != "wholePer"]
    path.write_text(yaml.safe_dump(document))
    sources.cache_clear()
    assert sources()["receipt_lines"].whole_per == "receipt_id"


def test_rows_come_whole_per_a_column_of_the_key_only(own_contract):
    path = own_contract("receipt_lines", custom={"wholePer": "product_id"})
    with pytest.raises(ValueError, match=re.escape(f"{path}: not a valid data contract: wholePer 'product_id' is")):
        sources()


def test_the_latest_full_extract_is_the_state_until_the_next_that_has_rows(retailer):
    retailer.deliver("2017-12-01", products="product_id\np1\np2\n")
    retailer.deliver("2017-12-02")
    retailer.deliver("2017-12-03", products="product_id\np2\n")
    retailer.deliver("2017-12-04", products="product_id\n")
    nights = [retailer.load(f"2017-12-0{day}") for day in (1, 2, 3, 4)]
    assert [[row[0] for row in retailer.rows(night, "products", "product_id")] for night in nights] == [
        ["p1", "p2"], ["p1", "p2"], ["p2"], ["p2"],
    ]  # fmt: skip


def crm(*rows: str) -> str:
    """Rows of customer, value and updated_at; the value lies in a personal column and in another one."""
    fields = [row.split(",") for row in rows]
    return CRM + "".join(f"{customer},2017-01-01,{value},{value},{time}\n" for customer, value, time in fields)


def values(retailer, night, source="crm_customers", column="region"):
    return dict(retailer.rows(night, source, f"customer_id, {column}"))


def known(retailer, night):
    """The value of each customer, the same in the source and apart."""
    apart = values(retailer, night, "crm_customers_personal", "email")
    assert values(retailer, night) == apart
    return apart


def test_a_row_that_was_updated_earlier_undoes_nothing_on_a_later_night(retailer):
    retailer.deliver("2017-12-01", crm_customers=crm("c1,new,2017-11-30", "c2,a,2017-11-01"))
    retailer.deliver("2017-12-02", crm_customers=crm("c1,stale,2017-03-01", "c2,b,2017-11-01", "c3,c,2017-03-01"))
    retailer.load("2017-12-01")
    night = retailer.load("2017-12-02")
    assert known(retailer, night) == {"c1": "new", "c2": "b", "c3": "c"}
    assert retailer.counts(night, "crm_customers") == (3, 3, 0, 0, 2)


def test_a_night_after_a_stale_row_counts_its_own_rows_only(retailer):
    retailer.deliver("2017-12-01", crm_customers=crm("c1,new,2017-11-30"))
    retailer.deliver("2017-12-02", crm_customers=crm("c1,stale,2017-03-01"))
    retailer.deliver("2017-12-03", crm_customers=crm("c1,newer,2017-12-03", "c2,x,"))
    nights = [retailer.load(f"2017-12-0{day}") for day in (1, 2, 3)]
    assert [known(retailer, night)["c1"] for night in nights] == ["new", "new", "newer"]
    assert [retailer.counts(night, "crm_customers")[4] for night in nights] == [0, 1, 1]


@pytest.mark.parametrize("stamp", ["2099-01-01", "", "2017-12-02T05:00:00Z"])
def test_no_update_or_one_after_the_landing_night_counts_as_that_nights_end(retailer, stamp):
    """05:00 UTC is midnight in the retailer's zone: the end of the night 2017-12-01."""
    retailer.deliver("2017-12-01", crm_customers=crm(f"c1,a,{stamp}"))
    retailer.deliver("2017-12-02", crm_customers=crm("c1,stale,2017-12-02T04:59:59Z"))
    retailer.deliver("2017-12-03", crm_customers=crm("c1,same moment,2017-12-02T05:00:00Z"))
    nights = [retailer.load(f"2017-12-0{day}") for day in (1, 2, 3)]
    assert [known(retailer, night)["c1"] for night in nights] == ["a", "a", "same moment"]


def test_within_a_file_too_an_update_after_the_landing_night_counts_as_that_nights_end(retailer):
    rows = ("c1,from the future,2099-01-01", "c1,last,", "c2,last,2017-12-09", "c2,stale,2017-12-01")
    night = load(retailer, "crm_customers", crm(*rows), "2017-12-01")
    assert known(retailer, night) == {"c1": "last", "c2": "last"}


def test_a_source_of_ones_own_with_updated_at_keeps_its_latest_update(retailer, own_contract):
    own_contract("receipts", columns=[{"name": "updated_at", "logicalType": "date", "physicalType": "DATE"}])
    header = "receipt_id,issued_at,total_amount,updated_at\n"
    load(retailer, "receipts", header + "r1,2017-12-31,1,2018-01-01\n")
    night = load(retailer, "receipts", header + "r1,2017-12-31,2,2017-12-31\n", NEXT)
    assert amounts(retailer, night) == {"r1": 1}


DAYS = [date(2017, 12, day) for day in range(1, 5)]
NEW_YORK = ZoneInfo("America/New_York")
moments = st.one_of(
    st.none(),
    st.integers(-2, 6).map(lambda day: datetime(2017, 12, 1, 5, tzinfo=UTC) + timedelta(days=day)),
    st.integers(-48, 200).map(lambda hour: datetime(2017, 12, 1, 5, tzinfo=UTC) + timedelta(hours=hour, seconds=1)),
)
extracts = st.lists(st.tuples(st.sampled_from(["c1", "c2"]), moments), max_size=4)


def preferred(delivered):
    """By customer the row that stands, of rows of night, place in the file, customer, moment and value."""

    def rank(row):
        night, place, _, moment, _ = row
        end = datetime.combine(night + timedelta(days=1), time(), NEW_YORK)
        return min(moment or end, end), night, place

    return {row[2]: row[4] for row in sorted(delivered, key=rank)}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(DAYS), extracts), min_size=2, max_size=7))
def test_whatever_the_order_of_loads_a_night_knows_the_latest_updates_of_the_nights_up_to_it(loads):
    """Nights come in any order, and again with other rows."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("LOYALTY_HOME", f"{folder}/home")
        environment.setenv("LOYALTY_TIMEZONE", "America/New_York")
        load_settings.cache_clear()
        retailer = Retailer(Path(folder, "home"))
        delivered = {}
        for number, (day, rows) in enumerate(loads):
            named = [(day, place, *row, f"v{number}-{place}") for place, row in enumerate(rows)]
            delivered[day] = named
            lines = (f"{c},{value},{moment.isoformat() if moment else ''}" for _, _, c, moment, value in named)
            retailer.deliver(f"{day}", crm_customers=crm(*lines))
            night = retailer.load(f"{day}", only=frozenset({"crm_customers"}))
            expected = preferred(row for night, rows in delivered.items() if night <= day for row in rows)
            assert known(retailer, night) == expected
    load_settings.cache_clear()
