"""The interval of one customer holds what they really bring."""

from dataclasses import replace

import numpy as np
import pytest
from clv_coverage import WORLDS, missed, scored_world
from clv_customers import BUYING, SPEND, Spending, customers, mean_value, simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import nbinom

from models.clv.credibility import shrunken_spend
from models.clv.fit import fit_clv
from models.clv.interval import Prospects, revenue_interval
from models.clv.outlook import futures
from models.clv.parameters import ClvParameters, SpendMoments, SpendParameters
from models.clv.reached import purchase_days
from models.clv.score import score_clv
from models.clv.total import forecast_total


@pytest.mark.parametrize(("buying", "spend"), WORLDS.values(), ids=WORLDS)
def test_interval_leaves_out_what_2_5_percent_of_customers_bring_on_either_side(buying, spend):
    found = missed(*scored_world(buying, spend, 20_000, 365, seed=1))
    for who in ("all", "best", "loyal"):
        below, above, customers = found[who]
        error = (0.025 * 0.975 / max(customers, 1)) ** 0.5
        assert below < 0.025 + 4 * error, who
        assert above < 0.025 + 4 * error, who
    # Who surely buys has no mass at zero, so that neither end is cautious.
    below, above, customers = found["loyal"]
    if customers > 1000:
        assert min(below, above) > 0.025 - 4 * (0.025 * 0.975 / customers) ** 0.5
    assert found["all"][1] > 0.012


def test_ends_leave_out_2_5_percent_of_the_exact_distribution():
    random = np.random.default_rng(3)
    for model, leaving in (("mbg/nbd", (0.5, 8.0)), ("bg/nbd", (0.5, 8.0)), ("pareto/nbd", (0.7, 300.0))):
        parameters, spend = ClvParameters(model, 0.9, 15.0, *leaving), SpendParameters(2.0, 3.0, 40.0)
        age = random.integers(20, 900, 80).astype(float)
        frequency = np.minimum(random.poisson(random.gamma(0.9, 1 / 15, 80) * age), age).astype(float)
        p_alive = random.choice([1.0, 0.99, 0.6, 0.2], 80)
        future, cell = futures(parameters, frequency, age, 365, 0.0)
        customers = Prospects(parameters, spend, future, cell, p_alive, np.ones(80), 365, 0.0)
        low, high = revenue_interval(customers)
        bought = purchase_days(parameters, future, cell, 365)
        days = np.arange(1, 1200)
        share = -np.diff([bought.reached(np.full(80, float(n))) for n in np.append(days, 1200)], axis=0).T

        def less(amount, spend=spend, frequency=frequency, days=days, share=share, p_alive=p_alive):
            """Probability of bringing less, by the sum over all numbers of purchase days."""
            own = spend.mean_shape(frequency)[:, None]
            ratio = amount[:, None] * spend.p / (own - 1)
            return 1 - p_alive * (share * (1 - betainc(spend.p * days, own, ratio / (1 + ratio)))).sum(axis=1)

        assert (low > 0).sum() > 8
        assert less(low)[low > 0] == pytest.approx(0.025, abs=0.004)
        assert less(high)[high > 0] == pytest.approx(0.975, abs=0.002)
        assert ((high > 0) == (customers.any_purchase > 0.025)).all()


def tickets(rng: np.random.Generator, count: int) -> Spending:
    """A cinema: a ticket is 7 or 10, whoever buys it."""
    return lambda here: rng.choice([7.0, 10.0], size=len(here), p=[0.3, 0.7])


def adults_and_children(rng: np.random.Generator, count: int) -> Spending:
    price = rng.choice([7.0, 10.0], size=count, p=[0.3, 0.7])
    return lambda here: price[here]


def lognormal(rng: np.random.Generator, count: int) -> Spending:
    """Heavy tails, between customers and from day to day."""
    own = rng.lognormal(3, 1, count)
    return lambda here: own[here] * rng.lognormal(0, 1, len(here))


def about_the_same(rng: np.random.Generator, count: int) -> Spending:
    price = rng.choice([9.99, 10.0], size=count)
    return lambda here: price[here]


LOYAL = ClvParameters("mbg/nbd", 0.9, 12.0, 0.3, 6.0)
ONCE = ClvParameters("mbg/nbd", 0.525, 43.0, 0.89, 1.6)
PARETO = ClvParameters("pareto/nbd", 1.2, 28.0, 0.9, 250.0)


@pytest.mark.parametrize(
    ("buying", "population", "rate"),
    [
        (LOYAL, lambda rng, count: lambda here: np.full(len(here), 9.99), 0.0),
        (PARETO, about_the_same, 0.1),
        (LOYAL, tickets, 0.1),
        (ONCE, adults_and_children, 0.1),
        (LOYAL, lognormal, 0.1),
    ],
    ids=["subscription", "to the cent", "tickets", "own price", "heavy tails"],
)
def test_interval_holds_where_spend_is_none_of_gamma_gamma(buying, population, rate):
    rows, brought = simulated(buying, population, 6_000, 365, rate, seed=2)
    spent = mean_value(rows)
    spend = shrunken_spend(spent[spent["frequency"] > 0].assign(customer_count=1), "whether or not it has a fit")
    assert spend.unknown_interval is None
    scored = score_clv(rows, fit_clv(rows, model=buying.model).parameters, spend, 365, rate, None).to_pandas()
    below, above = brought < scored["clv_low"] - 0.005, brought > scored["clv_high"] + 0.005
    loyal = scored["clv_low"] > 0
    assert 0.945 < 1 - (below | above).mean() < 0.99
    assert above[~loyal].mean() < 0.035
    if loyal.sum() > 1000:
        assert below[loyal].mean() < 0.035
        assert above[loyal].mean() < 0.035
    assert scored["clv"].sum() == pytest.approx(brought.sum(), rel=0.1)


def test_where_all_spend_the_same_the_interval_is_of_whole_purchase_days():
    # r + x = 10 in alpha + age = 200 days: N in 200 days more is NB(10, 1/2), of which 3 to 18 hold 95 %.
    spend = SpendMoments(9.99, 0.0, 0.0, "")
    stays = ClvParameters("mbg/nbd", r=2.0, alpha=40.0, a=1e-9, b=1.0)
    (row,) = score_clv(customers((8, 150, 160, 160)), stays, spend, 200, 0.0, None).to_pylist()
    few, many = nbinom(10, 0.5).ppf([0.025, 0.975])
    assert (row["clv_low"], row["clv"], row["clv_high"]) == pytest.approx((9.99 * few, 99.9, 9.99 * many), abs=0.006)


def test_without_a_known_interval_clv_has_none():
    spend = SpendMoments(20.0, 0.5, 0.1, "", unknown_interval="only 3 days")
    (row,) = score_clv(customers((3, 50, 90, 60)), BUYING, spend, 365, 0.1, 0.5).to_pylist()
    assert row["clv"] > 0
    assert (row["clv_low"], row["clv_high"]) == (None, None)


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from(["mbg/nbd", "bg/nbd", "pareto/nbd"]),
    values=st.tuples(st.floats(0.05, 20), st.floats(0.5, 2000), st.floats(0.05, 20), st.floats(0.5, 2000)),
    frequency=st.integers(0, 400),
    days=st.tuples(st.integers(0, 3000), st.integers(0, 3000)),
    horizon=st.integers(1, 1000),
    variations=st.tuples(*[st.one_of(st.just(0.0), st.floats(1e-6, 30))] * 2),
)
def test_every_value_is_finite_and_in_order_for_any_population_and_history(
    model, values, frequency, days, horizon, variations
):
    recency, age = sorted(days) if frequency else (0, max(days))
    frequency = min(frequency, recency)
    parameters = ClvParameters(model, *values)
    parameters = replace(parameters, alive=replace(parameters, model="mbg/nbd"), bounds=(values, values))
    rows = customers((frequency, recency if frequency else 0, age, 20.0 * frequency))
    for spend in (SPEND, SpendMoments(20.0, *variations, "")):
        (row,) = score_clv(rows, parameters, spend, horizon, 0.1, 0.3).to_pylist()
        assert 0 <= row["p_alive"] <= 1
        assert 0 <= row["expected_purchases"] < np.inf
        assert 0 <= row["clv_low"] <= row["clv"] <= row["clv_high"] < np.inf
    total = forecast_total(rows, parameters, horizon)
    low, high = total.interval(parameters)
    assert 0 <= low <= total.purchases <= high < np.inf
