"""`loyalty run` at a terminal: a signal ends it at once, with nothing published; a reader who leaves does not."""

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from conftest import FIRST_NIGHT, HEADERS
from nights import run_night

from pipelines.settings import ROOT, load_settings

NIGHT = "2025-06-30"


def _signals_as_in_a_terminal() -> None:
    """A suite in the background ignores Ctrl-C, and its children would."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def new_home(home: Path) -> Path:
    folder = home / "landing" / NIGHT
    folder.mkdir(parents=True)
    for source, header in HEADERS.items():
        (folder / f"{source}.csv").write_text(f"{header}\n")
    (home / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in FIRST_NIGHT.items()))
    return home


def loyalty(home: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.ops.cli", *arguments, "--home", str(home)],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LOYALTY"))},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **{"preexec_fn": _signals_as_in_a_terminal, **options},
    )


def read_until(process: subprocess.Popen[str], step: str) -> list[str]:
    """The lines up to that of a step; all lines, if it never came."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if step in line:
            break
    return lines


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_the_night_at_once_and_publishes_nothing_and_the_next_run_works(tmp_path, monkeypatch, name):
    home = new_home(tmp_path / "home")
    number = signal.Signals[name]
    with loyalty(home, "run", "--date", NIGHT) as process:
        lines = read_until(process, " 11/")
        process.send_signal(number)
        more, said = process.communicate()
    assert " 11/" in lines[-1]
    assert process.returncode == 128 + number
    assert f"Stopped by {name}." in said
    assert "commit" not in more
    assert not (home / "warehouse.duckdb").exists()
    with loyalty(home, "status") as process:
        assert f"{NIGHT} was begun and is not finished" in " ".join(process.communicate()[0].split())
    if name == "SIGTERM":
        monkeypatch.setenv("LOYALTY_HOME", str(home))
        load_settings.cache_clear()
        run_night(date.fromisoformat(NIGHT), "again")
        load_settings.cache_clear()
        assert (home / "warehouse.duckdb").exists()


def test_a_signal_that_was_ignored_when_the_night_began_stays_ignored_and_a_reader_may_leave(tmp_path):
    """As under nohup, and as with `| head`."""
    home = new_home(tmp_path / "home")

    def ignore_hangup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with loyalty(home, "run", "--date", NIGHT, preexec_fn=ignore_hangup) as process:
        assert " 3/" in read_until(process, " 3/")[-1]
        process.send_signal(signal.SIGHUP)
        process.stdout.close()
        said = process.stderr.read()
        process.wait()
    assert (process.returncode, said) == (0, "")
    assert (home / "warehouse.duckdb").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_temporary_folders_along(number, tmp_path):
    code = (
        "import os, tempfile\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "from pipelines.ops.terminal import end_at_once_on_signals, temporary_folder\n"
        "end_at_once_on_signals((), 'Nothing is left behind.')\n"
        "with temporary_folder('check-') as folder:\n"
        "    (folder / 'rows').mkdir()\n"
        "    (folder / 'rows' / 'a').touch()\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
    )
    command = [sys.executable, "-c", code]
    options = {"cwd": ROOT, "capture_output": True, "text": True, "preexec_fn": _signals_as_in_a_terminal}
    done = subprocess.run(command, check=False, **options)
    assert (done.returncode, done.stderr) == (128 + number, f"\nStopped by {number.name}. Nothing is left behind.\n")
    assert list(tmp_path.iterdir()) == []
