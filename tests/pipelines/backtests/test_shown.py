"""Nights that show the latest backtest in their tables."""

from datetime import date

from pipelines.store.lake import Lake
from pipelines.store.manifest import Backtest

BACKTESTED = frozenset({"backtest"})


def keep(lake: Lake, day: str) -> None:
    """Add a backtest of a day to the lake."""
    key = {"model": "clv", "measure": "revenue", "kind": "published", "window_days": 90, "trained_through": None}
    quality = [
        {**key, "as_of_date": as_of, "metric": metric, "value": value, "baseline_value": None, "beats_baseline": None}
        | {"note": f"as of {day}"}
        for as_of, metric, value in (("2017-01-01", "customers", 5.0), ("2017-02-01", "customers", 0.0))
    ]
    group = {"dimension": "all", "dimension_value": "all", "customers": 5, "predicted": 1.0, "actual": 2.0}
    groups = [{**key, "as_of_date": "2017-01-01", **group, "baseline": None}]
    tables = {"backtest": groups, "backtest_quality": quality}
    lake.backtests.replace(Backtest(run_date=date.fromisoformat(day), code_version="x", tables=tables))


def test_a_night_shows_the_latest_backtest_up_to_its_date(retailer):
    (retailer.home / "lake").mkdir(parents=True)
    for day in ("2017-11-20", "2017-11-30", "2017-12-02"):
        keep(Lake(retailer.home), day)
    retailer.deliver("2017-11-30")
    night = retailer.load("2017-11-30", upto=("marts",), only=BACKTESTED)
    assert retailer.rows(night, "backtest", "backtest_date, as_of_date, customers, predicted, baseline") == [
        (date(2017, 11, 30), date(2017, 1, 1), 5, 1.0, None)
    ]
    assert retailer.rows(night, "backtest_latest", "metric, value, note") == [
        ("backtest_published_revenue_90d_customers", 0.0, "as of 2017-11-30")
    ]
    assert len(retailer.rows(night, "backtest_quality")) == 2


def test_before_the_first_backtest_its_tables_are_empty(retailer):
    retailer.deliver("2017-11-30")
    night = retailer.load("2017-11-30", upto=("marts",), only=BACKTESTED)
    for name in ("backtest", "backtest_quality", "backtest_latest"):
        assert retailer.rows(night, name) == []
