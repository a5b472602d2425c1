"""DuckDB as a parser of expressions: a database that holds nothing and reads nothing."""

import json
from functools import cache
from itertools import pairwise
from typing import Any

import duckdb

from pipelines.dialect import Dialect
from pipelines.intake.mapping.readers import reader_macros


@cache
def _database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"enable_external_access": False, "threads": 1})
    connection.execute("SET disabled_optimizers = 'common_subexpressions'")  # as where expressions are run
    for macro in reader_macros(Dialect()):
        connection.execute(macro)
    connection.execute("SET lock_configuration = true")
    return connection


def statement_of(text: str) -> dict[str, Any]:
    """The tree of SELECT with a text after it.

    Raises:
        ValueError: it is no SQL, or not one statement without parameters.
    """
    try:
        # A line feed ends a comment, so that one at the end hides nothing.
        select = f"SELECT {_types_as_functions(text)}\n"
        row = _database().cursor().execute("SELECT json_serialize_sql($1)", [select]).fetchone()
        found: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    except (duckdb.Error, UnicodeError, json.JSONDecodeError):
        raise ValueError("the expression can't be read as SQL") from None
    if found.get("error"):
        said = f"{found.get('error_message', 'no SQL')}".split("\n")[0]
        raise ValueError(
            f"the expression can't be read as SQL: {said}. Texts stand in ' and headers with blanks in \", and in YAML "
            "the whole in quotes"
        )
    statements = found["statements"]
    if len(statements) != 1 or statements[0].get("named_param_map"):
        raise ValueError("an expression is one value, without ; and without parameters")
    node: dict[str, Any] = statements[0]["node"]
    return node


_TYPES = (b"date", b"time")


def _types_as_functions(text: str) -> str:
    """The text with time( made read_time( and date( likewise: to DuckDB these are types, and date(x) is a CAST."""
    try:
        starts = [start for start, _ in duckdb.tokenize(text)]
    except duckdb.Error:
        return text
    raw = text.encode()
    pieces = [raw[start:end] for start, end in pairwise([0, *starts, len(raw)])]
    named = [
        b'"read_%b"' % piece.strip().lower() if piece.strip().lower() in _TYPES and after[:1] == b"(" else piece
        for piece, after in pairwise([*pieces, b""])
    ]
    return b"".join(named).decode()


def check_binds(select: str) -> None:
    """Make sure that a SELECT can be worked out: that each function has the types that it needs.

    Raises:
        ValueError: it does not; the message is DuckDB's.
    """
    try:
        _database().cursor().execute(select)
    except duckdb.Error as error:
        raise ValueError(f"{error}".split("\n")[0].partition(": ")[2].rstrip(".")) from None


def check_pattern(pattern: str) -> None:
    """Make sure that a regular expression is one.

    Raises:
        ValueError: it is not.
    """
    try:
        _database().cursor().execute("SELECT regexp_matches('', $1)", [pattern])
    except duckdb.Error:
        raise ValueError(f"{pattern!r} is no regular expression (of RE2, which has no look-around)") from None
