"""Numbers, dates and names, formatted for people."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

Number = int | float | Decimal
Show = Callable[[Any], str]
Row = dict[str, Any]

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def name_of(value: object, limit: int = 80) -> str:
    """A name from data on one line: control and text-direction characters replaced, cut at `limit`."""
    if value is None:
        return NONE
    text = UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def number(value: Number | None, decimals: int = 0) -> str:
    """1234567.8 → 1,234,568; an unknown number is a dash."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:,.{decimals}f}"
    return text.replace("-", MINUS if text.strip("-0.,") else "")


def compact(value: Number | None) -> str:
    """12345 → 12.3k, 1234567 → 1.23m: for axes and small cells."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(float(value))
    for least, unit, letter in ((10**9, 10**9, "bn"), (10**6, 10**6, "m"), (10**4, 10**3, "k")):
        if size >= least:
            return number(float(value) / unit, (0 if size >= 10**5 else 1) if letter == "k" else 2) + letter
    return number(value, 0 if size >= 100 or value == int(value) else 2 if size < 1 else 1)


def figure(value: float | None) -> str:
    """A figure of unknown unit: four significant digits, whole above a thousand."""
    if value is None or not math.isfinite(value) or abs(value) >= 1000 or value == int(value):
        return number(value)
    return number(value, min(6, max(0, 3 - math.floor(math.log10(abs(value))))))


def percent(share: Number | None, decimals: int = 1) -> str:
    return NONE if share is None or not math.isfinite(share) else number(float(share) * 100, decimals) + "%"


def whole_percent(share: Number | None) -> str:
    return percent(share, 0)


def interval(ends: tuple[float, float]) -> str:
    return " to ".join(map(percent, ends))


def signed(show: Show, value: Number | None) -> str:
    return ("+" if value is not None and value > 0 else "") + show(value)


def ratio(part: Number | None, whole: Number | None) -> float | None:
    """Part / whole; None if one is unknown or the whole is not positive."""
    return None if part is None or whole is None or whole <= 0 else float(part) / float(whole)


def counted(value: int, noun: str, plural: str = "") -> str:
    return f"{number(value)} {noun if value == 1 else plural or noun + 's'}"


def day(value: date | None) -> str:
    return NONE if value is None else f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def compared(now: Number, before: Number | None, period: str, show: Show) -> str:
    """`, up 4.2% on the 28 days before`; as amounts where the earlier figure is not positive."""
    if before is None:
        return ""
    change = ratio(float(now) - float(before), before)
    if change is None:
        return f", against {show(before)} in {period}"
    if abs(change) < 0.0005:
        return f", the same as in {period}"
    return f", {'up' if change > 0 else 'down'} {percent(abs(change))} on {period}"


# How a column of a table is shown. Text is aligned left, everything else right.
TEXT: Mapping[str, Show] = {
    "name": name_of,
    "short": partial(name_of, limit=40),
    "long": partial(name_of, limit=400),
    "day": day,
}
SHAPES: Mapping[str, Show] = {
    **TEXT,
    "as is": str,
    "count": number,
    "tenths": partial(number, decimals=1),
    "hundredths": partial(number, decimals=2),
    "figure": figure,
    "change": partial(signed, number),
    "share": percent,
    "interval": interval,
    "fine share": partial(percent, decimals=2),
    "round share": whole_percent,
    "round change": partial(signed, whole_percent),
}
