"""The fit of spend: the published parameters, and data that allow no forecast."""

import numpy as np
import pandas as pd
import pytest
from clv_customers import SPEND
from hypothesis import given, settings
from hypothesis import strategies as st

from models.clv.credibility import shrunken_spend
from models.clv.score import expected_spend
from models.clv.spend import NO_FIT, fit_spend


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


def spending(values: np.ndarray, frequency: int = 3, times: tuple[float, ...] = (1, 1, 1)) -> pd.DataFrame:
    """Customers whose days bring so many times their mean."""
    days = np.outer(values, times)
    squares = (days**2).sum(axis=1)
    return pd.DataFrame({"frequency": frequency, "mean_repeat_value": values, "squared_value": squares})


def test_where_all_spend_the_same_so_much_is_expected_of_all():
    fit = fit_spend(spending(np.full(100, 9.99)), SPEND)
    assert (fit.method, fit.converged, fit.customers) == ("fitted", True, 100)
    assert (fit.parameters.mean, fit.parameters.total_variation) == (pytest.approx(9.99), pytest.approx(0))
    assert fit.note == "all customers spend the same on a purchase day, 9.99"
    assert fit.parameters.quality(fit.method) == [
        ("spend_model", None, fit.note),
        ("spend_day_variation", 0.0, "fitted; of a customer's days, (deviation / mean)^2"),
        ("spend_customer_variation", pytest.approx(0), "fitted; of the customers' own means"),
        ("population_mean_spend", pytest.approx(9.99), "expected of a one-time buyer"),
    ]


def test_after_a_price_rise_spend_is_not_the_same():
    fit = fit_spend(spending(np.array([10.0] * 50 + [12.0] * 50)))
    assert "spend the same" not in fit.note
    assert 10 < fit.parameters.population_mean < 12


@pytest.fixture
def no_gamma_gamma(monkeypatch):
    def no_fit(*_):
        raise ValueError

    monkeypatch.setattr("models.clv.spend._gamma_gamma", no_fit)


@pytest.mark.usefixtures("no_gamma_gamma")
def test_without_a_fit_the_mean_is_shrunken_and_the_note_says_why(cdnow_spend):
    fit = fit_spend(cdnow_spend, SPEND)
    assert (fit.method, fit.converged, fit.log_likelihood) == ("fitted", True, None)
    assert fit.note == fit.parameters.reason == f"shrunken mean: {NO_FIT}"
    repeated = cdnow_spend[cdnow_spend["frequency"] > 0].assign(customer_count=1)
    expected = shrunken_spend(repeated, NO_FIT)
    assert fit.parameters.mean == pytest.approx(expected.mean)
    assert fit.parameters.unknown_interval is expected.unknown_interval is None


@pytest.mark.usefixtures("no_gamma_gamma")
def test_huge_spenders_give_a_mean_and_no_interval():
    values = np.random.default_rng(0).gamma(3, 5, 300)
    values[:3] = 1e9
    fit = fit_spend(spending(values, times=(0.5, 1, 1.5)))
    assert fit.parameters.mean == pytest.approx(values.mean())
    assert "huge spenders" in fit.parameters.unknown_interval


def test_huge_spenders_give_a_sensible_mean_by_gamma_gamma():
    values = np.random.default_rng(0).gamma(3, 5, 300)
    values[:3] = 1e9
    fit = fit_spend(spending(values))
    assert fit.note == "converged"
    assert 5 < fit.parameters.population_mean < 3 * fit.mean_spend


@pytest.mark.parametrize("seed", range(3))
def test_two_prices_paid_by_chance_are_expected_as_their_mean_of_everyone(seed):
    # Gamma-Gamma converges here with a penaliser alone, to a mean a tenth too high.
    paid = np.random.default_rng(seed).choice([7.0, 10.0], size=(900, 4), p=[0.3, 0.7])
    rows = pd.DataFrame({"frequency": 4, "mean_repeat_value": paid.mean(axis=1)}).assign(
        squared_value=(paid**2).sum(axis=1)
    )
    fit = fit_spend(rows)
    assert fit.note == f"shrunken mean: {NO_FIT}"
    assert fit.parameters.mean == pytest.approx(9.1, abs=0.1)
    assert fit.parameters.credibility_days > 30
    assert fit.parameters.unknown_interval is None


def test_too_few_have_the_parameters_of_an_earlier_night_or_no_model():
    few = spending(np.full(29, 9.99))
    free = spending(np.array([0.0, -5.0]))
    for rows, customers in ((few, 29), (free, 0), (spending(np.empty(0)), 0)):
        fit = fit_spend(rows)
        assert (fit.method, fit.parameters, fit.customers) == ("none", None, customers)
        reason = f"only {customers} customers spent money on a second day, and 30 are needed to see a habit"
        assert fit.note == f"no forecast of spend: {reason}"
        assert (fit_spend(rows, SPEND).method, fit_spend(rows, SPEND).parameters) == ("last_good", SPEND)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(36)), st.integers(1, 35))
def test_a_fit_depends_neither_on_the_order_of_customers_nor_on_how_they_are_grouped(order, cut):
    rows = spending(np.repeat([10.0, 10.01, 10.02], 12), times=(0.999, 1, 1.001)).assign(customer_count=1)
    grouped = rows.groupby(["frequency", "mean_repeat_value"], as_index=False).sum()
    moved = pd.concat([rows.iloc[order[:cut]], rows.iloc[order[cut:]]])
    expected = expected_spend(fit_spend(rows).parameters, np.array([0.0, 3.0]), np.array([0.0, 30.3]))
    for other in (moved, grouped):
        found = expected_spend(fit_spend(other).parameters, np.array([0.0, 3.0]), np.array([0.0, 30.3]))
        assert list(found) == pytest.approx(list(expected), rel=1e-9)


def test_spend_fit_ignores_one_time_buyers_and_zero_spend(cdnow_spend):
    extra = pd.concat([spending(np.array([50.0]), 0), spending(np.array([0.0, np.nan, -3.0]))])
    assert fit_spend(pd.concat([cdnow_spend, extra])) == fit_spend(cdnow_spend)


def test_many_spend_patterns_are_sampled_and_the_note_says_so(cdnow_spend, monkeypatch):
    monkeypatch.setattr("models.clv.spend.MAX_SPEND_ROWS", 400)
    fit = fit_spend(cdnow_spend)
    assert fit.note == "converged; fitted on one pattern in 2"
    assert fit.customers == 946
