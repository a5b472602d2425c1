"""What came of past forecasts: forecasts are those that were made, outcomes those that came."""

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from pipelines.backtests.outcomes import SPENT_MORE, customer_outcomes, register_outcome_window
from pipelines.backtests.replay import put
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine

WINDOW = timedelta(90)


def test_a_published_forecast_is_what_the_night_published(shop):
    (clv,) = shop.rows(shop.origin, "SELECT COUNT(expected_purchases), AVG(expected_purchases) FROM customer_clv")
    (row,) = shop.groups("purchase_days", "published")
    assert (row["customers"], row["predicted"]) == (clv[0], pytest.approx(clv[1], abs=1e-6))
    (churn,) = shop.rows(shop.origin, "SELECT COUNT(p_churn), AVG(p_churn) FROM customer_churn WHERE is_active")
    (row,) = shop.groups("churned", "published")
    assert (row["customers"], row["predicted"]) == (churn[0], pytest.approx(churn[1], abs=1e-6))


def test_purchases_are_counted_in_the_days_after_the_forecast_and_before_it_as_known_at_origin(shop):
    scored = {name for (name,) in shop.rows(shop.origin, "SELECT customer_id FROM customer_clv WHERE frequency >= 0")}
    known_now, known_at_origin = (
        shop.rows(night, "SELECT customer_id, business_date, net_spend FROM customer_day WHERE net_spend > 0")
        for night in (shop.night, shop.origin)
    )
    after = [row for row in known_now if row[0] in scored and shop.origin < row[1] <= shop.origin + WINDOW]
    before = [row for row in known_at_origin if row[0] in scored and shop.origin - WINDOW < row[1]]
    (row,) = shop.groups("purchase_days", "published")
    assert row["actual"] == pytest.approx(len(after) / len(scored), abs=1e-6)
    assert row["baseline"] == pytest.approx(len(before) / len(scored), abs=1e-6)
    (row,) = shop.groups("revenue", "published")
    assert row["actual"] == pytest.approx(float(sum(r[2] for r in after)) / len(scored), abs=1e-6)


def test_who_left_is_who_placed_no_order_in_the_days_after_the_forecast(shop):
    forecast = "SELECT customer_id FROM customer_churn WHERE p_churn IS NOT NULL AND is_active"
    active = {name for (name,) in shop.rows(shop.origin, forecast)}
    orders = shop.rows(shop.night, "SELECT customer_id, business_date FROM customer_day WHERE order_count > 0")
    stayed = active & {name for name, day in orders if shop.origin < day <= shop.origin + WINDOW}
    (row,) = shop.groups("churned", "published")
    assert row["actual"] == pytest.approx(1 - len(stayed) / len(active), abs=1e-6)


def test_who_rose_a_tier_is_who_reached_the_next_one_by_the_end_of_the_period(shop):
    forecast = "SELECT customer_id, p_rise, next_tier FROM customer_tier WHERE p_rise IS NOT NULL"
    published = {name: (chance, tier) for name, chance, tier in shop.rows(shop.origin, forecast)}
    start, end = date(2024, 11, 1), date(2025, 4, 30)  # the origin's six months
    days = shop.rows(shop.night, "SELECT customer_id, business_date FROM customer_day WHERE net_spend > 0")
    bought = Counter(name for name, day in days if start <= day <= end)
    rose = sum(bought[name] >= {"silver": 6, "gold": 12}[tier] for name, (_, tier) in published.items())
    (row,) = shop.groups("rose_a_tier", "published")
    assert (row["customers"], row["window_days"]) == (len(published), 29)
    assert row["predicted"] == pytest.approx(sum(chance for chance, _ in published.values()) / len(published), abs=1e-6)
    assert row["actual"] == pytest.approx(rose / len(published), abs=1e-6)
    metrics = {r["metric"] for r in shop.result.tables["backtest_quality"] if r["measure"] == "rose_a_tier"}
    assert metrics >= {"auc", "brier", "calibration_p_value", "skill_p_value", "skill_brier_improvement"}
    assert len(shop.groups("rose_a_tier", "published", "decile")) > 2


def spend(days, after, until):
    """Spend by customer of the days after one until another; below 0 counts as 0."""
    sums = dict.fromkeys({name for name, *_ in days}, 0)
    for name, day, revenue, _ in days:
        sums[name] += revenue if after < day <= until else 0
    return {name: max(total, 0) for name, total in sums.items()}


def trend(name, last, previous):
    return 0 if not last[name] else 1 if last[name] < previous[name] else 2


def test_who_spent_more_is_decided_by_both_horizons_as_known_now(shop):
    scored = dict(shop.rows(shop.origin, "SELECT customer_id, p_spend_more FROM customer_spend_more"))
    columns = "customer_id, business_date, net_revenue, order_count"
    known_now, known_at_origin = (
        shop.rows(night, f"SELECT {columns} FROM customer_day") for night in (shop.night, shop.origin)
    )
    quarters = [spend(known_now, shop.night - WINDOW * (n + 1), shop.night - WINDOW * n) for n in range(2)]
    (row,) = shop.groups("spent_more", "published")
    assert row["customers"] == len(scored) > 300
    assert row["predicted"] == pytest.approx(sum(scored.values()) / len(scored), abs=1e-6)
    grew = sum(quarters[0][name] > quarters[1][name] for name in scored)
    assert row["actual"] == pytest.approx(grew / len(scored), abs=1e-6)

    # A cut-off earlier, of who had an order in the year before it, and whose spend had the same trend; as known then.
    earlier = shop.origin - WINDOW
    quarters[1:] = [spend(known_at_origin, shop.night - WINDOW * (n + 1), shop.night - WINDOW * n) for n in range(1, 4)]
    year = {name for name, day, _, orders in known_at_origin if earlier - timedelta(365) < day <= earlier and orders}
    grown: dict[int, list[bool]] = {0: [], 1: [], 2: []}
    for name in year:
        grown[trend(name, quarters[2], quarters[3])].append(quarters[1][name] > quarters[2][name])
    guess = [sum(flags) / len(flags) for flags in grown.values()]
    expected = sum(guess[trend(name, quarters[1], quarters[2])] for name in scored) / len(scored)
    assert row["baseline"] == pytest.approx(expected, abs=1e-6)


def spent_more(shop, since: int) -> tuple[list[float], list[float | None]]:
    """Outcomes and baselines of eleven customers, of whose days those since one are known; horizons of ten days.

    a1 to a5 spent less than before a horizon ago, b1 to b5 nothing, till is no customer.
    """
    spent = {f"a{n}": {-29: 10, -15: 5, -5: 7 if n < 3 else 3, 3: 9 if n == 1 else -4} for n in range(1, 6)}
    spent |= {f"b{n}": {-29: 10, -5: 1} for n in range(1, 6)} | {"till": {-29: 1, -15: 1, -5: 99, 3: 999}}
    days = [
        {
            "customer_id": name,
            "business_date": shop.origin + timedelta(day),
            "net_spend": max(amount, 0),
            "order_count": 1,
        }
        for name, amounts in spent.items()
        for day, amount in amounts.items()
        if day >= since
    ]
    given = {
        "days_known_now": days,
        "days_known_at_origin": [row for row in days if row["business_date"] <= shop.origin],
        "left_out": [{"customer_id": "till"}],
        "customer_spend_more": [{"customer_id": name, "p_spend_more": 0.5} for name in spent],
        "customer_purchase_pattern": [{"customer_id": name, "first_order_date": shop.origin} for name in spent],
        "customer_rfm": [{"customer_id": name, "rfm_segment": name[0]} for name in spent],
    }
    with DuckDBEngine(shop.lake.open_backtest(shop.night), shop.settings) as engine:
        for name, rows in given.items():
            engine.register_arrow(name, pa.Table.from_pylist(rows))
        register_outcome_window(shop.origin, 0, 10, engine)
        for name in ("customer_group", "spend_trend"):
            put(name, query(f"backtests/{name}"), engine)
        found = customer_outcomes(SPENT_MORE, engine).to_pandas()
    return found["actual"].tolist(), found["baseline"].round(6).replace({np.nan: None}).tolist()


def test_spend_growth_is_guessed_from_the_same_trend_of_spend_if_the_data_reach_back(shop):
    grew = [1.0] + [0.0] * 9
    assert spent_more(shop, since=-29) == (grew, [0.7, 0.7, 0.4, 0.4, 0.4] + [0.7] * 5)
    assert spent_more(shop, since=-28) == (grew, [None] * 10)


def test_an_interval_counts_if_it_ended_whether_the_order_came_or_not(shop):
    given = shop.rows(
        shop.origin, "SELECT customer_id, next_order_low, next_order_high, p_order_again FROM customer_next_order"
    )
    days = "SELECT customer_id, business_date FROM customer_day WHERE net_spend > 0 ORDER BY ALL"
    first: dict[str, object] = {}
    for name, day in shop.rows(shop.night, days):
        if day > shop.origin:
            first.setdefault(name, day)
    ended = [row for row in given if row[2] and row[2] <= shop.origin + WINDOW]
    (row,) = shop.groups("ordered_in_interval", "published")
    assert row["customers"] == len(ended) > 100
    assert row["baseline"] is None
    came = [row for row in ended if row[0] in first]
    assert len(came) < len(ended)
    within = [low <= first[name] <= high for name, low, high, _ in came]
    assert row["actual"] == pytest.approx(sum(within) / len(ended), abs=1e-6)
    stated = sum(p for *_, p in ended) / len(ended)
    assert 0.8 * stated <= row["predicted"] <= stated

    quality = {
        r["metric"]: r
        for r in shop.result.tables["backtest_quality"]
        if (r["measure"], r["kind"], r["as_of_date"]) == ("ordered_in_interval", "published", shop.origin)
    }
    assert quality["coverage_of_orders"]["value"] == pytest.approx(sum(within) / len(came), abs=1e-6)
    assert quality["median_error_days"]["baseline_value"] > 0
    dated = sum(row[2] is not None for row in given)
    assert quality["customers"]["note"] == (
        f"judged; of {dated:,} customers with a date, {len(ended):,} have an interval that had ended; "
        "forecast of 2025-04-01 (published) for 90 days"
    )
