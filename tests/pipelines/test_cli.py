"""Commands work in the home that they are given, and in no other."""

import os
import subprocess
import sys

import pytest

from pipelines.settings import ROOT

COMMANDS = (("status",), ("rejected", "--date", "2017-12-01"), ("erase", "--customer", "1"), ("env",), ("backtest",))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_command_works_in_the_home_that_it_is_given(command, tmp_path):
    other, home = tmp_path / "data", tmp_path / "given"
    for folder in (other, home):
        folder.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LOYALTY"))}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *command, "--home", str(home)],
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
