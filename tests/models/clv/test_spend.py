"""The fit of spend: the published parameters, and data that allow no forecast."""

import numpy as np
import pandas as pd
import pytest

from models.clv.score import expected_spend
from models.clv.spend import fit_spend


def test_spend_model_finds_the_published_cdnow_parameters(cdnow_spend):
    fit = fit_spend(cdnow_spend)
    assert (fit.method, fit.customers) == ("fitted", 946)
    assert (fit.parameters.p, fit.parameters.q, fit.parameters.v) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)
    assert fit.log_likelihood == pytest.approx(-4055.9, abs=0.5)
    assert fit.correlation == pytest.approx(0.11, abs=0.01)


def test_expected_spend_of_the_first_ten_cdnow_customers(cdnow_spend):
    parameters = fit_spend(cdnow_spend).parameters
    first = cdnow_spend.iloc[:10]
    revenue = (first["frequency"] * first["mean_repeat_value"]).to_numpy()
    found = expected_spend(parameters, first["frequency"].to_numpy(float), revenue)
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert list(found) == pytest.approx(published, abs=0.011)


def spending(values: np.ndarray, frequency: int = 3) -> pd.DataFrame:
    return pd.DataFrame({"frequency": frequency, "mean_repeat_value": values})


def test_identical_spend_is_refused_in_words():
    fit = fit_spend(spending(np.full(100, 9.99)))
    assert fit.parameters is None
    assert fit.note.startswith("no forecast of spend: all customers spend the same")
    assert fit.mean_spend == pytest.approx(9.99)


def test_huge_spenders_give_a_sensible_mean_or_none():
    values = np.random.default_rng(0).gamma(3, 5, 300)
    values[:3] = 1e9
    fit = fit_spend(spending(values))
    if fit.parameters is None:
        assert "huge spenders" in fit.note
    else:
        assert fit.parameters.population_mean == pytest.approx(fit.mean_spend, rel=2)


def test_spend_fit_ignores_one_time_buyers_and_zero_spend(cdnow_spend):
    extra = pd.DataFrame({"frequency": [0, 2, 3], "mean_repeat_value": [50.0, 0.0, np.nan]})
    assert fit_spend(pd.concat([cdnow_spend, extra])) == fit_spend(cdnow_spend)


def test_many_spend_patterns_are_sampled_and_the_note_says_so(cdnow_spend, monkeypatch):
    monkeypatch.setattr("models.clv.spend.MAX_SPEND_ROWS", 400)
    fit = fit_spend(cdnow_spend)
    assert fit.note == "converged; fitted on one pattern in 2"
    assert fit.customers == 946
