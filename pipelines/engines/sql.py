"""Names, text constants and paths, quoted for SQL."""

import re
from pathlib import Path

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
