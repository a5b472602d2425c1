"""Build: one table of a night, from the tables before it, into new data files of the lake."""

import importlib
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa

from pipelines.catalog import segment_files, tables
from pipelines.contracts import sources
from pipelines.engines.base import Engine
from pipelines.engines.choose import Engines
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import literal
from pipelines.intake.stage import stage_source
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.store.manifest import TableState
from pipelines.table import Table
from pipelines.tables.incremental import make_incremental
from pipelines.tables.inputs import register_inputs
from pipelines.tables.recipes import fit_recipe
from pipelines.tables.write import write_table

# Returns tables by name, as Arrow or as a SELECT: the table itself and its splits.
TableMaker = Callable[[DuckDBEngine, Night, Settings], Mapping[str, pa.Table | str]]


def make_table(name: str, night: Night, settings: Settings, engines: Engines) -> int:
    """Make a table of tonight and record it in the night's draft; returns the rows that it wrote (0 for a view).

    Args:
        name: Of the table.
        night: It is made of the night's tables so far.
        settings: The home's.
        engines: To make it with; other tables are not being made with them.

    Raises:
        BadDataError: The table is a source, and its extract breaks the contract.
        LoyaltyError: The made table breaks its contract.
    """
    table = tables()[name]
    if table.is_view:
        night.add(name, TableState())
        return 0
    if table.kind == "source":
        states = stage_source(sources()[name], night, engines.duckdb(), settings)
    elif table.kind == "python":
        duckdb = engines.duckdb()
        register_inputs(duckdb, night, settings, table)
        states = _make_python(table, night, duckdb, settings)
    else:
        engine = engines.sql()
        register_inputs(engine, night, settings, table)
        states = {name: _make_sql(table, night, engine, settings)}
    for made, state in states.items():
        night.add(made, state)
    return sum(file.rows for file in states[name].written_by(night.run_date))


def _make_sql(table: Table, night: Night, engine: Engine, settings: Settings) -> TableState:
    if table.is_incremental:
        return make_incremental(table, night, engine, settings)
    select = segments_select() if table.kind == "segments" else table.sql
    return TableState(data_files=write_table(table.name, select, engine))


def _make_python(table: Table, night: Night, engine: DuckDBEngine, settings: Settings) -> dict[str, TableState]:
    module, function = table.function.split(":")
    maker: TableMaker = getattr(importlib.import_module(module), function)
    states = {}
    for name, rows in maker(engine, night, settings).items():
        if isinstance(rows, pa.Table):
            engine.register_arrow("made", rows)
            rows = "SELECT * FROM made"
        states[name] = TableState(data_files=write_table(name, rows, engine))
    if table.is_fit or table.keeps_rows:
        states[table.name] = states[table.name].model_copy(update={"recipe": fit_recipe(table, settings)})
    return states


def segments_select() -> str:
    """SQL of customer_segment: every segment's customers, under the name of its file."""
    return " UNION ALL ".join(
        f"SELECT DISTINCT customer_id, {literal(path.stem)} AS segment FROM ({path.read_text(encoding='utf-8')})"
        for path in segment_files()
    )


def made_tables() -> Iterable[str]:
    """Names of all tables that a night's manifest holds."""
    for table in tables().values():
        yield table.name
        if table.kind == "source":
            yield f"rejected_{table.name}"
