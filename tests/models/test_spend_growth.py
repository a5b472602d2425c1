"""Propensity to spend more: judged one cut-off ahead against two baselines, refused where too little is known."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.evaluation.drift import bin_counts, stability_index
from models.spend_growth import (
    FEATURES,
    INPUTS,
    Regression,
    SpendGrowthModel,
    fit_spend_growth,
    score_spend_growth,
    watched,
)

HORIZON = 90


def spends(customers: int, seed: int) -> pd.DataFrame:
    """Customers who buy at their own rate in four quarters and the next, unless they left after some order."""
    rng = np.random.default_rng(seed)
    rate, basket = rng.gamma(2, 2, customers), rng.gamma(4, 25, customers)
    gone_by = np.where(rng.random(customers) < 0.3, rng.integers(1, 5, customers), 9)
    orders = np.column_stack([np.where(quarter < gone_by, rng.poisson(rate), 0) for quarter in range(5)])
    spend = (orders * basket[:, None] * rng.gamma(20, 0.05, (customers, 5))).round(2)
    quarters_ago = np.where((orders[:, :4] > 0).any(axis=1), np.argmax(orders[:, 3::-1] > 0, axis=1), -1)
    frame = pd.DataFrame(
        {
            "days_since_last_order": quarters_ago * HORIZON + rng.integers(0, 90, customers),
            "days_since_first_order": rng.integers(360, 900, customers),
            "order_day_count_365d": orders[:, :4].sum(axis=1),
            "revenue_365d": spend[:, :4].sum(axis=1),
            "spend_last": spend[:, 3],
            "spend_before": spend[:, 2],
            "spend_next": spend[:, 4],
            "spend_last_complete": spend[:, 3],
        }
    )
    return frame[quarters_ago >= 0].reset_index(drop=True)


@pytest.fixture(scope="module")
def fit():
    return fit_spend_growth(spends(4000, 1), spends(4000, 2), HORIZON)


def quality(fit) -> dict[str, float | None]:
    return {metric: value for metric, value, _ in fit.quality}


def test_the_best_of_three_methods_one_cut_off_ahead_is_published(fit):
    found = quality(fit)
    assert fit.model.method == "logistic"
    assert fit.quality[0][2].startswith("logistic: ")
    assert found["brier_logistic"] < found["brier_spend_against_usual"] < found["brier_base_rate"]
    assert found["auc_logistic"] > max(found["auc_spend_against_usual"], found["auc_base_rate"])
    assert found["auc_base_rate"] == 0.5


def test_probabilities_are_calibrated_on_customers_that_were_not_learnt_from(fit):
    unseen = spends(4000, 3)
    p = score_spend_growth(fit.model, unseen)
    more = (unseen["spend_next"] > unseen["spend_last"]).to_numpy()
    for group in np.array_split(np.argsort(p), 10):
        error = np.sqrt(p[group].mean() * (1 - p[group].mean()) / len(group))
        assert abs(more[group].mean() - p[group].mean()) < 0.03 + 2 * error
    assert quality(fit)["calibration_slope"] == pytest.approx(1, abs=0.1)


def test_where_customers_do_not_differ_the_same_probability_is_published_for_all():
    alike = pd.concat([spends(1, 4)] * 200, ignore_index=True)
    alike["spend_next"] = np.where(np.arange(200) % 4 == 0, alike["spend_last"] + 1, 0.0)
    fit = fit_spend_growth(alike, alike, HORIZON)
    assert fit.model.method == "base_rate"
    assert set(score_spend_growth(fit.model, spends(50, 6))) == {0.25}


def test_what_came_after_the_cut_off_is_no_feature(fit):
    frame = spends(50, 7)
    assert (score_spend_growth(fit.model, frame.assign(spend_next=1e9)) == score_spend_growth(fit.model, frame)).all()


def test_what_landed_late_counts_for_the_label_alone(fit):
    train, test = (spends(600, seed).assign(spend_last_complete=1e9) for seed in (1, 2))
    [(_, _, note)] = fit_spend_growth(train, test, HORIZON).quality
    assert "0 of " in note  # nobody spent more than that
    frame = spends(50, 7)
    assert (
        score_spend_growth(fit.model, frame.assign(spend_last_complete=1e9)) == score_spend_growth(fit.model, frame)
    ).all()


def test_outcomes_that_are_not_over_are_left_out():
    train, test = spends(600, 1), spends(600, 2)
    unknown = spends(300, 8).assign(spend_next=None)
    with_unknown = fit_spend_growth(train, pd.concat([test, unknown]), HORIZON)
    assert with_unknown == fit_spend_growth(train, test, HORIZON)


@pytest.mark.parametrize(("rows", "which"), [((0, 600), "earlier"), ((600, 0), "later"), ((600, 60), "later")])
def test_too_few_of_either_outcome_is_refused_with_the_reason(rows, which):
    train, test = (spends(600, seed).head(count) for seed, count in zip((1, 2), rows, strict=True))
    fit = fit_spend_growth(train, test, HORIZON)
    assert fit.model is None
    [(metric, value, note)] = fit.quality
    assert (metric, value) == ("method", None)
    assert note.startswith(f"none: at the {which} of two dates with a known outcome ")
    assert np.isnan(score_spend_growth(fit.model, test)).all()


def test_scores_are_the_same_in_batches_and_whatever_the_units(fit):
    frame = spends(500, 9)
    whole = score_spend_growth(fit.model, frame)
    parts = [score_spend_growth(fit.model, frame.iloc[n : n + 130]) for n in range(0, len(frame), 130)]
    assert (np.concatenate(parts) == whole).all()
    assert whole.min() >= 0.001
    assert whole.max() <= 0.999
    money = ["revenue_365d", "spend_last", "spend_before", "spend_next", "spend_last_complete"]
    train, test, scored = (
        f.assign(**{name: f[name] * 100 for name in money}) for f in (spends(900, 1), spends(900, 2), frame)
    )
    cents = score_spend_growth(fit_spend_growth(train, test, HORIZON).model, scored)
    units = score_spend_growth(fit_spend_growth(spends(900, 1), spends(900, 2), HORIZON).model, frame)
    assert cents == pytest.approx(units, abs=1e-4)


def test_net_returns_count_as_no_spend(fit):
    frame = spends(20, 10)
    returned = frame.assign(spend_last=-50.0)
    assert (
        score_spend_growth(fit.model, returned) == score_spend_growth(fit.model, frame.assign(spend_last=0.0))
    ).all()


def test_models_are_kept_as_json(fit):
    assert SpendGrowthModel.from_json(fit.model.to_json()) == fit.model
    for wrong in ({"cushion": 0.0}, {"intercept": 1e999}, {"weights": [1.0] * (len(FEATURES) + 1)}):
        for part in ("published", "judged"):
            content = json.loads(fit.model.to_json())
            content[part] |= wrong
            with pytest.raises(ValueError, match="not a growth model"):
                SpendGrowthModel.from_json(json.dumps(content))


# From fit to fit


def test_the_last_model_stays_only_if_the_new_one_is_worse_beyond_chance():
    """The new one learns from customers whose outcomes were drawn at random; the last one from the same shop."""
    good = fit_spend_growth(spends(2000, 1), spends(2000, 2), HORIZON).model
    noise = spends(400, 3)
    noise["spend_next"] = np.random.default_rng(1).permutation(noise["spend_next"]) * 40
    refused = fit_spend_growth(noise, spends(2000, 4), HORIZON, good)
    assert refused.model is good
    found = {metric: (value, note) for metric, value, note in refused.quality}
    assert found["method"] == (None, "logistic: the last growth model predicts better than the new one and stays")
    assert found["new_model_refused"][1].startswith("alarm; ")
    assert found["brier_less_last_model"][0] > 0
    assert found["brier"][0] < min(found[f"brier_{name}"][0] for name in ("logistic", "spend_against_usual"))

    again = fit_spend_growth(spends(2000, 5), spends(2000, 4), HORIZON, good)
    assert again.model is not good
    assert "new_model_refused" not in quality(again)
    assert again.quality[1][0] == "brier_less_last_model"
    assert again.quality[1][2].endswith("; the new one is not worse, so it is published")


def test_the_last_model_is_judged_by_what_it_learnt_one_cut_off_earlier(fit):
    """What it published knows outcomes that tonight's judgement is made by, which would flatter it."""
    train, test = spends(900, 1), spends(900, 2)
    level = Regression(1.0, -0.5, ())
    by_judged = fit_spend_growth(train, test, HORIZON, replace(fit.model, published=level))
    assert by_judged.quality[1] == fit_spend_growth(train, test, HORIZON, fit.model).quality[1]
    assert by_judged.quality[1] != fit_spend_growth(train, test, HORIZON, replace(fit.model, judged=level)).quality[1]


def test_a_model_of_another_question_is_not_compared(fit):
    train, test = spends(900, 1), spends(900, 2)
    asked = {"churn_lead_days": 0}
    last = replace(fit.model, question=asked)
    assert "brier_less_last_model" in quality(fit_spend_growth(train, test, HORIZON, last, asked))
    for other in (replace(last, horizon_days=60), replace(last, question={"churn_lead_days": 7})):
        assert "brier_less_last_model" not in quality(fit_spend_growth(train, test, HORIZON, other, asked))


def test_without_enough_outcomes_the_last_model_stays_and_the_reason_is_told(fit):
    found = fit_spend_growth(spends(600, 1), spends(60, 2), HORIZON, fit.model)
    assert found.model is fit.model
    [(metric, value, note)] = found.quality
    assert (metric, value) == ("method", None)
    assert note.startswith("logistic: at the later of two dates with a known outcome ")
    assert note.endswith("50 of either outcome are needed; the last model stays")


def test_drift_is_watched_on_what_the_features_are_made_of_and_the_score(fit):
    assert list(fit.model.bins) == [*INPUTS, "score"]

    def indices(customers: pd.DataFrame) -> dict[str, float | None]:
        values = watched(customers, score_spend_growth(fit.model, customers))
        return {
            name: stability_index(fit.model.bins[name], bin_counts(fit.model.bins[name], of)) for name, of in values
        }

    assert max(indices(spends(4000, 2)).values()) == 0  # those that the bins were made of
    assert max(indices(spends(4000, 11)).values()) < 0.1
    moved = indices(spends(4000, 11).assign(spend_last=lambda frame: frame["spend_last"] * 3))
    assert moved["spend_last"] > 0.25
    assert moved["score"] > 0.1
    assert moved["spend_before"] < 0.1
    assert set(indices(spends(100, 1)).values()) == {None}
