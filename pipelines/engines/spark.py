"""Spark, for homes that outgrow one machine: the same SELECTs, translated by sqlglot, over the same files."""

import logging
import os
import shutil
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot
from pyspark.sql import DataFrame, SparkSession
from sqlglot import exp

from pipelines.engines.base import Engine
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile


def translate(select: str) -> str:
    """A SELECT of DuckDB's dialect in Spark's; `history.<table>` becomes `history__<table>` (views have no schema)."""
    tree = sqlglot.parse_one(select, read="duckdb")
    for table in tree.find_all(exp.Table):
        if table.db:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("this", exp.to_identifier(f"{table.db}__{table.name}"))
            table.set("db", None)
    for call in tree.find_all(exp.Anonymous):
        if call.name.upper() == "LIST_REDUCE":  # sqlglot leaves it as it is
            rows, function, start = call.expressions
            call.replace(exp.Anonymous(this="AGGREGATE", expressions=[rows, start, function]))
    return str(tree.sql("spark"))


@cache
def _session(master: str, memory: str, threads: int, zone: str) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    logging.getLogger("py4j").setLevel(logging.WARNING)
    builder: Any = SparkSession.builder
    if master.startswith("local"):  # nothing listens to other machines
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    session: SparkSession = (
        builder.master(master)
        .appName("loyalty")
        .config("spark.driver.memory", memory)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", zone)
        .config("spark.sql.shuffle.partitions", threads)
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    return session


class SparkEngine(Engine):
    """Spark for one task; all tasks of a process share one session."""

    def __init__(self, night: Night, settings: Settings) -> None:
        super().__init__(night)
        memory = settings.memory_limit.upper().replace("IB", "B").replace(" ", "").removesuffix("B").lower()
        self._spark = _session(settings.spark_master, memory, settings.threads, settings.timezone)
        self._views: list[str] = []

    def __enter__(self) -> "SparkEngine":
        return self

    def clear(self) -> None:
        for view in self._views:
            self._spark.catalog.dropTempView(view)
        self._views.clear()
        self._spark.catalog.clearCache()

    def close(self) -> None:
        self.clear()

    def _name(self, name: str, frame: DataFrame) -> str:
        view = name.replace(".", "__")
        frame.createOrReplaceTempView(view)
        self._views.append(view)
        return view

    def _frame(self, select: str) -> DataFrame:
        return self._spark.sql(translate(select))

    def scan(self, paths: Iterable[Path]) -> str:
        files = self._spark.read.parquet(*(str(path) for path in paths))
        return self._name(f"files_{len(self._views)}", files)

    def register(self, name: str, select: str) -> None:
        self._name(name, self._frame(select))

    def register_arrow(self, name: str, table: pa.Table) -> None:
        # PySpark can't take a list column that has no chunk, as that of an empty table.
        batches = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        self._name(name, self._spark.createDataFrame(pa.Table.from_batches(batches, table.schema)))

    def materialise(self, name: str, select: str) -> None:
        self._name(name, self._frame(select).cache())

    def write(self, select: str, table: str) -> tuple[DataFile, ...]:
        folder = self._night.temporary_folder()
        try:
            self._frame(select).write.parquet(str(folder), mode="overwrite")
            files = []
            for written in sorted(folder.glob("part-*.parquet")):
                path = written.rename(self._night.new_file(table))
                path.chmod(0o600)
                files.append(self._night.data_file(path, self._spark.read.parquet(str(path)).count()))
            return tuple(files)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def rows(self, select: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._frame(select).collect()]
