"""An engine with what customers bought in three years, for tests of churn."""

from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring import churn as score
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.store.manifest import TableState
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import register_feature_dates, register_parameters

NIGHT = date(2024, 12, 31)
CUT_OFFS = [NIGHT - timedelta(90 * n) for n in (4, 3, 2, 1)]


def order_days(customers: int = 1500, seed: int = 3) -> pa.Table:
    """customer_day of customers who join, buy at a rate of their own and may leave, over three years."""
    random = np.random.default_rng(seed)
    days = []
    for number in range(customers):
        day, rate, leaves = random.uniform(0, 1000), random.gamma(1.2, 1 / 35), random.beta(0.8, 6)
        while day < 1096:
            days.append((f"c{number:04d}", NIGHT - timedelta(1095 - int(day)), 1, round(random.exponential(20), 2)))
            if random.random() < leaves:
                break
            day += random.exponential(1 / rate)
    return customer_days(days)


def customer_days(days: list[tuple[str, date, int, float]]) -> pa.Table:
    """customer_day from customer, day, orders (0: a return) and revenue; several of a day are one row."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE day (customer_id VARCHAR, business_date DATE, orders INTEGER, revenue DOUBLE)")
        columns = zip(*days, strict=True)
        names = ("customer_id", "business_date", "orders", "revenue")
        connection.register("given", pa.table(dict(zip(names, map(list, columns), strict=True))))
        connection.execute("INSERT INTO day FROM given")
        types = {column.name: column.type for column in contract_of("customer_day").columns}
        made = {
            "customer_id": "customer_id",
            "business_date": "business_date",
            "order_count": "SUM(orders)",
            "return_count": "COUNT(*) FILTER (orders = 0)",
            "promo_order_count": "0",
            "offer_order_count": "0",
            "online_order_count": "0",
            "channel_order_count": "0",
            "net_revenue": "SUM(revenue)",
            "sale_revenue": "SUM(GREATEST(revenue, 0))",
            "net_spend": "SUM(GREATEST(revenue, 0))",
            "known_date": f"DATE '{NIGHT}'",
        }
        select = ", ".join(f"CAST({made.get(name, 'NULL')} AS {kind}) AS {name}" for name, kind in types.items())
        return connection.execute(
            f"SELECT {select} FROM day GROUP BY customer_id, business_date ORDER BY ALL"
        ).to_arrow_table()


class Shop:
    """An engine that holds a night's inputs of churn, and settings."""

    def __init__(self, engine: DuckDBEngine, night: Night, settings: Settings) -> None:
        self.engine, self.night, self.settings = engine, night, settings
        register_parameters(engine, night.run_date, settings)
        for table in (tables()["churn_fit"], tables()["customer_churn"]):
            for name in (*table.inputs, *(f"history.{name}" for name in table.history)):
                engine.register(name, engine.select_of(TableState(), contract_of(name.removeprefix("history."))))
        engine.register("return_link", engine.select_of(TableState(), contract_of("return_link")))
        for name in ("cut_off", "customer_outcome", "taken_back"):
            engine.register(name, tables()[name].sql)

    def give(self, name: str, rows: pa.Table) -> None:
        stored = "given_" + name.replace(".", "_")
        self.engine.register_arrow(stored, rows)
        columns = ", ".join(
            f"CAST({column.name} AS {column.type}) AS {column.name}"
            if column.name in rows.column_names
            else f"CAST(NULL AS {column.type}) AS {column.name}"
            for column in contract_of(name.removeprefix("history.")).columns
        )
        self.engine.register(name, f"SELECT {columns} FROM {stored}")
        if name in ("customer_day", "service_account"):
            score._sample_shopper_days(self.engine)

    def features(self, days: list[date]) -> pa.Table:
        return score._features_as_of(days, self.night.run_date, self.engine, self.settings)[0]

    def fit(self) -> dict[str, pa.Table]:
        return score.churn_fit(self.engine, self.night, self.settings)

    def scored(self) -> dict[str, pa.Table]:
        register_feature_dates(self.engine, [self.night.run_date], self.settings)
        self.give("customer_features", self.engine.arrow(tables()["customer_features"].sql))
        made = score.customer_churn(self.engine, self.night, self.settings)
        return {n: self.engine.arrow(rows) if isinstance(rows, str) else rows for n, rows in made.items()}


def metrics(rows: pa.Table) -> dict[str, tuple[float | None, str]]:
    return {row["metric"]: (row["value"], row["note"]) for row in rows.to_pylist()}
