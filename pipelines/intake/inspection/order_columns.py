"""Of a table of lines: which columns are the order's, and which of them stand on its first line alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from pipelines.intake.inspection.looks import said
from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.intake.inspection.table import Table

_ROWS = 20_000  # of the beginning, in which columns of orders are told from those of lines


@dataclass(frozen=True)
class OrderColumns:
    """Positions of columns: of what is the same on all lines of an order, and of what only its first line has."""

    same: frozenset[int] = frozenset()
    first_line: frozenset[int] = frozenset()


def order_columns(table: Table, order: ColumnFacts, connection: duckdb.DuckDBPyConnection) -> OrderColumns:
    """The columns of orders among those of lines; none if fewer than two orders have more than one line."""
    width = len(table.names)
    per_order = ", ".join(f"COUNT(f{n}) AS c{n}, COUNT(DISTINCT f{n}) AS d{n}" for n in range(width))
    most = ", ".join(f"MAX(c{n}), MAX(d{n}), COUNT_IF(c{n} > 0)" for n in range(width))
    row = connection.execute(
        f"SELECT COUNT(*), {most} FROM (SELECT COUNT(*) AS n, {per_order} FROM {table.scan} "
        f"WHERE file_row_number < {_ROWS} AND f{order.position} IS NOT NULL GROUP BY f{order.position} HAVING n > 1)"
    ).fetchone()
    if row is None or row[0] < 2:
        return OrderColumns()
    return OrderColumns(
        frozenset(n for n in range(width) if row[3 * n + 2] == 1),
        frozenset(n for n in range(width) if row[3 * n + 1] == 1 and row[3 * n + 3] > 0.2 * row[0]),
    )


def in_words(table: Table, found: OrderColumns, amount: ColumnFacts | None) -> Iterator[str]:
    """What is doubtful about an order's columns, and about the amount of its lines."""
    if first := [table.names[n] for n in sorted(found.first_line)]:
        shown = ", ".join(repr(name) for name in first[:4]) + (f" and {len(first) - 4} more" if len(first) > 4 else "")
        yield f"stand on the first line of an order alone: {shown}. They must be filled down"
    if amount is not None and amount.distinct > 1 and amount.position in found.same:
        yield f"{said(amount.name)} is the same on all lines of an order: it is the order's, or the lines' by chance"
