"""Whole nights on next to nothing: every table comes out, with NULL where there is no honest number."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from nights import make_steps

from pipelines.catalog import tables
from pipelines.ops import nightly
from pipelines.settings import load_settings

EVERYTHING = ("staging", "facts", "scores", "marts", "segments")
RECEIPTS = "receipt_id,customer_id,issued_at,operation,total_amount\n"


def test_headers_alone_make_empty_tables(retailer):
    retailer.deliver("2017-12-01")
    night = retailer.load("2017-12-01", upto=EVERYTHING)
    for name in ("customer_360", "customer_rfm", "customer_clv", "customer_churn", "customer_segment", "order_fact"):
        assert retailer.rows(night, name) == [], name
    for name in ("customer_growth", "customer_next_order", "customer_channel", "segment_channel", "category_capacity"):
        assert retailer.rows(night, name) == [], name
    assert retailer.rows(night, "kpi_daily", "business_date, revenue, orders, members") == [
        (date(2017, 12, 1), Decimal("0.00"), 0, 0)
    ]


def test_one_receipt_of_one_customer_who_is_not_in_the_crm(retailer):
    retailer.deliver("2017-12-01", receipts=RECEIPTS + "r1,c1,2017-12-01,sale,5\n")
    night = retailer.load("2017-12-01", upto=EVERYTHING)
    columns = "customer_id, recency_score, frequency_score, monetary_score, value_share, lateness, rfm_segment"
    assert retailer.rows(night, "customer_rfm", columns) == [("c1", 1, 1, 1, 0.0, None, "new")]
    assert retailer.rows(night, "customer_clv", "customer_id, frequency, p_alive, clv") == [("c1", 0, None, None)]
    assert retailer.rows(night, "customer_churn", "customer_id, p_churn, churn_tier, method") == [
        ("c1", None, None, None)
    ]
    columns = "customer_id, p_spend_more, method, peer_headroom, category_headroom, headroom"
    assert retailer.rows(night, "customer_growth", columns) == [("c1", None, None, None, None, None)]
    columns = "customer_id, p_order_again, next_order_date, method, reason"
    assert retailer.rows(night, "customer_next_order", columns) == [("c1", None, None, None, "no_model")]
    columns = "customer_id, best_channel, method, chosen_channel, choice_probability"
    assert retailer.rows(night, "customer_channel", columns) == [("c1", None, "observational", None, None)]
    notes = {(m, k): note for m, k, note in retailer.rows(night, "model_quality", "model, metric, note")}
    assert notes["growth", "method"].startswith("none: at the earlier of two dates with a known outcome 0 of 0 ")
    assert notes["growth", "categories_with_capacity"].startswith("headroom is NULL: no category has 30 households")
    assert notes["next_order", "customers"].startswith("no model of the next order: 0 of 1 customers bought again")
    assert notes["next_order", "coverage"] == "0 intervals of 28 days ago can be judged; 100 are needed"
    assert notes["channel", "method"].startswith("observational: no best channel: 0 contacts were delivered")
    assert notes["clv", "customers"].startswith("no forecast of purchases: ")
    assert notes["churn", "method"].startswith("none: no churn forecast: ")
    assert retailer.rows(night, "customer_360", "customer_id, registered_at, is_member, email_consent") == [
        ("c1", None, False, False)
    ]


def bought(days: dict[str, list[int]], price: str | None = None) -> str:
    """Receipts of customers on days of 2017, of different amounts or of one price."""
    return RECEIPTS + "".join(
        f"{customer}-{n},{customer},{date(2017, 1, 1) + timedelta(day)},sale,{price or 5 + (n * 3 + day) % 11}\n"
        for customer, on in days.items()
        for n, day in enumerate(on)
    )


@pytest.mark.parametrize(
    ("days", "night", "repeaters"),
    [
        ({f"c{n}": [n * 3 + k * 11 for k in range(1 + n % 4)] for n in range(30)}, "2017-12-01", 22),
        ({f"c{n}": [0] for n in range(60)}, "2017-01-01", 0),
        ({f"c{n}": [n] for n in range(60)}, "2017-12-01", 0),
    ],
    ids=["30 customers", "one day of history", "nobody buys again"],
)
def test_where_no_habit_is_seen_there_is_no_value_and_the_reason_is_said(retailer, days, night, repeaters):
    retailer.deliver(night, receipts=bought(days))
    loaded = retailer.load(night, upto=EVERYTHING)
    scored = "COUNT(*), COUNT(frequency), COUNT(p_alive), COUNT(clv), COUNT(clv_high), COUNT(clv_tier), MAX(clv_basis)"
    assert retailer.rows(loaded, "customer_clv", scored) == [(len(days), len(days), 0, 0, 0, 0, "revenue")]
    assert retailer.rows(loaded, "clv_model") == []
    rows = retailer.rows(loaded, "model_quality", "model, metric, value, note")
    found = {metric: row for model, metric, *row in rows if model == "clv"}
    reason = f"only {repeaters} customers bought on a second day, and 30 are needed to see a habit"
    assert found["customers"] == [float(len(days)), f"no forecast of purchases: {reason}"]
    assert found["spend_customers"][1].startswith(f"no forecast of spend: only {repeaters} customers spent money")
    assert found["forecast_purchases"] == [None, "no forecast of purchases: metric customers says why"]


def test_of_customers_who_are_all_gone_nothing_is_expected(retailer):
    days = {f"c{n}": [n % 20 + k * (3 + n % 9) for k in range(1 + n % 5)] for n in range(80)}
    retailer.deliver("2019-12-01", receipts=bought(days))
    loaded = retailer.load("2019-12-01", upto=EVERYTHING)
    scored = "COUNT(*), MAX(p_alive) < 0.01, MAX(clv), MIN(clv_low), COUNT(DISTINCT clv_tier), MAX(clv_tier)"
    assert retailer.rows(loaded, "customer_clv", scored) == [(80, True, 0.0, 0.0, 1, "bronze")]


def test_of_customers_who_all_stay_at_one_price_as_much_is_expected_as_they_always_bought(retailer, monkeypatch):
    monkeypatch.setenv("LOYALTY_CLV_HORIZON_DAYS", "330")
    load_settings.cache_clear()
    days = {f"c{n}": list(range(n % 20, 334, 7 + n % 13)) for n in range(80)}
    retailer.deliver("2017-12-01", receipts=bought(days, "9.99"))
    loaded = retailer.load("2017-12-01", upto=EVERYTHING)
    scored = "COUNT(*), MIN(p_alive) > 0.9, MIN(clv) > 0, COUNT(DISTINCT clv_tier)"
    assert retailer.rows(loaded, "customer_clv", scored) == [(80, True, True, 4)]
    found = dict(retailer.rows(loaded, "clv_forecast", "metric, value"))
    as_ever = sum(len(on) - 1 for on in days.values()) / 334 * 330
    assert found["forecast_purchases_low"] < as_ever < found["forecast_purchases_high"]
    spent = "MIN(expected_purchase_day_value), MAX(expected_purchase_day_value), COUNT(clv_low), MIN(clv_low) > 0"
    assert retailer.rows(loaded, "customer_clv", spent) == [(9.99, 9.99, 80, True)]
    notes = dict(retailer.rows(loaded, "model_quality", "metric, note"))
    assert notes["spend_model"] == "all customers spend the same on a purchase day, 9.99"


def test_anonymous_sales_count_as_revenue_and_make_no_customer(retailer):
    retailer.deliver("2017-12-01", receipts=RECEIPTS + "r1,,2017-12-01,sale,5\nr2,,2017-12-01,return,2\n")
    night = retailer.load("2017-12-01", upto=EVERYTHING)
    columns = "revenue, member_revenue, receipts, orders, participation_rate"
    assert retailer.rows(night, "kpi_daily", columns) == [(Decimal("3.00"), Decimal("0.00"), 1, 0, 0.0)]
    assert retailer.rows(night, "customer_360") == []


def test_a_customer_with_returns_alone_has_no_order(retailer):
    retailer.deliver("2017-12-01", receipts=RECEIPTS + "r1,c1,2017-12-01,return,5\nr2,c2,2017-12-01,,-3\n")
    night = retailer.load("2017-12-01", upto=EVERYTHING)
    assert retailer.rows(night, "customer_rfm") == []
    assert retailer.rows(night, "customer_360", "customer_id, order_count, revenue") == [
        ("c1", 0, Decimal("-5.00")),
        ("c2", 0, Decimal("-3.00")),
    ]


def test_events_dated_after_the_night_wait_for_their_day(retailer):
    receipts = RECEIPTS + "r1,c1,2017-12-01,sale,5\nr2,c1,2017-12-02,sale,7\n"
    lines = "receipt_id,line_number,quantity,amount\nr1,1,1,5\nr2,1,1,7\n"
    retailer.deliver("2017-12-01", receipts=receipts, receipt_lines=lines)
    retailer.deliver("2017-12-02")
    first, second = (retailer.load(day, upto=EVERYTHING) for day in ("2017-12-01", "2017-12-02"))
    assert [row[0] for row in retailer.rows(first, "order_fact", "receipt_id")] == ["r1"]
    assert [row[0] for row in retailer.rows(second, "order_fact", "receipt_id")] == ["r1", "r2"]
    assert [row[0] for row in retailer.rows(second, "order_line", "receipt_id")] == ["r1", "r2"]


def test_a_gift_cards_sale_is_no_revenue_and_its_use_is(retailer, monkeypatch):
    monkeypatch.setenv("LOYALTY_GIFT_CARD_CATEGORIES", '["gift cards"]')
    load_settings.cache_clear()
    retailer.deliver(
        "2017-12-01",
        products="product_id,category\ng,gift cards\np,bread\n",
        receipts=RECEIPTS + "sold,c1,2017-12-01,sale,55\nused,c2,2017-12-02,sale,50\n",
        receipt_lines="receipt_id,line_number,product_id,quantity,amount,cost_amount\n"
        "sold,1,g,1,50,\nsold,2,p,1,5,2\nused,1,p,10,50,20\n",
    )
    retailer.deliver("2017-12-02")
    retailer.load("2017-12-01", upto=("staging", "facts"))
    night = retailer.load("2017-12-02", upto=("staging", "facts"))
    assert retailer.rows(night, "receipt_fact", "receipt_id, revenue, gross_margin") == [
        ("sold", Decimal("5.00"), Decimal("3.00")),
        ("used", Decimal("50.00"), Decimal("30.00")),
    ]


def test_ledger_and_redemptions_without_their_receipts_break_nothing(retailer):
    retailer.deliver(
        "2017-12-01",
        promo_redemptions="promo_code,receipt_id\nX,nowhere\n",
        receipt_lines="receipt_id,line_number,quantity,amount\nnowhere,1,0,0\n",
        points_ledger="entry_id,customer_id,kind,points,posted_at\ne1,c1,spend,-5,2017-12-01\n",
    )
    night = retailer.load("2017-12-01", upto=EVERYTHING)
    assert retailer.rows(night, "customer_points", "customer_id, points_balance") == [("c1", Decimal("-5.000"))]
    assert retailer.rows(night, "order_line") == []


@pytest.mark.parametrize("name", [name for name, table in tables().items() if table.kind == "source"])
def test_every_source_can_come_without_rows(retailer, name):
    from pipelines.contracts import sources

    header = ",".join(column.name for column in sources()[name].columns)
    retailer.deliver("2017-12-01", **{name: f"{header}\n"})
    assert retailer.counts(retailer.load("2017-12-01", only=frozenset({name})), name) == (0, 0, 0, 0, 0)


def test_another_run_of_the_same_night_takes_it_over(retailer):
    from pipelines.errors import NightOpenError

    retailer.deliver("2017-12-01")
    nightly.open_night(date(2017, 12, 1), "first")
    nightly.open_night(date(2017, 12, 1), "second")
    with pytest.raises(NightOpenError, match="not open for run first: run second has begun night 2017-12-01"):
        make_steps(("receipts",), date(2017, 12, 1), "first")
