"""How good probabilities are, on numbers that can be checked by hand."""

import numpy as np
import pytest

from models.evaluation.probability import auc, brier, calibration_by_decile, fit_logistic


def test_one_feature_with_two_values_gives_their_shares():
    x = np.array([10.0] * 10 + [80.0] * 10)
    y = np.array([True] * 2 + [False] * 8 + [True] * 6 + [False] * 4)
    line = fit_logistic(x, y)
    assert line.probability(np.array([10.0, 80.0])) == pytest.approx([0.2, 0.6], abs=1e-6)
    assert line.slope == pytest.approx((np.log(6 / 4) - np.log(2 / 8)) / 70, abs=1e-6)


def test_separable_and_constant_features_stay_finite():
    y = np.array([True, True, False, False])
    assert fit_logistic(np.array([1.0, 2.0, 8.0, 9.0]), y).probability(np.array([1.0]))[0] > 0.99
    assert fit_logistic(np.full(4, 7.0), y).probability(np.array([7.0]))[0] == pytest.approx(0.5)


def test_auc_and_brier_by_hand():
    churned, predicted = np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1])
    # Of four pairs three are ranked right and one ties: 3.5 / 4; squared errors .01, .36, .16, .01.
    assert auc(churned, predicted)[0] == 0.875
    assert brier(churned, predicted)[0] == pytest.approx(0.135)


def test_equal_scores_share_a_decile():
    table = calibration_by_decile(np.array([True] * 3 + [False] * 17), np.array([0.8] * 4 + [0.2] * 16))
    assert table.to_dict("records") == [
        {"decile": 1, "customers": 4, "predicted": 0.8, "actual": 0.75, "standard_error": 0.216506},
        {"decile": 3, "customers": 16, "predicted": 0.2, "actual": 0.0, "standard_error": 0.0},
    ]
