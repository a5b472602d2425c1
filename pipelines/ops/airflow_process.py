"""Airflow in this process: the nightly DAG, run without a scheduler in an Airflow of the home's own."""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.catalog import tables
from pipelines.ops import nightly
from pipelines.settings import ROOT, Settings


@dataclass(frozen=True)
class NightOutcome:
    """How a night ended: what went wrong, and the tasks that failed."""

    is_success: bool
    failures: tuple[Exception, ...] = ()
    failed_tasks: tuple[str, ...] = ()


@contextmanager
def nightly_dag(settings: Settings) -> Iterator[Any]:
    """The nightly DAG, while nobody else runs a night in the home.

    Raises:
        LoyaltyError: a contract is at fault, or another run works in the home.
    """
    tables()  # says what is wrong with a contract; Airflow would wrap it in its own traceback
    home = settings.home / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",  # the command line says itself what happens
        "PYTHONWARNINGS": "ignore",
    }
    import warnings

    import skops.io  # noqa: F401 - it searches every loaded module; before Airflow that takes a second less

    from pipelines.store.locks import exclusive_home_lock

    warnings.simplefilter("ignore")
    with exclusive_home_lock(settings.home), _no_garbage_collection_while_loading():
        _prepare_database(home)
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(str(ROOT / "dags" / "loyalty_nightly.py"))  # the others only cost time here
        if bag.import_errors:
            raise RuntimeError(f"the DAG can't be read: {bag.import_errors}")
        dag = bag.dags["loyalty_nightly"]
        for task in dag.tasks:
            task.retries = 0  # who waits at a terminal tries again when it suits them
            task.inlets = task.outlets = []  # only Airflow's pages show them, at one request each
            task.on_failure_callback = [*task.on_failure_callback, note_failure]
        yield dag


def run_night(
    dag: Any, night: date, progress: nightly.Listener, accept: Sequence[str] = (), *, delivers: bool = True
) -> NightOutcome:
    """Run the DAG for a night.

    Args:
        dag: From `nightly_dag`.
        night: The business date.
        progress: Hears of each finished step.
        accept: Expectations to let pass this once.
        delivers: Whether the night's lists may leave.
    """
    nightly.listeners.append(progress)
    nightly.failures.clear()
    result = dag.test(logical_date=None, run_conf={"run_date": f"{night}", "accept": [*accept], "deliver": delivers})
    nightly.listeners.remove(progress)
    if result.state == "success":
        return NightOutcome(True)
    failed = tuple(task.task_id for task in result.get_task_instances() if task.state == "failed")
    return NightOutcome(False, tuple(nightly.failures), failed)


def note_failure(context: Any) -> None:
    """Keep why a task failed, also if Airflow failed before our step began."""
    error = context.get("exception")
    if isinstance(error, Exception) and not {error, error.__cause__} & {*nightly.failures}:
        nightly.failures.append(error)


@contextmanager
def _no_garbage_collection_while_loading() -> Iterator[None]:
    """Airflow's objects are made before the first step ends, and stay. Searching them again and again takes long."""

    def loaded(*_: Any) -> None:
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    gc.disable()
    nightly.listeners.append(loaded)
    try:
        yield
    finally:
        nightly.listeners.remove(loaded)
        gc.enable()


def _prepare_database(home: Path) -> None:
    """Airflow's database, without earlier runs: a killed one would still be `running`.

    It is made anew when it is not whole, or when the home was moved or copied, because it holds absolute paths.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def no_sync_at_each_commit(connection: Any, _: Any) -> None:
        # A night commits hundreds of times. In WAL mode, which Airflow sets, losing power loses the last commits only.
        connection.cursor().execute("PRAGMA synchronous = NORMAL")

    from airflow.utils.db import initdb

    ready = home / "ready"
    if not ready.exists() or ready.read_text(encoding="utf-8") != f"{home}":
        for left in home.glob("airflow.db*"):
            left.unlink()
        initdb()
        ready.write_text(f"{home}", encoding="utf-8")
        return
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(DagRun))
