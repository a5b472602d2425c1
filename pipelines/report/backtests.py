"""How far the forecasts can be trusted: what was forecast at past dates, beside the outcome."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.report.charts import chart, draw_forecast_by_decile, draw_forecast_over_time
from pipelines.report.page import Section, Warehouse
from pipelines.report.words import Row, Show, compact, counted, day, number, percent, ratio, whole_percent


@dataclass(frozen=True)
class _Measure:
    """What is forecast, in words, and how the forecast and its errors are shown.

    error, order: the metrics of distance and of order, customer by customer. guess: what is said without a model.
    """

    name: str
    title: str
    unit: str
    show: Show
    shape: str
    error: str
    order: str
    guess: str


_AS_BEFORE = "each customer buys as much as in the same number of days before"
_MEASURES = (
    _Measure(
        "purchase_days", "Purchase days per customer", "purchase days", compact, "hundredths",
        "mean_absolute_error", "rank_correlation", _AS_BEFORE,
    ),
    _Measure(
        "revenue", "Revenue per customer", "revenue", compact, "cents",
        "mean_absolute_error", "rank_correlation", _AS_BEFORE,
    ),
    _Measure(
        "churned", "Active customers that left", "share that left", whole_percent, "share",
        "brier", "auc", "the same share leaves as last time, among customers with as many weeks since their last order",
    ),
    _Measure(
        "spent_more", "Customers that spent more", "share that spent more", whole_percent, "share",
        "brier", "auc", "the same share spends more as last time, among customers with the same trend of spend",
    ),
    _Measure(
        "ordered_in_interval", "Ended intervals that held the next order", "share within it", whole_percent, "share",
        "median_error_days", "auc", "each customer orders again after their usual number of days",
    ),
)  # fmt: skip

_FORECASTS = """
SELECT b.as_of_date AS "Forecast of", b.window_days AS "Days", REPLACE(b.kind, '_', ' ') AS "Kind",
    b.trained_through AS "Trained through", b.customers AS "Customers", b.predicted AS "Forecast",
    b.actual AS "Actual", b.baseline AS "Without a model",
    e.value AS "Error", e.baseline_value AS "Error without", o.value AS "Order", o.baseline_value AS "Order without",
    e.beats_baseline AS is_better
FROM backtest AS b
LEFT JOIN backtest_quality AS e
    ON (e.measure, e.kind, e.as_of_date, e.window_days, e.metric)
    = (b.measure, b.kind, b.as_of_date, b.window_days, $error)
LEFT JOIN backtest_quality AS o
    ON (o.measure, o.kind, o.as_of_date, o.window_days, o.metric)
    = (b.measure, b.kind, b.as_of_date, b.window_days, $order)
WHERE b.measure = $measure AND b.dimension = 'all' AND b.predicted IS NOT NULL
ORDER BY b.as_of_date, b.window_days, b.kind DESC
"""

_GROUPS = """
SELECT dimension_value AS "Group", customers AS "Customers", predicted AS "Forecast", actual AS "Actual",
    baseline AS "Without a model"
FROM backtest
WHERE measure = $measure AND dimension = $dimension AND predicted IS NOT NULL
    AND (as_of_date, window_days, REPLACE(kind, '_', ' ')) = ($as_of, $days, $kind)
ORDER BY dimension_value
"""

_WITHOUT_FORECAST = """
SELECT DISTINCT as_of_date, REPLACE(note, '_', ' ') AS note
FROM backtest_quality
WHERE metric = 'customers' AND value = 0
ORDER BY as_of_date, note
"""


def backtests(warehouse: Warehouse) -> Section:
    as_of = warehouse.one("SELECT MAX(backtest_date) AS day FROM backtest_quality")["day"]
    section = Section(
        takeaways=[
            f"As known on {day(as_of)}. Published: what an earlier night forecast; rolling origin: what the models say"
            " when they are fitted on the data up to a past date alone."
        ]
    )
    for measure in _MEASURES:
        asked = {"measure": measure.name, "error": measure.error, "order": measure.order}
        forecasts = warehouse.rows(_FORECASTS, **asked)
        if forecasts:
            _add(section, warehouse, measure, forecasts)
    section.takeaways += [f"Not compared: {row['note']}." for row in warehouse.rows(_WITHOUT_FORECAST)]
    return section


def _add(section: Section, warehouse: Warehouse, measure: _Measure, forecasts: Sequence[Row]) -> None:
    """Add a measure's sentence, charts (none of revenue, which follows the purchase days) and tables."""
    latest = forecasts[-1]
    section.takeaways.append(_words(measure, forecasts))

    def groups(dimension: str) -> list[Row]:
        keys = {"as_of": latest["Forecast of"], "days": latest["Days"], "kind": latest["Kind"]}
        return warehouse.rows(_GROUPS, measure=measure.name, dimension=dimension, **keys)

    which = f"forecast of {day(latest['Forecast of'])} for {counted(latest['Days'], 'day')}"
    if measure.name != "revenue":
        same_window = [row for row in forecasts if row["Days"] == latest["Days"]]
        by_decile = f"{measure.title} by decile, {which}"
        by_date = f"{measure.title} by date of the forecast, for {counted(latest['Days'], 'day')}"
        for key, title, draw, rows, about in (
            ("deciles", by_decile, draw_forecast_by_decile, groups("decile"), _decile_words),
            ("dates", by_date, draw_forecast_over_time, same_window, _range_words),
        ):
            if rows:
                picture = chart(
                    f"{measure.name}-{key}", title, about(rows, measure), 2.9, draw, rows, measure.show, measure.unit
                )
                section.charts.append(picture)
    shape = measure.shape
    shown = [{name: value for name, value in row.items() if name != "is_better"} for row in forecasts]
    note = (
        f"Error: {measure.error.replace('_', ' ')}, 0 is right. Order: {measure.order.replace('_', ' ')}, 1 is the"
        f" right order of customers. Without a model: {measure.guess}."
    )
    shapes = f"day, count, name, day, count, {shape}, {shape}, {shape}, figure, figure, figure, figure"
    section.tables.append(warehouse.table(f"{measure.title}: forecasts of the past", shapes, shown, note, folded=True))
    for dimension, name in (("rfm_segment", "RFM segment"), ("first_order_quarter", "quarter of the first order")):
        rows = groups(dimension)
        if rows:
            shapes = f"name, count, {shape}, {shape}, {shape}"
            section.tables.append(warehouse.table(f"{measure.title} by {name}, {which}", shapes, rows, folded=True))


def _words(measure: _Measure, forecasts: Sequence[Row]) -> str:
    """The latest forecast of each window, and how often a forecast came nearer than the guess without a model."""
    latest = {row["Days"]: row for row in forecasts}
    parts = []
    for days, row in sorted(latest.items()):
        gap = _gap_words(row)
        difference = f" ({gap})" if gap else ""
        parts.append(
            f"the forecast of {day(row['Forecast of'])} for {counted(days, 'day')} was"
            f" {_shown(measure, row['Forecast'])} and the outcome was {_shown(measure, row['Actual'])}{difference}"
        )
    words = f"{measure.title}: {'; '.join(parts)}."
    compared = [row["is_better"] for row in forecasts if row["is_better"] is not None]
    if compared:
        words += (
            f" Customer by customer, {number(sum(compared))} of {counted(len(compared), 'forecast')} came nearer than"
            f" the guess that {measure.guess}."
        )
    return words


def _gap_words(row: Row) -> str:
    """How far a forecast was from the outcome, in words; nothing if the outcome is not positive."""
    gap = ratio(row["Forecast"] - row["Actual"], row["Actual"])
    if gap is None:
        return ""
    return f"{percent(abs(gap))} too {'high' if gap > 0 else 'low'}" if abs(gap) >= 0.0005 else "as forecast"


def _range_words(rows: Sequence[Row], measure: _Measure) -> str:
    known = sorted((row for row in rows if row["Actual"] > 0), key=lambda row: row["Forecast"] / row["Actual"])
    if not known:
        return f"Nothing to compare with: {measure.unit} is zero in every window."
    lowest, highest = _gap_words(known[0]), _gap_words(known[-1])
    return (
        f"All customers together: {lowest}."
        if lowest == highest
        else (f"All customers together: from {lowest} to {highest}.")
    )


def _decile_words(rows: Sequence[Row], measure: _Measure) -> str:
    worst = max(rows, key=lambda row: abs(row["Forecast"] - row["Actual"]))
    return (
        f"The largest gap is in decile {int(worst['Group'])}: forecast {_shown(measure, worst['Forecast'])}, actual"
        f" {_shown(measure, worst['Actual'])}."
    )


def _shown(measure: _Measure, value: float) -> str:
    return percent(value) if measure.shape == "share" else number(value, 2)
