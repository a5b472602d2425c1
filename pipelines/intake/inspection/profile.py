"""What each column of a table holds: how much, how many different values, of which kind and in which shapes."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from pipelines.engines.sql import identifier, literal
from pipelines.intake.inspection.looks import EMAIL, PHONE, WORDS_OF_MONTHS, is_date, is_empty, is_number
from pipelines.intake.inspection.table import Table

_HEAD_ROWS = 2000  # rows of the beginning, and as many thousands from all over the table, that kinds are read from
_SPREAD_ROWS = 6000
_BLOCK = 256
EXACT_ROWS = 200_000  # of a larger table different values are estimated, to a few per cent
_MOST_SHAPES = 3000
_SHAPED_ROWS = 400_000  # of a larger table the shapes of its beginning are taken, and the rest is compared
_FEW = 40  # different values of a column whose values are listed
_KIND_SHARE = 0.9  # of a column's values that look alike make a kind
_BOOLEANS = (
    {"true", "false"}, {"yes", "no"}, {"y", "n"}, {"да", "нет"}, {"так", "ні"}, {"ja", "nein"}, {"t", "f"},
    {"истина", "ложь"}, {"oui", "non"}, {"si", "no"}, {"sí", "no"},
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """Values that differ in digits alone (9 for each digit): how many, the first one and its position in the table."""

    text: str
    count: int
    position: int
    example: str


@dataclass(frozen=True)
class ColumnFacts:
    """What a column holds.

    `kind` is number, integer, date, time, boolean, email, phone, compact date (20230531), unix time, month name,
    text or empty. `filled` counts values that are there; `words` are those for "no value" that the sample has.
    `shapes` are of numbers and dates alone, over all rows; `values` of columns with few different values, the most
    frequent first.
    """

    position: int
    name: str
    native: str | None
    kind: str
    filled: int
    distinct: int
    sample: tuple[str, ...]
    shapes: tuple[Shape, ...] = ()
    values: tuple[tuple[str, int], ...] = ()
    words: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        return identifier(f"f{self.position}")


def profile(table: Table, connection: duckdb.DuckDBPyConnection) -> tuple[ColumnFacts, ...]:
    """What each column of a table holds: kinds from a sample, counts and shapes from all rows."""
    width = len(table.names)
    different = "COUNT(DISTINCT f{n})" if table.rows <= EXACT_ROWS else "APPROX_COUNT_DISTINCT(f{n})"
    figures = ", ".join(f"COUNT(f{n}), {different.format(n=n)}" for n in range(width))
    counted = connection.execute(f"SELECT {figures} FROM {table.scan}").fetchone() or ()
    step = max(1, table.rows // _SPREAD_ROWS)  # blocks, as a single row of each makes DuckDB unpack all
    fields = ", ".join(f"f{n}" for n in range(width))
    sampled = connection.execute(
        f"SELECT {fields} FROM {table.scan} WHERE file_row_number < {_HEAD_ROWS} "
        f"OR file_row_number // {_BLOCK} % {step} = 0 "
        f"LIMIT {_HEAD_ROWS + 2 * _SPREAD_ROWS}"
    ).fetchall()
    columns = list(zip(*sampled, strict=True)) if sampled else [()] * width
    return tuple(_column(table, n, counted[2 * n], counted[2 * n + 1], columns[n], connection) for n in range(width))


def _column(
    table: Table, n: int, filled: int, distinct: int, sampled: Sequence[Any], connection: duckdb.DuckDBPyConnection
) -> ColumnFacts:
    present = [str(value) for value in sampled if value is not None and str(value).strip()]
    words = tuple(word for word, _ in Counter(v.strip() for v in present if is_empty(v)).most_common(5))
    values = [value for value in present if not is_empty(value)]
    native = table.natives.get(n)
    if words:
        listed = ", ".join(literal(word.lower()) for word in words)
        counted = connection.execute(
            f"SELECT COUNT(*) FROM {table.scan} WHERE f{n} IS NOT NULL AND LOWER(TRIM(f{n})) NOT IN ({listed})"
        ).fetchone()
        filled = int(counted[0]) if counted else filled
    kind = native or _kind(values)
    few: tuple[tuple[str, int], ...] = ()
    if 0 < distinct <= _FEW:
        found = connection.execute(
            f"SELECT f{n}, COUNT(*) FROM {table.scan} WHERE f{n} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_FEW}"
        ).fetchall()
        few = tuple((str(value), int(count)) for value, count in found if not is_empty(str(value)))
        distinct = len(few)
    shapes: tuple[Shape, ...] = ()
    if kind in ("number", "integer", "date", "time") and native in (None, "time"):
        shapes = _shapes(table, n, connection)
    name = table.names[n] or f"column {n + 1}"
    return ColumnFacts(
        n, name, native, kind, filled, min(distinct, filled), tuple(dict.fromkeys(values)), shapes, few, words
    )


def _shapes(table: Table, n: int, connection: duckdb.DuckDBPyConnection) -> tuple[Shape, ...]:
    """The shapes of a column's values; a value below 1 keeps its leading 0, which tells a fraction from thousands.

    Of a large table those of its beginning, if the other rows have the same characters and some shape there is plain:
    to look up each value's shape takes ten times as long.
    """
    if table.rows > _SHAPED_ROWS:
        first = _shapes_of(table, n, f"file_row_number < {_SHAPED_ROWS // 2}", connection)
        marks = sorted({char for shape in first for char in shape.text} - set("09"))
        allowed = "".join(f"\\x{{{ord(char):x}}}" for char in marks)
        row = connection.execute(
            f"SELECT COUNT_IF(NOT REGEXP_FULL_MATCH(f{n}, '[0-9{allowed}]*')) FROM {table.scan}"
        ).fetchone()
        if row == (0,) and (not marks or any(_is_plain(shape.text) for shape in first)):
            return first
    return _shapes_of(table, n, "true", connection)


def _is_plain(shape: str) -> bool:
    """Whether a shape leaves no doubt of its marks: any but digits with one mark before the last three."""
    return not re.fullmatch(r"[-+]?[09]{1,3}[.,]9{3}", shape) and not re.fullmatch(r"[-+]?[09]+", shape)


def _shapes_of(table: Table, n: int, where: str, connection: duckdb.DuckDBPyConnection) -> tuple[Shape, ...]:
    found = connection.execute(
        f"SELECT TRANSLATE(f{n}, '0123456789', '9999999999') AS shape, "
        f"REGEXP_MATCHES(f{n}, '^[^0-9]*0[.,]') AS below_one, COUNT(*), MIN(file_row_number), "
        f"ARG_MIN(f{n}, file_row_number) FROM {table.scan} WHERE f{n} IS NOT NULL AND {where} GROUP BY 1, 2 "
        f"ORDER BY 3 DESC, 4 LIMIT {_MOST_SHAPES}"
    ).fetchall()
    return tuple(
        Shape(re.sub("9", "0", str(shape), count=1) if below_one else str(shape), int(count), int(first), str(example))
        for shape, below_one, count, first, example in found
        if not is_empty(str(example))
    )


def _kind(values: Sequence[str]) -> str:
    if not values:
        return "empty"
    needed = _KIND_SHARE * len(values)
    lower = {value.strip().lower() for value in values}
    if len(lower) <= 2 and any(lower <= pair for pair in _BOOLEANS):
        return "boolean"

    def mostly(test: Callable[[str], object]) -> bool:
        return sum(bool(test(value)) for value in values) >= needed

    if mostly(is_date):
        return "time" if any(":" in value for value in values) else "date"
    if mostly(lambda value: re.fullmatch(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", value.strip())):
        return "compact date"
    if mostly(lambda value: EMAIL.fullmatch(value.strip())):
        return "email"
    if mostly(_is_formatted_phone):
        return "phone"
    if mostly(is_number):
        if all(re.fullmatch(r"1[0-9]{9}(?:[0-9]{3})?", value.strip()) for value in values):
            return "unix time"
        whole = [re.fullmatch(r"[-+]?\d+", value.strip()) is not None for value in values]
        if all(whole):
            return "integer"
        # Whole numbers, and values that are none: C536379 among 536365 is an id.
        others = [value for value, is_whole in zip(values, whole, strict=True) if not is_whole]
        return "number" if any(is_number(value) for value in others) else "text"
    if mostly(lambda value: WORDS_OF_MONTHS.fullmatch(value.strip())):
        return "month name"
    return "text"


def _is_formatted_phone(value: str) -> bool:
    """Whether a value is a phone number with its marks: digits alone may be any id."""
    text = value.strip()
    digits = sum(char.isdigit() for char in text)
    has_marks = text.startswith(("+", "(")) or ("-" in text and "(" in text) or text.count("-") >= 2
    return 9 <= digits <= 15 and has_marks and PHONE.fullmatch(text) is not None and "," not in text
