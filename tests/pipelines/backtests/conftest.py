"""A made-up shop after two nights a churn horizon apart, and its backtest; and homes with nights alone."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from nights import make_tables
from shop import write_shop

from pipelines.backtests.run import run_backtest
from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.ops import nightly
from pipelines.settings import Settings, code_version, load_settings
from pipelines.store.lake import Lake, Night
from pipelines.store.manifest import Backtest, Manifest
from pipelines.tables.inputs import contract_of

ORIGIN, NIGHT = date(2025, 4, 1), date(2025, 6, 30)  # a churn horizon apart
WITHOUT_EXPECTATIONS = frozenset(tables()) - {"batch_expectation"}
TIERS = """\
basis: purchase_days
period: rolling 6 months
tiers:
- {name: plain, threshold: 0}
- {name: silver, threshold: 6}
- {name: gold, threshold: 12}
"""
DATED = {"crm_customers": "registered_at", "receipts": "issued_at"}


@dataclass(frozen=True)
class BacktestedShop:
    """The shop's home, and the backtest of its second night (`night`); the first one is the origin."""

    home: Path
    lake: Lake
    settings: Settings
    result: Backtest
    origin: date = ORIGIN
    night: date = NIGHT

    def rows(self, night: date, select: str) -> list[tuple[Any, ...]]:
        """A SELECT's rows over a night's tables of customers."""
        with DuckDBEngine(self.lake.open_backtest(night), self.settings) as engine:
            for name, state in self.lake.manifest(night).tables.items():
                if name.startswith("customer_"):
                    engine.register(name, engine.select_of(state, contract_of(name)))
            return engine.rows(select)

    def groups(self, measure: str, kind: str, dimension: str = "all") -> list[dict[str, Any]]:
        """Rows of the table backtest for the forecasts of the origin."""
        wanted = (measure, kind, dimension, self.origin)
        return [
            row
            for row in self.result.tables["backtest"]
            if (row["measure"], row["kind"], row["dimension"], row["as_of_date"]) == wanted
        ]


def deliver_until(landing: Path, extracts: Path, night: date, after: date | None) -> None:
    """A landing folder of what a shop's extracts have for the days after one up to another.

    Some receipts of the weeks before the first folder come with the second.
    """
    folder = landing / f"{night}"
    folder.mkdir(parents=True)
    kept: set[str] = set()
    for source in ("crm_customers", "receipts", "receipt_lines", "promo_codes", "promo_redemptions"):
        with (extracts / f"{source}.csv").open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        if source in DATED:
            days = [date.fromisoformat(row[DATED[source]][:10]) for row in rows]
            late = [is_late(row, day) for row, day in zip(rows, days, strict=True)]
            new = [(after is None or after < day) and day <= night for day in days]
            came = [is_new != is_late for is_new, is_late in zip(new, late, strict=True)]
            rows = [row for row, is_there in zip(rows, came, strict=True) if is_there]
            kept |= {row["receipt_id"] for row in rows if source == "receipts"}
        elif source != "promo_codes":
            rows = [row for row in rows if row["receipt_id"] in kept]
        with (folder / f"{source}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, reader.fieldnames or [])
            writer.writeheader()
            writer.writerows(rows)


def is_late(row: dict[str, str], day: date) -> bool:
    """Whether what a customer bought on a day of the weeks before the first night comes with the second."""
    is_drawn = (day.toordinal() + int((row["customer_id"] or "c0")[1:])) % 5 == 0
    return "receipt_id" in row and is_drawn and ORIGIN - timedelta(60) < day <= ORIGIN


def load(night: date) -> Lake:
    """Load a night's tables up to the scores, without Airflow."""
    settings = load_settings()
    nightly.open_night(night, f"test {night}")
    draft = Lake(settings.home).night(night, f"test {night}")
    wanted = {name for name, table in tables().items() if table.layer in ("staging", "facts", "scores")}
    make_tables((wanted | {"customer_rfm"}) & WITHOUT_EXPECTATIONS, draft, settings)
    draft.commit(code_version(), settings.model_dump(mode="json"), draft.tables())
    draft.finish()
    return draft.lake


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> BacktestedShop:
    """The shop; its CLV looks as far ahead as churn."""
    home, extracts = tmp_path_factory.mktemp("backtest"), tmp_path_factory.mktemp("extracts")
    write_shop(extracts, nights=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        patch.setenv("LOYALTY_CLV_HORIZON_DAYS", "90")
        patch.setenv("LOYALTY_TIERS", str(extracts / "tiers.yaml"))
        (extracts / "tiers.yaml").write_text(TIERS)
        load_settings.cache_clear()
        for night, after in ((ORIGIN, None), (NIGHT, ORIGIN)):
            deliver_until(home / "landing", extracts / f"{NIGHT}", night, after)
            lake = load(night)
        settings = load_settings()
        result = run_backtest(NIGHT, settings)
    load_settings.cache_clear()
    return BacktestedShop(home, lake, settings, result)


@pytest.fixture
def load_scores(retailer: Any) -> Callable[[str], Night]:
    """Loads a delivered night of the retailer up to the scores."""

    def load_night(night: str) -> Night:
        return retailer.load(night, upto=("staging", "facts", "scores"), only=WITHOUT_EXPECTATIONS)

    return load_night


@pytest.fixture
def commit_nights(retailer: Any) -> Callable[..., Lake]:
    """Commits nights of the retailer that hold no table."""

    def commit(*days: str) -> Lake:
        lake = Lake(retailer.home)
        lake.root.mkdir(parents=True)
        for day in days:
            settings = {"churn_lead_days": 0, "churn_horizon_days": 90}
            lake.replace_manifest(
                Manifest(run_date=date.fromisoformat(day), code_version="x", settings=settings, tables={})
            )
        return lake

    return commit
