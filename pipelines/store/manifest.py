"""The manifest of a night: its tables, and the data files of which each consists."""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, Field

from pipelines.store.files import Stamp


class DataFile(BaseModel, frozen=True):
    """One Parquet file: path relative to the lake, the last night whose rows it holds, its rows.

    What one night wrote is in files of that night alone; a merged file holds rows of several nights.
    """

    path: str
    night: date
    rows: int


class Version(BaseModel, frozen=True):
    """Which rows these are: an id that stays when files are merged or an erasure writes them anew; if there are any."""

    id: str
    is_filled: bool


class Lineage(BaseModel, frozen=True):
    """What the rows of a state are: those before the night (`before`), and what it wrote itself (`own`)."""

    before: Version | None = None
    own: Version | None = None
    state: Version | None = None


def version_of(files: Iterable[DataFile]) -> Version | None:
    """The version of new files; None if there are none."""
    files = sorted(files, key=lambda file: file.path)
    if not files:
        return None
    paths = "\n".join(file.path for file in files)
    return Version(id=sha256(paths.encode()).hexdigest()[:16], is_filled=any(file.rows for file in files))


def lineage_of(before: Version | None, own: Version | None, *, is_full: bool = False) -> Lineage:
    """The lineage of a state to which a night adds what it wrote.

    Args:
        before: The state before the night.
        own: What the night wrote.
        is_full: What a night wrote is the whole state. A whole extract without a row leaves the state as it was.
    """
    if own is None or before is None:
        state = own or before
    elif is_full:
        state = own if own.is_filled or not before.is_filled else before
    else:
        together = sha256(f"{before.id} {own.id}".encode()).hexdigest()[:16]
        state = Version(id=together, is_filled=before.is_filled or own.is_filled)
    return Lineage(before=before, own=own, state=state)


class TableState(BaseModel, frozen=True):
    """A table as of one night.

    Its rows are those of `data_files`, less the superseded ones: the files of `superseded` hold landing_date and key of
    each row that a later night replaced. `recipe` identifies what, besides the inputs' rows, the rows were made from.
    `lineage` is that of a table which nights add to; manifests that earlier versions wrote have none.
    """

    # Manifests that earlier versions wrote call them parts.
    data_files: tuple[DataFile, ...] = Field(default=(), validation_alias=AliasChoices("data_files", "parts"))
    superseded: tuple[DataFile, ...] = ()
    key: tuple[str, ...] = ()
    recipe: str | None = None
    lineage: Lineage | None = None
    info: dict[str, Any] = {}
    seconds: float = 0.0

    @property
    def is_full(self) -> bool:
        """Whether it is of a source whose extracts are whole: each takes the place of the one before."""
        return bool(self.info.get("load") == "full")

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.data_files)

    def written_by(self, night: date) -> tuple[DataFile, ...]:
        return tuple(file for file in self.data_files if file.night == night)

    def written_before(self, night: date) -> frozenset[DataFile]:
        return frozenset(file for file in self.data_files if file.night < night)

    def paths(self) -> Iterator[str]:
        yield from (file.path for file in (*self.data_files, *self.superseded))


class Manifest(BaseModel, frozen=True):
    """All tables as of one night, and what they were made from."""

    run_date: date
    code_version: str
    settings: dict[str, Any]
    tables: dict[str, TableState]
    accepted: tuple[str, ...] = ()  # expectations, as source.name, that a person let pass this once

    def table(self, name: str) -> TableState:
        """A table's state; empty if the night was made before there was such a table."""
        return self.tables.get(name, TableState())

    def lineage(self, name: str) -> Lineage:
        """A table's lineage. A manifest of an earlier version lists the files of every night, which say the same.

        But for one case: it does not say that a whole extract came without a row.
        """
        state = self.table(name)
        if state.lineage:
            return state.lineage
        found = Lineage()
        for night in sorted({*(file.night for file in state.data_files), self.run_date}):
            found = lineage_of(found.state, version_of(state.written_by(night)), is_full=state.is_full)
        return found


def with_own(state: TableState, new: TableState, lineage: Lineage, night: date) -> TableState:
    """A source's state with what a later night staged, which was made on another state."""
    before = state.lineage.state if state.lineage else None
    rebuilt = lineage_of(before, lineage.own, is_full=new.is_full)
    files = state.data_files
    if rebuilt.state != before:
        files = (*(() if new.is_full else files), *new.written_by(night))
    return TableState(data_files=files, key=new.key, lineage=rebuilt, info=new.info)


@lru_cache(maxsize=4)
def read_manifest(path: Path, _stamp: Stamp) -> Manifest:
    """The manifest at `path`, whose stamp is given; cached, as most steps of a night read that of the night before."""
    return Manifest.model_validate_json(path.read_bytes())


class Backtest(BaseModel, frozen=True):
    """How past forecasts turned out, as known in one night: the rows of its tables, which name no customer."""

    run_date: date
    code_version: str
    tables: dict[str, list[dict[str, Any]]]
