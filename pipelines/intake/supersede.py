"""The state of a source as of a night: the data files it consists of, and which earlier rows are superseded."""

from typing import Any

from pipelines.contracts import Column, Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile, TableState, latest_full


def state_as_of(
    table: Contract, own: tuple[DataFile, ...], night: Night, engine: DuckDBEngine, info: dict[str, Any]
) -> TableState:
    """The state of a staging table as of tonight.

    Args:
        table: The staging table's contract.
        own: Tonight's own data files of it.
        night: Tonight; it knows what the nights before staged.
        engine: To find the superseded rows.
        info: What the manifest is to say of the extract; the number of superseded rows is added.
    """
    earlier = night.earlier_files(table.name)
    info = {**info, "whole_per": table.whole_per}
    if table.load == "full":
        data_files = latest_full(earlier | ({night.run_date: own} if own else {}))
        return TableState(data_files=data_files, key=table.key, info={**info, "rows_superseded": 0})
    before = [file for _, files in sorted(earlier.items()) for file in files]
    state = TableState(data_files=(*before, *own), key=table.key, info=info)
    previous = night.previous.tables.get(table.name) if night.previous else None
    known = (
        previous is not None
        and set(previous.data_files) == set(before)
        and previous.info.get("whole_per", "row") == table.whole_per
    )
    if not before or (known and not any(file.rows for file in own)):
        superseded = previous.superseded if previous and known else ()
        return state.model_copy(update={"superseded": superseded, "info": {**info, "rows_superseded": 0}})
    if known and previous is not None:
        select = _newly_superseded(table, own, previous, engine)
    else:  # an earlier night came late or was run again, or rows replace others by another rule than before
        select = _superseded(table, state, engine)
    written = engine.write(select, f"{table.name}_superseded")
    superseded = written if any(file.rows for file in written) else ()
    count = _count_superseded(table, superseded, own, engine)
    return state.model_copy(update={"superseded": superseded, "info": {**info, "rows_superseded": count}})


def _index_columns(table: Contract) -> list[Column]:
    """The columns by which a row of a staging table is known."""
    return [column for column in table.columns if column.name in ("landing_date", *table.key)]


def _newly_superseded(table: Contract, own: tuple[DataFile, ...], previous: TableState, engine: DuckDBEngine) -> str:
    """SQL of the rows that tonight's rows supersede, and of those that the last night knew to be superseded."""
    columns = _index_columns(table)
    index = ", ".join(identifier(column.name) for column in columns)
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.replaced_by)
    old, new = engine.select_of(previous, table), engine.scan_files(own)
    select = f"SELECT {index} FROM ({old}) AS old SEMI JOIN {new} AS new ON {same}"
    if previous.superseded:
        select += f" UNION ALL SELECT {index} FROM ({engine.select_files(previous.superseded, columns)})"
    return select


def _superseded(table: Contract, state: TableState, engine: DuckDBEngine) -> str:
    """SQL of all rows that a later night brought again, found anew from every night's rows."""
    columns = _index_columns(table)
    index = ", ".join(identifier(column.name) for column in columns)
    rows = f"({engine.select_files(state.data_files, columns)})"
    key = ", ".join(identifier(k) for k in table.replaced_by)
    return (
        f"SELECT {index} FROM (SELECT {index}, MAX(landing_date) OVER (PARTITION BY {key}) AS newest FROM {rows}) "
        "WHERE landing_date < newest"
    )


def _count_superseded(
    table: Contract, superseded: tuple[DataFile, ...], own: tuple[DataFile, ...], engine: DuckDBEngine
) -> int:
    """How many rows of earlier nights tonight's rows replaced, all of which are superseded now."""
    if not own or not superseded:
        return 0
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.replaced_by)
    new, old = engine.scan_files(own), engine.scan_files(superseded)
    if table.whole_per != "row":  # those that no night before tonight had replaced already
        of_tonight = f"SELECT * FROM {old} AS old SEMI JOIN {new} AS new ON {same}"
        newest = f"MAX(landing_date) OVER (PARTITION BY {identifier(table.whole_per)})"
        counted = f"SELECT landing_date, {newest} AS newest FROM ({of_tonight})"
        return int(engine.rows(f"SELECT COUNT(*) FROM ({counted}) WHERE landing_date = newest")[0][0])
    return int(engine.rows(f"SELECT COUNT(*) FROM {new} AS new SEMI JOIN {old} AS old ON {same}")[0][0])
