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

    Its rows are those of `data_files`, less those that `superseded` lists: (landing_date, key) of rows that a later
    night replaced. `recipe` identifies what, besides the inputs' rows, the rows were made from.
    """

    # Manifests of earlier versions call them parts.
    data_files: tuple[DataFile, ...] = Field(default=(), validation_alias=AliasChoices("data_files", "parts"))
    superseded: tuple[DataFile, ...] = ()
    key: tuple[str, ...] = ()
    recipe: str | None = None
    info: dict[str, Any] = {}
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.data_files)

    def written_by(self, night: date) -> tuple[DataFile, ...]:
        return tuple(part for part in self.data_files if part.night == night)

    def written_before(self, night: date) -> frozenset[DataFile]:
        return frozenset(part for part in self.data_files if part.night < night)

    def paths(self) -> Iterator[str]:
        yield from (part.path for part in (*self.data_files, *self.superseded))


class Manifest(BaseModel, frozen=True):
    """All tables as of one night, and what they were made from."""

    run_date: date
    code_version: str
    settings: dict[str, Any]
    tables: dict[str, TableState]


class Backtest(BaseModel, frozen=True):
    """How forecasts of the past turned out, as known in one night: its tables' rows, which name no customer."""

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
        nights = {manifest.run_date} if position else {part.night for part in state.data_files}
        found |= {night: files for night in sorted(nights) if (files := state.written_by(night))}
    return found


def latest_full(by_night: dict[date, tuple[DataFile, ...]]) -> tuple[DataFile, ...]:
    """The state of a source that comes whole: its latest extract, passing over those without a row if any has one."""
    filled = [night for night, files in by_night.items() if any(file.rows for file in files)]
    return by_night[max(filled or by_night)] if by_night else ()
