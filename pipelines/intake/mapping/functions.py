"""What an expression of a mapping may call: the whole list, kept here and printed by `loyalty mapping --functions`.

Every function gives the same value for the same row, wherever and whenever it runs: none reads a clock, chance, a
setting or a file, and none makes a text much longer than those that it is given.
"""

from dataclasses import dataclass
from typing import Literal

# What is given for an argument: any value, or a constant alone; a pattern is a constant regular expression.
Argument = Literal["value", "constant", "pattern", "part"]


@dataclass(frozen=True)
class Function:
    """A function that may be called: its arguments, of which the last `optional` may be left out; if more may follow.

    `by` is the SQL function that is called, where it has another name.
    """

    arguments: tuple[Argument, ...]
    what: str
    optional: int = 0
    repeats: bool = False
    by: str | None = None


_TEXT: tuple[Argument, ...] = ("value",)
_TWO: tuple[Argument, ...] = ("value", "value")

FUNCTIONS: dict[str, Function] = {
    "lower": Function(_TEXT, "lower('AB') is 'ab'"),
    "upper": Function(_TEXT, "upper('ab') is 'AB'"),
    "trim": Function(("value", "constant"), "trim(' a ') is 'a'; a second argument names what is taken off", 1),
    "ltrim": Function(("value", "constant"), "as trim, at the beginning alone", 1),
    "rtrim": Function(("value", "constant"), "as trim, at the end alone", 1),
    "length": Function(_TEXT, "characters of a text"),
    "left": Function(("value", "constant"), "left('abc', 2) is 'ab'"),
    "right": Function(("value", "constant"), "right('abc', 2) is 'bc'"),
    "substr": Function(("value", "constant", "constant"), "substr('abcd', 2, 2) is 'bc'", 1),
    "substring": Function(("value", "constant", "constant"), "as substr", 1),
    "split_part": Function(("value", "constant", "constant"), "split_part('a, b', ', ', 2) is 'b'"),
    "replace": Function(
        ("value", "constant", "constant"), "replace('1€', '€', '') is '1'; the new text is no longer than the old one"
    ),
    "concat": Function(_TEXT, "texts after one another, empty for NULL; || gives NULL if one of them is", repeats=True),
    "contains": Function(_TWO, "whether a text holds another one"),
    "starts_with": Function(_TWO, "whether a text begins with another one"),
    "ends_with": Function(_TWO, "whether a text ends with another one"),
    "regexp_matches": Function(("value", "pattern"), "whether a regular expression (RE2) matches anywhere"),
    "regexp_full_match": Function(("value", "pattern"), "whether a regular expression matches the whole text"),
    "regexp_extract": Function(
        ("value", "pattern", "constant"), "what a regular expression, or its group of a number, matches; else ''", 1
    ),
    "abs": Function(_TEXT, "a number without its sign"),
    "sign": Function(_TEXT, "-1, 0 or 1"),
    "round": Function(("value", "constant"), "a number rounded, to so many decimals", 1),
    "floor": Function(_TEXT, "the whole number below"),
    "ceil": Function(_TEXT, "the whole number above"),
    "greatest": Function(_TWO, "the largest that is not NULL", repeats=True),
    "least": Function(_TWO, "the smallest that is not NULL", repeats=True),
    "year": Function(_TEXT, "the year of a date or time"),
    "month": Function(_TEXT, "the month of a date or time, 1 to 12"),
    "day": Function(_TEXT, "the day of the month of a date or time"),
    "date_trunc": Function(("part", "value"), "date_trunc('month', date(\"Sold\")) is the month's first day"),
}
# Read by the feed's dialect, as a contract's columns are; a text that is none rejects the row.
READERS = {
    "number": "a number with the feed's decimal and grouping marks",
    "date": "a date in the feed's order",
    "time": "a point in time in the feed's order; without an offset in the feed's time zone",
}
OPERATORS = {
    **dict.fromkeys(("+", "-", "*", "/", "//", "%"), "of numbers"),
    "||": "texts joined",
    "~~": "LIKE",
    "!~~": "NOT LIKE",
    "~~*": "ILIKE",
    "!~~*": "NOT ILIKE",
}
COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM",
}
# What CAST may make of a value; a DECIMAL of any digits too.
CASTS = {
    "VARCHAR": "VARCHAR",
    "BOOLEAN": "BOOLEAN",
    "INTEGER": "INTEGER",
    "BIGINT": "BIGINT",
    "DOUBLE": "DOUBLE",
    "DATE": "DATE",
}
PARTS = ("day", "week", "month", "quarter", "year", "hour")


def published_list() -> list[str]:
    """Lines for people: all that an expression may be made of."""
    called = [f"  {name}: {function.what}" for name, function in FUNCTIONS.items()]
    read = [f"  {name}(): {what}" for name, what in READERS.items()]
    return [
        "Columns of the feed by their headers (in double quotes if they have blanks), constants, CASE, CAST to "
        f"{', '.join(CASTS)} and DECIMAL, AND, OR, NOT, IS NULL, BETWEEN, IN (constants), COALESCE, NULLIF, "
        f"{' '.join([*COMPARISONS.values(), *OPERATORS][:6])}, + - * / // % ||, LIKE, ILIKE, and these functions:",
        *read,
        *called,
    ]
