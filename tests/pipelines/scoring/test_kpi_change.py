"""A month's change is split to the cent by every cut, and is said only where it is more than usual."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pytest

from pipelines.scoring.kpi_change import kpi_movement
from pipelines.tables.inputs import contract_of

MONTHS = [date(2023 + n // 12, n % 12 + 1, 1) for n in range(26)]


class Given:
    """An engine that has kpi_period and kpi_daily alone."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        for name in ("kpi_period", "kpi_daily"):
            columns = ", ".join(f"{column.name} {column.type}" for column in contract_of(name).columns)
            self.connection.execute(f"CREATE TABLE {name} ({columns})")

    def add(self, table: str, **row: Any) -> None:
        marks = ", ".join("?" for _ in row)
        self.connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    def arrow(self, select: str) -> Any:
        return self.connection.execute(select).to_arrow_table()


def month(engine: Given, start: date, cut: str, value: str, buyers: int, bought: Decimal, **more: Any) -> None:
    """A month in which everybody orders twice, two units a time, at a margin of a half, and 10.00 are anonymous."""
    row = {
        "period": "month",
        "period_start": start,
        "is_complete": True,
        "cut": cut,
        "cut_value": value,
        "buyers": buyers,
        "orders": 2 * buyers,
        "receipts": 2 * buyers + 1,
        "quantity": 4 * buyers + 2,
        "member_revenue": bought,
        "revenue": bought + 10,
        "gross_margin": (bought + 10) / 2,
        "new_buyers": 1,
        "new_revenue": Decimal(5),
        "returning_buyers": buyers - 1,
        "returning_revenue": bought - 6,
    }
    engine.add("kpi_period", **row | more)


@pytest.fixture
def given() -> Given:
    """Two stores for 26 months; of the second nothing is known before the last. The last month is a third lower."""
    engine = Given()
    draw = np.random.default_rng(5)
    for n, start in enumerate(MONTHS):
        revenue = Decimal(f"{1000 * draw.normal(1, 0.02) * (0.67 if n == 25 else 1):.2f}")
        month(engine, start, "all", "all", 100, revenue)
        month(engine, start, "store", "s1", 100, revenue - (300 if n == 25 else 0))
        if n == 25:
            month(engine, start, "store", "s2", 20, Decimal(300), revenue=Decimal(300), gross_margin=None)
        for day in range(28):
            engine.add("kpi_daily", business_date=start + timedelta(day), revenue=revenue / 28, gross_margin=0)
    return engine


def rows(engine: Given, table: str) -> list[dict[str, Any]]:
    return list(kpi_movement(engine, None, None)[table].to_pylist())  # type: ignore[arg-type]


def test_the_factors_add_up_to_the_change_of_every_month_and_the_stores_to_all(given):
    found = rows(given, "kpi_change")
    values = dict(given.connection.execute("SELECT period_start, revenue FROM kpi_period WHERE cut = 'all'").fetchall())
    of_all = "SELECT period_start, gross_margin FROM kpi_period WHERE cut = 'all'"
    margins = dict(given.connection.execute(of_all).fetchall())
    for n, start in enumerate(MONTHS[1:], start=1):
        of_month = [r for r in found if (r["business_month"], r["compared_with"]) == (start, "month_before")]
        for cut in ("all", "tenure", *(["store"] if n >= 23 else [])):
            amounts = [r["change_amount"] for r in of_month if (r["cut"], r["metric"]) == (cut, "revenue")]
            assert sum(amounts) == values[start] - values[MONTHS[n - 1]], (start, cut)
        margin = [r["change_amount"] for r in of_month if (r["cut"], r["metric"]) == ("all", "gross_margin")]
        assert sum(margin) == margins[start] - margins[MONTHS[n - 1]]


def test_a_store_that_opens_brings_its_buyers_and_an_unknown_margin_is_not_split(given):
    new = [r for r in rows(given, "kpi_change") if r["cut_value"] == "s2" and r["compared_with"] == "month_before"]
    assert {(r["metric"], r["factor"]): r["change_amount"] for r in new} == {
        ("revenue", "buyers"): Decimal("300.00"),
        ("revenue", "orders_per_buyer"): Decimal("0.00"),
        ("revenue", "average_order_value"): Decimal("0.00"),
        ("revenue", "anonymous_revenue"): Decimal("0.00"),
        ("gross_margin", "unknown"): None,
    }


def test_only_the_month_that_fell_is_said(given):
    moved = {
        (r["business_month"], r["compared_with"]): r for r in rows(given, "kpi_movement") if r["metric"] == "revenue"
    }
    last = moved[MONTHS[-1], "month_before"]
    assert (last["is_outside"], last["is_better"], last["reason"]) == (True, False, None)
    assert last["value"] < last["expected_low"] < last["expected_high"]
    assert moved[MONTHS[3], "month_before"]["reason"] == "too_few_changes_before"
    assert moved[MONTHS[3], "month_before"]["expected_low"] is None
    assert last["past_months"] == 16
    said = {r["business_month"] for r in rows(given, "kpi_change") if r["is_said"] and r["metric"] == "revenue"}
    alarms = {start for (start, _), r in moved.items() if r["is_outside"]}
    assert said == alarms
    assert MONTHS[-1] in said


def test_a_figure_that_never_was_is_unknown_and_says_so(given):
    churn = [r for r in rows(given, "kpi_movement") if r["metric"] == "churn_rate"]
    assert {(r["value"], r["is_outside"], r["reason"]) for r in churn} == {(None, None, "value_unknown_or_not_above_0")}


def test_without_a_complete_month_both_are_empty():
    assert [table.num_rows for table in kpi_movement(Given(), None, None).values()] == [0, 0]  # type: ignore[arg-type]
