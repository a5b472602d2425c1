"""A month's band knows the months before it alone, takes the season off, and is rarely wrong where nothing happened."""

import numpy as np
import pytest
from kpi_coverage import alarms, levels

from models.kpi.band import MIN_CHANGES, change_band, day_weight


def test_there_is_no_band_before_eight_changes():
    band = change_band(levels(1, 36, 0.0), 1)
    assert np.flatnonzero(np.isfinite(band.low))[0] == MIN_CHANGES + 1


@pytest.mark.parametrize("lag", [1, 12])
def test_a_later_month_changes_no_earlier_band(lag):
    before = levels(2, 36, 0.0)
    after = np.append(before[:-1], 9.0)
    assert np.array_equal(change_band(before, lag).low, change_band(after, lag).low, equal_nan=True)


def test_december_is_no_news_once_the_season_is_known_and_a_fall_is():
    months = np.random.default_rng(3).normal(0, 0.01, 48)
    months[11::12] += 0.7
    band = change_band(months, 1)
    assert band.has_season[35]
    assert not band.is_outside[35]
    months[46] -= 0.3
    assert change_band(months, 1).is_outside[46]


def test_an_unknown_month_has_no_band_and_spoils_no_other():
    months = levels(4, 36, 0.0)
    months[20] = np.nan
    band = change_band(months, 1)
    assert list(band.is_judged[20:23]) == [False, False, True]


@pytest.mark.parametrize(("lag", "most"), [(1, 0.07), (12, 0.09)])
def test_few_months_lie_outside_where_nothing_happens(lag, most):
    judged, outside = alarms(60, 60, 0.0, lag)
    assert 0.01 < outside / judged < most


def test_five_saturdays_weigh_more_and_february_less():
    days = np.array([[4.0, 4, 4, 4, 4, 4, 4], [4, 4, 4, 4, 4, 4, 4], [4, 4, 4, 4, 4, 5, 4]])
    totals = days * np.array([1, 1, 1, 1, 1, 3, 1])
    assert list(day_weight(days, totals)) == [28, 28, pytest.approx(28 + 3 / (9 / 7))]
