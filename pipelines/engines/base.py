"""What every engine does: run SELECTs, written in DuckDB's dialect, over the lake's data files."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import Column, Contract
from pipelines.engines.sql import identifier
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile, TableState


def _no_rows(contract: Contract) -> str:
    columns = (f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in contract.columns)
    return f"SELECT {', '.join(columns)} WHERE FALSE"


@lru_cache(maxsize=100_000)
def _layout(path: Path) -> tuple[tuple[str, str], ...]:
    """A data file's columns and their types; cached, as no file of the lake ever changes."""
    return tuple((field.name, str(field.type)) for field in pq.read_schema(path))


class Engine(ABC):
    """What a task needs of an engine. It is a context manager: on leaving it is closed."""

    def __init__(self, night: Night) -> None:
        self._night = night

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def select_of(self, state: TableState, contract: Contract) -> str:
        """SQL of a table's rows as of the night: those of all its data files, less the superseded ones."""
        if not state.data_files:
            return _no_rows(contract)
        if not state.superseded:
            return self.select_files(state.data_files, contract.columns)
        return self._split(state, contract, "ANTI")

    def replaced_of(self, state: TableState, contract: Contract, wanted: str = "TRUE") -> str:
        """SQL of the superseded rows of a table.

        Args:
            state: The table as of the night.
            contract: Its contract.
            wanted: An SQL condition on the key; only rows that meet it are read.
        """
        return self._split(state, contract, "SEMI", wanted) if state.superseded else _no_rows(contract)

    def _split(self, state: TableState, contract: Contract, join: str, wanted: str = "TRUE") -> str:
        """SQL of the rows with (SEMI) or without (ANTI) an entry among the superseded ones."""
        key = [c for c in contract.columns if {c.name, *c.former_names} & {"landing_date", *state.key}]
        same = " AND ".join(f"gone.{identifier(c.name)} = written.{identifier(c.name)}" for c in key)
        written, gone = (
            f"(SELECT * FROM ({self.select_files(files, columns)}) AS every WHERE {wanted})"
            for files, columns in ((state.data_files, contract.columns), (state.superseded, key))
        )
        return f"SELECT written.* FROM {written} AS written {join} JOIN {gone} AS gone ON {same}"

    def select_files(self, files: Iterable[DataFile], columns: Sequence[Column]) -> str:
        """SQL of some columns of data files that earlier versions of the contract may have written.

        A column that a file lacks is looked for under its former names, else it is NULL; a narrower type is widened.
        """
        by_layout: dict[tuple[tuple[str, str], ...], list[Path]] = {}
        for file in files:
            by_layout.setdefault(self.layout_of(file), []).append(self._night.lake.path(file.path))
        selects = []
        for layout, paths in by_layout.items():
            written = {name for name, _ in layout}
            values = []
            for column in columns:
                name = next((name for name in (column.name, *column.former_names) if name in written), None)
                value = identifier(name) if name else "NULL"
                values.append(f"CAST({value} AS {column.type}) AS {identifier(column.name)}")
            selects.append(f"SELECT {', '.join(values)} FROM {self.scan(paths)} AS written")
        return " UNION ALL ".join(selects)

    def layout_of(self, file: DataFile) -> tuple[tuple[str, str], ...]:
        """A data file's columns and their types."""
        return _layout(self._night.lake.path(file.path))

    def scan_files(self, files: Iterable[DataFile]) -> str:
        """What to write after FROM to read data files that have the same columns."""
        return self.scan(self._night.lake.path(file.path) for file in files)

    @abstractmethod
    def clear(self) -> None:
        """Forget every name and what it stands for, for the next table of the task."""

    @abstractmethod
    def close(self) -> None:
        """Release what the engine holds."""

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
    def write(self, select: str, table: str) -> tuple[DataFile, ...]:
        """Run a SELECT into new data files of a table."""

    @abstractmethod
    def rows(self, select: str) -> list[tuple[Any, ...]]:
        """A SELECT's rows as tuples; for few rows."""
