"""Points: what will be spent of those that are there, what that costs, and the contract liability, every night."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from models.points.breakage import OLD_ENOUGH_MONTHS, Breakage, Ledger, breakage, has_spending_changed
from models.points.change import expiry_changed
from models.points.liability import allocated_amount, liability
from models.types import Floats
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables
from pipelines.settings import Settings
from pipelines.store.lake import Night

POINTS, MONEY = pa.decimal128(38, 3), pa.decimal128(38, 2)
_BREAKAGE = pa.schema(
    [
        ("granted_month", pa.date32()),
        ("as_of_date", pa.date32()),
        *((name, POINTS) for name in ("granted_points", "spent_points", "expired_points", "corrected_points")),
        *((name, POINTS) for name in ("left_points", "points_to_be_spent")),
        *((name, pa.float64()) for name in ("p_spent", "breakage_rate", "breakage_rate_low", "breakage_rate_high")),
        ("breakage_reason", pa.string()),
    ]
)
_OUTLOOK = pa.schema(
    [
        ("as_of_date", pa.date32()),
        *((name, POINTS) for name in ("left_points", "points_to_be_spent")),
        *((name, POINTS) for name in ("points_to_be_spent_low", "points_to_be_spent_high")),
        *((name, MONEY) for name in ("points_redemption_cost", "points_redemption_cost_low")),
        ("points_redemption_cost_high", MONEY),
        ("has_spending_changed", pa.bool_()),
        ("has_expiry_changed", pa.bool_()),
        ("outlook_reason", pa.string()),
    ]
)
_LIABILITY = pa.schema(
    [
        ("granted_month", pa.date32()),
        ("as_of_date", pa.date32()),
        ("revenue_without_tax", MONEY),
        ("receipt_points", POINTS),
        ("initial_spent_share", pa.float64()),
        *((name, MONEY) for name in ("allocated_amount", "recognised_amount", "contract_liability")),
        ("liability_reason", pa.string()),
    ]
)
# How much of what a month's points became is known, in the words of points_flow.
_FATES = {"spent": ("spent", "overdraft"), "expired": ("expired",), "corrected": ("corrected",)}


def points_breakage(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: issue month, up to the last complete one. What became of its points and will; and two tables more."""
    rows = engine.arrow(f"SELECT * FROM ({query('fits/points_triangle')}) AS cell ORDER BY ALL").to_pylist()
    end = (night.run_date + timedelta(1)).replace(day=1)
    months = _months(min((row["granted_month"] for row in rows), default=end), end)
    if not months:
        empty = {"points_breakage": _BREAKAGE, "points_outlook": _OUTLOOK, "points_liability": _LIABILITY}
        return {name: schema.empty_table() for name, schema in empty.items()}
    ledger = _ledger(rows, months)
    found, as_of = breakage(ledger), end - timedelta(1)
    table = [_month(ledger, found, i) | {"granted_month": months[i], "as_of_date": as_of} for i in range(len(months))]
    left = {row["granted_month"]: row["points"] for row in rows if row["fate"] == "left"}
    return {
        "points_breakage": pa.Table.from_pylist(table, _BREAKAGE),
        "points_outlook": pa.Table.from_pylist([_outlook(ledger, found, months, left, as_of, settings)], _OUTLOOK),
        "points_liability": pa.Table.from_pylist(_liabilities(engine, table, settings), _LIABILITY),
    }


def _months(first: date, end: date) -> list[date]:
    """First days of the months from one up to another, that left out."""
    numbers = range(first.year * 12 + first.month - 1, end.year * 12 + end.month - 1)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def _ledger(rows: list[dict[str, Any]], months: list[date]) -> Ledger:
    """Issue month x calendar month, of complete months alone: what moved later is still there."""
    place = {month: i for i, month in enumerate(months)}
    granted = np.zeros(len(months))
    cells = {name: np.zeros((len(months), len(months))) for name in _FATES}
    for row in rows:
        if row["granted_month"] not in place:
            continue
        granted[place[row["granted_month"]]] += float(row["points"])
        name = next((name for name, fates in _FATES.items() if row["fate"] in fates), None)
        if name and row["moved_month"] in place:
            cells[name][place[row["granted_month"]], place[row["moved_month"]]] += float(row["points"])
    return Ledger(granted, cells["spent"], cells["expired"], cells["corrected"], months[0].month)


def _points(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(Decimal("0.001"))


def _shares(ledger: Ledger, found: Breakage) -> Floats:
    """By issue month, the share of the points left that will be spent; NaN: unknown, or none is left."""
    return np.asarray(found.to_be_spent / np.where(ledger.left > 0, ledger.left, np.nan))


def _month(ledger: Ledger, found: Breakage, i: int) -> dict[str, Any]:
    """An issue month's row of points_breakage, but for its dates."""
    share = _shares(ledger, found)[i]
    young = f"younger than {OLD_ENOUGH_MONTHS} complete months" if len(ledger.granted) - i < OLD_ENOUGH_MONTHS else None
    none = "no points were granted" if ledger.granted[i] <= 0 else None
    rates = {"breakage_rate": found.rates, "breakage_rate_low": found.rate_low, "breakage_rate_high": found.rate_high}
    cells = {"spent": ledger.spent, "expired": ledger.expired, "corrected": ledger.corrected}
    return {
        "granted_points": _points(ledger.granted[i]),
        **{f"{name}_points": _points(cell[i].sum()) for name, cell in cells.items()},
        "left_points": _points(ledger.left[i]),
        "points_to_be_spent": None if found.total is None else _points(found.to_be_spent[i]),
        "p_spent": None if np.isnan(share) else float(share),
        **{name: None if np.isnan(rate[i]) else float(rate[i]) for name, rate in rates.items()},
        "breakage_reason": found.why_unknown or none or young,
    }


def _outlook(
    ledger: Ledger,
    found: Breakage,
    months: list[date],
    left: Mapping[date | None, Decimal],
    as_of: date,
    settings: Settings,
) -> dict[str, Any]:
    """The row of points_outlook. Points granted since the last complete month are spent as the newest month's."""
    row: dict[str, Any] = {
        "as_of_date": as_of,
        "left_points": _points(ledger.left.sum()),
        "has_spending_changed": has_spending_changed(ledger),
        "has_expiry_changed": expiry_changed(ledger.expired),
        "outlook_reason": found.why_unknown,
    }
    if found.total is None or found.total_low is None or found.total_high is None:
        return row
    shares = np.nan_to_num(_shares(ledger, found))
    newest = next((share for share in shares[::-1] if share > 0), 0.0)
    p_spent = dict(zip(months, shares, strict=True))
    spent = sum(float(points) * p_spent.get(month, newest) for month, points in sorted(left.items()) if month)
    cost = spent * float(settings.point_value)
    scale = {
        "": 1.0,
        "_low": found.total_low / max(found.total, 1e-9),
        "_high": found.total_high / max(found.total, 1e-9),
    }
    totals = {"": found.total, "_low": found.total_low, "_high": found.total_high}
    return row | {
        **{f"points_to_be_spent{end}": _points(value) for end, value in totals.items()},
        **{f"points_redemption_cost{end}": Decimal(f"{cost * by:.2f}") for end, by in scale.items()},
    }


def _liabilities(engine: DuckDBEngine, months: list[dict[str, Any]], settings: Settings) -> list[dict[str, Any]]:
    """Rows of points_liability. What was expected to be spent at first stays, as the allocation rests on it."""
    revenue = {row["granted_month"]: row for row in engine.arrow(query("fits/points_revenue")).to_pylist()}
    before = engine.rows("SELECT granted_month, initial_spent_share FROM history.points_liability")
    initial = {month: share for month, share in before if share is not None}
    return [_month_liability(row, revenue.get(row["granted_month"]), initial, settings) for row in months]


def _month_liability(
    row: dict[str, Any], revenue: dict[str, Any] | None, initial: Mapping[date, float], settings: Settings
) -> dict[str, Any]:
    """An issue month's row of points_liability."""
    month, will_be = row["granted_month"], row["points_to_be_spent"]
    share = initial.get(month)
    if share is None and will_be is not None and row["granted_points"] > 0:
        share = min(float((row["spent_points"] + will_be) / row["granted_points"]), 1.0)
    reason = row["breakage_reason"] if will_be is None else None
    if revenue is None:
        reason = "no posting of the month names a receipt that is there"
    found: dict[str, Any] = {
        "granted_month": month,
        "as_of_date": row["as_of_date"],
        "revenue_without_tax": revenue and revenue["revenue"],
        "receipt_points": revenue and revenue["points"],
        "initial_spent_share": share,
        "liability_reason": reason,
    }
    if reason is not None or share is None or revenue is None:
        return found
    allocated = allocated_amount(revenue["revenue"], revenue["points"], settings.point_value, share)
    now = liability(allocated, row["spent_points"], will_be)
    amounts = {"allocated_amount": allocated, "recognised_amount": now.recognised, "contract_liability": now.liability}
    return found | amounts
