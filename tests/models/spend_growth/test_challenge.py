"""A new model of spend growth against the champion: worse beyond chance is refused."""

from dataclasses import replace

import numpy as np
from spend_customers import HORIZON, quality, spends

from models.spend_growth.artefact import Regression
from models.spend_growth.fit import fit_spend_growth


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
    by_holdout = fit_spend_growth(train, test, HORIZON, replace(fit.model, published=level))
    assert by_holdout.quality[1] == fit_spend_growth(train, test, HORIZON, fit.model).quality[1]
    assert (
        by_holdout.quality[1]
        != fit_spend_growth(train, test, HORIZON, replace(fit.model, holdout_scorer=level)).quality[1]
    )


def test_a_model_of_another_question_is_not_compared(fit):
    train, test = spends(900, 1), spends(900, 2)
    asked = {"churn_lead_days": 0}
    last = replace(fit.model, target_definition=asked)
    assert "brier_less_last_model" in quality(fit_spend_growth(train, test, HORIZON, last, asked))
    for other in (replace(last, horizon_days=60), replace(last, target_definition={"churn_lead_days": 7})):
        assert "brier_less_last_model" not in quality(fit_spend_growth(train, test, HORIZON, other, asked))


def test_without_enough_outcomes_the_last_model_stays_and_the_reason_is_told(fit):
    found = fit_spend_growth(spends(600, 1), spends(60, 2), HORIZON, fit.model)
    assert found.model is fit.model
    [(metric, value, note)] = found.quality
    assert (metric, value) == ("method", None)
    assert note.startswith("logistic: at the later of two dates with a known outcome ")
    assert note.endswith("50 of either outcome are needed; the last model stays")
