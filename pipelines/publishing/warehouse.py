"""Publish: the night's tables as one read-only DuckDB file that replaces the last one with one rename.

A contract says whether its table is published, and as what: as a `table` whose rows are written into the warehouse, or
as a `view` over the lake's files. Tables of several rows a customer are views, and so are wide ones whose gist
customer_360 has: to write them a second time would cost seconds.
"""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.catalog import tables
from pipelines.contracts import Contract, published_tables, table_contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal
from pipelines.settings import Settings
from pipelines.store.files import path_beside
from pipelines.store.home import dated_warehouses, night_of_warehouse, published_night, warehouse_path
from pipelines.store.lake import CommittedNight, Lake, Night
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import parameters

# A `table` of at most so many rows is written in the order of its keys. A larger one becomes a view too, unless a group
# reads the warehouse: the lake's files are readable by their owner alone.
WRITTEN_ROWS = 100_000
# The comment of the column that every published table has, where its contract has no other.
RUN_DATE = "Business date of the night that published the table."


def publish_warehouse(night: Night, settings: Settings) -> bool:
    """Build the night's warehouse beside the current one and swap it in with one rename.

    Returns:
        Whether the night was published. A night that is older than the published one is not.
    """
    home = settings.home
    newest = published_night(home)
    if newest is not None and night.run_date < newest:
        return False
    note = _build(night, settings)
    _show(night.run_date, home)
    night.lake.forget_published(night.run_date, but=note)
    for old in dated_warehouses(home)[: -settings.keep_warehouses]:
        old.unlink()
        night.lake.forget_published(night_of_warehouse(old))
    return True


def rebuild_warehouses(lake: Lake, token: str, settings: Settings) -> None:
    """Build every warehouse anew from its night's manifest, and remove those whose night is no longer kept."""
    home, kept = settings.home, lake.nights()
    notes = {}
    for path in dated_warehouses(home):
        night = night_of_warehouse(path)
        if night in kept:
            notes[night] = _build(CommittedNight(lake, night, token), settings)
        else:
            path.unlink()
            lake.forget_published(night)
    if notes:
        _show(max(notes), home)
    else:
        warehouse_path(home).unlink(missing_ok=True)
    for night, note in notes.items():
        lake.forget_published(night, but=note)


def _build(night: Night, settings: Settings) -> Path:
    """Put the night's own warehouse in place. Returns the note that keeps the lake's files that it reads."""
    home = settings.home
    building = path_beside(warehouse_path(home, night.run_date))
    read = {file for table in night.tables().values() for file in table.paths()}
    note = night.lake.keep_published(night.run_date, read)
    try:
        _fill(building, night, settings)
        building.chmod(settings.file_mode & 0o440)
        building.rename(warehouse_path(home, night.run_date))
    finally:
        building.unlink(missing_ok=True)
    return note


def _show(night: date, home: Path) -> None:
    """Make a night's warehouse the one that analysts open."""
    link = path_beside(warehouse_path(home))
    link.hardlink_to(warehouse_path(home, night))
    link.rename(warehouse_path(home))


def _fill(path: Path, night: Night, settings: Settings) -> None:
    with DuckDBEngine(night, settings) as engine:
        connection = engine.connection
        connection.execute(f"ATTACH {literal(str(path))} AS warehouse")
        engine.register_arrow("night", parameters(night.run_date, settings)["night"])
        engine.register_arrow("run", pipeline_runs(night.lake, night.run_date))
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE warehouse.night AS FROM night")
        connection.execute("CREATE TABLE warehouse.pipeline_run AS FROM run ORDER BY run_date")
        for name in ("night", "pipeline_run"):
            _comment("TABLE", table_contract(name), connection)
        connection.execute("USE warehouse")
        for contract in published_tables():
            if contract.name in tables():  # pipeline_run is no table of a night
                kind, select = _published(contract, night, engine, settings)
                connection.execute(f"CREATE {kind} {identifier(contract.name)} AS {select}")
                _comment(kind, contract, connection)
        connection.execute("COMMIT")
        connection.execute("USE memory")
        connection.execute("DETACH warehouse")


def _published(contract: Contract, night: Night, engine: DuckDBEngine, settings: Settings) -> tuple[str, str]:
    """TABLE or VIEW, and the SELECT of what is published."""
    columns = ", ".join(identifier(c.name) for c in contract.published_columns)
    inner = _view_select(contract.name, night, engine, settings)
    select = f"SELECT {columns}, DATE '{night.run_date}' AS run_date FROM ({inner})"
    if contract.published == "view":
        return "VIEW", select
    if night.table(contract.name).rows > WRITTEN_ROWS:
        return "TABLE" if settings.shared_group else "VIEW", select
    keys = ", ".join(identifier(k) for k in contract.key) or "ALL"
    return "TABLE", f"{select} ORDER BY {keys}"


def _view_select(name: str, night: Night, engine: DuckDBEngine, settings: Settings) -> str:
    """A table's SELECT down to the lake's files; the views of the night that it reads are written out in it."""
    table = tables()[name]
    if not table.is_view:
        return engine.select_of(night.table(name), contract_of(name))
    inner = ", ".join(f"{identifier(i)} AS ({_view_select(i, night, engine, settings)})" for i in table.inputs)
    with_night = f"night AS ({_night_select(night, settings)})"
    return f"WITH {with_night}, {inner}, {identifier(name)} AS ({table.sql}) SELECT * FROM {identifier(name)}"


def _night_select(night: Night, settings: Settings) -> str:
    """The one row of `night` as a SELECT of constants, for views that are read when the night is over."""
    (row,) = parameters(night.run_date, settings)["night"].to_pylist()
    return "SELECT " + ", ".join(
        f"CAST({literal(str(row[column.name]))} AS {column.type}) AS {identifier(column.name)}"
        for column in contract_of("night").columns
    )


def _comment(kind: str, contract: Contract, connection: duckdb.DuckDBPyConnection) -> None:
    table = f"warehouse.{identifier(contract.name)}"
    about = f"{contract.description} Grain: {contract.grain}."
    connection.execute(f"COMMENT ON {kind} {table} IS {literal(about)}")
    comments = {column.name: column.description for column in contract.published_columns}
    for name, comment in ({"run_date": RUN_DATE} | comments).items():
        connection.execute(f"COMMENT ON COLUMN {table}.{identifier(name)} IS {literal(comment)}")


def pipeline_runs(lake: Lake, until: date) -> pa.Table:
    """Grain: committed night up to `until`. Its code version, settings, hashes of input files, seconds by task."""
    heads = lake.heads(until)
    return pa.table(
        {
            "run_date": pa.array([head.run_date for head in heads], pa.date32()),
            "code_version": pa.array([head.code_version for head in heads], pa.string()),
            "settings": pa.array([head.settings for head in heads], pa.string()),
            "input_hashes": pa.array([head.input_hashes for head in heads], pa.string()),
            "task_seconds": pa.array([head.seconds for head in heads], pa.string()),
            "accepted_rules": pa.array([head.accepted for head in heads], pa.string()),
            "seconds": pa.array([head.total_seconds for head in heads], pa.float64()),
        }
    )
