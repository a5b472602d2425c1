"""Headroom: what comparable customers spend, and what a household takes of a category, is worked out weekly."""

import pyarrow as pa

from models.types import QualityRow
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables, kept_fit, last_fit_day, quality_rows
from pipelines.scoring.sampling import FITTED_CUSTOMERS, md5_bound, register_bound
from pipelines.settings import Settings
from pipelines.store.lake import Night

# Fewer customers are no peers, and fewer households no measure of what a category holds.
MINIMUM_COMPARED = 30


def headroom_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. How many categories have a capacity, and how many groups of peers there are."""
    fitted_on = last_fit_day(engine, "headroom_fit")
    if kept := kept_fit("headroom_fit", fitted_on, engine, night, settings):
        return kept
    engine.register_arrow("compared", pa.table({"minimum_compared": [MINIMUM_COMPARED]}))
    capacity, peers = _category_capacity(engine), engine.arrow(query("fits/peer_group"))
    return {
        "headroom_fit": quality_rows("growth", _quality(capacity, peers), night.run_date),
        "category_capacity": capacity,
        "peer_group": peers,
    }


def _category_capacity(engine: DuckDBEngine) -> pa.Table:
    """Grain: category. What nine in ten households do not exceed in a year; of many, a fixed random part."""
    customers = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    register_bound(engine, md5_bound(FITTED_CUSTOMERS, customers))
    return engine.arrow(query("fits/category_capacity"))


def _quality(capacity: pa.Table, peers: pa.Table) -> list[QualityRow]:
    """Rows of headroom_fit, with the reason why headroom is unknown where it is."""
    durable = sum(capacity["is_durable"].to_pylist())
    if len(capacity):
        note = f"categories with a capacity; {durable} durable ones hold no more for who has one"
    else:
        note = f"headroom is NULL: no category has {MINIMUM_COMPARED} households that are known for half a year"
    few = "" if len(peers) else f"; headroom is NULL: no group has {MINIMUM_COMPARED}"
    return [
        ("categories_with_capacity", float(len(capacity)), note),
        ("peer_groups", float(len(peers)), f"groups of {MINIMUM_COMPARED} comparable customers or more{few}"),
    ]
