"""Ingest: a night's extract of one source, read by its contract, into staging.

Staging of night D depends on landing/D and the contract alone. What a night staged stays; the state of a source as of
D is put together from the nights up to D: of a delta, the latest night's row for each key; of a full load, the latest
extract.
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.addresses import NORMALISED, recipe, register_functions
from pipelines.contracts import Column, Contract, Rule
from pipelines.engine import DuckDBEngine, identifier, literal
from pipelines.errors import BadDataError
from pipelines.extract import ExtractFile, RejectedRecord, clean_copy, find_files, inspect
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
_VERSION = 1  # of this module's way of reading: a change makes every night be read again


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
    dates = [Column(name, "DATE", f"Business date of {of}.") for name, of in _business_dates(contract).items()]
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
    return {f"{name.removesuffix('_at')}_date": name for name in times}


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
        states = _read(contract, files, night, engine, settings)
        counts: Counts = states.pop("counts")  # type: ignore[assignment]
        info["counts"] = asdict(counts)
    else:
        info["counts"] = states[contract.name].info["counts"]
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
        "unknown_columns": sorted({name for f in files for name in f.columns} - known - {"currency"}),
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
) -> dict[str, Any]:
    temporary = night.temporary_folder()
    try:
        rejected: list[tuple[ExtractFile, RejectedRecord]] = []
        read: list[Path] = []
        counts = Counts()
        for position, file in enumerate(files):
            target = temporary / f"{position:05d}.parquet"
            loaded, bad = _read_file(file, contract, engine, target, settings, night.run_date)
            read.append(target)
            rejected.extend((file, row) for row in bad)
            counts += Counts(loaded + len(bad), loaded, len(bad), 0)
        states: dict[str, Any] = {}
        if _addresses(contract):
            register_functions(engine.connection, settings.phone_region)
        duplicates = _mark_duplicates(contract, read, engine) if read else 0
        for table in staging_contracts(contract):
            if duplicates or contract.personal_columns:
                parts = _split_off(table, read, engine) if read else ()
            else:
                parts = tuple(_keep(path, table.name, night) for path in read)
            states[table.name] = TableState(parts=parts)
        states["counts"] = counts + Counts(0, -duplicates, 0, duplicates)
        states[f"rejected_{contract.name}"] = _write_rejected(contract, rejected, engine)
        return states
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read_file(
    file: ExtractFile, contract: Contract, engine: DuckDBEngine, target: Path, settings: Settings, night: date
) -> tuple[int, list[RejectedRecord]]:
    """Write a file's good rows, typed, to `target`; returns their number and the rows that are no good."""
    if file.is_parquet:
        names = [identifier_of(i) for i in range(len(file.columns))]
        scan = f"(FROM {engine.scan([file.path])} AS p({', '.join(names)}))"
        return _load(scan, file, contract, engine, target, settings, night, total=file.records)
    if contract.dialect.encoding.lower() in ("utf-8", "utf8") and not file.has_nul:
        try:
            total = file.records
            return _load(
                _csv_scan(file.path, len(file.columns), contract.dialect.delimiter, numbered=False),
                file, contract, engine, target, settings, night, total,
            )  # fmt: skip
        except (duckdb.InvalidInputException, UnicodeDecodeError, _CountMismatchError):
            # UnicodeDecodeError: DuckDB's message quotes the row, and may cut a character in two.
            target.unlink(missing_ok=True)
    copy = target.with_suffix(".csv")
    try:
        written, damaged = clean_copy(file, contract.dialect, copy)
        scan = _csv_scan(copy, len(file.columns), ",", numbered=True)
        loaded, broken = _load(scan, file, contract, engine, target, settings, night, total=written, numbered=True)
    except (csv.Error, duckdb.InvalidInputException, UnicodeError, _CountMismatchError) as error:
        raise BadDataError(
            f"{file.path}: can't be read as {contract.dialect.encoding} text with the delimiter "
            f"{contract.dialect.delimiter!r} ({error}). Check the contract's dialect, or deliver the file again."
        ) from error
    copy.unlink()
    return loaded, sorted(damaged + broken, key=lambda row: row.row_number)


class _CountMismatchError(Exception):
    """The loader saw another number of rows than were counted apart from it."""


def identifier_of(position: int) -> str:
    """Files' own column names never get into SQL; columns are addressed by position."""
    return f"f{position}"


def _csv_scan(path: Path, width: int, delimiter: str, *, numbered: bool) -> str:
    names = ["row_number"] * numbered + [identifier_of(i) for i in range(width)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    return (
        f"read_csv({literal(str(path))}, auto_detect = false, header = true, delim = {literal(delimiter)}, "
        f"quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def _typed(column: Column, raw: str, decimal_mark: str) -> str:
    """SQL for a column's value from text or from a typed Parquet column; NULL if it can't be read as its type."""
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
        return f"TRY_CAST({raw} AS TIMESTAMPTZ)"
    if column.type == "BIGINT":
        return f"CASE WHEN TRY_CAST({raw} AS DOUBLE) = TRY_CAST({raw} AS BIGINT) THEN TRY_CAST({raw} AS BIGINT) END"
    if column.type.startswith("DECIMAL") and decimal_mark != ".":
        return f"TRY_CAST(REPLACE(CAST({raw} AS VARCHAR), {literal(decimal_mark)}, '.') AS {column.type})"
    return f"TRY_CAST({raw} AS {column.type})"


def _rules(contract: Contract, present: set[str]) -> Iterable[Rule]:
    for column in contract.columns:
        if column.name in present and column.type != "VARCHAR":
            blank = f"TRIM(CAST(raw_{column.name} AS VARCHAR)) = ''"  # looked at only where there is no value
            yield Rule(f"{column.name}_unreadable", f"CASE WHEN {column.name} IS NULL THEN {blank} END")
        if column.name in present and column.type in ("DATE", "TIMESTAMP WITH TIME ZONE"):
            last = "9999-12-31" if column.type == "DATE" else "9999-12-31 23:59:59"  # `never`; infinity is later
            yield Rule(f"{column.name}_out_of_range", f"{column.name} BETWEEN '1000-01-01' AND '{last}'")
    yield from contract.rules


def _select(file: ExtractFile, contract: Contract, scan: str, night: date, *, numbered: bool) -> str:
    """SQL: each row of a file typed, with `broken_rule` (NULL for a good row) and the raw fields."""
    positions = {name: identifier_of(i) for i, name in enumerate(file.columns)}
    typed, raw = [], []
    for column in contract.columns:
        if column.name in positions:
            value = _typed(column, positions[column.name], contract.dialect.decimal_mark)
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
    loaded = engine.write_file(f"SELECT {columns} FROM ({select}) WHERE broken_rule IS NULL", target)
    engine.connection.execute("RESET disabled_optimizers")
    if loaded == total:
        return loaded, []
    # The second look costs only files that have something wrong.
    if not numbered:
        scanned = f"(SELECT ROW_NUMBER() OVER () AS row_number, * FROM {scan})"
        select = _select(file, contract, scanned, night, numbered=True)
    fields = ", ".join(identifier_of(i) for i in range(len(file.columns)))
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
    paths = ", ".join(literal(str(path)) for path in read)
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
    key = ", ".join(identifier(k) for k in ("landing_date", *table.key))
    if known and previous is not None:
        old = engine.select_of(previous, table)
        new = engine.scan_parts(own)
        same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
        select = f"SELECT {key} FROM ({old}) AS old WHERE EXISTS (SELECT 1 FROM {new} AS new WHERE {same})"
        if previous.superseded:
            select += f" UNION ALL SELECT {key} FROM {engine.scan_parts(previous.superseded)}"
    else:  # an earlier night came late or again: which rows are superseded is worked out anew
        rows = engine.scan_parts(state.parts)
        by = ", ".join(identifier(k) for k in table.key)
        select = (
            f"SELECT {key} FROM (SELECT {key}, MAX(landing_date) OVER (PARTITION BY {by}) AS newest FROM {rows}) "
            "WHERE landing_date < newest"
        )
    replaced = engine.write(select, f"{table.name}_superseded")
    kept = replaced if any(part.rows for part in replaced) else ()
    return state.model_copy(
        update={"superseded": kept, "info": {**info, "rows_superseded": _count_replaced(table, before, own, engine)}}
    )


def _count_replaced(table: Contract, before: list[Part], own: tuple[Part, ...], engine: DuckDBEngine) -> int:
    """Rows of earlier nights that stood until tonight's came with their keys."""
    if not own:
        return 0
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
    replaced = f"EXISTS (SELECT 1 FROM {engine.scan_parts(before)} AS old WHERE {same})"
    return int(engine.rows(f"SELECT COUNT(*) FROM {engine.scan_parts(own)} AS new WHERE {replaced}")[0][0])
