"""Whole nights for tests: the DAG's steps without Airflow, and what a home shows afterwards."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb

from pipelines.catalog import tables
from pipelines.ops import nightly
from pipelines.settings import load_settings


def steps(night: date, run_id: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """A night's steps by name, in an order that the DAG allows."""
    yield "open_night", lambda: nightly.open_night(night, run_id)
    for name, table in tables().items():
        if table.kind != "split":
            yield name, lambda name=name: nightly.make(name, night, run_id)
    for step in (nightly.commit, nightly.publish, nightly.export, nightly.report, nightly.finish):
        yield step.__name__, lambda step=step: step(night, run_id)


def run_night(night: date, run_id: str, without: tuple[str, ...] = ()) -> None:
    """Run a night's steps, but those named."""
    for name, step in steps(night, run_id):
        if name not in without:
            step()


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
