"""What holds a campaign's list back until a person releases it: nothing surprising leaves."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from hashlib import sha256

from pipelines.campaigns.config import AlarmChange, Campaign
from pipelines.campaigns.selection import Change
from pipelines.catalog import parsed, segment_path
from pipelines.store.deliveries import Delivery

_CALENDAR = re.compile(r"^-- Calendar: (month|year)\.?$", re.MULTILINE)


def segment_hashes(campaign: Campaign) -> dict[str, str]:
    """A hash of the SQL of each segment that a campaign reads; comments and layout make no difference."""
    texts = {name: segment_path(name).read_text(encoding="utf-8") for name in (*campaign.segment, *campaign.exclude)}
    return {
        name: sha256(parsed(text).sql(dialect="duckdb", comments=False).encode()).hexdigest()
        for name, text in texts.items()
    }


def calendar_of(campaign: Campaign) -> str | None:
    """What turns a campaign's segments over: "month" or "year", as a line `-- Calendar: month` in their SQL says."""
    found = (_CALENDAR.search(segment_path(name).read_text(encoding="utf-8")) for name in campaign.segment)
    return next((match[1] for match in found if match), None)


def same_day_before(day: date, calendar: str) -> date:
    """The same day of the month or year before, or the last of that month if it is shorter."""
    if calendar == "month":
        last = day.replace(day=1) - timedelta(1)
        return last.replace(day=min(day.day, last.day))
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def hold_reasons(
    campaign: Campaign,
    last: Delivery | None,
    changes: Collection[Change],
    alarm: AlarmChange,
    held_by_person: str | None,
    reference: Mapping[str, int] | None,
) -> Iterator[str]:
    """Why a campaign's list of tonight waits for a person; nothing if it may leave.

    Args:
        campaign: A campaign that runs tonight.
        last: Its delivery that was sent last.
        changes: Of its lists since then.
        alarm: What change is too large.
        held_by_person: Why a person holds it back.
        reference: Eligible customers by channel of the same day of the month or year before, where its segments turn
            over with the calendar; they are compared with those in place of the last list's.
    """
    if held_by_person is not None:
        yield f"a person holds it back: {held_by_person}"
    if last is None:
        if campaign.needs_approval:
            yield "it needs approval before its first sending"
        return
    hashes = segment_hashes(campaign)
    for name in sorted(hashes.keys() & last.note.segments.keys()):
        if hashes[name] != last.note.segments[name]:
            yield f"the SQL of segment {name} is another one than when a list was sent last, on {last.note.run_date}"
    for change in changes:
        if change.campaign_id == campaign.id and change.channel in last.note.channels:
            yield from _surprises(change, last, alarm, reference)


def _surprises(
    change: Change, last: Delivery, alarm: AlarmChange, reference: Mapping[str, int] | None
) -> Iterator[str]:
    """A change that is larger than the alarm allows."""

    def is_too_large(count: int, of: int) -> bool:
        return count > alarm.customers and count > alarm.share * of

    allowed = f"allowed are {alarm.share:.0%} or {alarm.customers:,} customers (alarm_change)"
    if reference is not None:
        before = reference.get(change.channel)
        if before is not None and is_too_large(abs(change.eligible_count - before), before):
            yield (
                f"{change.channel}: {change.eligible_count:,} customers can be written to; on the same day before they "
                f"were {before:,}; {allowed}"
            )
        return
    moved = {"new": change.entered_count, "no longer there": change.left_count}
    said = [f"{count:,} are {what}" for what, count in moved.items() if is_too_large(count, change.before_count)]
    if said:
        yield (
            f"{change.channel}: of {change.eligible_count:,} customers who can be written to, against "
            f"{change.before_count:,} when a list was sent last, on {last.note.run_date}, {' and '.join(said)}; "
            f"{allowed}"
        )
