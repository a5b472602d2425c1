"""The engine that the settings name, and those of a task that makes several tables."""

import os
import shutil
from contextlib import ExitStack
from types import TracebackType

from pipelines.engines.base import Engine
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.lake import Night


def sql_engine(night: Night, settings: Settings) -> Engine:
    """The engine that the settings name for facts, marts and segments.

    Raises:
        LoyaltyError: Spark is wanted and not installed, or Java is missing.
    """
    if settings.engine == "duckdb":
        return DuckDBEngine(night, settings)
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise LoyaltyError("LOYALTY_ENGINE=spark needs Java 17 (Debian: openjdk-17-jre-headless); install it")
    try:
        from pipelines.engines.spark import SparkEngine
    except ImportError as error:
        raise LoyaltyError("LOYALTY_ENGINE=spark needs PySpark: pip install 'pyspark[connect]==4.3.0'") from error
    return SparkEngine(night, settings)


class Engines:
    """The engines of one task. Each is opened by the first table that needs it, and serves the next ones cleared.

    A context manager: on leaving it they are closed.
    """

    def __init__(self, night: Night, settings: Settings) -> None:
        self._night = night
        self._settings = settings
        self._duckdb: DuckDBEngine | None = None
        self._sql: Engine | None = None
        self._opened = ExitStack()

    def __enter__(self) -> "Engines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def duckdb(self) -> DuckDBEngine:
        """DuckDB, as if it were new: for sources, and for tables that Python makes."""
        if self._duckdb is None:
            self._duckdb = self._opened.enter_context(DuckDBEngine(self._night, self._settings))
        else:
            self._duckdb.clear()
        return self._duckdb

    def sql(self) -> Engine:
        """The engine that the settings name for facts, marts and segments, as if it were new.

        Raises:
            LoyaltyError: Spark is wanted and not installed, or Java is missing.
        """
        if self._settings.engine == "duckdb":
            return self.duckdb()
        if self._sql is None:
            self._sql = self._opened.enter_context(sql_engine(self._night, self._settings))
        else:
            self._sql.clear()
        return self._sql
