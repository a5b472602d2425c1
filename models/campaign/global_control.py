"""Draws of the global control group, which no campaign writes to, and the months that tell what all campaigns do."""

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

ROLLING_MONTHS = 12


class Draw(NamedTuple):
    """One draw of the group, as long as nights used it.

    Attributes:
        drawn_in: Year that the draw is salted with.
        control_share: Share of customers in the group.
        salt_digest: Of the setting that the draw is salted with.
        from_date: First night.
        to_date: Last night so far.
    """

    drawn_in: str
    control_share: float
    salt_digest: str
    from_date: date
    to_date: date


class Month(NamedTuple):
    """A calendar month that counts of a draw."""

    draw_number: int
    from_date: date
    to_date: date


def hash_below(share: float) -> str:
    """Customers are control whose hash's leading 12 hex digits are below this; '' draws nobody."""
    return f"{round(share * 16**12):012x}" if share else ""


def salt_digest(salt: str) -> str:
    """By which it is seen that the setting is another one; not the setting itself."""
    return hashlib.sha256(f"global control:{salt}".encode()).hexdigest()[:12]


def continued(draws: Sequence[Draw], tonight: Draw | None) -> list[Draw]:
    """All draws up to tonight, in order: the last one goes on if it is tonight's, else tonight's begins.

    A group that is drawn again as it once was has begun anew: its members were written to in between.
    """
    known = sorted(draws, key=lambda draw: draw.to_date)
    if tonight is None:
        return known
    if known and known[-1][:3] == tonight[:3]:
        return [*known[:-1], known[-1]._replace(to_date=tonight.to_date)]
    return [*known, tonight]


def rolling_period(run_date: date) -> tuple[date, date]:
    """First and last day of the twelve whole months before a night."""
    end = run_date.replace(day=1)
    return _months_on(end, -ROLLING_MONTHS), end - timedelta(1)


def kept_months(draws: Sequence[Draw], run_date: date) -> list[Month]:
    """The whole months of the rolling period in which one draw held and a month of it had passed before.

    Who enters the group was written to until then, and who leaves it was not: the first month after a draw is dropped.
    """
    start, end = rolling_period(run_date)
    months = [_months_on(start, number) for number in range(ROLLING_MONTHS)]
    return [
        Month(number, month, last)
        for number, draw in enumerate(draws)
        for month, last in ((month, _months_on(month, 1) - timedelta(1)) for month in months)
        if _month_after(draw.from_date) <= month and last <= min(draw.to_date, end)
    ]


def _month_after(day: date) -> date:
    """The same day of the next month, or the last that it has."""
    first = _months_on(day.replace(day=1), 1)
    last = _months_on(first, 1) - timedelta(1)
    return first.replace(day=min(day.day, last.day))


def _months_on(month: date, count: int) -> date:
    """The first day of the month so many months later."""
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)
