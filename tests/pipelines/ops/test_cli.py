"""Commands work in the home that they are given and in no other; each says what it is for."""

import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from pipelines.ops.cli import app
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


def commands(group: typer.Typer = app) -> dict[str, typer.core.TyperCommand]:
    """Every command by its words, those of groups too."""
    found = {}

    def add(command, words: tuple[str, ...]) -> None:
        for name, inner in command.commands.items():
            if hasattr(inner, "commands"):
                add(inner, (*words, name))
            else:
                found[" ".join((*words, name))] = inner

    add(typer.main.get_command(group), ())
    return found


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_and_so_has_each_of_its_options(name):
    command = commands()[name]
    assert command.help
    assert [p.name for p in command.params if p.name != "help" and not p.help] == []
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert command.help.split(".")[0].split(",")[0] in " ".join(shown.output.split())


@pytest.mark.parametrize("name", commands())
def test_every_command_stands_in_the_readme(name):
    words = name.split()
    readme = (ROOT / "README.md").read_text()
    assert f"loyalty {name}" in readme or (words[0] == "new" and "loyalty new" in readme and words[1] in readme)


@pytest.mark.parametrize("setting", ["LOYALTY_SCHEDULE", "LOYALTY_BACKTEST_SCHEDULE"])
def test_a_schedule_that_is_none_is_an_error_that_names_the_setting(tmp_path, setting):
    failed = subprocess.run(
        [sys.executable, "-m", "pipelines.ops.cli", "status", "--home", str(tmp_path)],
        env=os.environ | {setting: "99 3 * * *"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert failed.returncode == 2
    assert f"setting {setting}: " in failed.stderr
    assert "is no cron schedule" in failed.stderr


def test_a_broken_contract_is_named_by_status_without_a_traceback(tmp_path):
    (tmp_path / "contracts" / "sources").mkdir(parents=True)
    (tmp_path / "contracts" / "sources" / "surveys.yaml").write_text("schema: [")
    failed = subprocess.run(
        [sys.executable, "-m", "pipelines.ops.cli", "status", "--home", str(tmp_path / "home")],
        env=os.environ | {"LOYALTY_CONTRACTS": str(tmp_path / "contracts")},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert failed.returncode == 1
    assert "surveys.yaml: not a valid data contract" in failed.stderr
    assert "Traceback" not in failed.stderr
