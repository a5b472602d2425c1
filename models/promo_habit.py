"""How much of what a customer spends is on offer in the long run: a share of each, with an interval.

Each customer's share is a draw from a beta distribution that all have in common, and what was seen of it counts as so
many throws as days of equal spend would be. The common distribution is fitted to all (empirical Bayes), so that a share
seen on few days is drawn towards the others'.

Source: Griffiths 1973, Maximum likelihood estimation for the beta-binomial distribution, Biometrics 29; Kish 1965,
Survey Sampling (the effective number of observations with unequal weights).
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaincinv, betaln, expit

from models.types import Booleans, Floats

COVERAGE = 0.95
# A share seen on fewer orders says next to nothing.
MIN_ORDERS = 5
# With fewer customers the common distribution is a guess.
MIN_CUSTOMERS = 100
# More customers show the common distribution no better.
_FITTED = 10_000
# Quantiles are worked out for throws in these steps, rounded down, and for the hundredths below and above a share: root
# searches for a million customers would take longer than all else of the night.
_STEP, _MOST_THROWS = 0.5, 200.0
# Days are never taken for more throws than these, however alike they are.
_MOST_A_DAY = 20.0


class PromoHabit(NamedTuple):
    """The beta distribution of customers' shares on offer: a throw is on offer with mean a / (a + b)."""

    a: float
    b: float


class Share(NamedTuple):
    """Of each customer the mean and the 95 % interval of their share in the long run (0 to 1); NaN where unknown."""

    value: Floats
    low: Floats
    high: Floats


class Days(NamedTuple):
    """Of each customer, over the days on which they bought.

    Attributes:
        number: how many they are.
        spend: sum of the days' spend.
        squared_spend: sum of its squares.
        promoted: part of the spend that was on offer.
        shares: sum of the days' shares on offer.
        squared_shares: sum of their squares.
    """

    number: Floats
    spend: Floats
    squared_spend: Floats
    promoted: Floats
    shares: Floats
    squared_shares: Floats

    @property
    def share(self) -> Floats:
        """Share of the spend that was on offer (0 to 1); 0 without spend."""
        return np.asarray(np.clip(_ratio(self.promoted, self.spend), 0, 1))


def throws(days: Days) -> Floats:
    """Per customer, as how many throws of a coin their days count.

    Unequal days count as fewer equal ones, spend² / squared_spend. Where a day's spend is partly on offer, shares vary
    less from day to day than throws of a coin do, and a day counts as more than one: by the ratio of both variances,
    over all customers.
    """
    more = days.number > 1
    count, sums, squares = days.number[more], days.shares[more], days.squared_shares[more]
    within = squares - sums**2 / count  # its expectation is the variance from day to day, count - 1 times
    mean = sums / count
    of_throws = (count - 1) * mean * (1 - mean) + within / count
    a_day = of_throws.sum() / within.sum() if within.sum() > 0 else 1.0
    return np.asarray(_ratio(days.spend**2, days.squared_spend) * np.clip(a_day, 1, _MOST_A_DAY))


def _ratio(of: Floats, to: Floats) -> Floats:
    return np.divide(of, to, out=np.zeros(len(of)), where=to > 0)


def fit(share: Floats, count: Floats) -> PromoHabit | None:
    """The common distribution, by maximum likelihood; None of fewer than MIN_CUSTOMERS.

    Args:
        share: Of each customer's spend that was on offer (0 to 1), of those who are judged.
        count: Throws that it counts as.
    """
    if len(share) < MIN_CUSTOMERS:
        return None
    every = -(-len(share) // _FITTED)
    hits, misses = (share * count)[::every], ((1 - share) * count)[::every]

    def minus_likelihood(parameters: Floats) -> float:
        mean, size = float(expit(parameters[0])), float(np.exp(parameters[1]))
        a, b = mean * size, (1 - mean) * size
        return -float((betaln(a + hits, b + misses) - betaln(a, b)).mean())

    mean = float(np.clip((share * count).sum() / count.sum(), 0.001, 0.999))
    found = minimize(
        minus_likelihood,
        np.array([np.log(mean / (1 - mean)), 0.0]),
        method="L-BFGS-B",
        bounds=[(-7.0, 7.0), (-4.0, 7.0)],
    )
    mean, size = float(expit(found.x[0])), float(np.exp(found.x[1]))
    return PromoHabit(mean * size, (1 - mean) * size)


def shares(habit: PromoHabit | None, share: Floats, count: Floats, is_judged: Booleans) -> Share:
    """Each customer's share in the long run, given what was seen of it.

    Who bought all on offer may always do so: the upper end is 1 then, and the lower end 0 where nothing was on offer.

    Args:
        habit: The common distribution; None where there is none.
        share: Of the customer's spend that was on offer (0 to 1).
        count: Throws that it counts as.
        is_judged: Whether it was seen on MIN_ORDERS orders or more.
    """
    value, low, high = (np.full(len(share), np.nan) for _ in range(3))
    if habit is None or not is_judged.any():
        return Share(value, low, high)
    seen, number = share[is_judged], count[is_judged]
    value[is_judged] = (habit.a + seen * number) / (habit.a + habit.b + number)
    low[is_judged], high[is_judged] = _interval(habit, seen, number)
    return Share(value, low, high)


def _interval(habit: PromoHabit, share: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Quantiles of the beta distribution given what was seen, tabulated; 0 and 1 belong to who was never or always."""
    number = np.minimum(np.floor(count / _STEP) * _STEP, _MOST_THROWS)
    least, most = np.floor(share * 100) / 100, np.ceil(share * 100) / 100
    low = _quantile((1 - COVERAGE) / 2, habit, number, least)
    high = _quantile((1 + COVERAGE) / 2, habit, number, most)
    return np.where(share <= 0, 0.0, low), np.where(share >= 1, 1.0, high)


def _quantile(side: float, habit: PromoHabit, count: Floats, share: Floats) -> Floats:
    """Of the beta distribution given what was seen, each of its cells once."""
    cells, place = np.unique(np.column_stack([count, share]), axis=0, return_inverse=True)
    hits, misses = cells[:, 0] * cells[:, 1], cells[:, 0] * (1 - cells[:, 1])
    return np.asarray(betaincinv(habit.a + hits, habit.b + misses, side)[place.reshape(-1)])
