"""Scores of customers by the CLV models: who is still there, what each will bring, and all of them together.

The buying models share one shape. A customer buys at his own rate, λ ~ Gamma, until he is gone for good; given that he
is not gone, λ ~ Gamma(r + frequency, alpha + age), and his future depends on (frequency, age) alone. So all heavy terms
are worked out once per distinct pair, and p_alive carries what recency says.

Sources: as for models.clv, which fits the parameters.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.optimize.elementwise import find_root
from scipy.special import betainc, betainccinv, betaln, ndtri

from models.clv.outlook import COVERAGE, Future, floats, futures, still_there
from models.clv.parameters import ClvParameters, Floats, SpendParameters

# What drift is watched on, by the part of the model that learns from it or makes it.
WATCHED = {
    "buying": ("days_between_purchases", "days_since_last_purchase", "p_alive", "expected_purchases"),
    "spend": ("mean_repeat_value", "expected_purchase_day_value"),
}


def score_clv(
    customers: pa.Table | pd.DataFrame,
    parameters: ClvParameters | None,
    spend: SpendParameters | None,
    horizon_days: int,
    discount_rate: float,
    margin_rate: float | None,
) -> pa.Table:
    """One row per customer, in the order given: what is expected of him in the horizon.

    clv = expected discounted purchase days x expected spend on one x margin_rate (or x 1, clv_basis 'revenue', if
    the margin is not known). A purchase t days ahead counts (1 + discount_rate)^(-t / 365).

    clv_low to clv_high is a 95 % predictive interval of what this one customer brings, with the randomness of being
    gone, of buying and of spending in it (the uncertainty of the parameters is small beside it, and left out). Where
    nothing at all is a likely outcome (more than 2.5 %), it starts at 0 and leaves out the highest 5 %; otherwise
    2.5 % on either side. It is widened to hold clv where it would not.

    A row depends on its own values only, so batches of any size and order give the same. Without buying parameters,
    or for a customer without a purchase day, all is NULL; without spend parameters what is in money is.

    p_alive is never of a model in which one-time buyers can't be gone: for BG/NBD it is that of parameters.alive, and
    NULL without. The purchases expected are BG/NBD's own.

    Args:
        customers: customer_id, frequency, recency_days, age_days, repeat_revenue (net spend on later purchase days).
        parameters: of fit_clv.
        spend: of fit_spend.
        horizon_days: how far to look ahead.
        discount_rate: a year; .1 for 10 %.
        margin_rate: margin / revenue of the whole programme, None if unknown: one basis for all customers.

    Returns:
        customer_id, frequency, recency_days, age_days, p_alive, expected_purchases, expected_purchase_day_value, clv,
        clv_low, clv_high (money to 2 digits, the rest to 6), clv_basis, horizon_days.
    """
    table = customers if isinstance(customers, pa.Table) else pa.Table.from_pandas(customers, preserve_index=False)
    x, recency, age, revenue = (
        floats(table[name]) for name in ("frequency", "recency_days", "age_days", "repeat_revenue")
    )
    missing = np.full(len(x), np.nan)
    published = purchases = value = clv = low = high = missing
    if parameters is not None:
        known = np.isfinite(x) & np.isfinite(recency) & np.isfinite(age)
        x, recency, age = (np.where(known, column, 0.0) for column in (x, recency, age))
        p_alive = np.where(known, still_there(parameters, x, recency, age), np.nan)
        published = p_alive
        if parameters.model == "bg/nbd":
            published = np.where(known, alive_probability(parameters, x, recency, age), np.nan)
        future, cell = futures(parameters, x, age, horizon_days, discount_rate)
        purchases = p_alive * future.mean[cell]
        if spend is not None:
            revenue = np.where(x > 0, revenue, 0.0)
            value = np.where(known, expected_spend(spend, x, revenue), np.nan)
            rate = 1.0 if margin_rate is None else margin_rate
            clv = p_alive * future.discounted[cell] * value * rate
            low, high = _interval(parameters, spend, future, cell, p_alive, revenue, horizon_days)
            low, high = np.fmin(low * rate, high * rate), np.fmax(low * rate, high * rate)
            low, high = np.fmin(low, clv), np.fmax(high, clv)
    basis = "revenue" if margin_rate is None else "margin"
    integers = {name: table[name].cast(pa.int64()) for name in ("frequency", "recency_days", "age_days")}
    return pa.table(
        {
            "customer_id": table["customer_id"],
            **integers,
            "p_alive": _rounded(published, 6),
            "expected_purchases": _rounded(purchases, 6),
            "expected_purchase_day_value": _rounded(value, 2),
            "clv": _rounded(clv, 2),
            "clv_low": _rounded(low, 2),
            "clv_high": _rounded(high, 2),
            "clv_basis": pa.repeat(basis, len(table)),
            "horizon_days": pa.repeat(pa.scalar(horizon_days, pa.int64()), len(table)),
        }
    )


def watched_columns(customers: pa.Table, scored: pa.Table, active_days: int) -> dict[str, Floats]:
    """What drift is watched on, of the active customers: the columns of WATCHED.

    Frequency, age and days from the first to the last purchase grow by themselves, of each customer and in a young
    programme of all; the mean days between purchases and the days since the last one don't, among those who bought
    within active_days. A one-time buyer has no days between purchases and no repeat value: NaN, a bin of its own.

    Args:
        customers: as given to score_clv.
        scored: what it made of them.
        active_days: who bought within so many days is active.
    """
    x, recency, age, revenue = (
        floats(customers[name]) for name in ("frequency", "recency_days", "age_days", "repeat_revenue")
    )
    repeats = np.where(x > 0, x, np.nan)
    scores = ("p_alive", "expected_purchases", "expected_purchase_day_value")
    columns = {
        "days_between_purchases": recency / repeats,
        "days_since_last_purchase": age - recency,
        "mean_repeat_value": revenue / repeats,
        **{name: floats(scored[name]) for name in scores},
    }
    active = age - recency < active_days
    return {name: values[active] for name, values in columns.items()}


def tier_bounds(clv: npt.ArrayLike) -> dict[str, float]:
    """The clv from which each tier but bronze begins, by the share of customers whose clv is strictly lower.

    platinum: at least 95 % are below; gold: at least 80 %; silver: at least 50 %; bronze: the rest, and so all of many
    equals (a programme whose customers are all gone has no best ones): a tier that nobody reaches begins at infinity.
    A customer without a clv has no tier and does not count.
    """
    values = np.asarray(clv, dtype=float)
    known = np.sort(values[np.isfinite(values)])
    lower = np.searchsorted(known, known, side="left")
    shares = {"platinum": 95, "gold": 80, "silver": 50}
    first = {tier: int(np.searchsorted(100 * lower, percent * len(known))) for tier, percent in shares.items()}
    return {tier: float(known[place]) if place < len(known) else np.inf for tier, place in first.items()}


def alive_probability(parameters: ClvParameters, frequency: Floats, recency_days: Floats, age_days: Floats) -> Floats:
    """Probability that a customer with this history has not left for good, one per customer; to be published.

    BG/NBD, in which one-time buyers can't be gone, leaves it to parameters.alive; without, it is NaN.
    """
    used = parameters.alive if parameters.model == "bg/nbd" else parameters
    return np.full(len(frequency), np.nan) if used is None else still_there(used, frequency, recency_days, age_days)


def expected_spend(spend: SpendParameters, frequency: Floats, repeat_revenue: Floats) -> Floats:
    """Expected net spend on a purchase day, one per customer; the population's for who has no repeat purchase.

    Source: Fader and Hardie 2013, equation 5.
    """
    return spend.p * (spend.v + repeat_revenue) / (spend.p * frequency + spend.q - 1)


def _interval(
    parameters: ClvParameters,
    spend: SpendParameters,
    future: Future,
    cell: npt.NDArray[np.intp],
    p_alive: Floats,
    repeat_revenue: Floats,
    horizon: int,
) -> tuple[Floats, Floats]:
    """Lowest and highest revenue of the 95 % predictive interval, one per customer.

    Given N purchase days, their spend is Gamma(p N) / rate with rate ~ Gamma(q + p x, v + repeat revenue). Given N > 0,
    a gamma is matched to mean and variance over N: the sum is then a scaled beta prime, whose quantiles are closed.
    Its lower tail is too thin for the few who almost surely buy, as some of them leave early: theirs comes from the
    exact distribution of N, with the spread of spend added in squares on the log scale (Zou and Donner 2008).
    """
    buys = 1 - future.none
    mean = future.mean / buys
    variance = np.maximum((future.pairs + future.mean) / buys - mean**2, 0.0)
    sum_mean, sum_variance = spend.p * mean, spend.p * mean + spend.p**2 * variance
    shape, scale = sum_mean**2 / sum_variance, sum_variance / sum_mean
    unit = (future.discounted / future.mean)[cell] * (spend.v + repeat_revenue)
    spend_shape = (spend.q + spend.p * future.frequency)[cell]
    any_purchase = p_alive * buys[cell]
    tail = (1 - COVERAGE) / 2

    def quantile(upper_tail: Floats, rows: npt.NDArray[np.intp]) -> Floats:
        z = betainccinv(shape[cell[rows]], spend_shape[rows], upper_tail / any_purchase[rows])
        return np.asarray(unit[rows] * scale[cell[rows]] * z / (1 - z))

    low = np.where(np.isnan(p_alive), np.nan, 0.0)
    high = low.copy()
    starts_above_zero = any_purchase > 1 - tail
    upper_tail = np.where(starts_above_zero, tail, 2 * tail)
    rows = np.flatnonzero(any_purchase > upper_tail)
    high[rows] = quantile(upper_tail[rows], rows)
    rows = np.flatnonzero(starts_above_zero)
    if parameters.model == "pareto/nbd":
        low[rows] = quantile(np.full(len(rows), 1 - tail), rows)
        return low, high
    places = cell[rows]
    least = _purchase_days_exceeded(parameters, future, places, (1 - tail) / p_alive[rows], horizon)
    spread = 1 / (spend.p * least) + 1 / spend_shape[rows]
    distance = np.sqrt(np.log(least / future.mean[places]) ** 2 + ndtri(1 - tail) ** 2 * spread)
    low[rows] = unit[rows] * spend.p * future.mean[places] / (spend_shape[rows] - 1) * np.exp(-distance)
    return low, high


def _purchase_days_exceeded(
    parameters: ClvParameters, future: Future, cell: npt.NDArray[np.intp], probability: Floats, horizon: int
) -> Floats:
    """The number of purchase days that is exceeded with this probability by a customer who has not left.

    P(N >= n) = P(NB(r + x, .) >= n) x P(he stays through n - 1 purchases), both continued between whole numbers; half
    a purchase is added, as spend smooths the steps. MBG/NBD and BG/NBD.
    """
    x, age = future.frequency[cell], future.age[cell]
    passed = parameters.b + x + (parameters.model == "mbg/nbd")
    shape, scale = parameters.r + x, parameters.alpha + age
    share = horizon / (scale + horizon)

    def excess(n: Floats, passed: Floats, shape: Floats, share: Floats, probability: Floats) -> Floats:
        stays = np.exp(betaln(parameters.a, passed + n - 0.5) - betaln(parameters.a, passed))
        return np.asarray(betainc(n + 0.5, shape, share) * stays - probability)

    # P(N >= 1) is above the probability (but for a rounding), and by Markov's inequality P(N >= 2 mean) is below.
    bracket = (np.full(len(cell), 0.5), 2 * shape * horizon / scale + 0.5)
    found = find_root(excess, bracket, args=(passed, shape, share, probability), tolerances={"xrtol": 1e-6})
    return np.where(found.success, found.x, 0.5)


def _rounded(values: Floats, digits: int) -> pa.Array:
    """Rounded, NULL for NaN, and without -0."""
    return pa.array(np.round(values, digits) + 0.0, from_pandas=True)
