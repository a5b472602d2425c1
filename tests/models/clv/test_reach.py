"""The probability to buy so much in a time: exact small cases, against the sum over days, and against simulations."""

import numpy as np
import pytest
from scipy.stats import binom

from models.clv import reach
from models.clv.outlook import futures
from models.clv.parameters import ClvParameters, SpendMoments, SpendParameters
from models.clv.reach import Buyers, days_reached, money_reached
from models.clv.score import expected_spend
from models.evaluation.probability import decile

PARETO = ClvParameters("pareto/nbd", 0.8, 40.0, 0.9, 250.0)
GEOMETRIC = ClvParameters("mbg/nbd", 0.8, 40.0, 0.5, 4.0)
SPEND = SpendParameters(4.0, 6.0, 35.0)
CUSTOMERS = 20_000


def buyers(count: int, seed: int) -> Buyers:
    """Histories of all sorts."""
    rng = np.random.default_rng(seed)
    frequency = rng.poisson(rng.gamma(0.8, 5, count)).astype(float)
    age = rng.integers(10, 900, count).astype(float)
    recency = np.where(frequency > 0, np.floor(age * rng.uniform(0.2, 1, count)), 0.0)
    return Buyers(frequency, recency, age, frequency * rng.gamma(4, 9, count))


def simulated(parameters: ClvParameters, spend: SpendParameters, history: float, horizon: float, seed: int):
    """Customers who live by the parameters: what they did in the history, then their days and money in the horizon."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(parameters.r, 1 / parameters.alpha, CUSTOMERS)
    leaves = rng.beta(parameters.a, parameters.b, CUSTOMERS)
    end = np.full(CUSTOMERS, np.inf)
    if parameters.model == "pareto/nbd":
        end = rng.exponential(1 / rng.gamma(parameters.a, 1 / parameters.b, CUSTOMERS))
    inverse = rng.gamma(spend.q, 1 / spend.v, CUSTOMERS)
    born = history * rng.uniform(0.1, 1, CUSTOMERS)  # days ago of the first purchase
    frequency, recency, revenue = np.zeros(CUSTOMERS), np.zeros(CUSTOMERS), np.zeros(CUSTOMERS)
    days, money, now = np.zeros(CUSTOMERS), np.zeros(CUSTOMERS), np.zeros(CUSTOMERS)
    if parameters.model == "mbg/nbd":
        end = np.where(rng.random(CUSTOMERS) < leaves, 0.0, end)
    while True:
        now = now + rng.exponential(1 / rate)
        buys = (now < end) & (now < born + horizon)
        if not buys.any():
            return Buyers(frequency, recency, born, revenue), days, money
        paid = rng.gamma(spend.p, 1 / inverse)
        before, after = buys & (now <= born), buys & (now > born)
        frequency, recency = frequency + before, np.where(before, now, recency)
        revenue, days, money = revenue + before * paid, days + after, money + after * paid
        if parameters.model == "mbg/nbd":
            end = np.where(buys & (rng.random(CUSTOMERS) < leaves), now, end)


def assert_calibrated(predicted, happened) -> None:
    """Each tenth's share lies within the band that holds it with 99.9 %."""
    for number in range(1, 11):
        of_tenth = decile(predicted) == number
        expected, count = predicted[of_tenth].mean(), int(of_tenth.sum())
        low, high = binom.ppf([0.0005, 0.9995], count, expected)
        assert low <= happened[of_tenth].sum() <= high, (number, count, expected, happened[of_tenth].mean())


@pytest.mark.parametrize("parameters", [PARETO, GEOMETRIC], ids=lambda p: p.model)
@pytest.mark.parametrize("horizon", [20.0, 200.0])
def test_simulated_customers_reach_amounts_as_often_as_forecast(parameters, horizon):
    known, days, money = simulated(parameters, SPEND, 500.0, horizon, seed=11)
    rng = np.random.default_rng(5)
    wanted_money, wanted_days = rng.gamma(1.0, 60.0, CUSTOMERS) + 1, rng.integers(1, 5, CUSTOMERS).astype(float)
    (by_money,) = money_reached(parameters, SPEND, known, horizon, [wanted_money])
    assert_calibrated(by_money, money >= wanted_money)
    (by_days,) = days_reached(parameters, known, horizon, [wanted_days])
    assert_calibrated(by_days, days >= wanted_days)


@pytest.mark.parametrize("parameters", [PARETO, GEOMETRIC], ids=lambda p: p.model)
@pytest.mark.parametrize("variation", [0.05, 0.25, 1.0])
def test_nodes_are_near_the_sum_over_all_numbers_of_days(parameters, variation, monkeypatch):
    spend, known = SpendParameters(1 / variation, 6.0, 35.0), buyers(1_000, seed=3)
    for horizon in (15.0, 120.0, 365.0):
        future, cell = futures(parameters, known.frequency, known.age_days, horizon, 0.0)
        expected = future.mean[cell] * expected_spend(spend, known.frequency, known.repeat_revenue)
        wanted = [expected * np.exp(np.random.default_rng(4).normal(0, 1, 1_000)) + 0.5]
        (found,) = money_reached(parameters, spend, known, horizon, wanted)
        with monkeypatch.context() as patch:
            patch.setattr(reach, "STEADY_VARIATION", np.inf)
            (exact,) = money_reached(parameters, spend, known, horizon, wanted)
        assert np.abs(found - exact).max() < 0.02
        assert np.abs(found - exact).mean() < 0.002


def test_one_more_day_is_a_poisson_count_where_all_buy_alike_and_stay():
    alike = ClvParameters("pareto/nbd", 1e7, 1e8, 1e-6, 1e6)  # a purchase in ten days, for ever
    known = Buyers(np.array([3.0]), np.array([30.0]), np.array([40.0]), np.array([30.0]))
    two, three = days_reached(alike, known, 10.0, [np.array([2.0]), np.array([2.5])])
    assert two[0] == pytest.approx(1 - 2 * np.exp(-1), abs=1e-4)
    assert three[0] == pytest.approx(1 - 2.5 * np.exp(-1), abs=1e-4)


def test_one_price_makes_money_a_count_of_days():
    price = SpendMoments(10.0, 0.0, 0.0, "all spend the same")
    known = buyers(50, seed=8)
    money = money_reached(GEOMETRIC, price, known, 90.0, [np.full(50, 30.0), np.full(50, 30.01)])
    days = days_reached(GEOMETRIC, known, 90.0, [np.full(50, 3.0), np.full(50, 4.0)])
    assert np.array_equal(money, days)


def test_nearly_one_price_is_summed_over_days():
    steady = SpendParameters(1000.0, 1e7, 1e5)  # ten, three in a hundred more or less
    known = buyers(50, seed=8)
    (enough, too_much) = money_reached(GEOMETRIC, steady, known, 90.0, [np.full(50, 25.0), np.full(50, 35.0)])
    three, four = days_reached(GEOMETRIC, known, 90.0, [np.full(50, 3.0), np.full(50, 4.0)])
    is_new = known.frequency == 0
    assert np.allclose(enough[is_new], three[is_new], atol=0.01)
    assert np.allclose(too_much[is_new], four[is_new], atol=0.01)


def test_a_farther_amount_and_a_shorter_time_are_less_likely():
    known = buyers(200, seed=2)
    (near, far) = money_reached(PARETO, SPEND, known, 90.0, [np.full(200, 50.0), np.full(200, 150.0)])
    (sooner,) = money_reached(PARETO, SPEND, known, 30.0, [np.full(200, 50.0)])
    assert (far <= near).all()
    assert (sooner <= near + 1e-3).all()
    assert ((near >= 0) & (near <= 1)).all()
