"""Retention: a finished night removes what the home need not keep any longer, counted in days from its date."""

import shutil
from datetime import date, timedelta
from pathlib import Path

from pipelines.settings import Settings
from pipelines.store.home import exports_folder, quality_folder, removals_folder
from pipelines.store.lake import Lake


def apply_retention(lake: Lake, night: date, settings: Settings) -> None:
    """Remove extracts, nights with their data docs and backtests, and campaign files older than the settings say.

    The latest night always stays, as its manifest names all files that later nights build on. The one before stays too,
    so that the latest can be run again. An old night that is run again removes nothing. No night is removed while the
    oldest one that would stay rests on an outdated version of it.

    Args:
        lake: The home's lake.
        night: The night that is finished.
        settings: LOYALTY_KEEP_*; None keeps everything.
    """
    if night != max(lake.nights(), default=None):
        return
    if settings.keep_landing_days is not None:
        _remove_folders(settings.landing_dir, night - timedelta(settings.keep_landing_days))
    if settings.keep_exports_days is not None:
        before = night - timedelta(settings.keep_exports_days)
        for folder in (exports_folder(settings.home), removals_folder(settings.home)):
            _remove_folders(folder, before)
    if settings.keep_nights_days is not None:
        nights, wanted = lake.nights(), night - timedelta(settings.keep_nights_days)
        first = next(known for known in nights if known >= wanted or known in nights[-2:])
        if first not in lake.stale_nights():
            lake.remove_nights(before=first)
            lake.stopped.remove(before=first)
            _remove_folders(quality_folder(settings.home), first)
            lake.backtests.remove(before=first)
            lake.collect_garbage()


def _remove_folders(parent: Path, before: date) -> None:
    """Remove the folders whose names begin with a date before another."""
    for folder in parent.glob("????-??-??*"):
        if folder.is_dir() and folder.name[:10] < f"{before}":
            shutil.rmtree(folder)
