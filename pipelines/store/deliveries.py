"""Deliveries: what each campaign's tools were sent, and what waits to be.

A delivery is a folder lake/deliveries/<campaign>/<number>/: delivery.json says what it is, members.parquet whom the
tools know after it, assignments.parquet who entered the campaign by it, eligible.parquet whom its lists could have had,
and files/ is what goes out. Sending is one rename of files/ to exports/: files/ there means unsent, gone means sent, so
that a crash leaves no doubt. Only a delivery that a night's manifest names (table campaign_delivery) may be sent.
"""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

from pipelines.errors import LoyaltyError
from pipelines.store.files import sync, write_atomically

# Sent deliveries of a campaign that are kept: the last, which the next is worked out from, and the one before.
KEPT = 2
_MARK = "hold"  # the file in a campaign's folder that says that a person holds it back


class DeliveryNote(BaseModel, frozen=True):
    """What a delivery is.

    Attributes:
        campaign_id: The campaign.
        run_date: The night that made it.
        held: Why it waits for a person; None if it goes out with its night.
        is_running: Whether the campaign ran that night; if not, this ended it.
        channels: Of its lists.
        segments: Hash of the SQL of each segment that the campaign reads.
        removed: How many left the tools, by channel.
        lists: SHA-256 of the files of audiences by path, to tell whether a night that is run again has anything new.
    """

    campaign_id: str
    run_date: date
    held: str | None = None
    is_running: bool = True
    channels: tuple[str, ...] = ()
    segments: dict[str, str] = {}
    removed: dict[str, int] = {}
    lists: dict[str, str] = {}


@dataclass(frozen=True)
class Delivery:
    """A delivery of a campaign; a higher number is a later one."""

    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @property
    def files(self) -> Path:
        """The folder of what goes out, while it has not been sent."""
        return self.folder / "files"

    @property
    def members(self) -> Path:
        """Parquet file of whom the tools know once it is sent."""
        return self.folder / "members.parquet"

    @property
    def assignments(self) -> Path:
        """Parquet file of who entered the campaign by it, or by another of its night."""
        return self.folder / "assignments.parquet"

    @property
    def eligible(self) -> Path:
        """Parquet file of who could be on its lists: channel and customer_id."""
        return self.folder / "eligible.parquet"

    @cached_property
    def note(self) -> DeliveryNote:
        return DeliveryNote.model_validate_json((self.folder / "delivery.json").read_bytes())

    @property
    def is_sent(self) -> bool:
        return not self.files.exists()


class Deliveries:
    """All deliveries of a home."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def campaigns(self) -> list[str]:
        """Ids of the campaigns that have deliveries, or that a person holds back."""
        return sorted(folder.name for folder in self.root.glob("*") if folder.is_dir())

    def of(self, campaign_id: str) -> list[Delivery]:
        """A campaign's deliveries, the earliest first."""
        folders = (path for path in (self.root / campaign_id).glob("*") if path.name.isdecimal())
        return sorted((Delivery(folder) for folder in folders), key=lambda delivery: delivery.number)

    def all(self) -> Iterator[Delivery]:
        """Every delivery, by campaign."""
        for campaign_id in self.campaigns():
            yield from self.of(campaign_id)

    def last_sent(self, campaign_id: str) -> Delivery | None:
        """What the campaign's tools have; None if they never had anything."""
        return next((delivery for delivery in reversed(self.of(campaign_id)) if delivery.is_sent), None)

    def waiting(self, campaign_id: str) -> Delivery | None:
        """The delivery that waits for a person, if there is one: it is later than what was sent."""
        last = self.of(campaign_id)[-1:]
        return next((delivery for delivery in last if not delivery.is_sent and delivery.note.held), None)

    def new_folder(self, campaign_id: str) -> Path:
        """An empty folder to make a delivery in; `add` makes it one."""
        folder = self.root / campaign_id / f".{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def add(self, folder: Path, note: DeliveryNote) -> Delivery:
        """Make a delivery of a folder that is ready; all of it is durable afterwards."""
        write_atomically(folder / "delivery.json", note.model_dump_json().encode())
        for path in sorted(folder.rglob("*"), reverse=True):
            sync(path)
        sync(folder)
        number = max((delivery.number for delivery in self.of(note.campaign_id)), default=0) + 1
        delivery = Delivery(folder.rename(folder.with_name(f"{number}")))
        for parent in (folder.parent, self.root):
            sync(parent)
        return delivery

    def send(self, delivery: Delivery, to: Path) -> None:
        """Send a delivery: one rename of its files to a path that does not exist.

        Raises:
            OSError: `to` exists and is not empty, or is on another file system.
        """
        delivery.files.rename(to)
        for folder in (to.parent, delivery.folder):
            sync(folder)

    def discard(self, campaign_id: str, kept: set[int]) -> None:
        """Remove a campaign's unsent deliveries, but for those of the numbers `kept`, and what was never finished."""
        for path in (self.root / campaign_id).glob(".*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for delivery in self.of(campaign_id):
            if not delivery.is_sent and delivery.number not in kept:
                _remove(delivery)

    def forget_old(self, campaign_id: str) -> None:
        """Remove what nobody needs any more: all but the last sent deliveries, and unsent ones before the last sent."""
        deliveries = self.of(campaign_id)
        sent = [delivery for delivery in deliveries if delivery.is_sent]
        wanted = {delivery.number for delivery in sent[-KEPT:]}
        for delivery in deliveries:
            if sent and delivery.number < sent[-1].number and delivery.number not in wanted:
                _remove(delivery)

    def hold(self, campaign_id: str, reason: str) -> None:
        """Keep that a person holds a campaign back, until `let_go`."""
        folder = self.root / campaign_id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(folder / _MARK, reason.encode())

    def let_go(self, campaign_id: str) -> bool:
        """Forget that a person held a campaign back; whether one did."""
        path = self.root / campaign_id / _MARK
        if not path.exists():
            return False
        path.unlink()
        return True

    def held_by_person(self) -> dict[str, str]:
        """Why people hold campaigns back, by campaign."""
        return {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(self.root.glob(f"*/{_MARK}"))}


def check_can_send(deliveries_root: Path, exports: Path) -> None:
    """Refuse an exports folder to which nothing can be renamed.

    Raises:
        LoyaltyError: it is on another file system than the lake.
    """
    if deliveries_root.stat().st_dev != exports.stat().st_dev:
        raise LoyaltyError(
            f"{exports} is on another file system than {deliveries_root}. A list is sent by one rename, so that it is "
            "sent once and whole: keep both on one file system, and let tools fetch the files from there."
        )


def _remove(delivery: Delivery) -> None:
    """Remove a delivery whole: one without its files would look like one that was sent."""
    hidden = delivery.folder.with_name(f".{uuid.uuid4().hex[:8]}")
    delivery.folder.rename(hidden)
    shutil.rmtree(hidden)
