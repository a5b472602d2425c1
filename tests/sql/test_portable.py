"""What SQL may not use: what DuckDB and Spark do differently, and what is not the same from run to run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from pipelines.settings import ROOT

SQL_FILES = sorted((ROOT / "sql").glob("*/*.sql"))
# What a step does to each lot; eight ways in which a receipt may fit its lines; a COALESCE for each figure of a month.
LONGER = {"points_account": 92, "receipt_fact": 111, "reconciliation": 134}
FORBIDDEN = {
    exp.Qualify: "QUALIFY with * gives Spark extra columns",
    exp.CurrentDate: "tonight is night.run_date",
    exp.CurrentTimestamp: "tonight is night.run_date",
    exp.Rand: "not the same from run to run",
    exp.AnyValue: "depends on the order of rows",
    exp.First: "depends on the order of rows",
    exp.Last: "depends on the order of rows",
    exp.ArgMax: "depends on the order of rows among equals",
    exp.ArgMin: "depends on the order of rows among equals",
    exp.Mode: "depends on the order of rows among equals",
    exp.Ntile: "splits equal values by the order of rows",
    exp.GroupConcat: "ORDER BY inside is lost on Spark",
    exp.Avg: "of decimals another type on each engine; divide the sum",
    exp.Stddev: "of doubles not the same from run to run; sum squares of decimals",
    exp.StddevSamp: "of doubles not the same from run to run; sum squares of decimals",
    exp.Variance: "of doubles not the same from run to run; sum squares of decimals",
    exp.Quantile: "another meaning on each engine",
    exp.PercentileCont: "another meaning on each engine",
    exp.AtTimeZone: "the engines convert in opposite directions; ingest makes dates",
    exp.DayOfWeek: "another first day on each engine",
    exp.DayOfWeekIso: "another name on each engine",
    exp.Week: "another calendar on each engine",
    exp.Lower: "of 'İ' another text on each engine; ingest makes lower case",
    exp.Upper: "of 'ß' another text on each engine",
    exp.Pivot: "not on Spark",
    exp.Limit: "depends on the order of rows",
}
# A column as it is. However many a wide table has, they add nothing to understand.
PLAIN_COLUMN = re.compile(r"\s+\w+\.\w+,?")
FORBIDDEN_NAMES = {"hash": "changes between versions; use md5 or sha256", "now": "tonight is night.run_date"}


def problems(sql: str) -> Iterator[str]:
    """What a SELECT uses that it may not, each with the reason."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    for kind, why in FORBIDDEN.items():
        yield from (f"{node.sql('duckdb')}: {why}" for node in tree.find_all(kind))
    for call in tree.find_all(exp.Anonymous):
        if call.name.lower() in FORBIDDEN_NAMES:
            yield f"{call.sql('duckdb')}: {FORBIDDEN_NAMES[call.name.lower()]}"
    for rows in tree.find_all(exp.ArrayAgg):
        aggregate = rows.parent if isinstance(rows.parent, exp.Filter) else rows
        if rows.find(exp.Order) or not isinstance(aggregate.parent, exp.ArraySort):
            yield f"{rows.sql('duckdb')}: depends on the order of rows (ORDER BY is lost on Spark); LIST_SORT(LIST(…))"
    for division in tree.find_all(exp.Div):
        is_double = isinstance(division.left.unnest(), exp.Cast | exp.Mul)
        is_safe = isinstance(division.right.unnest(), exp.Nullif | exp.Literal)
        if not (is_double and division.left.find(exp.Cast) and is_safe):
            yield f"{division.sql('duckdb')}: divide CAST(… AS DOUBLE) / NULLIF(…, 0)"
    for difference in tree.find_all(exp.DateDiff):
        if difference.text("unit").upper() != "DAY":
            yield f"{difference.sql('duckdb')}: months and years are counted differently; use days"
    outermost = tree.find(exp.Select)
    if outermost is not None and outermost.is_star:
        yield "SELECT * at the end: name the columns"
    for window in tree.find_all(exp.Window):
        if isinstance(window.this, exp.RowNumber):
            yield f"{window.sql('duckdb')}: not the same from run to run among equals; use RANK or a key"


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)
def test_sql_is_portable_and_the_same_from_run_to_run(path: Path) -> None:
    sql = path.read_text(encoding="utf-8")
    assert list(problems(sql)) == []
    lines = [line for line in sql.splitlines() if not PLAIN_COLUMN.fullmatch(line)]
    assert len(lines) <= LONGER.get(path.stem, 80), "over 80 lines besides plain columns: two tables in one?"
    assert sql.startswith("-- "), "the header says what, and the grain"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a / b AS c FROM t",
        "SELECT CAST(a AS DOUBLE) / b AS c FROM t",
        "SELECT AVG(a) AS c FROM t",
        "SELECT hash(a) AS c FROM t",
        "SELECT * FROM t",
        "SELECT CURRENT_DATE AS d",
        "SELECT now() AS d",
        "SELECT ROW_NUMBER() OVER (ORDER BY a) AS n FROM t",
        "SELECT DATE_DIFF('month', a, b) AS n FROM t",
        "SELECT ARG_MAX(a, b) AS n FROM t",
        "SELECT a AT TIME ZONE 'UTC' AS n FROM t",
        "SELECT ANY_VALUE(a) AS n FROM t",
        "SELECT LOWER(a) AS n FROM t",
        "SELECT LIST(a ORDER BY b) AS n FROM t",
        "SELECT LIST(a) AS n FROM t",
        "SELECT LIST_SORT(LIST(a ORDER BY b)) AS n FROM t",
        "SELECT a FROM t QUALIFY RANK() OVER (ORDER BY a) = 1",
        "SELECT QUANTILE_CONT(a, 0.5) AS n FROM t",
        "SELECT a FROM t LIMIT 1",
    ],
)
def test_what_is_forbidden_is_found(sql: str) -> None:
    assert list(problems(sql)) != []


def test_the_safe_ways_are_allowed() -> None:
    assert list(problems("SELECT CAST(a AS DOUBLE) / NULLIF(b, 0) AS c, DATE_DIFF('day', d, e) AS f FROM t")) == []
    assert list(problems("SELECT LIST_SORT(LIST(a) FILTER (WHERE a > 1)) AS b FROM t")) == []
