"""Plan beside actual: what kpi_period has, to the cent; a plan to date by the retailer's own weekdays, or a reason."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_tables import Given, period, tables

from pipelines.scoring.target_file import COUNTS, RATES, STATES, SUMS
from pipelines.tables.inputs import contract_of

NIGHT = date(2025, 6, 20)  # a Friday
JUNE = date(2025, 6, 1)


def plan(metric: str = "revenue", period: str = "month", values: str = "2025-06: 3000", by: str = "") -> str:
    return f"- {{metric: {metric}, period: {period}, {by} values: {{{values}}}}}\n"


def planned(engine: Given, *entries: str, night: date = NIGHT) -> list[dict[str, Any]]:
    return tables(engine, "plan:\n" + "".join(entries), night)["plan_actual"]


@pytest.fixture
def shop() -> Given:
    """Fourteen weeks before June: 100 on weekdays, 300 on Saturdays, shut on Sundays. June has sold 1,500 yet."""
    engine = Given()
    for n in range(-98, 20):
        day = JUNE + timedelta(n)
        if day.weekday() < 6:
            period(engine, day, revenue=300 if day.weekday() == 5 else 100, gross_margin=50, receipts=10)
    period(engine, date(2025, 5, 1), "month", revenue=3200, receipts=300, average_receipt=3200 / 300)
    period(engine, JUNE, "month", is_complete=False, revenue=Decimal("1500.50"), receipts=99, average_receipt=15.1566)
    return engine


def test_a_running_months_plan_is_parted_by_the_weekdays_of_the_weeks_before(shop):
    (row,) = planned(shop, plan())
    # June 2025: 30 days from a Sunday; until the 20th fifteen weekdays and two Saturdays, in all 21 and four.
    assert row["to_date_share"] == pytest.approx((15 * 100 + 2 * 300) / (21 * 100 + 4 * 300))
    assert (row["actual_value"], row["difference"]) == (Decimal("1500.5"), Decimal("-1499.5"))
    assert (row["period_days"], row["days_over"], row["is_over"]) == (30, 20, False)
    assert row["to_date_value"] == pytest.approx(Decimal("1909.090909"))
    assert row["to_date_difference"] == row["actual_value"] - row["to_date_value"]
    assert row["reached_share"] == pytest.approx(1500.5 / 3000)
    assert (row["actual_reason"], row["to_date_reason"]) == (None, None)


def test_without_a_quarter_of_earlier_weeks_no_share_to_date_is_made_up(shop):
    shop.connection.execute("DELETE FROM kpi_period WHERE period = 'day' AND period_start < DATE '2025-04-01'")
    (row,) = planned(shop, plan())
    assert (row["to_date_share"], row["to_date_value"]) == (None, None)
    assert (row["actual_value"], row["to_date_reason"]) == (Decimal("1500.5"), "too_few_weeks_before")
    shop.connection.execute("DELETE FROM kpi_period WHERE period = 'day'")
    assert planned(shop, plan())[0]["to_date_reason"] == "no_sale_before"


def test_a_weekday_below_0_or_a_margin_that_is_unknown_gives_no_share(shop):
    shop.connection.execute("UPDATE kpi_period SET revenue = -10 WHERE ISODOW(period_start) = 1")
    shop.connection.execute("UPDATE kpi_period SET gross_margin = NULL WHERE period_start = DATE '2025-05-28'")
    rows = planned(shop, plan(), plan("gross_margin"), plan("receipts"))
    assert [row["to_date_reason"] for row in rows] == ["no_usable_weekdays_before"] * 2 + [None]


def test_what_is_no_sum_of_days_has_no_share_to_date_and_a_rate_none_reached(shop):
    rows = planned(shop, plan("average_receipt", values="2025-05: 20"), plan("buyers"), plan("members"))
    assert {row["to_date_reason"] for row in rows} == {"not_a_sum_of_days"}
    assert (rows[0]["actual_value"], rows[0]["reached_share"]) == (Decimal("10.666667"), None)
    assert {metric for kind in (RATES, COUNTS, STATES) for metric in kind}.isdisjoint(SUMS)


def test_a_period_that_is_over_has_all_of_its_plan_and_one_to_come_none(shop):
    rows = planned(shop, plan(values="2025-05: 3000, 2025-07: 3100"))
    assert [(r["days_over"], r["is_over"], r["to_date_share"], r["actual_reason"]) for r in rows] == [
        (31, True, 1.0, None),
        (0, False, 0.0, "not_begun"),
    ]
    assert (rows[0]["to_date_difference"], rows[1]["actual_value"]) == (Decimal(200), None)
    assert [r["is_over"] for r in planned(shop, plan(values="2025-06: 1"), night=date(2025, 6, 30))] == [True]


def test_a_plan_of_0_has_no_share(shop):
    assert [(r["reached_share"], r["difference"]) for r in planned(shop, plan(values="2025-05: 0"))] == [(None, 3200)]


def test_a_store_without_a_sale_has_0_and_one_that_does_not_exist_is_named(shop):
    shop.add("store", store_id="S1", region="North")
    shop.add("store", store_id="S2", region="North")
    period(shop, date(2025, 4, 1), "month", "store", "S1", revenue=5, average_receipt=5)
    of = "by: store, value: {},"
    found = tables(
        shop,
        "plan:\n"
        + plan(values="2025-05: 10, 2025-03: 10", by=of.format("S1"))
        + plan("average_receipt", values="2025-05: 10", by=of.format("S1"))
        + plan("gross_margin", values="2025-05: 10", by=of.format("S1"))
        + plan(values="2025-05: 10", by=of.format("S2"))
        + plan(values="2025-05: 10", by=of.format("S9")),
        NIGHT,
    )
    assert [(r["metric"], r["cut_value"], r["actual_value"], r["actual_reason"]) for r in found["plan_actual"]] == [
        ("revenue", "S1", Decimal(0), "no_sale_in_period"),
        ("revenue", "S1", None, "before_the_data"),
        ("average_receipt", "S1", None, "no_sale_in_period"),
        ("gross_margin", "S1", None, "unknown_by_cut"),
        ("revenue", "S2", None, "cut_value_without_data"),
        ("revenue", "S9", None, "cut_value_without_data"),
    ]
    assert [row["message"] for row in found["target_warning"]] == [
        "plan of revenue by store: 'S9' is no store. There are: S1, S2"
    ]


def test_segments_are_unknown_before_their_first_night_and_a_month_cut_off_by_the_data_says_so(shop):
    period(shop, date(2025, 5, 1), "month", "segment", "champions", revenue=5)
    period(shop, date(2025, 6, 2), "week", "segment", "loyal_customers", revenue=5)
    of = "by: segment, value: champions,"
    rows = planned(shop, plan(by=of), plan(period="week", values="2025-W23: 7", by=of))
    assert [row["actual_reason"] for row in rows] == ["segments_unknown_then", "no_sale_in_period"]
    period(shop, date(2025, 2, 1), "month", revenue=7, is_complete=False)
    assert [(r["actual_value"], r["actual_reason"]) for r in planned(shop, plan(values="2025-02: 9"))] == [
        (Decimal(7), "begins_before_the_data")
    ]


def test_a_figure_that_is_unknown_in_a_period_says_so(shop):
    shop.connection.execute("UPDATE kpi_period SET gross_margin = 1 WHERE period_start = DATE '2025-05-01'")
    assert planned(shop, plan("gross_margin"))[0]["actual_reason"] == "unknown_in_period"


def test_a_file_with_a_fault_plans_nothing_and_says_why(shop):
    found = tables(shop, "plan:\n" + plan() + plan("revenu"), NIGHT)
    assert (found["plan_actual"], found["growth_target"]) == ([], [])
    (row,) = found["target_warning"]
    assert row["warning_number"] == 1
    assert row["message"].startswith("targets.yaml, line 3, plan, no. 2, metric: 'revenu' is no key figure")


def test_without_an_entry_all_three_are_empty(shop):
    assert tables(shop, "# nothing\n", NIGHT) == {"plan_actual": [], "growth_target": [], "target_warning": []}


ADDITIVE = [c for c in contract_of("kpi_period").columns if c.name in (*SUMS, *COUNTS, *STATES)]


@st.composite
def months(draw: Any) -> list[tuple[str, date, dict[str, Any]]]:
    """Rows of kpi_period of some stores and months, with any figures that the columns hold."""
    keys = draw(st.sets(st.tuples(st.sampled_from(["S1", "S2"]), st.integers(1, 6)), min_size=1))
    amounts = st.decimals(-(10**9), 10**9, places=2, allow_nan=False)
    counts = st.integers(0, 10**9)
    return [
        (
            store,
            date(2025, month, 1),
            {c.name: draw(st.none() | (amounts if "DECIMAL" in c.type else counts)) for c in ADDITIVE},
        )
        for store, month in sorted(keys)
    ]


@settings(max_examples=40)
@given(months())
def test_the_actual_of_every_sum_count_and_state_is_that_of_kpi_period(rows):
    engine = Given()
    for store, start, figures in rows:
        period(engine, start, "month", "store", store, **figures)
    entries = [
        plan(c.name, values=f"{start:%Y-%m}: 12.34", by=f"by: store, value: {store},")
        for store, start, _ in rows
        for c in ADDITIVE
    ]
    found = {(r["cut_value"], r["period_start"], r["metric"]): r for r in planned(engine, *entries)}
    expected = {(store, start, name): value for store, start, of in rows for name, value in of.items()}
    assert {key: row["actual_value"] for key, row in found.items()} == expected
    for row in found.values():
        if row["actual_value"] is not None:
            assert row["difference"] == row["actual_value"] - Decimal("12.34")
        else:
            assert row["actual_reason"] in {"unknown_by_cut", "unknown_in_period"}
