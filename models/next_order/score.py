"""Next order: when a customer is due, from his own rhythm and the population's.

Days between a customer's purchase days are Gamma(k, λ): k, how regular the population buys (1: at random), is one for
all; his own rate λ is drawn from Gamma(r, alpha). After each purchase he may leave for good, with a chance of his own
that is drawn from Beta(a, b). This is MBG/CNBD-k (Reutterer, Platzer and Schröder 2021, International Journal of
Research in Marketing 38) with k any positive number; with k = 1 it is MBG/NBD. After x intervals of S days in all,
λ ~ Gamma(r + k x, alpha + S), so an interval is beta prime, and the chance that he has not left after u silent days is
P(u) / (P(u) + a / (b + x)), where P(u) is the chance of an interval of more than u days.

A purchase day is a whole day: one that comes d days after another lies between d - 1 and d days later, on average
d - .5. Without that, shops where people buy every few days look more regular than they are.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import betainccinv, betaincinv, expit, logit

from models.next_order.parameters import (
    COVERAGE,
    FURTHEST_DAYS,
    HALF_A_DAY,
    LOG_ODDS,
    PRESUMED_GONE,
    Floats,
    NextOrderParameters,
    QualityRow,
)

MIN_JUDGED = 100


# What drift is watched on: what the model learns from, and what it makes of it.
WATCHED = ("days_between_purchases", "days_since_last_purchase", "p_order_again", "next_order_days")


def score_next_order(customers: pa.Table, parameters: NextOrderParameters | None) -> pa.Table:
    """One row per customer, in the order given: the next purchase day, in days from the night (1: the next day).

    p_order_again: that there will be one. low_days, next_days (median) and high_days, given that there is one: on or
    before each with 10, 50 and 90 %, ten years at the most. NULL, and reason says why, for no_purchase (all was
    returned), no_model, presumed_gone, and far_off. method is own_rhythm, or population for who bought on one day only.
    A row depends on its own values only, so batches give the same.

    Args:
        customers: customer_id, frequency, recency_days, age_days (NULLs for who has no purchase day).
        parameters: of the population; None: refused.
    """
    x, recency, age = (floats(customers[name]) for name in ("frequency", "recency_days", "age_days"))
    bought = np.isfinite(x)
    p_again, days = np.full(len(x), np.nan), np.full((3, len(x)), np.nan)
    if parameters is not None:
        p_again[bought], days[:, bought] = _outlook(parameters, x[bought], recency[bought], (age - recency)[bought])
    far_off = days[1] >= FURTHEST_DAYS
    there = (p_again >= PRESUMED_GONE) & ~far_off
    days[:, ~there] = np.nan
    reason = np.select(
        [~bought, np.isnan(p_again), p_again < PRESUMED_GONE, far_off],
        ["no_purchase", "no_model", "presumed_gone", "far_off"],
        default="",
    )
    method = np.where(there, np.where(x > 0, "own_rhythm", "population"), "")
    low, middle, high = (pa.array(row, pa.float64(), from_pandas=True).cast(pa.int64()) for row in days)
    return pa.table(
        {
            "customer_id": customers["customer_id"],
            "p_order_again": pa.array(p_again.round(6), pa.float64(), from_pandas=True),
            "low_days": low,
            "next_days": middle,
            "high_days": high,
            "method": _texts(method),
            "reason": _texts(reason),
        }
    )


def watched_columns(customers: pa.Table, scored: pa.Table, active_days: int) -> dict[str, Floats]:
    """What drift is watched on, of the active customers: the columns of WATCHED.

    As with CLV, what grows by itself with a customer's years (frequency, recency_days, age_days) is not watched. Days
    between purchases are NaN for who bought on one day only, days to the next order for who has no date: bins of their
    own.

    Args:
        customers: as given to score_next_order.
        scored: what it made of them.
        active_days: who bought within so many days is active.
    """
    x, recency, age = (floats(customers[name]) for name in ("frequency", "recency_days", "age_days"))
    active = age - recency < active_days
    columns = {
        "days_between_purchases": recency / np.where(x > 0, x, np.nan),
        "days_since_last_purchase": age - recency,
        "p_order_again": floats(scored["p_order_again"]),
        "next_order_days": floats(scored["next_days"]),
    }
    return {name: values[active] for name, values in columns.items()}


def _outlook(parameters: NextOrderParameters, x: Floats, recency: Floats, silent: Floats) -> tuple[Floats, Floats]:
    """p_order_again; and days (3 x customers) until 10, 50 and 90 %, given that there is a next purchase.

    Intervals in units of alpha + S are distributed alike for all of a frequency: one table for each serves them all.
    """
    p = parameters
    base = p.alpha + recency - HALF_A_DAY * x
    p_again, days = np.empty(len(x)), np.empty((3, len(x)))
    tails = [(1 + COVERAGE) / 2, 0.5, (1 - COVERAGE) / 2]
    with np.errstate(divide="ignore"):
        log_silent = np.log(silent / base)
    order = np.argsort(x, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(x[order])) + 1) if len(x) else []:
        log_days = log_quantiles(p.k, p.r + p.k * x[rows[0]])
        longer = expit(np.interp(log_silent[rows], log_days, LOG_ODDS))
        p_again[rows] = longer / (longer + p.a / (p.b + x[rows[0]]))
        for place, tail in enumerate(tails):
            with np.errstate(over="ignore", divide="ignore"):
                due = base[rows] * np.exp(np.interp(-logit(longer * tail), -LOG_ODDS, log_days))
            days[place, rows] = np.clip(np.ceil(due - silent[rows]), 1, FURTHEST_DAYS)
    return p_again, days


def interval_probability(customers: pa.Table, parameters: NextOrderParameters) -> Floats:
    """Probability that a next order comes, and from low_days to high_days after the night; NaN without an interval.

    A little more than COVERAGE x p_order_again, as days are whole.

    Args:
        customers: frequency, recency_days, age_days, and low_days and high_days of score_next_order.
        parameters: those that the interval was made with.
    """
    x, recency, age, low, high = (
        floats(customers[name]) for name in ("frequency", "recency_days", "age_days", "low_days", "high_days")
    )
    p, found = parameters, np.full(len(x), np.nan)
    base, silent = p.alpha + recency - HALF_A_DAY * x, age - recency
    known = np.isfinite(x) & np.isfinite(high)
    for frequency in np.unique(x[known]):
        rows = known & (x == frequency)
        log_days = log_quantiles(p.k, p.r + p.k * frequency)
        # Days are whole: an order on a day comes up to a day before its end.
        ends = np.stack([silent[rows], (silent + low - 1)[rows], (silent + high)[rows]])
        with np.errstate(divide="ignore"):
            longer, from_low, from_high = expit(np.interp(np.log(ends / base[rows]), log_days, LOG_ODDS))
        found[rows] = (from_low - from_high) / (longer + p.a / (p.b + frequency))
    return found


@lru_cache(maxsize=10_000)
def log_quantiles(k: float, shape: float) -> Floats:
    """Log of the interval, in units of alpha + S, that is exceeded with each of LOG_ODDS."""
    short, long = LOG_ODDS[LOG_ODDS >= 0], LOG_ODDS[LOG_ODDS < 0]
    # z and 1 - z each by the tail that is the smaller one, which keeps its digits.
    z = np.concatenate([betaincinv(k, shape, expit(-short)), betainccinv(k, shape, expit(long))])
    rest = np.concatenate([betainccinv(shape, k, expit(-short)), betaincinv(shape, k, expit(long))])
    return np.asarray(np.log(z) - np.log(rest))


def evaluate_next_order(forecast: pa.Table, next_days: npt.ArrayLike, follow_up_days: int) -> list[QualityRow]:
    """(metric, value, note) of a forecast made follow_up_days ago.

    Args:
        forecast: score_next_order's rows.
        next_days: days from that night to each customer's next purchase day; NaN for none until tonight.
        follow_up_days: days from that night to tonight. Judged is who was given an interval that has ended since.
    """
    actual = np.asarray(next_days, dtype=float)
    p, low, middle, high = (floats(forecast[name]) for name in ("p_order_again", "low_days", "next_days", "high_days"))
    ended = high <= follow_up_days
    came = ended & np.isfinite(actual)
    if came.sum() < MIN_JUDGED:
        note = f"{int(came.sum())} intervals of {follow_up_days} days ago can be judged; {MIN_JUDGED} are needed"
        return [("coverage", None, note)]
    inside = (actual >= low) & (actual <= high)
    share = float(inside[came].mean())
    error = float(np.sqrt(share * (1 - share) / came.sum()))
    expected = float((COVERAGE * p[ended]).mean())
    again = f"forecast {float(p[ended].mean()):.3f}; who comes after tonight is not in it"
    return [
        (
            "coverage",
            share,
            f"orders within their interval, of {int(came.sum())} that came; stated 0.8 or, as days are "
            f"whole, somewhat more; standard error {error:.4f}",
        ),
        (
            "coverage_of_all",
            float(inside[ended].mean()),
            f"the same of all {int(ended.sum())} whose interval ended, also "
            f"who did not come; stated {expected:.3f} or somewhat more",
        ),
        ("ordered_again", float(came.sum() / ended.sum()), again),
        (
            "median_error_days",
            float(np.median(np.abs(actual - middle)[came])),
            "days between date and order, either way",
        ),
        (
            "late_share",
            float((actual > middle)[came].mean()),
            "orders after their date, of those that came; .5 is right, as days are whole somewhat less",
        ),
    ]


def floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _texts(values: npt.NDArray[np.str_]) -> pa.Array:
    return pa.array([value or None for value in values.tolist()], pa.string())
