"""What `loyalty preview` prints."""

from collections.abc import Iterator, Sequence

from pipelines.campaigns.preview import CampaignPreview, ListPreview, Preview, SmallestEffect
from pipelines.publishing.text_table import text_table


def preview_lines(found: Preview) -> Iterator[str]:
    """What the next night would do, campaign by campaign."""
    yield f"What night {found.run_date} would send, from what the published night {found.published} knows."
    for campaign in found.campaigns:
        yield ""
        yield from _campaign_lines(campaign)
    for name in found.not_running:
        yield f"\n{name} does not run on {found.run_date} (starts_on, ends_on)."
    for reason in found.without_list:
        yield f"\nheld back: {reason}"


def _campaign_lines(found: CampaignPreview) -> Iterator[str]:
    campaign = found.campaign
    yield f"{campaign.id}: {campaign.name}"
    sizes = [f"{name} {found.segments[name]:,}" for name in campaign.segment]
    yield f"  segments: {', '.join(sizes)}; {_customers(found.members)} in all"
    if campaign.exclude:
        yield f"  exclude: {', '.join(f'{name} {found.segments[name]:,}' for name in campaign.exclude)}"
    for each in found.lists:
        yield from _list_lines(each)
    for reason in found.held:
        yield f"  would be held back: {reason.removeprefix(f'campaign {campaign.id}: ')}"
    if found.rows:
        yield "  some entries, masked:"
        yield _table([(f"  {channel}", f"{address}  {names}".rstrip()) for channel, address, names in found.rows])
    if found.overlaps:
        yield "  customers in common with other campaigns:"
        rows = [("  campaign", "in both segments", "on both lists")]
        rows += [(f"  {each.campaign_id}", f"{each.in_segments:,}", f"{each.on_lists:,}") for each in found.overlaps]
        yield text_table(rows)
    yield f"  smallest effect that can be shown: {_effect(found.smallest_effect, campaign.window_days)}"


def _list_lines(found: ListPreview) -> Iterator[str]:
    yield f"  {found.channel} to {found.target} (mode {found.mode}): {_customers(found.candidates)}"
    rows = [(f"  {reason}", f"{count:,}") for reason, count in found.left_out.items()]
    rows.append(("  on the list", f"{found.listed:,}"))
    if found.removed:
        rows.append(("  leave the tool", f"{found.removed:,}"))
    yield text_table(rows)


def _table(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(first) for first, _ in rows)
    return "\n".join(f"  {first.ljust(width)}  {second}" for first, second in rows)


def _effect(found: SmallestEffect, window_days: int) -> str:
    groups = f"{found.treated:,} treated and {found.control:,} control"
    if found.difference is None or found.base_rate is None:
        return f"none with {groups}: {found.why_not}"
    of_base = f", {found.difference / found.base_rate:.0%} of that" if found.base_rate else ""
    return (
        f"{100 * found.difference:.1f} percentage points more buyers{of_base}, with {groups}, of whom "
        f"{found.base_rate:.1%} bought in the {window_days} days before (80 % power, 5 % two-sided)"
    )


def _customers(count: int) -> str:
    return "1 customer" if count == 1 else f"{count:,} customers"
