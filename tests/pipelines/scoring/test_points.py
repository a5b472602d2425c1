"""What will be spent of the points, what that costs and the contract liability, from flows to tables."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.points import points_breakage
from pipelines.settings import Settings
from pipelines.store.lake import Lake, Night

NIGHT = date(2024, 6, 30)
MONTHS = [date(2022 + number // 12, number % 12 + 1, 1) for number in range(6, 30)]
FLOW = {"granted_month": pa.date32(), "fate": pa.string(), "moved_month": pa.date32(), "points": pa.decimal128(38, 3)}
ENTRY = {"receipt_id": pa.string(), "kind": pa.string(), "points": pa.decimal128(18, 3), "posted_date": pa.date32()}
RECEIPT = {
    "receipt_id": pa.string(),
    "is_return": pa.bool_(),
    "revenue": pa.decimal128(18, 2),
    "tax_amount": pa.decimal128(18, 2),
}


def flow() -> list[dict[str, Any]]:
    """Of 100 points of each month 40 are spent in the next, and 60 expire two months after that."""
    rows = []
    for place, month in enumerate(MONTHS):
        left = 100
        for fate, points, after in (("spent", 40, 1), ("expired", 60, 3)):
            if place + after < len(MONTHS):
                moved = MONTHS[place + after]
                rows.append({"granted_month": month, "fate": fate, "moved_month": moved, "points": Decimal(points)})
                left -= points
        if left:
            rows.append({"granted_month": month, "fate": "left", "moved_month": None, "points": Decimal(left)})
    return rows


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Lake(tmp_path).open_night(NIGHT, "points")


@pytest.fixture
def engine(night: Night, tmp_path: Path) -> Iterator[DuckDBEngine]:
    with DuckDBEngine(night, Settings(home=tmp_path)) as found:
        entries = [{"receipt_id": f"{m}", "kind": "earn", "points": Decimal(100), "posted_date": m} for m in MONTHS]
        receipts = [
            {"receipt_id": f"{m}", "is_return": False, "revenue": Decimal(120), "tax_amount": Decimal(20)}
            for m in MONTHS
        ]
        found.register_arrow("points_flow", pa.Table.from_pylist(flow(), pa.schema(list(FLOW.items()))))
        found.register_arrow("points_entry", pa.Table.from_pylist(entries, pa.schema(list(ENTRY.items()))))
        found.register_arrow("receipt_fact", pa.Table.from_pylist(receipts, pa.schema(list(RECEIPT.items()))))
        found.register_arrow("night", pa.table({"amounts_include_tax": [True]}))
        before = {"granted_month": [MONTHS[-1]], "initial_spent_share": [0.5]}
        found.register_arrow("history.points_liability", pa.table(before))
        yield found


def test_points_that_are_left_are_spent_as_those_of_earlier_months(engine, night, tmp_path) -> None:
    tables = points_breakage(engine, night, Settings(home=tmp_path, point_value=Decimal("0.05")))
    rows = tables["points_breakage"].to_pylist()
    assert [row["granted_month"] for row in rows] == MONTHS
    columns = ("granted_points", "spent_points", "expired_points", "left_points", "points_to_be_spent")
    found = [tuple(int(row[name]) for name in columns) for row in rows[-4:]]
    assert found == [(100, 40, 60, 0, 0), (100, 40, 0, 60, 0), (100, 40, 0, 60, 0), (100, 0, 0, 100, 40)]
    assert [row["p_spent"] for row in rows[-4:]] == [None, 0, 0, pytest.approx(0.4)]
    assert [row["breakage_rate"] and round(row["breakage_rate"], 6) for row in rows[-4:]] == [0.6, 0.6, None, None]
    assert [row["breakage_reason"] for row in rows[-3:]] == [None, *["younger than 3 complete months"] * 2]
    (outlook,) = tables["points_outlook"].to_pylist()
    assert (outlook["as_of_date"], outlook["outlook_reason"]) == (NIGHT, None)
    assert (outlook["points_to_be_spent"], outlook["points_redemption_cost"]) == (40, Decimal("2.00"))
    assert not outlook["has_expiry_changed"]


def test_the_share_expected_at_first_stays_and_what_is_not_recognised_is_owed(engine, night, tmp_path) -> None:
    tables = points_breakage(engine, night, Settings(home=tmp_path, point_value=Decimal("0.05")))
    rows = tables["points_liability"].to_pylist()
    columns = ("revenue_without_tax", "allocated_amount", "recognised_amount", "contract_liability")
    old, newest = (tuple(row[name] for name in columns) for row in (rows[0], rows[-1]))
    assert old == (100, Decimal("1.96"), Decimal("1.96"), 0)  # 100 x 2 / 102
    assert newest == (100, Decimal("2.44"), 0, Decimal("2.44"))  # 100 x 2.5 / 102.5: half of them, as was said before
    assert rows[-1]["initial_spent_share"] == 0.5


def test_a_month_that_runs_is_left_out_and_nothing_is_known_of_a_short_history(engine, night, tmp_path) -> None:
    rows = [
        {"granted_month": month, "fate": "left", "moved_month": None, "points": Decimal(5)} for month in MONTHS[-2:]
    ]
    engine.register_arrow("points_flow", pa.Table.from_pylist(rows, pa.schema(list(FLOW.items()))))
    early = Lake(tmp_path).open_night(date(2024, 6, 29), "early")
    tables = points_breakage(engine, early, Settings(home=tmp_path))
    (row,) = tables["points_breakage"].to_pylist()
    reason = "a history of 1 complete months is too short, less than 12"
    assert (row["granted_month"], row["points_to_be_spent"], row["breakage_reason"]) == (MONTHS[-2], None, reason)
    assert tables["points_outlook"].to_pylist()[0]["outlook_reason"] == reason
    assert tables["points_liability"].to_pylist()[0]["liability_reason"] == reason


def test_without_postings_the_tables_are_empty(engine, night, tmp_path) -> None:
    engine.register_arrow("points_flow", pa.schema(list(FLOW.items())).empty_table())
    assert {len(table) for table in points_breakage(engine, night, Settings(home=tmp_path)).values()} == {0}
