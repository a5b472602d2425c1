"""The past as it was: what was known at an origin, what a night forecast then, and what the models would have said.

A rolling origin runs the functions and SELECTs of a night, in an engine where every table ends at its date.
"""

import importlib
from datetime import date
from functools import cached_property

import pyarrow as pa

from pipelines.catalog import query, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.scoring.churn import FITTED_CUSTOMERS
from pipelines.settings import Settings
from pipelines.store.lake import CommittedNight, Night
from pipelines.store.manifest import Manifest, TableState
from pipelines.table import Table
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import register_feature_dates, register_parameters

# More customers would not make the figures better. A little fewer than models are fitted on, so that no fit samples
# once more, from files.
SAMPLED_CUSTOMERS = round(0.95 * FITTED_CUSTOMERS)

_PURCHASES = ("customer_purchase_pattern", "clv_fit", "customer_rfm")
_NEXT_ORDERS = ("next_order_fit", "customer_next_order")
_HORIZON = ("churn_fit", "customer_churn", "spend_growth_fit", "customer_spend_more")
_PUBLISHED = (*_PURCHASES, "clv_model", *_NEXT_ORDERS, "next_order_model", *_HORIZON)
# Nights of earlier versions hold two models in one table: its name, and which rows of it.
_FORMER_TABLES = {
    "next_order_fit": ("growth_fit", "model = 'next_order'"),
    "next_order_model": ("growth_model", "component = 'rhythm'"),
    "spend_growth_fit": ("growth_fit", "model = 'growth'"),
}
_REPLAYED_FACTS = ("customer_totals",)

# Tables without a date that may be read as known today: they say who is who, not what was bought.
_TIMELESS = ("customer_identity", "service_account")


class PastNight(Night):
    """A night of the past that knows nothing but what is registered: nothing was published before it."""

    @cached_property
    def previous(self) -> Manifest | None:
        return None


def register_days_known_now(engine: DuckDBEngine, base: CommittedNight) -> None:
    """Register what is known in the night of the backtest.

    days_known_now: all that customers did, or a sample of very many of them. returns_known_now: all returns.
    left_out: service accounts.
    customer_identity and service_account: as of that night.
    """
    for name in ("customer_day", "customer_identity", "service_account"):
        engine.register(name, _select(name, base, engine))
    customers = engine.rows("SELECT COUNT(DISTINCT customer_id) FROM customer_day")[0][0]
    md5_below = f"{round(SAMPLED_CUSTOMERS / customers * 16**8):08x}" if customers > SAMPLED_CUSTOMERS else None
    engine.register_arrow("customer_sample", pa.table({"md5_below": pa.array([md5_below], pa.string())}))
    _keep("days_known_now", query("backtests/days_known_now"), engine)
    _keep("returns_known_now", _select("return_link", base, engine), engine)
    _keep("left_out", "SELECT customer_id FROM service_account", engine)


def register_cut_off(day: date, engine: DuckDBEngine, settings: Settings) -> None:
    """Register cut_off: a day, as seen in days_known_now; another one once feature_date is another one."""
    engine.register("customer_day", "SELECT * FROM days_known_now")
    register_feature_dates(engine, [day], settings)
    engine.register("cut_off", tables()["cut_off"].sql)


def _register_days_known_at(as_of: date, engine: DuckDBEngine, settings: Settings) -> None:
    """Register days_known_at_origin: of days_known_now what was known on a day."""
    register_cut_off(as_of, engine, settings)
    _keep("origin", "SELECT * FROM cut_off", engine)
    _keep("returns_known_at_origin", query("backtests/returns_known_at_origin"), engine)
    engine.register("days_known_at_origin", query("backtests/days_known_at_origin"))


def register_published(manifest: Manifest, engine: DuckDBEngine, settings: Settings) -> None:
    """Register what a night knew and forecast; left_out then also holds who was joined into one customer since."""
    _register_days_known_at(manifest.run_date, engine, settings)
    for name in _PUBLISHED:
        rows = _published(name, manifest, engine)
        erased = "WHERE customer_id IN (SELECT customer_id FROM days_known_now)" if name.startswith("customer") else ""
        _keep(name, f"SELECT * FROM ({rows}) {erased}", engine)
    engine.register("identity_at_origin", _published("customer_identity", manifest, engine))
    _keep("left_out", query("backtests/left_out"), engine)


def replay(as_of: date, base: CommittedNight, engine: DuckDBEngine, settings: Settings, *, with_horizon: bool) -> None:
    """Make the forecasts' tables as a first night at a past date would have made them.

    with_horizon: whether churn and spend growth are forecast, too.
    """
    night = PastNight(base.lake, as_of, base.token)
    replayed = _replayed_tables(*_PURCHASES, *_NEXT_ORDERS, *(_HORIZON if with_horizon else ()))
    facts = {i for table in replayed for i in table.inputs} - {table.name for table in replayed}
    _register_days_known_at(as_of, engine, settings)
    for table in replayed:
        for name in sorted(facts.intersection(table.inputs)):  # for each: a fit puts a sample in its inputs' place
            _register_as_of(name, as_of, base, engine)
        register_parameters(engine, as_of, settings)
        if table.is_view:
            engine.register(table.name, table.sql)
        elif table.kind == "sql":
            _keep(table.name, table.sql, engine)
        elif table.kind == "python":
            for name in table.history:
                engine.register(f"history.{name}", engine.select_of(TableState(), contract_of(name)))
            module, function = table.function.split(":")
            for name, made in getattr(importlib.import_module(module), function)(engine, night, settings).items():
                put(name, made, engine)


def put(name: str, made: pa.Table | str, engine: DuckDBEngine) -> None:
    """Make `name` stand for what a function made: rows, or a SELECT of them."""
    if isinstance(made, str):
        _keep(name, made, engine)
    else:
        engine.register_arrow(name, made)


def _keep(name: str, select: str, engine: DuckDBEngine) -> None:
    """Work a table out once, for every cursor of the engine."""
    engine.rows(f"CREATE OR REPLACE TABLE {identifier(name)} AS {select}")


def _select(name: str, night: CommittedNight, engine: DuckDBEngine) -> str:
    """A SELECT of a committed night's table."""
    return engine.select_of(night.table(name), contract_of(name))


def _published(name: str, manifest: Manifest, engine: DuckDBEngine) -> str:
    """A SELECT of a table that a past night published; of no rows if that night did not know it."""
    if name in manifest.tables or name not in _FORMER_TABLES:
        return engine.select_of(manifest.tables.get(name, TableState()), contract_of(name))
    former, condition = _FORMER_TABLES[name]
    rows = engine.select_of(manifest.tables.get(former, TableState()), contract_of(name))
    return f"SELECT * FROM ({rows}) WHERE {condition}"


def _replayed_tables(*wanted: str) -> list[Table]:
    """Some tables and those that they are made of, down to facts, each after those that it reads."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found and (tables()[name].layer in ("scores", "marts") or name in _REPLAYED_FACTS):
            found.add(name)
            waiting += tables()[name].inputs
    return [table for name, table in tables().items() if name in found]


def _register_as_of(name: str, as_of: date, base: CommittedNight, engine: DuckDBEngine) -> None:
    """Make a table stand for its rows as known on a day; one without a date stands empty, so that nothing leaks."""
    if tables()[name].is_view:
        for inner in tables()[name].inputs:
            _register_as_of(inner, as_of, base, engine)
        engine.register(name, tables()[name].sql)
        return
    contract = contract_of(name)
    rows = _select(name, base, engine)
    if name == "customer_day":
        rows = "SELECT * FROM days_known_at_origin"
    elif name == "return_link":
        rows = "SELECT * FROM returns_known_at_origin"
    elif "business_date" in {column.name for column in contract.columns}:
        rows = f"SELECT * FROM ({rows}) WHERE business_date <= DATE '{as_of}'"
    elif name not in _TIMELESS:
        rows = engine.select_of(TableState(), contract)
    engine.register(name, rows)
