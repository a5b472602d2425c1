"""What is new since the last night: rows of each source, columns that came or went."""

from collections.abc import Iterator
from typing import Any

from pipelines.contracts import sources
from pipelines.ops.check.reading import Reading
from pipelines.store.manifest import Manifest

_FEW = 20  # rows; fewer tell nothing
_LITTLE, _MUCH = 0.6, 1.9  # of the last night's rows a day: half a file, a day twice


def changes(reading: Reading) -> Iterator[str]:
    """What differs from the last night in a way that may not be meant."""
    last = reading.night.previous
    if last is None:
        yield from _empty_at_first(reading)
        return
    columns: dict[str, list[str]] = {}  # sources of one feed have the same
    for name in sources():
        before = last.table(name).info
        if name in reading.unreadable or not before:
            continue
        now = reading.info(name)
        if before.get("is_present") and now["is_present"]:
            yield from _of_rows(reading, name, before, last)
            for text in _of_columns(before, now, last):
                columns.setdefault(text, []).append(name)
        elif before.get("is_present") and sources()[name].load == "delta" and _days(reading, name) == 1:
            yield f"{name}: did not come; on {last.run_date} it did. Without it, nothing of it changes."
    yield from (f"{', '.join(names)}: {text}" for text, names in columns.items())


def _empty_at_first(reading: Reading) -> Iterator[str]:
    """Sources of money that a first night has without a row."""
    for name in reading.came:
        if sources()[name].control_amount and not reading.counts(name).rows_read:
            yield f"{name}: came without a row. See whether the file is whole."


def _of_rows(reading: Reading, name: str, before: dict[str, Any], last: Manifest) -> Iterator[str]:
    then, now, days = int(before["counts"]["rows_read"]), reading.counts(name).rows_read, _days(reading, name)
    a_day = then / days
    said = f"{then:,} on {last.run_date}" + (f", of {days:,} days: {a_day:,.0f} a day" if days > 1 else "")
    if not now and (a_day >= _FEW or (then and days == 1)):
        yield f"{name}: came without a row; it had {said}."
    elif sources()[name].load == "delta" and max(a_day, now) >= _FEW and a_day:
        share = f"{name}: {now:,} rows, {now / a_day:.0%} of what came last ({said})."
        if now < _LITTLE * a_day:
            yield f"{share} See whether the file is whole."
        elif now > _MUCH * a_day and days == 1:
            yield f"{share} See whether days came twice."


def _days(reading: Reading, name: str) -> int:
    """Of how many days the last night's rows of a source were: a first load may be of years."""
    found = _metric(reading, name, "event_days") or _metric(reading, "receipts", "event_days")
    return int(found or 1)


def _metric(reading: Reading, name: str, metric: str) -> float | None:
    """A figure of the last night's batch of a source."""
    history = reading.judged.history.get(name, {}) if reading.judged else {}
    return history[max(history)].get(metric) if history else None


def _of_columns(before: dict[str, Any], now: dict[str, Any], last: Manifest) -> Iterator[str]:
    if "columns" not in before:  # of a night that an earlier version ran
        return
    gone = [column for column in before["columns"] if column not in now["columns"]]
    new = [column for column in now["columns"] if column not in before["columns"]]
    if gone:
        yield f"columns are gone since {last.run_date}: {', '.join(gone)}; they count as not given."
    if new:
        yield f"columns are new since {last.run_date}: {', '.join(new)}."
