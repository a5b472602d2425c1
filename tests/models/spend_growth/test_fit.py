"""Spend growth: measured one cut-off ahead against two baselines, refused where too little is known."""

import numpy as np
import pandas as pd
import pytest
from spend_customers import HORIZON, quality, spends

from models.spend_growth.fit import fit_spend_growth
from models.spend_growth.score import score_spend_growth


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


def test_without_skill_everybody_gets_the_base_rate_and_the_note_says_so():
    random = np.random.default_rng(4)
    frames = [spends(1500, seed) for seed in (1, 2)]
    frames = [f.assign(spend_next=f["spend_last"] + random.choice([-1.0, 1.0], len(f))) for f in frames]
    frames = [f[f["spend_last"] > 1] for f in frames]
    fit = fit_spend_growth(*frames, HORIZON)
    assert fit.model.method == "base_rate"
    assert np.unique(score_spend_growth(fit.model, frames[1])).size == 1
    notes = {metric: note for metric, _, note in fit.quality}
    assert notes["method"].startswith("base_rate: ")
    assert notes["skill_p_value"].startswith("alarm; the forecast has no skill")
