"""Every SQL file against its cases: tests/sql/cases/<table>/<case>.yaml, where <table> is the file's name.

A case has `given` (rows by table; tables not named are empty, columns not named are NULL; `night` has defaults) and
`expect` (the rows that must come out, in any order; only the columns that they name are compared). Values are written
as text or numbers and take the contract's types, so both sides are compared as the engine holds them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pytest
import sqlglot
import yaml
from sqlglot import exp

from pipelines.contracts import Contract, sources, table_contract

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(__file__).parent / "cases"
SQL_FILES = {path.stem: path for path in sorted((ROOT / "sql").glob("*/*.sql"))}
NEVER_EMPTY = {"model_quality"}  # says of tonight what it rests on, also if that is nothing
SEGMENTS = {name for name, path in SQL_FILES.items() if path.parent.name == "segments"}

NIGHT = {
    "run_date": "2024-06-30",
    "active_days": 90,
    "churn_lead_days": 0,
    "churn_horizon_days": 90,
    "clv_horizon_days": 365,
    "discount_rate": 0.1,
    "point_value": 0.01,
    "amounts_include_tax": True,
    "currency": "EUR",
}

Columns = dict[str, str]
Row = Mapping[str, Any]


class Engine(Protocol):
    """What a case needs of an engine: typed tables made of text, and a SELECT's columns and rows."""

    def create(self, table: str, columns: Columns, rows: list[Row]) -> None: ...

    def columns(self, select: str) -> Columns: ...

    def rows(self, select: str) -> list[tuple[Any, ...]]: ...


class DuckDB:
    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": False})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("CREATE SCHEMA history")

    def create(self, table: str, columns: Columns, rows: list[Row]) -> None:
        self._connection.execute(f"CREATE TABLE {table} ({', '.join(f'{c} {t}' for c, t in columns.items())})")
        for row in rows:
            unknown = row.keys() - columns.keys()
            assert not unknown, f"{table} has no column {sorted(unknown)}"
            values = [None if row[name] is None else str(row[name]) for name in row]
            marks = ", ".join(f"CAST(? AS {columns[name]})" for name in row)
            self._connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", values)

    def columns(self, select: str) -> Columns:
        return {name: kind for name, kind, *_ in self._connection.execute(f"DESCRIBE {select}").fetchall()}

    def rows(self, select: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(select).fetchall()


def inputs(select: str) -> set[str]:
    """The tables that a SELECT reads, `history.` in front of what earlier nights published."""
    tree = sqlglot.parse_one(select, read="duckdb")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    return {f"{t.db}.{t.name}" if t.db else t.name for t in tree.find_all(exp.Table) if t.db or t.name not in own}


def input_columns(table: str) -> Columns:
    """Columns of an input: a source as staged (with business dates and landing_date), or a table that is made here."""
    name = table.removeprefix("history.")
    source = sources().get(name)
    return staged_columns(source) if source else contract_columns(table_contract(name))


def contract_columns(contract: Contract) -> Columns:
    return {column.name: column.type for column in contract.columns}


def staged_columns(source: Contract) -> Columns:
    columns = {name: kind for name, kind in contract_columns(source).items() if name not in source.personal_columns}
    moments = [name for name, kind in columns.items() if kind.startswith("TIMESTAMP") and name.endswith("_at")]
    return columns | {f"{name.removesuffix('_at')}_date": "DATE" for name in moments} | {"landing_date": "DATE"}


def output_columns(table: str) -> Columns:
    return {"customer_id": "VARCHAR"} if table in SEGMENTS else contract_columns(table_contract(table))


def prepare(engine: Engine, select: str, given: Mapping[str, list[Row]]) -> None:
    tables = inputs(select)
    unread = given.keys() - tables
    assert not unread, f"given but never read: {sorted(unread)}"
    for table in sorted(tables):
        rows = given.get(table, [])
        if table == "night":
            rows = [NIGHT | dict(rows[0] if rows else {})]
        engine.create(table, input_columns(table), rows)


def cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*/*.yaml")):
        yield pytest.param(path, id=f"{path.parent.name}/{path.stem}")


@pytest.fixture
def engine() -> Engine:
    return DuckDB()


@pytest.mark.parametrize("path", cases())
def test_case(path: Path, engine: Engine) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert case.keys() == {"given", "expect"}, "a case has given and expect"
    table, expected = path.parent.name, case["expect"]
    select = SQL_FILES[table].read_text(encoding="utf-8").strip()
    prepare(engine, select, case["given"])
    named = list(expected[0]) if expected else list(output_columns(table))
    assert all(list(row) == named for row in expected), "all expected rows name the same columns, in the same order"
    engine.create("expected", output_columns(table), expected)
    compared = ", ".join(named)
    found = engine.rows(f"SELECT {compared} FROM ({select}\n) AS found")
    assert sorted(found, key=repr) == sorted(engine.rows(f"SELECT {compared} FROM expected"), key=repr)


@pytest.mark.parametrize("table", SQL_FILES)
def test_columns_and_types_are_those_of_the_contract(table: str, engine: Engine) -> None:
    select = SQL_FILES[table].read_text(encoding="utf-8").strip()
    prepare(engine, select, {})
    assert engine.columns(select) == output_columns(table)


@pytest.mark.parametrize("table", sorted(SQL_FILES.keys() - NEVER_EMPTY))
def test_empty_inputs_give_an_empty_table(table: str, engine: Engine) -> None:
    select = SQL_FILES[table].read_text(encoding="utf-8").strip()
    prepare(engine, select, {})
    assert engine.rows(select) == []


@pytest.mark.parametrize("table", SQL_FILES)
def test_every_sql_file_has_cases(table: str) -> None:
    assert list((CASES / table).glob("*.yaml")), f"no cases in tests/sql/cases/{table}"


def test_every_folder_of_cases_has_its_sql_file() -> None:
    assert {path.name for path in CASES.iterdir()} <= SQL_FILES.keys()
