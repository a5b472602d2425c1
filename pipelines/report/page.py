"""What the page is made of, and the warehouse that it is read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from pipelines.report.charts import Chart
from pipelines.report.words import NONE, SHAPES, TEXT, Number, Show, counted, name_of, number

Row = dict[str, Any]

LISTED = 15  # rows of a long table
DRAWN = 10  # rows of a chart
WINDOW_DAYS = 28  # whole weeks, so that two windows hold the same weekdays

# A sum of DOUBLE depends on the order that threads deliver rows in; and a share of less than nothing means nothing.
MACROS = """
CREATE TEMP MACRO exact(value) AS TRY_CAST(value AS DECIMAL(38, 9));
CREATE TEMP MACRO ratio(part, whole) AS CASE WHEN whole > 0 THEN part / whole END;
"""


@dataclass(frozen=True)
class Tile:
    """A headline figure with what it means in plain words."""

    label: str
    value: str
    takeaway: str


@dataclass(frozen=True)
class Table:
    """Formatted cells; `align` has one letter a column, t(ext) or n(umber)."""

    caption: str
    columns: Sequence[str]
    align: str
    rows: Sequence[Sequence[str]]
    note: str = ""
    folded: bool = False


@dataclass
class Section:
    """The answer to one question; `reason` says why there is none, `beside` stands next to the only chart.

    The grid has recency in rows, best first, and frequency in columns; a cell is customers, revenue and shade.
    """

    tiles: list[Tile] = field(default_factory=list)
    takeaways: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    grid: list[tuple[str, list[tuple[str, str, str]]]] = field(default_factory=list)
    beside: Table | None = None
    tables: list[Table] = field(default_factory=list)
    reason: str = ""


class Warehouse:
    """The published tables of one night, read only; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(str(path), read_only=True, config={"memory_limit": "1GB"})
        self._connection.execute(MACROS)
        night = self.one("SELECT run_date, currency FROM night")
        self.run_date, self.currency = night["run_date"], night["currency"]
        self.cents: Show = partial(self.money, decimals=2)
        self._shapes = {**SHAPES, "money": self.money, "cents": self.cents}

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        cursor = self._connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, sql: str, **parameters: Any) -> Row:
        return self.rows(sql, **parameters)[0]

    def money(self, value: Number | None, decimals: int = 0) -> str:
        text = number(value, decimals)
        return text if text == NONE else f"{self.currency} {text}"

    def table(self, caption: str, shapes: str, rows: Sequence[Row], note: str = "", folded: bool = False) -> Table:
        """A table of at least one row; its headings are the rows' keys, `shapes` tells how to show each."""
        names = shapes.split(", ")
        cells = [
            [self._shapes[shape](value) for shape, value in zip(names, row.values(), strict=True)] for row in rows
        ]
        align = "".join("t" if shape in TEXT else "n" for shape in names)
        return Table(caption, list(rows[0]), align, cells, note, folded)

    def why_empty(self, table: str, cause: str, sources: Sequence[str] = ()) -> str:
        """Why a table has nothing to show: the cause, with what tonight's extracts brought."""
        loaded = {row["source"]: row["rows_loaded"] for row in self.rows("SELECT source, rows_loaded FROM data_quality")}
        brought = ", ".join(f"{s}: {counted(loaded[s], 'row') if s in loaded else 'no extract'}" for s in sources)
        return f"The table {table} is empty: {cause}." + (f" Tonight's extracts brought {brought}." if brought else "")


@dataclass(frozen=True)
class Topic:
    """A question that the page answers from some tables; with the first of them empty, `cause` is the answer."""

    anchor: str
    title: str
    tables: tuple[str, ...]
    answer: Callable[[Warehouse], Section]
    cause: str = ""
    sources: tuple[str, ...] = ()

    def section(self, warehouse: Warehouse) -> Section:
        main = self.tables[0]
        if self.cause and not warehouse.rows("SELECT 1 FROM query_table($main) LIMIT 1", main=main):
            return Section(reason=warehouse.why_empty(main, self.cause, self.sources))
        return self.answer(warehouse)
