"""Sending: a delivery's files are renamed to exports/, with the night or when a person releases it."""

import json
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.errors import HomeBusyError, LoyaltyError
from pipelines.settings import Settings
from pipelines.store.deliveries import Delivery, check_can_send
from pipelines.store.files import write_atomically
from pipelines.store.home import exports_folder, published_night
from pipelines.store.lake import Lake
from pipelines.store.locks import exclusive_home_lock
from pipelines.store.manifest import TableState
from pipelines.store.rows import small_rows


def open_deliveries(lake: Lake, settings: Settings) -> None:
    """What an opening night does: it removes unsent deliveries that nobody can release, and those long sent.

    Raises:
        LoyaltyError: exports/ is on another file system than the lake.
    """
    exports = exports_folder(settings.home)
    exports.mkdir(exist_ok=True, mode=settings.folder_mode)
    lake.deliveries.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    check_can_send(lake.deliveries.root, exports)
    for name in lake.deliveries.campaigns():
        waiting = waiting_delivery(lake, settings, name)
        lake.deliveries.discard(name, kept={waiting.number} if waiting else set())
        lake.deliveries.forget_old(name)


def deliveries_of(lake: Lake, state: TableState, night: date) -> list[Delivery]:
    """The deliveries that a night's table campaign_delivery names, the earliest of a campaign first."""
    rows = small_rows(lake, state, list_date=night)
    named = {(row["campaign_id"], row["delivery_number"]) for row in rows}
    return [
        delivery
        for name in sorted({name for name, _ in named})
        for delivery in lake.deliveries.of(name)
        if (name, delivery.number) in named
    ]


def waiting_delivery(lake: Lake, settings: Settings, campaign_id: str) -> Delivery | None:
    """The delivery of a campaign that a person can release: of the published night, and not sent."""
    waiting, night = lake.deliveries.waiting(campaign_id), published_night(settings.home)
    if waiting is None or night is None or night not in lake.nights():
        return None
    named = deliveries_of(lake, lake.manifest(night).table("campaign_delivery"), night)
    return waiting if waiting in named else None


def send_night(lake: Lake, settings: Settings, night: date, state: TableState, holds: TableState) -> list[Path]:
    """Send what leaves with a night; what was sent before is left as it is.

    Returns:
        The folders that are new in exports/.
    """
    folders = [
        _send(lake, settings, delivery)
        for delivery in deliveries_of(lake, state, night)
        if not delivery.is_sent and delivery.note.held is None
    ]
    rows = small_rows(lake, holds)
    write_night_manifest(settings, night, {row["campaign_id"] for row in rows if row["campaign_id"] is not None})
    return folders


def release(settings: Settings, campaign_id: str, number: int | None = None) -> Path | None:
    """Let a campaign go that is held back, and send the list of the published night that waits, if one does.

    Args:
        settings: Of the home.
        campaign_id: The campaign.
        number: Of the delivery that a person has looked at: no other one is sent.

    Returns:
        The folder in exports/; None if no list waits: then the campaign's next list leaves with its night.

    Raises:
        HomeBusyError: A night is not finished, or another run works in the home.
        LoyaltyError: Nothing of this campaign is held back, or another delivery waits.
    """
    lake = Lake(settings.home)
    with exclusive_home_lock(settings.home):
        _check_no_open_night(lake)
        waiting, was_held = (
            waiting_delivery(lake, settings, campaign_id),
            campaign_id in lake.deliveries.held_by_person(),
        )
        if number is not None and (waiting is None or waiting.number != number):
            raise LoyaltyError(f"delivery {number} of campaign {campaign_id} waits no longer")
        if waiting is None and not was_held:
            raise LoyaltyError(f"nothing of a campaign {campaign_id} is held back; {_held_in_words(lake, settings)}")
        folder = _send(lake, settings, waiting) if waiting else None
        lake.deliveries.let_go(campaign_id)
        if waiting:
            lake.deliveries.forget_old(campaign_id)
            write_night_manifest(settings, waiting.note.run_date, _held_in_manifest(settings, waiting) - {campaign_id})
        return folder


def hold(settings: Settings, campaign_id: str, reason: str) -> None:
    """Hold a campaign back from the next night on, until it is released.

    Raises:
        HomeBusyError: A night is not finished, or another run works in the home.
    """
    lake = Lake(settings.home)
    with exclusive_home_lock(settings.home):
        _check_no_open_night(lake)
        lake.deliveries.hold(campaign_id, reason)


def _check_no_open_night(lake: Lake) -> None:
    if nights := lake.open_nights():
        raise HomeBusyError(
            f"night {', '.join(nights)} was begun and is not finished: wait until it ends; if it broke off, run it "
            "again"
        )


def _held_in_words(lake: Lake, settings: Settings) -> str:
    names = {name for name in lake.deliveries.campaigns() if waiting_delivery(lake, settings, name)}
    names |= lake.deliveries.held_by_person().keys()
    return f"held back are: {', '.join(sorted(names)) or 'none'}"


def _send(lake: Lake, settings: Settings, delivery: Delivery) -> Path:
    """Send a delivery to exports/<night>/<campaign>/ or, if something was sent there, to a numbered folder in it."""
    night = exports_folder(settings.home, delivery.note.run_date)
    for parent in (night.parent, night):
        parent.mkdir(exist_ok=True, mode=settings.folder_mode)
        parent.chmod(settings.folder_mode)
    folder = night / delivery.note.campaign_id
    if folder.exists():
        folder = next(path for number in range(2, 1_000_000) if not (path := folder / f"{number}").exists())
    lake.deliveries.send(delivery, folder)
    return folder


def write_night_manifest(settings: Settings, night: date, held: Collection[str]) -> None:
    """Write exports/<night>/manifest.json: what each delivery's own manifest says, and what is held back.

    Paths of files are relative to the night's folder.
    """
    folder = exports_folder(settings.home, night)
    folder.mkdir(exist_ok=True, mode=settings.folder_mode)
    campaigns = []
    for path in [*folder.glob("*/manifest.json"), *folder.glob("*/*/manifest.json")]:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        where = path.parent.relative_to(folder).as_posix()
        for channel in manifest["channels"]:
            for file in channel["files"]:
                file["path"] = f"{where}/{file['path']}"
        campaigns.append({"folder": where, **manifest})
    campaigns.sort(key=lambda campaign: _place(campaign["folder"]))
    content = {"run_date": night.isoformat(), "campaigns": campaigns, "held": sorted(held)}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / "manifest.json", text.encode(), settings.file_mode)


def _place(folder: str) -> tuple[str, int]:
    """A delivery's place in a night's manifest: by campaign, in the order of sending."""
    campaign_id, _, number = folder.partition("/")
    return campaign_id, int(number or 1)


def _held_in_manifest(settings: Settings, delivery: Delivery) -> set[str]:
    path = exports_folder(settings.home, delivery.note.run_date) / "manifest.json"
    return set(json.loads(path.read_bytes())["held"]) if path.exists() else set()
