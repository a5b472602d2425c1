"""One file of an extract: its good rows typed into Parquet, the others rejected."""

import csv
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from pipelines.contracts import Contract
from pipelines.dialect import Dialect
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal
from pipelines.errors import BadDataError
from pipelines.intake.damaged_text import EXAMPLES, check_rejected, clean_copy
from pipelines.intake.extract import ExtractFile, RejectedRecord
from pipelines.intake.parquet_types import readable_scan
from pipelines.intake.staging_contracts import business_dates, event_time, staged_columns
from pipelines.intake.typed_sql import csv_scan, identifier_of, typed_select
from pipelines.intake.utf8 import BLOCK, open_utf8
from pipelines.settings import Settings


class _CountMismatchError(Exception):
    """The loader saw another number of rows than were counted independently of it."""


# What DuckDB raises for text that it can't read.
_UNREADABLE = (duckdb.InvalidInputException, duckdb.ConversionException, UnicodeError, _CountMismatchError)


def read_file(
    file: ExtractFile, contract: Contract, engine: DuckDBEngine, target: Path, settings: Settings, night: date
) -> tuple[int, list[RejectedRecord]]:
    """Write a file's good rows, typed, to `target`.

    Returns:
        The number of good rows, and the rows that are rejected.

    Raises:
        BadDataError: The file can't be read, or has another currency than the home.
    """
    if file.is_parquet:
        return _read_parquet(file, contract, engine, target, settings, night)
    if file.is_plain:
        try:
            source = _utf8_copy(file, contract.dialect, target.with_suffix(".csv"))
            scan = csv_scan(source, len(file.columns), contract.dialect.delimiter, numbered=False)
            return _load(scan, file, contract, engine, target, settings, night, total=file.records)
        except _UNREADABLE:
            # A UnicodeDecodeError too: DuckDB's message quotes the row, and may cut a character in two.
            target.unlink(missing_ok=True)
        except duckdb.IOException as error:
            if "gzip stream" not in str(error).lower():
                raise
            target.unlink(missing_ok=True)  # a packed file that is filled up with zeros: gzip reads it, DuckDB does not
    return _read_damaged(file, contract, engine, target, settings, night)


def _read_parquet(
    file: ExtractFile, contract: Contract, engine: DuckDBEngine, target: Path, settings: Settings, night: date
) -> tuple[int, list[RejectedRecord]]:
    names = [identifier_of(i) for i in range(len(file.columns))]
    typed = replace(contract, dialect=replace(contract.dialect, decimal_mark=".", grouping_marks=""))
    try:
        scan = readable_scan(file.path, file.columns, names, contract, engine)
        return _load(scan, file, typed, engine, target, settings, night, total=file.records)
    except duckdb.OutOfMemoryException:
        raise
    except (*_UNREADABLE, duckdb.Error) as error:
        if str(target) in str(error):  # there is no room for what is written
            raise
        raise BadDataError(f"{file.path}: not a whole Parquet file ({error}). Deliver it again.") from error


def _read_damaged(
    file: ExtractFile, contract: Contract, engine: DuckDBEngine, target: Path, settings: Settings, night: date
) -> tuple[int, list[RejectedRecord]]:
    """Load what can be saved of a text file that the fast reader refuses."""
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
        shutil.copyfileobj(text, copy, BLOCK)
    return target


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
    # With the filter pushed down every value would be computed twice: to judge the row, and to keep it.
    engine.connection.execute("SET disabled_optimizers = 'filter_pushdown'")
    try:
        loaded = engine.write_file(f"SELECT {columns} FROM ({select}) WHERE broken_rule IS NULL", target)
    finally:
        engine.connection.execute("RESET disabled_optimizers")
    if loaded == total:
        return loaded, []
    # Only files with something wrong are read a second time.
    if not numbered:
        scanned = f"(SELECT ROW_NUMBER() OVER () AS row_number, * FROM {scan})"
        select = typed_select(file, contract, scanned, night, numbered=True)
    bad = _broken_rows(file, contract, select, engine)
    if loaded + len(bad) != total:
        raise _CountMismatchError(f"{file.path}: {loaded} rows loaded, {len(bad)} rejected, {total} counted")
    return loaded, bad


def read_as_text(
    file: ExtractFile, dialect: Dialect, engine: DuckDBEngine, target: Path
) -> tuple[bool, list[RejectedRecord]]:
    """Write a text or Parquet file's sound records to `target`, their fields as text in f0, f1 ... in the file's order.

    Returns:
        Whether `target` has a first column row_number (else a record's place is its number), and the rejected records.

    Raises:
        BadDataError: The file can't be read.
    """
    width, copy = len(file.columns), target.with_suffix(".csv")
    if file.is_parquet:
        names = [identifier_of(i) for i in range(width)]
        texts = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in names)
        try:
            engine.write_file(f"SELECT {texts} FROM {engine.scan([file.path])} AS p({', '.join(names)})", target)
        except duckdb.InvalidInputException as error:
            raise BadDataError(f"{file.path}: not a whole Parquet file ({error}). Deliver it again.") from error
        return False, []
    if file.is_plain:
        try:
            scan = csv_scan(_utf8_copy(file, dialect, copy), width, dialect.delimiter, numbered=False)
            if engine.write_file(f"SELECT * FROM {scan}", target) == file.records:
                return False, []
        except _UNREADABLE:
            pass
        except duckdb.IOException as error:
            if "gzip stream" not in str(error).lower():
                raise
        target.unlink(missing_ok=True)
    try:
        written, damaged = clean_copy(file, dialect, copy)
        scan = csv_scan(copy, width, ",", numbered=True)
        numbered = f"SELECT CAST(row_number AS BIGINT) AS row_number, * EXCLUDE (row_number) FROM {scan}"
        if (read := engine.write_file(numbered, target)) != written:
            raise _CountMismatchError(f"{file.path}: {read} rows read, {written} counted")
    except (*_UNREADABLE, csv.Error) as error:
        raise BadDataError(
            f"{file.path}: can't be read as {dialect.encoding} text with the delimiter {dialect.delimiter!r} "
            f"({error}). Check the feed's dialect, or deliver the file again."
        ) from error
    return True, damaged


def _broken_rows(file: ExtractFile, contract: Contract, select: str, engine: DuckDBEngine) -> list[RejectedRecord]:
    """The rows of a typed SELECT that break a rule, in the file's order."""
    fields = ", ".join(identifier_of(i) for i in range(len(file.columns)))
    known = ", ".join(_of_event(contract))
    broken = f"FROM ({select}) WHERE broken_rule IS NOT NULL"

    def records(condition: str) -> list[RejectedRecord]:
        return [
            RejectedRecord(
                number, rule, json.dumps(values, default=str, ensure_ascii=False), day, amount, receipt, line
            )
            for number, rule, day, amount, receipt, line, *values in engine.rows(
                f"SELECT row_number, broken_rule, {known}, {fields} {broken} {condition}"
            )
        ]

    by_rule = engine.rows(f"SELECT broken_rule, COUNT(*) {broken} GROUP BY ALL ORDER BY 2 DESC, 1")
    if by_rule:
        of_rule = f"AND broken_rule = {literal(by_rule[0][0])} ORDER BY row_number LIMIT {EXAMPLES}"
        check_rejected(file, sum(count for _, count in by_rule), lambda: records(of_rule))
    return records("ORDER BY row_number")


def _of_event(contract: Contract) -> tuple[str, str, str, str]:
    """SQL of what a rejected row still tells: its event's date, its amount, its receipt and line."""
    event, amount = event_time(contract), contract.control_amount
    # Of other sources nobody asks for the row itself, and a key may be a person's.
    names = [column.name for column in contract.columns] if amount else []
    receipt, line = (identifier(name) if name in names else "NULL" for name in ("receipt_id", "line_number"))
    date = f"CAST({identifier(event)} AS DATE)" if event else "NULL"
    return date, identifier(amount) if amount else "NULL", receipt, line


def _check_currency(file: ExtractFile, select: str, engine: DuckDBEngine, currency: str) -> None:
    other = engine.rows(
        f"SELECT raw_currency, COUNT(*) FROM ({select}) "
        "WHERE raw_currency <> $currency GROUP BY raw_currency ORDER BY raw_currency",
        {"currency": currency},
    )
    if other:
        # What a mapping made lies in a temporary file: its name says of which feed.
        where = file.path if file.path.name in file.name else file.name
        raise BadDataError(
            f"{where}: {other[0][1]} rows have currency {other[0][0]!r}, the home is kept in {currency}. "
            "Convert the amounts, or load them into a home of their own."
        )
