"""The interval of one customer holds what they really bring."""

from dataclasses import replace

import numpy as np
import pytest
from clv_customers import SPEND, customers, mean_value, simulated
from hypothesis import given, settings
from hypothesis import strategies as st

from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters, SpendParameters
from models.clv.score import score_clv
from models.clv.spend import fit_spend
from models.clv.total import forecast_total


@pytest.mark.parametrize(
    ("buying", "spend"),
    [
        (ClvParameters("mbg/nbd", 0.525, 43.0, 0.89, 1.6), SpendParameters(6.25, 3.74, 15.44)),
        (ClvParameters("mbg/nbd", 0.9, 12.0, 0.3, 6.0), SpendParameters(1.2, 2.5, 30.0)),
        (ClvParameters("mbg/nbd", 3.0, 90.0, 2.0, 20.0), SpendParameters(60.0, 5.0, 10.0)),
        (ClvParameters("bg/nbd", 0.6, 30.0, 0.8, 3.0), SpendParameters(6.25, 3.74, 15.44)),
        (ClvParameters("pareto/nbd", 1.2, 28.0, 0.9, 250.0), SpendParameters(2.0, 4.0, 60.0)),
    ],
    ids=["mostly one-time buyers", "loyal, spend varies", "patient, steady spend", "bg/nbd", "pareto/nbd"],
)
def test_interval_holds_what_95_percent_of_customers_really_bring(buying, spend):
    rows, brought = simulated(buying, spend, 20_000, 365, 0.1, seed=1)
    fit, money = fit_clv(rows, model=buying.model), fit_spend(mean_value(rows))
    scored = score_clv(rows, fit.parameters, money.parameters, 365, 0.1, None).to_pandas()
    held = (brought >= scored["clv_low"] - 0.005) & (brought <= scored["clv_high"] + 0.005)
    assert 0.94 < held.mean() < 0.97
    # The loyal, where nothing at all is no likely outcome, are held as well, and on both sides.
    loyal = scored["clv_low"] > 0
    if loyal.sum() > 1000:
        assert 0.93 < held[loyal].mean() < 0.98
        assert (brought < scored["clv_low"] - 0.005)[loyal].mean() > 0.01
    assert (scored["clv_low"] <= scored["clv"]).all()
    assert (scored["clv"] <= scored["clv_high"]).all()
    assert scored["clv"].sum() == pytest.approx(brought.sum(), rel=0.06)


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from(["mbg/nbd", "bg/nbd", "pareto/nbd"]),
    values=st.tuples(st.floats(0.05, 20), st.floats(0.5, 2000), st.floats(0.05, 20), st.floats(0.5, 2000)),
    frequency=st.integers(0, 400),
    days=st.tuples(st.integers(0, 3000), st.integers(0, 3000)),
    horizon=st.integers(1, 1000),
)
def test_every_value_is_finite_and_in_order_for_any_population_and_history(model, values, frequency, days, horizon):
    recency, age = sorted(days) if frequency else (0, max(days))
    frequency = min(frequency, recency)
    parameters = ClvParameters(model, *values)
    parameters = replace(parameters, alive=replace(parameters, model="mbg/nbd"), bounds=(values, values))
    rows = customers((frequency, recency if frequency else 0, age, 20.0 * frequency))
    (row,) = score_clv(rows, parameters, SPEND, horizon, 0.1, 0.3).to_pylist()
    assert 0 <= row["p_alive"] <= 1
    assert 0 <= row["expected_purchases"] < np.inf
    assert 0 <= row["clv_low"] <= row["clv"] <= row["clv_high"] < np.inf
    total = forecast_total(rows, parameters, horizon)
    low, high = total.interval(parameters)
    assert 0 <= low <= total.purchases <= high < np.inf
