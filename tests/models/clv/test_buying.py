"""One model of buying: its likelihood and standard errors are those of lifetimes."""

import numpy as np
import pytest
from lifetimes import GammaGammaFitter, ModifiedBetaGeoFitter, ParetoNBDFitter

from models.clv.buying import buying_likelihood
from models.clv.fit import fit_clv
from models.clv.outlook import still_there
from models.clv.parameters import ClvParameters
from models.clv.spend import fit_spend


def test_standard_errors_are_those_of_lifetimes(cdnow, cdnow_spend):
    fitter = ModifiedBetaGeoFitter().fit(cdnow["frequency"], cdnow["recency_days"], cdnow["age_days"])
    fit = fit_clv(cdnow)
    found = {name: value for name, value, _ in (*fit.quality(), *fit.parameters.quality(fit.method))}
    names = [f"{name}_standard_error" for name in ("r", "alpha", "a", "b")]
    assert [found[name] for name in names] == pytest.approx(
        list(fitter.standard_errors_), rel=0.02
    )  # a weak prior takes a percent or so
    assert found["gradient_norm"] < 1e-4
    repeaters = cdnow_spend[cdnow_spend["frequency"] > 0]
    money = GammaGammaFitter().fit(repeaters["frequency"], repeaters["mean_repeat_value"])
    fit = fit_spend(cdnow_spend)
    spend = {name: value for name, value, _ in (*fit.quality(), *fit.parameters.quality(fit.method))}
    assert [spend["p_standard_error"], spend["q_standard_error"]] == pytest.approx(
        list(money.standard_errors_[["p", "q"]]), rel=0.02
    )
    assert spend["spend_gradient_norm"] < 1e-4


@pytest.mark.parametrize(
    "values",
    [(0.553, 10.578, 0.606, 11.669), (1.2, 28.0, 0.9, 250.0), (1.2, 400.0, 0.9, 2.0), (0.5, 3.0, 5.0, 500.0)],
)
def test_pareto_likelihood_and_p_alive_are_those_of_lifetimes(values):
    rng = np.random.default_rng(0)
    age = rng.uniform(1, 730, 500)
    x = rng.poisson(rng.gamma(1.2, 1 / 28, 500) * age).astype(float)
    recency = np.where(x > 0, age * rng.uniform(0, 1, 500), 0)
    expected = ParetoNBDFitter._conditional_log_likelihood(values, x, recency, age).sum()
    found = buying_likelihood((x, recency, age, np.ones(500)), ClvParameters("pareto/nbd", *values))
    assert found == pytest.approx(expected, abs=1e-3)
    fitter = ParetoNBDFitter()
    fitter.params_ = dict(zip(("r", "alpha", "s", "beta"), values, strict=True))
    p_alive = still_there(ClvParameters("pareto/nbd", *values), x, recency, age)
    assert p_alive == pytest.approx(fitter.conditional_probability_alive(x, recency, age), abs=1e-5)
