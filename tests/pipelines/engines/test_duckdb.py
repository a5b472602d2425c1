"""DuckDB as an engine: what it reads of data files, and what it makes of SELECTs."""

import stat
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts import Column, Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Lake
from pipelines.store.manifest import DataFile, TableState

KEY = (Column("sale_id", "VARCHAR", ""), Column("landing_date", "DATE", ""))
SALE = Contract("sale", "", "", (*KEY, Column("amount", "DECIMAL(18,2)", "")), ("sale_id",), ())


def open_engine(home: Path) -> DuckDBEngine:
    night = Lake(home).open_night(date(2017, 12, 2), "run")
    return DuckDBEngine(night, Settings(home=home, memory_limit="1GB", threads=1, timezone="America/New_York"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    with open_engine(tmp_path / "home") as engine:
        yield engine


def written(engine: DuckDBEngine, *rows: str, columns: str = "sale_id, landing_date, amount") -> tuple[DataFile, ...]:
    values = ", ".join(f"({row})" for row in rows)
    return engine.write(f"SELECT * FROM (VALUES {values}) AS made({columns})", "sale")


def of_state(engine: DuckDBEngine, state: TableState, contract: Contract = SALE) -> list[tuple[object, ...]]:
    return sorted(engine.rows(f"SELECT * EXCLUDE (landing_date) FROM ({engine.select_of(state, contract)})"))


def test_a_table_without_a_data_file_has_its_columns_and_no_row(engine):
    select = engine.select_of(TableState(), SALE)
    assert engine.rows(select) == engine.rows(engine.replaced_of(TableState(), SALE)) == []
    assert [row[:2] for row in engine.rows(f"DESCRIBE {select}")] == [(c.name, c.type) for c in SALE.columns]


def test_superseded_rows_are_left_out_and_are_the_replaced_ones(engine):
    first = written(engine, "'a', DATE '2017-12-01', 1.00", "'b', DATE '2017-12-01', 2.00")
    second = written(engine, "'a', DATE '2017-12-02', 10.00")
    superseded = written(engine, "'a', DATE '2017-12-01'", columns="sale_id, landing_date")
    state = TableState(data_files=(*first, *second), superseded=superseded, key=("sale_id",))
    assert of_state(engine, state) == [("a", Decimal("10.00")), ("b", Decimal("2.00"))]
    replaced = engine.replaced_of(state, SALE)
    assert engine.rows(replaced) == [("a", date(2017, 12, 1), Decimal("1.00"))]
    assert engine.rows(engine.replaced_of(state, SALE, "sale_id <> 'a'")) == []


def test_a_column_that_a_file_lacks_is_read_by_its_former_name_else_null(engine):
    former = written(engine, "'a', DATE '2017-12-01', 1.00", columns="id, landing_date, amount")
    present = written(engine, "'b', DATE '2017-12-02'", columns="sale_id, landing_date")
    renamed = Column("sale_id", "VARCHAR", "", former_names=("id",))
    contract = Contract("sale", "", "", (renamed, *SALE.columns[1:]), ("sale_id",), ())
    state = TableState(data_files=(*former, *present), key=("sale_id",))
    assert of_state(engine, state, contract) == [("a", Decimal("1.00")), ("b", None)]


def test_a_row_that_was_superseded_under_a_former_name_of_the_key_stays_superseded(engine):
    rows = written(engine, "'a', DATE '2017-12-01', 1.00", columns="id, landing_date, amount")
    superseded = written(engine, "'a', DATE '2017-12-01'", columns="id, landing_date")
    renamed = Column("sale_id", "VARCHAR", "", former_names=("id",))
    contract = Contract("sale", "", "", (renamed, *SALE.columns[1:]), ("sale_id",), ())
    state = TableState(data_files=rows, superseded=superseded, key=("id",))
    assert of_state(engine, state, contract) == []


def test_a_narrower_type_is_widened(engine):
    narrow = written(engine, "'a', DATE '2017-12-01', CAST(1.5 AS DECIMAL(4,1))")
    wide = written(engine, "'b', DATE '2017-12-01', CAST(12345678901.25 AS DECIMAL(18,2))")
    found = of_state(engine, TableState(data_files=(*narrow, *wide)))
    assert found == [("a", Decimal("1.50")), ("b", Decimal("12345678901.25"))]


@pytest.mark.parametrize("name", ["home[1]", "home*", "home?", "it's home"])
def test_a_home_whose_path_has_wildcards_is_read_like_any(tmp_path, name):
    (tmp_path / "home1").mkdir()
    with open_engine(tmp_path / name) as engine:
        files = written(engine, "'a', DATE '2017-12-01', 1.00")
        assert of_state(engine, TableState(data_files=files)) == [("a", Decimal("1.00"))]
        assert engine.rows(f"SELECT COUNT(*) FROM {engine.scan_files(files)}") == [(1,)]


def test_what_is_written_is_private_and_counted(engine):
    (file,) = written(engine, "'a', DATE '2017-12-01', 1.00", "'b', DATE '2017-12-01', 2.00")
    assert file.rows == 2
    assert stat.S_IMODE(engine._night.lake.path(file.path).stat().st_mode) == 0o600


def test_a_name_stands_for_the_latest_that_was_registered(engine):
    for n in (1, 2):
        engine.register("history.sale", f"SELECT {n} AS n")
        engine.register_arrow("small", pa.table({"n": [n]}))
        engine.materialise("made", f"SELECT {n} AS n")
    for name in ("history.sale", "small", "made"):
        assert engine.rows(f"SELECT n FROM {name}") == [(2,)]


def test_what_is_materialised_is_worked_out_once(engine):
    engine.register_arrow("small", pa.table({"n": [1]}))
    engine.register("view", "SELECT n FROM small")
    engine.materialise("made", "SELECT n FROM small")
    engine.register_arrow("small", pa.table({"n": [2]}))
    assert engine.rows("SELECT made.n, view.n FROM made, view") == [(1, 2)]


def test_text_is_a_time_in_the_business_zone(engine):
    assert engine.rows("SELECT CAST(TIMESTAMPTZ '2017-12-02T03:30:00Z' AS DATE)") == [(date(2017, 12, 1),)]


def doubled(batch: pa.Table) -> pa.Table:
    return pa.table({"double": pa.array([2 * n for n in batch["n"].to_pylist()], pa.int64())})


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 5000), st.integers(1, 4000))
def test_batches_are_all_rows_in_their_order_and_no_larger_than_asked(engine, count, size):
    select = f"SELECT range AS n FROM range({count})"
    batches = list(engine.batches(select, size))
    assert [n for batch in batches for n in batch["n"].to_pylist()] == list(range(count))
    assert all(batch.num_rows <= size for batch in batches)
    engine.map_batches("doubles", doubled, select, size)
    assert engine.rows("SELECT double FROM doubles ORDER BY double") == [(2 * n,) for n in range(count)]


def test_mapped_batches_of_no_row_are_an_empty_table_of_the_functions_columns(engine):
    for count in (3, 0):  # also in the place of an earlier one
        engine.map_batches("doubles", doubled, f"SELECT range AS n FROM range({count})", 10)
    assert engine.rows("SELECT * FROM doubles") == []
    assert [row[:2] for row in engine.rows("DESCRIBE doubles")] == [("double", "BIGINT")]


def test_other_statements_may_run_between_two_batches(engine):
    batches = engine.batches("SELECT range AS n FROM range(5000)", 2048)
    assert sum(batch.num_rows * engine.rows("SELECT 1")[0][0] for batch in batches) == 5000


def test_a_closed_engine_leaves_no_temporary_folder(tmp_path):
    with open_engine(tmp_path) as engine:
        assert list((tmp_path / "lake" / "tmp").iterdir())
    assert not list((tmp_path / "lake" / "tmp").iterdir())
    with pytest.raises(duckdb.ConnectionException):
        engine.rows("SELECT 1")


def test_sql_reaches_no_file_outside_the_home_and_cannot_allow_itself_more(engine, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.csv"
    outside.write_text("a\n1\n")
    for select in (f"FROM read_csv('{outside}')", f"FROM read_text('{outside}')", "FROM glob('/etc/*')"):
        with pytest.raises(duckdb.PermissionException):
            engine.rows(select)
    with pytest.raises(duckdb.PermissionException):
        engine.rows(f"COPY (SELECT 1) TO '{outside}.copy'")
    with pytest.raises(duckdb.Error, match="Cannot enable external access"):
        engine.rows("SET enable_external_access = TRUE")
