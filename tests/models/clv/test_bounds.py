"""How far the data let the parameters go."""

import numpy as np
import pytest
from clv_customers import SPEND, simulated_purchases

from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters
from models.clv.total import forecast_total


def test_bounds_are_those_of_the_normal_approximation_where_the_data_are_many(cdnow):
    parameters = fit_clv(cdnow, model="bg/nbd", horizon_days=39).parameters
    total = forecast_total(cdnow, parameters, 39)
    nudges = [np.exp(np.log(parameters.values) + 1e-4 * one) for one in np.eye(4)]
    moved = [forecast_total(cdnow, ClvParameters("bg/nbd", *values), 39).purchases for values in nudges]
    gradient = (np.array(moved) - total.purchases) / 1e-4
    distance = 1.96 * np.sqrt(gradient @ np.array(parameters.covariance) @ gradient)
    (fewest,), (most,) = total.fewest, total.most
    assert (total.purchases - fewest, most - total.purchases) == pytest.approx((distance, distance), rel=0.15)


def test_a_history_too_short_to_see_anyone_leave_leaves_room_for_many_who_do():
    # Two months of data, customers who stay for nine on average: the likeliest is often that nobody ever leaves.
    population, held = ClvParameters("pareto/nbd", 2.8, 340, 2.0, 520), 0
    for seed in range(6):
        rows, _, bought = simulated_purchases(population, SPEND, 1500, 365, 0.0, seed, longest=60)
        parameters = fit_clv(rows, model="pareto/nbd", horizon_days=365).parameters
        total = forecast_total(rows, parameters, 365)
        low, high = total.interval(parameters)
        held += low <= bought <= high
        assert total.purchases - low > 0.25 * total.purchases
    assert held >= 5  # of 6; 97 % of correct intervals do
