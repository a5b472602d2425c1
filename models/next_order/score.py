"""The next order: when a customer is due, by their own purchase cadence and the population's.

Days between a customer's purchase days are Gamma(k, λ). k, how regularly the population buys (1: at random), is one for
all; each customer's rate λ is drawn from Gamma(r, alpha). After each purchase they may leave for good, with a chance of
their own that is drawn from Beta(a, b). This is MBG/CNBD-k (Reutterer, Platzer and Schröder 2021, International Journal
of Research in Marketing 38) with k any positive number; with k = 1 it is MBG/NBD. After x intervals of S days in all,
λ ~ Gamma(r + k x, alpha + S), so an interval is beta prime. The chance of not having left after u silent days is
P(u) / (P(u) + a / (b + x)), where P(u) is the chance of an interval of more than u days.

A purchase day is a whole day: one that comes d days after another lies between d - 1 and d days later, on average
d - .5. Without that correction, shops where people buy every few days look more regular than they are.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import betainccinv, betaincinv, expit, logit

from models.columns import floats
from models.next_order.parameters import (
    COVERAGE,
    FURTHEST_DAYS,
    HALF_A_DAY,
    LOG_ODDS,
    PRESUMED_GONE,
    NextOrderParameters,
)
from models.types import Floats


def score_next_order(customers: pa.Table, parameters: NextOrderParameters | None) -> pa.Table:
    """One row per customer, in the order given: the next purchase day, in days from the night (1: the next day).

    p_order_again: the probability that there will be one. p_longer_gap: the probability that somebody with the same
    history who still buys stays away for longer than the customer has by now. low_days, next_days (median) and
    high_days: given that there is one, it comes on or before each with 10, 50 and 90 %; ten years at the most. They are
    NULL, and reason says why, for no_purchase (all was returned), no_model, presumed_gone, and far_off. method is
    own_rhythm, or population for customers who bought on one day only. Without skill (parameters.base_rate) all get
    one p_order_again, nobody gets a date, and method and reason say so (base_rate, no_skill). A row depends on its own
    values only, so batches give the same.

    Args:
        customers: customer_id, frequency, recency_days, age_days (NULL for customers without a purchase day).
        parameters: of the population; None: refused.
    """
    x, recency, age = (floats(customers[name]) for name in ("frequency", "recency_days", "age_days"))
    bought = np.isfinite(x)
    p_again, longer, days = np.full(len(x), np.nan), np.full(len(x), np.nan), np.full((3, len(x)), np.nan)
    if parameters is not None:
        outlook = _outlook(parameters, x[bought], recency[bought], (age - recency)[bought])
        p_again[bought], longer[bought], days[:, bought] = outlook
    is_base_rate = parameters is not None and parameters.base_rate is not None
    if parameters is not None and parameters.base_rate is not None:
        p_again[bought] = parameters.base_rate
    far_off = days[1] >= FURTHEST_DAYS
    has_date = (p_again >= PRESUMED_GONE) & ~far_off & (not is_base_rate)
    days[:, ~has_date] = np.nan
    reason = np.select(
        [~bought, np.isnan(p_again), np.full(len(x), is_base_rate), p_again < PRESUMED_GONE, far_off],
        ["no_purchase", "no_model", "no_skill", "presumed_gone", "far_off"],
        default="",
    )
    method = np.where(has_date, np.where(x > 0, "own_rhythm", "population"), "")
    if is_base_rate:
        method = np.where(bought, "base_rate", "")
    low, middle, high = (pa.array(row, pa.float64(), from_pandas=True).cast(pa.int64()) for row in days)
    return pa.table(
        {
            "customer_id": customers["customer_id"],
            "p_order_again": pa.array(p_again.round(6), pa.float64(), from_pandas=True),
            "p_longer_gap": pa.array(longer.round(6), pa.float64(), from_pandas=True),
            "low_days": low,
            "next_days": middle,
            "high_days": high,
            "method": _texts(method),
            "reason": _texts(reason),
        }
    )


def _outlook(
    parameters: NextOrderParameters, x: Floats, recency: Floats, silent: Floats
) -> tuple[Floats, Floats, Floats]:
    """p_order_again; p_longer_gap; and days (3 x customers) until 10, 50 and 90 %, given that there is a next purchase.

    Intervals in units of alpha + S have one distribution for all customers of a frequency: one table serves them all.
    """
    p = parameters
    base = p.alpha + recency - HALF_A_DAY * x
    p_again, p_longer, days = np.empty(len(x)), np.empty(len(x)), np.empty((3, len(x)))
    tails = [(1 + COVERAGE) / 2, 0.5, (1 - COVERAGE) / 2]
    with np.errstate(divide="ignore"):
        log_silent = np.log(silent / base)
    order = np.argsort(x, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(x[order])) + 1) if len(x) else []:
        log_days = log_quantiles(p.k, p.r + p.k * x[rows[0]])
        longer = expit(np.interp(log_silent[rows], log_days, LOG_ODDS))
        p_longer[rows] = longer
        p_again[rows] = longer / (longer + p.a / (p.b + x[rows[0]]))
        for number, tail in enumerate(tails):
            with np.errstate(over="ignore", divide="ignore"):
                due = base[rows] * np.exp(np.interp(-logit(longer * tail), -LOG_ODDS, log_days))
            days[number, rows] = np.clip(np.ceil(due - silent[rows]), 1, FURTHEST_DAYS)
    return p_again, p_longer, days


def interval_probability(customers: pa.Table, parameters: NextOrderParameters) -> Floats:
    """Probability that a next order comes, and from low_days to high_days after the night; NaN without an interval.

    A little more than COVERAGE x p_order_again, as days are whole.

    Args:
        customers: frequency, recency_days, age_days, and low_days and high_days of score_next_order.
        parameters: with which the interval was made.
    """
    x, recency, age, low, high = (
        floats(customers[name]) for name in ("frequency", "recency_days", "age_days", "low_days", "high_days")
    )
    p, probability = parameters, np.full(len(x), np.nan)
    base, silent = p.alpha + recency - HALF_A_DAY * x, age - recency
    known = np.isfinite(x) & np.isfinite(high)
    for frequency in np.unique(x[known]):
        rows = known & (x == frequency)
        log_days = log_quantiles(p.k, p.r + p.k * frequency)
        # Days are whole: an order on a day comes up to a day before its end.
        ends = np.stack([silent[rows], (silent + low - 1)[rows], (silent + high)[rows]])
        with np.errstate(divide="ignore"):
            longer, from_low, from_high = expit(np.interp(np.log(ends / base[rows]), log_days, LOG_ODDS))
        probability[rows] = (from_low - from_high) / (longer + p.a / (p.b + frequency))
    return probability


@lru_cache(maxsize=10_000)
def log_quantiles(k: float, shape: float) -> Floats:
    """Log of the interval, in units of alpha + S, that is exceeded with each of LOG_ODDS."""
    short, long = LOG_ODDS[LOG_ODDS >= 0], LOG_ODDS[LOG_ODDS < 0]
    # z and 1 - z each come from the smaller tail, which keeps its digits.
    z = np.concatenate([betaincinv(k, shape, expit(-short)), betainccinv(k, shape, expit(long))])
    complement = np.concatenate([betainccinv(shape, k, expit(-short)), betaincinv(shape, k, expit(long))])
    return np.asarray(np.log(z) - np.log(complement))


def _texts(values: npt.NDArray[np.str_]) -> pa.Array:
    return pa.array([value or None for value in values.tolist()], pa.string())
