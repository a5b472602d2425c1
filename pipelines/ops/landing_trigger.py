"""Waiting for a night's extracts: a folder is complete when its marker is there, or when nothing in it changes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from pipelines.errors import LoyaltyError
from pipelines.settings import load_settings

Snapshot = dict[str, tuple[int, int]]


def snapshot(folder: Path) -> Snapshot:
    """Size and time of change (ns) of each file in a folder, by its path within; empty if there is no folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            found[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
    return found


def still_missing(folder: Path, marker: str | None, required: Iterable[str]) -> list[str]:
    """What a folder lacks before it can be complete: itself, its marker, required sources."""
    if not folder.is_dir():
        return [f"the folder {folder}"]
    if marker is not None:
        return [] if (folder / marker).exists() else [f"the marker {folder / marker}"]
    return [source for source in required if not _has(folder, source)]


def _has(folder: Path, source: str) -> bool:
    from pipelines.intake.deliveries import is_there

    try:
        return is_there(source, folder, load_settings())
    except LoyaltyError:  # delivered twice, or an empty folder of parts: the night itself will say so
        return True


class LandingTrigger(BaseTrigger):  # type: ignore[misc]  # Airflow loads it lazily, unseen by mypy
    """Fires when a landing folder is complete, or when that took too long.

    Args:
        folder: the night's landing folder.
        marker: name of the file that says that the folder is complete; None: it is complete when all required sources
            are there and no file came, went or changed for `settle_seconds`.
        required: names of the sources without which no night begins.
        settle_seconds: between two looks.
        looks: how many looks the trigger takes before it gives up.
    """

    def __init__(self, folder: str, marker: str | None, required: list[str], settle_seconds: float, looks: int) -> None:
        super().__init__()
        self.folder = folder
        self.marker = marker
        self.required = required
        self.settle_seconds = settle_seconds
        self.looks = looks

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("folder", "marker", "required", "settle_seconds", "looks")
        return "pipelines.ops.landing_trigger.LandingTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event. Its payload is None if the folder is complete, else says what is wrong."""
        folder = Path(self.folder)
        before: Snapshot | None = None
        changed: list[str] = []
        for _ in range(self.looks):
            missing = still_missing(folder, self.marker, self.required)
            now = snapshot(folder)
            if not missing and (self.marker is not None or now == before):
                yield TriggerEvent(None)
                return
            changed = sorted(name for name, _ in set(now.items()) ^ set((before or now).items()))
            before = now
            await asyncio.sleep(self.settle_seconds)
        why = f"{', '.join(missing)} never came" if missing else f"still changing: {', '.join(changed) or 'its files'}"
        yield TriggerEvent(f"{folder}: not complete in time: {why}. Deliver the extracts, then clear this task.")
