"""The state of a source as of a night: the data files it consists of, and which earlier rows are superseded."""

from typing import Any

from pipelines.contracts import Column, Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.merge import merged
from pipelines.engines.sql import identifier
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile, TableState, lineage_of


def state_as_of(
    table: Contract, staged: TableState, night: Night, engine: DuckDBEngine, info: dict[str, Any]
) -> TableState:
    """The state of a staging table as of tonight.

    Args:
        table: The staging table's contract.
        staged: What tonight staged of it: its own data files, and their version.
        night: Tonight; it knows what the nights before staged.
        engine: To find the superseded rows.
        info: What the manifest is to say of the extract; the number of superseded rows is added.
    """
    is_full = table.load == "full"
    earlier, known = night.earlier(table.name)
    new = staged.lineage.own if staged.lineage else None
    lineage = lineage_of(earlier.lineage.state if earlier.lineage else None, new, is_full=is_full)
    own = staged.written_by(night.run_date)
    info = {**info, "rows_superseded": 0}
    state = TableState(key=table.key, lineage=lineage, info=info)
    if is_full and lineage.state == new:
        return state.model_copy(update={"data_files": own})
    own = () if is_full else own  # without a row: what is kept of a whole source is its last extract that has some
    earlier = earlier.model_copy(update={"data_files": merged(earlier.data_files, table.name, engine)})
    state = state.model_copy(update={"data_files": (*earlier.data_files, *own)})
    if not earlier.data_files or (known and not any(file.rows for file in own)):
        return state.model_copy(update={"superseded": earlier.superseded})
    # Not known if an earlier night came late or was run again.
    select = _newly_superseded(table, own, earlier, engine) if known else _superseded(table, state, engine)
    written = engine.write(select, f"{table.name}_superseded")
    superseded = written if any(file.rows for file in written) else ()
    count = _count_superseded(table, superseded, own, engine)
    return state.model_copy(update={"superseded": superseded, "info": {**info, "rows_superseded": count}})


def _index_columns(table: Contract) -> list[Column]:
    """The columns by which a row of a staging table is known."""
    return [column for column in table.columns if column.name in ("landing_date", *table.key)]


def _newly_superseded(table: Contract, own: tuple[DataFile, ...], earlier: TableState, engine: DuckDBEngine) -> str:
    """SQL of the rows that tonight's rows supersede, and of those that the last night knew to be superseded."""
    columns = _index_columns(table)
    index = ", ".join(identifier(column.name) for column in columns)
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
    old, new = engine.select_of(earlier, table), engine.scan_files(own)
    select = f"SELECT {index} FROM ({old}) AS old SEMI JOIN {new} AS new ON {same}"
    if earlier.superseded:
        select += f" UNION ALL SELECT {index} FROM ({engine.select_files(earlier.superseded, columns)})"
    return select


def _superseded(table: Contract, state: TableState, engine: DuckDBEngine) -> str:
    """SQL of all rows whose key a later night brought again, found anew from every night's rows."""
    columns = _index_columns(table)
    index = ", ".join(identifier(column.name) for column in columns)
    rows = f"({engine.select_files(state.data_files, columns)})"
    key = ", ".join(identifier(k) for k in table.key)
    return (
        f"SELECT {index} FROM (SELECT {index}, MAX(landing_date) OVER (PARTITION BY {key}) AS newest FROM {rows}) "
        "WHERE landing_date < newest"
    )


def _count_superseded(
    table: Contract, superseded: tuple[DataFile, ...], own: tuple[DataFile, ...], engine: DuckDBEngine
) -> int:
    """How many of tonight's rows replaced a row of an earlier night, all of which are superseded now."""
    if not own or not superseded:
        return 0
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.key)
    new, old = engine.scan_files(own), engine.scan_files(superseded)
    return int(engine.rows(f"SELECT COUNT(*) FROM {new} AS new SEMI JOIN {old} AS old ON {same}")[0][0])
