"""Files written whole or not at all, and made durable."""

import os
import uuid
from pathlib import Path

# A file's inode, time of change and size: another file has others.
Stamp = tuple[int, int, int]


def path_beside(path: Path) -> Path:
    """A hidden name in the same folder, for what becomes `path` by a rename once it is whole.

    What a killed run leaves under such a name goes when the next night opens (pipelines.store.home.remove_leftovers).
    """
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put `data` at `path` whole or not at all: written beside it, synced, renamed."""
    temporary = path_beside(path)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask takes away
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def sync(path: Path) -> None:
    """Make a file's content durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stamp_of(path: Path) -> Stamp:
    """What tells a file from any other that had its name."""
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def names_in(folder: Path) -> list[str]:
    """The names in a folder, in no order; none if there is no such folder. For folders of many thousands."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except FileNotFoundError:
        return []
