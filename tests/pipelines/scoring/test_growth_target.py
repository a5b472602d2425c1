"""Growth targets: contributions of segments add up to the whole, and alone each would have to bring all of the rise."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_tables import Given, period, tables

from pipelines.scoring.target_file import GROWTH_METRICS

NIGHT = date(2025, 6, 20)


def day(engine: Given, customer: str, on: date, revenue: str | Decimal, orders: int = 1) -> None:
    engine.add(
        "customer_day",
        customer_id=customer,
        business_date=on,
        net_revenue=revenue,
        sale_revenue=max(Decimal(revenue), Decimal(0)),
        order_count=orders,
        return_count=0,
    )


def month(engine: Given, start: date, anonymous: str | Decimal = "0", receipts: int = 0) -> None:
    """A month of kpi_period as its customers' days make it, and what is anonymous beside them."""
    (known,) = engine.rows(
        "SELECT COALESCE(SUM(net_revenue), 0), COALESCE(SUM(sale_revenue), 0), COALESCE(SUM(order_count), 0) "
        "FROM customer_day WHERE DATE_TRUNC('month', business_date) = $start",
        {"start": start},
    )
    more = Decimal(anonymous)
    period(
        engine,
        start,
        "month",
        revenue=known[0] + more,
        sale_revenue=known[1] + more,
        receipts=known[2] + receipts,
        orders=known[2],
    )


def growth(
    engine: Given, metric: str, base: str = "2025-03 to 2025-04", by: str = "+20 %"
) -> dict[str, dict[str, Any]]:
    text = f"growth:\n- {{metric: {metric}, by: +20 %, base: {base}, until: 2026-06}}\n"
    return {row["segment"]: row for row in tables(engine, text, NIGHT)["growth_target"]}


@pytest.fixture
def shop() -> Given:
    """Two champions, a loyal customer, one who is lost, and receipts without a customer."""
    engine = Given()
    for customer, segment in (("a", "champions"), ("b", "champions"), ("c", "loyal"), ("d", "lost")):
        engine.add("customer_rfm", customer_id=customer, rfm_segment=segment)
    for customer, on, revenue, orders in (
        ("a", date(2025, 3, 1), "60", 2),
        ("b", date(2025, 4, 30), "20", 1),
        ("c", date(2025, 4, 2), "20", 2),
        ("a", date(2025, 5, 2), "30", 1),
        ("r", date(2025, 4, 3), "-5", 0),
        ("d", date(2025, 2, 28), "99", 1),
    ):
        day(engine, customer, on, revenue, orders)
    for number in (2, 3, 4, 5):
        month(engine, date(2025, number, 1), anonymous="10", receipts=1)
    return engine


def test_the_average_receipt_is_parted_and_each_segment_alone_would_have_to_bring_the_whole_rise(shop):
    rows = growth(shop, "average_receipt")
    # 120.00 on seven receipts; a fifth more is 24.00 more on as many receipts.
    assert {name: (row["numerator"], row["denominator"], row["customers"]) for name, row in rows.items()} == {
        "all": (Decimal(120), 7, 4),
        "anonymous": (Decimal(20), 2, None),
        "champions": (Decimal(80), 3, 2),
        "loyal": (Decimal(20), 2, 1),
        "lost": (Decimal(0), 0, 1),
        "none": (Decimal(0), 0, None),
    }
    champions, whole, lost = rows["champions"], rows["all"], rows["lost"]
    assert champions["contribution"] == pytest.approx(80 / 7)
    assert champions["whole_share"] == pytest.approx(80 / 120)
    assert champions["target_value"] == pytest.approx(80 / 3 * 1.2)
    assert champions["alone_value"] == pytest.approx(104 / 3)
    assert champions["alone_change"] == pytest.approx(0.3)
    assert rows["loyal"]["alone_change"] == pytest.approx(1.2)
    assert (whole["alone_value"], whole["alone_change"]) == (pytest.approx(144 / 7), pytest.approx(0.2))
    assert (lost["base_value"], lost["alone_value"], lost["reason"]) == (None, None, "no_orders_in_base")


def test_purchase_frequency_is_orders_a_buyer_of_the_base_not_of_a_month(shop):
    rows = growth(shop, "purchase_frequency")
    assert {n: (r["numerator"], r["denominator"]) for n, r in rows.items() if r["denominator"]} == {
        "all": (Decimal(5), 3),
        "champions": (Decimal(3), 2),
        "loyal": (Decimal(2), 1),
    }
    assert "anonymous" not in rows


def test_revenue_counts_returns_and_a_segment_below_0_is_told_nothing_to_reach(shop):
    rows = growth(shop, "revenue")
    assert {n: r["numerator"] for n, r in rows.items()} == {
        "all": Decimal(115),
        "anonymous": Decimal(20),
        "champions": Decimal(80),
        "loyal": Decimal(20),
        "lost": Decimal(0),
        "none": Decimal(-5),
    }
    assert {n: r["reason"] for n, r in rows.items() if r["reason"]} == dict.fromkeys(
        ("lost", "none"), "figure_not_above_0"
    )
    assert rows["champions"]["alone_value"] == pytest.approx(103)


def test_the_last_month_stands_beside_the_one_before(shop):
    rows = growth(shop, "average_order_value")
    assert {row["last_month"] for row in rows.values()} == {date(2025, 5, 1)}
    assert (rows["champions"]["last_month_value"], rows["champions"]["month_before_value"]) == (30, 20)
    assert rows["champions"]["change"] == 10
    assert (rows["loyal"]["last_month_value"], rows["loyal"]["change"]) == (None, None)


def test_a_base_that_is_not_over_or_not_in_the_data_gives_a_reason(shop):
    running, before = growth(shop, "revenue", "2025-06"), growth(shop, "revenue", "2025-01 to 2025-03")
    assert {row["reason"] for row in running.values()} == {"base_not_over"}
    assert {row["reason"] for row in before.values()} == {"base_before_the_data"}
    assert (running["champions"]["base_value"], running["champions"]["last_month_value"]) == (None, 30)


def test_without_a_month_nothing_is_said_and_nothing_fails():
    (row,) = growth(Given(), "revenue").values()
    assert (row["segment"], row["customers"], row["reason"]) == ("all", 0, "base_before_the_data")


days = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.integers(0, 60),
        st.decimals(-(10**6), 10**6, places=2, allow_nan=False),
        st.integers(0, 5),
    ),
    max_size=30,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=40)
@given(days, st.sampled_from(GROWTH_METRICS), st.decimals(0, 10**6, places=2), st.integers(0, 9))
def test_what_segments_bring_adds_up_to_the_whole_and_to_kpi_period(given_days, metric, anonymous, receipts):
    engine = Given()
    for customer, segment in zip("abcdef", ("champions", "loyal", "lost") * 2, strict=True):
        engine.add("customer_rfm", customer_id=customer, rfm_segment=segment)
    for customer, number, revenue, orders in given_days:
        day(engine, customer, date(2025, 3, 1) + timedelta(number), revenue, orders)
    for number in (3, 4, 5):
        month(engine, date(2025, number, 1), anonymous, receipts)
    rows = growth(engine, metric)
    whole = rows.pop("all")
    assert sum(row["numerator"] for row in rows.values()) == whole["numerator"]
    sums = defaultdict(Decimal)
    for name in ("revenue", "sale_revenue", "receipts", "orders"):
        (value,) = engine.rows(f"SELECT SUM({name}) FROM kpi_period WHERE period_start < DATE '2025-05-01'")
        sums[name] = Decimal(value[0])
    if metric in ("revenue", "orders"):
        assert whole["numerator"] == sums[metric]
    if metric == "average_receipt":
        assert (whole["numerator"], whole["denominator"]) == (sums["sale_revenue"], sums["receipts"])
    if whole["denominator"] is not None:
        assert sum(row["denominator"] for row in rows.values()) == whole["denominator"]
    if whole["base_value"] is not None:
        total = sum(Decimal(row["contribution"]) for row in rows.values())
        assert float(total) == pytest.approx(whole["base_value"], rel=1e-9, abs=1e-3)
    for row in rows.values():  # alone, a segment brings the whole to its target
        if row["alone_value"] is not None:
            below = 1 if row["denominator"] is None else row["denominator"]
            moved = whole["numerator"] - row["numerator"] + Decimal(row["alone_value"]) * below
            assert float(moved) == pytest.approx(float(whole["numerator"]) * 1.2, rel=1e-9)
