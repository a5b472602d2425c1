"""Staging: a night's extract of one source, read by its contract into data files of the lake.

What night D stages depends on landing/D and the contract alone, and later nights leave it as it is. The state of a
source as of D is made of what the nights up to D staged: for a delta the row of each key that was updated last (see
supersede), for a full load the latest extract.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal, one_file
from pipelines.errors import BadDataError
from pipelines.intake.addresses import recipe, register_functions
from pipelines.intake.codes import register_function
from pipelines.intake.damaged_text import TooManyRejectedError
from pipelines.intake.deliveries import Delivery, check_id_rules, delivery_of, names_in_folder
from pipelines.intake.erased import NO_VALUES, leave_out_erased, read_erased, taken_out, without_values_of_erased
from pipelines.intake.extract import (
    ExtractFile,
    RejectedRecord,
    check_unchanged,
    sha256_of,
)
from pipelines.intake.load import read_file
from pipelines.intake.mapping.kept import keep_mapping
from pipelines.intake.staging_contracts import address_columns, listed_addresses, staging_contracts
from pipelines.intake.supersede import states_as_of, updated_at
from pipelines.intake.unknown_values import without_unknown_values
from pipelines.settings import Settings
from pipelines.store.home import landing_folder
from pipelines.store.lake import WHOLE_NIGHT_AGAIN, Night
from pipelines.store.manifest import DataFile, Lineage, TableState, version_of

REJECTED = pa.schema(
    [
        ("source", pa.string()),
        ("file", pa.string()),
        ("row_number", pa.int64()),
        ("rule", pa.string()),
        ("row_values", pa.string()),
        ("event_date", pa.date32()),
        ("amount", pa.decimal128(38, 2)),
        ("receipt_id", pa.string()),
        ("line_number", pa.int64()),
    ]
)

_NAMED_CODES = 5  # that a warning names
_VERSION = 7  # of how extracts are read: with another one, a night that is run again reads its extracts again


@dataclass(frozen=True)
class Counts:
    """Rows of a source's extract: read = loaded + rejected + duplicate."""

    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))


def stage_source(contract: Contract, night: Night, engine: DuckDBEngine, settings: Settings) -> dict[str, TableState]:
    """Read tonight's extract of a source and work out its state as of tonight.

    Returns:
        The staging tables by name: the source, its personal columns apart if it has any, and `rejected_<source>`.

    Raises:
        BadDataError: A file breaks the contract as a whole; the message names it.
    """
    folder = landing_folder(settings, night.run_date)
    delivery = delivery_of(contract, folder, settings, night.lake)
    check_id_rules(contract, delivery.id_rules, night.earlier(contract.name)[0].info)
    info = _provenance(contract, delivery, settings)
    if delivery.mapping is not None:
        keep_mapping(night.lake, delivery.mapping)
    register_function(engine.connection)
    states = _staged_before(contract, night, info)
    if states is None:
        try:
            states, counted = _read(contract, delivery, night, engine, settings)
        except TooManyRejectedError as error:  # what stopped the night is kept for a person to look at
            erased = read_erased(night.lake)
            kept = without_values_of_erased(error.examples, erased)
            if delivery.mapping and erased.customers:  # whose rows they are, no cell need say
                kept = [replace(row, values=NO_VALUES) for row in kept]
            rows = [(error.file, row) for row in kept]
            night.add(f"rejected_{contract.name}", _write_rejected(contract, rows, engine))
            raise
        files_in_landing = {f"{night.run_date}/{file.name}": file.sha256 for file in delivery.files}
        info |= counted | {"taken_out": taken_out(night.lake, files_in_landing)}
    else:
        read_before = states[contract.name].info
        same = ("counts", "unknown_values", "unusable_addresses", "repeated_codes", "taken_out", "feed_quality")
        info |= {name: read_before[name] for name in same if name in read_before}
    result = states_as_of(staging_contracts(contract), states, night, engine, info)
    rejected = f"rejected_{contract.name}"
    result[rejected] = states[rejected]
    return result


def check_extract_unchanged(source: str, night: Night, settings: Settings) -> None:
    """Make sure that a source's extract is still the one that tonight read.

    A person may have mended several extracts and made the tables of one anew: the night would be of two deliveries. A
    source of which nothing had come may come late: that is no fault, and is said at the night's end.

    Raises:
        BadDataError: A file was changed or removed, or added to others.
    """
    folder = landing_folder(settings, night.run_date)
    read = {file["file"]: file["sha256"] for file in night.table(source).info["files"]}
    there = names_in_folder(source, folder, settings)
    changed = {name for name in read.keys() & there.keys() if sha256_of(there[name]) != read[name]}
    other = changed | (read.keys() ^ there.keys() if read else set())
    if other:
        raise BadDataError(
            f"{folder}: {', '.join(sorted(other))} changed after the night had read {source}. {WHOLE_NIGHT_AGAIN}"
        )


def _provenance(contract: Contract, delivery: Delivery, settings: Settings) -> dict[str, Any]:
    """What the manifest says of an extract: its files, and what decides on how they are read."""
    files = delivery.files
    read_by = [_VERSION, repr(contract), settings.timezone, settings.currency, *delivery.read_by]
    if address_columns(contract):
        read_by += recipe(settings.phone_region)
    of_mapping: dict[str, Any] = {"mapping": delivery.mapping.digest} if delivery.mapping else {}
    if delivery.id_rules:
        of_mapping["id_rules"] = dict(delivery.id_rules)
    if unread := [name for file in files for name in file.unread]:
        of_mapping["unread_sheets"] = unread
    return of_mapping | {
        "load": contract.load,
        "is_present": bool(files),
        "files": [{"file": f.name, "size": f.size, "sha256": f.sha256, "records": f.records} for f in files],
        "columns": list(dict.fromkeys(name for f in files for name in f.columns if name)),
        "unknown_columns": list(delivery.unknown_columns),
        "read_by": hashlib.sha256(json.dumps(read_by).encode()).hexdigest(),
    }


def _staged_before(contract: Contract, night: Night, info: dict[str, Any]) -> dict[str, TableState] | None:
    """What an earlier run of the same night staged, if it read the same bytes in the same way; else None."""
    if night.run_date not in night.lake.nights():
        return None
    manifest = night.lake.manifest(night.run_date)
    earlier = manifest.tables.get(contract.name)
    if earlier is None or any(earlier.info.get(k) != info[k] for k in ("files", "read_by")):
        return None
    staged = {
        table.name: manifest.tables[table.name].model_copy(update={"lineage": manifest.lineage(table.name)})
        for table in staging_contracts(contract)
    }
    rejected = f"rejected_{contract.name}"
    return staged | {rejected: manifest.tables[rejected]}


@dataclass
class _Read:
    """Tonight's files of a source: the good rows of each, the rejected ones, and what was counted."""

    good: list[Path] = field(default_factory=list)
    rejected: list[tuple[ExtractFile, RejectedRecord]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    unknown: Counter[str] = field(default_factory=Counter)
    quality: list[dict[str, Any]] = field(default_factory=list)


def _read_files(delivery: Delivery, night: Night, engine: DuckDBEngine, settings: Settings, temporary: Path) -> _Read:
    """Read tonight's files of a source; what is good is in `temporary`."""
    read = _Read()
    for position, batch in enumerate(delivery.batches(engine, temporary)):
        target, file = temporary / f"{position:05d}.parquet", batch.file
        loaded, bad = read_file(file, batch.contract, engine, target, settings, night.run_date)
        good, loaded, bad = leave_out_erased(loaded, bad, batch.contract, engine, target, night.lake)
        check_unchanged(file)
        known, found = without_unknown_values(good, batch.contract, file, engine)
        read.unknown.update(found)
        read.good.append(known)
        raw, not_made = batch.raw_rows(bad), batch.mapped.rejected_rows if batch.mapped else 0
        if batch.mapped:
            read.quality.append(batch.mapped.quality(raw))
            known_rows = {(of.name, row.row_number) for of, row in read.rejected}  # by another part of the mapping
            raw = [(of, row) for of, row in raw if (of.name, row.row_number) not in known_rows]
        read.rejected.extend(raw)
        read.counts += Counts(loaded + len(bad) + not_made, loaded, len(bad) + not_made, 0)
    delivery.check_unchanged()
    return read


def _read(
    contract: Contract, delivery: Delivery, night: Night, engine: DuckDBEngine, settings: Settings
) -> tuple[dict[str, TableState], dict[str, Any]]:
    """Tonight's own data files of the staging tables by name; and what was counted.

    That is rows, unknown values and unusable addresses by column, and codes that several rows have.
    """
    temporary = night.temporary_folder()
    try:
        read = _read_files(delivery, night, engine, settings, temporary)
        states: dict[str, TableState] = {}
        if address_columns(contract):
            register_functions(engine.connection, settings.phone_region)
        duplicates = _mark_duplicates(contract, read.good, engine) if read.good else 0
        repeated = _repeated_codes(contract, read.good, engine) if duplicates else []
        for table in staging_contracts(contract):
            if duplicates or contract.personal_columns:
                data_files = _write_columns(table, read.good, engine) if read.good else ()
            else:
                data_files = tuple(_keep(path, table.name, night) for path in read.good)
            states[table.name] = TableState(data_files=data_files, lineage=Lineage(own=version_of(data_files)))
        states[f"rejected_{contract.name}"] = _write_rejected(contract, read.rejected, engine)
        counts = read.counts + Counts(0, -duplicates, 0, duplicates)
        counted: dict[str, Any] = {"counts": asdict(counts), "unknown_values": dict(sorted(read.unknown.items()))}
        counted["unusable_addresses"] = _unusable_addresses(contract, states, engine)
        counted |= {"feed_quality": read.quality} if read.quality else {}
        return states, counted | {"repeated_codes": repeated}
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True)
class RepeatedKeys:
    """Keys that several rows of an extract have: some of them with their rows, and the money in rows that go."""

    keys: tuple[tuple[tuple[str, ...], int], ...]
    amount: Decimal | None


def repeated_keys(contract: Contract, night: Night, engine: DuckDBEngine, settings: Settings) -> RepeatedKeys:
    """Which keys repeat in tonight's extract, for a person to look at. It is read anew: no manifest has keys."""
    temporary = night.temporary_folder()
    try:
        delivery = delivery_of(contract, landing_folder(settings, night.run_date), settings, night.lake)
        register_function(engine.connection)
        good = _read_files(delivery, night, engine, settings, temporary).good
        _mark_duplicates(contract, good, engine)
        rows = f"{_numbered_rows(good)} JOIN duplicate USING (filename, file_row_number)"
        key = ", ".join(f"CAST({identifier(name)} AS VARCHAR)" for name in contract.key)
        order = ", ".join(f"{place}" for place in range(1, len(contract.key) + 1))
        some = engine.rows(
            f"SELECT {key}, COUNT(*) + 1 AS n FROM {rows} GROUP BY ALL ORDER BY n DESC, {order} LIMIT {_NAMED_CODES}"
        )
        amount = identifier(contract.control_amount) if contract.control_amount else "CAST(NULL AS DECIMAL(18, 2))"
        (total,) = engine.rows(f"SELECT SUM(ABS({amount})) FROM {rows}")[0]
        return RepeatedKeys(tuple((tuple(values), count) for *values, count in some), total)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _numbered_rows(read: list[Path]) -> str:
    paths = ", ".join(literal(one_file(path)) for path in read)
    return f"read_parquet([{paths}], filename = true, file_row_number = true)"


def _mark_duplicates(contract: Contract, read: list[Path], engine: DuckDBEngine) -> int:
    """Make table `duplicate` (file, row) of the rows to which another row of their key is preferred; returns how many.

    The row that counts as updated last is kept (see supersede), else the last one. Rows are first grouped by the key's
    hash, which is cheaper; only rows whose hash is there twice are compared by the key itself.
    """
    key = ", ".join(identifier(k) for k in contract.key)
    moment = updated_at(contract)
    newest = f"{moment} DESC, " if moment else ""
    rows = _numbered_rows(read)
    engine.connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE duplicate AS
        WITH suspect AS (SELECT HASH({key}) AS code FROM {rows} GROUP BY code HAVING COUNT(*) > 1)
        SELECT filename, file_row_number FROM (
            SELECT filename, file_row_number, ROW_NUMBER() OVER (
                PARTITION BY {key} ORDER BY {newest}filename DESC, file_row_number DESC) AS preference
            FROM {rows} WHERE HASH({key}) IN (SELECT code FROM suspect)
        ) WHERE preference > 1
        """
    )
    return int(engine.rows("SELECT COUNT(*) FROM duplicate")[0][0])


def _repeated_codes(contract: Contract, read: list[Path], engine: DuckDBEngine) -> list[str]:
    """A few of the codes that several rows of the extract have, in whatever spelling; none if no code is the key."""
    if len(contract.key) > 1 or not any(c.case_insensitive for c in contract.columns if c.name in contract.key):
        return []
    code = identifier(contract.key[0])
    repeated = f"SELECT DISTINCT {code} FROM {_numbered_rows(read)} JOIN duplicate USING (filename, file_row_number)"
    return [found for (found,) in engine.rows(f"{repeated} ORDER BY {code} LIMIT {_NAMED_CODES}")]


def _unusable_addresses(contract: Contract, states: Mapping[str, TableState], engine: DuckDBEngine) -> dict[str, int]:
    """How many addresses of a list can't be used, by column: such a row names nobody, unless it has an id too."""
    names = listed_addresses(contract)
    files = [file for file in states[f"{contract.name}_personal"].data_files if file.rows] if names else []
    if not files:
        return {}
    counts = ", ".join(f"COUNT_IF({name} IS NOT NULL AND {name}_normal IS NULL)" for name in names)
    found = engine.rows(f"SELECT {counts} FROM {engine.scan_files(files)}")[0]
    return {name: count for name, count in zip(names, found, strict=True) if count}


def _keep(path: Path, table: str, night: Night) -> DataFile:
    """Keep a file as it was read: it is good as a data file of the table."""
    with pq.ParquetFile(path) as file:
        rows = file.metadata.num_rows
    return night.data_file(path.rename(night.new_file(table)), rows)


def _write_columns(table: Contract, read: list[Path], engine: DuckDBEngine) -> tuple[DataFile, ...]:
    """Write a staging table's columns of what was read, without the duplicates."""
    normal = {f"{name}_normal": f"normal_{name}({name}) AS {name}_normal" for name in address_columns(table)}
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
    """The rows rejected tonight, with their values: a restricted table, for data engineers alone."""
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
                "event_date": row.event_date,
                "amount": row.amount,
                "receipt_id": row.receipt_id,
                "line_number": row.line_number,
            }
            for file, row in rejected
        ],
        schema=REJECTED,
    )
    engine.register_arrow("rejected", table)
    return TableState(data_files=engine.write("SELECT * FROM rejected", f"rejected_{contract.name}"))
