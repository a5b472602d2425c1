"""What a landing folder's check found, in words for a terminal."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from shlex import quote

from pipelines.contracts import sources
from pipelines.intake.batch_validation import how_to_accept, in_words
from pipelines.ops.check.changes import changes
from pipelines.ops.check.earlier import keys_of_others, unlike_before
from pipelines.ops.check.reading import Reading, read_landing
from pipelines.ops.check.receipts import Day, days_of, gap_words, oddities_of_days, unknown_references, whole_amounts
from pipelines.ops.check.rejected import BrokenRule, broken_rules, repeated_words, unusable_addresses
from pipelines.publishing.night_warnings import source_warnings, unread_warnings
from pipelines.publishing.text_table import text_table
from pipelines.settings import Settings

_WIDTH = 110
_RULES = 15  # that are listed
_DAYS = 14  # that are listed one by one
# Expectations of which the check says more in its own words.
_SAID_ELSEWHERE = ("duplicate_rate", "lines_add_up", "reject_rate")


@dataclass(frozen=True)
class Checked:
    """A landing folder's check: what would stop its night, and everything in words."""

    run_date: date
    stops: tuple[str, ...]
    lines: tuple[str, ...]


def check_landing_folder(settings: Settings, day: date) -> Checked:
    """Read a landing folder as the night of its date would, and say all at once what is odd; nothing is kept.

    Raises:
        LoyaltyError: a contract is at fault, or great-expectations can't judge an expectation.
    """
    with read_landing(settings, day) as reading:
        lines = [f"Landing folder {reading.folder}, read as the night of {day} reads it; nothing is built or kept."]
        lines += _section(f"Stops the night ({len(reading.stops)})", _points(reading.stops))
        days = days_of(reading)
        oddities = list(_oddities(reading, days))
        lines += _section(f"Look at ({sum(not text.startswith(' ') for text in oddities)})", _points(oddities))
        lines += _section("Rows", _sources(reading))
        broken = broken_rules(reading)
        lines += _section("Rules that rows break, the most broken first", _rules(broken))
        lines += _section(f"Receipts by day, in {settings.currency}", _days(days, day))
        lines += ["", *_verdict(reading, is_odd=bool(oddities or broken))]
        return Checked(day, reading.stops, tuple(map(_printable, lines)))


def _printable(line: str) -> str:
    """A line without what a terminal would take for a command: names of files and columns may be anything."""
    return "".join(char if char.isprintable() else "·" for char in line)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    """A title and what stands below it; nothing if nothing does."""
    found = list(lines)
    return ["", title, *found] if found else []


def _points(sentences: Iterable[str]) -> Iterator[str]:
    """A point for each sentence; what begins with blanks belongs to the point before."""
    for sentence in sentences:
        for number, line in enumerate(sentence.splitlines()):
            is_part = number > 0 or line.startswith(" ")
            begin = "      " if is_part else "  - "
            yield from textwrap.wrap(
                line.strip(),
                _WIDTH,
                initial_indent=begin,
                subsequent_indent="      " if is_part else "    ",
                break_long_words=False,
                break_on_hyphens=False,
            )


def _oddities(reading: Reading, days: list[Day]) -> Iterator[str]:
    """What does not stop the night and may not be meant."""
    if reading.came or reading.judged:  # without a mapping that can be read, nobody knows what would be read
        yield from unread_warnings(reading.settings, reading.run_date)
    for name in reading.came:
        yield from source_warnings(name, reading.night.table(name))
    if reading.judged:
        said = {(row["source"], row["observed"]) for row in reading.judged.stops()}
        for row in reading.judged.warnings():
            if row["expectation"] not in _SAID_ELSEWHERE and (row["source"], row["observed"]) not in said:
                yield in_words(row)
    yield from repeated_words(reading)
    yield from unusable_addresses(reading)
    yield from gap_words(reading)
    yield from oddities_of_days(days, reading.run_date)
    yield from whole_amounts(reading)
    yield from unknown_references(reading)
    yield from changes(reading)
    yield from unlike_before(reading)
    yield from keys_of_others(reading)


def _sources(reading: Reading) -> Iterator[str]:
    """A line for each source that came: rows, and the share of its money that would be lost."""
    last = reading.night.previous
    head = ["source", "read", "loaded", "rejected", "duplicate", "rows lost", "money lost"]
    rows: list[Sequence[str]] = [[*head, *([f"read {last.run_date}"] if last else [])]]
    for name in reading.came:
        counts = reading.counts(name)
        lost = f"{(counts.rows_rejected + counts.rows_duplicate) / counts.rows_read:.1%}" if counts.rows_read else ""
        before = last.table(name).info if last else {}
        shown = f"{before['counts']['rows_read']:,}" if before.get("is_present") else ""
        numbers = (counts.rows_read, counts.rows_loaded, counts.rows_rejected, counts.rows_duplicate)
        rows.append([name, *(f"{n:,}" for n in numbers), lost, _money_lost(reading, name), *([shown] if last else [])])
    if rows[1:]:
        yield from text_table(rows).splitlines()
    absent = [name for name in sources() if name not in reading.came and name not in reading.unreadable]
    if absent:
        yield from _wrapped(f"did not come: {', '.join(absent)}")
    if reading.unreadable and reading.came:
        yield from _wrapped(f"can't be read: {', '.join(sorted(reading.unreadable))}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")


def _money_lost(reading: Reading, name: str) -> str:
    """The share of the money in rejected rows; nothing for a source whose contract controls no amount."""
    if sources()[name].control_amount is None or reading.judged is None:
        return ""
    figure = reading.judged.figures[name].get("lost_amount_share")
    return f"{figure.value:.1%}" if figure else "0.0%"


def _rules(broken: list[BrokenRule]) -> Iterator[str]:
    for rule in broken[:_RULES]:
        rows = f"{rule.count:,} row{'s' * (rule.count != 1)}"
        yield from _points([f"{rule.source}, {rows}: {rule.meaning} ({rule.rule})."])
        yield from _points([f" {rule.file}, row {rule.row_number}: {rule.example}"])
    if broken[_RULES:]:
        yield f"  and {len(broken) - _RULES} more rules"


def _days(days: list[Day], run_date: date) -> Iterator[str]:
    """A line a day: the last ones that the night takes, the others before and after it together."""
    taken = [day for day in days if day.business_date <= run_date]
    after = [day for day in days if day.business_date > run_date]
    rows: list[Sequence[str]] = [("day", "orders", "returns", "sales", "returned", "revenue", "revenue/order")]
    if older := taken[:-_DAYS]:
        rows.append(_together(f"{older[0].business_date} to {older[-1].business_date}", older))
    rows += [_together(f"{day.business_date}", [day]) for day in taken[-_DAYS:]]
    if after:
        rows.append(_together(f"after the night, to {after[-1].business_date}", after))
    if rows[1:]:
        yield from text_table(rows).splitlines()


def _together(name: str, days: Sequence[Day]) -> Sequence[str]:
    orders, revenue = sum(day.orders for day in days), sum(day.revenue for day in days)
    money = (sum(day.sales for day in days), sum(day.returned for day in days), revenue)
    mean = f"{revenue / orders:,.2f}" if orders else ""
    return (name, f"{orders:,}", f"{sum(day.returns for day in days):,}", *(f"{n:,.2f}" for n in money), mean)


def _verdict(reading: Reading, *, is_odd: bool) -> list[str]:
    """Whether the night would go on and, if not, how it can."""
    day = reading.run_date
    if not reading.stops:
        first = ". If all that is listed is known and right" if is_odd else ""
        home = quote(f"{reading.settings.home}")
        return [f"The night of {day} would go on{first}: loyalty run --date {day} --home {home}"]
    stopping = reading.judged.stops() if reading.judged else []
    lines = [f"The night of {day} would stop. Mend what is listed first, then check again."]
    if len(stopping) == len(reading.stops):  # whatever else stops it can't be accepted
        lines += textwrap.wrap(how_to_accept(stopping, day), _WIDTH, break_long_words=False, break_on_hyphens=False)
    return lines
