"""Propensity to spend more: judged one cut-off ahead against two baselines, refused where too little is known."""

import numpy as np
import pandas as pd
import pytest

from models.growth import FEATURES, GrowthModel, fit_growth, score_growth

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
            "order_day_count": orders[:, :4].sum(axis=1),
            "revenue_365d": spend[:, :4].sum(axis=1),
            "spend_last": spend[:, 3],
            "spend_before": spend[:, 2],
            "spend_next": spend[:, 4],
        }
    )
    return frame[quarters_ago >= 0].reset_index(drop=True)


@pytest.fixture(scope="module")
def fit():
    return fit_growth(spends(4000, 1), spends(4000, 2), HORIZON)


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
    p = score_growth(fit.model, unseen)
    more = (unseen["spend_next"] > unseen["spend_last"]).to_numpy()
    for group in np.array_split(np.argsort(p), 10):
        error = np.sqrt(p[group].mean() * (1 - p[group].mean()) / len(group))
        assert abs(more[group].mean() - p[group].mean()) < 0.03 + 2 * error
    assert quality(fit)["calibration_slope"] == pytest.approx(1, abs=0.1)


def test_where_customers_do_not_differ_the_same_probability_is_published_for_all():
    alike = pd.concat([spends(1, 4)] * 200, ignore_index=True)
    alike["spend_next"] = np.where(np.arange(200) % 4 == 0, alike["spend_last"] + 1, 0.0)
    fit = fit_growth(alike, alike, HORIZON)
    assert fit.model.method == "base_rate"
    assert set(score_growth(fit.model, spends(50, 6))) == {0.25}


def test_what_came_after_the_cut_off_is_no_feature(fit):
    frame = spends(50, 7)
    assert (score_growth(fit.model, frame.assign(spend_next=1e9)) == score_growth(fit.model, frame)).all()


def test_outcomes_that_are_not_over_are_left_out():
    train, test = spends(600, 1), spends(600, 2)
    unknown = spends(300, 8).assign(spend_next=None)
    with_unknown = fit_growth(train, pd.concat([test, unknown]), HORIZON)
    assert with_unknown == fit_growth(train, test, HORIZON)


@pytest.mark.parametrize(("rows", "which"), [((0, 600), "earlier"), ((600, 0), "later"), ((600, 60), "later")])
def test_too_few_of_either_outcome_is_refused_with_the_reason(rows, which):
    train, test = (spends(600, seed).head(count) for seed, count in zip((1, 2), rows, strict=True))
    fit = fit_growth(train, test, HORIZON)
    assert fit.model is None
    [(metric, value, note)] = fit.quality
    assert (metric, value) == ("method", None)
    assert note.startswith(f"none: at the {which} of two dates with a known outcome ")
    assert np.isnan(score_growth(fit.model, test)).all()


def test_scores_are_the_same_in_batches_and_whatever_the_units(fit):
    frame = spends(500, 9)
    whole = score_growth(fit.model, frame)
    parts = [score_growth(fit.model, frame.iloc[n : n + 130]) for n in range(0, len(frame), 130)]
    assert (np.concatenate(parts) == whole).all()
    assert whole.min() >= 0.001
    assert whole.max() <= 0.999
    money = ["revenue_365d", "spend_last", "spend_before", "spend_next"]
    train, test, scored = (
        f.assign(**{name: f[name] * 100 for name in money}) for f in (spends(900, 1), spends(900, 2), frame)
    )
    cents = score_growth(fit_growth(train, test, HORIZON).model, scored)
    units = score_growth(fit_growth(spends(900, 1), spends(900, 2), HORIZON).model, frame)
    assert cents == pytest.approx(units, abs=1e-4)


def test_net_returns_count_as_no_spend(fit):
    frame = spends(20, 10)
    returned = frame.assign(spend_last=-50.0)
    assert (score_growth(fit.model, returned) == score_growth(fit.model, frame.assign(spend_last=0.0))).all()


def test_models_are_kept_as_json(fit):
    assert GrowthModel.from_json(fit.model.to_json()) == fit.model
    with pytest.raises(ValueError, match="not a growth model"):
        GrowthModel.from_json(GrowthModel("logistic", 90, 0.0, 0.1, ()).to_json())
    with pytest.raises(ValueError, match="not a growth model"):
        GrowthModel.from_json(GrowthModel("logistic", 90, 1.0, 0.1, (1.0,) * (len(FEATURES) + 1)).to_json())
