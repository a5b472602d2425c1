"""The season: a forecast is moved by what the year before foretells, and by no more than it has foretold."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.churn.season import MIN_OF_EACH_OUTCOME, RIDGE, Outcomes, Season

NIGHT = date(2024, 12, 31)
WINDOW = timedelta(84)
STEP = 28
CUT_OFFS = [NIGHT - timedelta(84 * n) for n in (4, 3, 2, 1)]


def day(steps_ago: int) -> date:
    return NIGHT - timedelta(STEP * steps_ago)


def outcomes(churned: dict[date, int], customers: int = 1000, window: timedelta = WINDOW) -> Outcomes:
    """As many active customers at each date, all silent for as long, of whom some left."""
    rows = [
        {"as_of_date": at, "days_since_last_order": 5, "customer_count": customers, "churned_count": count}
        for at, count in churned.items()
    ]
    columns = ["as_of_date", "days_since_last_order", "customer_count", "churned_count"]
    return Outcomes(pd.DataFrame(rows, columns=columns), window, NIGHT)


def log_odds(p: float) -> float:
    return float(np.log(p / (1 - p)))


def yearly(steps: range) -> dict[date, int]:
    """Every thirteenth date, and that of the night, three quarters leave, else half: the same each year."""
    return {day(n): 750 if n % 13 == 0 else 500 for n in steps}


def test_a_year_like_the_one_before_moves_a_forecast_nearly_to_its_level():
    found = outcomes(yearly(range(3, 40))).season(NIGHT, CUT_OFFS)
    # 37 dates; 24 have one a year before, of which those at 13 and 26 steps are high, after a high one each.
    rise = log_odds(0.75) - log_odds(0.5)
    slope = 2 * rise**2 / (2 * rise**2 + RIDGE)
    assert found == Season(pytest.approx(slope * rise, abs=1e-6), pytest.approx(slope, abs=1e-6), 24)
    # Learnt at four ordinary dates; a model that knows the high one, too, is moved by less.
    knowing = outcomes(yearly(range(3, 40))).season(NIGHT, [*CUT_OFFS[1:], day(13)])
    assert knowing.shift == pytest.approx(slope * rise * 3 / 4, abs=1e-6)


def test_between_two_dates_a_level_is_on_the_line_between_them():
    found = outcomes(yearly(range(3, 40))).season(NIGHT - timedelta(14), CUT_OFFS)
    whole = outcomes(yearly(range(3, 40))).season(NIGHT, CUT_OFFS)
    assert found.shift == pytest.approx(whole.shift / 2, abs=1e-6)


@pytest.mark.parametrize("before", [500, 250])
def test_what_the_year_before_did_not_foretell_moves_nothing(before):
    # Last year's level is high once more, but the year before that it was ordinary, or low.
    churned = yearly(range(3, 40)) | {day(26): before, day(39): before}
    found = outcomes(churned).season(NIGHT, CUT_OFFS)
    assert found.slope == 0
    assert (found.shift, str(found.shift)) == (0, "0.0")


def test_one_closed_quarter_moves_nothing_in_the_year_in_which_it_is_known():
    # The ordinary year before did not foretell it, and it does not foretell the ordinary quarters after it.
    churned = dict.fromkeys(map(day, range(3, 30)), 500) | {day(n): 900 for n in (4, 5, 6)}
    assert outcomes(churned).season(NIGHT, CUT_OFFS) == Season(0.0, 0.0, 14)


@given(st.lists(st.integers(30, 970), min_size=37, max_size=37))
def test_the_slope_is_from_0_to_1_and_the_shift_no_larger_than_last_years_difference(counts):
    churned = {day(n): count for n, count in zip(range(3, 40), counts, strict=True)}
    found = outcomes(churned).season(NIGHT, CUT_OFFS)
    level = {at: log_odds(count / 1000) for at, count in churned.items()}
    most = abs(level[day(13)] - np.mean([level[at] for at in CUT_OFFS]))
    assert 0 <= found.slope <= 1
    assert abs(found.shift) <= most + 1e-6


def test_who_has_been_silent_for_long_is_expected_to_leave_more_often():
    # At the night's time of the year more are silent for long: more leave, but of either no more than ever.
    rows = [
        {
            "as_of_date": day(n),
            "days_since_last_order": silent,
            "customer_count": count,
            "churned_count": count * p // 10,
        }
        for n in range(3, 40)
        for silent, p, count in ((5, 2, 1000), (80, 7, 900 if n % 13 == 0 else 100))
    ]
    assert Outcomes(pd.DataFrame(rows), WINDOW, NIGHT).season(NIGHT, CUT_OFFS) == Season(0.0, 0.0, 24)


def test_what_is_not_known_on_the_day_of_the_forecast_has_no_effect():
    churned = yearly(range(3, 40))
    holdout_at = CUT_OFFS[-1]
    later = {at: 900 for at in churned if at > holdout_at - WINDOW}
    assert len(later) == 3
    before = outcomes(churned).season(holdout_at, CUT_OFFS[:-1])
    assert outcomes(churned | later).season(holdout_at, CUT_OFFS[:-1]) == before
    assert before.dates == 21


def test_dates_with_few_of_an_outcome_are_left_out():
    few = MIN_OF_EACH_OUTCOME - 1
    complete = outcomes({at: count for at, count in yearly(range(3, 40)).items() if at != day(20)})
    expected = complete.season(NIGHT, CUT_OFFS)
    for count in (few, 1000 - few):
        rows = pd.concat([complete.rows, outcomes({day(20): count}).rows.assign(days_since_last_order=6)])
        assert Outcomes(rows, WINDOW, NIGHT).season(NIGHT, CUT_OFFS) == expected


@pytest.mark.parametrize("steps", [range(0), range(3, 4), range(3, 14), range(3, 16), range(14, 17)])
def test_without_two_dates_a_year_apart_there_is_no_season(steps):
    assert outcomes(yearly(steps)).season(NIGHT, CUT_OFFS) == Season()


def test_without_a_date_a_year_before_the_day_there_is_no_season():
    assert outcomes(yearly(range(3, 40))).season(NIGHT - timedelta(28 * 30), [day(39)]) == Season()


def test_a_window_of_more_than_a_year_has_no_season():
    assert outcomes(yearly(range(14, 60)), window=timedelta(365)).season(NIGHT, [day(14)]) == Season()


def test_the_order_of_rows_is_without_effect():
    known = outcomes(yearly(range(3, 40)))
    shuffled = Outcomes(known.rows.sample(frac=1, random_state=1), WINDOW, NIGHT)
    assert shuffled.season(NIGHT, CUT_OFFS) == known.season(NIGHT, CUT_OFFS)
