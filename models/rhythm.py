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

import json
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.optimize import minimize, minimize_scalar
from scipy.special import betaincc, betainccinv, betaincinv, betaln, expit, gammaln, logit

Floats = npt.NDArray[np.float64]
QualityRow = tuple[str, float | None, str]

COVERAGE = 0.8
# Less likely than this to order again: no date is named, as any would more likely be wrong than right.
PRESUMED_GONE = 0.5
# Of what lies further ahead nothing is known; where few buy often, single intervals would reach thousands of years.
FURTHEST_DAYS = 3_650
MIN_REPEAT_CUSTOMERS = 30
MIN_JUDGED = 100
K_BOUNDS = (0.1, 20.0)
HALF_A_DAY = 0.5
# Log-odds between which an interval's distribution is tabulated: from one in ten million to less than one in 10^12.
LOG_ODDS = np.linspace(16.0, -28.0, 353)
# What drift is watched on: what the model learns from, and what it makes of it.
WATCHED = ("days_between_purchases", "days_since_last_purchase", "p_order_again", "next_order_days")


@dataclass(frozen=True)
class RhythmParameters:
    """How a population buys and leaves; alpha in days, the rest without a unit."""

    k: float
    r: float
    alpha: float
    a: float
    b: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RhythmParameters":
        """The parameters that to_json wrote.

        Raises:
            ValueError: a parameter is not a positive number.
        """
        parameters = cls(**json.loads(text))
        if not all(np.isfinite(value) and value > 0 for value in asdict(parameters).values()):
            raise ValueError(f"not a set of parameters: {parameters}")
        return parameters

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality."""
        return [(name, value, "parameter of MBG/CNBD-k") for name, value in asdict(self).items()]


@dataclass(frozen=True)
class RhythmFit:
    """One fit: parameters, None if refused, and why (note, in a marketer's words).

    log_likelihood is that of buying and leaving given k, without (k - 1) Σ log(days), which no parameter changes.
    """

    parameters: RhythmParameters | None
    log_likelihood: float | None
    customers: int
    repeat_customers: int
    note: str

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality, without the parameters'."""
        rows: list[QualityRow] = [("customers", float(self.customers), self.note)]
        if self.parameters is not None:
            rows.append(("log_likelihood", self.log_likelihood, "of buying and leaving, given k"))
        return rows


def regularity(intervals: pd.DataFrame, rounding: float = HALF_A_DAY) -> float | None:
    """Regularity k by maximum likelihood, whatever the rates: shares of a customer's days are Dirichlet(k, …, k).

    Args:
        intervals: grain customer and length of an interval between purchase days: customer_id, interval_days,
            interval_count.
        rounding: days by which an interval is counted too long on average.

    Returns:
        None for fewer than 30 customers with two intervals or more.
    """
    days = intervals["interval_days"] - rounding
    rows = intervals.assign(days=days * intervals["interval_count"], logs=np.log(days) * intervals["interval_count"])
    own = rows.groupby("customer_id", sort=True)[["interval_count", "days", "logs"]].sum()
    own = own[own["interval_count"] > 1]
    if len(own) < MIN_REPEAT_CUSTOMERS:
        return None
    count, customers = np.unique(own["interval_count"].to_numpy(dtype=float), return_counts=True)
    total = float(count @ customers)
    log_shares = float((own["logs"] - own["interval_count"] * np.log(own["days"])).sum())

    def loss(log_k: float) -> float:
        k = np.exp(log_k)
        return float(total * gammaln(k) - gammaln(k * count) @ customers - (k - 1) * log_shares)

    found = minimize_scalar(loss, bounds=tuple(np.log(K_BOUNDS)), method="bounded")
    return float(np.exp(found.x))


def fit_rhythm(
    patterns: pd.DataFrame, k: float | None, start: RhythmParameters | None = None, rounding: float = HALF_A_DAY
) -> RhythmFit:
    """Parameters by maximum likelihood for a given k.

    Args:
        patterns: frequency (later purchase days), recency_days (first to last purchase day), age_days (first to the
            night) and customer_count, the customers who share them; the order of rows is without effect.
        k: see regularity; None: it can't be told.
        start: where to begin the search, such as the last fit.
        rounding: as in regularity.

    Raises:
        ValueError: a pattern can't be, such as a purchase after the night.
    """
    keys = ["frequency", "recency_days", "age_days"]
    rows = patterns.groupby(keys, sort=True)["customer_count"].sum().reset_index().astype(float)
    x, recency, age, weight = (rows[name].to_numpy() for name in (*keys, "customer_count"))
    if ((recency < x * 2 * rounding) | (age < recency) | (x < 0)).any():
        raise ValueError("a purchase pattern can't be: frequency 0 or more, and as many days, within the age")
    customers, repeaters = int(weight.sum()), int(weight[x > 0].sum())
    if k is None or repeaters < MIN_REPEAT_CUSTOMERS:
        needed = f"{MIN_REPEAT_CUSTOMERS} who bought on three days or more are needed to see a rhythm"
        note = f"no model of the next order: {repeaters} of {customers} customers bought again; {needed}"
        return RhythmFit(None, None, customers, repeaters, note)
    spent, silent = recency - rounding * x, age - recency

    def loss(logs: Floats) -> float:
        r, alpha, a, b = np.exp(logs)
        shape, base = r + k * x, alpha + spent
        longer = betaincc(k, shape, silent / (base + silent))
        likelihood = gammaln(shape) - gammaln(r) - x * gammaln(k) + r * np.log(alpha) - shape * np.log(base)
        leaving = betaln(a, b + x + 1) - betaln(a, b) + np.log(longer + a / (b + x))
        return -float(weight @ (likelihood + leaving)) / customers

    mean_age = float(weight @ age) / customers
    first = start or RhythmParameters(k, 1.0, max(mean_age / 10, 1.0), 0.5, 2.0)
    # Bounds that no shop comes near; at a = b = 0 nobody would ever leave and the data could not say so.
    bounds = [(-7.0, 7.0), (-7.0, 12.0), (-7.0, 7.0), (-7.0, 9.0)]
    guess = np.clip(np.log([first.r, first.alpha, first.a, first.b]), *np.transpose(bounds))
    found = minimize(loss, guess, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-8})
    parameters = RhythmParameters(k, *(round(float(value), 9) for value in np.exp(found.x)))
    note = f"{customers} customers, of whom {repeaters} bought again; k = 1 is buying at random, above is regular"
    return RhythmFit(parameters, -float(found.fun) * customers, customers, repeaters, note)


def score_rhythm(customers: pa.Table, parameters: RhythmParameters | None) -> pa.Table:
    """One row per customer, in the order given: the next purchase day, in days from the night (1: the next day).

    p_order_again: that there will be one. low_days, next_days (median) and high_days, given that there is one: on or
    before each with 10, 50 and 90 %, ten years at the most. NULL, and reason says why, for no_purchase (all was
    returned), no_model, presumed_gone, and far_off. method is own_rhythm, or population for who bought on one day only.
    A row depends on its own values only, so batches give the same.

    Args:
        customers: customer_id, frequency, recency_days, age_days (NULLs for who has no purchase day).
        parameters: of the population; None: refused.
    """
    x, recency, age = (_floats(customers[name]) for name in ("frequency", "recency_days", "age_days"))
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
        customers: as given to score_rhythm.
        scored: what it made of them.
        active_days: who bought within so many days is active.
    """
    x, recency, age = (_floats(customers[name]) for name in ("frequency", "recency_days", "age_days"))
    active = age - recency < active_days
    columns = {
        "days_between_purchases": recency / np.where(x > 0, x, np.nan),
        "days_since_last_purchase": age - recency,
        "p_order_again": _floats(scored["p_order_again"]),
        "next_order_days": _floats(scored["next_days"]),
    }
    return {name: values[active] for name, values in columns.items()}


def _outlook(parameters: RhythmParameters, x: Floats, recency: Floats, silent: Floats) -> tuple[Floats, Floats]:
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
        log_days = _log_quantiles(p.k, p.r + p.k * x[rows[0]])
        longer = expit(np.interp(log_silent[rows], log_days, LOG_ODDS))
        p_again[rows] = longer / (longer + p.a / (p.b + x[rows[0]]))
        for place, tail in enumerate(tails):
            with np.errstate(over="ignore", divide="ignore"):
                due = base[rows] * np.exp(np.interp(-logit(longer * tail), -LOG_ODDS, log_days))
            days[place, rows] = np.clip(np.ceil(due - silent[rows]), 1, FURTHEST_DAYS)
    return p_again, days


def interval_probability(customers: pa.Table, parameters: RhythmParameters) -> Floats:
    """Probability that a next order comes, and from low_days to high_days after the night; NaN without an interval.

    A little more than COVERAGE x p_order_again, as days are whole.

    Args:
        customers: frequency, recency_days, age_days, and low_days and high_days of score_rhythm.
        parameters: those that the interval was made with.
    """
    x, recency, age, low, high = (
        _floats(customers[name]) for name in ("frequency", "recency_days", "age_days", "low_days", "high_days")
    )
    p, found = parameters, np.full(len(x), np.nan)
    base, silent = p.alpha + recency - HALF_A_DAY * x, age - recency
    known = np.isfinite(x) & np.isfinite(high)
    for frequency in np.unique(x[known]):
        rows = known & (x == frequency)
        log_days = _log_quantiles(p.k, p.r + p.k * frequency)
        # Days are whole: an order on a day comes up to a day before its end.
        ends = np.stack([silent[rows], (silent + low - 1)[rows], (silent + high)[rows]])
        with np.errstate(divide="ignore"):
            longer, from_low, from_high = expit(np.interp(np.log(ends / base[rows]), log_days, LOG_ODDS))
        found[rows] = (from_low - from_high) / (longer + p.a / (p.b + frequency))
    return found


@lru_cache(maxsize=10_000)
def _log_quantiles(k: float, shape: float) -> Floats:
    """Log of the interval, in units of alpha + S, that is exceeded with each of LOG_ODDS."""
    short, long = LOG_ODDS[LOG_ODDS >= 0], LOG_ODDS[LOG_ODDS < 0]
    # z and 1 - z each by the tail that is the smaller one, which keeps its digits.
    z = np.concatenate([betaincinv(k, shape, expit(-short)), betainccinv(k, shape, expit(long))])
    rest = np.concatenate([betainccinv(shape, k, expit(-short)), betaincinv(shape, k, expit(long))])
    return np.asarray(np.log(z) - np.log(rest))


def judge_rhythm(forecast: pa.Table, next_days: npt.ArrayLike, follow_up_days: int) -> list[QualityRow]:
    """(metric, value, note) of a forecast made follow_up_days ago.

    Args:
        forecast: score_rhythm's rows.
        next_days: days from that night to each customer's next purchase day; NaN for none until tonight.
        follow_up_days: days from that night to tonight. Judged is who was given an interval that has ended since.
    """
    actual = np.asarray(next_days, dtype=float)
    p, low, middle, high = (_floats(forecast[name]) for name in ("p_order_again", "low_days", "next_days", "high_days"))
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


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _texts(values: npt.NDArray[np.str_]) -> pa.Array:
    return pa.array([value or None for value in values.tolist()], pa.string())
