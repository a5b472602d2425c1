"""Commands work in the home that they are given, and in no other."""

import os
import subprocess
import sys
from datetime import date
from types import SimpleNamespace

import pytest

from pipelines.errors import BadDataError
from pipelines.ops import cli, nightly
from pipelines.settings import ROOT

COMMANDS = (("status",), ("rejected", "--date", "2017-12-01"), ("erase", "--customer", "1"), ("env",), ("backtest",))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_command_works_in_the_home_that_it_is_given(command, tmp_path):
    other, home = tmp_path / "data", tmp_path / "given"
    for folder in (other, home):
        folder.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LOYALTY"))}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.ops.cli", *command, "--home", str(home)],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert str(home) in said
    assert str(other) not in said
    assert list(other.iterdir()) == []


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
    assert cli._run_night(dag, date(2017, 12, 1)) is False


def test_what_goes_wrong_within_airflow_is_said_and_what_our_steps_say_is_said_once(dag, capsys):
    def in_airflow():
        cli._note_failure({"exception": RuntimeError("asset loyalty_warehouse is inactive")})

    def in_a_step():
        cause = BadDataError("receipts.csv: broken")
        nightly.failures.append(cause)
        reported = RuntimeError("receipts.csv: broken")
        reported.__cause__ = cause
        cli._note_failure({"exception": reported})

    fails(dag, in_airflow)
    assert "Error: asset loyalty_warehouse is inactive" in capsys.readouterr().err
    fails(dag, in_a_step)
    assert capsys.readouterr().err.count("receipts.csv: broken") == 1
    fails(dag, lambda: None)
    assert "Error: Airflow could not run publish_warehouse, and gave no reason." in capsys.readouterr().err
