"""Spend where Gamma-Gamma has no fit: the same for all, or each customer's mean drawn towards that of all.

The shrunken mean gives a customer's own mean of n days the weight n / (n + k), k = variance of a customer's days /
variance of the customers' means. It is the best linear forecast whatever the distribution of spend, and Gamma-Gamma's
own forecast is of this form. Source: Bühlmann and Gisler 2005, A Course in Credibility Theory, sections 3.2 and 4.8.
"""

from dataclasses import replace

import pandas as pd

from models.clv.parameters import MAX_VARIATION, SpendMoments

# Days of one price differ by rounding. A customer may only ever pay the higher one: the interval holds the whole range.
CONSTANT_RANGE = 0.01


# The variance of a customer's days, and of customers, is not known well enough for an interval with fewer.
MIN_COMPARED = 30


def constant_spend(rows: pd.DataFrame) -> SpendMoments | None:
    """The spend of all customers on all later purchase days, if it is the same; None if it is not.

    Args:
        rows: as of shrunken_spend, at least one.
    """
    least, most = float(rows["least_value"].min()), float(rows["most_value"].max())
    days = rows["frequency"] * rows["customer_count"]
    mean = min(max(float((days * rows["mean_repeat_value"]).sum() / days.sum()), least), most)
    if most - least > CONSTANT_RANGE * mean:
        return None
    spend = f"{least:.2f}" if least == most else f"{least:.2f} to {most:.2f}"
    reason = f"all customers spend the same on a purchase day, {spend}"
    return _with_interval(SpendMoments("constant", mean, 0.0, 0.0, reason, least, most), rows)


def shrunken_spend(rows: pd.DataFrame, reason: str) -> SpendMoments:
    """Mean and variances of spend: of a customer's days, and between customers.

    If no customer spent on a third day, nothing tells the two variances apart: all are then expected to spend the mean.

    Args:
        rows: one per pattern: frequency (later purchase days), mean_repeat_value (net spend on one), customer_count,
            squared_value (sum of the squares of the customers' days), least_value and most_value (of these days); all
            above 0.
        reason: why it is not Gamma-Gamma.
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
    day_variation, customer_variation = within / (mean**2 + between), between / mean**2
    return _with_interval(SpendMoments("shrunken mean", mean, day_variation, customer_variation, reason), rows)


def _with_interval(spend: SpendMoments, rows: pd.DataFrame) -> SpendMoments:
    """The parameters, with the reason why CLV has no interval, if there is one."""
    customers = int(rows["customer_count"].sum())
    compared = int((rows["customer_count"] * (rows["frequency"] - 1)).sum())
    unknown = None
    if customers < MIN_COMPARED:
        unknown = f"only {customers} customers spent money on a second day, and {MIN_COMPARED} are needed"
    elif spend.kind == "shrunken mean" and compared < MIN_COMPARED:
        unknown = (
            f"customers spent money on only {compared} days after the second, and {MIN_COMPARED} are needed to see how "
            "much one customer's days differ"
        )
    elif spend.total_variation > MAX_VARIATION:
        unknown = (
            f"spend varies too much, by {spend.total_variation:.3g} times its squared mean, and {MAX_VARIATION:g} is "
            "the most (a few huge spenders can cause this)"
        )
    return replace(spend, unknown_interval=unknown)
