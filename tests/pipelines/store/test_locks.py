"""Locks on a home: one run alone, or the tasks of a night side by side."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.errors import HomeBusyError
from pipelines.settings import ROOT
from pipelines.store.home import lock_file
from pipelines.store.locks import exclusive_home_lock, shared_home_lock


@contextmanager
def other_process(home: Path, lock: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds a lock on the home until it is killed."""
    code = f"import sys, pathlib\nfrom pipelines.store.locks import {lock} as lock\n"
    code += "with lock(pathlib.Path(sys.argv[1])): print(1), input()"
    with subprocess.Popen(
        [sys.executable, "-uc", code, str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def is_free(home: Path, how: int) -> bool:
    """Whether another open file of the lock would get it at once."""
    descriptor = os.open(lock_file(home), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_a_shared_lock_keeps_out_who_wants_the_home_alone_and_nobody_else(tmp_path):
    with shared_home_lock(tmp_path):
        assert is_free(tmp_path, fcntl.LOCK_SH)
        with pytest.raises(HomeBusyError, match=f"another run works in {tmp_path}. Wait for it to end"):
            exclusive_home_lock(tmp_path).__enter__()
    assert is_free(tmp_path, fcntl.LOCK_EX)


def test_an_exclusive_lock_keeps_everybody_else_out_and_lets_its_own_tasks_work(tmp_path):
    with exclusive_home_lock(tmp_path):
        with shared_home_lock(tmp_path), exclusive_home_lock(tmp_path):
            pass
        assert not is_free(tmp_path, fcntl.LOCK_SH)
    assert is_free(tmp_path, fcntl.LOCK_EX)


def test_an_error_inside_lets_go_of_the_lock(tmp_path):
    with pytest.raises(ValueError), exclusive_home_lock(tmp_path):
        raise ValueError
    assert is_free(tmp_path, fcntl.LOCK_EX)


@pytest.mark.parametrize("lock", ["exclusive_home_lock", "shared_home_lock"])
def test_a_killed_process_holds_no_lock(tmp_path, lock):
    with other_process(tmp_path, lock) as process:
        assert not is_free(tmp_path, fcntl.LOCK_EX)
        process.kill()
        process.wait()
        assert is_free(tmp_path, fcntl.LOCK_EX)


def test_two_homes_do_not_know_each_other(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with exclusive_home_lock(tmp_path / "a"), exclusive_home_lock(tmp_path / "b"):
        pass
