"""One file of an extract: its good rows typed into Parquet, the others rejected."""

import csv
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from pipelines.contracts import Contract, Dialect
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal, one_file
from pipelines.errors import BadDataError
from pipelines.intake.damaged_text import check_rejected, clean_copy
from pipelines.intake.extract import ExtractFile, RejectedRecord, open_utf8
from pipelines.intake.staging_contracts import business_dates, staged_columns
from pipelines.intake.typed_sql import csv_scan, identifier_of, typed_select
from pipelines.settings import Settings


class _CountMismatchError(Exception):
    """The loader saw another number of rows than were counted apart from it."""


# What DuckDB says of text that it can't read.
_UNREADABLE = (duckdb.InvalidInputException, duckdb.ConversionException, UnicodeError, _CountMismatchError)


def read_file(
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
            scan = csv_scan(source, len(file.columns), contract.dialect.delimiter, numbered=False)
            return _load(scan, file, contract, engine, target, settings, night, total=file.records)
        except _UNREADABLE:
            # UnicodeDecodeError: DuckDB's message quotes the row, and may cut a character in two.
            target.unlink(missing_ok=True)
    copy = target.with_suffix(".csv")
    try:
        written, damaged = clean_copy(file, contract.dialect, copy)
        scan = csv_scan(copy, len(file.columns), ",", numbered=True)
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


def without_unknown_values(
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
    select = typed_select(file, contract, scan, night, numbered=numbered)
    if "currency" in file.columns:
        _check_currency(file, select, engine, settings.currency)
    dates = business_dates(contract)
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
        select = typed_select(file, contract, scanned, night, numbered=True)
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
