"""Stores are ranked by shrunken rates among those that were open all the time; who is not ranked says why."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pytest

from pipelines.scoring.stores import store_rank
from pipelines.tables.inputs import contract_of

NIGHT = date(2025, 6, 30)
FIRST = date(2024, 1, 1)
METRICS = ["average_receipt", "participation_rate", "repeat_rate", "revenue_per_open_day"]


class Given:
    """An engine that has the inputs of store_rank alone."""

    def __init__(self, first: date = FIRST) -> None:
        self.connection = duckdb.connect()
        for name in ("kpi_period", "store_profile", "store_closure", "calendar"):
            columns = ", ".join(f"{column.name} {column.type}" for column in contract_of(name).columns)
            self.connection.execute(f"CREATE TABLE {name} ({columns})")
        days = (NIGHT - first).days + 1
        self.connection.execute(
            f"INSERT INTO calendar SELECT DATE '{first}' + CAST(n AS INTEGER) FROM RANGE({days}) r(n)"
        )

    def add(self, table: str, **row: Any) -> None:
        marks = ", ".join("?" for _ in row)
        self.connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    def rows(self, select: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(select).fetchall()

    def arrow(self, select: str) -> Any:
        return self.connection.execute(select).to_arrow_table()

    def ranks(self) -> dict[tuple[str, str], dict[str, Any]]:
        table = store_rank(self, SimpleNamespace(run_date=NIGHT), None)["store_rank"]  # type: ignore[arg-type]
        return {(row["store_id"], row["metric"]): row for row in table.to_pylist()}


def store(
    engine: Given, name: str, receipt: float, seed: int, customers: int = 200, weeks: int = 60, **profile: Any
) -> None:
    """A store with ten receipts on one day of each week up to tonight, of a size that varies a little."""
    draw = np.random.default_rng(seed)
    for week in range(weeks):
        sold = Decimal(f"{receipt * 10 * draw.normal(1, 0.05):.2f}")
        engine.add(
            "kpi_period",
            period="day",
            cut="store",
            cut_value=name,
            period_start=NIGHT - timedelta(7 * week),
            revenue=sold,
            sale_revenue=sold,
            receipts=10,
            member_receipts=int(draw.binomial(10, 0.6)),
        )
    row = {
        "store_name": "Main",
        "is_online": False,
        "home_customers": customers,
        "repeat_home_customers": customers // 2,
    }
    engine.add("store_profile", store_id=name, **row | profile)


@pytest.fixture
def given() -> Given:
    engine = Given()
    for n, receipt in enumerate((20, 30, 31, 45)):
        store(engine, f"s{n}", receipt, n)
    return engine


def test_stores_are_ranked_by_what_is_left_without_chance(given):
    found = given.ranks()
    receipts = [found[f"s{n}", "average_receipt"] for n in range(4)]
    assert [row["store_rank"] for row in receipts] == [4, 3, 2, 1]
    assert [(row["best_rank"], row["worst_rank"]) for row in (receipts[0], receipts[3])] == [(4, 4), (1, 1)]
    assert all(row["shrunken_low"] < row["shrunken_value"] < row["shrunken_high"] for row in receipts)
    assert {row["observations"] for row in receipts} == {520}
    assert receipts[0]["from_date"] == NIGHT - timedelta(363)
    alike = [found[f"s{n}", "repeat_rate"] for n in range(4)]
    assert {row["store_rank"] for row in alike} == {1}
    assert {(row["best_rank"], row["worst_rank"]) for row in alike} == {(1, 4)}
    assert {row["reason"] for row in found.values()} == {None}


def test_each_store_has_a_row_of_each_metric_with_a_rank_or_the_reason(given):
    store(given, "web", 30, 7, is_online=True)
    store(given, "new", 30, 8, weeks=20)
    given.add(
        "store_closure", store_id="new", stretch_kind="before_opening", from_date=FIRST, until_date=date(2025, 2, 9)
    )
    store(given, "edge", 30, 9)
    edge = NIGHT - timedelta(361)
    given.add("store_closure", store_id="edge", stretch_kind="before_opening", from_date=FIRST, until_date=edge)
    store(given, "few", 30, 10, weeks=9, customers=29)
    store(given, "returns", -1, 11)
    store(given, "never", 30, 12, weeks=0)
    found = given.ranks()
    assert sorted({metric for _, metric in found}) == METRICS
    assert len(found) == 40
    reasons = {name: [found[name, metric]["reason"] for metric in METRICS] for name in ("web", "new", "few", "never")}
    assert reasons == {
        "web": ["online"] * 4,
        "new": ["not_open_throughout"] * 4,
        "few": ["under_100_receipts", "under_100_receipts", "under_30_customers", "under_30_open_days"],
        "never": ["not_open_throughout"] * 4,
    }
    assert [found["returns", metric]["reason"] for metric in METRICS] == ["not_above_0", None, None, "not_above_0"]
    assert found["edge", "average_receipt"]["reason"] is None
    assert found["web", "average_receipt"]["metric_value"] == pytest.approx(30, rel=0.05)
    assert found["never", "average_receipt"]["metric_value"] is None
    assert {row["store_rank"] is None for row in found.values() if row["reason"]} == {True}


@pytest.mark.parametrize("stores", [1, 2])
def test_of_fewer_than_three_stores_none_is_ranked(stores):
    engine = Given()
    for n in range(stores):
        store(engine, f"s{n}", 30, n)
    assert {row["reason"] for row in engine.ranks().values()} == {"under_3_stores"}


def test_of_half_a_year_of_data_none_is_ranked():
    engine = Given(first=NIGHT - timedelta(7 * 26 - 2))
    for n in range(3):
        store(engine, f"s{n}", 30, n, weeks=25)
    assert {row["reason"] for row in engine.ranks().values()} == {"under_26_weeks"}


def test_a_share_of_none_and_rates_without_any_chance_have_figures():
    engine = Given()
    for name in ("a", "b", "c"):
        store(engine, name, 30, 1, repeat_home_customers=0)
    engine.connection.execute("UPDATE kpi_period SET sale_revenue = 10, member_receipts = 0")
    found = engine.ranks()
    assert found["a", "average_receipt"]["shrunken_low"] == found["a", "average_receipt"]["shrunken_high"] == 1
    assert found["a", "participation_rate"]["shrunken_low"] == 0 < found["a", "participation_rate"]["shrunken_high"]
    assert found["a", "repeat_rate"]["shrunken_low"] == 0 < found["a", "repeat_rate"]["shrunken_high"]


def test_without_stores_there_are_no_rows():
    assert Given().ranks() == {}
