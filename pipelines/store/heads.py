"""The heads of manifests: what is asked of every night, so that no night reads the manifests of all others.

They lie in one file, which is worked out from the manifests and can be thrown away. A head is used only while its
manifest is the file that it was made of. A year of them is read by every night, so that most of a head is plain text.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from pipelines.store.files import Stamp, write_atomically
from pipelines.store.manifest import Lineage, Manifest, TableState, Version, lineage_of


class Head(BaseModel, frozen=True):
    """What is asked of a night after it was committed.

    stamp: of the manifest that the head was made of. named: data files that it names, without their folders: those that
    the night wrote itself, and others that were once looked for in it. sources: the lineages of the staging tables, by
    name, as text. The others are what pipeline_run shows, as JSON.
    """

    stamp: Stamp
    run_date: date
    named: frozenset[str]
    sources: dict[str, str]
    code_version: str
    settings: str
    input_hashes: str
    seconds: str
    total_seconds: float
    accepted: str


_Heads = TypeAdapter(dict[date, Head])


def head_of(manifest: Manifest, stamp: Stamp) -> Head:
    """A manifest's head."""
    tables = sorted(manifest.tables.items())
    extracts = [state.info.get("files", []) for name, state in tables if not name.endswith("_personal")]
    names = {path.rpartition("/")[2] for _, state in tables for path in state.paths()}
    seconds = {name: round(state.seconds, 3) for name, state in tables if state.seconds}
    return Head(
        stamp=stamp,
        run_date=manifest.run_date,
        named=frozenset(name for name in names if name.startswith(f"{manifest.run_date}.")),
        sources={name: _text(manifest.lineage(name), state) for name, state in tables if state.info.get("load")},
        code_version=manifest.code_version,
        settings=json.dumps(manifest.settings, sort_keys=True),
        input_hashes=json.dumps({file["file"]: file["sha256"] for files in extracts for file in files}),
        seconds=json.dumps(seconds),
        total_seconds=round(sum(seconds.values()), 3),
        accepted=json.dumps(manifest.accepted),
    )


def read_heads(path: Path) -> dict[date, Head]:
    """The heads that are kept at `path`, by night; none if another version of the code wrote them."""
    try:
        return _Heads.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}


def keep_heads(path: Path, heads: Mapping[date, Head]) -> None:
    """Put heads at `path`, in the place of those that were there."""
    write_atomically(path, _Heads.dump_json(dict(heads)))


def stale(heads: Iterable[Head]) -> list[date]:
    """Nights that rest on an outdated version of an earlier night.

    Args:
        heads: Of all nights that are kept, oldest first. The oldest also speaks for the nights before it.
    """
    found = []
    expected: dict[str, str] = {}
    for position, head in enumerate(heads):
        outdated = False
        for name, source in head.sources.items():
            load, made_on, own, state = source.split()
            before = expected.get(name, _NONE) if position else made_on
            if before != made_on:
                after = lineage_of(_version(before), _version(own), is_full=load == "full").state
                outdated |= _version_text(after) != state
                state = _version_text(after)
            expected[name] = state
        if outdated:
            found.append(head.run_date)
    return found


_NONE, _IS_EMPTY = "-", "*"


def _text(lineage: Lineage, state: TableState) -> str:
    """How a source comes, and its versions before the night, of the night's own extract, and after both."""
    versions = map(_version_text, (lineage.before, lineage.own, lineage.state))
    return " ".join(("full" if state.is_full else "delta", *versions))


def _version_text(version: Version | None) -> str:
    return version.id + ("" if version.is_filled else _IS_EMPTY) if version else _NONE


def _version(text: str) -> Version | None:
    if text == _NONE:
        return None
    return Version(id=text.removesuffix(_IS_EMPTY), is_filled=not text.endswith(_IS_EMPTY))
