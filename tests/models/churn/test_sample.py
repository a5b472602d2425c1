"""The rows of a fit: sampled by customer, without leaks, enough of either outcome."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from churn_customers import (
    fitted,
    quality,
)

from models.churn.fit import fit_churn


def test_many_rows_are_sampled_by_customer(features, monkeypatch):
    for module in ("fit", "methods", "sample"):
        monkeypatch.setattr(f"models.churn.{module}.MAX_TRAINING_ROWS", 800)
    sampled = fitted(features)
    assert quality(sampled)["training_rows"] == 800
    assert quality(sampled)["customers"] == features[features["as_of_date"] == date(2024, 11, 21)]["is_active"].sum()
    assert fitted(features.sample(frac=1, random_state=8)).model.training == sampled.model.training


def test_a_feature_that_knows_the_outcome_is_left_out_and_named(features, fit):
    random = np.random.default_rng(2)
    leak = features["has_churned"] + random.normal(0, 0.1, len(features))
    after = features["has_churned"].astype(float).where(features["has_churned"])  # NULL tells as well
    found = fitted(features.assign(orders_next_month=leak, orders_after=after))
    notes = {metric: note for metric, _, note in found.fit_diagnostics}
    assert notes["left_out_features"] == "they know the outcome: orders_after, orders_next_month"
    assert found.model.published.features == fit.model.published.features
    assert quality(found)["auc"] == quality(fit)["auc"]


def test_too_few_of_either_outcome_among_the_active_are_refused(small):
    last = small["as_of_date"] == small["as_of_date"].max()
    leavers = small.index[last & small["is_active"] & small["has_churned"]]
    refused = fitted(small.drop(leavers[19:]))
    assert (refused.method, refused.model, refused.quality, len(refused.calibration)) == ("none", None, [], 0)
    active = int((last & small["is_active"]).sum()) - len(leavers) + 19
    assert refused.note == (
        f"no churn forecast: at 2024-11-21 {active} customers were active, of whom 19 left; "
        "20 of either outcome are needed"
    )
    assert fitted(small.drop(leavers[20:])).model is not None


def test_when_nothing_new_can_be_learnt_the_last_model_stays(fit, small):
    few = small.head(30)
    found = fitted(few, fit.model)
    assert found.model is fit.model
    assert found.note.startswith("no new churn forecast: ")
    assert found.note.endswith("; the last one stays")
    assert fitted(few, replace(fit.model, target_definition={})).model is None


@pytest.mark.parametrize("outcome", [True, False])
def test_all_churned_or_none_is_refused(small, outcome):
    found = fitted(small.assign(has_churned=outcome))
    assert found.model is None
    assert "20 of either outcome are needed" in found.note


def test_no_labelled_cut_off_and_no_feature_are_refused(small):
    short = "no churn forecast: the history is too short for two dates with a known outcome"
    assert fitted(small.iloc[:0]).note == short
    assert fitted(small[small["as_of_date"] == date(2024, 11, 21)]).note == short
    assert fitted(small.assign(has_churned=pd.array([None] * len(small), dtype="boolean"))).note == short
    keys = ["customer_id", "as_of_date", "is_active", "has_churned"]
    assert fit_churn(small[keys], seed=1).note == "no churn forecast: there is no numeric feature to learn from"


def test_earlier_dates_without_both_outcomes_are_left_out(small):
    first = small["as_of_date"] == date(2024, 5, 25)
    found = fitted(small.assign(has_churned=small["has_churned"] | first))
    assert "learnt at 2024-08-23, judged at 2024-11-21" in found.note
    before = fitted(small.assign(has_churned=small["has_churned"] | (small["as_of_date"] < date(2024, 11, 21))))
    assert before.note == "no churn forecast: at no date before 2024-11-21 20 active customers left and as many stayed"


def test_rows_whose_window_is_not_over_are_left_out(fit, features):
    tonight = features.tail(20).assign(as_of_date=date(2025, 2, 19), has_churned=None)
    with_open = pd.concat([features.astype({"has_churned": object}), tonight])
    assert quality(fitted(with_open)) == quality(fit)
