"""The steps of a night: open, make every table, commit, publish, export, report, finish.

Each is a task of the DAG; the tables of a layer are one task together, as each task costs a scheduler seconds.
"""

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pipelines.catalog import tables_by_task
from pipelines.contracts import sources
from pipelines.engines.choose import Engines
from pipelines.errors import BadDataError, LoyaltyError
from pipelines.intake.batch_validation import check_accepted
from pipelines.intake.deliveries import check_deliveries
from pipelines.intake.regular_files import check_regular_files
from pipelines.intake.stage import check_extract_unchanged
from pipelines.settings import Settings, check_is_said, code_version, load_settings
from pipelines.store.home import check_identity, keep_identity, landing_folder
from pipelines.store.lake import Lake, Night
from pipelines.store.locks import exclusive_home_lock, shared_home_lock
from pipelines.store.manifest import Manifest
from pipelines.table import Layer
from pipelines.tables.build import made_tables, make_table

_log = logging.getLogger(__name__)

# Called after each finished step with its name, rows (None if it has none to count) and seconds.
Listener = Callable[[str, int | None, float], None]


listeners: list[Listener] = []


# Errors of the night's steps, for code that runs a night in this process.
failures: list[Exception] = []


# Settings that do not change the numbers, so that a night's manifest does not record them.
_NOT_RECORDED = {
    "home",
    "landing",
    "engine",
    "spark_master",
    "threads",
    "memory_limit",
    "campaigns",
    "targets",
    "tiers",
    "control_salt",
    "name_order",
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


# The system's errors when a file has no room (a full disk, a quota, a limit), and when access is not allowed.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def _step(name: str, settings: Settings) -> Iterator[dict[str, Any]]:
    """Run a step with private files; time it, tell the listeners, and say in words what is wrong with the disk."""
    umask = os.umask(0o077)
    began = time.perf_counter()
    outcome: dict[str, Any] = {"rows": None}
    try:
        yield outcome
    except (OSError, duckdb.Error) as error:
        if why := _trouble_with_files(error, settings.home):
            raise LoyaltyError(f"{name}: {why}. Then run the night again.") from error
        raise
    finally:
        os.umask(umask)
    seconds = time.perf_counter() - began
    _log.info("%s: %s rows, %.2f s", name, "no" if outcome["rows"] is None else outcome["rows"], seconds)
    for listener in listeners:
        listener(name, outcome["rows"], seconds)


def _trouble_with_files(error: Exception, home: Path) -> str | None:
    """What is wrong with the disk and what to do; None if the error is about something else."""
    said = str(error)  # DuckDB gives no error code, but the system's words
    if any(os.strerror(code) in said for code in _NO_ROOM):
        free = shutil.disk_usage(home).free >> 20
        return f"there is no room for a file ({said}); {free:,} MiB are free in {home}. Make room on the disk"
    if any(os.strerror(code) in said for code in _NOT_ALLOWED):
        return f"a file may not be read or written ({said}). Give the pipeline's user the permission"
    return None


def step_names() -> list[str]:
    """The names of a night's steps, as the listeners hear them, in order."""
    made = [name for names in tables_by_task().values() for name in names]
    return ["open_night", *made, "commit", "publish_warehouse", "export_campaigns", "write_report", "finish"]


def open_night(run_date: date, run_id: str, accept: Iterable[str] = (), *, delivers: bool = True) -> None:
    """Check that the night can begin, and begin it.

    Args:
        run_date: the business date.
        run_id: the run that the night is to be open for.
        accept: the expectations that a person lets pass this once.
        delivers: whether its lists may leave.

    Raises:
        BadDataError: the landing folder or a required source is missing, or something there is no file.
        HomeBusyError: another run works in the home.
        LoyaltyError: the home's time zone or currency changed, or was never said; an accepted expectation is unknown.
    """
    from pipelines.campaigns.sending import open_deliveries

    settings = load_settings()
    with _step("open_night", settings):
        accepted = check_accepted(accept)
        folder = landing_folder(settings, run_date)
        check_regular_files(folder)
        settings.home.mkdir(parents=True, exist_ok=True)
        with exclusive_home_lock(settings.home):
            lake = Lake(settings.home)
            check_settings(settings)
            keep_identity(settings.home, _identity(settings))
            check_deliveries(folder, sources().values(), settings)
            open_deliveries(lake, settings)
            lake.open_night(
                run_date,
                run_id,
                accepted,
                _as_it_is(settings.campaigns),
                target_file=_as_it_is(settings.targets),
                delivers=delivers,
            )


def check_settings(settings: Settings) -> None:
    """Make sure that the settings are those that the home was filled with or, before its first night, are said.

    Raises:
        LoyaltyError: the home's time zone or currency changed, or one was never said.
    """
    if Lake(settings.home).nights():
        check_identity(settings.home, _identity(settings))
    else:
        check_is_said(settings)


def _identity(settings: Settings) -> dict[str, str]:
    return {"time zone": settings.timezone, "currency": settings.currency}


def _as_it_is(path: Path) -> bytes | None:
    """A file that people edit, as it is now; None if it can't be read: the step that needs it says why."""
    try:
        return path.read_bytes()
    except OSError:
        return None


@contextmanager
def _step_of(
    name: str, run_date: date, run_id: str, *, may_be_finished: bool = False
) -> Iterator[tuple[Night, Settings, dict[str, Any]]]:
    """A step of a night that is open for this run: the night, the settings, and the outcome to put its rows in."""
    settings = load_settings()
    with _step(name, settings) as outcome, shared_home_lock(settings.home):
        night = Lake(settings.home).night(run_date, run_id, may_be_finished=may_be_finished)
        yield night, settings, outcome


@contextmanager
def _kept_if_stopped(name: str, night: Night) -> Iterator[None]:
    """A part of a step: why bad data stopped it is kept, for people who ask in the morning."""
    try:
        yield
    except BadDataError as error:
        night.stop(name, str(error))
        raise


def _check_extracts(night: Night, settings: Settings) -> None:
    for source in sources():
        check_extract_unchanged(source, night, settings)


def make_layer(layer: Layer, run_date: date, run_id: str) -> None:
    """Make the tables of a layer that this run has not made yet, each after those that it reads.

    Raises:
        BadDataError: what is wrong with the extracts, with all of them at once, or with the batches.
    """
    settings = load_settings()
    night = Lake(settings.home).night(run_date, run_id)
    made = night.tables()
    wrong: list[BadDataError] = []
    with Engines(night, settings) as engines:
        for name in tables_by_task()[layer]:
            if name in made:  # by an earlier attempt
                continue
            try:
                make(name, run_date, run_id, engines)
            except BadDataError as error:
                if name not in sources():  # other extracts can be read all the same
                    raise
                wrong.append(error)
    if wrong:
        raise wrong[0] if len(wrong) == 1 else BadDataError("\n".join(map(str, wrong)))


def make(name: str, run_date: date, run_id: str, engines: Engines) -> None:
    """Make one table of the night."""
    with _step_of(name, run_date, run_id) as (night, settings, outcome):
        began = time.perf_counter()
        with _kept_if_stopped(name, night):
            try:
                outcome["rows"] = make_table(name, night, settings, engines)
            except BadDataError:
                if name not in sources():
                    _check_extracts(night, settings)  # if they were mended meanwhile, that is what to say
                raise
        state = night.table(name)
        night.add(name, state.model_copy(update={"seconds": time.perf_counter() - began}))
        night.lake.stopped.forget(run_date, name)  # an earlier attempt at it


def commit(run_date: date, run_id: str) -> Manifest:
    """Write the night's manifest, its only commit.

    Raises:
        BadDataError: an extract is not the one that the night read.
    """
    with _step_of("commit", run_date, run_id) as (night, settings, _):
        with _kept_if_stopped("commit", night):
            _check_extracts(night, settings)
        recorded = settings.model_dump(mode="json", exclude=_NOT_RECORDED)
        return night.commit(code_version(), recorded, made_tables())


def publish(run_date: date, run_id: str) -> bool:
    """Swap the night's warehouse in, unless a later one is published."""
    with _step_of("publish_warehouse", run_date, run_id) as (night, settings, _):
        from pipelines.publishing.warehouse import publish_warehouse

        return publish_warehouse(night, settings)


def export(run_date: date, run_id: str) -> bool:
    """Send the night's lists, unless a later night is published: an old night sends nothing."""
    with _step_of("export_campaigns", run_date, run_id) as (night, settings, _):
        from pipelines.campaigns.sending import send_night
        from pipelines.store.home import published_night

        if published_night(settings.home) != run_date or not night.delivers:
            return False
        send_night(night.lake, settings, run_date, night.table("campaign_delivery"), night.table("campaign_hold"))
        return True


def report(run_date: date, run_id: str) -> Path | None:
    """Write the night's report from its warehouse, unless a later night is published."""
    with _step_of("write_report", run_date, run_id) as (_, settings, _):
        from pipelines.report.write import write_report
        from pipelines.store.home import published_night, reports_folder, warehouse_path

        if published_night(settings.home) != run_date:
            return None
        return write_report(
            warehouse_path(settings.home, run_date),
            reports_folder(settings.home, run_date),
            mode=settings.file_mode,
            folder_mode=settings.folder_mode,
        )


def finish(run_date: date, run_id: str) -> None:
    """Close the night, and remove what the home need not keep any longer."""
    with _step_of("finish", run_date, run_id, may_be_finished=True) as (night, settings, _):
        from pipelines.store.retention import apply_retention

        night.finish()
        apply_retention(night.lake, run_date, settings)


def night_warnings(run_date: date) -> list[str]:
    """What people should look at after a finished night, in words without personal data."""
    from pipelines.publishing import night_warnings as publishing

    settings = load_settings()
    return publishing.night_warnings(settings, Lake(settings.home).manifest(run_date))
