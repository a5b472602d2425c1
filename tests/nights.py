"""Whole nights for tests: the DAG's steps without Airflow, and what a home shows afterwards."""

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb

from pipelines.catalog import tables, tables_by_task
from pipelines.engines.choose import Engines
from pipelines.ops import nightly
from pipelines.settings import Settings, load_settings
from pipelines.store.lake import Lake, Night
from pipelines.tables.build import make_table

LAST_STEPS = (nightly.commit, nightly.publish, nightly.export, nightly.report, nightly.finish)


def make_tables(names: Collection[str], night: Night, settings: Settings) -> None:
    """Make the tables named, each after those that it reads."""
    with Engines(night, settings) as engines:
        for table in tables().values():
            if table.name in names and table.kind != "split":
                make_table(table.name, night, settings, engines)


def make_steps(names: Collection[str], night: date, run_id: str) -> None:
    """Make the tables named in their order, each as a step of the night."""
    settings = load_settings()
    with Engines(Lake(settings.home).night(night, run_id), settings) as engines:
        for name in names:
            nightly.make(name, night, run_id, engines)


def steps(night: date, run_id: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """A night's steps by name, in an order that the DAG allows, with those of each table apart."""
    yield "open_night", lambda: nightly.open_night(night, run_id)
    for name, table in tables().items():
        if table.kind != "split":
            yield name, lambda name=name: make_steps((name,), night, run_id)
    for step in LAST_STEPS:
        yield step.__name__, lambda step=step: step(night, run_id)


def run_night(night: date, run_id: str, without: tuple[str, ...] = ()) -> None:
    """Run a night, but the steps named of those after its tables."""
    nightly.open_night(night, run_id)
    for layer in tables_by_task():
        nightly.make_layer(layer, night, run_id)
    for step in LAST_STEPS:
        if step.__name__ not in without:
            step(night, run_id)


@contextmanager
def home_of(path: Path) -> Iterator[Path]:
    """Work in a home."""
    os.environ["LOYALTY_HOME"] = str(path)
    load_settings.cache_clear()
    yield path


def copy_of(home: Path, target: Path) -> Path:
    """A home as it is now. Its files are shared, because none is ever written to again, only replaced."""
    shutil.copytree(home, target, copy_function=os.link)
    return target


def table_rows(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every published table's rows; pipeline_run without the seconds, which are never the same."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        names = [name for (name,) in warehouse.execute("SELECT table_name FROM information_schema.tables").fetchall()]
        select = dict.fromkeys(names, "*") | {"pipeline_run": "run_date, code_version, settings, input_hashes"}
        return {n: sorted(warehouse.execute(f"SELECT {select[n]} FROM {n}").fetchall(), key=repr) for n in names}


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by its path within."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def outcome(home: Path) -> tuple[object, ...]:
    """What people see of a home's latest night: tables, campaign files, report."""
    return table_rows(home), hashes(home / "exports"), hashes(home / "reports")
