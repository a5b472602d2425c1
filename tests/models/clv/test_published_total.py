"""The published total knows seasons, trends and poor newcomers; a short form of tests/forecast_coverage.py."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from forecast_coverage import NIGHT, entry_weeks, forecast
from simulated_shops import simulated_shop, steady

from models.clv.cohort import YOUNG_DAYS, YOUNG_WEEKS, YoungCohort, compare_young
from models.clv.contest import TotalModel, choose, publish_total
from models.clv.holdout import PastForecast
from models.clv.parameters import ClvParameters
from models.clv.season import MIN_SEASON_DAYS, Season, fit_season
from models.clv.total import TotalForecast

BUYING = ClvParameters("mbg/nbd", 1.0, 30.0, 0.5, 4.0, bounds=((1.0, 30.0, 0.5, 4.0),) * 2)


def plain(expected: float) -> TotalForecast:
    return TotalForecast(1000, *(np.array([value]) for value in (expected, expected, expected, expected)))


@pytest.mark.parametrize("name", ["season", "down", "doubled"])
def test_the_total_of_a_shop_that_changes_is_held(name):
    found = forecast(simulated_shop(name, 7, 1000))
    low, high = found.total.interval
    assert low < found.came < high
    assert (high - low) / found.total.expected < (0.55 if name == "doubled" else 0.5)
    assert (found.young is not None) == (name == "doubled")
    if found.young is not None:
        low, high = found.young.interval
        assert low < found.came_of_young < high
    else:
        assert found.fit.total.method == "season"  # the plain model misses these by 15 to 45 %


def test_under_13_months_of_history_the_plain_model_is_used_and_the_reason_is_said():
    found = forecast(simulated_shop("half_year", 7, 1000))
    assert found.fit.total.method == "plain"
    assert found.fit.total.season is None
    notes = {metric: words for metric, _, words in found.fit.quality(fitted_apart=False, is_last_model=False)}
    short = "in 182 days, under 13 months of history, season and trend can't be told apart"
    assert notes["total_method"] == f"the model of buying alone: {short}"
    assert notes["history_days"] == f"alarm; the total of the horizon, and its interval, know of neither: {short}"
    low, high = found.total.interval
    assert low < found.came < high


def test_a_method_that_is_right_over_all_but_wrong_in_each_part_is_not_chosen():
    weeks = steady(104, change=0.5)
    before = weeks.since(30, weeks.purchases)
    path = np.cumsum(before)[[9, 19, 29]]
    even = PastForecast(30, 1.0, tuple(path[-1] * np.array([0.5, 0.6, 1.0])), 0.0001)  # all, but at other times
    right = PastForecast(30, 1.0, tuple(path), 0.0001)
    assert choose(weeks, right).method == "plain"
    chosen = choose(weeks, even)
    assert chosen.method == "season"
    assert chosen.losses["plain"] > 0.3 > 0.1 > chosen.losses["season"]
    assert TotalModel.from_json(chosen.to_json()) == chosen


def test_where_nothing_can_be_compared_the_plain_model_stays():
    found = choose(steady(104), None)
    assert (found.method, found.losses) == ("plain", {})
    assert found.reason == ": no forecast of season and trend could be held against a past"
    total = publish_total(plain(900.0), BUYING, found, (np.array([9.0]), np.array([1000.0])), 365, 0)
    assert (total.expected, total.factor) == (900.0, 1.0)


def test_regression_finds_a_trend_and_carries_it_on():
    weeks = steady(104, change=0.6)
    season = fit_season(weeks, weeks.purchases)
    expected, deviation = season.forecast(np.array([200.0]), np.array([1000.0]), 364)
    years = (np.arange(52) + 0.5) / 52
    assert expected == pytest.approx(1000 * 0.05 * 7 * (0.6**years).sum(), rel=0.05)
    assert deviation < 0.1
    assert season.calendar(1, 364) / season.calendar(-363, 364) == pytest.approx(0.6, rel=0.05)
    later, _ = season.forecast(np.array([200.0]), np.array([1000.0]), 364, since_fit=7)
    assert later < expected
    discounted, _ = season.forecast(np.array([200.0]), np.array([1000.0]), 364, discount_rate=0.1)
    assert 0.94 * expected < discounted < 0.97 * expected
    assert Season.from_json(season.to_json()) == season
    assert season.forecast(np.array([]), np.array([]), 364) == (0.0, 0.0)


def test_of_a_short_history_or_of_nothing_there_is_no_regression():
    short = steady(MIN_SEASON_DAYS // 7)
    assert fit_season(short, short.purchases) is None
    weeks = steady(104)
    assert fit_season(weeks, np.zeros_like(weeks.spend)) is None


def test_last_year_again_is_scaled_to_the_horizon():
    model = TotalModel("last_year", 800, {"last_year": 0.1}, 0.1, None, (10.0,) * 52)
    ages = (np.array([9.0]), np.array([1000.0]))
    total = publish_total(plain(100.0), BUYING, model, ages, 35, 0)
    assert (total.expected, total.factor) == (50.0, 0.5)
    low, high = total.interval
    assert low == pytest.approx(50.0**2 / high)
    assert high == pytest.approx(50 * np.exp(1.959964 * np.sqrt(0.1**2 + 0.01 + 0.03**2)))
    assert publish_total(plain(100.0), BUYING, model, ages, 365, 0).expected == pytest.approx(520 * 365 / 364)
    assert publish_total(plain(100.0), BUYING, model, ages, 700, 0).factor == 1.0  # longer than the year


def test_young_customers_who_buy_as_earlier_ones_are_not_flagged():
    random = np.random.default_rng(3)
    weeks = steady(60, change=0.5)  # a trend is no difference
    noisy = replace(weeks, purchases=random.poisson(weeks.purchases).astype(float))
    found = compare_young(noisy)
    assert not found.differs
    assert found.actual / found.expected == pytest.approx(1, abs=0.2)
    poor = noisy.purchases.copy()
    poor[:YOUNG_WEEKS] = np.round(poor[:YOUNG_WEEKS] / 2)
    flagged = compare_young(replace(weeks, purchases=poor))
    assert flagged.differs
    assert flagged.actual / flagged.expected == pytest.approx(0.5, abs=0.1)
    for fitted_apart, is_last_model, words in (
        (True, False, ": fitted apart"),
        (True, True, ": fitted apart"),
        (False, False, ", and too few of them came back to be fitted apart"),
        (False, True, ", and the last model stays, which does not tell them apart"),
    ):
        note = next(row[2] for row in flagged.quality(fitted_apart, is_last_model) if row[0] == "young_ratio")
        assert note.startswith("alarm; actual / expected repeats; ")
        assert note.endswith(f"young customers buy unlike earlier ones{words}")
        assert (flagged.why_unknown(fitted_apart, is_last_model) is None) == fitted_apart
    assert found.why_unknown(fitted_apart=False, is_last_model=True) is None


def test_a_small_difference_or_one_by_chance_is_no_flag():
    assert not YoungCohort(10**6, 95_000.0, 100_000.0, 1e-9).differs
    assert not YoungCohort(100, 50.0, 100.0, 0.01).differs
    assert YoungCohort(100, 50.0, 100.0, 0.0001).differs


def test_without_an_earlier_cohort_of_the_same_ages_nothing_is_compared():
    found = compare_young(steady(2 * YOUNG_WEEKS - 1))
    assert found.expected is None
    assert not found.differs
    assert [row[:2] for row in found.quality(fitted_apart=False, is_last_model=False)][1:] == [("young_ratio", None)]


def test_weeks_of_entry_count_customers_their_waiting_and_what_came_later():
    days = pd.DataFrame(
        {
            "customer": [1, 1, 2, 2],
            "day": [NIGHT - 8, NIGHT - 1, NIGHT - 2, NIGHT],
            "amount": [1.0, 2.0, 4.0, 8.0],
        }
    )
    weeks = entry_weeks(days)
    assert weeks.entered.tolist() == [1, 1]
    assert weeks.waited.tolist() == [2, 1]
    assert weeks.purchases.tolist() == [[1, 0], [1, 0]]
    assert weeks.spend.tolist() == weeks.spend_days.tolist() == [[0, 0], [0, 0]]  # both are among the ten largest
    cells = weeks.cells()
    assert list(zip(cells.entry, cells.week, cells.exposure, cells.age, cells.day, strict=True)) == [
        (0, 0, 2, 1.5, -3),
        (1, 0, 7, 5, -3),
        (1, 1, 1, 1, -10),
    ]
    assert weeks.entered_before(1).purchases.sum() == 1
    assert weeks.as_of(1).weeks == 1
    assert YOUNG_DAYS == 7 * YOUNG_WEEKS
