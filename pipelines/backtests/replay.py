"""The past as it was: what a backtest's customers did, what earlier nights forecast, and what models would have said.

A rolling origin is made by the functions and SELECTs of a night, in an engine where every table ends at its date.
"""

import importlib
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import pyarrow as pa

from pipelines.catalog import Table, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.scoring.churn import FITTED_CUSTOMERS
from pipelines.settings import Settings
from pipelines.store.lake import CommittedNight, Night
from pipelines.store.manifest import Manifest, TableState
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import feature_dates, parameters

Kind = Literal["published", "rolling_origin"]


# More make no better judgement; a little fewer than models are fitted on, so that no fit samples again, from files.
JUDGED_CUSTOMERS = round(0.95 * FITTED_CUSTOMERS)


_PURCHASES = ("customer_purchase_pattern", "clv_fit", "customer_rfm")


_NEXT_ORDERS = ("next_order_fit", "customer_next_order")


_HORIZON = ("churn_fit", "customer_churn", "spend_growth_fit", "customer_spend_more")


_PUBLISHED = (*_PURCHASES, "clv_model", *_NEXT_ORDERS, "next_order_model", *_HORIZON)


# What nights of earlier versions hold in a table of two models: its name, and which rows of it.
_FORMER_TABLES = {
    "next_order_fit": ("growth_fit", "model = 'next_order'"),
    "next_order_model": ("growth_model", "component = 'rhythm'"),
    "spend_growth_fit": ("growth_fit", "model = 'growth'"),
}


_REPLAYED_FACTS = ("customer_totals",)


# Tables without a date that may be read as known today: they say who is who, not what was bought.
_TIMELESS = ("customer_identity", "service_account")


@dataclass(frozen=True)
class Origin:
    """A past date at which something was forecast, and what of that is over.

    windows: days after it by which purchases, revenue and next orders are judged. horizon: lead and length, in days, of
    what churn and growth look ahead, None if its end has not come. published: the night's manifest.
    """

    kind: Kind
    as_of: date
    windows: tuple[int, ...]
    horizon: tuple[int, int] | None
    published: Manifest | None = None


class PastNight(Night):
    """A night of the past that knows nothing but what is registered: nothing was published before it."""

    @cached_property
    def previous(self) -> Manifest | None:
        return None


def select(name: str, night: CommittedNight, engine: DuckDBEngine) -> str:
    """A SELECT of a committed night's table."""
    return engine.select_of(night.table(name), contract_of(name))


def register_known(engine: DuckDBEngine, base: CommittedNight) -> None:
    """days_known_now: all that the judged customers did, as known tonight; left_out: who is not judged."""
    days = select("customer_day", base, engine)
    known = "COALESCE(known_date, business_date)"  # what an older version made doesn't say
    engine.register("every_day", f"SELECT * REPLACE ({known} AS known_date) FROM ({days})")
    customers = engine.rows("SELECT COUNT(DISTINCT customer_id) FROM every_day")[0][0]
    sampled = "TRUE"
    if customers > JUDGED_CUSTOMERS:  # a fixed random part, by md5 of the id
        sampled = f"md5(customer_id)[:8] < '{round(JUDGED_CUSTOMERS / customers * 16**8):08x}'"
    _keep("days_known_now", f"SELECT * FROM every_day WHERE {sampled}", engine)
    engine.register("service_account", select("service_account", base, engine))
    _keep("left_out", "SELECT customer_id FROM service_account", engine)
    engine.register("identity", select("customer_identity", base, engine))


def register_cut_off(day: date, engine: DuckDBEngine, settings: Settings) -> None:
    """cut_off: a day, as seen in days_known_now; another one once feature_date is."""
    engine.register("customer_day", "SELECT * FROM days_known_now")
    engine.register_arrow("feature_date", feature_dates([day], settings))
    engine.register("cut_off", tables()["cut_off"].sql)


def _register_known_then(as_of: date, engine: DuckDBEngine, settings: Settings) -> None:
    """days_known_at_origin: of days_known_now what was known on a day."""
    register_cut_off(as_of, engine, settings)
    _keep("origin", "SELECT * FROM cut_off", engine)
    known = "d.business_date <= o.as_of_date AND d.known_date <= o.known_by_date"
    engine.register("days_known_at_origin", f"SELECT d.* FROM days_known_now AS d INNER JOIN origin AS o ON {known}")


def register_published(manifest: Manifest, engine: DuckDBEngine, settings: Settings) -> None:
    """What a night knew and forecast; customers who were erased or joined into one since then are left out."""
    _register_known_then(manifest.run_date, engine, settings)
    for name in _PUBLISHED:
        former, condition = _FORMER_TABLES.get(name, (name, "TRUE"))
        if name in manifest.tables:
            former, condition = name, "TRUE"
        rows = engine.select_of(manifest.tables.get(former, TableState()), contract_of(name))
        if name.startswith("customer"):
            condition = "customer_id IN (SELECT customer_id FROM days_known_now)"
        _keep(name, f"SELECT * FROM ({rows}) WHERE {condition}", engine)
    before = engine.select_of(manifest.tables.get("customer_identity", TableState()), contract_of("customer_identity"))
    pair = "source_customer_id, customer_id"
    _keep("joined", f"SELECT {pair} FROM identity EXCEPT SELECT {pair} FROM ({before})", engine)
    _keep(
        "left_out",
        "SELECT customer_id FROM left_out UNION SELECT customer_id FROM joined "
        "UNION SELECT source_customer_id FROM joined",
        engine,
    )


def replay(origin: Origin, base: CommittedNight, engine: DuckDBEngine, settings: Settings) -> None:
    """Make the forecasts' tables as a first night at that date would have made them."""
    as_of = origin.as_of
    night = PastNight(base.lake, as_of, base.token)
    wanted = _replayed_tables(*_PURCHASES, *_NEXT_ORDERS, *(_HORIZON if origin.horizon else ()))
    facts = {i for table in wanted for i in table.inputs} - {table.name for table in wanted}
    _register_known_then(as_of, engine, settings)
    for table in wanted:
        for name in sorted(facts.intersection(table.inputs)):  # for each: a fit puts a sample in its inputs' place
            _register_as_of(name, as_of, base, engine)
        for name, rows in parameters(as_of, settings).items():
            engine.register_arrow(name, rows)
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


def _keep(name: str, select: str, engine: DuckDBEngine) -> None:
    """Work a table out once, for every cursor of the engine."""
    engine.rows(f"CREATE OR REPLACE TABLE {identifier(name)} AS {select}")


def put(name: str, made: pa.Table | str, engine: DuckDBEngine) -> None:
    """Make `name` stand for what a function made: rows, or a SELECT of them."""
    if isinstance(made, str):
        _keep(name, made, engine)
    else:
        engine.register_arrow(name, made)


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
    """Make a table stand for its rows as known on a day; one that has no date stands empty, so that nothing leaks."""
    if tables()[name].is_view:
        for inner in tables()[name].inputs:
            _register_as_of(inner, as_of, base, engine)
        engine.register(name, tables()[name].sql)
        return
    contract = contract_of(name)
    rows = select(name, base, engine)
    if name == "customer_day":
        rows = "SELECT * FROM days_known_at_origin"
    elif "business_date" in {column.name for column in contract.columns}:
        rows = f"SELECT * FROM ({rows}) WHERE business_date <= DATE '{as_of}'"
    elif name not in _TIMELESS:
        rows = engine.select_of(TableState(), contract)
    engine.register(name, rows)
