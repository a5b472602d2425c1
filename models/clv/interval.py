"""The 95 % predictive interval of what one customer brings, revenue in the horizon."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import betainccinv, gammainccinv, gammaincinv

from models.clv.outlook import COVERAGE, DAYS_A_YEAR, Future, Z
from models.clv.parameters import ClvParameters, Spend, SpendMoments
from models.clv.reached import purchase_days
from models.types import Floats, Indices

TAIL = (1 - COVERAGE) / 2


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
    """Lowest and highest revenue of the 95 % predictive interval, one per customer.

    By Gamma-Gamma it is smooth. Where all spend the same, revenue comes in steps of a purchase day. By the shrunken
    mean, with which spend may hardly differ or differ much, it is the wider of the two.
    """
    any_purchase = customers.any_purchase
    starts_above_zero = any_purchase > 1 - TAIL
    upper_tail = np.where(starts_above_zero, TAIL, 2 * TAIL)
    some, loyal = np.flatnonzero(any_purchase > upper_tail), np.flatnonzero(starts_above_zero)
    low = np.where(np.isnan(any_purchase), np.nan, 0.0)
    high = low.copy()
    low[loyal], high[some] = _smooth_low(customers, loyal), _smooth_quantile(customers, upper_tail[some], some)
    if isinstance(customers.spend, SpendMoments):
        lowest, highest = _stepped_low(customers, loyal), _stepped_high(customers, upper_tail[some], some)
        if not customers.spend.is_the_same:
            lowest, highest = np.minimum(lowest, low[loyal]), np.maximum(highest, high[some])
        low[loyal], high[some] = lowest, highest
    return low, high


def _smooth_quantile(customers: Prospects, upper_tail: Floats, rows: Indices) -> Floats:
    """The revenue that some of the customers exceed with this probability, below that of any purchase.

    Given N purchase days, their spend is Gamma(p N) / rate with rate ~ Gamma(q + p x, v + repeat revenue). Given N > 0,
    a gamma is matched to mean and variance over N. The sum is then a scaled beta prime, whose quantiles are closed.
    """
    future, cell = customers.future, customers.cell[rows]
    buys = 1 - future.none[cell]
    mean = future.mean[cell] / buys
    variance = np.maximum((future.pairs + future.mean)[cell] / buys - mean**2, 0.0)
    variation = customers.spend.day_variation + variance / mean
    part = upper_tail / customers.any_purchase[rows]
    return customers.day_value[rows] * mean * _relative_mean(mean, variation, customers.mean_shape[rows], part)


def _smooth_low(customers: Prospects, rows: Indices) -> Floats:
    """The lower end for customers who almost surely buy.

    The lower tail of _smooth_quantile is too thin for them, as some leave early. It comes from the exact distribution
    of N, with the spread of spend added in squares on the log scale (Zou and Donner 2008). MBG/NBD and BG/NBD.
    """
    parameters, spend, shape = customers.parameters, customers.spend, customers.mean_shape[rows]
    if parameters.model == "pareto/nbd":
        return _smooth_quantile(customers, np.full(len(rows), 1 - TAIL), rows)
    bought = purchase_days(parameters, customers.future, customers.cell[rows], customers.horizon)
    least = bought.reached_with((1 - TAIL) / customers.p_alive[rows]) - 0.5  # as spend smooths the steps
    spread = Z * np.sqrt(spend.day_variation / least + 1 / shape)
    mean = customers.future.mean[customers.cell[rows]]
    return np.asarray(customers.day_value[rows] * mean * np.exp(-np.hypot(np.log(least / mean), spread)))


def _stepped_high(customers: Prospects, upper_tail: Floats, rows: Indices) -> Floats:
    """The upper end, by whole purchase days: n is the most that is not exceeded with more than this probability.

    What is left of that probability is the spread of spend on n days. No day is discounted.
    """
    p_alive = customers.p_alive[rows]
    bought = purchase_days(customers.parameters, customers.future, customers.cell[rows], customers.horizon)
    days = np.maximum(np.ceil(bought.reached_with(upper_tail / p_alive) - 1e-6) - 1, 1.0)
    more = bought.reached(days + 1)
    left = (upper_tail / p_alive - more) / (bought.reached(days) - more)
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
    spread = _relative_mean(days, customers.spend.day_variation, customers.mean_shape[rows], upper_tail)
    return np.asarray(customers.value[rows] * days * spread)


def _relative_mean(days: Floats, variation: Floats | float, mean_shape: Floats, upper_tail: Floats) -> Floats:
    """Exceeded with this probability by a customer's mean spend on so many days, relative to what is expected of it.

    variation is of the days. The customer's own mean is inverse gamma with mean_shape, so that it is beta prime; at the
    limits of no variation and of a certain mean (infinite shape) inverse gamma, gamma or 1.
    """
    shape = np.broadcast_to(days / np.maximum(variation, 1e-300), mean_shape.shape)
    steady, certain = shape > 1e9, mean_shape > 1e9
    result = np.ones(len(mean_shape))
    rows = ~steady & ~certain
    z = betainccinv(shape[rows], mean_shape[rows], upper_tail[rows])
    result[rows] = (mean_shape[rows] - 1) / shape[rows] * z / (1 - z)
    rows = ~steady & certain
    result[rows] = gammainccinv(shape[rows], upper_tail[rows]) / shape[rows]
    rows = steady & ~certain
    result[rows] = (mean_shape[rows] - 1) / gammaincinv(mean_shape[rows], upper_tail[rows])
    return result
