"""Questions to a person about lists that wait: whether they may be sent. They hold no personal data."""

from dataclasses import dataclass
from typing import Any

from pipelines.campaigns.sending import waiting_delivery
from pipelines.settings import Settings
from pipelines.store.deliveries import Delivery
from pipelines.store.lake import Lake
from pipelines.store.rows import small_rows


@dataclass(frozen=True)
class Question:
    """Whether a campaign's list that waits may be sent.

    Attributes:
        campaign_id: The campaign.
        number: Of the delivery that waits, so that the answer is about no other.
        subject: The question.
        body: Counts by channel, and why the list waits; Markdown.
    """

    campaign_id: str
    number: int
    subject: str
    body: str


def questions(settings: Settings) -> list[Question]:
    """One for each list of the published night that waits, by campaign."""
    lake = Lake(settings.home)
    found = (waiting_delivery(lake, settings, name) for name in lake.deliveries.campaigns())
    return [_question(lake, delivery) for delivery in found if delivery is not None]


def _question(lake: Lake, delivery: Delivery) -> Question:
    note = delivery.note
    counts = [
        f"* {row['channel']} to {row['target'] or 'no tool'}: {row['listed_count']:,} on the list, "
        f"{row['removed_count']:,} leave the tool"
        for row in _rows(lake, delivery)
    ]
    why = (note.held or "").replace(f"campaign {note.campaign_id}: ", "")
    return Question(
        note.campaign_id,
        delivery.number,
        f"Send the list of campaign {note.campaign_id} of night {note.run_date}?",
        "\n".join([*counts, "", f"It waits because {why}."]),
    )


def _rows(lake: Lake, delivery: Delivery) -> list[dict[str, Any]]:
    """What the night's table campaign_delivery says of a delivery, by channel."""
    note = delivery.note
    state = lake.manifest(note.run_date).table("campaign_delivery")
    rows = small_rows(lake, state, list_date=note.run_date, campaign_id=note.campaign_id)
    return sorted((row for row in rows if row["delivery_number"] == delivery.number), key=lambda row: row["channel"])
