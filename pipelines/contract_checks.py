"""What must hold of a contract's file before anything is made of it: its shape, its flags, the SQL in its rules."""

from collections.abc import Collection
from typing import Any

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError


def read_document(text: str) -> dict[str, Any]:
    """The YAML of a contract.

    Raises:
        ValueError: it is none, or has another number of schemas than one.
    """
    # The standard's package parses YAML in Python, which takes eight times as long.
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    if not isinstance(document, dict):
        raise ValueError(f"it holds {'nothing' if document is None else 'no names with values'}")
    schemas = document.get("schema")
    if not isinstance(schemas, list) or len(schemas) != 1:
        raise ValueError("a contract has a list `schema` of one entry, which is its table")
    return document


def read_flag(custom: dict[str, Any], name: str) -> bool:
    """A custom property that is true or false; false where it is left out. A text "no" would count as true."""
    value = custom.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} {value!r} is neither true nor false")
    return value


def check_row_rule(name: str, condition: str, columns: Collection[str]) -> None:
    """Refuse a rule that would break the SQL of every night, or say something else there.

    Raises:
        ValueError: the condition is no SQL expression over these columns.
    """
    try:
        trees = sqlglot.parse(condition, dialect="duckdb")
    except SqlglotError as error:
        raise ValueError(f"rule {name}: {condition!r} is no SQL condition") from error
    tree = trees[0] if len(trees) == 1 else None
    if tree is None or not isinstance(tree, exp.Condition):
        raise ValueError(f"rule {name}: {condition!r} is no SQL condition")
    unknown = sorted({column.name for column in tree.find_all(exp.Column)} - set(columns))
    if unknown:
        raise ValueError(f"rule {name}: {condition!r} reads {', '.join(unknown)}, which is no column")
