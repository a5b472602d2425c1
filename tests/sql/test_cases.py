"""Every SQL file against its cases, on DuckDB and on Spark: tests/sql/cases/<table>/<case>.yaml for each.

A SELECT that is no table of the night (of sql/lists/ and such) has them in cases/<folder>/<select>/, and the columns
that no contract knows, of what it reads and of what it gives, in cases/<folder>/columns.yaml. It is worked out on
DuckDB, whatever the engine of the night, and has its cases there alone.

A case has `given` (rows by table; tables not named are empty, columns not named are NULL; `night` has defaults) and
`expect` (the rows that must come out, in any order; only the columns that they name are compared). Values are written
as text or numbers and take the contract's types, so both sides are compared as the engine holds them.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
import yaml
from spark import needs_spark
from sqlglot import exp

from pipelines.engines.base import Engine
from pipelines.engines.choose import Engines
from pipelines.settings import Settings
from pipelines.store.lake import Lake
from pipelines.tables.inputs import contract_of

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(__file__).parent / "cases"
# Folders of SELECTs that are no tables of the night.
QUERIES = {"backtests", "fits", "identity", "intake", "kpis", "lists"}
SQL_FILES = {
    f"{path.parent.name}/{path.stem}" if path.parent.name in QUERIES else path.stem: path
    for path in sorted((ROOT / "sql").glob("*/*.sql"))
}
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
    "points_order": "expires_first",
    "amounts_include_tax": True,
    "currency": "EUR",
}

Columns = dict[str, str]
Row = Mapping[str, Any]


@cache
def types() -> duckdb.DuckDBPyConnection:
    """A database that turns text into values of a type; the same for all cases, as opening one takes longer."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": False})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


class Case:
    """Typed tables made of text for an engine to read, and what it makes of a SELECT over them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def typed(self, columns: Columns, rows: list[Row]) -> pa.Table:
        """Rows of text and numbers in the types of a contract."""
        types().execute(f"CREATE OR REPLACE TABLE typed ({', '.join(f'{c} {t}' for c, t in columns.items())})")
        for row in rows:
            unknown = row.keys() - columns.keys()
            assert not unknown, f"there is no column {sorted(unknown)}"
            values = [None if row[name] is None else str(row[name]) for name in row]
            marks = ", ".join(f"CAST(? AS {columns[name]})" for name in row)
            types().execute(f"INSERT INTO typed ({', '.join(row)}) VALUES ({marks})", values)
        return types().execute("FROM typed").to_arrow_table()

    def give(self, name: str, select: str, given: Mapping[str, list[Row]]) -> None:
        """Register what a SELECT reads; tables that are not given are empty."""
        tables = inputs(select)
        unread = given.keys() - tables
        assert not unread, f"given but never read: {sorted(unread)}"
        for table in sorted(tables):
            rows = given.get(table, [])
            if table == "night":
                rows = [NIGHT | dict(rows[0] if rows else {})]
            self.engine.register_arrow(table, self.typed(input_columns(table, name), rows))

    def found(self, table: str, select: str) -> pa.Table:
        """What the engine writes for a table, read back."""
        columns = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in output_columns(table).items())
        parts = self.engine.write(f"SELECT {columns} FROM ({select}\n) AS found", table.replace("/", "_"))
        paths = [str(self.engine._night.lake.path(part.path)) for part in parts]
        return types().execute("FROM read_parquet($paths)", {"paths": paths}).to_arrow_table()

    def rows(self, table: pa.Table, columns: list[str]) -> list[tuple[Any, ...]]:
        types().register("compared", table)
        return sorted(types().execute(f"SELECT {', '.join(columns)} FROM compared").fetchall(), key=repr)


@cache
def inputs(select: str) -> set[str]:
    """The tables that a SELECT reads; `history.` in front of what earlier nights published, `replaced.` of old rows."""
    tree = sqlglot.parse_one(select, read="duckdb")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    return {f"{t.db}.{t.name}" if t.db else t.name for t in tree.find_all(exp.Table) if t.db or t.name not in own}


def own_columns(name: str) -> dict[str, Columns]:
    """Columns by table of what the SELECTs of a query's folder read or give and no contract knows."""
    return _folder_columns(name.partition("/")[0]) if "/" in name else {}


@cache
def _folder_columns(folder: str) -> dict[str, Columns]:
    return yaml.safe_load((CASES / folder / "columns.yaml").read_text(encoding="utf-8"))


def input_columns(table: str, reader: str = "") -> Columns:
    """Columns of an input as it lies in the lake: a source as staged, or a table that is made here."""
    if own := own_columns(reader).get(table):
        return own
    return {column.name: column.type for column in contract_of(table.split(".")[-1]).columns}


def output_columns(table: str) -> Columns:
    if "/" in table:
        return own_columns(table)[table.partition("/")[2]]
    return {"customer_id": "VARCHAR"} if table in SEGMENTS else input_columns(table)


def cases() -> Iterator[Any]:
    for name in SQL_FILES:
        for path in sorted((CASES / name).glob("*.yaml")):
            yield pytest.param(name, path, id=f"{name}/{path.stem}")


@contextmanager
def uncompiled(engine: Engine) -> Iterator[None]:
    """Spark interprets a SELECT instead of compiling it, which takes longer than a case; a night's are compiled."""
    spark = getattr(engine, "_spark", None)
    if spark is None:
        yield
        return
    options = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    for name, value in options.items():
        spark.conf.set(name, value)
    yield
    for name in options:
        spark.conf.unset(name)


@contextmanager
def engines_of(home: Path, engine: str) -> Iterator[Engines]:
    settings = Settings(home=home, engine=engine, memory_limit="1GB", threads=1, spark_master="local[1]")
    with Engines(Lake(home).open_night(date(2024, 6, 30), "case"), settings) as engines, uncompiled(engines.sql()):
        yield engines


@pytest.fixture(scope="module", params=["duckdb", pytest.param("spark", marks=needs_spark)])
def engines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Those of all cases: each finds its engine cleared."""
    with engines_of(tmp_path_factory.mktemp("cases"), request.param) as engines:
        yield engines


@pytest.fixture
def case(engines: Engines) -> Case:
    return Case(engines.sql())


@pytest.fixture(scope="module")
def duckdb_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines_of(tmp_path_factory.mktemp("plans"), "duckdb") as engines:
        yield engines


@pytest.mark.parametrize(("table", "path"), cases())
def test_case(table: str, path: Path, case: Case) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content.keys() == {"given", "expect"}, "a case has given and expect"
    expected = content["expect"]
    select = SQL_FILES[table].read_text(encoding="utf-8").strip()
    case.give(table, select, content["given"])
    named = list(expected[0]) if expected else list(output_columns(table))
    assert all(list(row) == named for row in expected), "all expected rows name the same columns, in the same order"
    found = case.found(table, select)
    assert case.rows(found, named) == case.rows(case.typed(output_columns(table), expected), named)


@pytest.mark.parametrize("table", sorted(SQL_FILES.keys() - NEVER_EMPTY))
def test_empty_inputs_give_an_empty_table(table: str, case: Case) -> None:
    select = SQL_FILES[table].read_text(encoding="utf-8").strip()
    case.give(table, select, {})
    assert case.found(table, select).num_rows == 0


@pytest.mark.parametrize("table", SQL_FILES)
def test_columns_and_types_are_those_of_the_contract(table: str, duckdb_engines: Engines) -> None:
    select = SQL_FILES[table].read_text(encoding="utf-8").strip()
    engine = duckdb_engines.duckdb()
    Case(engine).give(table, select, {})
    assert {name: kind for name, kind, *_ in engine.rows(f"DESCRIBE {select}")} == output_columns(table)


@pytest.mark.parametrize("table", SQL_FILES)
def test_no_join_compares_every_row_with_every_row(table: str, duckdb_engines: Engines) -> None:
    """As DuckDB does where a LEFT JOIN's condition looks at the left side alone: minutes at a million customers."""
    select = SQL_FILES[table].read_text(encoding="utf-8").strip()
    engine = duckdb_engines.duckdb()
    Case(engine).give(table, select, {})
    plan = json.loads(engine.rows(f"EXPLAIN (FORMAT json) {select}")[0][1])
    nested = [node for node in _operators(plan) if node["name"].strip() == "BLOCKWISE_NL_JOIN"]
    assert all(node["extra_info"]["Join Type"] == "INNER" for node in nested)  # with a table of a row or two


def _operators(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in plan:
        yield node
        yield from _operators(node["children"])


@pytest.mark.parametrize("table", SQL_FILES)
def test_every_sql_file_has_cases(table: str) -> None:
    assert list((CASES / table).glob("*.yaml")), f"no cases in tests/sql/cases/{table}"


def test_every_folder_of_cases_has_its_sql_file() -> None:
    folders = {path.parent for path in CASES.rglob("*.yaml") if path.name != "columns.yaml"}
    assert {path.relative_to(CASES).as_posix() for path in folders} <= SQL_FILES.keys()
