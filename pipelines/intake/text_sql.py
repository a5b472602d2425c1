"""SQL that makes an extract's text ready to be typed: ids, numbers and times as spreadsheets and shops write them.

Each has a quick way for text that is as it should be, and a slow and exact one for the rest: most of ten million rows
take the quick one.
"""

import re

from pipelines.dialect import SPACES, Dialect
from pipelines.engines.sql import literal

_BLANKS = r"[\s\p{Z}]"
# Characters that nobody sees: zero-width ones, marks of direction, the byte-order mark, the soft hyphen.
_INVISIBLE = r"\p{Cf}"
_ODD_SPACES = "[\u00a0\u2007\u2009\u202f]"


def is_null(text: str, dialect: Dialect) -> str:
    """SQL: whether a text means that there is no value, whatever its capitals and the blanks around it."""
    bare = f"LOWER(REGEXP_REPLACE({text}, '^({_BLANKS}|{_INVISIBLE})+|({_BLANKS}|{_INVISIBLE})+$', '', 'g'))"
    return f"LIST_CONTAINS({_nulls(dialect)}, {bare})"


def _nulls(dialect: Dialect) -> str:
    return f"[{', '.join(literal(value.lower()) for value in ('', *dialect.null_values))}]"


def id_text(text: str, dialect: Dialect) -> str:
    """SQL of an id without what exports put into it; NULL if it means that there is none.

    Taken off are blanks around it, invisible characters, a spreadsheet's text marks (="00123", '00123), the trace of a
    float (17850.0), and a no-break space between two digits; elsewhere that becomes a plain blank.
    """
    clean = f"REGEXP_REPLACE({text}, '{_INVISIBLE}', '', 'g')"
    for pattern, new in (
        (f"^{_BLANKS}+|{_BLANKS}+$", ""),
        ("^(?:=\"([^\"]*)\"|'([^']*)'?)$", r"\1\2"),
        (f"^{_BLANKS}+|{_BLANKS}+$", ""),
        (f"([0-9]){_ODD_SPACES}([0-9])", r"\1\2"),
        (_ODD_SPACES, " "),
        (r"^(\d+)\.0+$", r"\1"),
    ):
        clean = f"REGEXP_REPLACE({clean}, {literal(pattern)}, {literal(new)}, 'g')"
    # ASCII that begins with a digit or a letter and ends in no blank.
    odd = " OR ".join(f"{text} LIKE {end}" for end in ("'%.%0'", "'% '", "E'%\\t'", "E'%\\r'", "E'%\\n'"))
    known = dialect.null_values
    # Most ids have a digit in front or at the end, or are longer than any word for "no value": these are not looked up.
    is_value = f"NOT LIST_CONTAINS({_nulls(dialect)}, LOWER({text}))"
    if not any(value[-1:].isdigit() for value in known):
        is_value = f"RIGHT({text}, 1) BETWEEN '0' AND '9' OR {is_value}"
    is_value = f"{text} >= 'A' AND (STRLEN({text}) > {max(map(len, known), default=0)} OR {is_value})"
    if not any(value[:1].isdigit() for value in known):
        is_value = f"{text} < ':' OR {is_value}"
    plain = f"{text} >= '0' AND STRLEN({text}) = LENGTH({text}) AND NOT ({odd}) AND ({is_value})"
    return f"CASE WHEN {plain} THEN {text} WHEN NOT LIST_CONTAINS({_nulls(dialect)}, LOWER({clean})) THEN {clean} END"


def number(raw: str, type_: str, dialect: Dialect) -> str:
    """SQL of a number of a type, or NULL: with the dialect's decimal mark, and groups of three digits if it has marks.

    All groups of a number have one mark, and the first begins with no zero: 0.500 is half a piece, never 500.
    So 1.724 is 1724 where the decimal mark is a comma, and 1.72 is unreadable. 12,34,567 is as India groups.
    """
    text = f"CAST({raw} AS VARCHAR)"
    mark = re.escape(dialect.decimal_mark)
    spaces = "".join(m for m in dialect.grouping_marks if m in SPACES)
    kinds = [f"[{spaces}]"] * bool(spaces) + [re.escape(m) for m in dialect.grouping_marks if m not in SPACES]
    indian = ["[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"] * ("," in dialect.grouping_marks)
    whole = "|".join(["[0-9]*", *(f"[1-9][0-9]{{0,2}}(?:{kind}[0-9]{{3}})+" for kind in kinds), *indian])
    pattern = literal(rf"^{_BLANKS}*[+-]?(?:{whole})(?:{mark}[0-9]*)?(?:[eE][+-]?[0-9]+)?{_BLANKS}*$")
    bare = f"REGEXP_REPLACE({text}, {literal(rf'[^0-9eE+{mark}-]')}, '', 'g')"
    exact = (
        f"CASE WHEN REGEXP_MATCHES({text}, {pattern}) "
        f"THEN TRY_CAST(REPLACE({bare}, {literal(dialect.decimal_mark)}, '.') AS {type_}) END"
    )
    if dialect.decimal_mark == ".":
        return f"COALESCE(TRY_CAST({raw} AS {type_}), {exact})"
    with_point = f"REPLACE({text}, {literal(dialect.decimal_mark)}, '.')"
    return f"COALESCE(CASE WHEN NOT CONTAINS({text}, '.') THEN TRY_CAST({with_point} AS {type_}) END, {exact})"


def time_text(text: str) -> str:
    """SQL of a time's text as DuckDB reads it; NULL for one whose zone is named by letters other than Z, UTC and GMT.

    DuckDB takes other letters for zones that the sender may not have meant: BST for Bangladesh, AST for Alaska.
    Hours with AM or PM are counted on to 24.
    """
    offset = "(?:(Z|UTC|GMT)|([+-][0-9]{2}(?::?[0-9]{2}){0,2}))?"
    exact = literal(
        r"(?i)^\s*([0-9]{4,}[-/][0-9]{1,2}[-/][0-9]{1,2})(?:[T\s]\s*([0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]*)?)?)"
        rf"\s*{offset})?\s*$"
    )
    with_zone = literal(r"(?i)[0-9]\s*(Z|UTC|GMT)\s*$")
    canonical = f"REGEXP_REPLACE({text}, {exact}, '\\1 \\2\\4')"
    zulu = f"CASE WHEN REGEXP_MATCHES({text}, {with_zone}) THEN {canonical} || 'Z' ELSE {canonical} END"
    # Letters other than T and Z come after a blank, which stands after the date or nowhere in a plain time.
    plain = (
        f"{text} >= '0' AND {text} < ':' AND {text} NOT LIKE '% ' AND {text} NOT LIKE '%z' "
        f"AND NOT CONTAINS(SUBSTR({text}, 12), ' ') "
        f"AND {text} NOT LIKE '%M' AND {text} NOT LIKE '%m'"
    )
    half, in_24 = _half_day(text)
    return (
        f"CASE WHEN {plain} THEN {text} WHEN REGEXP_MATCHES({text}, {exact}) THEN TRIM({zulu}) "
        f"WHEN REGEXP_MATCHES({text}, {half}) THEN {in_24} END"
    )


def _half_day(text: str) -> tuple[str, str]:
    """SQL of the pattern of a time with AM or PM, and of the same time without: 12:05 AM is 0:05, 12:05 PM 12:05."""
    pattern = literal(
        r"(?i)^\s*([0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}),?\s+(0?[0-9]|1[0-2])(:[0-9]{2}(?::[0-9]{2})?)\s*(a|p)[.]?m[.]?\s*$"
    )
    date, hour, rest, half = (f"REGEXP_EXTRACT({text}, {pattern}, {group})" for group in range(1, 5))
    hours = f"TRY_CAST({hour} AS INTEGER) % 12 + CASE LOWER({half}) WHEN 'p' THEN 12 ELSE 0 END"
    return pattern, f"{date} || ' ' || LPAD(CAST({hours} AS VARCHAR), 2, '0') || {rest}"


def date_text(text: str) -> str:
    """SQL of a date's text, a time's too; NULL where it is none from end to end.

    DuckDB takes what a date begins with and leaves the rest: 1980-12-3x and 1980-12-31-5 are dates to it.
    """
    date = literal(
        r"^\s*[0-9]{4,}(-[0-9]{1,2}-|/[0-9]{1,2}/)[0-9]{1,2}"
        r"([T\s]\s*[0-9]{1,2}:[0-9]{2}.*|\s*Z|[+-][0-9]{2}:[0-9]{2})?\s*$"
    )
    return f"CASE WHEN REGEXP_MATCHES({text}, {date}) THEN {text} END"
