"""Stores ranked by rates of the last year, each drawn towards the others, with the places that chance allows."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from models.campaign.shrunken import MIN_UNITS, shrunken
from models.store_rank import place_ranges, places, rates, share_errors, weekly_errors
from models.types import Floats
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables
from pipelines.settings import Settings
from pipelines.store.lake import Night

# A year has each season once. With fewer weeks errors are too uncertain to shrink by.
MAX_WEEKS, MIN_WEEKS = 52, 26
HOME_DAYS = 365  # of customer_store
# Fewer say little of a store.
MIN_RECEIPTS, MIN_CUSTOMERS = 100, 30
# As in store_like_for_like: days of an opening or a closing, and of a pause, that may lie within.
EDGE_DAYS, PAUSE_DAYS = 3, 14
# What each rate of weeks is of: the sums of _WEEKLY above and below; amounts are compared as logarithms.
OF_WEEKS = {
    "average_receipt": ("sale_revenue", "receipts"),
    "revenue_per_open_day": ("revenue", "open_days"),
    "participation_rate": ("member_receipts", "receipts"),
}
AMOUNTS = ("average_receipt", "revenue_per_open_day")
OF_CUSTOMERS = "repeat_rate"

_WEEKLY = """
SELECT cut_value AS store_id, DATE_DIFF('day', DATE '{first}', period_start) // 7 AS week,
    SUM(sale_revenue) AS sale_revenue, SUM(revenue) AS revenue, SUM(receipts) AS receipts,
    SUM(member_receipts) AS member_receipts, COUNT(CASE WHEN receipts > 0 THEN 1 END) AS open_days
FROM kpi_period
WHERE period = 'day' AND cut = 'store' AND period_start >= DATE '{first}'
GROUP BY ALL ORDER BY ALL
"""
_STORES = """
SELECT store_id, store_name, is_online, home_customers, repeat_home_customers
FROM store_profile WHERE store_id <> 'unknown' ORDER BY store_id
"""

Row = dict[str, Any]


class Rates(NamedTuple):
    """One metric of all stores: what it is of, its value, and how it is compared."""

    observations: Floats
    value: Floats
    top: Floats
    bottom: Floats


def store_rank(engine: DuckDBEngine, night: Night, _settings: Settings) -> Tables:
    """Grain: store and metric. A store that cannot be ranked has a row with the reason."""
    first_day = engine.rows("SELECT MIN(business_date) FROM calendar")[0][0] or night.run_date
    weeks = min(MAX_WEEKS, ((night.run_date - first_day).days + 1) // 7)
    start = night.run_date - timedelta(7 * max(weeks, 1) - 1)
    stores: list[Row] = engine.arrow(_STORES).to_pylist()
    sums = _weekly(engine, start, [store["store_id"] for store in stores], max(weeks, 1))
    closures: list[Row] = engine.arrow("SELECT * FROM store_closure ORDER BY ALL").to_pylist()
    rows = []
    for metric in (*OF_WEEKS, OF_CUSTOMERS):
        found = _rates(metric, sums, stores)
        since = max(night.run_date - timedelta(HOME_DAYS - 1), first_day) if metric == OF_CUSTOMERS else start
        shut = _not_open(closures, since, night.run_date)
        has_sales = sums["receipts"].sum(axis=1) > 0
        reasons = [
            _reason(metric, store, weeks, bool(sells) and store["store_id"] not in shut, *pair)
            for store, sells, *pair in zip(stores, has_sales, found.observations, found.value, strict=True)
        ]
        same = {"metric": metric, "from_date": since, "until_date": night.run_date}
        rows += _ranked(metric, stores, found, reasons, same)
    return {"store_rank": pa.Table.from_pylist(rows, _RANK)}


def _weekly(engine: DuckDBEngine, start: date, stores: list[str], weeks: int) -> dict[str, Floats]:
    """Sums by store and week."""
    place = {store: n for n, store in enumerate(stores)}
    names = ("sale_revenue", "revenue", "receipts", "member_receipts", "open_days")
    sums = {name: np.zeros((len(stores), weeks)) for name in names}
    for row in engine.arrow(_WEEKLY.format(first=start)).to_pylist():
        if (n := place.get(row["store_id"])) is not None:
            for name in names:
                sums[name][n, row["week"]] = float(row[name] or 0)
    return sums


def _not_open(closures: list[Row], first: date, last: date) -> set[str]:
    """Stores that were not open throughout the days."""
    days: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in closures:
        within = (min(row["until_date"], last) - max(row["from_date"], first)).days + 1
        key = (row["store_id"], row["stretch_kind"])
        days[key] = max(days[key], within)
    return {store for (store, kind), count in days.items() if count > (PAUSE_DAYS if kind == "pause" else EDGE_DAYS)}


def _rates(metric: str, sums: dict[str, Floats], stores: list[Row]) -> Rates:
    """A metric of all stores, whether they can be ranked or not."""
    if metric == OF_CUSTOMERS:
        top, bottom = (
            np.array([[float(store[name])] for store in stores]).reshape(len(stores), 1)
            for name in ("repeat_home_customers", "home_customers")
        )
    else:
        top, bottom = (sums[name] for name in OF_WEEKS[metric])
    return Rates(bottom.sum(axis=1), rates(top, bottom), top, bottom)


def _reason(metric: str, store: Row, weeks: int, is_open: bool, observations: float, value: float) -> str | None:
    """Why a store has no rank; None if it has one."""
    of_receipts = metric != OF_CUSTOMERS and OF_WEEKS[metric][1] == "receipts"
    least = MIN_RECEIPTS if of_receipts else MIN_CUSTOMERS
    what = {"repeat_rate": "customers", "revenue_per_open_day": "open_days"}.get(metric, "receipts")
    tests = {
        "online": store["is_online"],
        f"under_{MIN_WEEKS}_weeks": weeks < MIN_WEEKS,
        "not_open_throughout": not is_open,
        f"under_{least}_{what}": observations < least,
        "not_above_0": metric in AMOUNTS and not value > 0,
    }
    return next((reason for reason, holds in tests.items() if holds), None)


def _ranked(metric: str, stores: list[Row], found: Rates, reasons: list[str | None], same: Row) -> list[Row]:
    """A metric's rows."""
    ranked = np.flatnonzero([reason is None for reason in reasons])
    if ranked.size < MIN_UNITS:
        reasons, ranked = [reason or f"under_{MIN_UNITS}_stores" for reason in reasons], ranked[:0]
    rows = [
        same
        | {
            "store_id": store["store_id"],
            "store_name": store["store_name"],
            "observations": int(observations),
            "metric_value": float(value.round(6)) if np.isfinite(value) else None,
            "ranked_stores": int(ranked.size),
            "reason": reason,
        }
        for store, observations, value, reason in zip(stores, found.observations, found.value, reasons, strict=True)
    ]
    if ranked.size:
        figures = _figures(metric, *(values[ranked] for values in found))
        for n, place in enumerate(ranked):
            rows[place] |= {name: values[n].item() for name, values in figures.items()}
    return rows


def _figures(metric: str, observations: Floats, value: Floats, top: Floats, bottom: Floats) -> dict[str, Floats]:
    """Columns of the stores that are ranked."""
    error = share_errors(top[:, 0], observations) if metric == OF_CUSTOMERS else weekly_errors(top, bottom)
    if metric == "participation_rate":  # weeks cannot be more alike than receipts that are drawn
        error = np.maximum(error, share_errors(top.sum(axis=1), observations))
    if metric in AMOUNTS:
        error = error / value
        kept = shrunken(np.log(value), error)
        columns = [np.exp(values) for values in kept]
    else:
        columns = [np.clip(values, 0.0, 1.0) for values in shrunken(value, error)]
    middle, low, high = (values.round(6) for values in columns)
    best, worst = place_ranges(low, high)
    return {
        "standard_error": error.round(6),
        "shrunken_value": middle,
        "shrunken_low": low,
        "shrunken_high": high,
        "store_rank": places(middle),
        "best_rank": best,
        "worst_rank": worst,
    }


_RANK = pa.schema(
    [
        *((name, pa.string()) for name in ("store_id", "metric", "store_name")),
        *((name, pa.date32()) for name in ("from_date", "until_date")),
        ("observations", pa.int64()),
        *((name, pa.float64()) for name in ("metric_value", "standard_error")),
        *((name, pa.float64()) for name in ("shrunken_value", "shrunken_low", "shrunken_high")),
        *((name, pa.int64()) for name in ("store_rank", "best_rank", "worst_rank", "ranked_stores")),
        ("reason", pa.string()),
    ]
)
