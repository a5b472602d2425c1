"""Headroom: what comparable customers spend, and what a category holds."""

from datetime import date

import pyarrow as pa

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.habits import FITTED_CUSTOMERS, md5_bound

# Fewer are no peers, and no measure of what a category holds.
MINIMUM_COMPARED = 30


# What a household may well reach: the quarter of peers above it, the tenth of a category's households above it.
PEER_SHARE, CAPACITY_SHARE = 0.75, 0.9


# A category is durable if fewer than this share of its households ever took it again.
REPEATED_SHARE = 0.2


# Of whom less is known, what he takes in a year is not.
KNOWN_DAYS = 180


def category_capacity(engine: DuckDBEngine, tonight: date) -> pa.Table:
    """Grain: category. What households known for half a year take a year: nine in ten no more than its capacity."""
    households = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    engine.materialise(
        "household",
        f"""SELECT t.customer_id, COALESCE('h' || c.household_id, 'c' || t.customer_id) AS household,
            MIN(t.first_order_date) OVER (PARTITION BY household) AS first_order_date
        FROM customer_totals AS t LEFT JOIN customer AS c ON t.customer_id = c.customer_id
        WHERE t.customer_id NOT IN (SELECT customer_id FROM service_account)
            AND md5(household) < '{md5_bound(FITTED_CUSTOMERS, households)}'""",
    )
    engine.materialise(
        "taken",
        f"""SELECT h.household, c.category, SUM(c.line_count) AS line_count, CAST(CAST(SUM(c.revenue) AS DOUBLE) * 365
            / (DATE_DIFF('day', MIN(h.first_order_date), DATE '{tonight}') + 1) AS DECIMAL(18, 2)) AS amount
        FROM customer_category AS c INNER JOIN household AS h ON c.customer_id = h.customer_id
        WHERE DATE_DIFF('day', h.first_order_date, DATE '{tonight}') >= {KNOWN_DAYS} GROUP BY h.household, c.category
        HAVING SUM(c.line_count) > 0 AND SUM(c.revenue) > 0""",
    )
    return engine.arrow(
        f"""SELECT category, COUNT(*) AS household_count,
            CAST(COUNT(*) FILTER (line_count > 1) AS DOUBLE) / COUNT(*) AS repeated_share,
            repeated_share < {REPEATED_SHARE} AS is_durable,
            QUANTILE_DISC(amount, {CAPACITY_SHARE}) AS capacity_amount
        FROM taken GROUP BY category HAVING COUNT(*) >= {MINIMUM_COMPARED} ORDER BY category"""
    )


def peer_group(engine: DuckDBEngine) -> pa.Table:
    """Grain: tenure band, band of order days, and region ('*': all). What a quarter of such customers spend or more."""
    groups = "tenure_band, order_band, region"
    return engine.arrow(
        f"""WITH spend AS (
            SELECT tenure_band, order_band, region, revenue_365d FROM customer_peer
            WHERE customer_id NOT IN (SELECT customer_id FROM service_account)
        )
        SELECT {groups}, COUNT(*) AS customer_count, QUANTILE_DISC(revenue_365d, {PEER_SHARE}) AS upper_revenue
        FROM (SELECT * FROM spend WHERE region IS NOT NULL UNION ALL SELECT * REPLACE ('*' AS region) FROM spend)
        GROUP BY {groups} HAVING COUNT(*) >= {MINIMUM_COMPARED} ORDER BY {groups}"""
    )


def headroom_quality(capacity: pa.Table, peers: pa.Table) -> list[tuple[str, float | None, str]]:
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
