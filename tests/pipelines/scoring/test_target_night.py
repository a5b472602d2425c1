"""A night with a file of targets: as it was when the night was opened; one with a fault stops nothing."""

from decimal import Decimal

import pytest
from conftest import Retailer, needed
from nights import make_tables

from pipelines.catalog import tables
from pipelines.publishing.night_warnings import night_warnings
from pipelines.settings import load_settings
from pipelines.store.lake import Lake, Night

NIGHT = "2025-06-30"
PLAN = "plan:\n- {metric: revenue, period: month, values: {2025-06: 10}}\n"
NEEDED = needed("plan_actual") | {name for name, table in tables().items() if table.layer == "staging"}


@pytest.fixture
def shop(retailer: Retailer, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    monkeypatch.setenv("LOYALTY_TARGETS", str(retailer.home.parent / "targets.yaml"))
    load_settings.cache_clear()
    retailer.deliver(
        NIGHT,
        crm_customers="customer_id,registered_at\nann,2025-01-01\n",
        receipts="receipt_id,customer_id,issued_at,operation,total_amount\nr1,ann,2025-06-02,sale,4\n",
    )
    return retailer


def write(shop: Retailer, text: str) -> None:
    (shop.home.parent / "targets.yaml").write_text(text)


def finish(shop: Retailer, night: Night) -> list[str]:
    """Make the night's tables, commit, and give what it warns of targets."""
    make_tables(NEEDED, night, shop.settings)
    night.commit("test", {}, night.tables())
    night.finish()
    manifest = Lake(shop.home).manifest(night.run_date)
    return [line for line in night_warnings(shop.settings, manifest) if line.startswith("targets: ")]


def test_an_edit_of_the_targets_while_the_night_runs_is_for_the_next_one(shop: Retailer) -> None:
    write(shop, PLAN)
    night = shop.open(NIGHT)
    write(shop, "plan: [")
    assert finish(shop, night) == []
    figures = "plan_value, actual_value, reached_share"
    assert shop.rows(night, "plan_actual", figures) == [(Decimal(10), Decimal(4), 0.4)]


def test_a_file_with_a_fault_leaves_the_plan_empty_and_the_night_whole(shop: Retailer) -> None:
    write(shop, PLAN.replace("10", "-10"))
    night = shop.open(NIGHT)
    path = shop.home.parent / "targets.yaml"
    assert finish(shop, night) == [
        f"targets: {path}, line 2, plan, no. 1, values, 2025-06: -10 is below 0; a plan can't be"
    ]
    assert shop.rows(night, "plan_actual") == []
    assert len(shop.rows(night, "kpi_period")) > 0


def test_a_file_that_is_not_there_is_said_if_a_setting_names_it(shop: Retailer) -> None:
    (said,) = finish(shop, shop.open(NIGHT))
    assert said.endswith(
        "targets.yaml: the file can't be read: No such file or directory; LOYALTY_TARGETS says where the targets are"
    )
