"""What a backtest says, line by line: for the command line and for the log of its DAG."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.publishing.text_table import text_table
from pipelines.store.manifest import Backtest

# By measure: its title, the decimals of a mean, and the metrics to show beside the mean forecast and outcome.
_MEASURES = {
    "purchase_days": ("Purchase days per customer (CLV)", 2, ("mean_absolute_error", "rank_correlation")),
    "revenue": ("Revenue per customer (CLV)", 2, ("mean_absolute_error", "rank_correlation", "interval_coverage")),
    "churned": ("Share of active customers that left (churn)", 3, ("auc", "brier")),
    "spent_more": ("Share of customers that spent more than in the horizon before (growth)", 3, ("auc", "brier")),
    "ordered_in_interval": (
        "Share of ended intervals that held the next order (next order)",
        3,
        ("median_error_days", "coverage_of_orders", "brier"),
    ),
    "rose_a_tier": ("Share of members that reached the next tier by the end of the period", 3, ("auc", "brier")),
}


def backtest_lines(backtest: Backtest, by: str | None = None) -> Iterator[str]:
    """Every forecast beside what happened; or, by groups of customers, the latest forecast of each measure.

    Args:
        backtest: as it was kept.
        by: a dimension of table backtest; None for the forecasts as a whole.
    """
    yield f"Backtest as of night {backtest.run_date}: forecasts of the past, and what customers then did."
    yield "In brackets: a forecast without a model. That is as much as in the window before; for churn, the share that"
    yield "left of customers with as many weeks since their last order, one cut-off earlier; for growth, the share that"
    yield "spent more then, of those whose spend had moved alike; for a next order, the usual time after the last one."
    yield "A figure that is not known is shown as -."
    groups, quality = backtest.tables["backtest"], backtest.tables["backtest_quality"]
    for measure, (title, digits, metrics) in _MEASURES.items():
        yield ""
        yield title
        rows = [row for row in groups if row["measure"] == measure]
        if by is None:
            totals = [row for row in rows if row["dimension"] == "all"]
            yield from _forecast_lines(totals, [row for row in quality if row["measure"] == measure], digits, metrics)
        else:
            yield from _group_lines([row for row in rows if row["dimension"] == by], digits)


def _forecast(row: dict[str, Any]) -> tuple[str, str, int]:
    """What names a forecast of a measure: the day, the kind, the length."""
    return f"{row['as_of_date']}", row["kind"], row["window_days"]


def _forecast_lines(
    totals: list[dict[str, Any]], quality: list[dict[str, Any]], digits: int, metrics: tuple[str, ...]
) -> Iterator[str]:
    """A line a forecast, the reason of each that is missing, and how many beat the forecast without a model."""
    by_name = {(*_forecast(row), row["metric"]): row for row in quality}
    lines: list[Sequence[str]] = [("forecast of", "kind", "days", "customers", "forecast", "actual", *metrics)]
    for row in totals:
        shown = [by_name[(*_forecast(row), metric)] for metric in metrics]
        cells = [_with_baseline(metric["value"], metric["baseline_value"], 3) for metric in shown]
        forecast = _with_baseline(row["predicted"], row["baseline"], digits)
        as_of, kind, days = _forecast(row)
        actual = _decimals(row["actual"], digits)
        lines.append((as_of, kind, f"{days}", f"{row['customers']:,}", forecast, actual, *cells))
    if totals:
        yield text_table(lines)
    for row in quality:
        if row["metric"] == "customers" and not row["value"]:
            yield f"  {row['note']}"
    better = [row["beats_baseline"] for row in quality if row["metric"] == metrics[0]]
    compared = [is_better for is_better in better if is_better is not None]
    if compared:
        yield f"  By {metrics[0]} better than without a model: {sum(compared)} of {len(compared)} forecasts."


def _group_lines(rows: list[dict[str, Any]], digits: int) -> Iterator[str]:
    """A line a group of the latest forecast: of the published one, where one of each kind is as late."""
    if not rows:
        yield "  no forecast to show"
        return
    latest = max(rows, key=lambda row: (f"{row['as_of_date']}", row["kind"] == "published"))
    as_of, kind, days = _forecast(latest)
    yield f"  forecast of {as_of} ({kind}) for {days} days"
    lines: list[Sequence[str]] = [(latest["dimension"], "customers", "forecast", "actual")]
    for row in rows:
        if _forecast(row) == _forecast(latest):
            forecast = _with_baseline(row["predicted"], row["baseline"], digits)
            actual = _decimals(row["actual"], digits)
            lines.append((row["dimension_value"], f"{row['customers']:,}", forecast, actual))
    yield text_table(lines)


def _decimals(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _with_baseline(value: float | None, baseline: float | None, digits: int) -> str:
    """A value, with the baseline's in brackets."""
    return f"{_decimals(value, digits)} ({_decimals(baseline, digits)})"
