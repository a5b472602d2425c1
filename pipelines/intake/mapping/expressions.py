"""An expression of a mapping: its text parsed by DuckDB, judged node by node, and written anew as SQL.

What the retailer wrote never becomes a part of a statement. DuckDB's parser gives the tree (json_serialize_sql), and
SQL is put together from the nodes of it that are known here: columns by position, constants as literals, functions of
the published list by name. Whatever else the tree holds is refused, so a mapping from elsewhere can do no more than
compute a value of its row.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from pipelines.column_types import header_name
from pipelines.errors import LoyaltyError
from pipelines.intake.mapping.nodes import Node, Sql, constant, node_sql
from pipelines.intake.mapping.parser import check_binds, statement_of

LONGEST = 2000  # characters of an expression
_DEEPEST = 60  # nodes within nodes


class ExpressionError(LoyaltyError, ValueError):
    """An expression is none that a mapping may have. The message says what is wrong and what to write."""


@dataclass(frozen=True)
class Expression:
    """An expression that was judged: its tree, and the headers that it reads in their order, as header_name has them.

    A header is read as text. `headers` are as the retailer wrote them.
    """

    text: str
    tree: Node
    columns: tuple[str, ...]
    headers: tuple[str, ...]

    def sql(self, positions: Mapping[str, str]) -> Sql:
        """The SQL of its value, and of whether something in it can't be read; it calls readers.reader_macros.

        Args:
            positions: The SQL name of each column by its header_name.
        """
        return node_sql(self.tree, positions)


@lru_cache(maxsize=1000)  # each is asked for by what judges it, and by what makes SQL of it
def parse(text: str) -> Expression:
    """An expression from its text.

    Raises:
        ExpressionError: It is no single value, or holds what no expression of a mapping may.
    """
    if not text.strip():
        raise ExpressionError("the expression is empty; write a column's name or a value")
    if not text.isascii() and text.encode(errors="ignore").decode() != text:
        raise ExpressionError("the expression has characters that are none in UTF-8")
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression has {len(text):,} characters; the most is {LONGEST:,}")
    headers: dict[str, str] = {}

    def read(header: str) -> None:
        headers.setdefault(header_name(header), header)

    try:
        tree = _judged(_only_value(statement_of(text)), read, 0)
        _check_types(tree, headers)
    except ValueError as error:
        raise ExpressionError(f"{error}") from None
    except RecursionError:
        raise ExpressionError("the expression is nested too deep") from None
    return Expression(text, tree, tuple(headers), tuple(headers.values()))


def _check_types(tree: Node, headers: Mapping[str, str]) -> None:
    """Make sure that DuckDB knows each function for the types that it is given."""
    positions = {name: f"c{n}" for n, name in enumerate(headers, start=1)}
    sql = node_sql(tree, positions)
    row = ", ".join(f"cell AS {name}" for name in ("c0", *positions.values()))
    rows = f"SELECT {row} FROM (VALUES (NULL), (''), ('x'), ('1')) AS cells(cell)"
    try:
        check_binds(f"SELECT {sql.value}, {sql.fails} FROM ({rows})")
    except ValueError as error:
        said = f"{error}"
        for name, position in reversed(positions.items()):
            said = f'"{headers[name]}"'.join(re.split(rf"\b{position}\b", said))
        raise ValueError(
            f"the expression can't be worked out: {said}. What a header names is text; "
            "read it by number(), date() or time()"
        ) from None


@cache
def _bare() -> str:
    return json.dumps(_without_value(statement_of("1")), sort_keys=True)


def _without_value(statement: Node) -> Node:
    source = statement.get("from_table")
    shown = {**source, "query_location": 0} if isinstance(source, dict) else source
    return {**statement, "from_table": shown, "select_list": []}


def _only_value(statement: Node) -> Node:
    """The value of a SELECT that has one and nothing else: no FROM, WHERE, GROUP BY, LIMIT, WITH, UNION."""
    if json.dumps(_without_value(statement), sort_keys=True) != _bare():
        raise ValueError("an expression is one value: it has no FROM, WHERE, GROUP BY, ORDER BY, LIMIT, WITH or UNION")
    values = statement["select_list"]
    if len(values) != 1:
        raise ValueError(f"an expression is one value, and here are {len(values)}; a decimal mark in SQL is a point")
    value: Node = values[0]
    if value.get("alias"):
        raise ValueError(
            f"{value['alias']!r} stands where nothing can; a header with blanks is written in double quotes"
        )
    return value


def _judged(node: Any, read: Callable[[str], None], depth: int) -> Node:
    """A node with what is needed of it; its columns are given to `read`.

    Raises:
        ValueError: it holds what no expression may.
    """
    if depth > _DEEPEST:
        raise ValueError(f"the expression is nested more than {_DEEPEST} deep")
    if not isinstance(node, dict) or node.get("class") not in _KINDS:
        raise ValueError(_REFUSED.get(f"{node.get('class') if isinstance(node, dict) else node}", _REFUSED["other"]))
    if node.get("alias"):
        raise ValueError("a value within an expression has no name")
    kind = node["class"]
    if kind == "COLUMN_REF" and f"{node['column_names'][0]}".lower() in _CLOCK:
        raise ValueError(f"{node['column_names'][0]} reads the clock: the same file would give another value tomorrow")
    if kind == "CONSTANT":
        return {"class": kind, "sql": constant(node["value"])}
    if kind == "COLUMN_REF":
        names = node["column_names"]
        if len(names) != 1:
            raise ValueError(f"{'.'.join(names)!r} is no column; a header with a point in it stands in double quotes")
        read(names[0])
        return {"class": kind, "name": header_name(names[0])}
    return {key: _inner(value, read, depth) for key, value in node.items() if key not in _PLACES}


def _inner(value: Any, read: Callable[[str], None], depth: int) -> Any:
    if isinstance(value, list):
        return [_inner(item, read, depth) for item in value]
    if isinstance(value, dict) and "class" in value:
        return _judged(value, read, depth + 1)
    if isinstance(value, dict) and "when_expr" in value:
        return {key: _inner(item, read, depth) for key, item in value.items()}
    return value


# Of these DuckDB makes calls when they stand bare; a header of such a name can't be told apart.
_CLOCK = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")
_PLACES = ("alias", "query_location")
_KINDS = ("CONSTANT", "COLUMN_REF", "CASE", "CAST", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "FUNCTION")
_REFUSED = {
    "SUBQUERY": "an expression holds no SELECT within it",
    "WINDOW": "an expression knows its own row alone: it has no OVER",
    "STAR": "* stands for many columns; name one",
    "LAMBDA": "an expression has no -> and no list comprehension",
    "PARAMETER": "an expression has no parameters ($1, ?)",
    "COLLATE": "an expression has no COLLATE; compare lower(...) with lower(...)",
    "other": "an expression is made of columns, constants, CASE, CAST, comparisons and the published functions alone",
}
