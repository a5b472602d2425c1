"""Money of all customers: prices that drift, a few who hold most of it; a short form of tests/forecast_coverage.py."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from forecast_coverage import forecast, forecast_money
from simulated_shops import simulated_shop, steady

from models.clv.contest import PublishedTotal
from models.clv.holdout import PastForecast
from models.clv.money import Largest, MoneyModel, fit_money, forecast_largest, publish_money
from models.clv.parameters import ClvParameters, SpendMoments

AGES = (np.array([200.0]), np.array([1000.0]))


@dataclass
class Bought:
    older: PublishedTotal
    young: PublishedTotal | None = None
    chance: float = 0.0004


def model(**more: float) -> MoneyModel:
    fields = {"mean_spend": 10.0, "mean_deviation": 0.0, "price": 0.0, "price_deviation": 0.0, "mean_day": -182.5}
    return MoneyModel("plain", **fields | {"overall_day": -365.0, "variation": 1.0} | more, losses={})


@pytest.mark.parametrize("name", ["drift", "huge"])
def test_money_is_held_where_prices_drift_and_where_five_hold_most(name):
    shop = simulated_shop(name, 3, 1000)
    found, came = forecast_money(shop, forecast(shop))
    low, high = found.interval
    assert low < came < high
    assert (high - low) / found.expected < 0.55


def test_a_trend_of_prices_is_found_and_carried_on():
    weeks = steady(104)
    prices = 10 * 1.25 ** (-np.arange(104) / 52)
    weeks = type(weeks)(
        *(weeks.entered, weeks.waited, weeks.purchases, weeks.spend_days, weeks.spend_days * prices, 1e7)
    )
    found = fit_money(weeks, None, "plain")
    assert found.price == pytest.approx(np.log(1.25) * 365 / 364, rel=0.01)
    assert (found.method, found.losses) == ("plain", {})
    total = publish_money(
        found, Largest(0.0, 0.0, 0.0), Bought(PublishedTotal(100.0, (90.0, 111.0), 1.0)), AGES, 364, 0, 0.0
    )
    assert total.expected == pytest.approx(100 * 10 * 1.25**0.5, rel=0.02)
    past = PastForecast(30, 1.0, tuple(np.cumsum(weeks.since(30, weeks.purchases))[[9, 19, 29]]), 0.0001)
    assert set(fit_money(weeks, past, "plain").losses) == {"plain", "season"}
    assert MoneyModel.from_json(found.to_json()) == found
    assert fit_money(steady(50), None, "plain").price == 0  # in a year season and trend can't be told apart


def test_money_of_largest_young_and_rest_adds_up_and_is_discounted():
    bought = Bought(PublishedTotal(110.0, (99.0, 122.0), 1.0), PublishedTotal(20.0, (10.0, 40.0), 1.0))
    total = publish_money(model(), Largest(10.0, 500.0, 0.0), bought, AGES, 365, 0, 0.0)
    assert total.expected == pytest.approx(100 * 10 + 500 + 20 * 10)
    low, high = total.interval
    assert low < 1700 - 100 < 1700 + 200 < high
    cheaper = publish_money(model(), Largest(10.0, 500.0, 0.0), bought, AGES, 365, 0, 0.1)
    assert cheaper.expected == pytest.approx(1200 * 0.954 + 500, rel=0.001)
    dearer = publish_money(model(price=0.2), Largest(10.0, 500.0, 0.0), bought, AGES, 365, 0, 0.0)
    assert dearer.factor == pytest.approx(np.exp(0.3))  # from the middle of the history to that of the horizon
    assert dearer.expected == pytest.approx(1200 * np.exp(0.2) + 500 * np.exp(0.3))


def test_of_purchases_without_an_interval_money_has_none():
    bought = Bought(PublishedTotal(110.0, None, 1.0))
    assert publish_money(model(), Largest(10.0, 500.0, 0.0), bought, AGES, 365, 0, 0.0).interval is None


def test_a_customer_who_may_leave_makes_the_largest_uncertain():
    buying = ClvParameters("pareto/nbd", 1.2, 40.0, 0.8, 200.0)
    spend = SpendMoments(50.0, 0.3, 0.5, "few prices")
    customers = pd.DataFrame(
        {"frequency": [170], "recency_days": [698], "age_days": [700], "repeat_revenue": [170_000]}
    )
    one = forecast_largest(customers, buying, spend, 365, 0.0)
    assert one.money == pytest.approx(one.purchases * 998, rel=0.01)
    assert 0.15 < np.sqrt(one.variance) / one.money < 0.4
    assert forecast_largest(customers[:0], buying, spend, 365, 0.0) == Largest(0.0, 0.0, 0.0)


def test_without_any_spend_there_is_no_model_of_money():
    weeks = steady(104)
    none = np.zeros_like(weeks.spend)
    assert fit_money(type(weeks)(weeks.entered, weeks.waited, weeks.purchases, none, none, 0.0), None, "plain") is None
