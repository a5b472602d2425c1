"""The types of a Parquet extract's columns: which can be read as the contract's type, and how.

DuckDB reads any type as something: a struct as the text {'a': 1}, a decimal of 50 digits as another number. So a column
of a type from which no value of the contract's type can come is refused by name before a row is read.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.types as kinds

from pipelines.contracts import Column, Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.errors import BadDataError

_BINARY = (kinds.is_binary, kinds.is_large_binary, kinds.is_fixed_size_binary)
_MOST_DIGITS = 38  # of a decimal in DuckDB
_EXACT_IN_SINGLE = 1 << 24  # whole numbers below this are exact in single precision


def check_types(path: Path, columns: tuple[str, ...], types: list[pa.DataType], contract: Contract) -> None:
    """Make sure that each column of the contract has a type that can be read as its own.

    Args:
        path: The file.
        columns: Its columns in the contract's names.
        types: The types of these.
        contract: What the columns are.

    Raises:
        BadDataError: A column's type can't; the message names the file and the column.
    """
    known = {column.name: column for column in contract.columns}
    for name, found in zip(columns, types, strict=True):
        if name in known and (advice := _objection(known[name], _of_values(found))):
            raise BadDataError(f"{path}: column {name} is of type {found}, which can't be read as it is. {advice}")


def check_can_be_text(path: Path, columns: tuple[str, ...], types: list[pa.DataType]) -> None:
    """Make sure that each column has single values that have a text: no lists, maps, structs or bytes.

    Raises:
        BadDataError: One has not; the message names the file and the column.
    """
    for name, found in zip(columns, types, strict=True):
        values = _of_values(found)
        if kinds.is_nested(values) or any(is_kind(values) for is_kind in _BINARY):
            raise BadDataError(f"{path}: column {name!r} is of type {found}. Deliver single values, or leave it out.")


def _of_values(found: pa.DataType) -> pa.DataType:
    return found.value_type if kinds.is_dictionary(found) else found


def _objection(column: Column, found: pa.DataType) -> str | None:
    """What to deliver instead of a type from which no value of the column's can come; None if it can."""
    if kinds.is_nested(found):
        return "Deliver a column of single values, not of lists, maps or structs."
    if kinds.is_null(found) or _is_text(found):
        return None
    if kinds.is_decimal(found) and found.precision > _MOST_DIGITS:
        return f"Deliver a decimal of at most {_MOST_DIGITS} digits."
    if column.type in ("DATE", "TIMESTAMP WITH TIME ZONE"):
        return None if kinds.is_date(found) or kinds.is_timestamp(found) else "Deliver dates, timestamps or text."
    is_number = kinds.is_integer(found) or kinds.is_floating(found) or kinds.is_decimal(found)
    if column.type == "VARCHAR":
        return "Deliver text or whole numbers." if column.identifier and not is_number else None
    if column.type == "BOOLEAN":
        return None if kinds.is_boolean(found) or kinds.is_integer(found) else "Deliver booleans or text."
    return None if is_number else "Deliver numbers or text."


def _is_text(found: pa.DataType) -> bool:
    strings = (kinds.is_string, kinds.is_large_string, kinds.is_string_view)
    return any(is_kind(found) for is_kind in (*strings, *_BINARY))


def readable_scan(
    path: Path, columns: tuple[str, ...], names: list[str], contract: Contract, engine: DuckDBEngine
) -> str:
    """What to write after FROM to read a file, with binary text decoded and money of single precision made double.

    Args:
        path: The file.
        columns: Its columns in the contract's names.
        names: How the SQL calls them.
        contract: What the columns are.
        engine: To look at them.

    Raises:
        BadDataError: A column has bytes that are no text, or amounts too large for its single precision.
    """
    scan = f"{engine.scan([path])} AS p({', '.join(names)})"
    known = {column.name: column for column in contract.columns}
    shown, spoilt = [], {}
    types = [kind for _, kind, *_ in engine.rows(f"DESCRIBE FROM {scan}")]
    for column, name, kind in zip(columns, names, types, strict=True):
        if kind == "BLOB" and column in known:
            shown.append(f"DECODE({name}) AS {identifier(name)}")
            spoilt[column] = (f"{name} IS NOT NULL AND TRY(DECODE({name})) IS NULL", "bytes that are no UTF-8 text")
        elif kind == "FLOAT" and column in known and known[column].type.startswith("DECIMAL"):
            shown.append(f"CAST({name} AS DOUBLE) AS {identifier(name)}")
            digits = int(known[column].type.rstrip(")").split(",")[1])
            most = _EXACT_IN_SINGLE // 10**digits
            spoilt[column] = (f"ISFINITE({name}) AND ABS({name}) >= {most}", _TOO_LARGE.format(most=most))
        else:
            shown.append(name)
    if not spoilt:
        return f"(FROM {scan})"
    asked = ", ".join(f"COUNT(*) FILTER ({condition})" for condition, _ in spoilt.values())
    (counts,) = engine.rows(f"SELECT {asked} FROM {scan}")
    for (column, (_, what)), count in zip(spoilt.items(), counts, strict=True):
        if count:
            raise BadDataError(f"{path}: column {column} has {what} in {count} rows. Deliver it as text or decimals.")
    return f"(SELECT {', '.join(shown)} FROM {scan})"


_TOO_LARGE = "numbers of single precision from {most:,} on, whose last digits are not kept,"
