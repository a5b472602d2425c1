"""What is held back in a home: which campaigns, since when, why, and whether a person can release them."""

import re
from dataclasses import dataclass
from datetime import date

from pipelines.campaigns.config_file import read_campaign_file
from pipelines.campaigns.sending import waiting_delivery
from pipelines.campaigns.values import unknown
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.home import published_night
from pipelines.store.lake import Lake
from pipelines.store.manifest import TableState
from pipelines.store.rows import small_rows

_ID = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True)
class HeldCampaign:
    """A campaign that is held back.

    Attributes:
        campaign_id: The campaign; None if the whole file is at fault.
        since: The first night of those up to the published one that held it back; None if the next is the first.
        reasons: Why.
        is_releasable: Whether a person can release it; if not, its entry in the file is to be mended.
    """

    campaign_id: str | None
    since: date | None
    reasons: tuple[str, ...]
    is_releasable: bool


def held_campaigns(settings: Settings) -> list[HeldCampaign]:
    """What the published night held back and nobody has released since, and what people hold back."""
    lake, night = Lake(settings.home), published_night(settings.home)
    nights = [known for known in lake.nights() if night is not None and known <= night]
    held = []
    for name, reasons in sorted(_reasons(lake, nights[-1]).items() if nights else [], key=lambda item: item[0] or ""):
        released = _last_released(lake, name)
        if released == nights[-1]:
            continue
        since = nights[-1]
        for earlier in reversed(nights[:-1]):
            if released and earlier <= released:
                break
            if name in _reasons(lake, earlier):
                since = earlier
            elif _has_delivered(lake, earlier):
                break
        waits = name is not None and waiting_delivery(lake, settings, name) is not None
        held.append(HeldCampaign(name, since, tuple(reasons), is_releasable=waits))
    names = {each.campaign_id for each in held}
    return held + [
        HeldCampaign(name, None, (f"a person holds it back: {why}",), is_releasable=True)
        for name, why in lake.deliveries.held_by_person().items()
        if name not in names
    ]


def _reasons(lake: Lake, night: date) -> dict[str | None, list[str]]:
    """Why a night held campaigns back."""
    state = lake.manifest(night).tables.get("campaign_hold", TableState())
    found: dict[str | None, list[str]] = {}
    for row in small_rows(lake, state):
        name = row["campaign_id"]
        found.setdefault(name, []).append(row["reason"].removeprefix(f"campaign {name}: "))
    return found


def _has_delivered(lake: Lake, night: date) -> bool:
    """Whether a night made deliveries: of several nights that are run at once only the last does."""
    state = lake.manifest(night).tables.get("campaign_delivery", TableState())
    return bool(small_rows(lake, state, list_date=night))


def _last_released(lake: Lake, campaign_id: str | None) -> date | None:
    """The night of the campaign's last list that waited and was then released, as far as deliveries are kept."""
    deliveries = lake.deliveries.of(campaign_id) if campaign_id else []
    released = (delivery.note.run_date for delivery in deliveries if delivery.note.held and delivery.is_sent)
    return max(released, default=None)


def check_is_campaign(settings: Settings, campaign_id: str) -> None:
    """Refuse what is no campaign of the file, and none that has deliveries.

    Raises:
        LoyaltyError: It is none; the message has the nearest name.
    """
    file = read_campaign_file(settings.campaigns)
    names = {campaign.id for campaign in file.campaigns.campaigns} | {*Lake(settings.home).deliveries.campaigns()}
    names |= {fault.campaign_id for fault in file.faults if fault.campaign_id and _ID.fullmatch(fault.campaign_id)}
    if campaign_id not in names:
        unread = "".join(f"\n{fault}" for fault in file.faults if fault.campaign_id is None)
        raise LoyaltyError(f"{unknown(campaign_id, 'campaign', names)}{unread}")
