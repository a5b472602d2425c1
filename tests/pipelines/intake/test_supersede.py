"""The state of a source as of a night: which rows of earlier nights are superseded."""

from extracts import NEXT, RECEIPTS, load


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


def test_the_latest_full_extract_is_the_state_until_the_next_that_has_rows(retailer):
    retailer.deliver("2017-12-01", products="product_id\np1\np2\n")
    retailer.deliver("2017-12-02")
    retailer.deliver("2017-12-03", products="product_id\np2\n")
    retailer.deliver("2017-12-04", products="product_id\n")
    nights = [retailer.load(f"2017-12-0{day}") for day in (1, 2, 3, 4)]
    assert [[row[0] for row in retailer.rows(night, "products", "product_id")] for night in nights] == [
        ["p1", "p2"], ["p1", "p2"], ["p2"], ["p2"],
    ]  # fmt: skip
