"""The order of day, month and year, with the row that settles it; and what times say of their zone."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import duckdb

from pipelines.engines.sql import literal
from pipelines.intake.inspection.looks import DATE, DAY_FIRST, MONTH_FIRST, MONTHS, is_date, said
from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.intake.inspection.table import Table

Order = Literal["day_first", "month_first", "year_first"]
WORDS = {"day_first": "day first", "month_first": "month first", "year_first": "year first"}
_OFFSET = r"(?:[0-9]|[0-9]\s)(Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)$"


@dataclass(frozen=True)
class ColumnDates:
    """A column's dates. `row` has the value that only this order reads; None: `both` values fit two orders."""

    column: ColumnFacts
    order: Order
    separator: str
    row: int | None = None
    value: str | None = None
    both: int = 0
    both_value: str | None = None
    contradiction: str | None = None
    guess_reason: str | None = None
    short_years: bool = False
    half_days: bool = False


@dataclass(frozen=True)
class Dates:
    """A table's dates. `offsets` count the times that carry one; `without` are those that don't.

    `newest` has the last day of each column by its position, read in the table's order.
    """

    order: Order | None
    settled_by: ColumnDates | None
    columns: tuple[ColumnDates, ...]
    offsets: tuple[tuple[str, int], ...] = ()
    with_offset: int = 0
    without: int = 0
    doubts: tuple[str, ...] = ()
    typed: bool = False
    newest: Mapping[int, date] = field(default_factory=dict)


def dates_of(table: Table, columns: Sequence[ColumnFacts], connection: duckdb.DuckDBPyConnection) -> Dates:
    """The order of a table's dates and the offsets of its times, over all rows."""
    dated = [column for column in columns if column.kind in ("date", "time")]
    in_words = [column for column in columns if column.kind == "month name"]
    found = [_column(table, column, connection) for column in dated if column.native is None]
    offsets = Counter[str]()
    times = 0
    for column in dated:
        if column.kind == "time":
            times += column.filled
            offsets.update(_offsets(table, column, connection))
    doubts = [*_other_forms(columns), *_odd_years(found)]
    order, settled, more = _decide(found)
    typed = any(column.native in ("date", "time") for column in columns)
    with_offset = sum(offsets.values())
    if 0 < with_offset < times and len([c for c in dated if c.kind == "time"]) == 1:
        doubts.append(f"{with_offset:,} of {times:,} times carry an offset and the others don't")
    return Dates(
        order=order,
        settled_by=settled,
        columns=tuple(found),
        offsets=tuple(offsets.most_common(4)),
        with_offset=with_offset,
        without=times - with_offset,
        doubts=(*more, *doubts),
        typed=typed,
        newest=_newest(table, [*dated, *in_words], order or "year_first", connection),
    )


def _newest(
    table: Table, columns: Sequence[ColumnFacts], order: Order, connection: duckdb.DuckDBPyConnection
) -> dict[int, date]:
    """The last day of each column of dates, what is no date left out; two digits of a year are of this century."""
    found: dict[int, date] = {}
    for column in columns:
        length = 20 if column.kind == "month name" else 10
        field = f"f{column.position}"
        texts = connection.execute(
            f"SELECT DISTINCT LEFT(TRIM({field}), {length}) FROM {table.scan} WHERE {field} IS NOT NULL"
        ).fetchall()
        if days := [day for (text,) in texts if (day := _day(str(text), order))]:
            found[column.position] = max(days)
    return found


def _day(text: str, order: Order) -> date | None:
    match = re.match(r"(\d{1,4})[-./](\d{1,2})[-./](\d{1,4})", text)
    if match is None:
        return _day_in_words(text)
    parts = [int(part) for part in match.groups()]
    if len(match[1]) == 4:
        year, month, day = parts
    else:
        day, month, year = parts if order == "day_first" else (parts[1], parts[0], parts[2])
    if len(match[1]) < 4 and len(match[3]) == 2:
        year += 2000
    try:
        return date(year, month, day) if year > 999 else None
    except ValueError:
        return None


def _day_in_words(text: str) -> date | None:
    if found := re.match(MONTH_FIRST, text):
        month, day, year = found[1], found[2], found[3]
    elif found := re.match(DAY_FIRST, text):
        day, month, year = found[1], found[2], found[3]
    else:
        return None
    try:
        return date(int(year), MONTHS.index(month.lower()) + 1, int(day))
    except ValueError:
        return None


def _column(table: Table, column: ColumnFacts, connection: duckdb.DuckDBPyConnection) -> ColumnDates:
    shapes = [shape for shape in column.shapes if is_date(shape.text)]
    counts: Counter[tuple[int, str, int]] = Counter()
    for shape in shapes:
        match = DATE.fullmatch(shape.text.strip())
        if match:
            counts[(len(match[1]), match[2], len(match[4]))] += shape.count
    if not counts:
        return ColumnDates(column, "year_first", "-")
    (first, separator, last), _ = counts.most_common(1)[0]
    half_days = any(re.search(r"[AaPp]\.?[Mm]", shape.text) for shape in shapes)
    row = connection.execute(
        f"WITH parts AS (SELECT f{column.position} AS v, file_row_number AS n, "
        f"TRY_CAST(SPLIT_PART(TRIM(f{column.position}), {literal(separator)}, 1) AS INTEGER) AS a, "
        f"TRY_CAST(SPLIT_PART(TRIM(f{column.position}), {literal(separator)}, 2) AS INTEGER) AS b, "
        f"TRY_CAST(LEFT(SPLIT_PART(TRIM(f{column.position}), {literal(separator)}, 3), 2) AS INTEGER) AS c "
        f"FROM {table.scan} WHERE f{column.position} IS NOT NULL) "
        "SELECT COUNT_IF(a > 12 AND a <= 31), MIN(n) FILTER (a > 12 AND a <= 31), "
        "ARG_MIN(v, n) FILTER (a > 12 AND a <= 31), COUNT_IF(b > 12 AND b <= 31), MIN(n) FILTER (b > 12 AND b <= 31), "
        "ARG_MIN(v, n) FILTER (b > 12 AND b <= 31), COUNT_IF(a <= 12 AND b <= 12), "
        "ARG_MIN(v, n) FILTER (a <= 12 AND b <= 12 AND a <> b), COUNT(DISTINCT a), COUNT(DISTINCT b), "
        "COUNT_IF(a > 31), COUNT(DISTINCT c) FROM parts"
    ).fetchone()
    assert row is not None
    long_year = first == 4
    if long_year or (first <= 2 and last == 2 and row[10] > 0):
        against = f"{said(row[5])} has a month above 12" if row[3] else None
        return ColumnDates(column, "year_first", separator, contradiction=against, short_years=not long_year)
    return _by_parts(table, column, separator, row, short_years=last == 2, half_days=half_days)


def _by_parts(
    table: Table, column: ColumnFacts, separator: str, row: tuple[int, ...], *, short_years: bool, half_days: bool
) -> ColumnDates:
    """The order of dates that don't begin with the year, by which part is ever above 12."""
    days_a, at_a, value_a, days_b, at_b, value_b, both, both_value, different_a, different_b, _, different_c = row
    both_text = None if both_value is None else str(both_value)
    common = {"both": both, "both_value": both_text, "short_years": short_years, "half_days": half_days}
    if short_years and days_a and different_c > different_a:
        common["contradiction"] = f"{said(value_a)} may begin with the year, as its end varies more"
    if days_a and days_b:
        order: Order = "day_first" if days_a >= days_b else "month_first"
        against = f"{said(value_a)} has the day first, {said(value_b)} the month"
        mine, value = (at_a, value_a) if order == "day_first" else (at_b, value_b)
        return ColumnDates(
            column,
            order,
            separator,
            table.row_number(mine),
            str(value),
            contradiction=against,
            **common,  # type: ignore[arg-type]
        )
    if days_a:
        return ColumnDates(column, "day_first", separator, table.row_number(at_a), str(value_a), **common)  # type: ignore[arg-type]
    if days_b:
        return ColumnDates(column, "month_first", separator, table.row_number(at_b), str(value_b), **common)  # type: ignore[arg-type]
    if different_a != different_b and max(different_a, different_b) > 3 * min(different_a, different_b):
        order = "day_first" if different_a > different_b else "month_first"
        why = "its days vary more than its months so"
    elif separator == ".":
        order, why = "day_first", "as dates with points mostly have it"
    elif half_days:
        order, why = "month_first", "as times with AM and PM mostly go with it"
    else:
        order, why = "day_first", "as most countries write it"
    return ColumnDates(column, order, separator, guess_reason=why, **common)  # type: ignore[arg-type]


def _decide(found: Sequence[ColumnDates]) -> tuple[Order | None, ColumnDates | None, list[str]]:
    """The order of a table's dates, the column that settles it, and what is doubtful."""
    doubts = [
        f"dates in {said(dates.column.name)} are of two orders: {dates.contradiction}"
        for dates in found
        if dates.contradiction
    ]
    parted = [dates for dates in found if dates.order != "year_first"]
    settled = [dates for dates in parted if dates.row is not None]
    if settled:
        orders = Counter(dates.order for dates in settled)
        order = orders.most_common(1)[0][0]
        best = next(dates for dates in settled if dates.order == order)
        doubts += [
            f"{said(other.column.name)} has the {WORDS[other.order]} (row {other.row}: {said(other.value)}), "
            f"{said(best.column.name)} the {WORDS[order]} (row {best.row}: {said(best.value)})"
            for other in settled
            if other.order != order
        ]
        doubts += [
            f"dates in {said(other.column.name)} fit both orders, and are written otherwise"
            for other in parted
            if other.row is None and other.both and other.separator != best.separator
        ]
        return order, best, doubts
    if parted:
        first = parted[0]
        if first.both_value is not None:
            doubts.append(
                f"dates fit both orders: {said(first.both_value)} in {said(first.column.name)}; no row of "
                f"{first.column.filled:,} settles it; chosen: {WORDS[first.order]}, {first.guess_reason}"
            )
        else:
            doubts.append(f"dates in {said(first.column.name)} fit both orders, which give the same days here")
        return first.order, None, doubts
    if found:
        return "year_first", None, doubts
    return None, None, doubts


def _odd_years(found: Sequence[ColumnDates]) -> list[str]:
    short = [dates.column.name for dates in found if dates.short_years]
    return [f"years have two digits in {said(name)}" for name in short]


def _other_forms(columns: Sequence[ColumnFacts]) -> list[str]:
    words = {
        "compact date": "dates are digits alone",
        "unix time": "times are seconds or milliseconds since 1970",
        "month name": "dates have months in words",
    }
    return [f"{words[c.kind]} in {said(c.name)} ({said(c.sample[0])})" for c in columns if c.kind in words]


def _offsets(table: Table, column: ColumnFacts, connection: duckdb.DuckDBPyConnection) -> Counter[str]:
    if not any(re.search(r"9\s*(?:Z|UTC|GMT|[+-]99(?::?99)?)$", shape.text) for shape in column.shapes):
        return Counter()
    name = f"f{column.position}"
    rows = connection.execute(
        f"SELECT REGEXP_EXTRACT(TRIM({name}), {literal(_OFFSET)}, 1) AS mark, COUNT(*) FROM {table.scan} "
        f"WHERE {name} IS NOT NULL AND LENGTH(TRIM({name})) > 10 GROUP BY 1"
    ).fetchall()
    return Counter({str(mark): int(count) for mark, count in rows if mark})
