"""all_campaigns_effect over nights: which months of which draws are read, and how long a figure is kept."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.all_campaigns import all_campaigns_effect
from pipelines.settings import Settings
from pipelines.store.lake import Lake
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import register_parameters

NIGHT = date(2024, 6, 10)
SALT = "salt"
DIGEST = hashlib.sha256(f"global control:{SALT}".encode()).hexdigest()[:12]
DRAW = f"('2024', 0.3, '{DIGEST}', DATE '2024-01-01', DATE '2024-06-09')"


def is_control(customer: str) -> bool:
    digest = hashlib.sha256(f"{SALT}:programme:2024:{customer}".encode()).hexdigest()
    return int(digest[:12], 16) < 0.3 * 16**12


def empty(name: str) -> str:
    columns = ", ".join(f"CAST(NULL AS {column.type}) AS {column.name}" for column in contract_of(name).columns)
    return f"SELECT {columns} WHERE FALSE"


@contextmanager
def opened(home: Path, draws: str = DRAW, salt: str = SALT) -> Iterator[tuple[DuckDBEngine, Any, Settings]]:
    """400 customers who buy once before the draw and once in each of its months; the treated spend 12, control 10."""
    settings = Settings(_env_file=None, home=home, control_salt=salt, threads=1)
    night = Lake(home).open_night(NIGHT, "case")
    with DuckDBEngine(night, settings) as engine:
        register_parameters(engine, NIGHT, settings)
        customers = [f"c{number}" for number in range(400)]
        engine.register_arrow(
            "spender",
            pa.table({"customer_id": customers, "amount": [10 if is_control(name) else 12 for name in customers]}),
        )
        engine.register(
            "customer",
            "SELECT customer_id, DATE '2023-01-01' AS registered_date, CAST(NULL AS DATE) AS deleted_date,"
            " FALSE AS is_service_account FROM spender",
        )
        engine.register("customer_totals", "SELECT customer_id, DATE '2023-12-15' AS first_order_date FROM spender")
        engine.register(
            "customer_day",
            "SELECT customer_id, business_date, 1 AS order_count,"
            " CAST(amount * factor AS DECIMAL(18, 2)) AS net_revenue,"
            " CAST(amount / 2 AS DECIMAL(18, 2)) AS gross_margin, CAST(NULL AS DECIMAL(18, 2)) AS costed_margin,"
            " CAST(0 AS DECIMAL(18, 2)) AS uncosted_revenue FROM spender CROSS JOIN (VALUES"
            " (DATE '2023-12-15', 9), (DATE '2024-01-15', 9), (DATE '2024-02-01', 1), (DATE '2024-03-31', 1),"
            " (DATE '2024-04-15', 1), (DATE '2024-05-31', 1), (DATE '2024-06-01', 9)) AS day (business_date, factor)",
        )
        engine.register("history.all_campaigns_effect", empty("all_campaigns_effect"))
        names = "(drawn_in, control_share, salt_digest, from_date, to_date)"
        engine.register(
            "history.global_control_draw",
            f"SELECT * FROM (VALUES {draws}) AS draw {names}" if draws else empty("global_control_draw"),
        )
        yield engine, night, settings


def made(home: Path, **given: str) -> list[dict[str, Any]]:
    with opened(home, **given) as (engine, night, settings):
        return all_campaigns_effect(engine, night, settings)["all_campaigns_effect"].to_pylist()


def test_the_whole_months_after_the_first_are_compared_as_lists_draw(tmp_path: Path) -> None:
    rows = {(row["period"], row["from_date"], row["metric"]): row for row in made(tmp_path)}
    found = rows["12 months", date(2023, 6, 1), "revenue_per_customer"]
    assert (found["month_count"], found["draw_count"], found["to_date"]) == (4, 1, date(2024, 5, 31))
    controls = sum(is_control(f"c{number}") for number in range(400))
    assert (found["treated_customers"], found["control_customers"]) == (400 - controls, controls)
    assert (round(found["treated_mean"], 9), round(found["control_mean"], 9)) == (12, 10)
    assert round(found["incremental_amount"], 6) == 2 * 4 * (400 - controls)
    assert rows["12 months", date(2023, 6, 1), "margin_per_customer"]["verdict"] == "sells more, not shown to pay"
    assert rows["12 months", date(2023, 6, 1), "churn_rate"]["effect"] == 0
    assert {row["from_date"] for row in rows.values() if row["period"] == "month"} == {
        date(2024, month, 1) for month in (2, 3, 4, 5)
    }
    assert {row["worked_out_date"] for row in rows.values()} == {NIGHT}


def test_without_a_group_or_with_another_salt_it_says_so(tmp_path: Path) -> None:
    said = {
        reason
        for given in ({"draws": ""}, {"salt": "other"}, {"draws": DRAW.replace("2024-01-01", "2024-05-01")})
        for reason in {row["reason"] for row in made(tmp_path, **given)}
    }
    assert said == {
        "no global control group has been drawn: global_control_share is 0",
        "LOYALTY_CONTROL_SALT is not what the group was drawn with",
        "no whole month has passed since the group was drawn, but for the first, which is dropped",
    }
