"""SQL, put together from a contract, that types an extract's fields and names the first rule that a row breaks."""

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from pipelines.column_types import header_name
from pipelines.contracts import Column, Contract, Rule
from pipelines.dialect import Dialect
from pipelines.engines.sql import identifier, literal, one_file
from pipelines.intake.extract import ExtractFile
from pipelines.intake.text_sql import date_text, id_text, is_null, number, time_text


def identifier_of(position: int) -> str:
    """The SQL name of a file's column by position; a file's own column names never get into SQL."""
    return f"f{position}"


def csv_scan(path: Path, width: int, delimiter: str, *, numbered: bool) -> str:
    """What to write after FROM to read a CSV file of so many columns as text; `numbered`: row_number is the first."""
    names = ["row_number"] * numbered + [identifier_of(i) for i in range(width)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    return (
        f"read_csv({literal(one_file(path))}, auto_detect = false, header = true, delim = {literal(delimiter)}, "
        f"quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def typed_value(column: Column, raw: str, dialect: Dialect, *, careful: bool) -> str:
    """SQL of a column's value from text or from a typed Parquet column; NULL if it can't be read as its type.

    The value of a case-insensitive column asks the connection for normal_code (codes.register_function).
    With `careful` a time at the end of DuckDB's calendar is unreadable; without it DuckDB raises an error.
    """
    text = f"CAST({raw} AS VARCHAR)"
    if column.type == "VARCHAR" and column.identifier:
        value = id_text(text, dialect)
        return f"normal_code({value})" if column.case_insensitive else value
    if column.type == "VARCHAR" and column.values:
        known, lower = ", ".join(literal(value) for value in column.values), f"LOWER(TRIM({text}))"
        return (
            f"CASE WHEN {text} IN ({known}) THEN {text} WHEN {lower} IN ({known}) THEN {lower} "
            f"WHEN NOT {is_null(text, dialect)} THEN {lower} END"
        )
    if column.type == "VARCHAR":
        return f"NULLIF(TRIM({text}), '')"
    if column.type == "TIMESTAMP WITH TIME ZONE":
        text = f"CAST({iso_date(raw, dialect.date_format)} AS VARCHAR)"
        if column.ends_day:
            alone = literal(r"^\s*[0-9]{4,}[-/][0-9]{1,2}[-/][0-9]{1,2}\s*$")
            text = f"CASE WHEN REGEXP_MATCHES({text}, {alone}) THEN TRIM({text}) || ' {_LAST_MOMENT}' ELSE {text} END"
        if careful:
            text = f"CASE WHEN NOT REGEXP_MATCHES({text}, '^\\s*-?\\d{{5,}}-') THEN {text} END"
        return _time(time_text(text), dialect.time_zone)
    if column.type == "DATE":
        return f"TRY_CAST({date_text(f'CAST({iso_date(raw, dialect.date_format)} AS VARCHAR)')} AS DATE)"
    if column.type in ("BIGINT", "INTEGER"):
        whole = number(raw, column.type, dialect)
        return f"CASE WHEN {number(raw, 'DOUBLE', dialect)} = {whole} THEN {whole} END"
    if column.type == "DOUBLE":
        value = number(raw, column.type, dialect)
        return f"CASE WHEN ISFINITE({value}) THEN {value} END"
    if column.type.startswith("DECIMAL"):
        return number(raw, column.type, dialect)
    if column.type == "BOOLEAN":  # of its text: a whole number other than 0 and 1 is a code, no yes
        return f"TRY_CAST({text} AS BOOLEAN)"
    return f"TRY_CAST({raw} AS {column.type})"


def iso_date(raw: str, date_format: str | None) -> str:
    """SQL of the text of a date or time with the date in ISO 8601; other text stays as it is."""
    if date_format is None:
        return raw
    order = re.findall("DD|MM|YYYY", date_format)
    digits = {"DD": r"(\d{1,2})", "MM": r"(\d{1,2})", "YYYY": r"(\d{4})"}
    if len(date_format) == len("DDMMYYYY"):
        digits = {"DD": r"(\d{2})", "MM": r"(\d{2})", "YYYY": r"(\d{4})"}
    patterns = (digits.get(piece, re.escape(piece)) for piece in re.split("(DD|MM|YYYY)", date_format))
    pattern = literal(rf"^\s*{''.join(patterns)}")
    iso = "-".join(f"\\{order.index(piece) + 1}" for piece in ("YYYY", "MM", "DD"))
    return f"REGEXP_REPLACE(CAST({raw} AS VARCHAR), {pattern}, {literal(iso)})"


def _time(text: str, time_zone: str | None) -> str:
    """SQL of a point in time; without an offset it is in `time_zone`, or in the connection's zone if that is None."""
    # ISO 8601 may leave the seconds out, which DuckDB can't read before an offset; evaluated only if it read nothing.
    with_seconds = f"REGEXP_REPLACE(CAST({text} AS VARCHAR), '([T ]\\d\\d:\\d\\d)([Z+-])', '\\1:00\\2')"
    point = f"COALESCE(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({with_seconds} AS TIMESTAMPTZ))"
    if time_zone is None:
        return point
    has_offset = f"REGEXP_MATCHES(CAST({text} AS VARCHAR), ':\\d\\d[.\\d]*\\s*[A-Za-z+-]')"
    here = f"TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE {literal(time_zone)}"
    return f"CASE WHEN {has_offset} THEN {point} ELSE {here} END"


_LAST_MOMENT = "23:59:59.999999"

# 9999-12-31, which means never, is in the range, and infinity is not. Dates of birth of the year 116 have been seen.
_RANGE = {
    "DATE": "'0001-01-01' AND '9999-12-31'",
    "TIMESTAMP WITH TIME ZONE": "'1000-01-01' AND '9999-12-31 23:59:59.999999'",
}


# What a spreadsheet makes of a long id: 1.23457E+15 stands for a thousand million ids. 5E10 is an article's number, but
# 1.2345678E7 is 12345678 as Java and Spark write it: no other extract has it so.
_SCIENTIFIC = r"^[0-9]([.,][0-9]+)?[eE]\+[0-9]{2,3}$|^[0-9][.][0-9]+E[0-9]{1,2}$"
# What a formula left that went wrong, in any language, and a number for which the column was too narrow.
_SPREADSHEET_ERROR = r"^#(\p{Lu}[\p{Lu}/0-9]*[!?]|#+)$"


def row_rules(contract: Contract, file: ExtractFile) -> Iterable[Rule]:
    """The rules that each row of a file must keep, given the columns that are present in it."""
    present = [column for column in contract.columns if column.name in file.columns]
    yield Rule("repeated_header", f"NOT ({_is_header(present)})")
    if nameless := _nameless_at_the_end(file):
        yield Rule("too_many_fields", " AND ".join(f"COALESCE(TRIM({name}), '') = ''" for name in nameless))
    for column in present:
        name, raw = identifier(column.name), f"raw_{column.name}"
        if column.type != "VARCHAR":
            none = is_null(f"CAST({raw} AS VARCHAR)", contract.dialect)  # evaluated only if there is no value
            yield Rule(f"{column.name}_unreadable", f"CASE WHEN {name} IS NULL THEN {none} END")
        elif column.identifier:
            may_be = f"CONTAINS({name}, '+') OR SUBSTR({name}, 2, 1) = '.'"
            is_bad = f"({may_be}) AND REGEXP_MATCHES({name}, {literal(_SCIENTIFIC)})"
            yield Rule(f"{column.name}_in_scientific_notation", f"NOT ({is_bad})")
            is_error = f"STARTS_WITH({name}, '#') AND REGEXP_MATCHES({name}, {literal(_SPREADSHEET_ERROR)})"
            yield Rule(f"{column.name}_spreadsheet_error", f"NOT ({is_error})")
            if limit := file.exact_below.get(column.name):
                yield Rule(f"{column.name}_inexact_number", f"ABS({raw}) < {limit} OR ISNAN({raw})")
        if column.type in _RANGE:
            yield Rule(f"{column.name}_out_of_range", f"{name} BETWEEN {_RANGE[column.type]}")
    kept = {f"{column.name}_unknown_value" for column in contract.columns if column.may_be_unknown}
    yield from (rule for rule in contract.rules if rule.name not in kept)


def _is_header(present: list[Column]) -> str:
    """SQL: whether a row is the header once more, as where parts were put together without taking it off."""
    conditions = []
    for column in sorted(present, key=lambda column: not column.identifier):
        # An identifier has lost its byte-order mark and blanks already. It decides on most rows: CASE looks no further.
        text = identifier(column.name) if column.identifier else f"TRIM(CAST(raw_{column.name} AS VARCHAR))"
        names = ", ".join(literal(name) for name in (column.name, *map(header_name, column.former_names)))
        conditions.append(f"COALESCE(LOWER({text}) IN ({names}), FALSE)")
    first, *others = conditions
    return f"CASE WHEN {first} THEN {' AND '.join(others) or 'TRUE'} ELSE FALSE END"


def _nameless_at_the_end(file: ExtractFile) -> list[str]:
    """The columns after the last that has a name: a value there comes of a delimiter too many in its row."""
    named = max((i for i, name in enumerate(file.columns) if name), default=0)
    return [identifier_of(i) for i in range(named + 1, len(file.columns))]


def typed_select(file: ExtractFile, contract: Contract, scan: str, night: date, *, numbered: bool) -> str:
    """SQL: each row of a file typed, with `broken_rule` (NULL for a good row) and the raw fields."""
    positions = {name: identifier_of(i) for i, name in enumerate(file.columns)}
    typed, raw = [], []
    for column in contract.columns:
        if column.name in positions:
            value = typed_value(column, positions[column.name], contract.dialect, careful=numbered)
            raw.append(f"{positions[column.name]} AS raw_{column.name}")
        else:
            value = f"CAST(NULL AS {column.type})"
        typed.append(f"{value} AS {identifier(column.name)}")
    if "currency" in positions:
        raw.append(f"UPPER(TRIM(CAST({positions['currency']} AS VARCHAR))) AS raw_currency")
    row = "CAST(row_number AS BIGINT) AS row_number" if numbered else "CAST(NULL AS BIGINT) AS row_number"
    rules = " ".join(f"WHEN NOT ({r.condition}) THEN {literal(r.name)}" for r in row_rules(contract, file))
    fields = ", ".join(identifier_of(i) for i in range(len(file.columns)))
    return (
        f"SELECT *, CASE {rules} END AS broken_rule, DATE {literal(str(night))} AS landing_date "
        f"FROM (SELECT {', '.join([row, *typed, *raw])}, {fields} FROM {scan})"
    )
