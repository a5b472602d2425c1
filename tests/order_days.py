"""An engine with what 900 customers bought in three years: for tests of a model from fit to fit."""

import importlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from regulars import NIGHT

from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Lake, Night
from pipelines.store.manifest import TableState
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import register_feature_dates, register_parameters

FITS = ("spend_growth_fit", "next_order_fit")
SCORES = ("customer_spend_more", "customer_next_order")

Metrics = dict[str, tuple[float | None, str, date]]


class Shop:
    """An engine that holds the inputs of a night's fits: what customers bought until then."""

    def __init__(self, engine: DuckDBEngine, night: Night, settings: Settings) -> None:
        self.engine, self.night, self.settings = engine, night, settings
        self.history: dict[str, pa.Table] = {}

    def on(self, day: date) -> "Shop":
        """The same shop on another night, which knows what it published before and all that was bought until then."""
        night = Lake(self.settings.home).open_night(day, f"{day}")
        shop = Shop(self.engine, night, self.settings)
        shop.history = self.history
        return shop

    def prepare(self) -> None:
        register_parameters(self.engine, self.night.run_date, self.settings)
        for table in (tables()[name] for name in (*FITS, *SCORES)):
            for name in (*table.inputs, *(f"history.{name}" for name in table.history)):
                self.engine.register(
                    name, self.engine.select_of(TableState(), contract_of(name.removeprefix("history.")))
                )
        known = f"FROM given_day WHERE business_date <= DATE '{self.night.run_date}'"
        loaded = f"DATE '{self.night.run_date}' AS known_date"
        self.give("customer_day", f"SELECT *, net_revenue AS sale_revenue, net_revenue AS net_spend, {loaded} {known}")
        self.engine.register("return_link", self.engine.select_of(TableState(), contract_of("return_link")))
        for name in ("cut_off", "customer_outcome", "taken_back"):
            self.engine.register(name, tables()[name].sql)
        first = f"SELECT customer_id, MIN(business_date) AS first_order_date {known} GROUP BY customer_id"
        self.give("customer_totals", first)
        for name, rows in self.history.items():
            self.engine.register_arrow(f"kept_{name}", rows)
            self.give(f"history.{name}", f"SELECT * FROM kept_{name}")

    def give(self, name: str, select: str) -> None:
        there = {row[0] for row in self.engine.rows(f"SELECT column_name FROM (DESCRIBE {select})")}
        columns = ", ".join(
            f"CAST({c.name if c.name in there else 'NULL'} AS {c.type}) AS {c.name}"
            for c in contract_of(name.removeprefix("history.")).columns
        )
        self.engine.register(name, f"SELECT {columns} FROM ({select})")

    def fit(self, table: str) -> dict[str, pa.Table]:
        """What a fit makes; it is the history of the nights after it."""
        self.prepare()
        made = self._made(table)
        self.history = self.history | {name: made[name] for name in tables()[table].history}
        return made

    def spend(self) -> dict[str, pa.Table]:
        """Who will spend more, by the model that was published last."""
        self.prepare()
        self.publish("spend_growth_model")
        register_feature_dates(self.engine, [self.night.run_date], self.settings)
        self.engine.register_arrow("spend", self.engine.arrow(tables()["customer_features"].sql))
        self.engine.register("customer_features", "SELECT * FROM spend")
        return self._made("customer_spend_more")

    def due(self) -> dict[str, pa.Table]:
        """The next orders, by the model that was published last."""
        self.prepare()
        self.publish("next_order_model")
        patterns = self.engine.arrow(
            "SELECT customer_id, COUNT(*) - 1 AS frequency, "
            "DATE_DIFF('day', MIN(business_date), MAX(business_date)) AS recency_days, "
            f"DATE_DIFF('day', MIN(business_date), DATE '{self.night.run_date}') AS age_days "
            "FROM customer_day GROUP BY customer_id"
        )
        self.engine.register_arrow("patterns", patterns)
        self.give("customer_purchase_pattern", "SELECT * FROM patterns")
        return self._made("customer_next_order")

    def publish(self, name: str) -> None:
        self.engine.register_arrow(f"tonights_{name}", self.history[name])
        self.engine.register(name, f"SELECT * FROM tonights_{name}")

    def _made(self, table: str) -> dict[str, pa.Table]:
        module, function = tables()[table].function.split(":")
        made = getattr(importlib.import_module(module), function)(self.engine, self.night, self.settings)
        return {name: self.engine.arrow(rows) if isinstance(rows, str) else rows for name, rows in made.items()}


def bought_days() -> pa.Table:
    """Days of 900 customers who join, buy at a rate of their own, and may leave."""
    draw, rows = random.Random(5), []
    for n in range(900):
        day, gap, basket = draw.uniform(0, 1000), draw.uniform(8, 120), draw.uniform(10, 80)
        while day < 1155:
            rows.append((f"c{n:03d}", NIGHT + timedelta(int(day) - 1095), 1, round(basket * draw.uniform(0.5, 1.5), 2)))
            if draw.random() < 0.05:
                break
            day += max(1.0, draw.expovariate(1 / gap))
    names = ("customer_id", "business_date", "order_count", "net_revenue")
    return pa.table(dict(zip(names, map(list, zip(*sorted(set(rows)), strict=True)), strict=True)))


@contextmanager
def opened_shop(home: Path, order_days: pa.Table) -> Iterator[Shop]:
    settings = Settings(_env_file=None, home=home, memory_limit="1GB", threads=1)
    night = Lake(home).open_night(NIGHT, "case")
    with DuckDBEngine(night, settings) as engine:
        engine.register_arrow("bought", order_days)
        summed = "SELECT customer_id, business_date, SUM(order_count) AS order_count, SUM(net_revenue) AS net_revenue"
        engine.materialise("given_day", f"{summed} FROM bought GROUP BY customer_id, business_date")
        yield Shop(engine, night, settings)


def metrics(rows: pa.Table) -> Metrics:
    """Value, note and day of each metric of a fit or of drift."""
    return {row["metric"]: (row["value"], row["note"], row["trained_through"]) for row in rows.to_pylist()}
