"""The figures of a batch: volume, age, duplicates and drift against the nights before."""

from datetime import date, timedelta

import pytest
from batches import NIGHTS, judged, load, not_met, receipts

from pipelines.errors import BadDataError
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
    assert set(judged(retailer, last, "promo_codes")) == {
        *("duplicate_rate", "reject_rate", "reject_rate_extreme"),
        *("full_load_small", "full_load_cut", "full_load_keys_lost"),
    }


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


# --- dates that no night expects ---


def dated(day: str, count: int, first: int = 0) -> str:
    return "".join(f"{day}-{n},{day}T12:00:00,5\n" for n in range(first, first + count))


HEADER = "receipt_id,issued_at,total_amount\n"


def test_rows_dated_after_the_night_are_a_warning_also_on_the_first_night(retailer):
    retailer.deliver(NIGHTS[0], receipts=HEADER + dated(NIGHTS[0], 2) + dated("2025-12-06", 1))
    seen = (
        "1 of 3 rows are dated after the night, up to 2025-12-06 (in receipts.csv); they count for nothing until that "
        "day"
    )
    assert judged(retailer, load(retailer, NIGHTS[0])) == {"dated_after_night": ("warn", False, seen)}


@pytest.mark.parametrize(("after", "stops"), [(5, False), (6, True)])
def test_a_batch_mostly_dated_after_the_night_stops_it(retailer, after, stops):
    retailer.deliver(NIGHTS[0], receipts=HEADER + dated(NIGHTS[0], 10 - after) + dated("2025-12-06", after))
    if stops:
        with pytest.raises(BadDataError, match="dated_after_night_mostly is not met: 6 of 10 rows are dated after"):
            load(retailer, NIGHTS[0])
    else:
        assert ("receipts", "dated_after_night_mostly") not in not_met(retailer, load(retailer, NIGHTS[0]))


def test_events_of_the_night_alone_in_a_late_folder_are_as_expected(retailer):
    for night in (NIGHTS[3], NIGHTS[0]):
        retailer.deliver(night, receipts=HEADER + dated(night, 100))
        last = load(retailer, night)
    assert not_met(retailer, last) == []


def test_rows_dated_before_1990_are_a_warning(retailer):
    retailer.deliver(NIGHTS[0], receipts=HEADER + dated(NIGHTS[0], 1) + dated("1970-01-01", 1))
    seen = "1 of 2 rows are dated before 1990-01-01"
    assert judged(retailer, load(retailer, NIGHTS[0])) == {"dated_long_ago": ("warn", False, seen)}


def test_when_a_code_begins_or_points_expire_is_no_event_of_the_night(retailer):
    codes = "promo_code,valid_from,valid_to\n" + "".join(f"X{n},2030-01-01,2031-01-01\n" for n in range(10))
    retailer.deliver(NIGHTS[0], receipts=HEADER, promo_codes=codes)
    assert not_met(retailer, load(retailer, NIGHTS[0])) == []


# --- a source that comes whole ---


def products(count: int, prefix: str = "p") -> str:
    return "product_id\n" + "".join(f"{prefix}{n}\n" for n in range(count))


@pytest.mark.parametrize(
    ("second", "unmet"),
    [
        (products(80), []),
        (products(79), ["full_load_small"]),
        (products(50), ["full_load_small"]),
        (products(100, "q"), ["full_load_keys_lost"]),
        (products(0), []),  # replaces nothing, and the night says so
    ],
)
def test_a_full_load_is_compared_with_the_last_one_from_the_second_night_on(retailer, second, unmet):
    retailer.deliver(NIGHTS[0], products=products(100))
    load(retailer, NIGHTS[0])
    retailer.deliver(NIGHTS[1], products=second)
    assert not_met(retailer, load(retailer, NIGHTS[1])) == [("products", name) for name in unmet]


def test_a_full_load_of_less_than_half_the_rows_stops_the_night(retailer):
    retailer.deliver(NIGHTS[0], products=products(100))
    load(retailer, NIGHTS[0])
    retailer.deliver(NIGHTS[1], products=products(49))
    seen = "full_load_cut is not met: 49 rows were loaded from products.csv, the last full extract had 100"
    with pytest.raises(BadDataError, match=seen):
        load(retailer, NIGHTS[1])


def test_the_second_night_is_compared_with_the_first_loads_rows_per_day(retailer):
    first = "".join(dated(day, 1000) for day in ("2025-06-28", "2025-06-29"))
    retailer.deliver(NIGHTS[0], receipts=HEADER + first)
    load(retailer, NIGHTS[0])
    retailer.deliver(NIGHTS[1], receipts=HEADER + dated(NIGHTS[1], 99))
    last = load(retailer, NIGHTS[1])
    seen = "99 rows; the fewest of a day so far are 1,000"
    assert judged(retailer, last)["early_volume_low"] == ("warn", False, seen)


def typical(amount: float | None, **nights: float | None) -> tuple[float, int, str] | None:
    def profile(value: float | None) -> dict[str, float]:
        return {} if value is None else {"typical_amount": value, "amount_rows": 40.0}

    history = {date(2025, 6, int(day[1:])): profile(value) for day, value in nights.items()}
    found = batch_figures._typical_amount(profile(amount), history).get("typical_amount_change")
    return found and (found.value, found.rows, found.words)


def test_the_typical_amount_is_compared_with_the_last_night_that_had_one():
    words = "the typical amount (geometric mean) is 4,500.00; it was 45.00 on 2025-06-02"
    assert typical(4500, d1=10, d2=45, d3=None) == (100, 40, words)
    assert typical(0.45, d2=45)[0] == 100
    assert typical(45) is None
    assert typical(None, d2=45) is None


def test_amounts_in_other_units_stop_the_night_and_a_single_giant_does_not(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 20, tail=",45.00"))
    load(retailer, NIGHTS[0])
    giant = receipts(NIGHTS[1], 40, tail=",45.00").replace(
        f"{NIGHTS[1]}-7,{NIGHTS[1]}T12:00:00,45", f"x,{NIGHTS[1]},450000"
    )
    retailer.deliver(NIGHTS[1], receipts=giant)
    load(retailer, NIGHTS[1])
    retailer.deliver(NIGHTS[2], receipts=receipts(NIGHTS[2], 20, tail=",4500"))
    with pytest.raises(BadDataError, match="amounts_in_other_units is not met: the typical amount"):
        load(retailer, NIGHTS[2])
    load(retailer, NIGHTS[2], accept=["receipts.amounts_in_other_units"])
