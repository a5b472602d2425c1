"""What campaigns caused: treated against a randomised control group, per customer as assigned, with 95 % intervals.

Sources: Welch 1947 (difference of means), Newcombe 1998, method 10 (difference of shares, from Wilson's intervals).
"""

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
from scipy.stats import norm, t

COVERAGE = 0.95


MIN_BUYERS = 20  # with fewer in an arm a t interval of zero-inflated spend covers far less than it says


_MARGIN = "margin_per_customer"


_TYPES = {
    "campaign_id": "string",
    "metric": "string",
    "segment": "string",
    "treated_customers": "int64",
    "control_customers": "int64",
    "control_buyers": "int64",
    "treated_mean": "float64",
    "control_mean": "float64",
    "effect": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "window_days": "int64",
    "is_complete": "bool",
    "method": "string",
    "cost_amount": "float64",
    "incremental_profit": "float64",
    "roi": "float64",
    "roi_low": "float64",
    "roi_high": "float64",
    "verdict": "string",
}


@dataclass(frozen=True)
class Sample:
    """Values of n customers, as mean and variance (of a sample, n - 1; NaN for n < 2)."""

    n: int
    mean: float
    variance: float


@dataclass(frozen=True)
class Estimate:
    """An effect per customer with its 95 % interval; NaN where it can't be known."""

    effect: float
    low: float
    high: float


_NO_INTERVAL = (math.nan, math.nan)


_UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def campaign_effects(outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row per campaign, metric and segment: what the campaign caused, and whether that can be known.

    With a control arm (method `randomised`) effect = treated mean - control mean. Without one (`before_after`) it is
    the treated in the window less the same customers in the pre-period. That has season and all else in it, so it is a
    change: it has no interval, profit or ROI, and is known only once the campaign is over and if the data cover all of
    the pre-period. An unfinished campaign has no profit and no ROI yet.

    incremental_profit = effect on margin x treated customers, and roi = (incremental_profit - cost_amount) /
    cost_amount. They stand in the row of margin_per_customer only, so that nobody adds them up over metrics; NaN where
    margin or cost is unknown or the cost is 0.

    Args:
        outcomes: campaign_outcome: exact sums per campaign_id, arm, segment and metric. A sum is None where the value
            of a customer is unknown.

    Returns:
        campaign_effect: treated_mean, control_mean, effect, ci_low and ci_high per customer, in the metric's unit
        (share, orders or currency), in order of campaign_id, segment and metric; NaN where unknown.
    """
    rows = [
        _effect_row(campaign_id, metric, segment, {row["arm"]: row for row in arms.to_dict("records")})
        for (campaign_id, segment, metric), arms in outcomes.groupby(["campaign_id", "segment", "metric"], sort=True)
    ]
    return pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)


def mean_difference(treated: Sample, control: Sample) -> Estimate:
    """Difference treated - control with Welch's 95 % interval (NaN where an arm has fewer than two customers)."""
    effect = treated.mean - control.mean
    treated_error, control_error = treated.variance / max(treated.n, 1), control.variance / max(control.n, 1)
    squared_error = treated_error + control_error
    if math.isnan(squared_error) or squared_error == 0:  # unknown; or all alike in both arms
        return Estimate(effect, effect + squared_error, effect + squared_error)
    freedom = squared_error**2 / (treated_error**2 / (treated.n - 1) + control_error**2 / (control.n - 1))
    return _symmetric(effect, squared_error, freedom)


def rate_difference(treated_buyers: int, treated: int, control_buyers: int, control: int) -> Estimate:
    """Difference of two shares with Newcombe's 95 % interval, which also holds at shares near 0 and 1."""
    if not (treated and control):
        return _UNKNOWN
    p, q = treated_buyers / treated, control_buyers / control
    p_low, p_high = wilson_interval(treated_buyers, treated)
    q_low, q_high = wilson_interval(control_buyers, control)
    effect = p - q
    return Estimate(effect, effect - math.hypot(p - p_low, q_high - q), effect + math.hypot(p_high - p, q - q_low))


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, n > 0."""
    z = float(norm.ppf((1 + COVERAGE) / 2))
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _symmetric(effect: float, squared_error: float, freedom: float) -> Estimate:
    half = float(t.ppf((1 + COVERAGE) / 2, freedom)) * math.sqrt(squared_error)
    return Estimate(effect, effect - half, effect + half)


def _effect_row(
    campaign_id: Hashable, metric: Hashable, segment: Hashable, arms: dict[str, dict[Hashable, Any]]
) -> dict[str, Any]:
    treated, control = arms.get("treated"), arms.get("control")
    treated_sample, control_sample = _window(treated), _window(control)
    is_complete = all(arm["is_complete"] for arm in arms.values())
    if control is None:
        method, estimate = "before_after", Estimate(_change(treated).mean if is_complete else math.nan, *_NO_INTERVAL)
    elif metric == "buyer_rate":
        method = "randomised"
        estimate = rate_difference(_count(treated, "buyers"), treated_sample.n, control["buyers"], control_sample.n)
    else:
        method, estimate = "randomised", mean_difference(treated_sample, control_sample)
    cost = _number(next(iter(arms.values()))["cost_amount"])
    buyers = min(_count(treated, "buyers"), _count(control, "buyers"))
    has_profit = method == "randomised" and metric == _MARGIN and is_complete
    profit, *bounds = (
        value * treated_sample.n if has_profit else math.nan for value in (estimate.effect, estimate.low, estimate.high)
    )
    roi, roi_low, roi_high = ((value - cost) / cost if cost > 0 else math.nan for value in (profit, *bounds))
    return {
        "campaign_id": campaign_id,
        "metric": metric,
        "segment": segment,
        "treated_customers": treated_sample.n,
        "control_customers": control_sample.n,
        "control_buyers": _count(control, "buyers"),
        "treated_mean": treated_sample.mean,
        "control_mean": control_sample.mean,
        "effect": estimate.effect,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "window_days": max(arm["window_days"] for arm in arms.values()),
        "is_complete": is_complete,
        "method": method,
        "cost_amount": cost,
        "incremental_profit": profit,
        "roi": roi,
        "roi_low": roi_low,
        "roi_high": roi_high,
        "verdict": _verdict(metric, estimate, method, is_complete, buyers),
    }


def _verdict(metric: Hashable, estimate: Estimate, method: str, is_complete: bool, buyers: int) -> str:
    """In words; an unfinished campaign gets none, as daily looks at it would find effects that are not there."""
    if not is_complete:
        return "not finished yet"
    if method == "before_after" and math.isnan(estimate.effect):
        return "margin, or what was before, unknown" if metric == _MARGIN else "what was before is unknown"
    if method == "before_after":
        return "before and after only: no evidence of an effect"
    if buyers < MIN_BUYERS:
        return "too few to tell"
    if math.isnan(estimate.effect):
        return "margin unknown"
    if estimate.low > 0:
        return "sells more"
    return "sells less" if estimate.high < 0 else "no measurable effect"


def _window(arm: dict[Hashable, Any] | None) -> Sample:
    if arm is None:
        return Sample(0, math.nan, math.nan)
    return _sample(arm["customers"], *_decimals(arm, "value_sum", "value_sum_of_squares"))


def _change(arm: dict[Hashable, Any] | None) -> Sample:
    """Each customer's value in the window less the one in the pre-period, from sums: (x - y)^2 = x^2 - 2xy + y^2."""
    if arm is None:
        return Sample(0, math.nan, math.nan)
    x, y = _decimals(arm, "value_sum", "pre_value_sum")
    xx, yy, xy = _decimals(arm, "value_sum_of_squares", "pre_value_sum_of_squares", "product_sum")
    if x is None or y is None or xx is None or yy is None or xy is None:
        return Sample(arm["customers"], math.nan, math.nan)
    return _sample(arm["customers"], x - y, xx - 2 * xy + yy)


def _sample(n: int, total: Decimal | None, total_of_squares: Decimal | None) -> Sample:
    if total is None or total_of_squares is None:
        return Sample(n, math.nan, math.nan)
    # Decimal, since the two terms are large and nearly equal where values vary little.
    spread = total_of_squares - total * total / n
    return Sample(n, float(total / n), max(float(spread / (n - 1)), 0.0) if n > 1 else math.nan)


def _decimals(row: dict[Hashable, Any], *columns: str) -> Iterator[Decimal | None]:
    for column in columns:
        value = row[column]
        yield None if pd.isna(value) else Decimal(str(value))


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def _count(arm: dict[Hashable, Any] | None, column: str) -> int:
    return int(arm[column]) if arm else 0
