"""Calibration: chance alone seldom looks like a fault, and a fault does."""

import numpy as np
import pytest

from models.evaluation.calibration import calibration_quality


def p_value(happened, predicted) -> float:
    return {metric: value for metric, value, _ in calibration_quality(happened, predicted)}["calibration_p_value"]


def test_right_probabilities_are_an_alarm_as_seldom_as_chance_has_it():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        predicted = rng.beta(0.3, 2, 2_000)
        found.append(p_value(rng.random(2_000) < predicted, predicted))
    assert 0.005 < np.mean(np.array(found) < 0.025) < 0.05


def test_what_comes_half_as_often_again_is_an_alarm():
    rng = np.random.default_rng(1)
    predicted = rng.uniform(0, 0.6, 2_000)
    ((metric, value, note), *_) = calibration_quality(rng.random(2_000) < 1.5 * predicted, predicted)
    assert (metric, value) == ("calibration_p_value", pytest.approx(0, abs=1e-6))
    assert note.startswith("alarm; the forecast is off by more than chance; ")


def test_of_a_few_customers_nothing_can_be_said():
    assert calibration_quality(np.array([True, False]), np.array([0.5, 0.4])) == []
