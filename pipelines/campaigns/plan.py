"""Planning before a campaign starts: its rows of campaign_power, from the published night and the file as it stands."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.campaigns.config import Campaign
from pipelines.campaigns.config_file import read_campaign_file
from pipelines.campaigns.power import planned_power
from pipelines.campaigns.preview import asked_campaigns, give_tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.home import published_night
from pipelines.store.lake import CommittedNight, Lake


@dataclass(frozen=True)
class CampaignPlan:
    """A campaign and its rows of campaign_power, by metric.

    Attributes:
        published: The night whose data the plan is made of.
        campaign: As in the file.
        rows: One a metric.
    """

    published: date
    campaign: Campaign
    rows: dict[str, dict[str, Any]]


def plan(settings: Settings, campaign_id: str) -> CampaignPlan:
    """What a campaign could show if it began with the next night.

    Raises:
        LoyaltyError: No night is published; the campaign has a fault, is over, or there is none of that id.
    """
    lake, published = Lake(settings.home), published_night(settings.home)
    if published is None or published not in lake.nights():
        raise LoyaltyError(f"no night is published in {settings.home}; `loyalty run --date D` runs one")
    file = read_campaign_file(settings.campaigns)
    [campaign] = asked_campaigns(file, campaign_id)
    if campaign.ends_on is not None and campaign.ends_on <= published:
        raise LoyaltyError(f"campaign {campaign.id} is over: ends_on is {campaign.ends_on}")
    night = CommittedNight(lake, published, "plan")
    with DuckDBEngine(night, settings) as engine:
        give_tables(engine, night, settings, published, [campaign])
        rows = planned_power(engine.connection, file.campaigns, settings, published, [campaign.id])
        return CampaignPlan(published, campaign, {row["metric"]: row for row in rows})
