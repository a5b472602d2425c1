"""What a backtest says on the command line: forecasts beside outcomes, and what a guess without a model had said."""

from datetime import date

from pipelines.publishing.backtest_summary import backtest_lines
from pipelines.store.manifest import Backtest

FORECAST = {"measure": "churned", "as_of_date": date(2025, 4, 1), "window_days": 90}
TITLE = "Share of active customers that left (churn)"


def group(kind: str, dimension: str, value: str, predicted: float | None, actual: float | None) -> dict[str, object]:
    means = {"customers": 1200, "predicted": predicted, "actual": actual, "baseline": 0.5}
    return {**FORECAST, "kind": kind, "dimension": dimension, "dimension_value": value, **means}


def metric(kind: str, name: str, value: float | None, beats: bool | None = None) -> dict[str, object]:
    result = {"value": value, "baseline_value": 0.5, "beats_baseline": beats, "note": f"note of {name}"}
    return {**FORECAST, "kind": kind, "metric": name, **result}


def lines(groups: list[dict[str, object]], quality: list[dict[str, object]], by: str | None = None) -> list[str]:
    """The lines of churn's chapter, which others follow."""
    backtest = Backtest(
        run_date=date(2025, 7, 1), code_version="x", tables={"backtest": groups, "backtest_quality": quality}
    )
    found = list(backtest_lines(backtest, by))
    assert found[0].startswith("Backtest as of night 2025-07-01: ")
    begin = found.index(TITLE) + 1
    return "\n".join(found[begin : found.index("", begin)]).splitlines()


def test_a_forecast_is_a_line_with_its_baseline_in_brackets():
    quality = [metric("published", "auc", 0.75, True), metric("published", "brier", None)]
    assert lines([group("published", "all", "all", 0.25, 0.2)], quality) == [
        "  forecast of       kind  days  customers       forecast  actual            auc      brier",
        "  2025-04-01   published    90      1,200  0.250 (0.500)   0.200  0.750 (0.500)  - (0.500)",
        "  By auc better than without a model: 1 of 1 forecasts.",
    ]


def test_forecasts_without_a_comparison_are_not_counted():
    groups = [group(kind, "all", "all", 0.25, 0.2) for kind in ("published", "rolling_origin")]
    quality = [metric("published", "auc", 0.4, False), metric("rolling_origin", "auc", 0.4, None)]
    quality += [metric(kind, "brier", 0.1) for kind in ("published", "rolling_origin")]
    assert lines(groups, quality)[-1] == "  By auc better than without a model: 0 of 1 forecasts."


def test_a_measure_that_nobody_has_a_forecast_of_says_why():
    assert lines([], [metric("published", "customers", 0.0)]) == ["  note of customers"]


def test_groups_are_of_the_latest_forecast_and_the_published_one_comes_first():
    groups = [group("published", "decile", "01", 0.5, None), group("rolling_origin", "decile", "01", 0.75, 0.5)]
    groups.append(group("published", "decile", "02", 0.25, 0.2) | {"as_of_date": date(2025, 1, 1)})
    assert lines(groups, [], by="decile") == [
        "  forecast of 2025-04-01 (published) for 90 days",
        "  decile  customers       forecast  actual",
        "  01          1,200  0.500 (0.500)       -",
    ]


def test_groups_of_a_measure_without_a_forecast():
    assert lines([], [], by="decile") == ["  no forecast to show"]
