"""The night's report: one self-contained HTML page made from the warehouse alone.

The same warehouse gives the same bytes: nothing is read from the clock, sums are of DECIMAL, pictures carry no random
id, and of pipeline_run only what is the same when a night is run again (settings, code version) is shown.

Names of segments, campaigns and codes come from data: they reach the page through Jinja's escaping, and the pictures
through an XML tree, never by pasting text.
"""
# ruff: noqa: S608 (what is put into SQL are this module's own names, the night's date and quoted column names)

import io
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard
from xml.etree import ElementTree

import duckdb
import jinja2
import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

Row = dict[str, Any]
Number = int | float | Decimal

# What the report reads. A column that the warehouse lacks is read as NULL, a table as empty, and the page says so.
READS: dict[str, str] = {
    "night": "run_date DATE, currency VARCHAR",
    "pipeline_run": "run_date DATE, code_version VARCHAR, settings JSON",
    "kpi_daily": "business_date DATE, revenue MONEY, member_revenue MONEY, receipts BIGINT, orders BIGINT,"
    " buyers BIGINT, members BIGINT, new_members BIGINT, active_members BIGINT, participation_rate DOUBLE",
    "customer_360": "customer_id VARCHAR",
    "customer_rfm": "customer_id VARCHAR, days_since_last_order BIGINT, order_count BIGINT, revenue MONEY,"
    " recency_score INT, frequency_score INT, rfm_segment VARCHAR",
    "customer_clv": "customer_id VARCHAR, p_alive SHARE, expected_purchases MONEY, clv MONEY, clv_tier VARCHAR,"
    " clv_basis VARCHAR, horizon_days INT",
    "customer_churn": "customer_id VARCHAR, is_active BOOLEAN, p_churn SHARE, churn_tier VARCHAR, method VARCHAR,"
    " horizon_days INT",
    "churn_calibration": "decile INT, customers BIGINT, predicted DOUBLE, actual DOUBLE",
    "customer_segment": "customer_id VARCHAR, segment VARCHAR",
    "customer_segment_history": "customer_id VARCHAR, segment VARCHAR, valid_from DATE, valid_to DATE",
    "promo_performance": "promo_code VARCHAR, redemptions BIGINT, customers BIGINT, new_customers BIGINT,"
    " revenue MONEY, discount_amount MONEY, cost_amount MONEY, incremental_profit MONEY, roi DOUBLE, method VARCHAR",
    "promotion_performance": "promotion_id VARCHAR, redemptions BIGINT, customers BIGINT, new_customers BIGINT,"
    " revenue MONEY, discount_amount MONEY, cost_amount MONEY, incremental_profit MONEY, roi DOUBLE, method VARCHAR",
    "campaign_effect": "campaign_id VARCHAR, metric VARCHAR, segment VARCHAR, treated_customers BIGINT,"
    " control_customers BIGINT, treated_mean DOUBLE, control_mean DOUBLE, effect DOUBLE, ci_low DOUBLE, ci_high DOUBLE,"
    " window_days INT, is_complete BOOLEAN, method VARCHAR, cost_amount MONEY, incremental_profit MONEY, roi DOUBLE,"
    " roi_low DOUBLE, roi_high DOUBLE, verdict VARCHAR",
    "campaign_assignment": "campaign_id VARCHAR, customer_id VARCHAR, channel VARCHAR, arm VARCHAR, assigned_date DATE",
    "campaign_list": "run_date DATE, campaign_id VARCHAR, channel VARCHAR, customer_id VARCHAR",
    "model_quality": "model VARCHAR, metric VARCHAR, value DOUBLE, note VARCHAR, trained_through DATE",
    "data_quality": "run_date DATE, source VARCHAR, rows_read BIGINT, rows_loaded BIGINT, rows_rejected BIGINT,"
    " rows_duplicate BIGINT, rows_superseded BIGINT",
    "rejected_rows": "run_date DATE, source VARCHAR, file VARCHAR, row_number BIGINT, rule VARCHAR",
}
# DECIMAL, because a sum of DOUBLE depends on the order that threads deliver rows in.
TYPES = {"MONEY": "DECIMAL(38, 4)", "SHARE": "DECIMAL(38, 9)"}
# Of these the report is about this night only; the others hold all that is known as of the night.
TONIGHT_ONLY = ("campaign_list", "data_quality", "rejected_rows")
COVERED = (
    "kpi_daily",
    "customer_360",
    "customer_clv",
    "customer_churn",
    "promo_performance",
    "promotion_performance",
    "campaign_effect",
)
PARTLY_SHOWN = {"gross_margin", "clv", "p_churn", "roi", "incremental_profit"}

WINDOW_DAYS = 28  # whole weeks, so that both windows hold the same weekdays
SMOOTHED_FROM_DAYS = 60
DRAWN_DAYS = 400
LISTED = 15
DRAWN = 10
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
METHODS = {
    "randomised": "randomised: against a control group drawn by lot",
    "matched": "matched: against similar customers, so only as good as the match",
    "before_after": "before/after: against the same customers earlier; a change and not its cause, so no ROI",
}
METRICS = {
    "margin_per_customer": "margin per customer",
    "revenue_per_customer": "revenue per customer",
    "orders_per_customer": "orders per customer",
    "buyer_rate": "share who bought",
}
MONEY_METRICS = ("margin_per_customer", "revenue_per_customer")

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


# --- what the page is made of ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tile:
    """A headline figure with what it means in plain words."""

    label: str
    value: str
    takeaway: str


@dataclass(frozen=True)
class Chart:
    """A picture; the takeaway is its caption and what a screen reader says."""

    title: str
    takeaway: str
    svg: Markup


@dataclass(frozen=True)
class Table:
    """Formatted cells; `align` has one letter a column, t(ext) or n(umber)."""

    caption: str
    columns: tuple[str, ...]
    align: str
    rows: Sequence[tuple[str, ...]]
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Cell:
    customers: str
    revenue: str
    shade: str


@dataclass(frozen=True)
class Grid:
    """Recency (rows, best first) by frequency (columns 1 to 5)."""

    caption: str
    rows: list[tuple[str, list[Cell]]]


@dataclass(frozen=True)
class Section:
    """One question and its answer; `reason` says why there is none, `beside` stands next to the only chart."""

    anchor: str
    title: str
    tables_read: tuple[str, ...]
    takeaways: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    grid: Grid | None = None
    beside: Table | None = None
    tables: list[Table] = field(default_factory=list)
    reason: str = ""


# --- numbers and names as people read them --------------------------------------------------------------------------


def name_of(value: object, limit: int = 80) -> str:
    """A name from data on one line: control and text-direction characters replaced, cut at `limit`."""
    if value is None:
        return NONE
    text = UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def known(value: Number | None) -> TypeGuard[Number]:
    return value is not None and math.isfinite(value)


def number(value: Number | None, decimals: int = 0) -> str:
    """1234567.8 → 1,234,568; the unknown is a dash."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def compact(value: Number | None) -> str:
    """12345 → 12.3k, 1234567 → 1.23m: for axes and small cells."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(float(value))
    if size >= 10**9:
        return number(float(value) / 10**9, 2) + "bn"
    if size >= 10**6:
        return number(float(value) / 10**6, 2) + "m"
    if size >= 10**4:
        return number(float(value) / 10**3, 0 if size >= 10**5 else 1) + "k"
    if size >= 100 or value == int(value):
        return number(value)
    return number(value, 2 if size < 1 else 1)


def percent(share: Number | None, decimals: int = 1) -> str:
    return NONE if share is None or not math.isfinite(share) else number(float(share) * 100, decimals) + "%"


def signed(text: str, value: Number | None) -> str:
    return text if value is None or value <= 0 else "+" + text


def ratio(part: Number | None, whole: Number | None) -> float | None:
    """Part / whole, or None where that means nothing (unknown, or a whole that is not positive)."""
    return None if part is None or whole is None or whole <= 0 else float(part) / float(whole)


def counted(value: int, noun: str, plural: str = "") -> str:
    return f"{number(value)} {noun if value == 1 else plural or noun + 's'}"


def day(value: date | None) -> str:
    return NONE if value is None else f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def total(rows: Iterable[Row], column: str) -> Any:
    """Sum of the known values, None if none is known."""
    values = [row[column] for row in rows if row[column] is not None]
    return sum(values) if values else None


def compared(now: Number | None, before: Number | None, then: str, show: Callable[[Number | None], str]) -> str:
    """`up 4.2% on the 28 days before`; in amounts where a percentage of the past means nothing."""
    if now is None or before is None:
        return f"not comparable with {then}"
    change = ratio(now - before, before)  # type: ignore[operator]
    if change is None:
        return f"against {show(before)} in {then}"
    if abs(change) < 0.0005:
        return f"the same as in {then}"
    return f"{'up' if change > 0 else 'down'} {percent(abs(change))} on {then}"


# --- the warehouse --------------------------------------------------------------------------------------------------


class Warehouse:
    """The published tables of one night under one typed view each, with what of them is not there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.comments: dict[str, dict[str, str | None]] = {}
        types: dict[tuple[str, str], str] = {}
        for table, column, data_type, comment in connection.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns()"
            " WHERE NOT internal AND database_name = current_database() AND schema_name = 'main'"
            " ORDER BY table_name, column_index"
        ).fetchall():
            self.comments.setdefault(table, {})[column] = comment
            types[table, column] = data_type
        self.absent: list[str] = []
        for table, columns in READS.items():
            self._create_view(table, columns, types)
        self.run_date: date | None = self._run_date()
        self.code_version, self.currency = self._run()
        for table in TONIGHT_ONLY:
            self._keep_tonight(table)

    def _create_view(self, table: str, columns: str, types: dict[tuple[str, str], str]) -> None:
        wanted = [column.split() for column in columns.split(", ")]
        selected = []
        for column, kind in wanted:
            sql_type = TYPES.get(kind, "VARCHAR" if kind == "JSON" else kind)
            found = types.get((table, column))
            if found is None:
                value = "NULL"
                # These two tell date and currency in either of two ways; the lack of one is no news.
                if table in self.comments and table not in ("night", "pipeline_run"):
                    self.absent.append(f"{table}.{column}")
            elif kind == "JSON" and found not in ("VARCHAR", "JSON"):
                value = f"to_json({column})"
            else:
                value = column
            selected.append(f"TRY_CAST({value} AS {sql_type}) AS {column}")
        source = f"FROM main.{table}" if table in self.comments else "WHERE false"
        if table not in self.comments and table not in ("night", "pipeline_run"):
            self.absent.append(table)
        self.connection.execute(f"CREATE TEMP VIEW v_{table} AS SELECT {', '.join(selected)} {source}")

    def _keep_tonight(self, table: str) -> None:
        if self.run_date is not None:
            self.connection.execute(
                f"CREATE TEMP VIEW tonight_{table} AS SELECT * FROM v_{table}"
                f" WHERE run_date IS NULL OR run_date = DATE '{self.run_date.isoformat()}'"
            )
        else:
            self.connection.execute(f"CREATE TEMP VIEW tonight_{table} AS SELECT * FROM v_{table}")

    def _run_date(self) -> date | None:
        for query in (
            "SELECT MAX(run_date) AS d FROM v_night",
            "SELECT MAX(run_date) AS d FROM v_pipeline_run",
            "SELECT MAX(business_date) AS d FROM v_kpi_daily",
        ):
            found: date | None = self.rows(query)[0]["d"]
            if found is not None:
                return found
        return None

    def _run(self) -> tuple[str | None, str]:
        """Code version and currency; the currency is '' where nothing tells it."""
        nights = self.rows("SELECT currency FROM v_night WHERE currency IS NOT NULL ORDER BY run_date DESC LIMIT 1")
        runs = self.rows("SELECT code_version, settings FROM v_pipeline_run ORDER BY run_date DESC NULLS LAST LIMIT 1")
        run = runs[0] if runs else {"code_version": None, "settings": None}
        if nights:
            return run["code_version"], name_of(nights[0]["currency"], 8)
        try:
            settings = json.loads(run["settings"] or "{}")
        except json.JSONDecodeError:
            settings = {}
        found = [v for k, v in settings.items() if k.lower() in ("currency", "loyalty_currency")] if settings else []
        return run["code_version"], name_of(found[0], 8) if found else ""

    def rows(self, sql: str) -> list[Row]:
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def money(self, value: Number | None, decimals: int = 0) -> str:
        text = number(value, decimals)
        return text if text == NONE or not self.currency else f"{self.currency} {text}"

    def why_empty(self, table: str, cause: str, sources: Sequence[str] = ()) -> str:
        """Why a table has nothing to show: the cause, with what tonight's extracts brought."""
        if table not in self.comments:
            return f"The table {table} is not in this warehouse, so there is nothing to show."
        loaded = {row["source"]: row["rows_loaded"] for row in self.rows("SELECT * FROM tonight_data_quality")}
        brought = ", ".join(
            f"{s}: {counted(loaded[s], 'row')}" if loaded.get(s) is not None else f"{s}: no extract" for s in sources
        )
        return f"The table {table} is empty: {cause}." + (f" Tonight's extracts brought {brought}." if brought else "")


# --- pictures -------------------------------------------------------------------------------------------------------

INK, MUTED, GRID, BLUE, PALE, ORANGE = "#1f2933", "#52606d", "#e4e7eb", "#1f5f99", "#a9c6e0", "#b4530a"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "loyalty",
    "text.parse_math": False,
    "font.family": [
        "DejaVu Sans"
    ],  # ships with matplotlib: measures text alike everywhere; the page's CSS sets the font
    "font.size": 10.0,
    "text.color": INK,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.5,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
}
SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"


def inline_svg(figure: Figure, key: str, label: str) -> Markup:
    """The figure as an <svg> element: no prolog, style sheet or metadata; ids that no other picture has."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 (matplotlib's own output)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    used = {e.get(XLINK, "")[1:] for e in root.iter()} | {
        found for e in root.iter() for v in e.attrib.values() for found in re.findall(r"url\(#([^)]+)\)", v)
    }
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
        if XLINK in element.attrib:
            element.set("href", f"#{key}-{element.attrib.pop(XLINK)[1:]}")
        for attribute, value in list(element.attrib.items()):
            if attribute == "id" and value not in used:
                del element.attrib["id"]
            elif attribute == "id":
                element.set("id", f"{key}-{value}")
            elif "url(#" in value:
                element.set(attribute, value.replace("url(#", f"url(#{key}-"))
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", label)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 (a serialised tree has its text escaped)


def chart(key: str, title: str, takeaway: str, height: float, draw: Callable[[Any], None]) -> Chart:
    """A chart drawn by `draw` on one set of axes, 4.6 inches wide (legible on a phone without zooming)."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, height), layout="constrained")
        draw(figure.subplots())
        return Chart(title, takeaway, inline_svg(figure, key, f"{title}. {takeaway}"))


def _date_ticks(axes: Any, dates: Sequence[date]) -> None:
    long = (dates[-1] - dates[0]).days > 300
    steps = min(len(dates), 4) - 1
    picked = [dates[round(i * (len(dates) - 1) / steps)] for i in range(steps + 1)] if steps else [dates[0]]
    labels = [f"{MONTHS[d.month - 1]} {d.year}" if long else f"{d.day} {MONTHS[d.month - 1]}" for d in picked]
    axes.set_xticks(picked, labels)
    ticks = axes.get_xticklabels()
    if len(ticks) > 1:
        ticks[0].set_horizontalalignment("left")
        ticks[-1].set_horizontalalignment("right")


def draw_trend(
    axes: Any,
    dates: Sequence[date],
    daily: Sequence[float],
    smooth: Sequence[float] | None,
    show: Callable[[float], str],
) -> None:
    """A line, over the pale daily values where it is smoothed; its last value written at its end."""
    line = smooth or daily
    if smooth:
        axes.plot(dates, daily, color=PALE, linewidth=0.7)
    axes.plot(dates, line, color=BLUE, linewidth=1.8, marker="o" if len(dates) == 1 else None)
    last = next((i for i in reversed(range(len(line))) if math.isfinite(line[i])), None)
    if last is not None:
        axes.plot([dates[last]], [line[last]], "o", color=BLUE, markersize=4)
        axes.annotate(
            show(line[last]),
            (dates[last], line[last]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=BLUE,
            weight="bold",
            annotation_clip=False,
        )
    values = [v for v in (*daily, *line) if math.isfinite(v)]
    low, high = min([0.0, *values]), max([0.0, *values])
    axes.set_ylim(low * 1.08, high * 1.08 if high > low else 1)
    if low < 0:
        axes.axhline(0, color="#9aa5b1", linewidth=0.8)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    axes.grid(axis="y")
    if len(dates) == 1:
        axes.set_xlim(dates[0] - timedelta(days=1), dates[0] + timedelta(days=1))
    else:
        axes.set_xlim(dates[0], dates[-1])
    _date_ticks(axes, dates)


def _named_rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [name_of(name, 22) for name in names])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)


def draw_shares(axes: Any, names: Sequence[str], customers: Sequence[float], revenue: Sequence[float]) -> None:
    """A dumbbell a segment: share of customers (hollow) and of revenue (full)."""
    for i, (of_customers, of_revenue) in enumerate(zip(customers, revenue, strict=True)):
        axes.plot([of_customers, of_revenue], [i, i], color=PALE, linewidth=3, zorder=1, solid_capstyle="round")
        axes.plot(of_customers, i, "o", color="white", markeredgecolor=MUTED, markeredgewidth=1.5, markersize=7)
        axes.plot(of_revenue, i, "o", color=BLUE, markersize=7)
    _named_rows(axes, names)
    first = (customers[0], revenue[0])
    for value, other, text, color in ((first[0], first[1], "customers", MUTED), (first[1], first[0], "revenue", BLUE)):
        side = "right" if (value, text) < (other, "m") else "left"
        axes.annotate(
            text,
            (value, 0),
            xytext=(-8 if side == "right" else 8, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            color=color,
            fontsize=9,
        )
    axes.axvline(0, color="#9aa5b1", linewidth=0.8, zorder=0)
    low, high = min(0.0, *customers, *revenue), max(0.01, *customers, *revenue)
    room = (high - low) * 0.3
    axes.set_xlim(min(low, min(first) - room), max(high * 1.08, max(first) + room))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: percent(v, 0) if v >= low else ""))
    axes.grid(axis="x")
    axes.spines.bottom.set_visible(False)


def draw_concentration(axes: Any, points: Sequence[tuple[float, float]], marked: Sequence[tuple[float, float]]) -> None:
    """Cumulative share of CLV over the share of customers, best first, against equality."""
    axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=(0, (4, 3)))
    axes.text(0.62, 0.55, "if all were worth the same", color=MUTED, fontsize=9, ha="left", va="top")
    axes.fill_between([x for x, _ in points], [y for _, y in points], [x for x, _ in points], color=PALE, alpha=0.35)
    axes.plot([x for x, _ in points], [y for _, y in points], color=BLUE, linewidth=2)
    for x, y in marked:
        axes.plot(x, y, "o", color=BLUE, markersize=5)
        axes.annotate(
            f"top {percent(x, 0)}: {percent(y, 0)}",
            (x, y),
            xytext=(7, -3),
            textcoords="offset points",
            va="top",
            color=BLUE,
            weight="bold",
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max([1.02, *(y for _, y in points)]))
    axes.set_xlabel("share of customers, most valuable first")
    axes.set_ylabel("share of CLV")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(FuncFormatter(lambda v, _: percent(v, 0)))
    axes.grid(axis="y")


def draw_calibration(axes: Any, deciles: Sequence[Row]) -> None:
    """Per decile: predicted as a dash, actual as a dot with its 95 % interval."""
    for row in deciles:
        x, (low, high) = row["decile"], row["interval"]
        axes.plot([x, x], [low, high], color=PALE, linewidth=5, solid_capstyle="butt", zorder=1)
        axes.plot(x, row["actual"], "o", color=BLUE, markersize=6, zorder=3)
        axes.plot([x - 0.35, x + 0.35], [row["predicted"]] * 2, color=ORANGE, linewidth=2.2, zorder=2)
    axes.set_xticks([row["decile"] for row in deciles])
    axes.set_xlim(min(r["decile"] for r in deciles) - 0.7, max(r["decile"] for r in deciles) + 0.7)
    top = max(max(row["interval"][1], row["predicted"]) for row in deciles)
    axes.set_ylim(0, min(1.02, top * 1.12) if top else 1)
    axes.text(0.02, 0.97, "— predicted", transform=axes.transAxes, color=ORANGE, weight="bold", va="top")
    axes.text(
        0.02, 0.87, "● actual, with its 95% interval", transform=axes.transAxes, color=BLUE, weight="bold", va="top"
    )
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: percent(v, 0)))
    axes.set_xlabel("decile of predicted churn")
    axes.grid(axis="y")


def draw_movement(axes: Any, names: Sequence[str], entered: Sequence[int], left: Sequence[int]) -> None:
    """Bars to the right for who came, to the left for who went."""
    axes.barh(range(len(names)), entered, color=BLUE, height=0.62)
    axes.barh(range(len(names)), [-v for v in left], color="#d08a55", height=0.62)
    reach = max([1, *entered, *left])
    for i, (came, went) in enumerate(zip(entered, left, strict=True)):
        axes.text(came + reach * 0.03, i, f"+{number(came)}" if came else "0", va="center", fontsize=9, color=BLUE)
        text = MINUS + number(went) if went else "0"
        axes.text(-went - reach * 0.03, i, text, va="center", ha="right", fontsize=9, color=ORANGE)
    _named_rows(axes, names)
    axes.axvline(0, color="#9aa5b1", linewidth=0.8)
    axes.set_xlim(-reach * 1.35, reach * 1.35)
    axes.set_xticks([-reach * 0.6, reach * 0.6], ["left", "entered"])
    axes.spines.bottom.set_visible(False)


def draw_promo(axes: Any, names: Sequence[str], revenue: Sequence[float], discount: Sequence[float]) -> None:
    """Revenue a code (thick) with the discount given (thin) below it."""
    axes.barh([i - 0.14 for i in range(len(names))], revenue, color=BLUE, height=0.42)
    axes.barh([i + 0.24 for i in range(len(names))], discount, color="#d08a55", height=0.2)
    low, high = min([0.0, *revenue]), max([0.0, *revenue, *discount])
    reach = (high - low) or 1
    for i, (value, given) in enumerate(zip(revenue, discount, strict=True)):
        words = (" revenue", " discount") if i == 0 else ("", "")
        axes.text(
            max(value, 0) + reach * 0.02, i - 0.16, compact(value) + words[0], va="center", fontsize=9, color=BLUE
        )
        axes.text(given + reach * 0.02, i + 0.3, compact(given) + words[1], va="center", fontsize=8, color=ORANGE)
    _named_rows(axes, names)
    axes.set_xlim(low * 1.1, low + reach * 1.4)
    axes.set_xticks([])
    axes.axvline(0, color="#9aa5b1", linewidth=0.8)
    axes.spines.bottom.set_visible(False)


def draw_effects(axes: Any, rows: Sequence[Row], show: Callable[[float], str]) -> None:
    """A forest plot: effect with its 95 % interval; hollow while the campaign's window is open."""
    for i, row in enumerate(rows):
        low, high, effect = row["ci_low"], row["ci_high"], row["effect"]
        color = BLUE if low > 0 else ORANGE if high < 0 else MUTED
        axes.plot([low, high], [i, i], color=color, linewidth=2.2, solid_capstyle="butt")
        face = color if row["is_complete"] else "white"
        axes.plot(effect, i, "o", color=face, markeredgecolor=color, markeredgewidth=1.6, markersize=7)
        axes.annotate(
            signed(show(effect), effect),
            (effect, i),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            color=color,
        )
    _named_rows(axes, [row["campaign"] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.75)
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: signed(show(v), v)))
    axes.grid(axis="x")
    axes.spines.bottom.set_visible(False)


# --- sections -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Periods:
    """The latest days and as many before, in whole weeks where there are enough days."""

    days: int
    now: list[Row]
    before: list[Row]
    year_ago: list[Row]

    @property
    def then(self) -> str:
        return f"the {self.days} days before" if self.days > 1 else "the day before"


def periods(rows: list[Row]) -> Periods:
    """Splits daily rows (in order of date, not empty) into the windows that are compared."""
    end: date = rows[-1]["business_date"]
    span = (end - rows[0]["business_date"]).days + 1
    days = WINDOW_DAYS if span >= 2 * WINDOW_DAYS else max(span // 14 * 7, 1)

    def window(back: int) -> list[Row]:
        last = end - timedelta(days=back)
        return [row for row in rows if last - timedelta(days=days) < row["business_date"] <= last]

    year_ago = window(364) if span >= 364 + days else []
    return Periods(days, window(0), window(days), year_ago)


def kpi_rows(warehouse: Warehouse) -> list[Row]:
    """One row a business date, oldest first."""
    return warehouse.rows("SELECT * FROM v_kpi_daily WHERE business_date IS NOT NULL ORDER BY business_date")


def _average_order_value(rows: Sequence[Row]) -> float | None:
    return ratio(total(rows, "member_revenue"), total(rows, "orders"))


def revenue_words(warehouse: Warehouse, span: Periods) -> str:
    now, before = total(span.now, "revenue"), total(span.before, "revenue")
    days = f"the last {span.days} days" if span.days > 1 else "the last day"
    text = f"{warehouse.money(now)} in {days}"
    text += (
        f", {compared(now, before, span.then, warehouse.money)}" if span.before else "; no earlier days to compare with"
    )
    if span.year_ago:
        text += f", {compared(now, total(span.year_ago, 'revenue'), 'the same weeks a year ago', warehouse.money)}"
    return text + "."


def order_words(span: Periods) -> str:
    now, before = total(span.now, "orders"), total(span.before, "orders")
    text = f"{number(now)} orders of known customers"
    return text + (f", {compared(now, before, span.then, number)}." if span.before else ".")


def active_words(span: Periods) -> str:
    last = span.now[-1]
    share = ratio(last["active_members"], last["members"])
    of_members = f" ({percent(share)} of {counted(last['members'], 'member')})" if share is not None else ""
    text = f"{number(last['active_members'])} members are active{of_members}"
    if not span.before:
        return text + "."
    return text + f", {compared(last['active_members'], span.before[-1]['active_members'], then_day(span), number)}."


def then_day(span: Periods) -> str:
    return f"{span.days} days earlier" if span.days > 1 else "the day before"


def basket_words(warehouse: Warehouse, span: Periods) -> str:
    show = partial(warehouse.money, decimals=2)
    now = _average_order_value(span.now)
    if now is None:
        return "No orders of known customers in these days, so there is no average."
    text = f"An order of a known customer brings {show(now)} on average"
    before = _average_order_value(span.before)
    return text + (f", {compared(now, before, span.then, show)}." if before is not None else ".")


def smoothed(rows: Sequence[Row], top: str, bottom: str | None) -> list[float]:
    """Per day, over its last seven days: the mean of `top`, or sum of `top` / sum of `bottom`; NaN where unknown."""
    values = []
    for i in range(len(rows)):
        week = rows[max(0, i - 6) : i + 1]
        if bottom:
            value = ratio(total(week, top), total(week, bottom))
        else:
            value = ratio(total(week, top), sum(row[top] is not None for row in week))
        values.append(math.nan if value is None else value)
    return values


def trends(warehouse: Warehouse) -> Section:
    anchor, title, reads = "trends", "How business is going", ("kpi_daily",)
    rows = kpi_rows(warehouse)
    if not rows:
        cause = "no receipt is dated on or before this night"
        return Section(anchor, title, reads, reason=warehouse.why_empty("kpi_daily", cause, ("receipts",)))
    span = periods(rows)
    drawn = rows[-DRAWN_DAYS:]
    dates = [row["business_date"] for row in drawn]
    smooth = len(drawn) > SMOOTHED_FROM_DAYS

    def trend(key: str, heading: str, words: str, top: str, bottom: str | None, is_level: bool = False) -> Chart | None:
        if bottom:
            shares = [ratio(row[top], row[bottom]) for row in drawn]
            daily = [math.nan if share is None else share for share in shares]
        else:
            daily = [math.nan if row[top] is None else float(row[top]) for row in drawn]
        if not any(math.isfinite(v) for v in daily):
            return None
        weekly = smoothed(drawn, top, bottom) if smooth and not is_level else None
        return chart(key, heading, words, 2.0, lambda axes: draw_trend(axes, dates, daily, weekly, compact))

    money_a_day = f"Revenue a day{f', {warehouse.currency}' if warehouse.currency else ''}"
    basket = f"Average order value{f', {warehouse.currency}' if warehouse.currency else ''}"
    charts = [
        trend("revenue", money_a_day, revenue_words(warehouse, span), "revenue", None),
        trend("orders", "Orders a day", order_words(span), "orders", None),
        trend("active", "Active members", active_words(span), "active_members", None, is_level=True),
        trend("basket", basket, basket_words(warehouse, span), "member_revenue", "orders"),
    ]
    takeaways = []
    traded = [row["business_date"] for row in rows if row["receipts"]]
    if traded and (rows[-1]["business_date"] - traded[-1]).days > 1:
        takeaways.append(
            f"No receipt is dated after {day(traded[-1])}: the latest days are missing or the tills stood still."
        )
    takeaways.append(
        f"{counted(len(rows), 'day')} of data, {day(rows[0]['business_date'])} to {day(rows[-1]['business_date'])}"
        + (f"; the charts show the last {DRAWN_DAYS}" if len(rows) > DRAWN_DAYS else "")
        + (". Thin lines are days, thick lines the mean of the last seven days." if smooth else ".")
    )
    table = Table(
        "The two periods in figures",
        ("Figure", f"Last {span.days} days" if span.days > 1 else "Last day", span.then.capitalize(), "Change"),
        "tnnn",
        [_period_row(label, now, before, show) for label, now, before, show in _period_figures(warehouse, span)],
        "Revenue is sales less returns, with anonymous receipts; orders are sale receipts of known customers;"
        " average order value is member revenue / orders.",
    )
    return Section(anchor, title, reads, takeaways, [c for c in charts if c], tables=[table])


def _period_figures(warehouse: Warehouse, span: Periods) -> list[tuple[str, Any, Any, Callable[[Number | None], str]]]:
    def both(measure: Callable[[list[Row]], Any]) -> tuple[Any, Any]:
        return measure(span.now), measure(span.before) if span.before else None

    cents = partial(warehouse.money, decimals=2)
    sums = ("revenue", "member_revenue", "receipts", "orders", "new_members")
    labels = ("Revenue", "Member revenue", "Receipts", "Orders", "New members")
    figures: list[tuple[str, Any, Any, Callable[[Number | None], str]]] = [
        (label, *both(partial(total, column=column)), cents if "revenue" in column else number)
        for column, label in zip(sums, labels, strict=True)
    ]
    figures.append(("Average order value", *both(_average_order_value), cents))
    for column, label in (("members", "Members on the last day"), ("active_members", "Active members on the last day")):
        figures.append((label, *both(lambda rows, name=column: rows[-1][name]), number))  # type: ignore[misc]
    return figures


def _period_row(label: str, now: Any, before: Any, show: Callable[[Number | None], str]) -> tuple[str, ...]:
    change = None if now is None or before is None else ratio(now - before, before)
    return label, show(now), show(before), signed(percent(change), change)


def rfm(warehouse: Warehouse) -> Section:
    anchor, title, reads = "rfm", "Who buys: recency, frequency, money", ("customer_rfm",)
    base = warehouse.rows(
        "SELECT COUNT(*) AS customers, SUM(revenue) AS revenue,"
        " COUNT(*) FILTER (recency_score IS NULL OR frequency_score IS NULL) AS unscored FROM v_customer_rfm"
    )[0]
    if not base["customers"]:
        cause = "no known customer has an order yet"
        return Section(anchor, title, reads, reason=warehouse.why_empty("customer_rfm", cause, ("receipts",)))
    scores = {
        (row["recency_score"], row["frequency_score"]): row
        for row in warehouse.rows(
            "SELECT recency_score, frequency_score, COUNT(*) AS customers, SUM(revenue) AS revenue FROM v_customer_rfm"
            " WHERE recency_score IS NOT NULL AND frequency_score IS NOT NULL GROUP BY recency_score, frequency_score"
        )
    }

    def corner(recency: tuple[int, int], frequency: tuple[int, int]) -> tuple[int, Decimal]:
        cells = [row for (r, f), row in scores.items() if r in recency and f in frequency]
        revenue = [row["revenue"] for row in cells if row["revenue"] is not None]
        return sum(row["customers"] for row in cells), sum(revenue, Decimal(0))

    best, best_revenue = corner((4, 5), (4, 5))
    quiet, quiet_revenue = corner((1, 2), (4, 5))
    takeaways = [
        f"{counted(best, 'customer')} ({percent(ratio(best, base['customers']))}) bought both recently and often"
        f" (both scores 4 or 5); their revenue so far is {warehouse.money(best_revenue)}"
        f"{_of_all(ratio(best_revenue, base['revenue']))}.",
        f"{counted(quiet, 'customer')} used to buy often but {'has' if quiet == 1 else 'have'} gone quiet (frequency"
        " 4 or 5,"
        f" recency 1 or 2): {warehouse.money(quiet_revenue)}{_of_all(ratio(quiet_revenue, base['revenue']))} of past"
        " revenue to win back."
        if quiet
        else "No frequent buyer has gone quiet: nobody with frequency 4 or 5 has recency 1 or 2.",
    ]
    if base["unscored"]:
        takeaways.append(f"{counted(base['unscored'], 'customer')} without scores are not in the map.")
    segments = warehouse.rows(
        "SELECT rfm_segment AS segment, COUNT(*) AS customers, SUM(revenue) AS revenue, SUM(order_count) AS orders,"
        " SUM(days_since_last_order) AS days, COUNT(days_since_last_order) AS dated FROM v_customer_rfm"
        " GROUP BY rfm_segment ORDER BY revenue DESC NULLS LAST, segment NULLS LAST"
    )
    return Section(
        anchor,
        title,
        reads,
        takeaways,
        [_rfm_chart(segments, base)] if base["revenue"] and base["revenue"] > 0 else [],
        _rfm_grid(scores),
        tables=[_rfm_table(warehouse, segments, base)],
    )


def _of_all(share: float | None) -> str:
    return "" if share is None else f" ({percent(share)} of all)"


def _rfm_grid(scores: dict[tuple[int, int], Row]) -> Grid:
    most = max([1, *(row["customers"] for row in scores.values())])
    rows = []
    for recency in (5, 4, 3, 2, 1):
        cells = []
        for frequency in (1, 2, 3, 4, 5):
            row = scores.get((recency, frequency))
            customers = row["customers"] if row else 0
            # Square root: else the one crowded cell leaves all others white. Below .5 so that text keeps its contrast.
            shade = f"{0.48 * math.sqrt(customers / most):.3f}"
            cells.append(Cell(number(customers), compact(row["revenue"]) if row else NONE, shade))
        rows.append((f"{recency}{' (latest)' if recency == 5 else ' (oldest)' if recency == 1 else ''}", cells))
    return Grid("Customers (bold) and their revenue by recency and frequency score; darker is more customers", rows)


def _rfm_chart(segments: list[Row], base: Row) -> Chart:
    drawn = segments[:DRAWN]
    customers = [row["customers"] / base["customers"] for row in drawn]
    revenue = [ratio(row["revenue"], base["revenue"]) or 0.0 for row in drawn]
    first = drawn[0]
    takeaway = (
        f"{name_of(first['segment'], 40)}: {percent(customers[0])} of customers bring {percent(revenue[0])} of revenue,"
        " the largest part of all segments."
    )
    names = [name_of(row["segment"]) for row in drawn]
    height = 0.9 + 0.32 * len(drawn)
    return chart(
        "rfmshare",
        "Share of customers and of revenue",
        takeaway,
        height,
        lambda axes: draw_shares(axes, names, customers, revenue),
    )


def _rfm_table(warehouse: Warehouse, segments: list[Row], base: Row) -> Table:
    rows = [
        (
            name_of(row["segment"]),
            number(row["customers"]),
            percent(ratio(row["customers"], base["customers"])),
            warehouse.money(row["revenue"]),
            percent(ratio(row["revenue"], base["revenue"])),
            number(ratio(row["orders"], row["customers"]), 1),
            number(ratio(row["days"], row["dated"]), 0),
        )
        for row in segments
    ]
    columns = ("Segment", "Customers", "Share", "Revenue", "Share", "Orders each", "Days since last order")
    return Table("RFM segments", columns, "tnnnnnn", rows)


def clv(warehouse: Warehouse) -> Section:
    anchor, title, reads = "clv", "What customers will be worth", ("customer_clv",)
    base = warehouse.rows(
        "SELECT COUNT(*) AS customers, COUNT(clv) AS valued, SUM(clv) AS clv, MAX(horizon_days) AS horizon_days"
        " FROM v_customer_clv"
    )[0]
    if not base["customers"]:
        cause = "no known customer has an order to forecast from"
        return Section(anchor, title, reads, reason=warehouse.why_empty("customer_clv", cause, ("receipts",)))
    points = concentration(warehouse)
    bases = clv_bases(warehouse)
    takeaways = [clv_words(warehouse, row) for row in bases]
    if len(bases) > 1:
        takeaways.append(
            "These cannot be added: on revenue a customer looks worth more than on margin. The curve and the tiers"
            " hold all of them, so read them as an order of customers rather than as amounts."
        )
    charts: list[Chart] = []
    beside = None
    if points:
        marks = [_held_by(points, share) for share in (0.1, 0.2)] if base["valued"] >= 10 else []
        if marks:
            top_tenth, top_fifth = (percent(held) for _, held in marks)
            words = f"The most valuable 10% of customers hold {top_tenth} of all CLV, the top 20% {top_fifth}."
        else:
            first = percent(points[1][1])
            words = f"With only {counted(base['valued'], 'customer')}, the most valuable holds {first} of all CLV."
        charts.append(
            chart(
                "pareto",
                "Concentration of CLV",
                words,
                3.1,
                lambda axes: draw_concentration(axes, [(x, y) for x, y, _ in points], marks),
            )
        )
        if base["valued"] >= 100:
            rows = [
                (percent(share, 0), number(count), percent(held))
                for share, held, count in (p for p in points if round(p[0], 6) > 0)
                if round(share * 100) in (1, 5, 10, 20, 50, 100)
            ]
            beside = Table("Concentration in figures", ("Top", "Customers", "Share of CLV"), "tnn", rows)
    elif base["valued"]:
        takeaways.append("All CLV together is not above zero, so shares of it mean nothing and the curve is left out.")
    else:
        takeaways.append("No customer has a CLV: the model gave none; see what is missing and why.")
    return Section(anchor, title, reads, takeaways, charts, beside=beside, tables=[_clv_tiers(warehouse, base)])


def clv_bases(warehouse: Warehouse) -> list[Row]:
    """One row a clv_basis of the customers with a CLV, the commonest first: a sum over both bases means nothing."""
    return warehouse.rows(
        "SELECT clv_basis, COUNT(*) AS customers, SUM(clv) AS clv, MAX(horizon_days) AS horizon_days FROM"
        " v_customer_clv WHERE clv IS NOT NULL GROUP BY clv_basis ORDER BY customers DESC, clv_basis NULLS LAST"
    )


def clv_words(warehouse: Warehouse, row: Row) -> str:
    basis = f", counted on {name_of(row['clv_basis'], 30)}" if row["clv_basis"] is not None else ""
    return (
        f"{warehouse.money(row['clv'])} are expected of {counted(row['customers'], 'customer')} in the next"
        f" {number(row['horizon_days'])} days{basis}."
    )


def concentration(warehouse: Warehouse) -> list[tuple[float, float, int]]:
    """Points (share of customers, share of CLV, customers), best customers first, from (0, 0, 0); [] if CLV ≤ 0."""
    buckets = warehouse.rows(
        "WITH ranked AS (SELECT clv, ROW_NUMBER() OVER (ORDER BY clv DESC, customer_id) AS place, COUNT(*) OVER () AS n"
        " FROM v_customer_clv WHERE clv IS NOT NULL)"
        " SELECT (place * 100 + n - 1) // n AS bucket, COUNT(*) AS customers, SUM(clv) AS clv FROM ranked"
        " GROUP BY bucket ORDER BY bucket"
    )
    customers, everything = sum(b["customers"] for b in buckets), total(buckets, "clv")
    if not everything or everything <= 0:
        return []
    points, count, held = [(0.0, 0.0, 0)], 0, Decimal(0)
    for bucket in buckets:
        count, held = count + bucket["customers"], held + bucket["clv"]
        points.append((count / customers, float(held / everything), count))
    return points


def _held_by(points: Sequence[tuple[float, float, int]], share: float) -> tuple[float, float]:
    """The last point that holds at most this share of customers."""
    x, y, _ = max(p for p in points if p[0] <= share + 1e-9)
    return x, y


def _clv_tiers(warehouse: Warehouse, base: Row) -> Table:
    tiers = warehouse.rows(
        "SELECT clv_tier, COUNT(*) AS customers, SUM(clv) AS clv, COUNT(clv) AS valued, SUM(p_alive) AS alive,"
        " COUNT(p_alive) AS judged, SUM(expected_purchases) AS purchases, COUNT(expected_purchases) AS counted"
        " FROM v_customer_clv GROUP BY clv_tier ORDER BY clv DESC NULLS LAST, clv_tier NULLS LAST"
    )
    rows = [
        (
            name_of(row["clv_tier"]),
            number(row["customers"]),
            percent(ratio(row["customers"], base["customers"])),
            warehouse.money(row["clv"]),
            percent(ratio(row["clv"], base["clv"])),
            warehouse.money(ratio(row["clv"], row["valued"]), 2),
            percent(ratio(row["alive"], row["judged"])),
            number(ratio(row["purchases"], row["counted"]), 2),
        )
        for row in tiers
    ]
    columns = ("Tier", "Customers", "Share", "CLV", "Share", "CLV each", "Still a customer", "Purchase days to come")
    note = "Still a customer: mean probability (p_alive). Purchase days to come: mean expected in the horizon."
    return Table("CLV tiers", columns, "tnnnnnnn", rows, note)


def wilson(share: float, size: int) -> tuple[float, float]:
    """95 % interval of a share seen in `size` customers (Wilson 1927, JASA 22:209)."""
    z = 1.959964
    centre, spread = share + z * z / (2 * size), z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    scale = 1 + z * z / size
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def churn_base(warehouse: Warehouse) -> Row:
    """One row: active customers, how many of them have a p_churn, their expected leavers, horizon."""
    return warehouse.rows(
        "SELECT COUNT(*) AS customers, COUNT(*) FILTER (is_active) AS active,"
        " COUNT(p_churn) FILTER (is_active) AS judged, SUM(p_churn) FILTER (is_active) AS leavers,"
        " MAX(horizon_days) AS horizon_days FROM v_customer_churn"
    )[0]


def churn(warehouse: Warehouse) -> Section:
    anchor, title = "churn", "Who may leave, and can the forecast be trusted"
    reads = ("customer_churn", "churn_calibration", "model_quality")
    base = churn_base(warehouse)
    found = warehouse.rows(
        "SELECT * FROM v_churn_calibration WHERE customers > 0 AND actual BETWEEN 0 AND 1 AND predicted BETWEEN 0 AND 1"
        " AND decile IS NOT NULL ORDER BY decile"
    )
    deciles = [{**row, "interval": wilson(row["actual"], row["customers"])} for row in found]
    quality = warehouse.rows("SELECT * FROM v_model_quality WHERE model ILIKE '%churn%' ORDER BY model, metric")
    if not base["customers"] and not deciles:
        cause = "no known customer has an order in the last year"
        return Section(anchor, title, reads, reason=warehouse.why_empty("customer_churn", cause, ("receipts",)))
    takeaways: list[str] = []
    charts: list[Chart] = []
    beside = None
    if base["judged"]:
        takeaways.append(leavers_words(base))
    else:
        takeaways.append(f"{counted(base['active'], 'active customer')}, but no churn probability for any tonight.")
    takeaways += _quality_words(quality)
    if deciles:
        words = _calibration_words(deciles)
        charts.append(
            chart(
                "calibration",
                "Predicted and actual churn by decile",
                words,
                3.1,
                lambda axes: draw_calibration(axes, deciles),
            )
        )
        beside = _calibration_table(deciles)
    else:
        takeaways.append(
            warehouse.why_empty("churn_calibration", "no earlier forecast has an outcome yet to compare it with")
        )
    tables = [_churn_tiers(warehouse)] if base["active"] else []
    return Section(anchor, title, reads, takeaways, charts, beside=beside, tables=tables)


def leavers_words(base: Row) -> str:
    share = ratio(base["leavers"], base["judged"])
    return (
        f"Of {counted(base['judged'], 'active customer')} about {number(base['leavers'])} ({percent(share)}) are"
        f" expected not to buy in the next {number(base['horizon_days'])} days."
    )


def _quality_words(quality: Sequence[Row]) -> list[str]:
    known_values = {str(row["metric"]).lower(): row["value"] for row in reversed(quality) if known(row["value"])}
    auc = next((known_values[m] for m in ("auc", "roc_auc") if m in known_values), None)
    brier = next((known_values[m] for m in ("brier", "brier_score") if m in known_values), None)
    words = []
    if auc is not None:
        words.append(
            f"Given one customer who left and one who stayed, the model ranks the leaver higher {percent(auc, 0)} of"
            f" the time (AUC {number(auc, 3)}; chance is 0.5)."
        )
    if brier is not None:
        words.append(f"Brier score {number(brier, 4)} (mean squared error of the probability; 0 is perfect).")
    return words or ["Tonight's model_quality gives neither AUC nor Brier score for churn."]


def _calibration_words(deciles: Sequence[Row]) -> str:
    inside = sum(row["interval"][0] <= row["predicted"] <= row["interval"][1] for row in deciles)
    customers = sum(row["customers"] for row in deciles)
    predicted = sum(row["predicted"] * row["customers"] for row in deciles) / customers
    actual = sum(row["actual"] * row["customers"] for row in deciles) / customers
    worst = max(deciles, key=lambda row: (abs(row["predicted"] - row["actual"]), -row["decile"]))
    gap = worst["actual"] - worst["predicted"]
    return (
        f"{percent(predicted)} were predicted to leave, {percent(actual)} did. The forecast lies within the sampling"
        " error in"
        f" {inside} of {counted(len(deciles), 'decile')}; the largest gap is {number(abs(gap) * 100, 1)} points in"
        f" decile {worst['decile']} ({'more' if gap > 0 else 'fewer'} left than predicted)."
    )


def _calibration_table(deciles: Sequence[Row]) -> Table:
    rows = [
        (
            str(row["decile"]),
            number(row["customers"]),
            percent(row["predicted"]),
            percent(row["actual"]),
            f"{percent(row['interval'][0])} to {percent(row['interval'][1])}",
            "yes" if row["interval"][0] <= row["predicted"] <= row["interval"][1] else "no",
        )
        for row in deciles
    ]
    columns = ("Decile", "Customers", "Predicted", "Actual", "95% interval", "Within")
    note = (
        "Within: the prediction lies in the 95% interval (Wilson) of the actual share. By chance alone about one"
        " decile in twenty lies outside; customers drift, so some more do."
    )
    return Table("Calibration in figures", columns, "tnnnnt", rows, note)


def _churn_tiers(warehouse: Warehouse) -> Table:
    tiers = warehouse.rows(
        "WITH value AS (SELECT customer_id, SUM(clv) AS clv FROM v_customer_clv GROUP BY customer_id)"
        " SELECT c.churn_tier, COUNT(*) AS customers, SUM(c.p_churn) AS leavers, COUNT(c.p_churn) AS judged,"
        " SUM(v.clv) AS clv FROM v_customer_churn AS c LEFT JOIN value AS v ON v.customer_id = c.customer_id"
        " WHERE c.is_active GROUP BY c.churn_tier"
    )
    tiers.sort(key=lambda r: (-(ratio(r["leavers"], r["judged"]) or 0.0), str(r["churn_tier"])))
    rows = [
        (
            name_of(row["churn_tier"]),
            number(row["customers"]),
            percent(ratio(row["leavers"], row["judged"])),
            number(row["leavers"]),
            warehouse.money(row["clv"]),
        )
        for row in tiers
    ]
    columns = ("Risk", "Active customers", "Mean probability", "Expected to leave", "Their CLV")
    mixed = len(clv_bases(warehouse)) > 1
    note = "CLV here adds value on margin and on revenue: an order of size, no amount." if mixed else ""
    return Table("Active customers by risk of leaving", columns, "tnnnn", rows, note)


def segments(warehouse: Warehouse) -> Section:
    anchor, title = "segments", "Segments and who moved"
    reads = ("customer_segment", "customer_segment_history")
    sizes = warehouse.rows(
        "SELECT segment, COUNT(DISTINCT customer_id) AS customers FROM v_customer_segment GROUP BY segment"
        " ORDER BY customers DESC, segment NULLS LAST"
    )
    if not sizes:
        cause = "no customer is in a segment yet"
        return Section(
            anchor, title, reads, reason=warehouse.why_empty("customer_segment", cause, ("crm_customers", "receipts"))
        )
    base = warehouse.rows(
        "SELECT COUNT(DISTINCT customer_id) AS customers FROM (SELECT customer_id FROM v_customer_360"
        " UNION ALL SELECT customer_id FROM v_customer_segment)"
    )[0]["customers"]
    since, moved = movement(warehouse)
    takeaways = [
        f"{counted(len(sizes), 'segment')}; the largest is {name_of(sizes[0]['segment'], 40)} with"
        f" {counted(sizes[0]['customers'], 'customer')} ({percent(ratio(sizes[0]['customers'], base))} of all). A"
        " customer can be in several."
    ]
    charts = []
    ordered = sorted(moved.values(), key=lambda r: (-(r["entered"] + r["left"]), str(r["segment"])))
    drawn = [row for row in ordered[:DRAWN] if row["entered"] + row["left"]]
    if since is None:
        takeaways.append("Segments were worked out for the first time tonight, so nobody has moved yet.")
    elif not drawn:
        takeaways.append(f"Nobody has entered or left a segment since {day(since)}.")
    else:
        net = max(drawn, key=lambda r: (abs(r["entered"] - r["left"]), str(r["segment"])))
        change = net["entered"] - net["left"]
        words = (
            f"Since {day(since)} the largest net change is in {name_of(net['segment'], 40)}: {number(net['entered'])}"
            f" entered, {number(net['left'])} left ({signed(number(change), change)})."
        )
        names, came, went = ([row[k] for row in drawn] for k in ("segment", "entered", "left"))
        charts.append(
            chart(
                "movement",
                f"Who moved since {day(since)}",
                words,
                0.8 + 0.32 * len(drawn),
                lambda axes: draw_movement(axes, [name_of(n) for n in names], came, went),
            )
        )
    every = sizes + [
        {"segment": s, "customers": 0} for s in sorted(set(moved) - {r["segment"] for r in sizes}, key=str)
    ]
    rows = []
    for row in every:
        stay = moved.get(row["segment"], {"entered": 0, "left": 0})
        net_change = stay["entered"] - stay["left"]
        moves = (number(stay["entered"]), number(stay["left"]), signed(number(net_change), net_change))
        share = percent(ratio(row["customers"], base))
        rows.append((name_of(row["segment"]), number(row["customers"]), share, *(moves if since else (NONE,) * 3)))
    columns = ("Segment", "Customers", "Share of all", "Entered", "Left", "Net")
    caption = f"All segments{f', movement since {day(since)}' if since else ''}"
    table = Table(caption, columns, "tnnnnn", rows, folded=len(rows) > 25)
    if charts and len(rows) <= 14:
        return Section(anchor, title, reads, takeaways, charts, beside=table)
    return Section(anchor, title, reads, takeaways, charts, tables=[table])


def movement(warehouse: Warehouse) -> tuple[date | None, dict[str, Row]]:
    """Stays that began and ended after `since` (28 days ago, or the first night if later), by segment.

    Returns:
        since (None where the history has one night only) and the rows segment, entered, left.
    """
    if warehouse.run_date is None:
        return None, {}
    first = warehouse.rows("SELECT MIN(valid_from) AS d FROM v_customer_segment_history")[0]["d"]
    if first is None or first >= warehouse.run_date:
        return None, {}
    since = max(first, warehouse.run_date - timedelta(days=WINDOW_DAYS))
    rows = warehouse.rows(
        f"SELECT segment, COUNT(*) FILTER (valid_from > DATE '{since}' AND valid_from <= DATE '{warehouse.run_date}')"
        f" AS entered, COUNT(*) FILTER (valid_to > DATE '{since}' AND valid_to <= DATE '{warehouse.run_date}') AS"
        ' "left"'
        " FROM v_customer_segment_history GROUP BY segment"
    )
    return since, {row["segment"]: row for row in rows if row["entered"] + row["left"]}


def promo(warehouse: Warehouse) -> Section:
    anchor, title, reads = "promo", "Promo codes", ("promo_performance", "promotion_performance")
    base = warehouse.rows(
        "SELECT COUNT(*) AS codes, SUM(redemptions) AS redemptions, SUM(discount_amount) AS discount,"
        " SUM(revenue) AS revenue, COUNT(*) FILTER (method IN ('randomised', 'matched')) AS measured"
        " FROM v_promo_performance"
    )[0]
    promotions = warehouse.rows(_promo_sql("promotion_performance", "promotion_id"))
    sources = ("promo_codes", "promo_redemptions")
    if not base["codes"] and not promotions:
        cause = "no promo code has been redeemed so far"
        return Section(anchor, title, reads, reason=warehouse.why_empty("promo_performance", cause, sources))
    takeaways, charts, tables = [], [], []
    if base["codes"]:
        codes = warehouse.rows(_promo_sql("promo_performance", "promo_code"))
        share = ratio(base["discount"], (base["revenue"] or 0) + (base["discount"] or 0))
        takeaways.append(
            f"{counted(base['codes'], 'code')}, redeemed {counted(int(base['redemptions'] or 0), 'time')}; the"
            f" discount given is {warehouse.money(base['discount'])}"
            + (f", {percent(share)} of what those purchases would have cost." if share is not None else ".")
        )
        takeaways.append(_measured_words(base["codes"], base["measured"]))
        names = [name_of(row["name"]) for row in codes[:DRAWN]]
        revenue = [float(row["revenue"] or 0) for row in codes[:DRAWN]]
        given = [float(row["discount_amount"] or 0) for row in codes[:DRAWN]]
        words = (
            f"{names[0]} was used on purchases of {warehouse.money(codes[0]['revenue'])} at a discount of"
            f" {warehouse.money(codes[0]['discount_amount'])}; {_new_words(codes[0])}."
        )
        heading = "Revenue bought with a code, and discount given"
        charts.append(
            chart(
                "promo", heading, words, 0.6 + 0.42 * len(names), lambda axes: draw_promo(axes, names, revenue, given)
            )
        )
        tables.append(_promo_table(warehouse, "Promo codes", "Code", codes, base["codes"]))
    else:
        takeaways.append(warehouse.why_empty("promo_performance", "no promo code has been redeemed so far", sources))
    if promotions:
        count = warehouse.rows("SELECT COUNT(*) AS n FROM v_promotion_performance")[0]["n"]
        tables.append(_promo_table(warehouse, "Promotions", "Promotion", promotions, count))
    return Section(anchor, title, reads, takeaways, charts, tables=tables)


def _promo_sql(table: str, key: str) -> str:
    return f"SELECT *, {key} AS name FROM v_{table} ORDER BY revenue DESC NULLS LAST, {key} NULLS LAST LIMIT {LISTED}"


def _measured_words(codes: int, measured: int) -> str:
    if measured == codes:
        return "The effect of every code was measured against customers who did not get it."
    if measured:
        who = f"Only {number(measured)} of {counted(codes, 'code')} {'was' if measured == 1 else 'were'}"
    else:
        who = "No code was"
    return (
        f"{who} measured against customers who did not get it. For the others, revenue is what was bought with the"
        " code, not because of it: part would have been bought anyway."
    )


def _new_words(row: Row) -> str:
    if row["customers"] is None or row["new_customers"] is None:
        return "how many of its customers were new is not known"
    return f"{number(row['new_customers'])} of its {counted(row['customers'], 'customer')} were new"


def _promo_table(warehouse: Warehouse, what: str, label: str, rows: Sequence[Row], count: int) -> Table:
    cells = [
        (
            name_of(row["name"], 40),
            number(row["redemptions"]),
            number(row["customers"]),
            number(row["new_customers"]),
            warehouse.money(row["revenue"]),
            warehouse.money(row["discount_amount"]),
            warehouse.money(row["cost_amount"]),
            warehouse.money(row["incremental_profit"]),
            signed(percent(row["roi"], 0), row["roi"]),
            name_of(row["method"], 40) if row["method"] else "not measured",
        )
        for row in rows
    ]
    columns = (
        label,
        "Used",
        "Customers",
        "New",
        "Revenue",
        "Discount",
        "Cost",
        "Extra profit",
        "ROI",
        "How it is known",
    )
    shown = (
        f"{what}: the {len(rows)} with most revenue of {number(count)}" if count > len(rows) else f"{what}, all {count}"
    )
    return Table(shown, columns, "tnnnnnnnnt", cells, method_note(row["method"] for row in rows))


def method_note(methods: Iterable[object]) -> str:
    """What the methods that occur mean."""
    present = {str(method) for method in methods if method is not None}
    words = "; ".join(text for method, text in METHODS.items() if method in present)
    return words[:1].upper() + words[1:] + ("." if words else "")


def effect_rows(warehouse: Warehouse) -> list[Row]:
    """campaign_effect for everyone (segment 'all'), with `campaign`, its name for people; the programme first."""
    rows = warehouse.rows(
        "SELECT * FROM v_campaign_effect WHERE segment = 'all' OR segment IS NULL"
        " ORDER BY campaign_id <> 'programme', campaign_id NULLS LAST, metric NULLS LAST"
    )
    for row in rows:
        row["campaign"] = "Whole programme" if row["campaign_id"] == "programme" else name_of(row["campaign_id"])
    return rows


def main_metric(rows: Sequence[Row]) -> str | None:
    """The metric with an interval for most campaigns; margin before revenue before orders before buyers."""
    counts = {metric: sum(row["metric"] == metric and _has_interval(row) for row in rows) for metric in METRICS}
    best = max(METRICS, key=lambda metric: counts[metric])  # the first of equals
    return best if counts[best] else None


def _has_interval(row: Row) -> bool:
    return all(known(row[column]) for column in ("effect", "ci_low", "ci_high"))


def _measure(warehouse: Warehouse, metric: str | None) -> Callable[[Number | None], str]:
    if metric in MONEY_METRICS:
        return lambda value: warehouse.money(value, 2)
    return (lambda value: percent(value, 2)) if metric == "buyer_rate" else (lambda value: number(value, 3))


def campaigns(warehouse: Warehouse) -> Section:
    anchor, title, reads = "campaigns", "Do campaigns work", ("campaign_effect",)
    rows = effect_rows(warehouse)
    if not rows:
        cause = "no campaign has assigned customers whose window has begun"
        sources = ("campaigns", "campaign_members")
        return Section(anchor, title, reads, reason=warehouse.why_empty("campaign_effect", cause, sources))
    metric = main_metric(rows)
    drawn = [row for row in rows if row["metric"] == metric and _has_interval(row)]
    takeaways, charts = [campaign_words(drawn, metric)], []
    if drawn:
        best = max(drawn, key=lambda row: (row["ci_low"], row["campaign"]))
        show = _measure(warehouse, metric)
        words = (
            f"{best['campaign']}: {METRICS[str(metric)]} {signed(show(best['effect']), best['effect'])} against control"
            f" (95% interval {show(best['ci_low'])} to {show(best['ci_high'])}),"
            f" {number(best['treated_customers'])} treated and {number(best['control_customers'])} control customers."
        )
        short = [{**row} for row in drawn[: DRAWN + 2]]
        axis: Callable[[float], str] = (lambda v: percent(v, 1)) if metric == "buyer_rate" else compact
        unit = f", {warehouse.currency}" if metric in MONEY_METRICS and warehouse.currency else ""
        heading = f"Effect on {METRICS[str(metric)]}{unit}"
        charts.append(
            chart("effects", heading, words, 0.9 + 0.42 * len(short), lambda axes: draw_effects(axes, short, axis))
        )
        if any(not row["is_complete"] for row in drawn):
            takeaways.append(
                "Hollow dots are still open: look at them when the window has closed, early looks mislead."
            )
    others = warehouse.rows("SELECT COUNT(*) AS n FROM v_campaign_effect WHERE segment <> 'all'")[0]["n"]
    if others:
        takeaways.append(f"campaign_effect also holds {counted(others, 'figure')} for single segments.")
    return Section(anchor, title, reads, takeaways, charts, tables=_effect_tables(warehouse, rows, metric))


def campaign_words(drawn: Sequence[Row], metric: str | None) -> str:
    if not drawn:
        return "No campaign has an effect with an interval yet, so none is proven or disproven."
    done = [row for row in drawn if row["is_complete"] and row["campaign_id"] != "programme"]
    if not done:
        return f"No campaign's window has closed yet; {counted(len(drawn), 'effect')} so far, none final."
    up, down = sum(row["ci_low"] > 0 for row in done), sum(row["ci_high"] < 0 for row in done)
    return (
        f"Of {counted(len(done), 'finished campaign')}, {number(up)} raised {METRICS[str(metric)]} beyond chance,"
        f" {number(down)}"
        f" lowered it, and for {number(len(done) - up - down)} the interval includes zero: no effect is shown either"
        " way."
    )


def _effect_tables(warehouse: Warehouse, rows: Sequence[Row], metric: str | None) -> list[Table]:
    """The main figure of each campaign, what it cost and earned, and (folded) its other figures."""

    def cells(row: Row) -> tuple[str, ...]:
        show = _measure(warehouse, row["metric"])
        return (
            f"{number(row['treated_customers'])} / {number(row['control_customers'])}",
            f"{show(row['treated_mean'])} / {show(row['control_mean'])}",
            signed(show(row["effect"]), row["effect"]),
            f"{show(row['ci_low'])} to {show(row['ci_high'])}" if known(row["ci_low"]) else NONE,
            name_of(row["verdict"]),
            f"{number(row['window_days'])} days, {'closed' if row['is_complete'] else 'open'}",
            name_of(row["method"]),
        )

    columns = ("Treated / control", "Mean of each", "Effect", "95% interval", "Verdict", "Window", "How it is known")
    main = [row for row in rows if metric and row["metric"] == metric]
    tables = []
    if main:
        caption, note = f"Effect on {METRICS[str(metric)]}", method_note(row["method"] for row in main)
        named = [(row["campaign"], *cells(row)) for row in main]
        tables.append(Table(caption, ("Campaign", *columns), "tnnnnttt", named, note))
    money = [row for row in rows if any(known(row[c]) for c in ("cost_amount", "incremental_profit", "roi"))]
    if money:
        earned = [
            (
                row["campaign"],
                warehouse.money(row["cost_amount"]),
                warehouse.money(row["incremental_profit"]),
                _with_interval(row),
            )
            for row in {
                (r["campaign_id"], r["cost_amount"], r["incremental_profit"], r["roi"]): r for r in money
            }.values()
        ]
        note = "ROI = (extra profit less cost) / cost; unknown without cost or margin, or without a comparison group."
        headings = ("Campaign", "Cost", "Extra profit", "ROI (95% interval)")
        tables.append(Table("What campaigns cost and earned", headings, "tnnn", earned, note))
    rest = [(row["campaign"], name_of(METRICS.get(row["metric"], row["metric"])), *cells(row)) for row in rows]
    rest = [cell for cell, row in zip(rest, rows, strict=True) if row not in main]
    if rest:
        caption = "Effect on other figures" if main else "Effects without an interval"
        tables.append(Table(caption, ("Campaign", "Figure", *columns), "ttnnnnttt", rest, folded=bool(main)))
    return tables


def _with_interval(row: Row) -> str:
    roi = signed(percent(row["roi"], 0), row["roi"])
    if not known(row["roi"]) or not known(row["roi_low"]) or not known(row["roi_high"]):
        return roi
    return f"{roi} ({percent(row['roi_low'], 0)} to {percent(row['roi_high'], 0)})"


def exports(warehouse: Warehouse) -> Section:
    anchor, title, reads = "exports", "Campaign lists of tonight", ("campaign_list", "campaign_assignment")
    tonight = f"assigned_date = DATE '{warehouse.run_date}'" if warehouse.run_date else "false"
    keys = "campaign_id, channel"
    rows = warehouse.rows(
        f"WITH listed AS (SELECT {keys}, COUNT(*) AS on_list FROM tonight_campaign_list GROUP BY {keys}),"
        f" arms AS (SELECT {keys}, COUNT(*) FILTER (arm = 'treated') AS treated, COUNT(*) FILTER (arm = 'control') AS"
        f" control, COUNT(*) FILTER (arm = 'treated' AND {tonight}) AS treated_tonight,"
        f" COUNT(*) FILTER (arm = 'control' AND {tonight}) AS control_tonight"
        f" FROM v_campaign_assignment GROUP BY {keys})"
        " SELECT COALESCE(l.campaign_id, a.campaign_id) AS campaign_id, COALESCE(l.channel, a.channel) AS channel,"
        " COALESCE(on_list, 0) AS on_list, COALESCE(treated, 0) AS treated, COALESCE(control, 0) AS control,"
        " COALESCE(treated_tonight, 0) AS treated_tonight, COALESCE(control_tonight, 0) AS control_tonight"
        " FROM listed AS l FULL JOIN arms AS a"
        " ON a.campaign_id IS NOT DISTINCT FROM l.campaign_id AND a.channel IS NOT DISTINCT FROM l.channel"
        " ORDER BY 1 NULLS LAST, 2 NULLS LAST"
    )
    if not rows:
        cause = "no campaign is due tonight, or nobody it may write to qualifies"
        return Section(anchor, title, reads, reason=warehouse.why_empty("campaign_list", cause))
    listed = [row for row in rows if row["on_list"]]
    takeaways = []
    if listed:
        names = {row["campaign_id"] for row in listed}
        most = max(listed, key=lambda row: (row["on_list"], str(row["campaign_id"]), str(row["channel"])))
        takeaways.append(
            f"{counted(sum(r['on_list'] for r in listed), 'entry', 'entries')} on the lists of"
            f" {counted(len(names), 'campaign')}; the longest is {name_of(most['campaign_id'], 40)} by"
            f" {name_of(most['channel'])} with {number(most['on_list'])}."
        )
    else:
        takeaways.append(warehouse.why_empty("campaign_list", "no campaign is due tonight, or nobody qualifies"))
    held = total(rows, "control")
    everyone = held + total(rows, "treated")
    if held:
        takeaways.append(
            f"{counted(held, 'assignment')} of {number(everyone)} ({percent(ratio(held, everyone))}) are control:"
            " they get nothing, so that the effect can be measured."
        )
    per_campaign: dict[Any, int] = {}
    for row in rows:
        per_campaign[row["campaign_id"]] = per_campaign.get(row["campaign_id"], 0) + row["control"]
    without = sorted({name_of(r["campaign_id"], 40) for r in listed if not per_campaign[r["campaign_id"]]})
    if without:
        takeaways.append(
            f"No control group, so no measurable effect: {', '.join(without[:8])}{', …' if without[8:] else ''}."
        )
    cells = [
        (
            name_of(row["campaign_id"]),
            name_of(row["channel"]),
            number(row["on_list"]),
            number(row["treated_tonight"]),
            number(row["control_tonight"]),
            number(row["treated"]),
            number(row["control"]),
            percent(ratio(row["control"], row["treated"] + row["control"])),
        )
        for row in rows
    ]
    columns = (
        "Campaign",
        "Channel",
        "On tonight's list",
        "New tonight: treated",
        "New tonight: control",
        "Treated so far",
        "Control so far",
        "Control share",
    )
    return Section(anchor, title, reads, takeaways, tables=[Table("Lists and arms", columns, "ttnnnnnn", cells)])


def data_quality(warehouse: Warehouse) -> Section:
    anchor, title, reads = "quality", "Can the data be trusted", ("data_quality", "rejected_rows")
    rows = warehouse.rows("SELECT * FROM tonight_data_quality ORDER BY source NULLS LAST")
    rules = warehouse.rows(
        "SELECT source, rule, COUNT(*) AS n, COUNT(DISTINCT file) AS files,"
        " MIN(file || ', row ' || CAST(row_number AS VARCHAR)) AS example"
        " FROM tonight_rejected_rows GROUP BY source, rule ORDER BY n DESC, source NULLS LAST, rule NULLS LAST"
    )
    if not rows and not rules:
        cause = "no extract was read for this night"
        return Section(anchor, title, reads, reason=warehouse.why_empty("data_quality", cause))
    read, rejected = total(rows, "rows_read") or 0, total(rows, "rows_rejected") or 0
    takeaways = [
        f"{counted(read, 'row')} read from {counted(sum(bool(r['rows_read']) for r in rows), 'source')};"
        f" {number(rejected)}"
        f" rejected ({percent(ratio(rejected, read), 2)}), {number(total(rows, 'rows_duplicate') or 0)} were exact"
        " repeats or keys met twice."
    ]
    worst = max(
        (r for r in rows if r["rows_rejected"]), key=lambda r: (_rejected_share(r), str(r["source"])), default=None
    )
    if worst:
        takeaways.append(
            f"Most rejected: {name_of(worst['source'])}, {percent(_rejected_share(worst), 2)} of its rows."
        )
    off = [name_of(row["source"]) for row in rows if not _adds_up(row)]
    if off:
        takeaways.append(f"Rows do not add up (read is not loaded + rejected + duplicate) for {', '.join(off)}.")
    elif rows:
        takeaways.append("For every source the rows add up: read = loaded + rejected + duplicate.")
    columns = ("Source", "Read", "Loaded", "Rejected", "Rejected share", "Duplicate", "Superseded")
    cells = [
        (
            name_of(row["source"]),
            *(number(row[c]) for c in ("rows_read", "rows_loaded", "rows_rejected")),
            percent(ratio(row["rows_rejected"], row["rows_read"]), 2),
            *(number(row[c]) for c in ("rows_duplicate", "rows_superseded")),
        )
        for row in rows
    ]
    note = (
        "Superseded: loaded rows that replaced an earlier row of the same key. A source with 0 rows read sent nothing."
    )
    tables = [Table("Rows by source", columns, "tnnnnnn", cells, note)] if rows else []
    if rules:
        reasons = [
            (name_of(r["source"]), name_of(r["rule"]), number(r["n"]), number(r["files"]), name_of(r["example"]))
            for r in rules[:LISTED]
        ]
        left = f", the {LISTED} most frequent of {number(len(rules))}" if len(rules) > LISTED else ""
        headings = ("Source", "Rule that was broken", "Rows", "Files", "For example")
        tables.append(Table(f"Why rows were rejected{left}", headings, "ttnnt", reasons))
    return Section(anchor, title, reads, takeaways, tables=tables)


def _rejected_share(row: Row) -> float:
    return ratio(row["rows_rejected"], row["rows_read"]) or 0.0


def _adds_up(row: Row) -> bool:
    parts = [row[c] for c in ("rows_read", "rows_loaded", "rows_rejected", "rows_duplicate")]
    return None in parts or parts[0] == sum(parts[1:])


def models(warehouse: Warehouse) -> Section:
    anchor, title, reads = "models", "How good the models are", ("model_quality",)
    rows = warehouse.rows("SELECT * FROM v_model_quality ORDER BY model NULLS LAST, metric NULLS LAST, note NULLS LAST")
    if not rows:
        cause = "no model was fitted, or there was nothing to judge it on"
        return Section(anchor, title, reads, reason=warehouse.why_empty("model_quality", cause))
    names = sorted({str(row["model"]) for row in rows if row["model"] is not None})
    through = max((row["trained_through"] for row in rows if row["trained_through"]), default=None)
    unknown = sum(not known(row["value"]) for row in rows)
    takeaways = [
        f"{counted(len(rows), 'figure')} on {counted(len(names), 'model')}"
        f" ({', '.join(name_of(n, 30) for n in names[:8])})"
        + (f", trained on data through {day(through)}." if through else ".")
    ]
    if unknown:
        takeaways.append(f"{counted(unknown, 'figure')} could not be worked out; the notes say why.")
    cells = [
        (
            name_of(row["model"]),
            name_of(row["metric"]),
            figure_of(row["value"]),
            name_of(row["note"], 240) if row["note"] else "",
            day(row["trained_through"]),
        )
        for row in rows
    ]
    columns = ("Model", "Figure", "Value", "Note", "Trained through")
    table = Table("Model quality", columns, "ttntt", cells, folded=len(cells) > 8)
    return Section(anchor, title, reads, takeaways, tables=[table])


def figure_of(value: float | None) -> str:
    """A figure of unknown unit: four significant digits, whole above a thousand."""
    if value is None or not math.isfinite(value):
        return NONE
    if abs(value) >= 1000 or value == int(value):
        return number(value)
    return number(value, min(6, max(0, 3 - math.floor(math.log10(abs(value))))))


def missing(warehouse: Warehouse) -> Section:
    """Columns of the main tables that are NULL, wholly or (the figures that decide) in part; each with its reason."""
    anchor, title = "missing", "What is missing, and why"
    notes = warehouse.rows("SELECT * FROM v_model_quality WHERE note IS NOT NULL ORDER BY model, metric, note")
    cells, filled_tables = [], 0
    for table in COVERED:
        columns = [c for c in warehouse.comments.get(table, {}) if c != "run_date"]
        if not columns:
            continue
        counts = ", ".join('COUNT("' + column.replace('"', '""') + '")' for column in columns)
        row = warehouse.connection.execute(f"SELECT COUNT(*), {counts} FROM main.{table}").fetchone()
        rows, filled = (row[0], row[1:]) if row else (0, ())
        filled_tables += bool(rows)
        for column, count in zip(columns, filled, strict=True):
            if rows and (count == 0 or (count < rows and column in PARTLY_SHOWN)):
                gap = "all" if count == 0 else f"{number(rows - count)} of {number(rows)}"
                cells.append((table, name_of(column), gap, name_of(_reason(warehouse, notes, table, column), 400)))
    takeaways = []
    empty = sum(cell[2] == "all" for cell in cells)
    if cells:
        takeaways.append(
            f"{counted(empty, 'column')} of the main tables {'is' if empty == 1 else 'are'} empty"
            f" and {number(len(cells) - empty)} filled in part."
            " The unknown stays unknown (a dash on this page): it is never guessed."
        )
    elif filled_tables:
        takeaways.append("No column of the main tables is empty, and the figures that decide are there for every row.")
    else:
        takeaways.append("None of the main tables has a row, so no column of them can be judged.")
    silent = [
        name_of(row["source"])
        for row in warehouse.rows(
            "SELECT source FROM tonight_data_quality WHERE rows_read = 0 ORDER BY source NULLS LAST"
        )
    ]
    if silent:
        takeaways.append(
            f"Nothing came tonight from {', '.join(silent)}; what rests on them alone stays as it was, or empty."
        )
    if warehouse.absent:
        takeaways.append(f"Not in this warehouse, so not in this report: {', '.join(warehouse.absent)}.")
    if not warehouse.currency:
        takeaways.append("The warehouse names no currency, so amounts stand without one.")
    columns_shown = ("Table", "Column", "Rows without it", "Why")
    tables = [Table("Empty and partly filled columns", columns_shown, "ttnt", cells)] if cells else []
    return Section(anchor, title, (*COVERED, "model_quality"), takeaways, tables=tables)


def _reason(warehouse: Warehouse, notes: Sequence[Row], table: str, column: str) -> str:
    """What a model's note says of the column, else the column's own description in the warehouse."""
    specific = "_" in column or column in PARTLY_SHOWN  # 'revenue' in a sentence need not mean the column
    said = [
        str(row["note"])
        for row in notes
        if row["metric"] == column or (specific and re.search(rf"\b{re.escape(column)}\b", str(row["note"])))
    ]
    if said:
        return " ".join(dict.fromkeys(said))
    comment = warehouse.comments[table][column]
    return f"By definition: {comment}" if comment else "No reason is recorded."


# --- the page -------------------------------------------------------------------------------------------------------


def tiles(warehouse: Warehouse) -> list[Tile]:
    """The headline figures; one that has nothing to say is left out."""
    found = []
    rows = kpi_rows(warehouse)
    if rows:
        span = periods(rows)
        days = f"last {span.days} days" if span.days > 1 else "last day"
        revenue = total(span.now, "revenue")
        if revenue is not None:
            found.append(Tile(f"Revenue, {days}", warehouse.money(revenue), revenue_words(warehouse, span)))
        if span.now[-1]["active_members"] is not None:
            found.append(Tile("Active members", number(span.now[-1]["active_members"]), active_words(span)))
        basket = _average_order_value(span.now)
        if basket is not None:
            found.append(Tile("Average order value", warehouse.money(basket, 2), basket_words(warehouse, span)))
    points = concentration(warehouse)
    bases = clv_bases(warehouse)
    if bases:
        words = clv_words(warehouse, bases[0])
        if len(bases) > 1:
            rest = sum(row["customers"] for row in bases[1:])
            words += (
                f" Another {counted(rest, 'customer')} {'is' if rest == 1 else 'are'} counted otherwise and not in it."
            )
        elif points and bases[0]["customers"] >= 10:
            words += f" The top 10% hold {percent(_held_by(points, 0.1)[1])} of it."
        found.append(
            Tile(f"CLV, next {number(bases[0]['horizon_days'])} days", warehouse.money(bases[0]["clv"]), words)
        )
    base = churn_base(warehouse)
    if base["judged"]:
        found.append(Tile("Active customers expected to leave", number(base["leavers"]), leavers_words(base)))
    effects = effect_rows(warehouse)
    metric = main_metric(effects)
    drawn = [row for row in effects if row["metric"] == metric and _has_interval(row)]
    done = [row for row in drawn if row["is_complete"] and row["campaign_id"] != "programme"]
    if done:
        proven = sum(row["ci_low"] > 0 for row in done)
        label = f"Finished campaigns that raised {METRICS[str(metric)]}"
        found.append(Tile(label, f"{number(proven)} of {number(len(done))}", campaign_words(drawn, metric)))
    return found


def render(warehouse: Warehouse) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [
        build(warehouse)
        for build in (trends, rfm, clv, churn, segments, promo, campaigns, exports, data_quality, models, missing)
    ]
    return environment.get_template("report.html.jinja").render(
        run_date=day(warehouse.run_date) if warehouse.run_date else "an unknown date",
        currency=warehouse.currency,
        code_version=name_of(warehouse.code_version) if warehouse.code_version else "",
        tiles=tiles(warehouse),
        sections=sections,
    )


def write_report(warehouse: Path, out: Path, *, mode: int, folder_mode: int) -> Path:
    """Writes `<out>/index.html`, the report of the night that a warehouse holds; the same warehouse, the same bytes.

    Args:
        warehouse: the night's DuckDB file; it is opened read-only.
        out: folder of the report; made with its parents if it is not there.
        mode: mode of the file.
        folder_mode: mode of `out` and of the parents made for it.

    Returns:
        The page's path.

    Raises:
        duckdb.IOException: there is no such warehouse, or it cannot be read.
    """
    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        page = render(Warehouse(connection))
    finally:
        connection.close()
    for folder in [*reversed([p for p in out.parents if not p.exists()]), out]:
        folder.mkdir(exist_ok=True)
        folder.chmod(folder_mode)
    target = out / "index.html"
    descriptor, name = tempfile.mkstemp(dir=out, prefix=".index.", suffix=".html")
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(page.encode())
            file.flush()
            os.fsync(descriptor)
        beside.chmod(mode)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return target
