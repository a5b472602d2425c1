"""The state of a source as of a night: which rows of earlier nights are superseded."""

from typing import Any

from pipelines.contracts import Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile, TableState, latest_full


def state_as_of(
    table: Contract, own: tuple[DataFile, ...], night: Night, engine: DuckDBEngine, info: dict[str, Any]
) -> TableState:
    """The state of a staging table as of tonight, from tonight's own parts and those of the nights before."""
    earlier = night.earlier_files(table.name)
    if table.load == "full":
        parts = latest_full(earlier | ({night.run_date: own} if own else {}))
        return TableState(data_files=parts, key=table.key, info={**info, "rows_superseded": 0})
    before = [part for _, parts in sorted(earlier.items()) for part in parts]
    state = TableState(data_files=(*before, *own), key=table.key, info=info)
    previous = night.previous.tables.get(table.name) if night.previous else None
    known = previous is not None and set(previous.data_files) == set(before)
    if not before or (known and not any(part.rows for part in own)):
        superseded = previous.superseded if previous and known else ()
        return state.model_copy(update={"superseded": superseded, "info": {**info, "rows_superseded": 0}})
    columns = [column for column in table.columns if column.name in ("landing_date", *table.key)]
    key = ", ".join(identifier(column.name) for column in columns)
    if known and previous is not None:
        old = engine.select_of(previous, table)
        new = engine.scan_files(own)
        same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
        select = f"SELECT {key} FROM ({old}) AS old SEMI JOIN {new} AS new ON {same}"
        if previous.superseded:
            select += f" UNION ALL SELECT {key} FROM ({engine.select_files(previous.superseded, columns)})"
    else:  # an earlier night came late or again: which rows are superseded is worked out anew
        rows = f"({engine.select_files(state.data_files, columns)})"
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


def _count_replaced(
    table: Contract, superseded: tuple[DataFile, ...], own: tuple[DataFile, ...], engine: DuckDBEngine
) -> int:
    """Rows of earlier nights that stood until tonight's came with their keys, which all are superseded now."""
    if not own or not superseded:
        return 0
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
    new, old = engine.scan_files(own), engine.scan_files(superseded)
    return int(engine.rows(f"SELECT COUNT(*) FROM {new} AS new SEMI JOIN {old} AS old ON {same}")[0][0])
