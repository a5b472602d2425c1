"""The manifest of a night: its tables, and the data files of which each consists."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from pydantic import BaseModel


class Part(BaseModel, frozen=True):
    """One Parquet file: path relative to the lake, the night that wrote it, its rows."""

    path: str
    night: date
    rows: int


class TableState(BaseModel, frozen=True):
    """A table as of one night.

    Its rows are those of `parts`, less those that `superseded` lists: (landing_date, key) of rows that a later night
    replaced. `recipe` identifies what, besides the inputs' rows, the rows were made from.
    """

    parts: tuple[Part, ...] = ()
    superseded: tuple[Part, ...] = ()
    key: tuple[str, ...] = ()
    recipe: str | None = None
    info: dict[str, Any] = {}
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    def written_by(self, night: date) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.night == night)

    def written_before(self, night: date) -> frozenset[Part]:
        return frozenset(part for part in self.parts if part.night < night)

    def files(self) -> Iterator[str]:
        yield from (part.path for part in (*self.parts, *self.superseded))


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


def staged_parts(source: str, manifests: Iterable[Manifest]) -> dict[date, tuple[Part, ...]]:
    """What each night staged of `source`, by the manifests up to some night, oldest first.

    Each manifest speaks for its own night; the oldest one also for the nights before it that are no longer kept.
    """
    found: dict[date, tuple[Part, ...]] = {}
    for position, manifest in enumerate(manifests):
        state = manifest.tables.get(source, TableState())
        nights = {manifest.run_date} if position else {part.night for part in state.parts}
        found |= {night: parts for night in sorted(nights) if (parts := state.written_by(night))}
    return found


def latest_full(by_night: dict[date, tuple[Part, ...]]) -> tuple[Part, ...]:
    """The state of a source that comes whole: its latest extract, passing over those without a row if any has one."""
    filled = [night for night, parts in by_night.items() if any(part.rows for part in parts)]
    return by_night[max(filled or by_night)] if by_night else ()
