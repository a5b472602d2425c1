"""The 95 % predictive interval of what one customer brings, revenue in the horizon."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.clv.outlook import COVERAGE, DAYS_A_YEAR, Future
from models.clv.parameters import ClvParameters, Spend, SpendMoments
from models.clv.reached import purchase_days
from models.clv.relative import relative_mean
from models.clv.revenue import relative_quantiles
from models.types import Floats, Indices

TAIL = (1 - COVERAGE) / 2

# If a customer's days vary less than this (squared coefficient of variation), revenue comes nearly in steps.
STEADY_VARIATION = 0.01


@dataclass(frozen=True)
class Prospects:
    """What customers' intervals depend on.

    Attributes:
        parameters: of buying.
        spend: of spend.
        future: purchase days by cell.
        cell: each customer's place in it.
        p_alive: by the model itself, one per customer; NaN: unknown.
        value: expected spend on a purchase day, one per customer.
        horizon: in days.
        discount_rate: a year.
    """

    parameters: ClvParameters
    spend: Spend
    future: Future
    cell: Indices
    p_alive: Floats
    value: Floats
    horizon: int
    discount_rate: float

    @cached_property
    def any_purchase(self) -> Floats:
        """Probability of a purchase in the horizon, one per customer."""
        return self.p_alive * (1 - self.future.none[self.cell])

    @cached_property
    def mean_shape(self) -> Floats:
        """Of spend, one per customer."""
        return self.spend.mean_shape(self.future.frequency)[self.cell]

    @cached_property
    def day_value(self) -> Floats:
        """Expected spend on a purchase day, discounted, one per customer."""
        return (self.future.discounted / self.future.mean)[self.cell] * self.value


def revenue_interval(customers: Prospects) -> tuple[Floats, Floats]:
    """Lowest and highest revenue of the 95 % predictive interval, one per customer: 2.5 % bring less, 2.5 % more.

    The lowest is 0 where more than 2.5 % bring nothing, the highest is 0 where fewer than 2.5 % bring anything.
    By Gamma-Gamma it is smooth. Where all spend the same, revenue comes in steps of a purchase day. Where spend hardly
    differs, or by the shrunken mean, with which it may differ little or much, it is the wider of the two.
    """
    any_purchase = customers.any_purchase
    loyal, some = np.flatnonzero(any_purchase > 1 - TAIL), np.flatnonzero(any_purchase > TAIL)
    low = np.where(np.isnan(any_purchase), np.nan, 0.0)
    high = low.copy()
    smooth_low, high[some] = _smooth(customers, some)
    low[loyal] = smooth_low[np.searchsorted(some, loyal)]
    spend = customers.spend
    if isinstance(spend, SpendMoments) or spend.day_variation < STEADY_VARIATION:
        lowest, highest = _stepped_low(customers, loyal), _stepped_high(customers, some)
        if not (isinstance(spend, SpendMoments) and spend.is_the_same):
            lowest, highest = np.minimum(lowest, low[loyal]), np.maximum(highest, high[some])
        low[loyal], high[some] = lowest, highest
    return low, high


def _smooth(customers: Prospects, rows: Indices) -> tuple[Floats, Floats]:
    """Lowest and highest revenue of customers of whom more than 2.5 % buy; the lowest is that of those who surely do.

    Each purchase day is discounted as they all are on average.
    """
    future, cell, any_purchase = customers.future, customers.cell[rows], customers.any_purchase[rows]
    tails = [((1 - TAIL) / any_purchase).clip(max=1.0), TAIL / any_purchase]
    relative = relative_quantiles(customers.parameters, customers.spend, future, cell, customers.horizon, tails)
    mean = customers.day_value[rows] * future.mean[cell] / (1 - future.none[cell])
    return mean * relative[0], mean * relative[1]


def _stepped_high(customers: Prospects, rows: Indices) -> Floats:
    """The upper end, by whole purchase days: n is the most that is not exceeded with more than this probability.

    What is left of that probability is the spread of spend on n days. No day is discounted.
    """
    p_alive = customers.p_alive[rows]
    bought = purchase_days(customers.parameters, customers.future, customers.cell[rows], customers.horizon)
    days = np.maximum(np.ceil(bought.reached_with(TAIL / p_alive) - 1e-6) - 1, 1.0)
    more = bought.reached(days + 1)
    left = (TAIL / p_alive - more) / (bought.reached(days) - more)
    return _on_days(customers, rows, days, left.clip(TAIL, 0.5))


def _stepped_low(customers: Prospects, rows: Indices) -> Floats:
    """As _stepped_high, the lower end for customers who almost surely buy. Each day is discounted as the last one."""
    p_alive = customers.p_alive[rows]
    bought = purchase_days(customers.parameters, customers.future, customers.cell[rows], customers.horizon)
    days = np.maximum(np.floor(bought.reached_with((1 - TAIL) / p_alive) + 1e-6), 1.0)
    reached = bought.reached(days)
    left = (TAIL - 1 + p_alive * reached) / (p_alive * (reached - bought.reached(days + 1)))
    discount = (1 + customers.discount_rate) ** (-customers.horizon / DAYS_A_YEAR)
    return np.asarray(discount * _on_days(customers, rows, days, 1 - left.clip(TAIL, 0.5)))


def _on_days(customers: Prospects, rows: Indices, days: Floats, upper_tail: Floats) -> Floats:
    """What customers' spend on so many days exceeds with this probability."""
    spread = relative_mean(days, customers.spend.day_variation, customers.mean_shape[rows], upper_tail)
    return np.asarray(customers.value[rows] * days * spread)
