"""Errors of stores' rates leave out what all stores share; intervals hold, and ranges say how sure a place is."""

import numpy as np
import pytest
import store_coverage
from store_coverage import by_customers, by_weeks, chains

from models.store_rank import place_ranges, places, rates, share_errors, weekly_errors


def test_a_rate_is_a_ratio_of_sums_and_unknown_of_nothing():
    found = rates(np.array([[1.0, 5.0], [0.0, 0.0]]), np.array([[1.0, 2.0], [0.0, 0.0]]))
    assert found[0] == 2.0
    assert np.isnan(found[1])


def test_a_season_that_all_stores_share_is_no_error():
    season = np.linspace(1, 3, 26)
    top = np.outer([100.0, 250.0, 40.0], season)
    assert weekly_errors(top, np.full(top.shape, 7.0)) == pytest.approx([0, 0, 0], abs=1e-9)


def test_of_one_store_all_that_its_weeks_differ_is_error():
    top = np.array([[8.0, 12.0] * 20])
    errors = weekly_errors(top, np.ones(top.shape))
    assert errors == pytest.approx(2.0 / np.sqrt(39), rel=0.05)


def test_weeks_that_keep_what_the_week_before_had_tell_less():
    draw = np.random.default_rng(3)
    alone = draw.normal(10, 1, (20, 52))
    kept = np.repeat(draw.normal(10, 1, (20, 13)), 4, axis=1)
    bottom = np.ones(alone.shape)
    assert weekly_errors(kept, bottom).mean() > 1.5 * weekly_errors(alone, bottom).mean()


def test_a_share_of_all_or_none_is_not_sure():
    errors = share_errors(np.array([0.0, 30.0, 15.0]), np.array([30.0, 30.0, 30.0]))
    assert errors == pytest.approx([np.sqrt(2 * 32 / 34) / 34, np.sqrt(2 * 32 / 34) / 34, np.sqrt(0.25 / 34)])


def test_places_are_shared_and_ranges_are_as_intervals_allow():
    assert list(places(np.array([3.0, 5.0, 3.0]))) == [2, 1, 2]
    best, worst = place_ranges(np.array([4.0, 0.0, 0.5]), np.array([5.0, 2.0, 3.0]))
    assert list(best) == [1, 2, 2]
    assert list(worst) == [1, 3, 3]


@pytest.mark.parametrize(("spread", "kept"), [(0.0, 0.0), (0.05, 0.3), (0.3, 0.0)])
def test_intervals_of_shrunken_values_hold_averaged_over_stores(spread, kept):
    found = chains(by_weeks, 30, 20, spread, kept)
    assert max(found.above, found.below) / found.stores < 0.045
    assert (found.above + found.below) / found.stores < 0.075
    assert found.misplaced / found.stores < 0.05


def test_intervals_of_shares_of_customers_hold_and_are_narrower_than_raw():
    found = chains(by_customers, 60, 20, 0.05, 0.0)
    assert max(found.above, found.below) / found.stores < 0.045
    assert found.width < 0.95


def test_the_simulation_has_a_years_weeks():
    assert store_coverage.WEEKS == 52
