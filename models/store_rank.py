"""Rates of stores and how sure they are: errors from week to week, and the places that intervals allow.

All stores have the same seasons. What a store's weeks do beyond that is its chance: with the season left in, errors
would be so large that stores seemed alike. The error of a store is that of a ratio of sums, with whole weeks as its
units: a week has each weekday once. What a week keeps of the one before it is learnt of all stores together.

Sources: Cochran 1977, Sampling Techniques, 3rd edition, section 6.3 (ratio estimates); Bayley and Hammersley 1946, The
"Effective" Number of Independent Observations in an Autocorrelated Time Series; Kendall 1954, Biometrika 41 (its bias).
"""

import numpy as np
from scipy.stats import t as student

from models.campaign.shrunken import RAW_WIDTH
from models.types import Floats

# More than this, and weeks tell nothing of how sure a rate is.
_MOST_KEPT = 0.8


def rates(top: Floats, bottom: Floats) -> Floats:
    """Of each store (a row) the sum of `top` / the sum of `bottom` over its weeks; NaN where that is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(bottom.sum(axis=1) > 0, top.sum(axis=1) / bottom.sum(axis=1), np.nan))


def weekly_errors(top: Floats, bottom: Floats) -> Floats:
    """Standard errors of the stores' rates.

    A store's week is expected to bring its rate, times what the week brought to the other stores for theirs. Errors are
    widened as Student's t is than the normal, so that they may be used as if they were known.

    Args:
        top: What the rate counts, by store and week.
        bottom: Of what it is the rate, by store and week; not below 0, and above 0 in two weeks of each store.

    Returns:
        One a store, in units of the rate.
    """
    usual = rates(top, bottom)[:, None] * bottom
    others_top, others_usual = (sums.sum(axis=0) - sums for sums in (top, usual))
    with np.errstate(divide="ignore", invalid="ignore"):
        season = np.where((others_usual > 0) & (others_top > 0), others_top / others_usual, 1.0)
    expected = usual * season
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(expected.sum(axis=1) > 0, usual.sum(axis=1) / expected.sum(axis=1), 1.0)
    left = top - expected * scale[:, None]
    weeks = (bottom > 0).sum(axis=1)
    dependence = (1 + _kept(left)) / (1 - _kept(left))
    variance = dependence * weeks / (weeks - 1) * (left**2).sum(axis=1) / bottom.sum(axis=1) ** 2
    return np.asarray(np.sqrt(variance) * student.ppf(0.975, (weeks - 1) / dependence) / RAW_WIDTH)


def _kept(left: Floats) -> float:
    """The share of a week's deviation that the next week keeps, over all stores; at least 0."""
    varying = left[(left**2).sum(axis=1) > 0]
    if not varying.size:
        return 0.0
    weeks = varying.shape[1]
    raw = ((varying[:, 1:] * varying[:, :-1]).sum(axis=1) / (varying**2).sum(axis=1)).mean()
    return float(np.clip((raw + 1 / weeks) / (1 - 3 / weeks), 0.0, _MOST_KEPT))


def share_errors(successes: Floats, trials: Floats) -> Floats:
    """Standard errors of shares of independent trials, above 0 also where none or all succeed.

    Agresti and Coull 1998, The American Statistician 52: two successes and two failures are added.
    """
    share = (successes + 2) / (trials + 4)
    return np.asarray(np.sqrt(share * (1 - share) / (trials + 4)))


def places(values: Floats) -> Floats:
    """The place of each among all, 1 the highest; equal ones share it."""
    return np.array([1 + (values > value).sum() for value in values])


def place_ranges(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The best and the worst place that each interval allows, given the others."""
    best = np.array([1 + (low > end).sum() for end in high])
    worst = np.array([low.size - (high < end).sum() for end in low])
    return best, worst
