"""Rows of a file that are none of its table's: totals at the end, the header once more."""

from collections.abc import Sequence

import duckdb

from pipelines.intake.inspection.looks import said
from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.intake.inspection.table import Table

_TOTALS = ("total", "grand total", "totals", "sum", "итого", "всего", "итог", "разом", "усього", "підсумок", "summe",
           "gesamt", "gesamtsumme", "totale", "razem", "suma")  # fmt: skip


_ROWS = 20_000  # of the beginning, in which columns of orders are told from those of lines


def order_columns(
    table: Table, order: ColumnFacts, amount: ColumnFacts | None, connection: duckdb.DuckDBPyConnection
) -> list[str]:
    """Of lines: which columns stand on an order's first line alone, and whether the amount is the order's, in words."""
    width = len(table.names)
    per_order = ", ".join(f"COUNT(f{n}) AS c{n}, COUNT(DISTINCT f{n}) AS d{n}" for n in range(width))
    most = ", ".join(f"MAX(c{n}), MAX(d{n}), COUNT_IF(c{n} > 0)" for n in range(width))
    row = connection.execute(
        f"SELECT COUNT(*), {most} FROM (SELECT COUNT(*) AS n, {per_order} FROM {table.scan} "
        f"WHERE file_row_number < {_ROWS} AND f{order.position} IS NOT NULL GROUP BY f{order.position} HAVING n > 1)"
    ).fetchone()
    if row is None or row[0] < 2:
        return []
    doubts = []
    first = [table.names[n] for n in range(width) if row[3 * n + 1] == 1 and row[3 * n + 3] > 0.2 * row[0]]
    if first:
        shown = ", ".join(repr(name) for name in first[:4]) + (f" and {len(first) - 4} more" if len(first) > 4 else "")
        doubts.append(f"stand on the first line of an order alone: {shown}. They must be filled down")
    if amount is not None and amount.distinct > 1 and row[3 * amount.position + 2] == 1:
        doubts.append(
            f"{said(amount.name)} is the same on all lines of an order: it is the order's, or the lines' by chance"
        )
    return doubts


def odd_rows(table: Table, columns: Sequence[ColumnFacts], connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What is odd about single rows, in words."""
    if not table.rows or not columns:
        return []
    doubts = []
    fields = ", ".join(f"f{column.position}" for column in columns)
    last = (
        connection.execute(f"SELECT {fields} FROM {table.scan} WHERE file_row_number = {table.rows - 1}").fetchone()
        or ()
    )
    words = [str(value).strip().rstrip(":").lower() for value in last if value is not None]
    if any(word in _TOTALS or word.startswith(("итого ", "total ", "всего ", "разом ")) for word in words[:3]):
        doubts.append(f"the last row (row {table.row_number(table.rows - 1):,}) looks like a total: filter it")
    names = [column for column in columns if column.name == table.names[column.position]][:3]
    if names and table.header_row:
        same = " AND ".join(f"f{column.position} = ?" for column in names)
        row = connection.execute(
            f"SELECT COUNT(*), MIN(file_row_number) FROM {table.scan} WHERE {same}", [column.name for column in names]
        ).fetchone()
        if row and row[0]:
            doubts.append(f"the header is there again: {row[0]:,} times, first as row {table.row_number(row[1]):,}")
    return doubts
