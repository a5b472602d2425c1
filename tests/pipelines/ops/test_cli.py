"""Commands work in the home that they are given and in no other; each says what it is for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines.ops.cli import app
from pipelines.settings import ROOT

COMMANDS = (
    ("status",),
    ("rejected", "--date", "2017-12-01"),
    ("erase", "--customer", "1"),
    ("env",),
    ("backtest",),
    ("preview",),
)


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


@pytest.mark.parametrize("command", [["status"], ["run", "--date", "2025-06-30"]], ids=lambda command: command[0])
def test_a_broken_contract_is_named_without_a_traceback(command, tmp_path):
    (tmp_path / "contracts" / "sources").mkdir(parents=True)
    (tmp_path / "contracts" / "sources" / "surveys.yaml").write_text("schema: [")
    (tmp_path / "home" / "landing").mkdir(parents=True)
    failed = subprocess.run(
        [sys.executable, "-m", "pipelines.ops.cli", *command, "--home", str(tmp_path / "home")],
        env=os.environ | {"LOYALTY_CONTRACTS": str(tmp_path / "contracts")},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert failed.returncode == 1
    assert "surveys.yaml: not a valid data contract" in failed.stderr
    assert "Traceback" not in failed.stderr


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LOYALTY"))}
    return subprocess.run(
        [sys.executable, "-m", "pipelines.ops.cli", *arguments],
        cwd=cwd,
        env=known | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


IN_A_HOME = [
    ["run", "--date", "2017-12-01"],
    ["status"],
    ["query", "SELECT 1"],
    ["rejected", "--date", "2017-12-01"],
    ["erase", "--customer", "1"],
    ["backtest"],
    ["env"],
    ["hold", "--campaign", "a"],
    ["release", "--campaign", "a"],
    ["preview"],
]


@pytest.mark.parametrize("command", IN_A_HOME, ids=lambda command: command[0])
def test_a_mistyped_home_is_named_and_not_made(command, tmp_path):
    done = run(*command, "--home", "retialer", cwd=tmp_path)
    assert done.returncode == 2
    assert f"Error: there is no home {tmp_path}/retialer." in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["option", "environment"])
@pytest.mark.parametrize(
    ("name", "why"),
    [("", "empty name"), ("file", "no folder"), ("a$b", r"'\$'"), ("a?b", r"'\?'"), ("a\nb", r"'\\n'")],
)
def test_what_can_be_no_home_is_refused_by_name(given, name, why, tmp_path):
    (tmp_path / "file").touch()
    if given == "option":
        done = run("demo", "--home", name, cwd=tmp_path)
    else:
        done = run("demo", cwd=tmp_path, LOYALTY_HOME=name)
    assert done.returncode == 2
    assert re.search(why, " ".join(re.sub("[│─]", " ", done.stderr).split()))
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_without_landing_is_named_and_nothing_is_made_in_it(tmp_path):
    done = run("run", "--date", "2017-12-01", "--home", ".", cwd=tmp_path)
    assert (done.returncode, done.stderr.startswith(f"Error: {tmp_path}/landing: no such folder")) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2200-01-01", "1969-12-31"])
def test_a_date_that_no_night_can_have_is_refused(day, tmp_path):
    for options in (("--date", day), ("--from", day, "--to", day)):
        done = run("run", *options, cwd=tmp_path)
        assert done.returncode == 2
        assert "1970-01-01" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_setting_that_there_is_not_is_refused_with_the_nearest_name(tmp_path):
    done = run("status", "--home", ".", cwd=tmp_path, LOYALTY_CURENCY="EUR")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no setting LOYALTY_CURENCY. Did you mean LOYALTY_CURRENCY?" in done.stderr


@pytest.mark.parametrize("name", ["home", "$(touch harm)", "a b'c\"d`touch harm`", "a#b;touch harm", "a\\b"])
def test_a_shell_takes_the_environment_as_it_is_and_executes_nothing_of_it(name, tmp_path):
    home = tmp_path / name
    home.mkdir()
    done = run("env", "--home", str(home), cwd=tmp_path)
    if "$" in name:
        assert done.returncode == 2
        return
    script = f'{done.stdout}\nprintf \'%s\\n\' "$LOYALTY_HOME" "$AIRFLOW_HOME" "$PATH"; umask'
    shown = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    assert shown.splitlines() == [f"{home}", f"{home}/scheduler", path, "0077"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_schedulers_folder_is_its_owners_alone_also_one_that_was_there(tmp_path):
    (tmp_path / "scheduler").mkdir(mode=0o755)
    assert run("env", "--home", ".", cwd=tmp_path).returncode == 0
    assert (tmp_path / "scheduler").stat().st_mode & 0o777 == 0o700


def test_a_home_that_the_scheduler_cannot_have_is_refused_by_name(tmp_path):
    (tmp_path / "a%b").mkdir()
    done = run("env", "--home", "a%b", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a%b: its path has a %" in done.stderr
