"""Expected purchases: published results and closed forms."""

import numpy as np
import pytest
from clv_customers import SPEND, customers
from lifetimes import BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter

from models.clv.fit import fit_clv
from models.clv.outlook import futures, still_there
from models.clv.parameters import ClvParameters
from models.clv.score import score_clv


def test_expected_purchases_of_the_published_customer(cdnow):
    parameters = fit_clv(cdnow, model="bg/nbd").parameters
    x, recency, age = np.array([[2.0], [30.43], [38.86]])
    future, cell = futures(parameters, x, age, 39, 0.0)
    expected = still_there(parameters, x, recency, age) * future.mean[cell]
    assert expected[0] == pytest.approx(1.226, abs=0.0005)


def test_expected_purchases_of_a_new_customer_by_week_1_and_78(cdnow):
    parameters = fit_clv(cdnow, model="bg/nbd").parameters
    published = {1: 0.0532, 78: 1.8576}
    for weeks, expected in published.items():
        future, cell = futures(parameters, np.zeros(1), np.zeros(1), weeks, 0.0)
        assert future.mean[cell[0]] == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize("model", ["mbg/nbd", "bg/nbd", "pareto/nbd"])
def test_expected_purchases_agree_with_the_published_closed_forms(cdnow, model):
    fitter = {"mbg/nbd": ModifiedBetaGeoFitter, "bg/nbd": BetaGeoFitter, "pareto/nbd": ParetoNBDFitter}[model]()
    fitter.fit(cdnow["frequency"], cdnow["recency_days"], cdnow["age_days"])
    rows = customers((0, 0, 10, 0), (1, 1, 39, 20), (4, 30, 38, 90), (26, 30, 31, 700))
    scored = score_clv(rows, ClvParameters(model, *fitter.params_), None, 39, 0.0, None)
    expected = fitter.predict(39, rows["frequency"], rows["recency_days"], rows["age_days"])
    assert scored["expected_purchases"].to_pylist() == pytest.approx(list(expected), abs=2e-6)


def test_expected_purchases_have_no_pole_where_the_closed_form_has_one():
    rows = customers((3, 50, 90, 60))
    around = [ClvParameters("mbg/nbd", 0.9, 30, a, 4) for a in (0.9999, 1.0, 1.0001)]
    below, at, above = (score_clv(rows, p, SPEND, 365, 0.1, None)["expected_purchases"][0].as_py() for p in around)
    assert below > at > above
    assert at == pytest.approx((below + above) / 2, abs=1e-6)
