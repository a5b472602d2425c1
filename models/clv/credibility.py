"""Spend where Gamma-Gamma has no fit: each customer's mean, drawn towards that of all.

A customer's own mean of n days has the weight n / (n + k), k = variance of a customer's days / variance of the
customers' means. It is the best linear forecast whatever the distribution of spend, and Gamma-Gamma's is of this form.
Source: Bühlmann and Gisler 2005, A Course in Credibility Theory, sections 3.2 and 4.8.
"""

from dataclasses import replace

import pandas as pd

from models.clv.parameters import MAX_VARIATION, SpendMoments

# Of fewer days after each customer's second the variance within customers is not known well enough for an interval.
MIN_COMPARED = 30


def shrunken_spend(rows: pd.DataFrame, reason: str) -> SpendMoments:
    """Mean and variances of spend: of a customer's days, and between customers.

    If no customer spent on a third day, nothing tells the two variances apart: all are then expected to spend the mean.

    Args:
        rows: one per pattern: frequency (later purchase days), mean_repeat_value (net spend on one), customer_count,
            squared_value (sum of the squares of the customers' days); all above 0.
        reason: why it is not Gamma-Gamma, if customers do not all spend the same.
    """
    x, value, count, squares = (
        rows[name].to_numpy(float) for name in ("frequency", "mean_repeat_value", "customer_count", "squared_value")
    )
    days, customers = count * x, count.sum()
    overall = float((days * value).sum() / days.sum())
    spread = float((days * (value - overall) ** 2).sum())
    compared = days.sum() - customers
    between = within = 0.0
    if compared:
        deviations = float((squares - days * value**2).clip(0).sum())
        within = deviations / compared if deviations > 1e-12 * squares.sum() else 0.0  # below that it is rounding
    elif spread:
        within = spread / (customers - 1)
    if compared and customers > 1:
        between = max((spread - (customers - 1) * within) / (days.sum() - (days * x).sum() / days.sum()), 0.0)
    weight = days if between == 0 else count * x / (x + within / between)
    mean = float((weight * value).sum() / weight.sum())
    found = SpendMoments(mean, within / (mean**2 + between), between / mean**2, f"shrunken mean: {reason}")
    if found.is_the_same:
        return replace(found, reason=f"all customers spend the same on a purchase day, {mean:.2f}")
    return replace(found, unknown_interval=_unknown_interval(found, int(compared)))


def _unknown_interval(spend: SpendMoments, compared: int) -> str | None:
    if compared < MIN_COMPARED:
        return (
            f"customers spent money on only {compared} days after the second, and {MIN_COMPARED} are needed to see how "
            "much one customer's days differ"
        )
    if spend.total_variation > MAX_VARIATION:
        return (
            f"spend varies too much, by {spend.total_variation:.3g} times its squared mean, and {MAX_VARIATION:g} is "
            "the most (a few huge spenders can cause this)"
        )
    return None
