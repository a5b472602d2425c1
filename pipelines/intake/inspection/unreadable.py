"""Values that a night would not read with the marks and the order of dates found: said before they are rejected."""

from collections.abc import Iterable, Sequence

import duckdb
from open_data_contract_standard.model import Server

from pipelines.dialect import Dialect, read_dialect
from pipelines.engines.sql import literal
from pipelines.intake.inspection.dates import Dates, Order
from pipelines.intake.inspection.looks import said, without_currency
from pipelines.intake.inspection.marks import Marks
from pipelines.intake.inspection.meaning import SourceMatch
from pipelines.intake.inspection.profile import ColumnFacts, Shape
from pipelines.intake.inspection.samples import shown
from pipelines.intake.inspection.table import Table
from pipelines.intake.text_sql import number, time_text

_ISO = {  # what a date of each order is as ISO 8601, by its three parts
    "day_first": (r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})\b", r"\3-\2-\1"),
    "month_first": (r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})\b", r"\3-\1-\2"),
    "year_first": (r"^\s*(\d{4}|\d{2})[./-](\d{1,2})[./-](\d{1,2})\b", r"\1-\2-\3"),
}


def unreadable(
    table: Table,
    sources: Sequence[SourceMatch],
    marks: Marks,
    dates: Dates,
    masked: frozenset[int],
    connection: duckdb.DuckDBPyConnection,
) -> list[str]:
    """Of each column that a source takes as numbers or dates: how many values can't be read so, and the first.

    The value is masked where its column's position is in `masked`.
    """
    doubts = []
    for kind, column in _typed(sources):
        if not column.shapes:
            continue
        read = _number(column, marks) if kind == "numbers" else _time(dates.order or "year_first")
        examples = [shape.example for shape in column.shapes]
        found = connection.execute(f"SELECT {read} IS NULL FROM (SELECT UNNEST(?) AS v)", [examples]).fetchall()
        unread = [shape for shape, (is_unread,) in zip(column.shapes, found, strict=True) if is_unread]
        if unread:
            doubts.append(_in_words(table, column, unread, kind, is_masked=column.position in masked))
    return doubts


def _typed(sources: Sequence[SourceMatch]) -> Iterable[tuple[str, ColumnFacts]]:
    """The columns that sources take as numbers or dates, each once."""
    found: dict[tuple[str, int], ColumnFacts] = {}
    for source in sources:
        for match in source.matches.values():
            if match.ours.type.startswith(("DECIMAL", "DOUBLE", "BIGINT", "INTEGER")):
                found.setdefault(("numbers", match.theirs.position), match.theirs)
            elif match.ours.type in ("DATE", "TIMESTAMP WITH TIME ZONE"):
                found.setdefault(("dates", match.theirs.position), match.theirs)
    return [(kind, column) for (kind, _), column in found.items()]


def _number(column: ColumnFacts, marks: Marks) -> str:
    """SQL: a number without the sign of a currency, which the draft takes off."""
    signs = {sign for shape in column.shapes if (sign := without_currency(shape.text)[1])}
    bare = "v"
    for sign in sorted(signs, key=lambda sign: (-len(sign), sign)):
        bare = f"REPLACE({bare}, {literal(sign)}, '')"
    return number(bare, "DECIMAL(18,6)", _dialect(marks))


def _dialect(marks: Marks) -> Dialect:
    custom = {} if marks.decimal is None else {"decimalMark": marks.decimal}
    if marks.grouping is not None:
        custom["groupingMark"] = marks.grouping
    return read_dialect(Server(), custom)


def _time(order: Order) -> str:
    """SQL: a date, with a time or without; two digits of a year pass, as they are spoken of elsewhere."""
    pattern, iso = _ISO[order]
    text = f"REGEXP_REPLACE(REGEXP_REPLACE(v, {literal(pattern)}, {literal(iso)}), '^(\\d\\d)-', '20\\1-')"
    return f"TRY_CAST({time_text(text)} AS TIMESTAMPTZ)"


def _in_words(table: Table, column: ColumnFacts, unread: Sequence[Shape], kind: str, *, is_masked: bool) -> str:
    count, first = sum(shape.count for shape in unread), min(unread, key=lambda shape: shape.position)
    example = said(shown(first.example, column.kind, masked=is_masked))
    return (
        f"{count:,} value{'s' if count != 1 else ''} of {said(column.name)} can't be read as {kind} so: "
        f"{example} in row {table.row_number(first.position):,}; a night would reject them"
    )
