"""How business is going: daily figures, and the last four weeks compared with the four before."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.report.charts import chart, draw_trend
from pipelines.report.page import WINDOW_DAYS, Section, Table, Tile, Warehouse
from pipelines.report.stores import stores_table
from pipelines.report.words import Row, Show, compared, counted, day, number, percent, ratio, signed

SMOOTHED_FROM_DAYS = 60
DRAWN_DAYS = 400


@dataclass(frozen=True)
class Periods:
    """The latest days, and the same number of days before them; whole weeks if there are enough days."""

    days: int
    now: Sequence[Row]
    before: Sequence[Row]
    year_ago: Sequence[Row]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Periods":
        """Split the rows of all days, which follow each other without a gap, into the periods to compare."""
        days = WINDOW_DAYS if len(rows) >= 2 * WINDOW_DAYS else max(len(rows) // 14 * 7, 1)
        year_ago = rows[-364 - days : -364] if len(rows) >= 364 + days else []
        return cls(days, rows[-days:], rows[-2 * days : -days], year_ago)

    @property
    def name(self) -> str:
        return f"last {self.days} days" if self.days > 1 else "last day"

    @property
    def name_before(self) -> str:
        return f"the {self.days} days before" if self.days > 1 else "the day before"

    def words(self, measure: Callable[[Sequence[Row]], Any], show: Show, period: str = "") -> str:
        """`, up 4.2% on the 28 days before`; nothing if there are no earlier days."""
        before = measure(self.before) if self.before else None
        return compared(measure(self.now), before, period or self.name_before, show)


def total(column: str) -> Callable[[Sequence[Row]], Any]:
    return lambda rows: sum(row[column] for row in rows)


def on_last_day(column: str) -> Callable[[Sequence[Row]], Any]:
    return lambda rows: rows[-1][column]


def average_order_value(rows: Sequence[Row]) -> float | None:
    return ratio(total("member_revenue")(rows), total("orders")(rows))


def trends(warehouse: Warehouse) -> Section:
    rows = warehouse.rows("FROM kpi_daily ORDER BY business_date")
    span = Periods.of(rows)
    last_day, basket = span.now[-1], average_order_value(span.now)
    revenue, orders = total("revenue")(span.now), total("orders")(span.now)

    revenue_words = f"{warehouse.money(revenue)} in the {span.name}"
    revenue_words += span.words(total("revenue"), warehouse.money) or "; no earlier days to compare with"
    if span.year_ago:
        period = "the same weeks a year ago"
        revenue_words += compared(revenue, total("revenue")(span.year_ago), period, warehouse.money)
    active, members = last_day["active_members"], last_day["members"]
    active_share = percent(ratio(active, members))
    active_words = f"{number(active)} members are active ({active_share} of {counted(members, 'member')})"
    earlier = f"{span.days} days earlier" if span.days > 1 else ""
    active_words += span.words(on_last_day("active_members"), number, earlier)
    basket_words = "No orders of known customers in these days, so there is no average"
    if basket is not None:
        basket_words = f"An order of a known customer brings {warehouse.cents(basket)} on average"
        basket_words += span.words(average_order_value, warehouse.cents)
    order_words = f"{number(orders)} orders of known customers{span.words(total('orders'), number)}"

    tables = [_period_table(warehouse, span), stores_table(warehouse)]
    section = Section(takeaways=_days_words(rows), tables=[table for table in tables if table])
    section.tiles = [
        Tile(f"Revenue, {span.name}", warehouse.money(revenue), f"{revenue_words}."),
        Tile("Active members", number(active), f"{active_words}."),
    ]
    if basket is not None:
        section.tiles.append(Tile("Average order value", warehouse.cents(basket), f"{basket_words}."))
    drawn = rows[-DRAWN_DAYS:]
    dates = [row["business_date"] for row in drawn]
    for key, title, words, top, bottom in (
        ("revenue", f"Revenue a day, {warehouse.currency}", revenue_words, "revenue", ""),
        ("orders", "Orders a day", order_words, "orders", ""),
        ("active", "Active members", active_words, "active_members", ""),
        ("basket", f"Average order value, {warehouse.currency}", basket_words, "member_revenue", "orders"),
    ):
        daily = _means(drawn, top, bottom, days=1)
        smooth = _means(drawn, top, bottom, days=7) if len(drawn) > SMOOTHED_FROM_DAYS and key != "active" else None
        if any(map(math.isfinite, daily)):
            section.charts.append(chart(key, title, f"{words}.", 2.0, draw_trend, dates, daily, smooth))
    return section


def _means(rows: Sequence[Row], top: str, bottom: str, days: int) -> list[float]:
    """Per day, over the `days` up to it: the mean of `top`, or sum of `top` / sum of `bottom`; NaN if unknown."""
    means = []
    for end in range(1, len(rows) + 1):
        part = rows[max(0, end - days) : end]
        mean = ratio(total(top)(part), total(bottom)(part) if bottom else len(part))
        means.append(math.nan if mean is None else mean)
    return means


def _days_words(rows: Sequence[Row]) -> list[str]:
    first, last = rows[0]["business_date"], rows[-1]["business_date"]
    traded = max((row["business_date"] for row in rows if row["receipts"]), default=last)
    words = []
    if (last - traded).days > 1:
        words.append(
            f"No receipt is dated after {day(traded)}: either the latest days are missing, or nothing was sold."
        )
    text = f"{counted(len(rows), 'day')} of data, {day(first)} to {day(last)}"
    text += f"; the charts show the last {DRAWN_DAYS}." if len(rows) > DRAWN_DAYS else "."
    if len(rows) > SMOOTHED_FROM_DAYS:
        text += " Thin lines are days, thick lines the mean of the last seven days."
    return [*words, text]


def _period_table(warehouse: Warehouse, span: Periods) -> Table:
    figures = (
        ("Revenue", total("revenue"), warehouse.cents),
        ("Member revenue", total("member_revenue"), warehouse.cents),
        ("Receipts", total("receipts"), number),
        ("Orders", total("orders"), number),
        ("New members", total("new_members"), number),
        ("Average order value", average_order_value, warehouse.cents),
        ("Members on the last day", on_last_day("members"), number),
        ("Active members on the last day", on_last_day("active_members"), number),
    )
    cells = []
    for label, measure, show in figures:
        now, before = measure(span.now), measure(span.before) if span.before else None
        change = None if now is None or before is None else ratio(now - before, before)
        cells.append((label, show(now), show(before), signed(percent, change)))
    columns = ("Figure", span.name.capitalize(), span.name_before.capitalize(), "Change")
    note = (
        "Revenue is sales less returns, anonymous receipts included. Orders are sale receipts of known customers."
        " Average order value is member revenue / orders."
    )
    return Table("The two periods in figures", columns, "tnnn", cells, note)
