"""Tables and their columns as arrays."""

import numpy as np
import pandas as pd
import pyarrow as pa

from models.types import Booleans, Floats, Rows


def as_table(rows: Rows) -> pa.Table:
    """The rows as an Arrow table, without the index of a frame."""
    return pa.Table.from_pandas(rows, preserve_index=False) if isinstance(rows, pd.DataFrame) else rows


def floats(column: pa.ChunkedArray) -> Floats:
    """A numeric or boolean column, NaN for NULL."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def booleans(column: pa.ChunkedArray) -> Booleans:
    """A column without NULL."""
    return np.asarray(column.cast(pa.bool_()).to_numpy(zero_copy_only=False), dtype=bool)


def is_numeric(kind: pa.DataType) -> bool:
    """Whether floats can read such a column."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind))


def feature_matrix(table: pa.Table, names: tuple[str, ...]) -> Floats:
    """Rows x features; NULL is NaN, which the trees treat as a value of its own."""
    return np.column_stack([floats(table[name]) for name in names])
