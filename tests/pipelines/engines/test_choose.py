"""The engine that the settings name."""

import shutil
from datetime import date

import duckdb
import pyarrow as pa
import pytest

from pipelines.engines.choose import Engines, sql_engine
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.lake import Lake


def test_duckdb_is_the_default(tmp_path):
    with sql_engine(Lake(tmp_path).open_night(date(2017, 12, 1), "run"), Settings(home=tmp_path)) as engine:
        assert isinstance(engine, DuckDBEngine)


def test_spark_without_java_is_an_error_that_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    night = Lake(tmp_path).open_night(date(2017, 12, 1), "run")
    with pytest.raises(LoyaltyError, match="needs Java 17"):
        sql_engine(night, Settings(home=tmp_path, engine="spark"))


def test_the_next_table_finds_an_engine_that_knows_nothing_of_the_last(tmp_path):
    night = Lake(tmp_path).open_night(date(2017, 12, 1), "run")
    with Engines(night, Settings(home=tmp_path)) as engines:
        engine = engines.sql()
        engine.register("history.sale", "SELECT 1 AS n")
        engine.register("replaced.sale", "SELECT 1 AS n")
        engine.register_arrow("small", pa.table({"n": [1]}))
        engine.materialise("made", "SELECT n FROM small")
        engine.register("seen", "SELECT n FROM made")
        engine.connection.execute("CREATE MACRO twice(n) AS 2 * n")
        assert engine.rows("SELECT twice(n) FROM seen JOIN history.sale USING (n) JOIN replaced.sale USING (n)") == [
            (2,)
        ]
        assert engines.duckdb() is engine
        for gone in (
            "FROM history.sale",
            "FROM replaced.sale",
            "FROM small",
            "FROM made",
            "FROM seen",
            "SELECT twice(1)",
        ):
            with pytest.raises(duckdb.CatalogException):
                engine.rows(gone)
        engine.register("made", "SELECT 3 AS n")  # of another kind than before
        engine.register("history.sale", "SELECT 4 AS n")
        assert engine.rows("SELECT * FROM made, history.sale") == [(3, 4)]
        assert list(engine.batches("SELECT n FROM made", 5)) == [pa.table({"n": pa.array([3], pa.int32())})]
