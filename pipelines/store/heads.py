"""The heads of manifests: what is asked of every night, so that no night reads the manifests of all others.

A head is worked out from its manifest and can be thrown away. It is used only while the manifest is the file that the
head was made of.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pipelines.store.files import write_atomically
from pipelines.store.manifest import Lineage, Manifest, Version, lineage_of

# A file's inode, time of change and size: another file has others.
Stamp = tuple[int, int, int]


class SourceHead(BaseModel, frozen=True):
    """A staging table of one night: what its rows are, and whether its extracts are whole."""

    lineage: Lineage
    is_full: bool


class Head(BaseModel, frozen=True):
    """What is asked of a night after it was committed.

    written: paths of the data files that the night wrote and names. sources: the staging tables by name. The others are
    what pipeline_run shows.
    """

    run_date: date
    written: frozenset[str]
    sources: dict[str, SourceHead]
    code_version: str
    settings: dict[str, Any]
    input_hashes: dict[str, str]
    seconds: dict[str, float]
    accepted: tuple[str, ...]


class _KeptHead(BaseModel, frozen=True):
    """A head, and the stamp of the manifest that it was made of."""

    stamp: Stamp
    head: Head


def head_of(manifest: Manifest) -> Head:
    """A manifest's head."""
    tables = sorted(manifest.tables.items())
    extracts = [state.info.get("files", []) for name, state in tables if not name.endswith("_personal")]
    own = f"{manifest.run_date}."
    return Head(
        run_date=manifest.run_date,
        written=frozenset(
            path for _, state in tables for path in state.paths() if path.rpartition("/")[2].startswith(own)
        ),
        sources={
            name: SourceHead(lineage=manifest.lineage(name), is_full=state.is_full)
            for name, state in tables
            if state.info.get("load")
        },
        code_version=manifest.code_version,
        settings=manifest.settings,
        input_hashes={file["file"]: file["sha256"] for files in extracts for file in files},
        seconds={name: round(state.seconds, 3) for name, state in tables if state.seconds},
        accepted=manifest.accepted,
    )


def stamp_of(path: Path) -> Stamp:
    """What tells a file from any other that had its name."""
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def read_head(path: Path, stamp: Stamp) -> Head | None:
    """The head at `path`; None if it is of another manifest than that of the stamp, or can't be read."""
    try:
        kept = _KeptHead.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):  # of another version of the code
        return None
    return kept.head if kept.stamp == stamp else None


def keep_head(path: Path, head: Head, stamp: Stamp) -> None:
    """Put a head at `path`."""
    path.parent.mkdir(exist_ok=True, mode=0o700)
    write_atomically(path, _KeptHead(stamp=stamp, head=head).model_dump_json().encode())


def stale(heads: Iterable[Head]) -> list[date]:
    """Nights that rest on an outdated version of an earlier night.

    Args:
        heads: Of all nights that are kept, oldest first. The oldest also speaks for the nights before it.
    """
    found = []
    expected: dict[str, Version | None] = {}
    for position, head in enumerate(heads):
        for name, source in head.sources.items():
            before = expected.get(name) if position else source.lineage.before
            expected[name] = lineage_of(before, source.lineage.own, is_full=source.is_full).state
        if any(expected[name] != source.lineage.state for name, source in head.sources.items()):
            found.append(head.run_date)
    return found
