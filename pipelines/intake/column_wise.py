"""Python functions of single values, as functions of columns that DuckDB can call."""

from collections.abc import Callable

import pyarrow as pa


def column_wise(normal: Callable[[str], str | None]) -> Callable[[pa.ChunkedArray], pa.Array]:
    """`normal` as a function of a batch of values with NULLs; each distinct value is normalised once."""

    def normalised(values: pa.ChunkedArray) -> pa.Array:
        encoded = values.combine_chunks().dictionary_encode()
        return pa.array(map(normal, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices)

    return normalised
