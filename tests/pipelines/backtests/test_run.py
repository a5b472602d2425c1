"""A backtest as a whole: which night it looks at, what it keeps, and what it says of forecasts that are missing."""

import fcntl
import json
from datetime import date, timedelta

import pytest

from pipelines.backtests.run import committed_night, run_backtest
from pipelines.errors import HomeBusyError, LoyaltyError
from pipelines.publishing.backtest_summary import backtest_lines
from pipelines.tables import quality


def test_the_same_backtest_again_is_the_same_file_and_names_nobody(shop):
    path = shop.home / "lake" / "backtests" / f"{shop.night}.json"
    before = path.read_bytes()
    run_backtest(shop.night, shop.settings)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    customers = [name for (name,) in shop.rows(shop.night, "SELECT DISTINCT customer_id FROM customer_day")]
    assert not [name for name in customers if name.encode() in before]
    assert list((shop.home / "lake" / "tmp").iterdir()) == []


def test_each_group_of_each_dimension_is_there(shop):
    for dimension in ("decile", "first_order_quarter", "rfm_segment"):
        rows = shop.groups("purchase_days", "published", dimension)
        assert sum(row["customers"] for row in rows) == shop.groups("purchase_days", "published")[0]["customers"]
    quarters = [row["dimension_value"] for row in shop.groups("revenue", "published", "first_order_quarter")]
    assert quarters == ["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4", "2025-Q1"]


def test_every_metric_of_a_latest_forecast_has_a_name_of_its_own(shop):
    latest = quality._latest(json.loads(shop.result.model_dump_json())["tables"]["backtest_quality"])
    names = [row["metric"] for row in latest]
    assert len(names) == len(set(names))
    assert "backtest_published_purchase_days_90d_rank_correlation" in names
    assert "backtest_rolling_origin_churned_90d_auc" in names
    assert "backtest_published_spent_more_90d_brier" in names
    assert "backtest_published_ordered_in_interval_90d_coverage_of_orders" in names


def test_the_command_line_says_each_forecast_beside_its_outcome(shop):
    lines = "\n".join(backtest_lines(shop.result)).splitlines()
    (row,) = shop.groups("purchase_days", "published")
    expected = f"{row['predicted']:.2f} ({row['baseline']:.2f})"
    assert any("2025-04-01" in line and "published" in line and expected in line for line in lines)
    assert any(
        line.startswith("  no customer has a forecast of 2024-07-05 (rolling_origin) for 90 days: ") for line in lines
    )
    deciles = "\n".join(backtest_lines(shop.result, "decile"))
    assert "forecast of 2025-04-01 (published) for 90 days" in deciles


def quality_row(shop, measure: str, as_of: date, metric: str) -> dict:
    wanted = (measure, as_of, metric)
    (row,) = (
        row
        for row in shop.result.tables["backtest_quality"]
        if (row["measure"], row["as_of_date"], row["metric"]) == wanted
    )
    return row


def test_a_forecast_that_nobody_has_is_named_with_its_reason(shop):
    row = quality_row(shop, "churned", shop.night - timedelta(360), "customers")
    assert row["value"] == 0
    assert row["note"].startswith(
        "no customer has a forecast of 2024-07-05 (rolling_origin) for 90 days: none: no churn"
    )


def test_spend_growth_without_a_model_is_named_with_its_reason(shop):
    row = quality_row(shop, "spent_more", shop.night - timedelta(360), "customers")
    assert row["value"] == 0
    assert "none: at the earlier of two dates with a known outcome" in row["note"]


def test_a_home_with_a_single_receipt_has_an_empty_backtest(retailer, load_scores):
    retailer.deliver("2017-12-01", receipts="receipt_id,customer_id,issued_at,total_amount\nr1,c1,2017-12-01,5\n")
    load_scores("2017-12-01")
    result = run_backtest(date(2017, 12, 1), retailer.settings)
    assert result.tables == {"backtest": [], "backtest_quality": []}


def test_of_thirty_customers_every_forecast_that_is_missing_says_why(retailer, load_scores):
    receipts = "receipt_id,customer_id,issued_at,total_amount\n" + "".join(
        f"r{n}-{k},c{n},{date(2017, 1, 1) + timedelta(n * 3 + k * 40)},{5 + k}\n"
        for n in range(30)
        for k in range(1 + n % 4)
    )
    retailer.deliver("2017-12-01", receipts=receipts)
    load_scores("2017-12-01")
    result = run_backtest(date(2017, 12, 1), retailer.settings)
    assert result.tables["backtest"] == []
    counts = [row for row in result.tables["backtest_quality"] if row["metric"] == "customers"]
    assert {row["value"] for row in counts} == {0.0}
    notes = {row["measure"]: row["note"] for row in counts}
    assert set(notes) == {"purchase_days", "revenue", "churned", "spent_more", "ordered_in_interval"}
    assert "none: at the earlier of two dates with a known outcome " in notes["spent_more"]
    assert "no model of the next order: " in notes["ordered_in_interval"]


def test_the_night_is_the_one_that_was_asked_for_the_last_or_the_last_before(commit_nights):
    lake = commit_nights("2025-01-01", "2025-01-03")
    assert committed_night(lake, None) == date(2025, 1, 3)
    assert committed_night(lake, date(2025, 1, 1)) == date(2025, 1, 1)
    assert committed_night(lake, date(2025, 1, 2), or_before=True) == date(2025, 1, 1)
    with pytest.raises(LoyaltyError, match="night 2025-01-02 was never run"):
        committed_night(lake, date(2025, 1, 2))
    with pytest.raises(LoyaltyError, match="no night up to 2024-12-31 was run"):
        committed_night(lake, date(2024, 12, 31), or_before=True)


def test_a_backtest_waits_for_nobody_but_says_that_another_run_works(retailer, commit_nights):
    commit_nights("2025-01-01")
    with (retailer.home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process would
        with pytest.raises(HomeBusyError, match="another run works in"):
            run_backtest(date(2025, 1, 1), retailer.settings)


def test_what_a_backtest_that_was_killed_left_goes_with_the_next_night_or_backtest(retailer):
    retailer.deliver("2017-11-30")
    night = retailer.load("2017-11-30", upto=())
    for begin in (lambda: retailer.open("2017-11-30"), lambda: night.lake.open_backtest(night.run_date)):
        spill = night.lake.open_backtest(night.run_date).temporary_folder()
        begin()
        assert not spill.exists()
