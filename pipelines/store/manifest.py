"""The manifest of a night: its tables, and the data files of which each consists."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from pydantic import AliasChoices, BaseModel, Field


class DataFile(BaseModel, frozen=True):
    """One Parquet file: path relative to the lake, the night that wrote it, its rows."""

    path: str
    night: date
    rows: int


class TableState(BaseModel, frozen=True):
    """A table as of one night.

    Its rows are those of `data_files`, less the superseded ones: the files of `superseded` hold landing_date and key of
    each row that a later night replaced. `recipe` identifies what, besides the inputs' rows, the rows were made from.
    """

    # Manifests that earlier versions wrote call them parts.
    data_files: tuple[DataFile, ...] = Field(default=(), validation_alias=AliasChoices("data_files", "parts"))
    superseded: tuple[DataFile, ...] = ()
    key: tuple[str, ...] = ()
    recipe: str | None = None
    info: dict[str, Any] = {}
    seconds: float = 0.0

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


class StoppedStep(BaseModel, frozen=True):
    """A step that bad data stopped, in a night that was not committed: why, and the rows rejected until then."""

    run_date: date
    step: str
    reason: str
    tables: dict[str, TableState]


class Backtest(BaseModel, frozen=True):
    """How past forecasts turned out, as known in one night: the rows of its tables, which name no customer."""

    run_date: date
    code_version: str
    tables: dict[str, list[dict[str, Any]]]


def staged_files(source: str, manifests: Iterable[Manifest]) -> dict[date, tuple[DataFile, ...]]:
    """What each night staged of `source`, by the manifests up to some night, oldest first.

    Each manifest speaks for its own night; the oldest one also for the nights before it that are no longer kept.
    """
    found: dict[date, tuple[DataFile, ...]] = {}
    for position, manifest in enumerate(manifests):
        state = manifest.tables.get(source, TableState())
        nights = {manifest.run_date} if position else {file.night for file in state.data_files}
        found |= {night: files for night in sorted(nights) if (files := state.written_by(night))}
    return found


def latest_full(by_night: dict[date, tuple[DataFile, ...]]) -> tuple[DataFile, ...]:
    """The state of a source that comes whole: its latest extract that has a row; the latest one if none has."""
    filled = [night for night, files in by_night.items() if any(file.rows for file in files)]
    return by_night[max(filled or by_night)] if by_night else ()
