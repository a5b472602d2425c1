"""Python functions of single values, as functions of columns that DuckDB can call."""

from collections.abc import Callable
from contextlib import suppress

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType


def add_function(connection: duckdb.DuckDBPyConnection, name: str, function: Callable[[str], str | None]) -> None:
    """Add a function of one text to SQL; one of its name that was added before goes."""
    with suppress(duckdb.InvalidInputException):
        connection.remove_function(name)
    connection.create_function(
        name,
        column_wise(function),
        ["VARCHAR"],
        "VARCHAR",
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )


def column_wise(normal: Callable[[str], str | None]) -> Callable[[pa.ChunkedArray], pa.Array]:
    """`normal` as a function of a batch of values with NULLs; each distinct value is normalised once."""

    def normalised(values: pa.ChunkedArray) -> pa.Array:
        encoded = values.combine_chunks().dictionary_encode()
        return pa.array(map(normal, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices)

    return normalised
