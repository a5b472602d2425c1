"""The total of all customers: it adds up, and its interval holds what it promises."""

from dataclasses import replace

import pytest
from clv_customers import BUYING, SPEND, customers, simulated, simulated_purchases

from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters
from models.clv.score import score_clv
from models.clv.total import forecast_total


@pytest.mark.parametrize(
    ("model", "expected"), [("bg/nbd", 1653), ("pareto/nbd", 1666), ("mbg/nbd", 1577)], ids=["bg", "pareto", "mbg"]
)
def test_forecast_of_the_39_weeks_held_out_of_cdnow(cdnow, model, expected):
    # 1,882 repeat transactions came: by every model fewer were to be expected, as the cohort's habits changed.
    parameters = fit_clv(cdnow, model=model, horizon_days=39).parameters
    total = forecast_total(cdnow, parameters, 39)
    low, high = total.interval(parameters)
    assert total.purchases == pytest.approx(expected, abs=1)
    assert total.purchases == pytest.approx(1882, rel=0.17)
    assert low < total.purchases < high < 1.05 * 1882


def test_forecasts_of_parts_add_up_to_that_of_all(cdnow):
    parameters = fit_clv(cdnow, model="best", horizon_days=39).parameters
    whole = forecast_total(cdnow, parameters, 39)
    grouped = cdnow.groupby(["frequency", "recency_days", "age_days"]).size().rename("customer_count").reset_index()
    parts = forecast_total(cdnow[:1000], parameters, 39) + forecast_total(cdnow[1000:], parameters, 39)
    for other in (parts, forecast_total(grouped, parameters, 39)):
        assert other.customers == 2357
        assert other.expected == pytest.approx(whole.expected)
        assert other.interval(parameters) == pytest.approx(whole.interval(parameters))


def test_total_is_the_sum_of_what_is_expected_of_each():
    rows, _ = simulated(BUYING, SPEND, 500, 1, 0.0, seed=7)
    each = score_clv(rows, BUYING, None, 39, 0.0, None)["expected_purchases"].to_numpy()
    assert each.sum() == pytest.approx(forecast_total(rows, BUYING, 39).purchases, abs=0.001)


def test_interval_of_a_total_is_wider_the_less_is_known(cdnow):
    parameters = fit_clv(cdnow, model="best", horizon_days=39).parameters
    widths = []
    for known in (
        replace(parameters, rivals=(), bounds=(parameters.values,) * 2),
        replace(parameters, rivals=()),
        parameters,
    ):
        low, high = forecast_total(cdnow, known, 39).interval(known)
        widths.append(high - low)
    assert widths == sorted(set(widths))
    assert forecast_total(cdnow, BUYING, 39).interval(BUYING) is None  # whose uncertainty nobody knows


def test_total_of_nobody_is_nothing():
    parameters = replace(BUYING, bounds=(BUYING.values,) * 2)
    total = forecast_total(customers((None, None, None, None)), parameters, 365)
    assert (total.customers, total.purchases, total.interval(parameters)) == (0, 0.0, (0.0, 0.0))


def test_interval_of_a_total_of_thinned_rows_is_nearly_the_same(monkeypatch):
    rows, _ = simulated(BUYING, SPEND, 6000, 1, 0.0, seed=6)
    parameters = fit_clv(rows, horizon_days=365).parameters
    exact = forecast_total(rows, parameters, 365)
    monkeypatch.setattr("models.clv.total.MAX_SENSITIVITY_ROWS", 1000)
    thinned = forecast_total(rows, parameters, 365)
    assert thinned.purchases == exact.purchases
    assert thinned.interval(parameters) == pytest.approx(exact.interval(parameters), rel=0.01)


@pytest.mark.parametrize(
    "population",
    [ClvParameters("bg/nbd", 0.243, 31, 0.793, 2.426), ClvParameters("pareto/nbd", 0.553, 74, 0.606, 82)],
    ids=["bg/nbd", "pareto/nbd"],
)
def test_95_percent_interval_holds_the_total_of_generated_data_sets(population):
    held = 0
    for seed in range(12):
        rows, _, bought = simulated_purchases(population, SPEND, 700, 180, 0.0, seed)
        parameters = fit_clv(rows, model="best", horizon_days=180).parameters
        low, high = forecast_total(rows, parameters, 180).interval(parameters)
        held += low <= bought <= high
    assert held >= 10  # of 12; 98 % of correct intervals do
