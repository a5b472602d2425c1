"""The commands that README and CONTRIBUTING name exist, take the options named, and run."""

import os
import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import typer
from conftest import Retailer
from nights import run_night
from typer.testing import CliRunner

from pipelines.ops.cli import app
from pipelines.settings import ROOT, load_settings

CHEAP = ("status", "env", "dictionary")
CHEAP_WITH_ARGUMENTS = ("query", "erase", "rejected")


COMMAND = re.compile(r"(?:eval \"\$\()?(?:\w+=\S+ )?(?:\.venv/bin/)?loyalty ([a-z].*?)(?:\)\")?(?:\s+[>#] .*)?$")


def code_of(name: str) -> Iterator[str]:
    """Lines of fenced blocks, and code in the text."""
    text = (ROOT / name).read_text(encoding="utf-8")
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in fenced:
        yield from block.splitlines()
    prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", prose)


def commands_in(name: str) -> dict[str, tuple[str, ...]]:
    """The `loyalty` commands of a document, each as its words; D is a date, <name> and NAME are names."""
    found = {}
    for line in code_of(name):
        if match := COMMAND.match(line):
            words = [re.sub(r"<\w+>|\bNAME\b", "something", word) for word in shlex.split(match[1])]
            found[match[1]] = tuple("2017-11-30" if word == "D" else word for word in words)
    return found


README = commands_in("README.md")
DOCUMENTS = {**commands_in("CONTRIBUTING.md"), **commands_in("docs/FIRST_NIGHT.md"), **README}


def test_the_readme_names_commands():
    assert {words[0] for words in README.values()} >= {"run", "status", "query", "erase", "backtest", "env"}


@pytest.mark.parametrize("command", DOCUMENTS)
def test_every_command_exists_and_takes_the_options_that_are_named(command):
    group, words = typer.main.get_command(app), DOCUMENTS[command]
    while hasattr(group, "commands"):
        if not words or "|" in words[0]:
            return  # a group, named by itself
        assert words[0] in group.commands, f"there is no command {words[0]}"
        group, words = group.commands[words[0]], words[1:]
    if words:
        group.make_context(command, list(words))  # raises UsageError


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_target_of_make_exists(name):
    named = {match[1] for line in code_of(name) if (match := re.match(r"make (\w+)", line))}
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named
    assert named <= targets


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home after a night of two customers, one of whom is 4711."""
    home = tmp_path_factory.mktemp("readme") / "home"
    mask = os.umask(0o077)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        load_settings.cache_clear()
        Retailer(home).deliver(
            "2017-11-30",
            crm_customers="customer_id,registered_at\n4711,2017-01-01\nother,never\n",
            receipts="receipt_id,customer_id,issued_at,total_amount\nr1,4711,2017-11-30,5\n",
        )
        run_night(date(2017, 11, 30), "readme", without=("report",))
        yield home
    os.umask(mask)
    load_settings.cache_clear()


def is_cheap(words: tuple[str, ...]) -> bool:
    return words[0] in CHEAP or (words[0] in CHEAP_WITH_ARGUMENTS and len(words) > 1)


@pytest.mark.parametrize("command", [name for name, words in README.items() if is_cheap(words)])
def test_a_cheap_command_runs_on_a_small_home(command, home):
    words = [*README[command]]
    if words[0] == "erase" and "--dry-run" not in words:
        words.append("--dry-run")
    if words[0] != "dictionary":
        words += ["--home", str(home)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert done.output
