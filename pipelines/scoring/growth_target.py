"""Growth targets: what each RFM segment brings to a figure of all, and how far it would have to move alone."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.target_file import Growth

# Each figure is one sum over another: the columns of numerator and denominator (None: a sum, over 1), and whether
# receipts without a customer are in it as they are in kpi_period.
FIGURES: dict[str, tuple[str, str | None, bool]] = {
    "revenue": ("revenue", None, True),
    "orders": ("orders", None, False),
    "buyers": ("buyers", None, False),
    "average_receipt": ("sale_revenue", "receipts", True),
    "average_order_value": ("revenue", "orders", False),
    "purchase_frequency": ("orders", "buyers", False),
}
WHOLE, ANONYMOUS, NONE = "all", "anonymous", "none"
_ONE = Decimal(1)

Sums = dict[str, Decimal]
Span = tuple[date, date]


class Part(NamedTuple):
    """A segment's numerator and denominator in a span of months."""

    numerator: Decimal
    denominator: Decimal

    @property
    def value(self) -> Decimal | None:
        return self.numerator / self.denominator if self.denominator else None


def growth_targets(engine: DuckDBEngine, targets: Sequence[Growth], night: date) -> pa.Table:
    """Grain: metric, base, target month and segment: tonight's RFM segments, customers without one, and the whole."""
    if not targets:
        return _GROWTH.empty_table()
    customers = dict(engine.rows(_CUSTOMERS))
    whole_months = {day for (day,) in engine.rows(_MONTHS)}
    last = _month_before(night + timedelta(1))  # the last month that is over
    moved = [(month, month) for month in (last, _month_before(last))]
    spans = {*(target.base for target in targets), *moved}
    sums = {span: _sums(engine, span, customers) for span in spans if whole_months.issuperset(span)}
    rows = []
    for target in targets:
        base, *months = (_parts(sums.get(span), target.metric) for span in (target.base, *moved))
        reason = None if base else "base_not_over" if _last_day(target.base[1]) > night else "base_before_the_data"
        for segment in sorted({*base, *months[0], *months[1], *customers, WHOLE}):
            row = {
                "metric": target.metric,
                "base_from": target.base[0],
                "base_until": _last_day(target.base[1]),
                "target_month": target.until,
                "segment": segment,
                "growth": float(target.by),
                "customers": customers.get(segment),
                "reason": reason,
            }
            rows.append(row | (_said(target, segment, base) if base else {}) | _movement(segment, months, last))
    return pa.Table.from_pylist(rows, _GROWTH)


def _said(target: Growth, segment: str, base: dict[str, Part]) -> dict[str, Any]:
    """What a segment brings to the whole, and where it has to get alone while all else stays as it is.

    With the denominators of the base, the numerator of all has to rise by the growth. Alone, the segment's own has to
    rise by as much.
    """
    whole, part = base[WHOLE], base[segment]
    value, needed = part.value, part.numerator + whole.numerator * target.by
    reason = None
    if whole.numerator <= 0:
        reason = "figure_of_all_not_above_0"
    elif value is None:
        reason = "no_orders_in_base"
    elif value <= 0:
        reason = "figure_not_above_0"
    return {
        "numerator": part.numerator,
        "denominator": int(part.denominator) if FIGURES[target.metric][1] else None,
        "base_value": _number(value),
        "contribution": _ratio(part.numerator, whole.denominator),
        "whole_share": _ratio(part.numerator, whole.numerator) if whole.numerator > 0 else None,
        "target_value": _number(None if value is None else value * (1 + target.by)),
        "alone_value": None if reason else _ratio(needed, part.denominator),
        "alone_change": None if reason else _number(needed / part.numerator - 1),
        "reason": reason,
    }


def _movement(segment: str, months: Sequence[dict[str, Part]], last: date) -> dict[str, Any]:
    """A segment's figure in the last month that is over and in the month before."""
    now, before = (month[segment].value if month else None for month in months)
    return {
        "last_month": last,
        "last_month_value": _number(now),
        "month_before_value": _number(before),
        "change": _number(None if now is None or before is None else now - before),
    }


def _parts(sums: dict[str, Sums] | None, metric: str) -> dict[str, Part]:
    """Each segment's part of a figure, and the whole: their sum. Nothing if the span is not wholly known."""
    if sums is None:
        return {}
    numerator, denominator, with_anonymous = FIGURES[metric]
    parts = {
        segment: Part(of[numerator], of[denominator] if denominator else _ONE)
        for segment, of in sums.items()
        if with_anonymous or segment != ANONYMOUS
    }
    total = sum((part.numerator for part in parts.values()), Decimal(0))
    below = sum((part.denominator for part in parts.values()), Decimal(0)) if denominator else _ONE
    return {**parts, WHOLE: Part(total, below)}


def _sums(engine: DuckDBEngine, span: Span, customers: Iterable[str]) -> dict[str, Sums]:
    """Sums of a span of months by segment. What kpi_period has beyond all customers is of anonymous receipts."""
    first, last = span
    days = {"first": first, "last": _last_day(last)}
    found = {segment: dict.fromkeys(_SUMS, Decimal(0)) for segment in (*customers, NONE) if segment != WHOLE}
    found |= {segment: _decimals(values) for segment, *values in engine.rows(_OF_SEGMENTS, days)}
    (values,) = engine.rows(_OF_ALL, {"first": first, "last": last})
    rest = {name: total - sum(of[name] for of in found.values()) for name, total in _decimals(values).items()}
    return {**found, ANONYMOUS: rest}


def _decimals(values: Sequence[Any]) -> Sums:
    return {name: Decimal(value) for name, value in zip(_SUMS, values, strict=True)}


def _ratio(part: Decimal, whole: Decimal) -> float | None:
    return float(part / whole) if whole else None


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(1)).replace(day=1)


def _last_day(month: date) -> date:
    return (month + timedelta(31)).replace(day=1) - timedelta(1)


_SUMS = ("revenue", "sale_revenue", "receipts", "orders", "buyers")
# A known customer's sale receipts are all orders.
_OF_SEGMENTS = f"""
SELECT COALESCE(r.rfm_segment, '{NONE}') AS segment,
    SUM(d.net_revenue), SUM(d.sale_revenue), SUM(d.order_count), SUM(d.order_count),
    COUNT(DISTINCT CASE WHEN d.order_count > 0 THEN d.customer_id END)
FROM customer_day AS d
LEFT JOIN customer_rfm AS r ON d.customer_id = r.customer_id
WHERE d.business_date BETWEEN $first AND $last
GROUP BY segment
"""
# No buyer is anonymous, and those of several months can't be added up: the whole has those of its segments.
_OF_ALL = """
SELECT SUM(revenue), SUM(sale_revenue), SUM(receipts), SUM(orders), 0
FROM kpi_period
WHERE period = 'month' AND cut = 'all' AND period_start BETWEEN $first AND $last
"""
_MONTHS = "SELECT period_start FROM kpi_period WHERE period = 'month' AND cut = 'all' AND is_complete"
_CUSTOMERS = f"""
SELECT rfm_segment, COUNT(*) FROM customer_rfm GROUP BY rfm_segment
UNION ALL
SELECT '{WHOLE}', COUNT(*) FROM customer_rfm
"""
_GROWTH = pa.schema(
    [
        ("metric", pa.string()),
        *((name, pa.date32()) for name in ("base_from", "base_until", "target_month")),
        ("segment", pa.string()),
        ("growth", pa.float64()),
        ("customers", pa.int64()),
        ("numerator", pa.decimal128(38, 2)),
        ("denominator", pa.int64()),
        *((name, pa.float64()) for name in ("base_value", "contribution", "whole_share", "target_value")),
        *((name, pa.float64()) for name in ("alone_value", "alone_change")),
        ("last_month", pa.date32()),
        *((name, pa.float64()) for name in ("last_month_value", "month_before_value", "change")),
        ("reason", pa.string()),
    ]
)
