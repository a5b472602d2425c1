"""Locks on a home: shared by the steps of a night, exclusive for a whole run."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import HomeBusyError
from pipelines.store.home import lock_file

# Homes on which this process holds the exclusive lock.
_exclusive: set[Path] = set()


@contextmanager
def exclusive_home_lock(home: Path) -> Iterator[None]:
    """Keep everybody else out of a home, until the block or the process ends.

    Raises:
        HomeBusyError: another process works in the home.
    """
    if home in _exclusive:
        yield
        return
    with _locked(home, fcntl.LOCK_EX | fcntl.LOCK_NB):
        _exclusive.add(home)
        try:
            yield
        finally:
            _exclusive.remove(home)


@contextmanager
def shared_home_lock(home: Path) -> Iterator[None]:
    """Work in a home as one of several tasks of a night; waits while another process holds the exclusive lock."""
    if home in _exclusive:
        yield
        return
    with _locked(home, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(home: Path, how: int) -> Iterator[None]:
    descriptor = os.open(lock_file(home), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            raise HomeBusyError(f"another run works in {home}. Wait for it to end, then try again.") from None
        yield
    finally:
        os.close(descriptor)
