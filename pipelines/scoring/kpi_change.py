"""Why key figures moved: each month's change beside what is usual; revenue and margin by what makes them."""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from models.kpi.band import change_band, day_weight
from models.kpi.shares import change_by_factor
from models.types import Floats
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables
from pipelines.settings import Settings
from pipelines.store.lake import Night

LAGS = {"month_before": 1, "year_before": 12}
# Months whose change is split by store, category and so on, too: of older ones the nights of then have said it.
CUT_MONTHS = 3
# The figures, whether they are sums over days (which weekdays decide on), and the direction that is good.
METRICS = {
    "revenue": (True, "up"),
    "gross_margin": (True, "up"),
    "receipts": (True, "up"),
    "new_members": (True, "up"),
    "buyers": (False, "up"),
    "average_order_value": (False, "up"),
    "average_receipt": (False, "up"),
    "items_per_receipt": (False, "up"),
    "orders_per_member_buyer": (False, "up"),
    "active_rate": (False, "up"),
    "participation_rate": (False, "up"),
    "participation_revenue_rate": (False, "up"),
    "repeat_rate": (False, "up"),
    "activity_rate": (False, "up"),
    "redemption_rate": (False, "up"),
    "churn_rate": (False, "down"),
}
# Levels whose ratios are the factors: of revenue those of known customers; of margin one level deeper, of all receipts.
REVENUE = (("buyers", "orders", "member_revenue"), ("buyers", "orders_per_buyer", "average_order_value"))
MARGIN = (
    ("receipts", "quantity", "revenue", "gross_margin"),
    ("receipts", "units_per_receipt", "price_per_unit", "margin_rate"),
)

Row = dict[str, Any]


class Pair(NamedTuple):
    """A cut's months that are compared; an empty row for one in which it did not exist."""

    month: date
    compared_with: str
    now: Row
    before: Row


def kpi_movement(engine: DuckDBEngine, _night: Night, _settings: Settings) -> Tables:
    """Grain: month, comparison and metric. Split kpi_change: month, comparison, cut, its value, metric and factor."""
    select = "SELECT * FROM kpi_period WHERE period = 'month' AND is_complete AND cut <> 'segment' ORDER BY ALL"
    rows: list[Row] = engine.arrow(select).to_pylist()
    total = [row for row in rows if row["cut"] == "all"]
    days: list[Row] = engine.arrow("SELECT * FROM kpi_daily ORDER BY business_date").to_pylist()
    moved = [row for metric in METRICS for row in _movement(metric, total, days)]
    said = {(row["business_month"], row["compared_with"], row["metric"]) for row in moved if row["is_outside"]}
    changes = [
        {**row, "is_said": (row["business_month"], row["compared_with"], row["metric"]) in said}
        for pair in _pairs(rows)
        for row in _changes(pair)
    ]
    return {
        "kpi_movement": pa.Table.from_pylist(moved, _MOVEMENT),
        "kpi_change": pa.Table.from_pylist(changes, _CHANGE),
    }


def _movement(metric: str, months: list[Row], days: list[Row]) -> Iterator[Row]:
    """A figure's rows: each month's change beside its band, and how often the past would have been an alarm."""
    is_sum, good = METRICS[metric]
    values = np.array([_number(row[metric]) for row in months])
    weight = day_weight(*_weekdays(metric, months, days)) if is_sum else np.ones(values.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.where(values > 0, np.log(values / weight), np.nan)
    for compared_with, lag in LAGS.items():
        band = change_band(levels, lag)
        for n in range(lag, values.size):
            past, alarms = int(band.is_judged[:n].sum()), int(band.is_outside[:n].sum())
            usual = values[n - lag] * weight[n] / weight[n - lag]
            low, high = (usual * math.exp(end) for end in (band.low[n], band.high[n]))
            is_judged = bool(band.is_judged[n])
            is_up = bool(values[n] > high)
            yield {
                "business_month": months[n]["period_start"],
                "compared_with": compared_with,
                "metric": metric,
                "value": _known(values[n]),
                "compared_value": _known(values[n - lag]),
                "expected_low": low if is_judged else None,
                "expected_high": high if is_judged else None,
                "has_season": bool(band.has_season[n]) if is_judged else None,
                "is_outside": bool(band.is_outside[n]) if is_judged else None,
                "is_better": is_up == (good == "up") if band.is_outside[n] else None,
                "past_months": past,
                "past_alarms": alarms,
                "past_alarm_rate": alarms / past if past else None,
                "reason": None if is_judged else _reason(values[n], values[n - lag]),
            }


def _reason(value: float, compared: float) -> str:
    return "too_few_changes_before" if value > 0 and compared > 0 else "value_unknown_or_not_above_0"


def _weekdays(metric: str, months: list[Row], days: list[Row]) -> tuple[Floats, Floats]:
    """Days and the figure's sum, by month and weekday."""
    index = {row["period_start"]: n for n, row in enumerate(months)}
    count, total = np.zeros((len(months), 7)), np.zeros((len(months), 7))
    for row in days:
        day: date = row["business_date"]
        if (n := index.get(day.replace(day=1))) is not None:
            count[n, day.weekday()] += 1
            total[n, day.weekday()] += float(row[metric] or 0)
    return count, total


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _pairs(rows: list[Row]) -> Iterator[Pair]:
    """Each cut value's months with the month before and that of a year earlier; a side without a sale is empty."""
    months = sorted({row["period_start"] for row in rows})
    by_cut: defaultdict[tuple[str, str], dict[date, Row]] = defaultdict(dict)
    for row in rows:
        by_cut[row["cut"], row["cut_value"]][row["period_start"]] = row
    for (cut, value), of_cut in by_cut.items():
        none: Row = dict.fromkeys(("buyers", "orders", "receipts"), 0) | {"cut": cut, "cut_value": value}
        none |= dict.fromkeys(("member_revenue", "revenue", "gross_margin", "quantity", *_TENURE), Decimal(0))
        for compared_with, lag in LAGS.items():
            for month, before in zip(months[lag:], months, strict=False):
                is_wanted = cut == "all" or month in months[-CUT_MONTHS:]
                if is_wanted and (month in of_cut or before in of_cut):
                    yield Pair(month, compared_with, of_cut.get(month, none), of_cut.get(before, none))


_TENURE = ("new_revenue", "returning_revenue", "new_buyers", "returning_buyers")


def _changes(pair: Pair) -> Iterator[Row]:
    """Rows of one comparison: revenue and margin by factor; of all sales also by new, known and other customers."""
    cut, value = pair.now["cut"], pair.now["cut_value"]
    yield from _split(pair, cut, value, "revenue", *REVENUE)
    anonymous = [row["revenue"] - row["member_revenue"] for row in (pair.now, pair.before)]
    yield _row(pair, cut, value, "revenue", "anonymous_revenue", anonymous[0] - anonymous[1])
    if cut != "category":
        yield from _margin(pair, cut, value)
    if cut == "all":
        for tenure in ("new", "returning"):
            levels = (f"{tenure}_buyers", f"{tenure}_revenue")
            yield from _split(pair, "tenure", tenure, "revenue", levels, ("buyers", "revenue_per_buyer"))
        sides = (pair.now, pair.before)
        other = [row["member_revenue"] - row["new_revenue"] - row["returning_revenue"] for row in sides]
        yield _row(pair, "tenure", "unknown", "revenue", "revenue", other[0] - other[1])
        yield _row(pair, "tenure", "anonymous", "revenue", "anonymous_revenue", anonymous[0] - anonymous[1])


def _margin(pair: Pair, cut: str, value: str) -> Iterator[Row]:
    levels, factors = MARGIN
    if any(row["gross_margin"] is None for row in (pair.now, pair.before)):
        yield _row(pair, cut, value, "gross_margin", "unknown", None)
    elif any(not row["quantity"] and row["receipts"] for row in (pair.now, pair.before)):
        without = ("receipts", "revenue", "gross_margin")
        yield from _split(pair, cut, value, "gross_margin", without, ("receipts", "average_receipt", "margin_rate"))
    else:
        yield from _split(pair, cut, value, "gross_margin", levels, factors)


def _split(
    pair: Pair, cut: str, value: str, metric: str, levels: tuple[str, ...], factors: tuple[str, ...]
) -> Iterator[Row]:
    before, now = ([row[level] or Decimal(0) for level in levels] for row in (pair.before, pair.now))
    for factor, amount in zip(factors, change_by_factor(before, now), strict=True):
        yield _row(pair, cut, value, metric, factor, amount)


def _row(pair: Pair, cut: str, value: str, metric: str, factor: str, amount: Decimal | None) -> Row:
    return {
        "business_month": pair.month,
        "compared_with": pair.compared_with,
        "cut": cut,
        "cut_value": value,
        "metric": metric,
        "factor": factor,
        "change_amount": amount,
    }


_KEY = [("business_month", pa.date32()), ("compared_with", pa.string())]
_MOVEMENT = pa.schema(
    [
        *_KEY,
        ("metric", pa.string()),
        *((name, pa.float64()) for name in ("value", "compared_value", "expected_low", "expected_high")),
        *((name, pa.bool_()) for name in ("has_season", "is_outside", "is_better")),
        *((name, pa.int64()) for name in ("past_months", "past_alarms")),
        ("past_alarm_rate", pa.float64()),
        ("reason", pa.string()),
    ]
)
_CHANGE = pa.schema(
    [
        *_KEY,
        *((name, pa.string()) for name in ("cut", "cut_value", "metric", "factor")),
        ("change_amount", pa.decimal128(38, 2)),
        ("is_said", pa.bool_()),
    ]
)
