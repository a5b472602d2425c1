"""Rows of a small table, for code that runs no SQL on it."""

from datetime import date
from typing import Any

import pyarrow.parquet as pq

from pipelines.store.lake import Lake
from pipelines.store.manifest import TableState


def small_rows(lake: Lake, state: TableState, **equal: str | date) -> list[dict[str, Any]]:
    """A table's rows, of those that have these values in these columns if any are given; none if it has no file."""
    wanted = [(name, "=", value) for name, value in equal.items()] or None
    return [row for file in state.data_files for row in pq.read_table(lake.path(file.path), filters=wanted).to_pylist()]
