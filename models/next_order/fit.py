"""The fit of the next order: how regular intervals are, then MBG/CNBD-k by maximum likelihood."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize, minimize_scalar
from scipy.special import betaincc, betaln, gammaln

from models.next_order.parameters import HALF_A_DAY, NextOrderParameters
from models.types import Floats, QualityRow

MIN_REPEAT_CUSTOMERS = 30


K_BOUNDS = (0.1, 20.0)


@dataclass(frozen=True)
class NextOrderFit:
    """One fit: its parameters, None if refused, and why (note, in a marketer's words).

    log_likelihood is that of buying and leaving given k, without (k - 1) Σ log(days), which no parameter changes.
    """

    parameters: NextOrderParameters | None
    log_likelihood: float | None
    customers: int
    repeat_customers: int
    note: str

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality, without those of the parameters."""
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
    by_customer = rows.groupby("customer_id", sort=True)[["interval_count", "days", "logs"]].sum()
    by_customer = by_customer[by_customer["interval_count"] > 1]
    if len(by_customer) < MIN_REPEAT_CUSTOMERS:
        return None
    count, customers = np.unique(by_customer["interval_count"].to_numpy(dtype=float), return_counts=True)
    total = float(count @ customers)
    log_shares = float((by_customer["logs"] - by_customer["interval_count"] * np.log(by_customer["days"])).sum())

    def loss(log_k: float) -> float:
        k = np.exp(log_k)
        return float(total * gammaln(k) - gammaln(k * count) @ customers - (k - 1) * log_shares)

    found = minimize_scalar(loss, bounds=tuple(np.log(K_BOUNDS)), method="bounded")
    return float(np.exp(found.x))


def fit_next_order(
    patterns: pd.DataFrame, k: float | None, start: NextOrderParameters | None = None, rounding: float = HALF_A_DAY
) -> NextOrderFit:
    """Parameters by maximum likelihood for a given k.

    Args:
        patterns: frequency (later purchase days), recency_days (first to last purchase day), age_days (first purchase
            day to the night) and customer_count, of a pattern; the order of rows is without effect.
        k: see regularity; None: unknown.
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
        return NextOrderFit(None, None, customers, repeaters, note)
    spent, silent = recency - rounding * x, age - recency

    def loss(logs: Floats) -> float:
        r, alpha, a, b = np.exp(logs)
        shape, base = r + k * x, alpha + spent
        longer = betaincc(k, shape, silent / (base + silent))
        likelihood = gammaln(shape) - gammaln(r) - x * gammaln(k) + r * np.log(alpha) - shape * np.log(base)
        leaving = betaln(a, b + x + 1) - betaln(a, b) + np.log(longer + a / (b + x))
        return -float(weight @ (likelihood + leaving)) / customers

    mean_age = float(weight @ age) / customers
    first = start or NextOrderParameters(k, 1.0, max(mean_age / 10, 1.0), 0.5, 2.0)
    # No shop comes near these bounds; at a = b = 0 nobody would ever leave, and the data could not say so.
    bounds = [(-7.0, 7.0), (-7.0, 12.0), (-7.0, 7.0), (-7.0, 9.0)]
    guess = np.clip(np.log([first.r, first.alpha, first.a, first.b]), *np.transpose(bounds))
    found = minimize(loss, guess, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-8})
    parameters = NextOrderParameters(k, *(round(float(value), 9) for value in np.exp(found.x)))
    note = f"{customers} customers, of whom {repeaters} bought again; k = 1 is buying at random, above is regular"
    return NextOrderFit(parameters, -float(found.fun) * customers, customers, repeaters, note)
