"""Backtest mathematics: deciles, groups and metrics of past forecasts, each on numbers that can be checked by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.backtest import Measured, by_group, metrics
from models.evaluation.probability import decile


def outcomes(predicted, actual, baseline=None, **columns):
    naive = [np.nan] * len(predicted) if baseline is None else baseline
    return pd.DataFrame({**columns, "predicted": predicted, "actual": actual, "baseline": naive})


def values(frame, scale):
    return {found.metric: found.value for found in metrics(frame, scale)}


def test_equal_forecasts_share_a_decile():
    assert decile(np.array([5.0, 5.0, 1.0])).tolist() == [1, 1, 7]


def test_ten_different_forecasts_are_ten_deciles_the_highest_first():
    assert decile(np.arange(10.0)).tolist() == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_a_higher_forecast_is_never_in_a_lower_tenth(forecasts):
    found = decile(np.array(forecasts))
    assert set(found.tolist()) <= set(range(1, 11))
    by_forecast = sorted(zip(forecasts, found.tolist(), strict=True))
    assert [tenth for _, tenth in by_forecast] == sorted(found.tolist(), reverse=True)


def test_groups_are_means_per_customer_and_a_small_one_keeps_its_count_alone():
    frame = outcomes(
        [1.0, 2.0, 3.0, 4.0, 5.0, 9.0], [0.0, 2.0, 4.0, 4.0, 5.0, 3.0], [1.0] * 6, segment=["a"] * 5 + [None]
    )
    rows = by_group(frame)
    found = rows[rows["dimension"] != "decile"].replace({np.nan: None})
    assert found.to_numpy().tolist() == [
        ["all", "all", 6, 4.0, 3.0, 1.0],
        ["segment", "a", 5, 3.0, 3.0, 1.0],
        ["segment", "unknown", 1, None, None, None],
    ]


def test_every_customer_is_in_one_group_of_each_dimension():
    frame = outcomes(list(range(40)), [1.0] * 40, segment=["a", "b"] * 20)
    counts = by_group(frame).groupby("dimension")["customers"].sum()
    assert counts.to_dict() == {"all": 40, "decile": 40, "segment": 40}


def test_nobody_makes_no_group_and_no_metric():
    frame = outcomes([], [], segment=[])
    assert by_group(frame).empty
    assert metrics(frame, "amount") == []
    assert metrics(frame, "probability") == []


def test_a_perfect_forecast_of_amounts():
    frame = outcomes([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0, 3.0, 4.0])
    assert values(frame, "amount") == {
        "forecast_ratio": 1.0,
        "mean_absolute_error": 0.0,
        "rank_correlation": 1.0,
        "decile_error": 0.0,
    }


def test_an_amount_is_held_against_its_baseline():
    frame = outcomes([2.0, 2.0, 2.0, 2.0, 4.0], [1.0, 1.0, 1.0, 2.0, 5.0], [5.0, 4.0, 3.0, 2.0, 1.0])
    found = {row.metric: (row.value, row.baseline_value, row.beats_baseline) for row in metrics(frame, "amount")}
    assert found["forecast_ratio"] == (1.2, 1.5, True)
    assert found["mean_absolute_error"] == (0.8, 2.6, True)
    assert found["decile_error"] == (0.8, 2.6, True)  # four equals are one group: |8 - 5| + |4 - 5| of 5 customers
    value, naive, better = found["rank_correlation"]
    assert better
    assert (value > 0.7) & (naive < 0)


def test_half_as_much_is_as_far_off_as_twice_as_much_and_that_beats_nothing():
    frame = outcomes([1.0] * 5, [2.0] * 5, [4.0] * 5)
    ratio = metrics(frame, "amount")[0]
    assert (ratio.value, ratio.baseline_value, ratio.beats_baseline) == (0.5, 2.0, False)


def test_where_nothing_happened_there_is_no_ratio_and_no_order():
    found = values(outcomes([1.0, 2.0, 3.0, 4.0, 5.0], [0.0] * 5), "amount")
    assert found["forecast_ratio"] is None
    assert found["rank_correlation"] is None
    assert found["mean_absolute_error"] == 3.0


def test_an_interval_covers_who_is_within_it_ends_included():
    frame = outcomes(
        [1.0] * 5, [0.0, 1.0, 2.0, 3.0, 4.0], low=[0.0, 0.0, 0.0, 0.0, np.nan], high=[0.0, 1.0, 1.0, 9.0, 9.0]
    )
    (covered,) = (row for row in metrics(frame, "amount") if row.metric == "interval_coverage")
    assert covered == Measured("interval_coverage", 0.75, None, None, covered.note)


def test_a_probability_has_auc_and_brier_score():
    frame = outcomes([0.9, 0.6, 0.6, 0.1], [1.0, 1.0, 0.0, 0.0], [0.5] * 4)
    found = {row.metric: (row.value, row.baseline_value, row.beats_baseline) for row in metrics(frame, "probability")}
    assert found["auc"] == (0.875, 0.5, True)
    assert found["brier"] == (pytest.approx((0.01 + 0.16 + 0.36 + 0.01) / 4), 0.25, True)
    assert found["forecast_ratio"] == (1.1, 1.0, False)


def test_if_all_left_there_is_no_pair_to_rank():
    assert values(outcomes([0.9, 0.8], [1.0, 1.0]), "probability")["auc"] is None


def dates(order_days, within, date_days=(10.0, 20.0, 30.0, 40.0, 50.0, 60.0), guessed_days=(9.0,) * 6):
    return outcomes([0.6] * 6, within, order_days=order_days, date_days=date_days, guessed_days=guessed_days)


def test_dates_are_judged_by_the_orders_that_came_and_intervals_by_all():
    frame = dates([10.0, 21.0, 33.0, 36.0, 45.0, np.nan], [1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    found = {row.metric: (row.value, row.baseline_value, row.beats_baseline) for row in metrics(frame, "probability")}
    assert found["forecast_ratio"] == (0.9, None, None)  # .6 of six were to order within it, four did
    assert found["coverage_of_orders"] == (0.8, None, None)
    assert found["median_error_days"] == (3.0, 24.0, True)
    assert set(by_group(frame)["dimension"]) == {"all", "decile"}


def test_of_fewer_than_five_orders_no_date_is_judged():
    found = values(dates([10.0, 21.0, 33.0, 36.0, np.nan, np.nan], [1.0] * 4 + [0.0] * 2), "probability")
    assert (found["coverage_of_orders"], found["median_error_days"]) == (None, None)
    assert found["brier"] is not None


def test_a_date_nobody_could_guess_has_no_baseline():
    frame = dates([10.0, 21.0, 33.0, 36.0, 45.0, 60.0], [1.0] * 6, guessed_days=[np.nan] + [9.0] * 5)
    (found,) = (row for row in metrics(frame, "probability") if row.metric == "median_error_days")
    assert (found.value, found.baseline_value, found.beats_baseline) == (2.0, None, None)
