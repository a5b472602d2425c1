"""The fit of buying: the published parameters, the choice of a model, and data that allow no forecast."""

import numpy as np
import pandas as pd
import pytest
from clv_customers import BUYING, SPEND, patterns, simulated
from lifetimes import ModifiedBetaGeoFitter
from lifetimes.utils import ConvergenceError

from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters
from models.clv.spend import fit_spend


@pytest.mark.parametrize(
    ("model", "published", "log_likelihood"),
    [
        ("mbg/nbd", (0.525, 6.183, 0.891, 1.614), -9582.1),
        ("bg/nbd", (0.243, 4.414, 0.793, 2.426), -9582.4),
        ("pareto/nbd", (0.553, 10.578, 0.606, 11.669), -9595.0),
    ],
)
def test_buying_models_find_the_published_cdnow_parameters(cdnow, model, published, log_likelihood):
    fit = fit_clv(cdnow, model=model)
    assert (fit.method, fit.converged, fit.customers, fit.repeat_customers) == ("fitted", True, 2357, 946)
    found = (fit.parameters.r, fit.parameters.alpha, fit.parameters.a, fit.parameters.b)
    assert found == pytest.approx(published, abs=0.0015)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=0.5)


def test_grouped_and_ungrouped_rows_give_the_same_fit(cdnow, cdnow_spend):
    keys = ["frequency", "recency_days", "age_days"]
    grouped = cdnow.groupby(keys).size().rename("customer_count").reset_index()
    assert len(grouped) < len(cdnow)
    assert fit_clv(grouped.sample(frac=1, random_state=1)) == fit_clv(cdnow)
    keys = ["frequency", "mean_repeat_value"]
    grouped = (
        cdnow_spend.assign(customer_count=1).groupby(keys, as_index=False)[["customer_count", "squared_value"]].sum()
    )
    assert fit_spend(grouped.sample(frac=1, random_state=1)) == fit_spend(cdnow_spend)


def test_models_are_compared_on_the_same_customers(cdnow):
    fit = fit_clv(cdnow, model="best")
    assert fit.model == fit.parameters.model == "bg/nbd"  # MBG/NBD is likelier by 0.3: not clearly
    assert [model for model, _ in fit.compared] == ["mbg/nbd", "bg/nbd", "pareto/nbd"]
    assert [likelihood for _, likelihood in fit.compared] == pytest.approx([-9582.1, -9582.4, -9595.0], abs=0.5)
    assert fit.note == "converged; bg/nbd used, by likelihood the models rank mbg/nbd, bg/nbd, pareto/nbd"
    rows = {metric: (value, note) for metric, value, note in fit.quality()}
    assert rows["log_likelihood_pareto_nbd"][1] == "AIC 19197.9, BIC 19221.0"


@pytest.mark.parametrize("model", ["mbg/nbd", "pareto/nbd"])
def test_a_clearly_likelier_model_is_used(model):
    buying = ClvParameters(model, 1.2, 28.0, 0.9, 3.0 if model == "mbg/nbd" else 250.0)
    rows, _ = simulated(buying, SPEND, 4000, 1, 0.0, seed=2)
    assert fit_clv(rows, model="best").model == model


def test_many_customers_are_thinned_evenly_and_the_note_says_so(monkeypatch):
    rows, _ = simulated(BUYING, SPEND, 6000, 1, 0.0, seed=5)
    whole = fit_clv(rows)
    monkeypatch.setattr("models.clv.buying.MAX_FITTED_CUSTOMERS", {"mbg/nbd": 1500})
    part = fit_clv(rows)
    assert (part.note, part.customers) == ("converged; fitted on one customer in 4", 6000)
    errors = np.sqrt(np.diag(part.parameters.covariance))
    assert (abs(np.log(part.parameters.values) - np.log(whole.parameters.values)) < 3 * errors).all()
    assert (errors > 1.5 * np.sqrt(np.diag(whole.parameters.covariance))).all()


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (patterns(), "only 0 customers bought on a second day"),
        (patterns((0, 0, 10, 25), (1, 5, 10, 5)), "only 5 customers bought on a second day"),
        (patterns((0, 0, 10, 900), (0, 0, 0, 100)), "only 0 customers bought on a second day"),
        (patterns((0, 0, 0, 1000)), "only 0 customers bought on a second day"),
    ],
    ids=["nobody", "30 customers", "nobody repeats", "one day"],
)
def test_too_little_history_is_refused_in_words(rows, reason):
    fit = fit_clv(rows)
    assert (fit.method, fit.parameters, fit.log_likelihood, fit.converged) == ("none", None, None, False)
    assert fit.note.startswith(f"no forecast of purchases: {reason}")


def test_last_good_parameters_step_in():
    fit = fit_clv(patterns((0, 0, 10, 25), (1, 5, 10, 5)), last_good=BUYING)
    assert (fit.method, fit.parameters, fit.converged) == ("last_good", BUYING, False)
    assert fit.note.startswith("parameters of an earlier night, because only 5 customers")
    assert fit.log_likelihood < 0
    one = pd.DataFrame({"frequency": [1], "mean_repeat_value": [9.0], "squared_value": [81.0]})
    spend = fit_spend(one, last_good=SPEND)
    assert (spend.method, spend.parameters) == ("last_good", SPEND)


def test_fit_that_does_not_converge_is_penalised_then_refused(cdnow, monkeypatch):
    plain = ModifiedBetaGeoFitter.fit

    def only_penalised(self, *args, **kwargs):
        if not self.penalizer_coef:
            raise ConvergenceError("no")
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(ModifiedBetaGeoFitter, "fit", only_penalised)
    fit = fit_clv(cdnow)
    assert (fit.method, fit.converged) == ("penalised", True)
    assert fit.note == "penaliser 0.001: the plain fit did not converge"

    def never(self, *args, **kwargs):
        raise ConvergenceError("no")

    monkeypatch.setattr(ModifiedBetaGeoFitter, "fit", never)
    assert fit_clv(cdnow).note == "no forecast of purchases: the fit did not converge, with and without a penaliser"


def test_impossible_pattern_is_an_error():
    with pytest.raises(ValueError, match="1 purchase patterns can't be, for example frequency 1, recency_days 9"):
        fit_clv(patterns((1, 9, 5, 40)))


def test_quality_says_what_was_used(cdnow, cdnow_spend):
    fit = fit_clv(cdnow)
    measures = ["customers", "log_likelihood", "gradient_norm", "converged"]
    assert [name for name, _, _ in fit.quality()] == measures
    names = ["r", "alpha", "a", "b"]
    rows = fit.parameters.quality("last_good")
    errors = [f"{name}_standard_error" for name in names]
    assert [name for name, _, _ in rows] == ["buying_model", *names, *errors, "held_out_error"]
    assert {note for _, _, note in rows[:-1]} == {"mbg/nbd", "last_good"}
    assert rows[-1] == ("held_out_error", None, "unknown: no part of the history could be held back")
    pareto = ClvParameters("pareto/nbd", 1, 2, 3, 4).quality("fitted")
    assert [name for name, _, _ in pareto[1:-1]] == ["r", "alpha", "s", "beta"]
    spend = fit_spend(cdnow_spend)
    assert {name: value for name, value, _ in spend.quality()}["spend_customers"] == 946.0
    assert spend.parameters.quality("fitted")[-1][:2] == ("population_mean_spend", spend.parameters.population_mean)
    assert [name for name, _, _ in fit_clv(patterns()).quality()] == ["customers", "converged"]
