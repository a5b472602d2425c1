"""A small retailer for tests: deliver extracts, load nights without Airflow, look at tables."""

import itertools
import os
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from nights import make_tables

from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.ops import nightly
from pipelines.settings import Settings, load_settings
from pipelines.store.lake import Lake, Night
from pipelines.store.manifest import Manifest
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import parameters

TESTS = Path(__file__).parent
# No test depends on how fast the machine is.
hypothesis_settings.register_profile("repo", deadline=None)
hypothesis_settings.load_profile("repo")

HEADERS = {
    "crm_customers": "customer_id,registered_at",
    "receipts": "receipt_id,issued_at,total_amount",
    "receipt_lines": "receipt_id,line_number,quantity,amount",
    "promo_codes": "promo_code",
    "promo_redemptions": "promo_code,receipt_id",
}

# What a home has to say before its first night; a test that is about it sets another value.
FIRST_NIGHT = {"LOYALTY_TIMEZONE": "UTC", "LOYALTY_CURRENCY": "USD", "LOYALTY_PHONE_REGION": "US"}
os.environ.update(FIRST_NIGHT)
# People edit the shipped campaigns and targets; the tests' nights have their own campaigns, and no targets.
os.environ["LOYALTY_CAMPAIGNS"] = str(Path(__file__).parent / "campaigns.yaml")
os.environ["LOYALTY_TARGETS"] = os.devnull

# What `make check` leaves to `make test`: nights, faults, the demo, erasures, fits, batches and what tries very much.
# A file's tests run in one worker, so these begin first, and in this order.
SLOW = (
    "test_night.py",
    "pipelines/privacy/test_*.py",
    "test_spark_night.py",
    "pipelines/ops/test_demo*.py",
    "pipelines/ops/test_generated_demo.py",
    "pipelines/backtests/test_*.py",
    "test_faults.py",
    "models/clv/test_fit*.py",
    "pipelines/scoring/test_*.py",
    "models/churn/test_fit*.py",
    "test_damage.py",
    "test_real_*.py",
    "pipelines/intake/test_batch_*.py",
    "pipelines/intake/test_stage.py",
    "pipelines/intake/mapping/test_mapped_night.py",
    "pipelines/intake/mapping/test_presets.py",
    "test_readme.py",
    "test_security.py",
    "test_small_data.py",
    "pipelines/ops/check/test_*.py",
    "pipelines/ops/test_new.py",
    "pipelines/ops/test_preview.py",
    "pipelines/ops/test_terminal.py",
    "pipelines/tables/test_incremental.py",
    "pipelines/intake/test_supersede.py",
    "models/clv/test_total.py",
    "pipelines/campaigns/test_unsubscribed.py",
    "pipelines/intake/test_damaged_text.py",
    "pipelines/report/test_write.py",
    "pipelines/store/test_retention.py",
    "pipelines/intake/test_many_nights.py",
    "pipelines/campaigns/test_selection_properties.py",
    "pipelines/publishing/test_warehouse.py",
    "pipelines/campaigns/test_night.py",
    "pipelines/campaigns/test_night_holds.py",
    "pipelines/publishing/test_run_summary.py",
    "pipelines/report/test_backtests.py",
    "pipelines/report/test_campaigns.py",
    "pipelines/intake/inspection/test_dialects.py",
    "pipelines/intake/inspection/test_never_silent.py",
)


@pytest.fixture(scope="session", autouse=True)
def no_power_cut() -> Iterator[None]:
    """What tests write need not outlast one: a night in a test's own process waits for no disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def slow_files(pattern: str) -> list[Path]:
    return sorted(TESTS.glob(pattern))


def is_of_duckdb_alone(item: pytest.Item) -> bool:
    """Whether it is a case on Spark of a SELECT that is no table, which a night works out on DuckDB in any case."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters.get("case") == "spark" and "/" in parameters["table"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what these files hold, and every test on Spark."""
    items[:] = [item for item in items if not is_of_duckdb_alone(item)]
    files = [path for pattern in SLOW for path in slow_files(pattern)]
    order = {path: position for position, path in enumerate(files)}
    # The cases on Spark are many, and all in one file: begun last, they would run alone.
    items.sort(key=lambda item: order.get(item.path, len(order) + (item.path.name != "test_cases.py")))
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if item.path in order or "spark" in parameters.values():
            item.add_marker("slow")


class Retailer:
    """One home; `deliver` writes a landing folder, `stage` and `load` run parts of a night on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._runs = itertools.count()

    @property
    def settings(self) -> Settings:
        return load_settings()

    def deliver(self, night: str, **extracts: str | bytes) -> Path:
        """Write a landing folder; a required source that is not given is a header alone. `a__csv_gz` is a.csv.gz."""
        folder = self.home / "landing" / night
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ({k: f"{v}\n" for k, v in HEADERS.items()} | extracts).items():
            file = name.replace("__", ".").replace("csv_gz", "csv.gz")
            path = folder / (file if "." in file else f"{file}.csv")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    def open(self, night: str, accept: Sequence[str] = ()) -> Night:
        run_id = f"test {next(self._runs)}"
        nightly.open_night(date.fromisoformat(night), run_id, accept)
        return Lake(self.home).night(date.fromisoformat(night), run_id)

    def load(
        self,
        night: str,
        upto: tuple[str, ...] = ("staging",),
        only: frozenset[str] | None = None,
        accept: Sequence[str] = (),
    ) -> Night:
        """Run the tables of some layers (or only those named), and commit."""
        draft = self.open(night, accept)
        wanted = {name for name, table in tables().items() if table.layer in upto and (only is None or name in only)}
        make_tables(wanted, draft, self.settings)
        draft.commit("test", {}, draft.tables())
        draft.finish()
        return draft

    def rows(self, night: Night, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Rows of a table as of a loaded night, sorted."""
        manifest = night.lake.manifest(night.run_date)
        with DuckDBEngine(night, self.settings) as engine:
            self._register(table, night, manifest, engine)
            return sorted(engine.rows(f"SELECT {columns} FROM {table}"), key=repr)

    def _register(self, name: str, night: Night, manifest: Manifest, engine: DuckDBEngine) -> None:
        table = tables()[name]
        if not table.is_view:
            engine.register(name, engine.select_of(manifest.tables[name], contract_of(name)))
            return
        engine.register_arrow("night", parameters(night.run_date, self.settings)["night"])
        for inner in table.inputs:
            self._register(inner, night, manifest, engine)
        engine.register(name, table.sql)

    def counts(self, night: Night, source: str) -> tuple[int, int, int, int, int]:
        """Rows read, loaded, rejected, duplicate, superseded."""
        info = night.lake.manifest(night.run_date).tables[source].info
        return (
            *(info["counts"][f"rows_{k}"] for k in ("read", "loaded", "rejected", "duplicate")),
            info["rows_superseded"],
        )

    def rejected(self, night: Night, source: str) -> list[tuple[str, int, str]]:
        """File, row number and rule of each rejected row."""
        manifest = night.lake.manifest(night.run_date)
        found: list[tuple[str, int, str]] = []
        with DuckDBEngine(night, self.settings) as engine:
            for part in manifest.tables[f"rejected_{source}"].data_files:
                path = str(night.lake.path(part.path))
                found += engine.rows("SELECT file, row_number, rule FROM read_parquet($p) ORDER BY ALL", {"p": path})  # type: ignore[arg-type]
        return found


def needed(*names: str) -> frozenset[str]:
    """Tables, and all that they are made from."""
    inputs = {name for table in names for name in tables()[table].inputs}
    return frozenset(names) | (needed(*inputs) if inputs else frozenset())


@pytest.fixture
def retailer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Retailer]:
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOYALTY_TIMEZONE", "America/New_York")
    load_settings.cache_clear()
    yield Retailer(tmp_path / "home")
    load_settings.cache_clear()
