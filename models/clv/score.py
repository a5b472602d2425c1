"""Scores of customers by the CLV model: who is still there, and what each is expected to bring.

The models of buying have one shape. A customer buys at a rate of their own, λ ~ Gamma, until they leave for good. Given
that they have not left, λ ~ Gamma(r + frequency, alpha + age), and their future depends on (frequency, age) alone. So
all heavy terms are worked out once per distinct pair, and p_alive carries what recency says.

Sources: as for models.clv.fit, which finds the parameters.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.clv.interval import Prospects, revenue_interval
from models.clv.outlook import futures, still_there
from models.clv.parameters import ClvParameters, Spend
from models.columns import as_table, floats
from models.types import Floats, Rows

# Of the columns that are scores: money to 2 digits, the rest to 6.
DIGITS = {
    "p_alive": 6,
    "expected_purchases": 6,
    "expected_purchase_day_value": 2,
    "clv": 2,
    "clv_low": 2,
    "clv_high": 2,
}


def score_clv(
    customers: Rows,
    parameters: ClvParameters | None,
    spend: Spend | None,
    horizon_days: int,
    discount_rate: float,
    margin_rate: float | None,
) -> pa.Table:
    """One row per customer, in the order given: what is expected of them in the horizon.

    clv = expected discounted purchase days x expected spend on one x margin_rate (or x 1, clv_basis 'revenue', if
    the margin is not known). A purchase t days ahead counts (1 + discount_rate)^(-t / 365).

    clv_low to clv_high is a 95 % predictive interval of what this one customer brings, with the randomness of leaving,
    of buying and of spending in it (the uncertainty of the parameters is small beside it, and left out). 2.5 % bring
    less and 2.5 % more. Where nothing at all is a likely outcome (more than 2.5 %), it starts at 0. It is widened to
    hold clv where it would not. It is NULL if spend.unknown_interval says why.

    A row depends on its own values only, so batches of any size and order give the same. Without parameters of buying,
    or for a customer without a purchase day, all is NULL. Without parameters of spend the amounts of money are.

    p_alive is never that of a model in which one-time buyers can't leave: for BG/NBD it comes from parameters.alive,
    and is NULL without it. The expected purchases are BG/NBD's own.

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
    table = as_table(customers)
    scores = _scores(table, parameters, spend, horizon_days, discount_rate, margin_rate)
    integers = {name: table[name].cast(pa.int64()) for name in ("frequency", "recency_days", "age_days")}
    return pa.table(
        {
            "customer_id": table["customer_id"],
            **integers,
            **{name: _rounded(scores[name], digits) for name, digits in DIGITS.items()},
            "clv_basis": pa.repeat("revenue" if margin_rate is None else "margin", len(table)),
            "horizon_days": pa.repeat(pa.scalar(horizon_days, pa.int64()), len(table)),
        }
    )


def _scores(
    table: pa.Table,
    parameters: ClvParameters | None,
    spend: Spend | None,
    horizon_days: int,
    discount_rate: float,
    margin_rate: float | None,
) -> dict[str, Floats]:
    """The columns of DIGITS, not rounded; NaN where unknown. Arguments as for score_clv."""
    x, recency, age, revenue = (
        floats(table[name]) for name in ("frequency", "recency_days", "age_days", "repeat_revenue")
    )
    scores = dict.fromkeys(DIGITS, np.full(len(x), np.nan))
    if parameters is None:
        return scores
    known = np.isfinite(x) & np.isfinite(recency) & np.isfinite(age)
    x, recency, age = (np.where(known, column, 0.0) for column in (x, recency, age))
    p_alive = np.where(known, still_there(parameters, x, recency, age), np.nan)
    published = p_alive
    if parameters.model == "bg/nbd":
        published = np.where(known, alive_probability(parameters, x, recency, age), np.nan)
    future, cell = futures(parameters, x, age, horizon_days, discount_rate)
    scores |= {"p_alive": published, "expected_purchases": p_alive * future.mean[cell]}
    if spend is None:
        return scores
    value = np.where(known, expected_spend(spend, x, np.where(x > 0, revenue, 0.0)), np.nan)
    rate = 1.0 if margin_rate is None else margin_rate
    clv = p_alive * future.discounted[cell] * value * rate
    scores |= {"expected_purchase_day_value": value, "clv": clv}
    if spend.unknown_interval is not None:
        return scores
    prospects = Prospects(parameters, spend, future, cell, p_alive, value, horizon_days, discount_rate)
    low, high = revenue_interval(prospects)
    low, high = np.fmin(low * rate, high * rate), np.fmax(low * rate, high * rate)
    return scores | {"clv_low": np.fmin(low, clv), "clv_high": np.fmax(high, clv)}


def scaled_scores(scored: pa.Table, factor: Floats) -> pa.Table:
    """What score_clv made, with purchases times a factor by customer, so that they add up to another total."""
    name = "expected_purchases"
    column = _rounded(floats(scored[name]) * factor, DIGITS[name])
    return scored.set_column(scored.schema.get_field_index(name), name, column)


def tier_bounds(clv: npt.ArrayLike) -> dict[str, float]:
    """The clv from which each tier but bronze begins, by the share of customers whose clv is strictly lower.

    platinum: at least 95 % are below; gold: at least 80 %; silver: at least 50 %; bronze: the rest. Where all are equal
    all are bronze (a programme whose customers have all left has no best ones): a tier that nobody reaches begins at
    infinity. A customer without a clv has no tier and does not count.
    """
    values = np.asarray(clv, dtype=float)
    known = np.sort(values[np.isfinite(values)])
    lower = np.searchsorted(known, known, side="left")
    shares = {"platinum": 95, "gold": 80, "silver": 50}
    first = {tier: int(np.searchsorted(100 * lower, percent * len(known))) for tier, percent in shares.items()}
    return {tier: float(known[rank]) if rank < len(known) else np.inf for tier, rank in first.items()}


def alive_probability(parameters: ClvParameters, frequency: Floats, recency_days: Floats, age_days: Floats) -> Floats:
    """Probability that a customer with this history has not left for good, one per customer; to be published.

    BG/NBD, in which one-time buyers can't leave, takes it from parameters.alive; without that it is NaN.
    """
    used = parameters.alive if parameters.model == "bg/nbd" else parameters
    return np.full(len(frequency), np.nan) if used is None else still_there(used, frequency, recency_days, age_days)


def expected_spend(spend: Spend, frequency: Floats, repeat_revenue: Floats) -> Floats:
    """Expected net spend on a purchase day, one per customer; the population's without a repeat purchase.

    A customer's own mean counts by their purchase days, the population's by spend.credibility_days. Sources: Bühlmann
    and Gisler 2005, section 3.2; for Gamma-Gamma this is equation 5 of Fader and Hardie 2013.
    """
    days, mean = spend.credibility_days, spend.population_mean
    if np.isinf(days):
        return np.full(len(frequency), mean)
    seen = days + frequency
    return np.asarray(np.where(seen > 0, (days * mean + repeat_revenue) / np.where(seen > 0, seen, 1.0), mean))


def _rounded(values: Floats, digits: int) -> pa.Array:
    """Rounded, NULL for NaN, and without -0."""
    return pa.array(np.round(values, digits) + 0.0, from_pandas=True)
