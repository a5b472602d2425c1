"""A night without a scheduler: what a failure says."""

from datetime import date
from types import SimpleNamespace

import pytest

from pipelines.errors import BadDataError
from pipelines.ops import airflow_process, cli, nightly


@pytest.fixture
def dag():
    """A DAG of one task, which fails."""
    yield SimpleNamespace(tasks=[SimpleNamespace(task_id="publish_warehouse", state="failed")])
    nightly.failures.clear()


def fails(dag, because):
    def test(**_):
        because()
        return SimpleNamespace(state="failed", get_task_instances=lambda: dag.tasks)

    dag.test = test
    assert cli._run_night(dag, date(2017, 12, 1), []) is False


def test_what_goes_wrong_within_airflow_is_said_and_what_our_steps_say_is_said_once(dag, capsys):
    def in_airflow():
        airflow_process.note_failure({"exception": RuntimeError("asset loyalty_warehouse is inactive")})

    def in_a_step():
        cause = BadDataError("receipts.csv: broken")
        nightly.failures.append(cause)
        reported = RuntimeError("receipts.csv: broken")
        reported.__cause__ = cause
        airflow_process.note_failure({"exception": reported})

    fails(dag, in_airflow)
    assert "Error: asset loyalty_warehouse is inactive" in capsys.readouterr().err
    fails(dag, in_a_step)
    assert capsys.readouterr().err.count("receipts.csv: broken") == 1
    fails(dag, lambda: None)
    assert "Error: Airflow could not run publish_warehouse, and gave no reason." in capsys.readouterr().err
