"""The inputs of a table: registered with an engine under the names that its SELECT reads."""

from sqlglot import exp

from pipelines.catalog import parsed, tables, views
from pipelines.contracts import Contract, sources, table_contract
from pipelines.engines.base import Engine
from pipelines.intake.staging_contracts import staging_contracts
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.store.manifest import TableState
from pipelines.table import Table
from pipelines.tables.parameters import register_parameters


def contract_of(name: str) -> Contract:
    """The contract of any table as it lies in the lake: of a source as it is staged."""
    source = sources().get(name.removesuffix("_personal"))
    if source:
        return next(contract for contract in staging_contracts(source) if contract.name == name)
    return table_contract(name)


def register_inputs(engine: Engine, night: Night, settings: Settings, table: Table) -> None:
    """Make the names that a table reads stand for their rows as of tonight."""
    register_parameters(engine, night.run_date, settings)
    for name in table.inputs:
        register_table(engine, night, name)
    for name in table.history:
        earlier = night.previous.tables.get(name, TableState()) if night.previous else TableState()
        engine.register(f"history.{name}", engine.select_of(earlier, contract_of(name)))


def register_table(engine: Engine, night: Night, name: str) -> None:
    """Make a table's name stand for its rows as of tonight; for a view, with all that it reads."""
    table = tables()[name]
    if table.is_view:
        for inner in table.inputs:
            register_table(engine, night, inner)
        for source in table.replaced:
            engine.register(f"replaced.{source}", engine.replaced_of(night.table(source), contract_of(source)))
        engine.register(name, table.sql)
    else:
        engine.register(name, engine.select_of(night.table(name), contract_of(name)))


def stored_inputs(table: Table) -> set[str]:
    """The stored tables that a table reads, directly or through views."""
    direct = {tables()[name] for name in table.inputs}
    return {t.name for t in direct if not t.is_view} | {name for t in direct if t.is_view for name in stored_inputs(t)}


def columns_read(table: Table, contract: Contract) -> list[str]:
    """The columns of an input that a table or one of its views names, and the input's key."""
    named = _columns_named(table)
    return [c.name for c in contract.columns if c.name in named or c.name in contract.key]


def _columns_named(table: Table) -> set[str]:
    named = {column.name for column in parsed(table.sql).find_all(exp.Column)}
    return named.union(*(_columns_named(tables()[name]) for name in table.inputs if name in views()))
