"""Ingest: a night's extract of one source, read by its contract, into staging.

Staging of night D depends on landing/D and the contract alone. What a night staged stays; the state of a source as of
D is put together from the nights up to D: of a delta, the latest night's row for each key; of a full load, the latest
extract.
"""

import csv
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.addresses import NORMALISED, recipe, register_functions
from pipelines.contracts import Column, Contract, Dialect, Rule
from pipelines.engine import DuckDBEngine, identifier, literal, one_file
from pipelines.erased import leave_out_erased
from pipelines.errors import BadDataError
from pipelines.extract import (
    ExtractFile,
    RejectedRecord,
    check_rejected,
    check_unchanged,
    clean_copy,
    find_files,
    inspect,
    open_utf8,
)
from pipelines.lake import Night, Part, TableState, latest_full
from pipelines.settings import Settings

REJECTED = pa.schema(
    [
        ("source", pa.string()),
        ("file", pa.string()),
        ("row_number", pa.int64()),
        ("rule", pa.string()),
        ("row_values", pa.string()),
    ]
)
_VERSION = 3  # of this module's way of reading: a change makes every night be read again


class _CountMismatchError(Exception):
    """The loader saw another number of rows than were counted apart from it."""


# What DuckDB says of text that it can't read.
_UNREADABLE = (duckdb.InvalidInputException, duckdb.ConversionException, UnicodeError, _CountMismatchError)


@dataclass(frozen=True)
class Counts:
    """Rows of a source's extract: read = loaded + rejected + duplicate."""

    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))


def staged_columns(contract: Contract) -> tuple[Column, ...]:
    """The contract's columns, a business date for each time, and the night whose landing folder brought the row."""
    times = {column.name: column for column in contract.columns}
    dates = [
        Column(name, "DATE", f"Business date of {of}.", former_names=tuple(map(_date_name, times[of].former_names)))
        for name, of in _business_dates(contract).items()
    ]
    return (*contract.columns, *dates, Column("landing_date", "DATE", "Night whose landing folder brought the row."))


def staging_contracts(contract: Contract) -> tuple[Contract, ...]:
    """The tables that a source becomes: itself, and its personal columns apart with normal addresses, if it has any."""
    columns = staged_columns(contract)
    if not contract.personal_columns:
        return (replace(contract, columns=columns),)
    apart = tuple(c for c in columns if c.personal or c.name in contract.key or c.name == "landing_date")
    normal = tuple(
        Column(f"{name}_normal", "VARCHAR", f"{name}, normalised; NULL if it can't be used.", personal=True)
        for name in _addresses(contract)
    )
    return (
        replace(contract, columns=tuple(c for c in columns if not c.personal)),
        replace(contract, name=f"{contract.name}_personal", columns=(*apart, *normal)),
    )


def _addresses(contract: Contract) -> tuple[str, ...]:
    """The personal columns that hold an address to be normalised."""
    return tuple(name for name in NORMALISED if name in contract.personal_columns)


def _business_dates(contract: Contract) -> dict[str, str]:
    """Each time's business date, by name: issued_date of issued_at."""
    times = [column.name for column in contract.columns if column.type == "TIMESTAMP WITH TIME ZONE"]
    return {_date_name(name): name for name in times}


def _date_name(time: str) -> str:
    return f"{time.removesuffix('_at')}_date"


def check_landing(folder: Path, contracts: Iterable[Contract]) -> None:
    """Stop the night before it begins if what it needs is not there.

    Raises:
        BadDataError: the folder or a required source is missing.
    """
    if not folder.is_dir():
        raise BadDataError(f"{folder}: no such landing folder. Deliver the night's extracts there, then run again.")
    for contract in contracts:
        if contract.required and not find_files(folder, contract.name):
            raise BadDataError(
                f"{folder}: the required source {contract.name} is missing. Deliver {contract.name}.csv, .csv.gz or "
                ".parquet (a header without rows will do), then run again."
            )


def stage_source(contract: Contract, night: Night, engine: DuckDBEngine, settings: Settings) -> dict[str, TableState]:
    """Read tonight's extract of a source and work out its state as of tonight.

    Returns:
        The staging tables by name: the source, its personal part if it has one, and `rejected_<source>`.

    Raises:
        BadDataError: a file breaks the contract as a whole; the message names it.
    """
    folder = settings.landing_dir / f"{night.run_date}"
    files = [inspect(path, contract) for path in find_files(folder, contract.name)]
    info = _provenance(contract, files, settings)
    states = _staged_before(contract, night, info)
    if states is None:
        states, seen = _read(contract, files, night, engine, settings)
        info |= seen
    else:
        info |= {name: states[contract.name].info[name] for name in ("counts", "unknown_values")}
    result = {}
    for table in staging_contracts(contract):
        own = states[table.name].written_by(night.run_date)
        result[table.name] = _state_as_of(table, own, night, engine, info)
    rejected = f"rejected_{contract.name}"
    result[rejected] = states[rejected]
    return result


def _provenance(contract: Contract, files: list[ExtractFile], settings: Settings) -> dict[str, Any]:
    known = {column.name for column in contract.columns}
    read_by = [_VERSION, repr(contract), settings.timezone, settings.currency]
    if _addresses(contract):
        read_by += recipe(settings.phone_region)
    return {
        "load": contract.load,
        "is_present": bool(files),
        "files": [{"file": f.name, "size": f.size, "sha256": f.sha256, "records": f.records} for f in files],
        "unknown_columns": sorted({name for f in files for name in f.columns} - known - {"currency", ""}),
        "read_by": hashlib.sha256(json.dumps(read_by).encode()).hexdigest(),
    }


def _staged_before(contract: Contract, night: Night, info: dict[str, Any]) -> dict[str, TableState] | None:
    """What an earlier run of the same night staged, if from the same bytes in the same way."""
    if night.run_date not in night.lake.nights():
        return None
    tables = night.lake.manifest(night.run_date).tables
    earlier = tables.get(contract.name)
    if earlier is None or any(earlier.info.get(k) != info[k] for k in ("files", "read_by")):
        return None
    names = [table.name for table in staging_contracts(contract)]
    return {name: tables[name] for name in [*names, f"rejected_{contract.name}"]}


def _read(
    contract: Contract, files: list[ExtractFile], night: Night, engine: DuckDBEngine, settings: Settings
) -> tuple[dict[str, TableState], dict[str, Any]]:
    """The staging tables' own parts of tonight by name, and what was seen: rows, unknown values by column."""
    temporary = night.temporary_folder()
    try:
        rejected: list[tuple[ExtractFile, RejectedRecord]] = []
        read: list[Path] = []
        counts = Counts()
        unknown: Counter[str] = Counter()
        for position, file in enumerate(files):
            target = temporary / f"{position:05d}.parquet"
            loaded, bad = _read_file(file, contract, engine, target, settings, night.run_date)
            good, loaded, bad = leave_out_erased(loaded, bad, contract, engine, target, night.lake)
            check_unchanged(file)
            known, found = _without_unknown(good, contract, file, engine)
            unknown.update(found)
            read.append(known)
            rejected.extend((file, row) for row in bad)
            counts += Counts(loaded + len(bad), loaded, len(bad), 0)
        states: dict[str, TableState] = {}
        if _addresses(contract):
            register_functions(engine.connection, settings.phone_region)
        duplicates = _mark_duplicates(contract, read, engine) if read else 0
        for table in staging_contracts(contract):
            if duplicates or contract.personal_columns:
                parts = _split_off(table, read, engine) if read else ()
            else:
                parts = tuple(_keep(path, table.name, night) for path in read)
            states[table.name] = TableState(parts=parts)
        states[f"rejected_{contract.name}"] = _write_rejected(contract, rejected, engine)
        counts += Counts(0, -duplicates, 0, duplicates)
        return states, {"counts": asdict(counts), "unknown_values": dict(sorted(unknown.items()))}
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read_file(
    file: ExtractFile, contract: Contract, engine: DuckDBEngine, target: Path, settings: Settings, night: date
) -> tuple[int, list[RejectedRecord]]:
    """Write a file's good rows, typed, to `target`; returns their number and the rows that are no good."""
    if file.is_parquet:
        names = [identifier_of(i) for i in range(len(file.columns))]
        scan = f"(FROM {engine.scan([file.path])} AS p({', '.join(names)}))"
        typed = replace(contract, dialect=replace(contract.dialect, decimal_mark="."))
        try:
            return _load(scan, file, typed, engine, target, settings, night, total=file.records)
        except duckdb.OutOfMemoryException:
            raise
        except (*_UNREADABLE, duckdb.Error) as error:
            if str(target) in str(error):  # it is what is written that has no room
                raise
            raise BadDataError(f"{file.path}: not a whole Parquet file ({error}). Deliver it again.") from error
    if file.is_plain:
        try:
            source = _utf8_copy(file, contract.dialect, target.with_suffix(".csv"))
            scan = _csv_scan(source, len(file.columns), contract.dialect.delimiter, numbered=False)
            return _load(scan, file, contract, engine, target, settings, night, total=file.records)
        except _UNREADABLE:
            # UnicodeDecodeError: DuckDB's message quotes the row, and may cut a character in two.
            target.unlink(missing_ok=True)
    copy = target.with_suffix(".csv")
    try:
        written, damaged = clean_copy(file, contract.dialect, copy)
        scan = _csv_scan(copy, len(file.columns), ",", numbered=True)
        loaded, broken = _load(scan, file, contract, engine, target, settings, night, total=written, numbered=True)
    except (*_UNREADABLE, csv.Error) as error:
        raise BadDataError(
            f"{file.path}: can't be read as {contract.dialect.encoding} text with the delimiter "
            f"{contract.dialect.delimiter!r} ({error}). Check the contract's dialect, or deliver the file again."
        ) from error
    return loaded, sorted(damaged + broken, key=lambda row: row.row_number)


def _utf8_copy(file: ExtractFile, dialect: Dialect, target: Path) -> Path:
    """A text extract that the fast reader can read: itself if it is UTF-8, else a copy at `target`."""
    if dialect.is_utf8:
        return file.path
    with open_utf8(file.path, dialect) as text, target.open("wb") as copy:
        shutil.copyfileobj(text, copy, 1 << 22)
    return target


def _without_unknown(
    target: Path, contract: Contract, file: ExtractFile, engine: DuckDBEngine
) -> tuple[Path, dict[str, int]]:
    """Good rows with NULL for the values that a column's list doesn't have.

    Only where NULL says nothing (`Column.may_be_unknown`); elsewhere such a row was rejected.

    Returns:
        The file of the good rows, another one if there was such a value; and how many there were, by column.
    """
    listed = [c for c in contract.columns if c.may_be_unknown and c.name in file.columns]
    unknown = {c.name: f"{identifier(c.name)} NOT IN ({', '.join(map(literal, c.values))})" for c in listed}
    if not unknown:
        return target, {}
    rows = f"read_parquet({literal(one_file(target))})"
    counts = engine.rows(f"SELECT {', '.join(f'COUNT_IF({sql})' for sql in unknown.values())} FROM {rows}")[0]
    found = {name: count for name, count in zip(unknown, counts, strict=True) if count}
    if not found:
        return target, {}
    values = ", ".join(
        f"CASE WHEN {unknown[name]} THEN NULL ELSE {identifier(name)} END AS {identifier(name)}" for name in found
    )
    known = target.with_suffix(".known.parquet")
    engine.write_file(f"SELECT * REPLACE ({values}) FROM {rows}", known)
    return known, found


def identifier_of(position: int) -> str:
    """Files' own column names never get into SQL; columns are addressed by position."""
    return f"f{position}"


def _csv_scan(path: Path, width: int, delimiter: str, *, numbered: bool) -> str:
    names = ["row_number"] * numbered + [identifier_of(i) for i in range(width)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    return (
        f"read_csv({literal(one_file(path))}, auto_detect = false, header = true, delim = {literal(delimiter)}, "
        f"quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def _typed(column: Column, raw: str, dialect: Dialect, *, careful: bool) -> str:
    """SQL for a column's value from text or from a typed Parquet column; NULL if it can't be read as its type.

    DuckDB breaks off at a time at the end of its calendar, which `careful` takes to be unreadable.
    """
    text = f"CAST({raw} AS VARCHAR)"
    if column.type == "VARCHAR" and column.identifier:
        # Exact, for blanks around it and a number that passed through a spreadsheet or a float column: 17850.0, nan.
        exact = f"NULLIF(NULLIF(TRIM({text}, E' \\t\\r\\n'), ''), 'nan')"
        exact = f"REGEXP_REPLACE({exact}, '^(\\d+)\\.0+$', '\\1')"
        odd = " OR ".join(f"{text} LIKE {end}" for end in ("'%.%0'", "'% '", "E'%\\t'", "E'%\\r'", "E'%\\n'"))
        return f"CASE WHEN {text} >= '!' AND {text} <> 'nan' AND NOT ({odd}) THEN {text} ELSE {exact} END"
    if column.type == "VARCHAR" and column.values:
        known = ", ".join(literal(value) for value in column.values)
        return f"CASE WHEN {text} IN ({known}) THEN {text} ELSE LOWER(NULLIF(TRIM({text}), '')) END"
    if column.type == "VARCHAR":
        return f"NULLIF(TRIM({text}), '')"
    if column.type == "TIMESTAMP WITH TIME ZONE":
        text = _iso(raw, dialect.date_format)
        if careful:
            text = f"CASE WHEN NOT REGEXP_MATCHES(CAST({text} AS VARCHAR), '^\\s*-?\\d{{5,}}-') THEN {text} END"
        return _time(text, dialect.time_zone)
    if column.type == "DATE":
        return f"TRY_CAST({_iso(raw, dialect.date_format)} AS DATE)"
    if column.type in ("BIGINT", "INTEGER"):
        number = _number(raw, dialect.decimal_mark)
        whole = f"TRY_CAST({number} AS {column.type})"
        return f"CASE WHEN TRY_CAST({number} AS DOUBLE) = {whole} THEN {whole} END"
    if column.type == "DOUBLE" or column.type.startswith("DECIMAL"):
        return f"TRY_CAST({_number(raw, dialect.decimal_mark)} AS {column.type})"
    return f"TRY_CAST({raw} AS {column.type})"


def _number(raw: str, decimal_mark: str) -> str:
    """SQL of a number with a decimal point; where the mark is another, one that has a point can't be read: NULL."""
    if decimal_mark == ".":
        return raw
    text = f"CAST({raw} AS VARCHAR)"
    return f"CASE WHEN NOT CONTAINS({text}, '.') THEN REPLACE({text}, {literal(decimal_mark)}, '.') END"


def _iso(raw: str, date_format: str | None) -> str:
    """SQL of a date's text, or that of a time, with the date as ISO 8601 has it; other text stays as it is."""
    if date_format is None:
        return raw
    order = re.findall("DD|MM|YYYY", date_format)
    digits = {"DD": r"(\d{1,2})", "MM": r"(\d{1,2})", "YYYY": r"(\d{4})"}
    if len(date_format) == len("DDMMYYYY"):
        digits = {"DD": r"(\d{2})", "MM": r"(\d{2})", "YYYY": r"(\d{4})"}
    parts = (digits.get(part, re.escape(part)) for part in re.split("(DD|MM|YYYY)", date_format))
    pattern = literal(rf"^\s*{''.join(parts)}")
    iso = "-".join(f"\\{order.index(part) + 1}" for part in ("YYYY", "MM", "DD"))
    return f"REGEXP_REPLACE(CAST({raw} AS VARCHAR), {pattern}, {literal(iso)})"


def _time(text: str, time_zone: str | None) -> str:
    """SQL of a point in time; without an offset it is one in `time_zone`, or in the connection's if that is None."""
    # ISO 8601 may leave the seconds out, DuckDB not before an offset; looked at only where there is no value.
    with_seconds = f"REGEXP_REPLACE(CAST({text} AS VARCHAR), '([T ]\\d\\d:\\d\\d)([Z+-])', '\\1:00\\2')"
    point = f"COALESCE(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({with_seconds} AS TIMESTAMPTZ))"
    if time_zone is None:
        return point
    has_offset = f"REGEXP_MATCHES(CAST({text} AS VARCHAR), ':\\d\\d[.\\d]*\\s*[A-Za-z+-]')"
    here = f"TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE {literal(time_zone)}"
    return f"CASE WHEN {has_offset} THEN {point} ELSE {here} END"


# `never` is in it, infinity is later; a date may be as odd as a date of birth of the year 116.
_RANGE = {
    "DATE": "'0001-01-01' AND '9999-12-31'",
    "TIMESTAMP WITH TIME ZONE": "'1000-01-01' AND '9999-12-31 23:59:59'",
}


def _rules(contract: Contract, present: set[str]) -> Iterable[Rule]:
    for column in contract.columns:
        if column.name in present and column.type != "VARCHAR":
            blank = f"TRIM(CAST(raw_{column.name} AS VARCHAR)) = ''"  # looked at only where there is no value
            yield Rule(f"{column.name}_unreadable", f"CASE WHEN {column.name} IS NULL THEN {blank} END")
        if column.name in present and column.type in _RANGE:
            yield Rule(f"{column.name}_out_of_range", f"{column.name} BETWEEN {_RANGE[column.type]}")
    kept = {f"{column.name}_unknown_value" for column in contract.columns if column.may_be_unknown}
    yield from (rule for rule in contract.rules if rule.name not in kept)


def _select(file: ExtractFile, contract: Contract, scan: str, night: date, *, numbered: bool) -> str:
    """SQL: each row of a file typed, with `broken_rule` (NULL for a good row) and the raw fields."""
    positions = {name: identifier_of(i) for i, name in enumerate(file.columns)}
    typed, raw = [], []
    for column in contract.columns:
        if column.name in positions:
            value = _typed(column, positions[column.name], contract.dialect, careful=numbered)
            raw.append(f"{positions[column.name]} AS raw_{column.name}")
        else:
            value = f"CAST(NULL AS {column.type})"
        typed.append(f"{value} AS {identifier(column.name)}")
    if "currency" in positions:
        raw.append(f"UPPER(TRIM(CAST({positions['currency']} AS VARCHAR))) AS raw_currency")
    number = "CAST(row_number AS BIGINT) AS row_number" if numbered else "CAST(NULL AS BIGINT) AS row_number"
    rules = " ".join(
        f"WHEN NOT ({rule.condition}) THEN {literal(rule.name)}" for rule in _rules(contract, set(positions))
    )
    return (
        f"SELECT *, CASE {rules} END AS broken_rule, DATE {literal(str(night))} AS landing_date "
        f"FROM (SELECT {', '.join([number, *typed, *raw])}, {', '.join(positions.values())} FROM {scan})"
    )


def _load(
    scan: str,
    file: ExtractFile,
    contract: Contract,
    engine: DuckDBEngine,
    target: Path,
    settings: Settings,
    night: date,
    total: int,
    *,
    numbered: bool = False,
) -> tuple[int, list[RejectedRecord]]:
    select = _select(file, contract, scan, night, numbered=numbered)
    if "currency" in file.columns:
        _check_currency(file, select, engine, settings.currency)
    dates = _business_dates(contract)
    columns = ", ".join(
        f"CAST({identifier(dates[c.name])} AS DATE) AS {identifier(c.name)}" if c.name in dates else identifier(c.name)
        for c in staged_columns(contract)
    )
    # Pushed down, the filter would work out every value twice: once to judge the row, once to keep it.
    engine.connection.execute("SET disabled_optimizers = 'filter_pushdown'")
    try:
        loaded = engine.write_file(f"SELECT {columns} FROM ({select}) WHERE broken_rule IS NULL", target)
    finally:
        engine.connection.execute("RESET disabled_optimizers")
    if loaded == total:
        return loaded, []
    # The second look costs only files that have something wrong.
    if not numbered:
        scanned = f"(SELECT ROW_NUMBER() OVER () AS row_number, * FROM {scan})"
        select = _select(file, contract, scanned, night, numbered=True)
    fields = ", ".join(identifier_of(i) for i in range(len(file.columns)))
    by_rule = engine.rows(
        f"SELECT broken_rule, COUNT(*) FROM ({select}) WHERE broken_rule IS NOT NULL GROUP BY ALL ORDER BY 2 DESC, 1"
    )
    if by_rule:
        check_rejected(file, sum(count for _, count in by_rule), by_rule[0][0])
    bad = [
        RejectedRecord(number, rule, json.dumps(values, default=str, ensure_ascii=False))
        for number, rule, *values in engine.rows(
            f"SELECT row_number, broken_rule, {fields} FROM ({select}) "
            "WHERE broken_rule IS NOT NULL ORDER BY row_number"
        )
    ]
    if loaded + len(bad) != total:
        raise _CountMismatchError(f"{file.path}: {loaded} rows loaded, {len(bad)} rejected, {total} counted")
    return loaded, bad


def _check_currency(file: ExtractFile, select: str, engine: DuckDBEngine, currency: str) -> None:
    other = engine.rows(
        f"SELECT raw_currency, COUNT(*) FROM ({select}) "
        "WHERE raw_currency <> $currency GROUP BY raw_currency ORDER BY raw_currency",
        {"currency": currency},
    )
    if other:
        raise BadDataError(
            f"{file.path}: {other[0][1]} rows have currency {other[0][0]!r}, the home is kept in {currency}. "
            "Convert the amounts, or load them into a home of their own."
        )


def _numbered_rows(read: list[Path]) -> str:
    paths = ", ".join(literal(one_file(path)) for path in read)
    return f"read_parquet([{paths}], filename = true, file_row_number = true)"


def _mark_duplicates(contract: Contract, read: list[Path], engine: DuckDBEngine) -> int:
    """Make table `duplicate` (file position, row) of the rows that another row of the same key beats; returns how many.

    The latest updated_at wins, else the last row. Rows of one key have one hash, which is cheaper to group by; whether
    rows of one hash have one key is looked at row by row.
    """
    key = ", ".join(identifier(k) for k in contract.key)
    newest = "updated_at DESC NULLS LAST, " if any(c.name == "updated_at" for c in contract.columns) else ""
    rows = _numbered_rows(read)
    engine.connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE duplicate AS
        WITH suspect AS (SELECT HASH({key}) AS code FROM {rows} GROUP BY code HAVING COUNT(*) > 1)
        SELECT filename, file_row_number FROM (
            SELECT filename, file_row_number, ROW_NUMBER() OVER (
                PARTITION BY {key} ORDER BY {newest}filename DESC, file_row_number DESC) AS place
            FROM {rows} WHERE HASH({key}) IN (SELECT code FROM suspect)
        ) WHERE place > 1
        """
    )
    return int(engine.rows("SELECT COUNT(*) FROM duplicate")[0][0])


def _keep(path: Path, table: str, night: Night) -> Part:
    """A file that is good as it was read."""
    with pq.ParquetFile(path) as file:
        rows = file.metadata.num_rows
    return night.part(path.rename(night.new_file(table)), rows)


def _split_off(table: Contract, read: list[Path], engine: DuckDBEngine) -> tuple[Part, ...]:
    normal = {f"{name}_normal": f"normal_{name}({name}) AS {name}_normal" for name in _addresses(table)}
    columns = ", ".join(normal.get(c.name, identifier(c.name)) for c in table.columns)
    rows = _numbered_rows(read)
    select = (
        f"SELECT {columns} FROM {rows} AS r WHERE NOT EXISTS (SELECT 1 FROM duplicate AS d "
        "WHERE d.filename = r.filename AND d.file_row_number = r.file_row_number)"
    )
    return engine.write(select, table.name)


def _write_rejected(
    contract: Contract, rejected: list[tuple[ExtractFile, RejectedRecord]], engine: DuckDBEngine
) -> TableState:
    """What was rejected tonight, with the values: restricted, for the data engineer's eyes."""
    if not rejected:
        return TableState()
    table = pa.Table.from_pylist(
        [
            {
                "source": contract.name,
                "file": file.name,
                "row_number": row.row_number,
                "rule": row.rule,
                "row_values": row.values,
            }
            for file, row in rejected
        ],
        schema=REJECTED,
    )
    engine.register_arrow("rejected", table)
    return TableState(parts=engine.write("SELECT * FROM rejected", f"rejected_{contract.name}"))


def _state_as_of(
    table: Contract, own: tuple[Part, ...], night: Night, engine: DuckDBEngine, info: dict[str, Any]
) -> TableState:
    """The state of a staging table as of tonight, from tonight's own parts and those of the nights before."""
    earlier = night.earlier_parts(table.name)
    if table.load == "full":
        parts = latest_full(earlier | ({night.run_date: own} if own else {}))
        return TableState(parts=parts, key=table.key, info={**info, "rows_superseded": 0})
    before = [part for _, parts in sorted(earlier.items()) for part in parts]
    state = TableState(parts=(*before, *own), key=table.key, info=info)
    previous = night.previous.tables.get(table.name) if night.previous else None
    known = previous is not None and set(previous.parts) == set(before)
    if not before or (known and not any(part.rows for part in own)):
        superseded = previous.superseded if previous and known else ()
        return state.model_copy(update={"superseded": superseded, "info": {**info, "rows_superseded": 0}})
    columns = [column for column in table.columns if column.name in ("landing_date", *table.key)]
    key = ", ".join(identifier(column.name) for column in columns)
    if known and previous is not None:
        old = engine.select_of(previous, table)
        new = engine.scan_parts(own)
        same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
        select = f"SELECT {key} FROM ({old}) AS old SEMI JOIN {new} AS new ON {same}"
        if previous.superseded:
            select += f" UNION ALL SELECT {key} FROM ({engine.select_parts(previous.superseded, columns)})"
    else:  # an earlier night came late or again: which rows are superseded is worked out anew
        rows = f"({engine.select_parts(state.parts, columns)})"
        by = ", ".join(identifier(k) for k in table.key)
        select = (
            f"SELECT {key} FROM (SELECT {key}, MAX(landing_date) OVER (PARTITION BY {by}) AS newest FROM {rows}) "
            "WHERE landing_date < newest"
        )
    replaced = engine.write(select, f"{table.name}_superseded")
    kept = replaced if any(part.rows for part in replaced) else ()
    return state.model_copy(
        update={"superseded": kept, "info": {**info, "rows_superseded": _count_replaced(table, kept, own, engine)}}
    )


def _count_replaced(table: Contract, superseded: tuple[Part, ...], own: tuple[Part, ...], engine: DuckDBEngine) -> int:
    """Rows of earlier nights that stood until tonight's came with their keys, which all are superseded now."""
    if not own or not superseded:
        return 0
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
    new, old = engine.scan_parts(own), engine.scan_parts(superseded)
    return int(engine.rows(f"SELECT COUNT(*) FROM {new} AS new SEMI JOIN {old} AS old ON {same}")[0][0])
