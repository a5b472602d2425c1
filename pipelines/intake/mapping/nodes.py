"""SQL of an expression's tree, node by node. A node that is not known is refused.

Nothing that stands in a row may stop a night: what could raise an error is tried, and a value that can't be worked out
from values that are there is said to be unreadable.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from pipelines.engines.sql import literal
from pipelines.intake.mapping.functions import CASTS, COMPARISONS, FUNCTIONS, OPERATORS, PARTS, READERS, Function
from pipelines.intake.mapping.parser import check_pattern
from pipelines.intake.mapping.words import unknown

Node = dict[str, Any]
_DIGITS = (13, 6)  # of what number() gives
_MOST_DIGITS = 38


@dataclass(frozen=True)
class Sql:
    """SQL of a value, and of the conditions of which one is TRUE if something in it can't be read.

    `kind` is text, number, date or time where that is known, and `digits` are those of a number before and after the
    point, at most: what is of known kinds and small enough can't fail, and need not be tried.
    """

    value: str
    unreadable: tuple[str, ...] = ()
    kind: str | None = None
    digits: tuple[int, int] | None = None

    @property
    def fails(self) -> str:
        return " OR ".join(f"({condition})" for condition in dict.fromkeys(self.unreadable)) or "FALSE"


_Write = Callable[[Node], Sql]


def node_sql(node: Node, positions: Mapping[str, str]) -> Sql:
    """SQL of a judged node; it calls read_number, read_date and read_time (readers.reader_macros).

    Raises:
        ValueError: the node is none that an expression may have, or a column is none of `positions`.
    """
    write: _Write = partial(node_sql, positions=positions)
    match node["class"]:
        case "CONSTANT":
            return _constant(node["sql"])
        case "COLUMN_REF":
            if node["name"] not in positions:
                raise ValueError(unknown(node["name"], "column of the feed", positions))
            return Sql(positions[node["name"]], (), "text")
        case "CASE":
            return _case(node, write)
        case "CAST":
            return _cast(node, write)
        case "COMPARISON":
            sides = [write(node["left"]), write(node["right"])]
            return _tried("({} " + _known(COMPARISONS, node["type"]) + " {})", sides, _compared(sides))
        case "BETWEEN" if node["type"] == "COMPARE_BETWEEN":
            parts = [write(node[part]) for part in ("input", "lower", "upper")]
            return _tried("({} BETWEEN {} AND {})", parts, _compared(parts))
        case "CONJUNCTION":
            word = _known({"CONJUNCTION_AND": " AND ", "CONJUNCTION_OR": " OR "}, node["type"])
            parts = [as_boolean(write(child)) for child in node["children"]]
            return Sql(f"({word.join(part.value for part in parts)})", _of(parts), "boolean")
        case "OPERATOR":
            return _operator(node, write)
        case "FUNCTION":
            return _function(node, write)
        case other:
            raise ValueError(f"an expression has no {other}")


def _known(words: Mapping[str, str], kind: str) -> str:
    if kind not in words:
        raise ValueError(f"an expression has no {kind.lower().replace('_', ' ')}")
    return words[kind]


def _of(parts: list[Sql]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(condition for part in parts for condition in part.unreadable))


def _tried(template: str, parts: list[Sql], kind: str | None = None) -> Sql:
    """SQL that gives NULL where it would fail; that is unreadable unless a value that it is made from is NULL.

    With a `kind` it can't fail and gives that.
    """
    if kind is not None:
        return Sql(template.format(*(part.value for part in parts)), _of(parts), kind)
    value = f"TRY({template.format(*(part.value for part in parts))})"
    there = " AND ".join(f"{part.value} IS NOT NULL" for part in parts)
    return Sql(value, (*_of(parts), f"{there} AND {value} IS NULL"))


def as_boolean(part: Sql) -> Sql:
    """SQL of a value as TRUE, FALSE or NULL; a text that says none of them can't be read."""
    if part.kind == "boolean":
        return part
    value = f"TRY_CAST({part.value} AS BOOLEAN)"
    return Sql(value, (*part.unreadable, f"{part.value} IS NOT NULL AND {value} IS NULL"))


def _case(node: Node, write: _Write) -> Sql:
    """A CASE whose branches are read only where they are taken. All branches are of one type, text if they differ."""
    value, fails, conditions = "CASE", "CASE", []
    for check in node["case_checks"]:
        when, then = as_boolean(write(check["when_expr"])), _typed(write(check["then_expr"]))
        conditions.append(when)
        value += f" WHEN {when.value} THEN {then.value}"
        fails += f" WHEN {when.value} THEN {then.fails}"
    otherwise = _typed(write(node["else_expr"]))
    value, fails = f"{value} ELSE {otherwise.value} END", f"{fails} ELSE {otherwise.fails} END"
    return Sql(value, (*_of(conditions), fails))


def _typed(part: Sql) -> Sql:
    """A text constant as text: else it would be read as whatever the other branches are."""
    return Sql(f"CAST({part.value} AS VARCHAR)") if part.value.startswith("'") else part


def _cast(node: Node, write: _Write) -> Sql:
    given, child = node["cast_type"], write(node["child"])
    info = given.get("type_info") or {}
    if given.get("id") == "DECIMAL":
        kind = f"DECIMAL({int(info.get('width', 18))},{int(info.get('scale', 3))})"
    elif given.get("id") in CASTS and not info:
        kind = CASTS[given["id"]]
    else:
        raise ValueError(
            f'CAST makes {", ".join(CASTS)} and DECIMAL, no {given.get("id")}; a time is read by time("...")'
        )
    value = f"TRY_CAST({child.value} AS {kind})"
    return Sql(value, (*child.unreadable, f"{child.value} IS NOT NULL AND {value} IS NULL"))


def _operator(node: Node, write: _Write) -> Sql:
    kind, children = node["type"], node["children"]
    parts = [write(child) for child in children]
    match kind:
        case "OPERATOR_NOT":
            (part,) = [as_boolean(part) for part in parts]
            return Sql(f"(NOT {part.value})", part.unreadable, "boolean")
        case "OPERATOR_IS_NULL" | "OPERATOR_IS_NOT_NULL":
            word = "IS NULL" if kind == "OPERATOR_IS_NULL" else "IS NOT NULL"
            return Sql(f"({parts[0].value} {word})", parts[0].unreadable, "boolean")
        case "OPERATOR_COALESCE":
            return Sql(f"COALESCE({', '.join(_typed(part).value for part in parts)})", _of(parts))
        case "COMPARE_IN" | "COMPARE_NOT_IN":
            if not all(_is_constant(child) for child in children[1:]):
                raise ValueError("IN has constants in its brackets; compare with a column by = and OR")
            slots = ", ".join(["{}"] * (len(parts) - 1))
            return _tried(
                "({} " + ("IN" if kind == "COMPARE_IN" else "NOT IN") + f" ({slots}))", parts, _compared(parts)
            )
    raise ValueError(f"an expression has no {kind.lower().replace('_', ' ')}")


def _is_constant(node: Node) -> bool:
    return node["class"] == "CONSTANT" or (node["class"] == "CAST" and _is_constant(node["child"]))


def _function(node: Node, write: _Write) -> Sql:
    name, children = _function_name(node), node["children"]
    if node.get("schema") not in ("", "main") or node.get("catalog") or node.get("filter") or node.get("distinct"):
        raise ValueError(f"{name}() is called plainly: without a schema before it, DISTINCT, ORDER BY or FILTER")
    if (node.get("order_bys") or {}).get("orders") or node.get("export_state"):
        raise ValueError(f"{name}() is called plainly: without DISTINCT, ORDER BY or FILTER")
    if name in READERS and not node.get("is_operator"):
        return _reader(name, children, write)
    if name in OPERATORS and node.get("is_operator") and 1 <= len(children) <= 2:
        if len(children) == 1 and name != "-":
            raise ValueError(f"{name} stands between two values")
        template = "(-{})" if len(children) == 1 else "({} " + _OPERATOR_SQL.get(name, name) + " {})"
        parts = [write(child) for child in children]
        return _calculated(name, template, parts)
    if name == "nullif" and len(children) == 2:
        first, second = (write(child) for child in children)
        same = _tried("({} = {})", [first, second])
        return Sql(f"TRY(NULLIF({first.value}, {second.value}))", same.unreadable)
    if name not in FUNCTIONS or node.get("is_operator"):
        raise ValueError(unknown(f"{name}()", "function of the published list", [*READERS, *FUNCTIONS, "nullif"]))
    _check_arguments(name, FUNCTIONS[name], children)
    parts = [write(child) for child in children]
    called = f"{FUNCTIONS[name].by or name}({', '.join(['{}'] * len(parts))})"
    if name in ("concat", "greatest", "least"):  # these leave NULLs out
        value = f"TRY({called.format(*(part.value for part in parts))})"
        return Sql(value, _of(parts))
    given = [part for part, wanted in zip(parts, FUNCTIONS[name].arguments, strict=False) if wanted == "value"]
    is_safe = name in _OF_TEXT and all(part.kind == "text" for part in given)
    return _tried(called, parts, ("text" if name in _GIVE_TEXT else "boolean") if is_safe else None)


# Functions that can't fail on text, and those of them that give text.
_GIVE_TEXT = (
    "lower",
    "upper",
    "trim",
    "ltrim",
    "rtrim",
    "left",
    "right",
    "substr",
    "substring",
    "split_part",
    "replace",
)
_OF_TEXT = (*_GIVE_TEXT, "contains", "starts_with", "ends_with", "regexp_matches", "regexp_full_match")


def _constant(sql: str) -> Sql:
    if sql.startswith("'"):
        return Sql(sql, (), "text")
    whole, _, rest = sql.strip("()").lstrip("-").partition(".")
    return Sql(sql, (), "number", (len(whole), len(rest))) if (whole + rest).isdigit() else Sql(sql)


def _compared(parts: list[Sql]) -> str | None:
    """Boolean, if values can be compared without fail: texts with texts, dates with dates, numbers that fit."""
    (kind, *others) = {part.kind for part in parts}
    if others or kind is None or (kind == "number" and not _fit(parts)):
        return None
    return "boolean"


def _fit(parts: list[Sql]) -> bool:
    digits = [part.digits or (_MOST_DIGITS, 0) for part in parts]
    return max(whole for whole, _ in digits) + max(rest for _, rest in digits) < _MOST_DIGITS


def _calculated(name: str, template: str, parts: list[Sql]) -> Sql:
    """SQL of an operator between values; numbers whose result has room need not be tried."""
    if name in ("~~", "!~~", "~~*", "!~~*", "||"):
        is_safe = all(part.kind == "text" for part in parts)
        return _tried(template, parts, ("text" if name == "||" else "boolean") if is_safe else None)
    if any(part.kind != "number" or part.digits is None for part in parts) or not _fit(parts):
        return _tried(template, parts)
    wholes, rests = zip(*(part.digits for part in parts if part.digits), strict=True)
    digits = {"*": (sum(wholes), sum(rests)), "+": (max(wholes) + 1, max(rests)), "-": (max(wholes) + 1, max(rests))}
    if name not in digits or sum(digits[name]) > _MOST_DIGITS:
        return _tried(template, parts)
    done = _tried(template, parts, "number")
    return Sql(done.value, done.unreadable, "number", digits[name])


def _function_name(node: Node) -> str:
    name = f"{node['function_name']}".lower()
    return {"read_date": "date", "read_time": "time"}.get(name, name)  # as the parser calls them


_OPERATOR_SQL = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}


def _check_arguments(name: str, function: Function, children: list[Node]) -> None:
    most = len(function.arguments)
    if len(children) < most - function.optional or (len(children) > most and not function.repeats):
        raise ValueError(f"{name}() has {most} arguments; {function.what}")
    for wanted, child in zip(function.arguments, children, strict=False):
        if wanted != "value" and child["class"] != "CONSTANT":
            raise ValueError(f"{name}(): an argument after the first is a constant; {function.what}")
        if wanted == "pattern":
            check_pattern(_text_of(child))
        if wanted == "part" and _text_of(child) not in PARTS:
            raise ValueError(unknown(_text_of(child), "part of a date", PARTS))
    if name == "replace" and len(_text_of(children[2])) > len(_text_of(children[1])):
        raise ValueError("replace(): the new text is no longer than the old one")


def _text_of(node: Node) -> str:
    sql: str = node["sql"]
    return sql[1:-1].replace("''", "'") if sql.startswith("'") else sql


def _reader(name: str, children: list[Node], write: _Write) -> Sql:
    if len(children) != 1 or _holds_reader(children[0]):
        raise ValueError(f'{name}() reads one text, like {name}("Header")')
    child = write(children[0])
    value = f"read_{name}({child.value})"
    fails = f"{value} IS NULL AND TRIM(CAST({child.value} AS VARCHAR)) <> ''"
    return Sql(value, (*child.unreadable, f"COALESCE({fails}, FALSE)"), name, _DIGITS if name == "number" else None)


def _holds_reader(node: Any) -> bool:
    if isinstance(node, list):
        return any(map(_holds_reader, node))
    if not isinstance(node, dict):
        return False
    return (node.get("class") == "FUNCTION" and _function_name(node) in READERS) or any(
        map(_holds_reader, node.values())
    )


def constant(value: Node) -> str:
    """SQL of a constant: text, a whole number, a decimal, a floating-point number or NULL.

    Raises:
        ValueError: it is of another type.
    """
    kind, info = value["type"]["id"], value["type"].get("type_info") or {}
    if value["is_null"]:
        return "NULL"
    given = value["value"]
    if kind == "VARCHAR" and isinstance(given, str) and "\0" not in given:
        return literal(given)
    if kind in ("INTEGER", "BIGINT") and type(given) is int:
        return f"({given})"
    if kind == "DECIMAL" and type(given) is int:
        return f"({Decimal(given).scaleb(-int(info.get('scale', 0))):f})"
    if kind == "DOUBLE" and isinstance(given, int | float):
        return f"CAST({literal(repr(float(given)))} AS DOUBLE)"
    raise ValueError(f"a constant of type {kind} can't stand in an expression; write text, or a number of 18 digits")
