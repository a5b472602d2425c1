"""What `loyalty plan` prints."""

from collections.abc import Iterator
from typing import Any

from pipelines.campaigns.plan import CampaignPlan
from pipelines.publishing.text_table import text_table

_NAMES = {
    "buyer_rate": "share of buyers",
    "orders_per_customer": "orders per customer",
    "revenue_per_customer": "revenue per customer",
    "margin_per_customer": "margin per customer",
}
_ASKED = {
    "detectable_effect": "smallest effect",
    "break_even_effect": "break-even effect",
    "needed_days": "days needed",
}


def plan_lines(found: CampaignPlan, currency: str) -> Iterator[str]:
    """The plan in a small table and sentences."""
    first = found.rows["buyer_rate"]
    yield f"{found.campaign.id}: {found.campaign.name}"
    yield f"If it began with the next night, by what the published night {found.published} knows:"
    yield ""
    yield f"  {_customers(first)}"
    if first["basis"]:
        yield f"  What they would buy without it is taken from {first['basis']}."
    yield "  Found means: if customers buy that much more often, 80 of 100 campaigns have an interval above zero."
    yield "  Larger receipts, as often, are harder to tell."
    yield ""
    yield text_table([("  per customer", "without it", "smallest effect found", "as a share"), *_rows(found)])
    yield ""
    for sentence in _sentences(found, currency):
        yield f"  {sentence}"


def _customers(row: dict[str, Any]) -> str:
    share = f"{row['control_share']:.0%} of them control"
    now = f"{row['candidate_count']:,} customers could be written to at once, {share}"
    if row["entrants_per_day"] is None:
        return f"{now}; how many enter a day is not known yet."
    later = f"{row['customer_count']:,} after {row['planned_days']} days"
    return f"{now}; {row['entrants_per_day']:.1f} enter a day, which makes {later}."


def _rows(found: CampaignPlan) -> Iterator[tuple[str, ...]]:
    for metric, row in found.rows.items():
        is_rate = metric == "buyer_rate"
        yield (
            f"  {_NAMES[metric]}",
            _amount(row["expected_mean"], is_rate),
            _amount(row["detectable_effect"], is_rate),
            "" if row["detectable_lift"] is None else f"{row['detectable_lift']:.0%}",
        )


def _amount(value: float | None, is_rate: bool) -> str:
    if value is None:
        return "unknown"
    return f"{value:.1%}" if is_rate else f"{value:,.2f}"


def _sentences(found: CampaignPlan, currency: str) -> Iterator[str]:
    """What it takes, and why something is unknown; the same reason of several metrics once."""
    margin = found.rows["margin_per_customer"]
    if margin["break_even_effect"] is not None:
        yield f"It pays if a treated customer brings {margin['break_even_effect']:,.2f} {currency} more margin."
    for metric, row in found.rows.items():
        if row["needed_customers"] is not None:
            yield f"{_NAMES[metric]}: {_needed(row, metric == 'buyer_rate')}"
    reasons: dict[str, list[str]] = {}
    for metric, row in found.rows.items():
        for reason in filter(None, (row["reason"] or "").split("; ")):
            reasons.setdefault(reason, []).append(_NAMES[metric])
    for reason, metrics in reasons.items():
        column, _, why = reason.partition(": ")
        of_all = "" if len(metrics) == len(found.rows) else f" of {', '.join(metrics)}"
        yield f"No {_ASKED[column]}{of_all}: {why}."


def _needed(row: dict[str, Any], is_rate: bool) -> str:
    lift = row["wanted_effect"] / row["expected_mean"]
    wanted = "break even" if row["wanted_effect"] == row["break_even_effect"] else f"{lift:.0%} more"
    days = "" if row["needed_days"] is None else f", {row['needed_days']:,} days"
    share = row["needed_control_share"]
    by_share = (
        "no control share shows it with the customers there will be"
        if share is None
        else f"with the customers there will be, a control share of {share:.0%} shows it"
    )
    return (
        f"to show {_amount(row['wanted_effect'], is_rate)} ({wanted}) it needs {row['needed_customers']:,} customers"
        f"{days}; {by_share}."
    )
