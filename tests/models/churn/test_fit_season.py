"""A fit with seasons: forecasts are moved, that of the holdout by what was known then."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from churn_customers import fitted, quality

from models.churn.model import BASELINES
from models.churn.score import churn_reasons, score_churn
from models.churn.season import Outcomes


def seasonal_outcomes(night: date, high: date) -> Outcomes:
    """Dates of three years, at which half leave; or four in five around one day of each year, by four weeks."""
    rows = [
        {
            "as_of_date": day,
            "days_since_last_order": 9,
            "customer_count": 1000,
            "churned_count": 800 if min((day - high).days % 364, (high - day).days % 364) <= 28 else 500,
        }
        for day in (night - timedelta(28 * n) for n in range(39, 0, -1))
        if (night - day).days >= 90
    ]
    return Outcomes(pd.DataFrame(rows), timedelta(90), night)


def moved(p: np.ndarray, shift: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(np.log(p / (1 - p)) + shift)))


def test_a_forecast_is_moved_to_its_season_and_nothing_else(fit, features, later):
    night = later["as_of_date"].iloc[0] + timedelta(90)
    found = fitted(features, outcomes=seasonal_outcomes(night, night))
    shift = found.model.published.shift
    assert shift > 0.5
    plain = score_churn(fit.model, later)[0]
    assert score_churn(found.model, later)[0] == pytest.approx(moved(plain, shift).clip(0.001, 0.999), abs=2e-6)
    assert churn_reasons(found.model, later) == churn_reasons(fit.model, later)
    assert quality(found)["season_shift"] == shift
    # A season is no drift: drift is measured on unadjusted scores, in the bins of such scores.
    assert (score_churn(found.model, later)[1] == plain).all()
    assert found.model.bins["score"] == fit.model.bins["score"]
    assert 0.5 < quality(found)["season_slope"] < 1
    assert quality(fit)["season_shift"] == 0
    assert "season_slope" not in quality(fit)
    # The last cut-off was at another time of the year: its forecast is nearly as before.
    assert abs(found.model.holdout_scorer.shift) < 0.2


def test_the_judged_forecast_is_moved_by_what_was_known_at_the_last_cut_off(fit, features, later):
    last = later["as_of_date"].iloc[0]
    known = seasonal_outcomes(last + timedelta(90), last)
    found = fitted(features, outcomes=known)
    shift = found.model.holdout_scorer.shift
    assert shift > 0.5
    for name in (*BASELINES, "gradient_boosting"):
        assert quality(found)[f"auc_{name}"] == pytest.approx(quality(fit)[f"auc_{name}"], abs=1e-4)
    assert quality(found)["calibration_in_the_large"] < quality(fit)["calibration_in_the_large"] - 0.1
    # What came after it is without effect.
    rows = known.rows.copy()
    rows.loc[rows["as_of_date"] > last - timedelta(90), "churned_count"] = 100
    assert fitted(features, outcomes=replace(known, rows=rows)).model.holdout_scorer.shift == shift


def test_a_model_that_stays_is_moved_to_the_season_of_now(fit, features, later):
    night = later["as_of_date"].iloc[0] + timedelta(90)
    last = fitted(features, outcomes=seasonal_outcomes(night, night)).model
    summer = seasonal_outcomes(night, night + timedelta(182))
    few = features.groupby("as_of_date").head(15)
    kept = fitted(few, last, summer)
    assert "the last one stays" in kept.note
    assert kept.model.published.shift < 0.1 < last.published.shift
    assert replace(kept.model, published=last.published, holdout_scorer=last.holdout_scorer) == last
    assert quality(kept)["season_shift"] == kept.model.published.shift
    assert fitted(few, last).model is last
