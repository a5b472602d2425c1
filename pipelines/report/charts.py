"""Charts: drawn by matplotlib, as SVG inside the page.

A chart is serialised from an XML tree, so that names from data cannot become markup. It carries no random id.
"""

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipelines.report.words import MINUS, MONTHS, Row, Show, compact, name_of, number, percent, signed, whole_percent

INK, MUTED, EDGE, GRID = "#1f2933", "#52606d", "#9aa5b1", "#e4e7eb"
BLUE, PALE, ORANGE, TAN = "#1f5f99", "#a9c6e0", "#b4530a", "#d08a55"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "loyalty",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: text is as wide everywhere; CSS sets the visible font
    "font.size": 10.0,
    "text.color": INK,
    "grid.color": GRID,
    "axes.edgecolor": EDGE,
    "axes.axisbelow": True,
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "axes.spines.left"), False),
    **dict.fromkeys(("axes.labelcolor", "xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("axes.labelsize", "xtick.labelsize", "ytick.labelsize"), 9.5),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 0.0),
}
SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True)
class Chart:
    """A picture. The takeaway is its caption, and what a screen reader says."""

    title: str
    takeaway: str
    svg: Markup


def chart(key: str, title: str, takeaway: str, height: float, draw: Callable[..., None], *data: Any) -> Chart:
    """A chart that `draw` makes of data, 4.6 inches wide (legible on a phone without zooming)."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, height))
        FigureCanvasSVG(figure)  # measures the text
        draw(figure.subplots(), *data)
        ConstrainedLayoutEngine().execute(figure)  # once: a figure with an engine of its own draws itself twice
        return Chart(title, takeaway, _inline_svg(figure, key, f"{title}. {takeaway}"))


def _inline_svg(figure: Figure, key: str, label: str) -> Markup:
    """The figure as an <svg> element without prolog, style sheet and metadata; its ids are unique on the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 (matplotlib's own output)
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in (f"{SVG}metadata", f"{SVG}style")]:
            parent.remove(child)
    values = [value for element in root.iter() for value in element.attrib.values()]
    used = {found for value in values for found in re.findall(r"(?:^|url\()#([^)]+)", value)}
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        for attribute, value in list(element.attrib.items()):
            if attribute == "id":
                element.set("id", f"{key}-{value}")
            elif attribute == XLINK:
                element.set("href", f"#{key}-{element.attrib.pop(XLINK)[1:]}")
            elif "url(#" in value:
                element.set(attribute, value.replace("url(#", f"url(#{key}-"))
    for attribute in ("width", "height", "version"):
        del root.attrib[attribute]
    root.set("role", "img")
    root.set("aria-label", label)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 (a serialised tree has its text escaped)


def _label(axes: Any, text: str, at: tuple[Any, Any], offset: tuple[int, int], color: str, **style: Any) -> None:
    """Text beside a point, `offset` in points."""
    axes.annotate(text, at, xytext=offset, textcoords="offset points", color=color, **style)


def _ticks(axis: Any, show: Show, most: int = 4) -> None:
    axis.set_major_locator(MaxNLocator(most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))


def _named_rows(axes: Any, names: Sequence[str], top: float = -0.6) -> None:
    axes.set_yticks(range(len(names)), [name_of(name, 22) for name in names])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, top)
    axes.spines.bottom.set_visible(False)


def _date_ticks(axes: Any, dates: Sequence[date]) -> None:
    long = (dates[-1] - dates[0]).days > 300
    steps = max(min(len(dates), 4) - 1, 1)
    picked = sorted({dates[round(i * (len(dates) - 1) / steps)] for i in range(steps + 1)})
    labels = [f"{MONTHS[d.month - 1]} {d.year}" if long else f"{d.day} {MONTHS[d.month - 1]}" for d in picked]
    axes.set_xticks(picked, labels)
    if len(picked) > 1:
        first, *_, last = axes.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")


def draw_trend(axes: Any, dates: Sequence[date], daily: Sequence[float], smooth: Sequence[float] | None) -> None:
    """A line with its last value at its end; a smoothed line lies over the pale daily values."""
    line = smooth or daily
    if smooth:
        axes.plot(dates, daily, color=PALE, linewidth=0.7)
    axes.plot(dates, line, color=BLUE, linewidth=1.8)
    last = max((i for i, value in enumerate(line) if math.isfinite(value)), default=None)
    if last is not None:
        end = (dates[last], line[last])
        axes.plot(*end, "o", color=BLUE, markersize=4)
        _label(axes, compact(line[last]), end, (6, 0), BLUE, va="center", weight="bold", annotation_clip=False)
    values = [0.0, *(v for v in (*daily, *line) if math.isfinite(v))]
    low, high = min(values), max(values)
    axes.set_ylim(low * 1.08, high * 1.08 if high > low else 1)
    if low < 0:
        axes.axhline(0, color=EDGE, linewidth=0.8)
    _ticks(axes.yaxis, compact)
    axes.grid(axis="y")
    margin = timedelta(days=len(dates) == 1)
    axes.set_xlim(dates[0] - margin, dates[-1] + margin)
    _date_ticks(axes, dates)


def draw_shares(axes: Any, names: Sequence[str], customers: Sequence[float], revenue: Sequence[float]) -> None:
    """Per segment a dumbbell: share of customers (hollow) and share of revenue (full)."""
    for i, (of_customers, of_revenue) in enumerate(zip(customers, revenue, strict=True)):
        axes.plot([of_customers, of_revenue], [i, i], color=PALE, linewidth=3, zorder=1, solid_capstyle="round")
        axes.plot(of_customers, i, "o", color="white", markeredgecolor=MUTED, markeredgewidth=1.5, markersize=7)
        axes.plot(of_revenue, i, "o", color=BLUE, markersize=7)
    _named_rows(axes, names)
    first = (customers[0], revenue[0])
    for value, text, color, is_left in (
        (first[0], "customers", MUTED, first[0] <= first[1]),
        (first[1], "revenue", BLUE, first[1] < first[0]),
    ):
        side, offset = ("right", -8) if is_left else ("left", 8)
        _label(axes, text, (value, 0), (offset, 0), color, ha=side, va="center", fontsize=9)
    axes.axvline(0, color=EDGE, linewidth=0.8, zorder=0)
    low, high = min(0.0, *customers, *revenue), max(0.01, *customers, *revenue)
    room = (high - low) * 0.3
    axes.set_xlim(min(low, min(first) - room), max(high * 1.08, max(first) + room))
    _ticks(axes.xaxis, lambda value: percent(value, 0) if value >= low else "", 5)
    axes.grid(axis="x")


def draw_concentration(axes: Any, points: Sequence[tuple[float, float]], marked: Sequence[tuple[float, float]]) -> None:
    """Cumulative share of CLV over the share of customers, most valuable first, beside the line of equality."""
    x, y = zip(*points, strict=True)
    axes.plot([0, 1], [0, 1], color=EDGE, linewidth=1, linestyle=(0, (4, 3)))
    axes.text(0.62, 0.55, "if all were worth the same", color=MUTED, fontsize=9, ha="left", va="top")
    axes.fill_between(x, y, x, color=PALE, alpha=0.35)
    axes.plot(x, y, color=BLUE, linewidth=2)
    for share, held in marked:
        axes.plot(share, held, "o", color=BLUE, markersize=5)
        text = f"top {percent(share, 0)}: {percent(held, 0)}"
        _label(axes, text, (share, held), (7, -3), BLUE, va="top", weight="bold")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(1.02, *y))
    axes.set_xlabel("share of customers, most valuable first")
    axes.set_ylabel("share of CLV")
    for axis in (axes.xaxis, axes.yaxis):
        _ticks(axis, whole_percent)
    axes.grid(axis="y")


def draw_calibration(axes: Any, deciles: Sequence[Row]) -> None:
    """Per decile: predicted as a dash, actual as a dot with its 95 % interval."""
    for row in deciles:
        x = row["Decile"]
        axes.plot([x, x], row["95% interval"], color=PALE, linewidth=5, solid_capstyle="butt", zorder=1)
        axes.plot(x, row["Actual"], "o", color=BLUE, markersize=6, zorder=3)
        axes.plot([x - 0.35, x + 0.35], [row["Predicted"]] * 2, color=ORANGE, linewidth=2.2, zorder=2)
    axes.set_xticks([row["Decile"] for row in deciles])
    axes.set_xlim(deciles[0]["Decile"] - 0.7, deciles[-1]["Decile"] + 0.7)
    top = max(max(row["95% interval"][1], row["Predicted"]) for row in deciles)
    axes.set_ylim(0, min(1.02, top * 1.12) if top else 1)
    for height, text, color in ((0.97, "— predicted", ORANGE), (0.87, "● actual, with its 95% interval", BLUE)):
        axes.text(0.98, height, text, transform=axes.transAxes, color=color, weight="bold", va="top", ha="right")
    _ticks(axes.yaxis, whole_percent)
    axes.set_xlabel("decile of predicted churn")
    axes.grid(axis="y")


def draw_forecast_by_decile(axes: Any, deciles: Sequence[Row], show: Show, unit: str) -> None:
    """Per decile of the forecast: forecast as a dash, actual as a dot, without a model as a ring."""
    for x, row in enumerate(deciles, start=1):
        if row["Without a model"] is not None:
            axes.plot(x, row["Without a model"], "o", color="white", markeredgecolor=MUTED, markersize=5, zorder=1)
        axes.plot([x - 0.35, x + 0.35], [row["Forecast"]] * 2, color=ORANGE, linewidth=2.2, zorder=2)
        axes.plot(x, row["Actual"], "o", color=BLUE, markersize=6, zorder=3)
    axes.set_xticks(range(1, len(deciles) + 1), [str(int(row["Group"])) for row in deciles])
    _forecast_axes(axes, deciles, show, unit)
    axes.set_xlabel("decile of the forecast, 1 the highest")


def draw_forecast_over_time(axes: Any, forecasts: Sequence[Row], show: Show, unit: str) -> None:
    """By date of the forecast, oldest first: forecast, actual, and without a model, each a line with points."""
    for key, color, style in (("Without a model", MUTED, "o:"), ("Forecast", ORANGE, "_-"), ("Actual", BLUE, "o-")):
        known = [(row["Forecast of"], row[key]) for row in forecasts if row[key] is not None]
        if known:
            face = "white" if color == MUTED else color
            size = 9 if style[0] == "_" else 5
            axes.plot(
                *zip(*known, strict=True), style, color=color, markerfacecolor=face, markersize=size, linewidth=1.2
            )
    dates = [row["Forecast of"] for row in forecasts]
    margin = timedelta(days=max(3, (dates[-1] - dates[0]).days // 20))
    axes.set_xlim(dates[0] - margin, dates[-1] + margin)
    _date_ticks(axes, sorted({dates[0], dates[-1]}))
    _forecast_axes(axes, forecasts, show, unit)
    axes.set_xlabel("date of the forecast")


def _forecast_axes(axes: Any, rows: Sequence[Row], show: Show, unit: str) -> None:
    """An axis from 0, with space for the legend."""
    values = [row[key] for row in rows for key in ("Forecast", "Actual", "Without a model") if row[key] is not None]
    axes.set_ylim(0, (max(values) or 1) * 1.45)
    legend = [(0.99, "— forecast", ORANGE), (0.91, "● what happened", BLUE)]
    if any(row["Without a model"] is not None for row in rows):
        legend.append((0.83, "○ without a model", MUTED))
    for height, text, color in legend:
        axes.text(0.98, height, text, transform=axes.transAxes, color=color, weight="bold", va="top", ha="right")
    _ticks(axes.yaxis, lambda value: "" if show is whole_percent and value > 1 else show(value))
    axes.set_ylabel(unit)
    axes.grid(axis="y")


def draw_headroom(axes: Any, names: Sequence[str], rooms: Sequence[float]) -> None:
    """Per category a bar with its amount."""
    axes.barh(range(len(names)), [float(room) for room in rooms], color=BLUE, height=0.6)
    reach = float(max(rooms)) or 1.0
    for i, room in enumerate(rooms):
        axes.text(float(room) + reach * 0.02, i, compact(room), va="center", fontsize=9, color=BLUE)
    _named_rows(axes, names)
    axes.set_xlim(0, reach * 1.2)
    axes.set_xticks([])
    axes.axvline(0, color=EDGE, linewidth=0.8)


def draw_due(axes: Any, starts: Sequence[date], weeks: Sequence[tuple[int, float]]) -> None:
    """Per week a pale bar of the customers who are due, and in it a full bar of those expected to order again."""
    positions = range(len(weeks))
    axes.bar(positions, [due for due, _ in weeks], color=PALE, width=0.8)
    axes.bar(positions, [float(orders) for _, orders in weeks], color=BLUE, width=0.8)
    axes.set_ylim(0, (max(due for due, _ in weeks) or 1) * 1.3)
    for height, text, color in ((0.99, "■ due", EDGE), (0.91, "■ expected to order again", BLUE)):
        axes.text(0.98, height, text, transform=axes.transAxes, color=color, weight="bold", va="top", ha="right")
    axes.set_xticks(positions[::4], [f"{start.day} {MONTHS[start.month - 1]}" for start in starts[::4]])
    axes.set_xlabel("week that begins on")
    axes.set_ylabel("customers")
    _ticks(axes.yaxis, compact)
    axes.grid(axis="y")


def draw_movement(axes: Any, names: Sequence[str], entered: Sequence[int], left: Sequence[int]) -> None:
    """Per segment a bar to the right for customers who entered, and one to the left for those who left."""
    axes.barh(range(len(names)), entered, color=BLUE, height=0.62)
    axes.barh(range(len(names)), [-v for v in left], color=TAN, height=0.62)
    reach = max(1, *entered, *left)
    for i, (came, went) in enumerate(zip(entered, left, strict=True)):
        axes.text(came + reach * 0.03, i, signed(number, came), va="center", fontsize=9, color=BLUE)
        text = MINUS + number(went) if went else "0"
        axes.text(-went - reach * 0.03, i, text, va="center", ha="right", fontsize=9, color=ORANGE)
    _named_rows(axes, names)
    axes.axvline(0, color=EDGE, linewidth=0.8)
    axes.set_xlim(-reach * 1.35, reach * 1.35)
    axes.set_xticks([-reach * 0.6, reach * 0.6], ["left", "entered"])


def draw_promo(axes: Any, names: Sequence[str], revenue: Sequence[float], discount: Sequence[float]) -> None:
    """Per code a thick bar of revenue, and below it a thin bar of the discount given."""
    axes.barh([i - 0.14 for i in range(len(names))], revenue, color=BLUE, height=0.42)
    axes.barh([i + 0.24 for i in range(len(names))], discount, color=TAN, height=0.2)
    low, high = min(0.0, *revenue), max(0.0, *revenue, *discount)
    reach = (high - low) or 1
    for i, (value, given) in enumerate(zip(revenue, discount, strict=True)):
        start, words = max(value, 0) + reach * 0.02, (" revenue", " discount") if i == 0 else ("", "")
        axes.text(start, i - 0.16, compact(value) + words[0], va="center", fontsize=9, color=BLUE)
        axes.text(given + reach * 0.02, i + 0.3, compact(given) + words[1], va="center", fontsize=8, color=ORANGE)
    _named_rows(axes, names)
    axes.set_xlim(low * 1.1, low + reach * 1.4)
    axes.set_xticks([])
    axes.axvline(0, color=EDGE, linewidth=0.8)


def draw_effects(axes: Any, rows: Sequence[Row], show: Show) -> None:
    """A forest plot: effect with its 95 % interval; hollow while the campaign's window is open."""
    for i, row in enumerate(rows):
        low, high, effect = row["ci_low"], row["ci_high"], row["effect"]
        color = {"up": BLUE, "down": ORANGE}.get(row["direction"], MUTED)
        axes.plot([low, high], [i, i], color=color, linewidth=2.2, solid_capstyle="butt")
        face = color if row["is_complete"] else "white"
        axes.plot(effect, i, "o", color=face, markeredgecolor=color, markeredgewidth=1.6, markersize=7)
        _label(axes, signed(show, effect), (effect, i), (0, 7), color, ha="center")
    _named_rows(axes, [row["campaign"] for row in rows], top=-0.75)
    axes.axvline(0, color=INK, linewidth=0.9)
    _ticks(axes.xaxis, lambda value: signed(show, value), 5)
    axes.grid(axis="x")
