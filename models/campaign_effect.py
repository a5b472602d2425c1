"""What campaigns caused: treated against a randomised control group, per customer as assigned, with 95 % intervals.

Sources: Newcombe 1998, method 10 (difference of shares, from Wilson's intervals). The interval of a difference of means
turns over a test whose statistic has the quantiles of a Pearson III, see mean_difference.
"""

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
from scipy.optimize import brentq
from scipy.special import gammaincinv
from scipy.stats import norm

COVERAGE = 0.95


# Expected in the control group, by what both arms bought before: with fewer no interval of skewed spend holds.
MIN_BUYERS = 30


_MARGIN = "margin_per_customer"

# An interval's ends may lie further out, but no more is made of them than that one arm buys four times as often.
_MOST_TIMES = 4.0


_TYPES = {
    "campaign_id": "string",
    "metric": "string",
    "segment": "string",
    "treated_customers": "int64",
    "control_customers": "int64",
    "pending_customers": "int64",
    "control_buyers": "int64",
    "expected_control_buyers": "float64",
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
    """Values of n customers: mean, second and third central moment (divided by n); NaN where a value is unknown."""

    n: int
    mean: float
    second: float = math.nan
    third: float = math.nan


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
    found = {
        key: {row["arm"]: row for row in arms.to_dict("records")}
        for key, arms in outcomes.groupby(["campaign_id", "segment", "metric"], sort=True)
    }
    rows = [
        _effect_row(campaign_id, metric, segment, arms, _expected(found.get((campaign_id, segment, "buyer_rate"), {})))
        for (campaign_id, segment, metric), arms in found.items()
    ]
    return pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)


def mean_difference(treated: Sample, control: Sample) -> Estimate:
    """Difference treated - control with a 95 % interval: every δ that a test of it does not reject.

    Under δ, treated customers are taken to buy f = 1 + δ / base times as often as control ones, each time alike: so
    variance v and third central moment κ are f times those of control customers, and both arms together tell them.
    base is the mean of control customers that δ and both arms give. The difference has the standard error
    e = √(v (f / n_t + 1 / n_c)); less δ and divided by e, it has the quantiles of a Pearson III of the skewness
    κ (f / n_t² - 1 / n_c²) / e³. So a small control arm borrows the shape of spend from a large treated one: that a few
    large receipts are in it, or are not, is not taken for an effect.

    Returns:
        NaN as interval where an arm has fewer than two customers, or a value is unknown.
    """
    effect = treated.mean - control.mean
    if min(treated.n, control.n) < 2 or math.isnan(treated.third + control.third):
        return Estimate(effect, *_NO_INTERVAL)
    if treated.second == control.second == 0:
        return Estimate(effect, effect, effect)
    low, high = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2
    return Estimate(effect, *(_not_rejected(treated, control, share) for share in (high, low)))


def _not_rejected(treated: Sample, control: Sample, share: float) -> float:
    """The δ at which the difference is the `share` quantile of what the test expects."""
    effect = treated.mean - control.mean
    is_upper = share < 1 / 2

    def excess(delta: float) -> float:
        error, skewness = _error(treated, control, delta)
        return (effect - delta) / error - pearson_quantile(share, skewness)

    step = _error(treated, control, effect)[0] * (1 if is_upper else -1)
    for size in (2.0, 4.0, 8.0, 16.0, 32.0):
        end = effect + size * step
        if (excess(end) < 0) == is_upper:
            return float(brentq(excess, min(effect, end), max(effect, end), xtol=1e-9 * abs(step)))
    return math.nan


def _error(treated: Sample, control: Sample, delta: float) -> tuple[float, float]:
    """Standard error and skewness of the difference of means if δ were the effect."""
    n_t, n_c = treated.n, control.n
    base = (n_t * (treated.mean - delta) + n_c * control.mean) / (n_t + n_c)
    f = min(max(1 + delta / base, 1 / _MOST_TIMES), _MOST_TIMES) if base > 0 else 1.0
    second, third = (
        (n_t * t + n_c * c) / (n_t * f + n_c)
        for t, c in ((treated.second, control.second), (treated.third, control.third))
    )
    squared = second * (f / n_t + 1 / n_c) * (n_t + n_c) / (n_t + n_c - 1)
    return math.sqrt(squared), third * (f / n_t**2 - 1 / n_c**2) / squared**1.5


def pearson_quantile(share: float, skewness: float) -> float:
    """Quantile of a Pearson III of mean 0, variance 1 and a skewness."""
    if abs(skewness) < 1e-3:  # a gamma of so large a shape loses digits; these are its first terms
        z = float(norm.ppf(share))
        return z + skewness * (z**2 - 1) / 6
    shape = 4 / skewness**2
    quantile = float(gammaincinv(shape, share if skewness > 0 else 1 - share))
    return math.copysign(1.0, skewness) * (quantile - shape) / math.sqrt(shape)


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


def _effect_row(
    campaign_id: Hashable, metric: Hashable, segment: Hashable, arms: dict[str, dict[Hashable, Any]], expected: float
) -> dict[str, Any]:
    treated, control = arms.get("treated"), arms.get("control")
    treated_sample, control_sample = _sample(treated), _sample(control)
    is_complete = all(arm["is_complete"] for arm in arms.values())
    if control is None:
        method, estimate = "before_after", Estimate(_change(treated) if is_complete else math.nan, *_NO_INTERVAL)
    elif metric == "buyer_rate":
        method = "randomised"
        estimate = rate_difference(_count(treated, "buyers"), treated_sample.n, control["buyers"], control_sample.n)
    else:
        enough = expected >= MIN_BUYERS
        method, estimate = "randomised", mean_difference(treated_sample, control_sample) if enough else _UNKNOWN
    cost = _number(next(iter(arms.values()))["cost_amount"])
    pending = sum(int(arm["pending_customers"]) for arm in arms.values())
    # The cost is of all customers, so profit and ROI wait for them.
    has_profit = method == "randomised" and metric == _MARGIN and is_complete and not pending
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
        "pending_customers": pending,
        "control_buyers": _count(control, "buyers"),
        "expected_control_buyers": expected,
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
        "verdict": _verdict(metric, estimate, method, is_complete, expected),
    }


def _expected(arms: dict[str, dict[Hashable, Any]]) -> float:
    """Control customers who buy in the window if they do as both arms did before it; NaN where that is unknown."""
    if "control" not in arms:
        return math.nan
    customers = sum(arm["customers"] for arm in arms.values())
    before = sum(_number(arm["pre_value_sum"]) for arm in arms.values() if arm["customers"])
    return float(arms["control"]["customers"] * before / customers) if customers else math.nan


def _verdict(metric: Hashable, estimate: Estimate, method: str, is_complete: bool, expected: float) -> str:
    """In words; an unfinished campaign gets none, as daily looks at it would find effects that are not there."""
    if not is_complete:
        return "not finished yet"
    if method == "before_after" and math.isnan(estimate.effect):
        return "margin, or what was before, unknown" if metric == _MARGIN else "what was before is unknown"
    if method == "before_after":
        return "before and after only: no evidence of an effect"
    if math.isnan(expected):
        return "too few to tell: what was before is unknown"
    if expected < MIN_BUYERS:
        return "too few to tell"
    if math.isnan(estimate.effect):
        return "margin unknown"
    if estimate.low > 0:
        return "sells more"
    return "sells less" if estimate.high < 0 else "no measurable effect"


def _sample(arm: dict[Hashable, Any] | None) -> Sample:
    if arm is None:
        return Sample(0, math.nan)
    n = arm["customers"]
    total, squares, cubes = _decimals(arm, "value_sum", "value_sum_of_squares", "value_sum_of_cubes")
    if total is None or squares is None or cubes is None:
        return Sample(n, math.nan)
    # Decimal, since the terms are large and nearly equal where values vary little.
    mean, square, cube = total / n, squares / n, cubes / n
    second = max(square - mean**2, Decimal(0))
    return Sample(n, float(mean), float(second), float(cube - 3 * mean * square + 2 * mean**3))


def _change(arm: dict[Hashable, Any] | None) -> float:
    """What customers' values in the window are above those in the pre-period, in the mean."""
    if arm is None:
        return math.nan
    during, before = _decimals(arm, "value_sum", "pre_value_sum")
    return math.nan if during is None or before is None else float((during - before) / arm["customers"])


def _decimals(row: dict[Hashable, Any], *columns: str) -> Iterator[Decimal | None]:
    for column in columns:
        value = row[column]
        yield None if pd.isna(value) else Decimal(str(value))


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def _count(arm: dict[Hashable, Any] | None, column: str) -> int:
    return int(arm[column]) if arm else 0
