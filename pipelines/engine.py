"""The engine: runs SELECTs over the lake's Parquet files. DuckDB, in memory, one connection a task."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.contracts import Contract
from pipelines.lake import Night, TableState
from pipelines.settings import Settings

_NAME = re.compile(r"^[a-z_][a-z0-9_]*$")


def identifier(name: str) -> str:
    """A table or column name, quoted for SQL.

    Raises:
        ValueError: it is not one of ours; names never come from data.
    """
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is not a plain SQL name")
    return f'"{name}"'


def literal(value: str) -> str:
    """A text constant for SQL, where a parameter can't stand (file names in views)."""
    return "'" + value.replace("'", "''") + "'"


def parquet_scan(paths: Iterable[Path]) -> str:
    """A table function that reads Parquet files of one schema."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"


class DuckDBEngine:
    """One task's connection; use it as a context manager. Spills beside the lake, within the memory limit."""

    def __init__(self, night: Night, settings: Settings) -> None:
        self._night = night
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
        self.connection.execute("CREATE SCHEMA history")

    def __enter__(self) -> "DuckDBEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def select_of(self, state: TableState, contract: Contract) -> str:
        """A SELECT of a table's rows as of the night: all its parts, less what later nights replaced."""
        if not state.parts:
            columns = ", ".join(
                f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in contract.columns
            )
            return f"SELECT {columns} WHERE FALSE"
        select = f"SELECT * FROM {parquet_scan(self._night.lake.path(part.path) for part in state.parts)} AS kept"
        if state.superseded:
            gone = parquet_scan([self._night.lake.path(state.superseded)])
            same = " AND ".join(f"gone.{identifier(k)} = kept.{identifier(k)}" for k in ("landing_date", *state.key))
            select += f" WHERE NOT EXISTS (SELECT 1 FROM {gone} AS gone WHERE {same})"
        return select

    def register(self, name: str, select: str) -> None:
        """Make `name` (of tonight, or `history.<table>`) stand for a SELECT."""
        qualified = ".".join(identifier(part) for part in name.split("."))
        self.connection.execute(f"CREATE OR REPLACE VIEW {qualified} AS {select}")

    def register_arrow(self, name: str, table: pa.Table) -> None:
        """Make `name` stand for a small Arrow table."""
        self.connection.register("incoming", table)
        self.connection.execute(f"CREATE OR REPLACE TABLE {identifier(name)} AS FROM incoming")
        self.connection.unregister("incoming")

    def write(self, select: str, path: Path) -> int:
        """Run a SELECT into a new Parquet file; returns its rows."""
        copy = f"COPY ({select}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        row = self.connection.execute(copy).fetchone()
        path.chmod(0o600)
        return int(row[0]) if row else 0

    def arrow(self, select: str, parameters: dict[str, Any] | None = None) -> pa.Table:
        """A SELECT's rows as an Arrow table."""
        return self.connection.execute(select, parameters).to_arrow_table()

    def rows(self, select: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """A SELECT's rows as tuples."""
        return self.connection.execute(select, parameters).fetchall()
