"""The engines: run SELECTs, written in DuckDB's dialect, over the lake's Parquet files.

DuckDB in memory, one connection a task, is the default; Spark (pipelines.spark) runs the same SELECTs.
"""

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import Column, Contract
from pipelines.lake import Night, Part, TableState
from pipelines.settings import Settings

_NAME = re.compile(r"^[a-z_][a-z0-9_]*$")


# Keys of millions of values make no dictionary: it would be given up only after it was built.
PARQUET = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 10000"


def identifier(name: str) -> str:
    """A table or column name, quoted for SQL.

    Raises:
        ValueError: it is not one of ours; names never come from data.
    """
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is not a plain SQL name")
    return f'"{name}"'


def _qualified(name: str) -> str:
    return ".".join(identifier(part) for part in name.split("."))


def literal(value: str) -> str:
    """A text constant for SQL, where a parameter can't stand (file names in views)."""
    return "'" + value.replace("'", "''") + "'"


def one_file(path: Path | str) -> str:
    """A path for DuckDB's readers, which would take a *, ? or [ in it for a pattern of other files' names."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _no_rows(contract: Contract) -> str:
    columns = (f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in contract.columns)
    return f"SELECT {', '.join(columns)} WHERE FALSE"


@lru_cache(maxsize=100_000)
def _layout(path: Path) -> tuple[tuple[str, str], ...]:
    """A Parquet file's columns and their types; no file of the lake ever changes."""
    return tuple((field.name, str(field.type)) for field in pq.read_schema(path))


class Engine(ABC):
    """What a task needs of an engine; use it as a context manager."""

    def __init__(self, night: Night) -> None:
        self._night = night

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def select_of(self, state: TableState, contract: Contract) -> str:
        """A SELECT of a table's rows as of the night: all its parts, less what later nights replaced."""
        if not state.parts:
            return _no_rows(contract)
        if not state.superseded:
            return self.select_parts(state.parts, contract.columns)
        return self._split(state, contract, "ANTI")

    def replaced_of(self, state: TableState, contract: Contract, wanted: str = "TRUE") -> str:
        """A SELECT of the rows of a table that later nights replaced; of those whose key is wanted."""
        return self._split(state, contract, "SEMI", wanted) if state.superseded else _no_rows(contract)

    def _split(self, state: TableState, contract: Contract, join: str, wanted: str = "TRUE") -> str:
        rows = self.select_parts(state.parts, contract.columns)
        key = [c for c in contract.columns if {c.name, *c.former_names} & {"landing_date", *state.key}]
        same = " AND ".join(f"gone.{identifier(c.name)} = written.{identifier(c.name)}" for c in key)
        gone = self.select_parts(state.superseded, key)
        rows, gone = (f"(SELECT * FROM ({of}) AS every WHERE {wanted})" for of in (rows, gone))
        return f"SELECT written.* FROM {rows} AS written {join} JOIN {gone} AS gone ON {same}"

    def select_parts(self, parts: Iterable[Part], columns: Sequence[Column]) -> str:
        """A SELECT of some columns from files that earlier versions of the contract may have written.

        A column that a file lacks is looked for under its former names, else NULL; a narrower type is widened.
        """
        by_layout: dict[tuple[tuple[str, str], ...], list[Path]] = {}
        for part in parts:
            path = self._night.lake.path(part.path)
            by_layout.setdefault(_layout(path), []).append(path)
        selects = []
        for layout, paths in by_layout.items():
            there = {name for name, _ in layout}
            read = []
            for column in columns:
                name = next((name for name in (column.name, *column.former_names) if name in there), None)
                value = identifier(name) if name else "NULL"
                read.append(f"CAST({value} AS {column.type}) AS {identifier(column.name)}")
            selects.append(f"SELECT {', '.join(read)} FROM {self.scan(paths)} AS written")
        return " UNION ALL ".join(selects)

    def scan_parts(self, parts: Iterable[Part]) -> str:
        """What to write after FROM to read files of the lake that have the same columns."""
        return self.scan(self._night.lake.path(part.path) for part in parts)

    @abstractmethod
    def close(self) -> None:
        """Let go of what the engine holds."""

    @abstractmethod
    def scan(self, paths: Iterable[Path]) -> str:
        """What to write after FROM to read Parquet files that have the same columns."""

    @abstractmethod
    def register(self, name: str, select: str) -> None:
        """Make `name` (of tonight, or `history.<table>`, `replaced.<table>`) stand for a SELECT."""

    @abstractmethod
    def register_arrow(self, name: str, table: pa.Table) -> None:
        """Make `name` stand for a small Arrow table."""

    @abstractmethod
    def materialise(self, name: str, select: str) -> None:
        """Make `name` stand for a SELECT's rows, worked out once."""

    @abstractmethod
    def write(self, select: str, table: str) -> tuple[Part, ...]:
        """Run a SELECT into new files of a table."""

    @abstractmethod
    def rows(self, select: str) -> list[tuple[Any, ...]]:
        """A SELECT's few rows as tuples."""


class DuckDBEngine(Engine):
    """DuckDB in memory, of one task. Spills beside the lake, within the memory limit."""

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
        self.connection.execute("SET TimeZone = $zone", {"zone": settings.timezone})
        self.connection.execute("CREATE SCHEMA history; CREATE SCHEMA replaced")

    def __enter__(self) -> "DuckDBEngine":
        return self

    def close(self) -> None:
        self.connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def scan(self, paths: Iterable[Path]) -> str:
        return f"read_parquet([{', '.join(literal(one_file(path)) for path in paths)}])"

    def register(self, name: str, select: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE VIEW {_qualified(name)} AS {select}")

    def register_arrow(self, name: str, table: pa.Table) -> None:
        self.connection.register("incoming", table)
        self.connection.execute(f"CREATE OR REPLACE TABLE {_qualified(name)} AS FROM incoming")
        self.connection.unregister("incoming")

    def materialise(self, name: str, select: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {identifier(name)} AS {select}")

    def write(self, select: str, table: str) -> tuple[Part, ...]:
        path = self._night.new_file(table)
        return (self._night.part(path, self.write_file(select, path)),)

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
            for batch in cursor.execute(select).to_arrow_reader(rows):
                yield pa.Table.from_batches([batch])

    def map_batches(self, name: str, function: Callable[[pa.Table], pa.Table], select: str, rows: int) -> None:
        """Make `name` a temporary table of what a function makes of a SELECT's rows, at most so many at a time.

        The function is first given no row, so that the table is there in any case.
        """
        self.connection.execute(f"DROP TABLE IF EXISTS {identifier(name)}")
        for batch in chain([self.arrow(f"{select} LIMIT 0")], self.batches(select, rows)):
            self._append(name, function(batch))

    def _append(self, name: str, rows: pa.Table) -> None:
        """Add rows to a temporary table, which is made of the first."""
        self.connection.register("incoming", rows)
        self.connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {identifier(name)} AS FROM incoming LIMIT 0")
        self.connection.execute(f"INSERT INTO {identifier(name)} FROM incoming")
        self.connection.unregister("incoming")
