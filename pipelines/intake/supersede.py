"""The state of a source as of a night: the data files it consists of, and which of their rows are superseded.

Of several rows of one key, within a file and across nights, the one with the latest update stands, else that of the
latest night. A row without an updated_at, or with one after its landing night, counts as updated at that night's end:
a clock that runs ahead must not make a row stand for ever.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.contracts import Column, Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile, TableState, latest_full

_TIMES = ("DATE", "TIMESTAMP WITH TIME ZONE")


def states_as_of(
    tables: Sequence[Contract],
    own: Mapping[str, tuple[DataFile, ...]],
    night: Night,
    engine: DuckDBEngine,
    info: Mapping[str, Any],
) -> dict[str, TableState]:
    """The states of a source's staging tables as of tonight.

    Which rows are superseded is decided by the source itself; what lies apart from it loses exactly the same rows.

    Args:
        tables: The contracts of the source's staging tables, the source itself first.
        own: Tonight's own data files by table.
        night: Tonight; it knows what the nights before staged.
        engine: To find the superseded rows.
        info: What the manifest is to say of the extract; the number of superseded rows is added.
    """
    source = tables[0]
    earlier = {table.name: night.earlier_files(table.name) for table in tables}
    if source.load == "full":
        info = {**info, "rows_superseded": 0}
        by_night = {name: files | ({night.run_date: own[name]} if own[name] else {}) for name, files in earlier.items()}
        return {t.name: TableState(data_files=latest_full(by_night[t.name]), key=t.key, info=info) for t in tables}
    before = {
        name: tuple(file for _, files in sorted(nights.items()) for file in files) for name, nights in earlier.items()
    }
    superseded, count = _superseded_rows(source, before[source.name], own[source.name], night, engine)
    info = {**info, "rows_superseded": count}
    return {
        t.name: TableState(data_files=(*before[t.name], *own[t.name]), superseded=superseded, key=t.key, info=info)
        for t in tables
    }


def updated_at(table: Contract) -> str | None:
    """SQL of the moment at which a row of a source counts as updated; None where every row counts alike in its night.

    The engine's time zone is the business time zone: there a night ends.
    """
    if all(column.name != "updated_at" or column.type not in _TIMES for column in table.columns):
        return None
    night_end = "CAST(landing_date + 1 AS TIMESTAMP WITH TIME ZONE)"
    return f"LEAST(COALESCE(CAST(updated_at AS TIMESTAMP WITH TIME ZONE), {night_end}), {night_end})"


def _superseded_rows(
    source: Contract, before: tuple[DataFile, ...], own: tuple[DataFile, ...], night: Night, engine: DuckDBEngine
) -> tuple[tuple[DataFile, ...], int]:
    """Files of landing_date and key of the superseded rows, and how many rows became superseded by tonight's."""
    previous = night.previous.tables.get(source.name) if night.previous else None
    known = previous is not None and set(previous.data_files) == set(before)
    if not before or (known and not any(file.rows for file in own)):
        return (previous.superseded if previous and known else ()), 0
    if known and previous is not None:
        select = _newly_superseded(source, own, previous, engine)
    else:  # an earlier night came late or was run again
        select = _superseded(source, (*before, *own), engine)
    written = engine.write(select, f"{source.name}_superseded")
    superseded = written if any(file.rows for file in written) else ()
    return superseded, _count_superseded(source, superseded, own, engine)


def _index_columns(table: Contract) -> list[Column]:
    """The columns by which a row of a staging table is known."""
    return [column for column in table.columns if column.name in ("landing_date", *table.key)]


def _dated_rows(table: Contract, rows: str) -> str:
    """SQL of the index columns of some rows, and of the moment at which each counts as updated."""
    index = ", ".join(identifier(column.name) for column in _index_columns(table))
    return f"SELECT {index}, {updated_at(table) or 'NULL'} AS counts_from FROM {rows} AS every"


def _newly_superseded(table: Contract, own: tuple[DataFile, ...], previous: TableState, engine: DuckDBEngine) -> str:
    """SQL of the rows of last night's state that tonight's supersede or the other way round, and of those known before.

    Either has one row of a key, so a key that both have loses one.
    """
    columns = _index_columns(table)
    key = ", ".join(identifier(k) for k in table.key)
    old = _dated_rows(table, f"({engine.select_of(previous, table)})")
    new = _dated_rows(table, engine.scan_files(own))
    stale = "new.counts_from < old.counts_from"
    index = ", ".join(
        f"CASE WHEN {stale} THEN new.landing_date ELSE old.landing_date END AS landing_date"
        if column.name == "landing_date"
        else identifier(column.name)
        for column in columns
    )
    select = f"SELECT {index} FROM ({old}) AS old JOIN ({new}) AS new USING ({key})"
    if previous.superseded:
        known = ", ".join(identifier(column.name) for column in columns)
        select += f" UNION ALL SELECT {known} FROM ({engine.select_files(previous.superseded, columns)})"
    return select


def _superseded(table: Contract, files: tuple[DataFile, ...], engine: DuckDBEngine) -> str:
    """SQL of all rows to which another row of their key is preferred, found anew from every night's rows."""
    names = {"updated_at", *(column.name for column in _index_columns(table))}
    columns = [column for column in table.columns if column.name in names]
    index = ", ".join(identifier(column.name) for column in _index_columns(table))
    key = ", ".join(identifier(k) for k in table.key)
    rows = _dated_rows(table, f"({engine.select_files(files, columns)})")
    return (
        f"SELECT {index} FROM (SELECT {index}, ROW_NUMBER() OVER ("
        f"PARTITION BY {key} ORDER BY counts_from DESC, landing_date DESC) AS preference FROM ({rows})) "
        "WHERE preference > 1"
    )


def _count_superseded(
    table: Contract, superseded: tuple[DataFile, ...], own: tuple[DataFile, ...], engine: DuckDBEngine
) -> int:
    """How many rows became superseded by tonight's extract: one for each of its keys that an earlier night brought."""
    if not own or not superseded:
        return 0
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
    new, old = engine.scan_files(own), engine.scan_files(superseded)
    return int(engine.rows(f"SELECT COUNT(*) FROM {new} AS new SEMI JOIN {old} AS old ON {same}")[0][0])
