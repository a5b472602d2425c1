"""SQL that reads text by a feed's dialect, as a macro a type: the SELECTs of a mapping stay short enough to be read."""

import re

from pipelines.contracts import Column
from pipelines.dialect import Dialect
from pipelines.engines.sql import identifier
from pipelines.intake.mapping.feed_dialect import DATE_ORDERS, FeedDialect
from pipelines.intake.typed_sql import iso_date, typed_value

NUMBER = "DECIMAL(18,6)"
# What number() gives: of one digit more, since DuckDB cuts products of those with 18 down to 18, but no text is read
# into more than 18 digits, which takes a hundred times as long.
_WIDER = "DECIMAL(19,6)"
TYPES = {"number": NUMBER, "date": "DATE", "time": "TIMESTAMP WITH TIME ZONE"}
_NAMES = {"DATE": "read_date", "TIMESTAMP WITH TIME ZONE": "read_time", NUMBER: "read_number"}
_SEPARATORS = (".", "/", "-")


def reader_of(column: Column) -> str:
    """The name of the macro that reads a column of a type."""
    name = _NAMES.get(column.type) or "read_" + re.sub(r"\W+", "_", column.type.lower()).strip("_")
    return f"{name}_as_end_of_day" if column.ends_day else name


def reader_macro(column: Column, dialect: Dialect) -> str:
    """The statement that makes the macro: NULL for text that is no value of the type.

    Where a dialect has an order of dates and no format, all usual separators are read.
    """
    raw = "CAST(raw AS VARCHAR)"
    if column.type in ("DATE", "TIMESTAMP WITH TIME ZONE") and isinstance(dialect, FeedDialect) and dialect.date_order:
        for separator in _SEPARATORS:
            raw = iso_date(raw, separator.join(DATE_ORDERS[dialect.date_order]))
    value = typed_value(column, raw, dialect, careful=True)
    if column.type == NUMBER:
        value = f"CAST({value} AS {_WIDER})"
    return f"CREATE OR REPLACE MACRO {identifier(reader_of(column))}(raw) AS {value}"


def reader_macros(dialect: Dialect) -> list[str]:
    """The macros that expressions call: read_number, read_date and read_time."""
    return [reader_macro(Column(name, kind, ""), dialect) for name, kind in TYPES.items()]


def rounder_of(column: Column) -> str:
    """The name of the macro that rounds a decimal of more digits to a column of a DECIMAL type."""
    return reader_of(column).replace("read_", "round_", 1)


def rounding_macro(column: Column) -> str:
    """The statement that makes the macro: as TRY_CAST does, halves away from 0, in a tenth of the time.

    DuckDB divides numbers of more than 18 digits bit by bit. So a value is rounded as a floating-point number; where
    that is not clearly the nearest, near a half or among very large ones, it is divided after all.
    """
    scale = int(column.type.rstrip(")").split(",")[1])
    near = f"TRY_CAST(ROUND(CAST(x AS DOUBLE), {scale}) AS {column.type})"
    half = f"0.{'0' * scale}5"
    return (
        f"CREATE OR REPLACE MACRO {identifier(rounder_of(column))}(x) AS "
        f"CASE WHEN ABS(x - {near}) < {half} THEN {near} ELSE TRY_CAST(x AS {column.type}) END"
    )
