"""Columns of features as arrays."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.churn.reasons import floats

Floats = npt.NDArray[np.float64]


Booleans = npt.NDArray[np.bool_]


Features: TypeAlias = pa.Table | pd.DataFrame


def as_table(features: Features) -> pa.Table:
    return features if isinstance(features, pa.Table) else pa.Table.from_pandas(features, preserve_index=False)


def is_numeric(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind))


def feature_matrix(table: pa.Table, names: tuple[str, ...]) -> Floats:
    """Rows x features; NULL is NaN, which the trees treat as a value of its own."""
    return np.column_stack([floats(table[name]) for name in names])


def as_booleans(column: pa.ChunkedArray) -> Booleans:
    return np.asarray(column.cast(pa.bool_()).to_numpy(zero_copy_only=False), dtype=bool)
