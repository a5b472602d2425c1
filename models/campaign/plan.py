"""A campaign's plan: how many customers it will have, what effect they can show, what it takes to show another."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.campaign.power import detectable_lift, needed_customers, spread_of
from models.detectable_effect import detectable_difference
from models.types import Floats

METRICS = ("buyer_rate", "orders_per_customer", "revenue_per_customer", "margin_per_customer")
CONTROL_SHARES = (0.1, 0.2, 0.3, 0.5)
# What one would like to find: so much of the mean, or what pays for the campaign if that is more.
WANTED_LIFT = 0.1
_MOST_DAYS = 730
# Expected control buyers that a plan asks for; a night judges from fewer on, as chance may leave some out.
PLANNED_BUYERS = 30
_MARGIN = "margin_per_customer"
_TOO_FEW = "so few customers can show no effect"


@dataclass(frozen=True)
class Planned:
    """What is known of a campaign as if it began with the next night.

    Attributes:
        campaign_id: The campaign.
        window_days: Days after a customer's assignment that count.
        control_share: Share of its customers in the control group.
        candidates: Customers who could be written to on its first night, in both arms.
        per_day: How many come in a day after that; NaN if unknown.
        days: That it is planned to run.
        values: What comparable customers had in as many days, by metric, one a customer; NaN where unknown.
        basis: Who the comparable customers are.
        contact_cost: Of a treated customer in currency; NaN if unknown.
        fixed_cost: In currency.
        why_unknown: Why there are no values.
        why_no_cost: Why contact_cost is unknown.
    """

    campaign_id: str
    window_days: int
    control_share: float
    candidates: int
    per_day: float
    days: int
    values: Mapping[str, Floats] = field(default_factory=dict)
    basis: str | None = None
    contact_cost: float = math.nan
    fixed_cost: float = 0.0
    why_unknown: str = ""
    why_no_cost: str = ""

    @property
    def customers(self) -> int:
        """In both arms, once the campaign has run for its days."""
        later = 0.0 if math.isnan(self.per_day) else self.per_day * (self.days - 1)
        return self.candidates + round(later)


def plan_rows(planned: Planned) -> list[dict[str, Any]]:
    """A campaign's rows of campaign_power, one a metric; None where unknown, with `reason`."""
    return [_row(planned, metric) for metric in METRICS]


def _row(planned: Planned, metric: str) -> dict[str, Any]:
    values = planned.values.get(metric, np.array([]))
    buyers = float(np.mean(planned.values["buyer_rate"])) if len(values) else math.nan
    mean = float(np.mean(values)) if len(values) else math.nan
    reasons: dict[str, str] = {}
    customers, share = planned.customers, planned.control_share
    why = planned.why_unknown or _why_no_effect(planned, metric, mean, buyers)
    lift_at = _lift_at(metric, values, buyers) if not planned.why_unknown and mean > 0 else None
    lift = lift_at(customers, share) if lift_at and not why else math.nan
    if math.isnan(lift):
        reasons["detectable_effect"] = why or _TOO_FEW
    break_even = _break_even(planned, reasons) if metric == _MARGIN else math.nan
    most = (1 - mean) / 2 if metric == "buyer_rate" else math.inf
    wanted = float(np.fmax(min(WANTED_LIFT * mean, most), break_even))
    needed = days = least_share = None
    if lift_at and share > 0:
        least = math.ceil(PLANNED_BUYERS / (share * buyers))
        needed = needed_customers(lambda n: lift_at(n, share), wanted / mean, least, customers)
        days = _days(planned, needed, reasons)
    if lift_at:
        least_share = next((s for s in CONTROL_SHARES if lift_at(customers, s) <= wanted / mean), None)
    return {
        "campaign_id": planned.campaign_id,
        "metric": metric,
        "window_days": planned.window_days,
        "control_share": share,
        "candidate_count": planned.candidates,
        "entrants_per_day": _known(planned.per_day),
        "planned_days": planned.days,
        "customer_count": customers,
        "basis": planned.basis,
        "expected_mean": _known(mean),
        "expected_control_buyers": _known(customers * share * buyers),
        "detectable_effect": _known(lift * mean),
        "detectable_lift": _known(lift),
        "break_even_effect": _known(break_even),
        "wanted_effect": _known(wanted),
        "needed_customers": needed,
        "needed_days": days,
        "needed_control_share": least_share,
        "reason": "; ".join(f"{name}: {why}" for name, why in reasons.items()) or None,
    }


def _why_no_effect(planned: Planned, metric: str, mean: float, buyers: float) -> str:
    """Why so many customers can show no effect; empty if they may."""
    if not planned.customers:
        return "nobody in its segments can be written to"
    if not planned.control_share:
        return "without a control group no effect can be shown"
    if math.isnan(mean):
        return "margin unknown" if metric == _MARGIN else "what they buy is unknown"
    expected = planned.customers * planned.control_share * buyers
    if expected < PLANNED_BUYERS:
        return f"too few buyers: {expected:.0f} are expected in the control group, {PLANNED_BUYERS} are needed"
    return "" if mean > 0 else "they bring nothing to compare with"


def _lift_at(metric: str, values: Floats, buyers: float) -> Callable[[int, float], float]:
    """The smallest lift that so many customers with such a control share show; NaN if none, or too few buyers."""
    spread = spread_of(values) if metric != "buyer_rate" else None

    def lift_at(customers: int, share: float) -> float:
        control = round(customers * share)
        if control * buyers < PLANNED_BUYERS - 0.5:
            return math.nan
        if spread is not None:
            return detectable_lift(spread, customers, share)
        difference = detectable_difference(buyers, customers - control, control)
        return math.nan if difference is None else difference / buyers

    return lift_at


def _break_even(planned: Planned, reasons: dict[str, str]) -> float:
    """What a treated customer must bring to pay for the campaign, in margin."""
    treated = planned.customers * (1 - planned.control_share)
    if not treated or math.isnan(planned.contact_cost):
        reasons["break_even_effect"] = planned.why_no_cost or "nobody in its segments can be written to"
        return math.nan
    return planned.contact_cost + planned.fixed_cost / treated


def _days(planned: Planned, needed: int | None, reasons: dict[str, str]) -> int | None:
    """Days until as many customers as needed have come in and the last one's window is over."""
    if needed is None:
        reasons["needed_days"] = "no number of customers was found that would show it"
        return None
    lacking = needed - planned.candidates
    if lacking <= 0:
        return planned.window_days
    if math.isnan(planned.per_day):
        reasons["needed_days"] = "more customers are needed, and how many enter a day is not known yet"
    elif planned.per_day * _MOST_DAYS < lacking:
        reasons["needed_days"] = "more customers are needed than enter in two years"
    else:
        return math.ceil(lacking / planned.per_day) + planned.window_days
    return None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
