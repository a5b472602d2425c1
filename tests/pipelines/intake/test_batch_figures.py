"""The figures of a batch: volume, age, duplicates and drift against the nights before."""

from datetime import date, timedelta

from batches import NIGHTS, judged, load, not_met, receipts

from pipelines.intake import batch_figures
from pipelines.intake.batch_figures import Figure


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
    volume = batch_figures._volume(110, recent, date(2025, 8, 10))
    assert volume["volume_of_lowest"] == Figure(1.1, 110, "110 rows; 100 to 100 on the last 4 Sundays")
    volume = batch_figures._volume(110, recent, date(2025, 8, 12))
    assert volume["volume_of_lowest"] == Figure(1.1, 1000, "110 rows; 100 to 1,000 on the last 8 nights")
    del recent[date(2025, 7, 7)]
    assert batch_figures._volume(110, recent, date(2025, 8, 12)) == {}


def test_a_day_on_which_the_shop_is_usually_closed_has_no_usual_volume():
    closed = {date(2025, 7, 6) + timedelta(7 * n): 0 for n in range(4)}
    assert batch_figures._volume(500, closed, date(2025, 8, 3)) == {}


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
