"""DuckDB, the default engine: in memory, with one connection a task."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.engines.base import Engine
from pipelines.engines.sql import identifier, literal, one_file, qualified
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile

# The limit spares a dictionary of millions of keys, which DuckDB would build and then throw away.
PARQUET = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 10000"

# Where a table's names lie. `tonight` is where those without a schema do.
_SCHEMAS = ("tonight", "history", "replaced")
_NEW_SCHEMAS = "; ".join([*(f"CREATE SCHEMA {schema}" for schema in _SCHEMAS), "USE tonight"])
_OLD_SCHEMAS = "; ".join(f"DROP SCHEMA {schema} CASCADE" for schema in _SCHEMAS)


class DuckDBEngine(Engine):
    """DuckDB in memory, for one task. What exceeds the memory limit is spilled to the lake's temporary folder."""

    def __init__(self, night: Night, settings: Settings) -> None:
        super().__init__(night)
        self._spill = night.temporary_folder()
        self.connection = duckdb.connect(
            config={
                "memory_limit": settings.memory_limit,
                "threads": settings.threads,
                "temp_directory": str(self._spill),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        # Whatever a mapping's expression or a segment's SQL may reach, it is no file outside the home.
        reached = (settings.home, settings.landing_dir, *night.lake.elsewhere)
        allowed = {form for folder in reached for form in (f"{folder}", one_file(folder))}
        folders = ", ".join(map(literal, sorted(allowed)))
        self.connection.execute(f"SET allowed_directories = [{folders}]; SET enable_external_access = FALSE")
        self.connection.execute("SET TimeZone = $zone", {"zone": settings.timezone})
        self.connection.execute(_NEW_SCHEMAS)

    def __enter__(self) -> "DuckDBEngine":
        return self

    def clear(self) -> None:
        self.connection.execute(f"USE main; {_OLD_SCHEMAS}; {_NEW_SCHEMAS}")
        for (name,) in self.rows("SELECT table_name FROM duckdb_tables() WHERE temporary"):
            self.connection.execute(f"DROP TABLE temp.{identifier(name)}")

    def close(self) -> None:
        self.connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def scan(self, paths: Iterable[Path]) -> str:
        return f"read_parquet([{', '.join(literal(one_file(path)) for path in paths)}])"

    def register(self, name: str, select: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE VIEW {qualified(name)} AS {select}")

    def register_arrow(self, name: str, table: pa.Table) -> None:
        self.connection.register("incoming", table)
        self.connection.execute(f"CREATE OR REPLACE TABLE {qualified(name)} AS FROM incoming")
        self.connection.unregister("incoming")

    def materialise(self, name: str, select: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {identifier(name)} AS {select}")

    def write(self, select: str, table: str) -> tuple[DataFile, ...]:
        path = self._night.new_file(table)
        return (self._night.data_file(path, self.write_file(select, path)),)

    def write_file(self, select: str, path: Path) -> int:
        """Run a SELECT into a Parquet file; returns its rows."""
        copy = f"COPY ({select}) TO {literal(str(path))} ({PARQUET})"
        row = self.connection.execute(copy).fetchone()
        path.chmod(0o600)
        return int(row[0]) if row else 0

    def rows(self, select: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(select, parameters).fetchall()

    def arrow(self, select: str, parameters: dict[str, Any] | None = None) -> pa.Table:
        """A SELECT's rows as an Arrow table."""
        return self.connection.execute(select, parameters).to_arrow_table()

    def batches(self, select: str, rows: int) -> Iterator[pa.Table]:
        """A SELECT's rows, at most so many at a time, in their order; none for an empty result.

        Read by a cursor of its own, so that other statements may run in between.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("USE tonight")
            for batch in cursor.execute(select).to_arrow_reader(rows):
                yield pa.Table.from_batches([batch])

    def map_batches(self, name: str, function: Callable[[pa.Table], pa.Table], select: str, rows: int) -> None:
        """Make `name` a temporary table of the rows that a function returns for batches of a SELECT's rows.

        Args:
            name: Of the temporary table.
            function: From a batch to the rows that it becomes. It is first called without a row, so that the table
                exists also if the SELECT gives none.
            select: The SELECT.
            rows: The most that a batch has.
        """
        self.connection.execute(f"DROP TABLE IF EXISTS {identifier(name)}")
        for batch in chain([self.arrow(f"{select} LIMIT 0")], self.batches(select, rows)):
            self._append(name, function(batch))

    def _append(self, name: str, rows: pa.Table) -> None:
        """Add rows to a temporary table; the first call creates it."""
        self.connection.register("incoming", rows)
        self.connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {identifier(name)} AS FROM incoming LIMIT 0")
        self.connection.execute(f"INSERT INTO {identifier(name)} FROM incoming")
        self.connection.unregister("incoming")
