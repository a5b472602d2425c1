import math

import numpy as np
import pytest
from looks_coverage import RANKED_SPREAD, RANKED_UNITS, shrinkage
from scipy import stats

from models.campaign.shrunken import shrunken

NAN = math.nan


def by_hand(effects: list[float], errors: list[float], draws: int = 400_000) -> tuple[np.ndarray, np.ndarray]:
    """Mean and 95 % interval of each unit by importance sampling of the common mean and τ."""
    random = np.random.default_rng(1)
    raw, error = np.array(effects), np.array(errors)
    tau = 4 * np.median(error) * np.abs(random.standard_cauchy(draws))[:, None]
    common = random.uniform(-60, 60, draws)[:, None]
    total = error**2 + tau**2
    weight = np.exp(stats.norm.logpdf(raw, common, np.sqrt(total)).sum(axis=1))
    own = tau**2 / total
    found = random.normal(own * raw + (1 - own) * common, np.sqrt(own) * error)
    value = (weight[:, None] * found).sum(axis=0) / weight.sum()
    bounds = []
    for unit in found.T:
        order = np.argsort(unit)
        bounds.append(np.interp([0.025, 0.975], np.cumsum(weight[order]) / weight.sum(), unit[order]))
    return value, np.array(bounds).T


def test_value_and_interval_are_those_of_the_hierarchical_model() -> None:
    # Rubin's eight schools.
    effects, errors = [28.0, 8, -3, 7, -1, 1, 18, 12], [15.0, 10, 16, 11, 9, 11, 10, 18]
    found, (value, bounds) = shrunken(effects, errors), by_hand(effects, errors)
    assert found.value == pytest.approx(value, abs=0.5)
    assert found.low == pytest.approx(bounds[0], abs=1)
    assert found.high == pytest.approx(bounds[1], abs=1)


def test_effects_alike_are_drawn_together_and_effects_apart_stay() -> None:
    alike, apart = shrunken([1, 2, 3, 4], [5, 5, 5, 5]).value, shrunken([1, 200, 300, 400], [1, 1, 1, 1]).value
    assert np.ptp(alike) < 1
    assert apart == pytest.approx([1, 200, 300, 400], abs=0.5)


def test_the_less_certain_of_two_equal_effects_is_drawn_further() -> None:
    found = shrunken([0, 0, 0, 6, 6], [1, 1, 1, 1, 3])
    assert found.value[4] < found.value[3] < 6


def test_effects_in_other_units_are_shrunken_alike() -> None:
    effects, errors = np.array([0.1, 0.5, -0.2, 0.4]), np.array([0.1, 0.2, 0.1, 0.3])
    assert shrunken(1000 * effects, 1000 * errors).low == pytest.approx(1000 * shrunken(effects, errors).low)


@pytest.mark.parametrize("effects", [[], [3.0], [3.0, 4.0], [3.0, NAN, 4.0]])
def test_nothing_is_learned_from_fewer_than_three(effects: list[float]) -> None:
    found = shrunken(effects, [1.0] * len(effects))
    assert all(np.isnan(column).all() for column in found)
    assert len(found.value) == len(effects)


def test_units_without_effect_or_error_are_left_out() -> None:
    found = shrunken([1, NAN, 3, 5, 2], [1, 1, 1, 1, NAN])
    assert list(np.isnan(found.value)) == [False, True, False, False, True]
    assert found.value[[0, 2, 3]] == pytest.approx(shrunken([1, 3, 5], [1, 1, 1]).value)


def test_an_effect_without_error_stays_and_tells_nothing_of_the_others() -> None:
    found = shrunken([1, 3, 5, 50], [1, 1, 1, 0])
    assert [column[3] for column in found] == [50, 50, 50]
    assert found.value[:3] == pytest.approx(shrunken([1, 3, 5], [1, 1, 1]).value)


def test_an_effect_among_others_without_error_is_unknown() -> None:
    assert list(np.isnan(shrunken([1, 3, 5], [1, 0, 0]).value)) == [True, False, False]


@pytest.mark.parametrize("ratio", [1.0, 4.0])
@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("units", [4, 20])
def test_intervals_hold_the_truth_and_are_no_wider_than_raw(units: int, spread: float, ratio: float) -> None:
    found = shrinkage(100, units, spread, ratio)
    assert 0.90 < found.inside <= 0.9999
    assert found.width < 1
    assert abs(found.above - found.below) < 0.05


def test_the_best_of_twenty_is_about_as_good_as_its_shrunken_effect_says() -> None:
    found = shrinkage(200, RANKED_UNITS, RANKED_SPREAD, 1.0)
    assert found.best == pytest.approx(found.best_truth, abs=0.15)
    assert found.raw_best - found.raw_best_truth > 1
