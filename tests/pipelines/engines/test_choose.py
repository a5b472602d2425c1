"""The engine that the settings name."""

import shutil
from datetime import date

import pytest

from pipelines.engines.choose import sql_engine
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
