"""The holdout chooses the model, and a miss of it widens the total."""

import numpy as np
import pytest
from clv_customers import patterns

from models.clv.fit import fit_clv
from models.clv.holdout import HoldoutPeriod
from models.clv.parameters import ClvParameters
from models.clv.total import forecast_total


@pytest.mark.parametrize("model", ["bg/nbd", "mbg/nbd", "pareto/nbd"])
def test_of_models_the_one_that_forecast_the_last_part_of_the_history_is_used(cdnow, model):
    parameters = fit_clv(cdnow, model=model).parameters
    many = cdnow.assign(customer_count=300)  # whose total hardly varies by chance
    holdout = HoldoutPeriod(many, 39, forecast_total(many, parameters, 39).purchases)
    fit = fit_clv(cdnow, model="best", holdout=holdout)
    assert fit.model == model
    assert dict(fit.held_out)[model] == pytest.approx(1, abs=0.001)
    assert dict(fit.held_out).keys() == {"bg/nbd", "mbg/nbd", "pareto/nbd"}
    assert fit.note.endswith(f"and no other forecasts the last 39 days better than {model}")
    assert all(rival.weight <= 1 for rival in fit.parameters.rivals)
    names = [name for name, _, _ in fit.quality()]
    assert f"held_out_forecast_ratio_{model.replace('/', '_')}" in names


def test_where_chance_can_not_tell_the_forecasts_apart_the_likeliest_model_is_used(cdnow):
    few = cdnow[:200]
    holdout = HoldoutPeriod(few, 39, forecast_total(few, fit_clv(few, model="pareto/nbd").parameters, 39).purchases)
    assert fit_clv(cdnow, model="best", holdout=holdout).model == fit_clv(cdnow, model="best").model == "bg/nbd"


def test_a_past_that_nothing_can_be_learnt_from_leaves_the_choice_to_the_likelihood(cdnow):
    fit = fit_clv(cdnow, model="best", holdout=HoldoutPeriod(patterns((0, 0, 10, 25)), 39, 7.0))
    assert (fit.model, fit.held_out) == ("bg/nbd", ())


@pytest.mark.parametrize("ratio", [2.0, 0.5, 1.05])
def test_an_error_on_the_held_out_part_beyond_its_interval_widens_the_total(cdnow, ratio):
    learnt = fit_clv(cdnow, model="mbg/nbd", horizon_days=39).parameters
    forecast = forecast_total(cdnow, learnt, 39)
    fit = fit_clv(cdnow, model="mbg/nbd", horizon_days=39, holdout=HoldoutPeriod(cdnow, 39, ratio * forecast.purchases))
    below, above = forecast.deviations()
    own = float((above if ratio > 1 else below)[0] / forecast.purchases)
    is_beyond = abs(np.log(ratio)) > 1.96 * own
    assert is_beyond == (ratio != 1.05)
    error = np.sqrt(np.log(ratio) ** 2 - own**2) if is_beyond else 0.0
    assert fit.parameters.held_out_error == pytest.approx(error)
    assert ClvParameters.from_json(fit.parameters.to_json()) == fit.parameters
    low, high = forecast.interval(fit.parameters)
    farthest = 1 - np.exp(-1.96 * error), np.exp(1.96 * error) - 1
    down, up = (
        np.hypot(1.96 * deviation[0], share * forecast.purchases)
        for deviation, share in zip((below, above), farthest, strict=True)
    )
    assert (low, high) == pytest.approx((max(forecast.purchases - down, 0), forecast.purchases + up), rel=1e-3)
    rows = {metric: value for metric, value, _ in fit.parameters.quality("fitted")}
    assert rows["held_out_error"] == pytest.approx(error, abs=1e-6)


def test_a_miss_widens_the_total_also_where_the_bounds_of_that_forecast_are_unknown(cdnow, monkeypatch):
    def no_telling(*_):
        raise np.linalg.LinAlgError

    forecast = forecast_total(cdnow, fit_clv(cdnow).parameters, 39)
    monkeypatch.setattr("models.clv.holdout.likelihood_bounds", no_telling)
    fit = fit_clv(cdnow, horizon_days=39, holdout=HoldoutPeriod(cdnow, 39, 2 * forecast.purchases))
    by_chance = np.sqrt(forecast.variance[0]) / forecast.purchases
    assert fit.parameters.held_out_error == pytest.approx(np.sqrt(np.log(2) ** 2 - by_chance**2))
