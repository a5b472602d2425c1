"""Rows of a file that are none of its table's: totals at the end, the header once more."""

from collections.abc import Sequence

import duckdb

from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.intake.inspection.table import Table

_TOTALS = ("total", "grand total", "totals", "sum", "итого", "всего", "итог", "разом", "усього", "підсумок", "summe",
           "gesamt", "gesamtsumme", "totale", "razem", "suma")  # fmt: skip


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
