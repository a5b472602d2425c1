"""Scores: the same in batches and of any type, tiers of the active, nothing without a model."""

import numpy as np
import pyarrow as pa
import pytest
from churn_customers import BUYING

from models.churn.score import churn_reasons, churn_tier, score_churn, with_p_alive
from models.clv.score import alive_probability


def test_p_alive_is_worked_out_from_days_with_an_order():
    row = {"order_day_count": [3, 1], "days_since_first_order": [100, 50], "days_since_last_order": [10, 50]}
    found = with_p_alive(pa.table(row), BUYING)["p_alive"].to_pylist()
    expected = alive_probability(BUYING, *(np.array(v, dtype=float) for v in ([2, 0], [90, 0], [100, 50])))
    assert found == expected.tolist()
    assert with_p_alive(pa.table(row), None).column_names == list(row)


def test_arrow_table_scores_like_a_frame_and_in_batches(fit, later, monkeypatch):
    whole = score_churn(fit.model, later)[0]
    monkeypatch.setattr("models.churn.methods.BATCH_ROWS", 999)
    assert (score_churn(fit.model, pa.Table.from_pandas(later, preserve_index=False))[0] == whole).all()
    assert score_churn(fit.model, later.iloc[:0])[0].shape == (0,)
    assert (np.round(whole, 6) == whole).all()
    assert whole.min() >= 0.001
    assert whole.max() <= 0.999


def test_missing_feature_is_named(fit, later):
    with pytest.raises(ValueError, match="features that are not there: order_count_180d, spend"):
        score_churn(fit.model, later.drop(columns=["order_count_180d", "spend"]))


def test_without_a_model_nobody_has_a_probability_or_a_reason(small):
    assert np.isnan(score_churn(None, small)[0]).all()
    assert [column.null_count for column in churn_reasons(None, small)] == [len(small)] * 3


def test_tiers_are_absolute_and_for_the_active_only():
    p = [0.9, 0.6, 0.599999, 0.3, 0.299999, 0.001, np.nan, 0.9]
    active = [True, True, True, True, True, True, True, False]
    assert churn_tier(p, active) == ["high", "high", "medium", "medium", "low", "low", None, None]
