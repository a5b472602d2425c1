"""What the page is made of, and the warehouse that the figures are read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from pipelines.report.charts import Chart
from pipelines.report.words import NONE, SHAPES, TEXT, Number, Row, Show, counted, number

LISTED = 15  # rows of a long table
DRAWN = 10  # rows of a chart
FEW = 5  # amounts of fewer customers than these are not shown
WINDOW_DAYS = 28  # whole weeks, so that two windows hold the same weekdays

# Why a table may be empty, and the sources that would fill it.
CAUSES = {
    "kpi_daily": ("no receipt is dated on or before this night", "receipts"),
    "customer_rfm": ("no known customer has an order yet", "receipts"),
    "customer_clv": ("no known customer has an order to forecast from", "receipts"),
    "customer_churn": ("no known customer has an order in the last year", "receipts"),
    "customer_growth": ("no known customer has an order in the last year", "receipts"),
    "churn_calibration": ("no earlier forecast has an outcome yet to compare it with",),
    "backtest_quality": (
        "no backtest has been run yet; `loyalty backtest` runs one, the DAG loyalty_backtest does every week, and the"
        " nights after it show it",
    ),
    "customer_segment": ("no customer is in a segment yet", "crm_customers", "receipts"),
    "promo_performance": ("no promo code has been redeemed so far", "promo_codes", "promo_redemptions"),
    "campaign_effect": ("no campaign has assigned customers whose window has begun", "campaigns", "campaign_members"),
    "campaign_list": ("no campaign is due tonight, or no customer who qualifies may be contacted",),
    "reconciliation": ("no receipt and no line has come yet, nor one that was rejected", "receipts", "receipt_lines"),
    "data_quality": ("no extract was read for this night",),
    "model_quality": ("no model was fitted, or there was no outcome to evaluate it on",),
}

# exact: a sum of DOUBLE depends on the order in which threads deliver rows. of_many: an amount of a few customers says
# more of one of them than of the group. ratio: a share of a whole that is not positive has no meaning.
MACROS = f"""
CREATE TEMP MACRO exact(value) AS TRY_CAST(value AS DECIMAL(38, 9));
CREATE TEMP MACRO of_many(customers, value) AS CASE WHEN customers >= {FEW} THEN value END;
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
    """The answer to one question. `reason` says why there is none; the table `beside` stands next to the only chart.

    The grid has recency in rows, best first, and frequency in columns. A cell holds customers, revenue and shade.
    """

    tiles: list[Tile] = field(default_factory=list)
    takeaways: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    grid: list[tuple[str, list[tuple[str, str, str]]]] = field(default_factory=list)
    beside: Table | None = None
    tables: list[Table] = field(default_factory=list)
    reason: str = ""


class Warehouse:
    """The published tables of one night, read only, until closed."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(str(path), read_only=True, config={"memory_limit": "1GB"})
        self._connection.execute(MACROS)
        night = self.one("SELECT run_date, currency FROM night")
        self.run_date, self.currency = night["run_date"], night["currency"]
        self.cents: Show = partial(self.money, decimals=2)
        self._shapes: dict[str, Show] = {**SHAPES, "money": self.money, "cents": self.cents}

    def close(self) -> None:
        self._connection.close()

    def columns_and_rows(self, sql: str, **parameters: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
        cursor = self._connection.execute(sql, parameters)
        return [column[0] for column in cursor.description or []], cursor.fetchall()

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        names, rows = self.columns_and_rows(sql, **parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def one(self, sql: str, **parameters: Any) -> Row:
        return self.rows(sql, **parameters)[0]

    def money(self, value: Number | None, decimals: int = 0) -> str:
        text = number(value, decimals)
        return text if text == NONE else f"{self.currency} {text}"

    def table(self, caption: str, shapes: str, rows: Sequence[Row], note: str = "", folded: bool = False) -> Table:
        """A table of at least one row; its headings are the rows' keys, `shapes` says how each is shown."""
        names = shapes.split(", ")
        cells = [[self._shapes[shape](value) for shape, value in zip(names, row.values(), strict=True)] for row in rows]
        align = "t" + "".join("t" if shape in TEXT else "n" for shape in names[1:])
        return Table(caption, list(rows[0]), align, cells, note, folded)

    def count(self, table: str) -> int:
        return int(self.one("SELECT COUNT(*) AS rows FROM query_table($table)", table=table)["rows"])

    def why_empty(self, table: str) -> str:
        """Why a table has no rows: the cause, and how many rows tonight's extracts brought."""
        cause, *sources = CAUSES[table]
        loaded = {row["source"]: row["rows_loaded"] for row in self.rows("FROM data_quality")}
        brought = ", ".join(f"{s}: {counted(loaded[s], 'row') if s in loaded else 'no extract'}" for s in sources)
        return f"The table {table} is empty: {cause}." + (f" Tonight's extracts brought {brought}." if brought else "")


@dataclass(frozen=True)
class Topic:
    """A question that the page answers; `tables` names the tables that it reads, with spaces between.

    One that not every retailer asks is left out where all its tables are empty.
    """

    answer: Callable[[Warehouse], Section]
    title: str
    tables: str
    needs_rows: bool = True
    is_asked_by_all: bool = True

    @property
    def anchor(self) -> str:
        return self.answer.__name__

    def is_asked(self, warehouse: Warehouse) -> bool:
        return self.is_asked_by_all or any(map(warehouse.count, self.tables.split()))

    def section(self, warehouse: Warehouse) -> Section:
        """The answer; or, if the first of the tables is empty, the reason why."""
        main = self.tables.split()[0]
        if self.needs_rows and not warehouse.count(main):
            return Section(reason=warehouse.why_empty(main))
        return self.answer(warehouse)
