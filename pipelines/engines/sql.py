"""Names, text constants and paths, quoted for SQL; and small tables written out in it."""

import re
from pathlib import Path

import pyarrow as pa

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def identifier(name: str) -> str:
    """A table or column name, quoted for SQL.

    Raises:
        ValueError: it is no plain name. Names come from contracts and code, never from data.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a plain SQL name")
    return f'"{name}"'


def quoted(name: str) -> str:
    """A column name of any characters, as a file or a tool has it, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def qualified(name: str) -> str:
    """A name that may have a schema before it, as in `history.customer_rfm`, quoted for SQL."""
    return ".".join(map(identifier, name.split(".")))


def literal(value: str) -> str:
    """A text constant for SQL, where a parameter can't stand (file names in views)."""
    return "'" + value.replace("'", "''") + "'"


def one_file(path: Path | str) -> str:
    """A path for DuckDB's readers, with *, ? and [ escaped, as they would read a pattern of file names in it."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


_TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.decimal128(18, 4): "DECIMAL(18, 4)",
}


def constants(table: pa.Table) -> str:
    """A small table as a SELECT of constants, which an engine can work with before it reads any data."""

    def select(row: dict[str, object]) -> str:
        values = {name: "NULL" if value is None else literal(str(value)) for name, value in row.items()}
        columns = (f"CAST({values[f.name]} AS {_TYPES[f.type]}) AS {identifier(f.name)}" for f in table.schema)
        return f"SELECT {', '.join(columns)}"

    no_row = f"{select(dict.fromkeys(table.column_names))} WHERE FALSE"
    return " UNION ALL ".join(map(select, table.to_pylist())) or no_row
