"""A command at a terminal: a signal ends it at once, and a reader of its output who leaves does not."""

import io
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO, EPIPE
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TRIES = 20
_temporary: set[Path] = set()  # folders that go with the process


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder of this user's alone, which goes when the block ends, or when a signal ends the process within it."""
    with TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)
        _temporary.add(folder)
        try:
            yield folder
        finally:
            _temporary.discard(folder)


def end_at_once_on_signals(tasks: Iterable[Any], what: str) -> None:
    """Let Ctrl-C, `kill` and a closed terminal end the process, with the exit code that a shell gives for the signal.

    Airflow takes any exception for a failed task and goes on with the others, and installs a handler of its own for
    SIGTERM in each task, which calls the task's `on_kill`. So the process ends here, without an exception. That is what
    a kill does to it: the night stays open and uncommitted, and locks end with the process.
    A signal that was ignored when the process began (nohup, a job in the background) stays ignored.
    """
    end = _ending(what)
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    for task in tasks:
        task.on_kill = lambda: end(signal.SIGTERM, None)


def _ending(what: str) -> Callable[[int, FrameType | None], None]:
    process = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        if os.getpid() == process:  # a forked child takes over the handler; it has nothing to say
            _remove_temporary()
            # Past Python's streams, which a print may hold at this very moment.
            _write(2, f"\nStopped by {signal.Signals(number).name}. {what}\n")
        os._exit(128 + number)

    return end


def _remove_temporary() -> None:
    """Remove the temporary folders, though other threads may still write into them."""
    for folder in [*_temporary]:
        for _ in range(_TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break


def _write(descriptor: int, text: str) -> None:
    with suppress(OSError):  # nobody may be there to read it; the exit code says it too
        os.write(descriptor, text.encode())


class _Outlasting(io.FileIO):
    """A stream whose reader may leave (`| head`, a closed terminal): what is then written goes nowhere."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (EPIPE, EIO):
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


def outlast_readers() -> None:
    """Go on when nobody reads the output any more: a night is not run for its lines.

    Streams that something else than the system put in the place of stdout and stderr (a test) are left alone.
    """
    for name in ("stdout", "stderr"):
        stream, original = getattr(sys, name), getattr(sys, f"__{name}__")
        if stream is not original or stream is None:
            continue
        stream.flush()
        raw = io.BufferedWriter(_Outlasting(stream.fileno(), "w", closefd=False))
        kept = io.TextIOWrapper(raw, encoding=stream.encoding, errors=stream.errors, line_buffering=True)
        setattr(sys, name, kept)
