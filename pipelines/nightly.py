"""The steps of a night, each a task of the DAG: open, make every table, commit, publish, export, report, finish."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.build import made_tables, make_table
from pipelines.contracts import sources
from pipelines.ingest import check_landing
from pipelines.lake import Lake, Manifest, Night
from pipelines.settings import Settings, code_version, load_settings

# Who wants to know of each finished step: its name, rows (None where there are none to count) and seconds.
Listener = Callable[[str, int | None, float], None]
listeners: list[Listener] = []
# What went wrong, for whoever runs a night in this process.
failures: list[Exception] = []

# Settings that decide on the numbers; the others only on where and how fast.
_NOT_RECORDED = {
    "home",
    "landing",
    "engine",
    "spark_master",
    "threads",
    "memory_limit",
    "campaigns",
    "control_salt",
    "keep_warehouses",
    "keep_landing_days",
    "keep_nights_days",
    "keep_exports_days",
    "complete_marker",
    "settle_seconds",
    "wait_hours",
    "notify_connection",
    "notify_to",
    "publish_within_hours",
    "backtest_schedule",
}


@contextmanager
def _step(name: str) -> Iterator[dict[str, Any]]:
    """Private files, a time, and a word to whoever listens."""
    umask = os.umask(0o077)
    began = time.perf_counter()
    outcome: dict[str, Any] = {"rows": None}
    try:
        yield outcome
    finally:
        os.umask(umask)
    for listener in listeners:
        listener(name, outcome["rows"], time.perf_counter() - began)


def open_night(run_date: date, run_id: str) -> None:
    """Check that the night can begin, and begin it.

    Raises:
        BadDataError: the landing folder or a required source is missing.
        LoyaltyError: the home's time zone or currency changed.
    """
    settings = load_settings()
    with _step("open_night"):
        settings.home.mkdir(parents=True, exist_ok=True)
        lake = Lake(settings.home)
        lake.check_identity({"time zone": settings.timezone, "currency": settings.currency})
        check_landing(settings.landing_dir / f"{run_date}", sources().values())
        lake.open_night(run_date, run_id)


def _night(run_date: date, run_id: str) -> tuple[Night, Settings]:
    settings = load_settings()
    return Lake(settings.home).night(run_date, run_id), settings


def make(name: str, run_date: date, run_id: str) -> None:
    """Make one table of the night."""
    night, settings = _night(run_date, run_id)
    with _step(name) as outcome:
        began = time.perf_counter()
        outcome["rows"] = make_table(name, night, settings)
        state = night.table(name)
        night.add(name, state.model_copy(update={"seconds": time.perf_counter() - began}))


def commit(run_date: date, run_id: str) -> Manifest:
    """Write the night's manifest, its only commit."""
    night, settings = _night(run_date, run_id)
    with _step("commit"):
        recorded = settings.model_dump(mode="json", exclude=_NOT_RECORDED)
        return night.commit(code_version(), recorded, made_tables())


def publish(run_date: date, run_id: str) -> bool:
    """Swap the night's warehouse in, unless a later one is published."""
    night, settings = _night(run_date, run_id)
    with _step("publish_warehouse"):
        from pipelines.publish import publish_warehouse

        return publish_warehouse(night, settings)


def export(run_date: date, run_id: str) -> bool:
    """Write the campaigns' files, unless a later night is published: an old night sends nothing."""
    night, settings = _night(run_date, run_id)
    with _step("export_campaigns"):
        from pipelines.lists import move_exports
        from pipelines.publish import published_night

        if published_night(settings.home) != run_date:
            return False
        move_exports(night, settings)
        return True


def report(run_date: date, run_id: str) -> Path | None:
    """Write the night's report from its warehouse, unless a later night is published."""
    _, settings = _night(run_date, run_id)
    with _step("write_report"):
        from pipelines.publish import published_night, warehouse_path
        from pipelines.report import write_report

        if published_night(settings.home) != run_date:
            return None
        return write_report(
            warehouse_path(settings.home, run_date),
            settings.home / "reports" / f"{run_date}",
            mode=settings.file_mode,
            folder_mode=settings.folder_mode,
        )


def finish(run_date: date, run_id: str) -> None:
    """Nothing more will be done tonight; what the home need not keep any longer goes."""
    night, settings = _night(run_date, run_id)
    with _step("finish"):
        from pipelines.retention import apply_retention

        night.finish()
        apply_retention(night.lake, run_date, settings)
