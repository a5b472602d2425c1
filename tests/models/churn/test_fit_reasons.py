"""Reasons of a fit: of the customers at risk, and true of them."""

import pandas as pd
from churn_customers import fitted, quality

from models.churn.score import churn_reasons, score_churn


def test_reasons_are_of_those_at_risk_and_describe_them(fit, later):
    p = score_churn(fit.model, later)[0]
    words = pd.DataFrame({f"r{n}": column.to_pylist() for n, column in enumerate(churn_reasons(fit.model, later), 1)})
    at_risk = (p > 0.6) & later["is_active"].to_numpy()
    assert words["r1"][at_risk].notna().mean() > 0.95
    assert words["r1"][p < 0.15].notna().mean() < 0.3
    assert words["r1"][words["r2"].notna()].notna().all()
    assert quality(fit)["reasons_explain"] > 0.85
    for days, word in zip(later["days_since_last_order"], words["r1"], strict=True):
        if word and word.startswith("no order for"):
            assert word.startswith(f"no order for {days} days")


def test_reason_of_a_baseline_is_the_baselines(small):
    model = fitted(small).model
    first, *others = churn_reasons(model, small)
    said = {word for word in first.to_pylist() if word is not None}
    assert said
    assert all(word.startswith("no order for ") for word in said)
    assert [column.null_count for column in others] == [len(small)] * 2
