"""Habits with promotions: which part of what each customer spends is on offer, worked out every night."""

import numpy as np
import pyarrow as pa

from models.promo_habit import MIN_CUSTOMERS, MIN_ORDERS, Days, fit, shares, throws
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables
from pipelines.settings import Settings
from pipelines.store.lake import Night

_COLUMNS = ("day_count", "spend", "squared_spend", "promoted", "summed_share", "squared_share")
_REASONS = (None, f"under {MIN_ORDERS} orders", f"under {MIN_CUSTOMERS} customers")


def customer_promo_habit(engine: DuckDBEngine, _night: Night, _settings: Settings) -> Tables:
    """Grain: customer with sales. Share of their spend on offer, seen and in the long run, with its interval."""
    rows = engine.arrow(f"SELECT * FROM ({query('fits/promo_habit')}) AS spent ORDER BY customer_id")
    days = Days(*(rows[name].to_numpy() for name in _COLUMNS))
    is_judged = rows["order_count"].to_numpy() >= MIN_ORDERS
    share, count = days.share, throws(days)
    habit = fit(share[is_judged], count[is_judged])
    found = shares(habit, share, count, is_judged)
    reason = np.where(is_judged, 2 if habit is None else 0, 1)
    columns = {
        "customer_id": rows["customer_id"],
        "order_count": rows["order_count"],
        "promo_spend_share": share,
        "promo_spend_share_expected": pa.array(found.value, from_pandas=True),
        "promo_spend_share_low": pa.array(found.low, from_pandas=True),
        "promo_spend_share_high": pa.array(found.high, from_pandas=True),
        "is_only_on_offer": pa.array(share >= 1, mask=~is_judged),
        "unknown_reason": pa.array(_REASONS, pa.string()).take(pa.array(reason)),
    }
    return {"customer_promo_habit": pa.table(columns)}
