"""Looking before sending: what the next night would put on its lists, from the published night; nothing is kept.

The steps are a night's own. They read the tables of the published night as both the next night's and its history, the
segments as their SQL stands now, and the campaign file as it stands now.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from models.detectable_effect import detectable_difference
from pipelines.campaigns.config import Campaign
from pipelines.campaigns.config_file import CampaignFile, read_campaign_file
from pipelines.campaigns.night import gone_campaigns, holds_of, missing, sent_last
from pipelines.campaigns.selection import Lists, campaign_lists
from pipelines.campaigns.sent import give_sent
from pipelines.campaigns.values import unknown
from pipelines.catalog import segment_path, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import literal
from pipelines.errors import LoyaltyError
from pipelines.masking import initials, masked_email, masked_phone, masked_token
from pipelines.settings import Settings
from pipelines.store.home import published_night
from pipelines.store.lake import CommittedNight, Lake
from pipelines.tables.inputs import contract_of, register_table
from pipelines.tables.parameters import register_parameters

SHOWN_ROWS = 10
# Made anew from the segments' SQL, as a night does.
_MADE_HERE = ("customer_segment", "customer_segment_history")


@dataclass(frozen=True)
class ListPreview:
    """One list: who is left out, by reason in the order of the decisions; who is on it, and who leaves the tool."""

    channel: str
    target: str
    mode: str
    left_out: Mapping[str, int]
    listed: int
    removed: int

    @property
    def candidates(self) -> int:
        return self.listed + sum(self.left_out.values())


@dataclass(frozen=True)
class Overlap:
    """Customers whom a campaign has in common with another: in the segments of both, and on lists of both."""

    campaign_id: str
    in_segments: int
    on_lists: int


@dataclass(frozen=True)
class SmallestEffect:
    """What difference of the buyer rate could be shown by all who are assigned once the list is sent.

    Attributes:
        treated: Customers assigned to the campaign.
        control: Customers of its control group.
        base_rate: Share of both who bought in the campaign's window of days up to the published night.
        difference: In buyers per customer; None if it can't be known, or none could be shown.
        why_not: Why there is no difference.
    """

    treated: int
    control: int
    base_rate: float | None = None
    difference: float | None = None
    why_not: str = ""


@dataclass(frozen=True)
class CampaignPreview:
    """What the next night would do for a campaign.

    Attributes:
        campaign: As in the file.
        segments: Customers of each segment, of those left out too.
        members: Customers in any of the campaign's segments.
        lists: One a channel.
        held: Why the lists would wait for a person.
        rows: Some entries, masked: channel, address and initials.
        overlaps: With each other campaign that runs then.
        smallest_effect: That could be shown.
    """

    campaign: Campaign
    segments: Mapping[str, int]
    members: int
    lists: tuple[ListPreview, ...]
    held: tuple[str, ...]
    rows: tuple[tuple[str, str, str], ...]
    overlaps: tuple[Overlap, ...]
    smallest_effect: SmallestEffect


@dataclass(frozen=True)
class Preview:
    """What the next night would do.

    Attributes:
        published: The night whose data it is from.
        run_date: The next night.
        campaigns: That were asked for and run then.
        not_running: Ids of those that were asked for and don't run then.
        without_list: Of all campaigns, if they were asked for: why those at fault, or gone from the file, have no list.
    """

    published: date
    run_date: date
    campaigns: tuple[CampaignPreview, ...]
    not_running: tuple[str, ...]
    without_list: tuple[str, ...]


def preview(settings: Settings, campaign_id: str | None = None) -> Preview:
    """What the next night would put on its lists; of one campaign, or of all.

    Raises:
        LoyaltyError: No night is published; the campaign, or the whole file, has a fault; there is no such campaign.
    """
    lake, published = Lake(settings.home), published_night(settings.home)
    if published is None or published not in lake.nights():
        raise LoyaltyError(f"no night is published in {settings.home}; `loyalty run --date D` runs one")
    file = read_campaign_file(settings.campaigns)
    asked = asked_campaigns(file, campaign_id)
    run_date = published + timedelta(1)
    running = [campaign for campaign in asked if campaign.runs_on(run_date)]
    lacking = missing(file, gone_campaigns(file, sent_last(lake))) if campaign_id is None else {}
    shown: tuple[CampaignPreview, ...] = ()
    if running:
        night = CommittedNight(lake, published, "preview")
        with DuckDBEngine(night, settings) as engine:
            shown = _campaigns(engine, night, settings, file, running)
    return Preview(
        published,
        run_date,
        shown,
        not_running=tuple(campaign.id for campaign in asked if campaign not in running),
        without_list=tuple(reason for reasons in lacking.values() for reason in reasons),
    )


def asked_campaigns(file: CampaignFile, campaign_id: str | None) -> list[Campaign]:
    """The campaigns that were asked for; faults of others are no matter."""
    whole = [fault for fault in file.faults if fault.campaign_id is None]
    if faults := whole or [fault for fault in file.faults if fault.campaign_id == campaign_id]:
        raise LoyaltyError("\n".join(map(str, faults)))
    campaigns = file.campaigns.campaigns
    if campaign_id is None:
        return list(campaigns)
    found = [campaign for campaign in campaigns if campaign.id == campaign_id]
    if not found:
        names = {campaign.id for campaign in campaigns} | {str(fault.campaign_id) for fault in file.faults}
        raise LoyaltyError(unknown(campaign_id, "campaign", names))
    return found


def _campaigns(
    engine: DuckDBEngine, night: CommittedNight, settings: Settings, file: CampaignFile, running: Collection[Campaign]
) -> tuple[CampaignPreview, ...]:
    run_date = night.run_date + timedelta(1)
    give_tables(engine, night, settings, run_date, file.campaigns.campaigns)
    sent = sent_last(night.lake)
    is_upgrade = "campaign_delivery" not in night.tables()
    give_sent(engine.connection, [*sent.values()], night.run_date if is_upgrade else None)
    lists = campaign_lists(engine.connection, file.campaigns, settings, run_date, gone_campaigns(file, sent))
    holds = holds_of(engine, night.lake, run_date, file, sent, lists.changes)
    others = [campaign.id for campaign in file.campaigns.campaigns if campaign.runs_on(run_date)]
    return tuple(
        CampaignPreview(
            campaign=campaign,
            segments=_segment_sizes(engine, campaign),
            members=_members(engine, campaign.id),
            lists=tuple(_lists(engine, lists, campaign)),
            held=tuple(holds.get(campaign.id, ())),
            rows=_masked_rows(engine, campaign.id),
            overlaps=tuple(_overlaps(engine, campaign.id, others)),
            smallest_effect=_smallest_effect(engine, campaign, night.run_date),
        )
        for campaign in running
    )


def give_tables(
    engine: DuckDBEngine, night: CommittedNight, settings: Settings, run_date: date, campaigns: Collection[Campaign]
) -> None:
    """Register what a night's step campaign_list reads, as it would be if nothing new came in."""
    lists, segments = tables()["campaign_list"], tables()["customer_segment"]
    register_parameters(engine, run_date, settings)
    for name in sorted({*lists.inputs, *segments.inputs, "customer_day"} - {*_MADE_HERE}):
        register_table(engine, night, name)
    for name in sorted({*lists.history, *segments.history, "customer_segment_history"}):
        engine.register(f"history.{name}", engine.select_of(night.table(name), contract_of(name)))
    named = sorted({name for campaign in campaigns for name in (*campaign.segment, *campaign.exclude)})
    texts = {name: segment_path(name).read_text(encoding="utf-8") for name in named}
    engine.materialise(
        "customer_segment",
        " UNION ALL ".join(
            f"SELECT DISTINCT customer_id, {literal(name)} AS segment FROM ({text})" for name, text in texts.items()
        ),
    )
    engine.register("customer_segment_history", tables()["customer_segment_history"].sql)


def _segment_sizes(engine: DuckDBEngine, campaign: Campaign) -> dict[str, int]:
    sizes = dict(engine.rows("SELECT segment, COUNT(*) FROM customer_segment GROUP BY ALL"))
    return {name: sizes.get(name, 0) for name in (*campaign.segment, *campaign.exclude)}


def _members(engine: DuckDBEngine, campaign_id: str) -> int:
    [(members,)] = engine.rows(
        """SELECT COUNT(DISTINCT customer_id) FROM list_member
        WHERE campaign_number IN (SELECT campaign_number FROM list_channel WHERE campaign_id = $campaign)""",
        {"campaign": campaign_id},
    )
    return int(members)


def _lists(engine: DuckDBEngine, lists: Lists, campaign: Campaign) -> list[ListPreview]:
    """The campaign's lists, whether or not they would be held back, in the file's order."""

    def counts(table: str) -> dict[str, int]:
        select = f"SELECT channel, COUNT(*) FROM {table} WHERE campaign_id = $campaign GROUP BY channel"
        return dict(engine.rows(select, {"campaign": campaign.id}))

    listed, removed = counts("list_entry"), counts("list_removal")
    left_out = [row for row in lists.exclusions.to_pylist() if row["campaign_id"] == campaign.id]
    return [
        ListPreview(
            channel=channel.channel,
            target=channel.target,
            mode=campaign.mode_of(channel),
            left_out={
                row["reason"]: row["customer_count"]
                for row in left_out
                if row["channel"] == channel.channel and row["customer_count"]
            },
            listed=listed.get(channel.channel, 0),
            removed=removed.get(channel.channel, 0),
        )
        for channel in campaign.channels
    ]


def _masked_rows(engine: DuckDBEngine, campaign_id: str) -> tuple[tuple[str, str, str], ...]:
    """Entries of the campaign's lists, of each list as many as of the others."""
    rows = engine.rows(
        f"""SELECT channel, email, phone, push_token, messenger_id, first_name, middle_name, last_name
        FROM list_entry WHERE campaign_id = $campaign
        ORDER BY ROW_NUMBER() OVER (PARTITION BY list_number ORDER BY customer_id), list_number LIMIT {SHOWN_ROWS}""",
        {"campaign": campaign_id},
    )
    masks = (masked_email, masked_phone, masked_token, masked_token)
    return tuple(
        (
            channel,
            ", ".join(mask(value) for mask, value in zip(masks, values[:4], strict=True) if value is not None),
            initials(*values[4:]),
        )
        for channel, *values in rows
    )


def _overlaps(engine: DuckDBEngine, campaign_id: str, others: Collection[str]) -> list[Overlap]:
    """With each other campaign that runs on the night."""

    def in_both(customers: str) -> dict[str, int]:
        select = f"""WITH found AS ({customers})
            SELECT other.campaign_id, COUNT(*) FROM found AS own JOIN found AS other USING (customer_id)
            WHERE own.campaign_id = $campaign AND other.campaign_id <> $campaign GROUP BY ALL"""
        return dict(engine.rows(select, {"campaign": campaign_id}))

    segments = in_both(
        """SELECT DISTINCT channel.campaign_id, member.customer_id
        FROM list_member AS member JOIN list_channel AS channel USING (campaign_number)"""
    )
    lists = in_both("SELECT DISTINCT campaign_id, customer_id FROM list_entry")
    return [Overlap(name, segments.get(name, 0), lists.get(name, 0)) for name in others if name != campaign_id]


def _smallest_effect(engine: DuckDBEngine, campaign: Campaign, published: date) -> SmallestEffect:
    """What those can show who are assigned to the campaign once tonight's list is sent."""
    since = published - timedelta(campaign.window_days)
    [(treated, control, buyers, first_day)] = engine.rows(
        """WITH assigned AS (
            SELECT customer_id, arm FROM list_earlier_assignment WHERE campaign_id = $campaign
            UNION ALL
            SELECT customer_id, arm FROM list_new_assignment WHERE campaign_id = $campaign
        ),
        buyer AS (
            SELECT customer_id FROM customer_day
            WHERE business_date > $since AND business_date <= $published
            GROUP BY customer_id HAVING SUM(order_count) > 0
        )
        SELECT
            COUNT(*) FILTER (assigned.arm <> 'control'),
            COUNT(*) FILTER (assigned.arm = 'control'),
            COUNT(buyer.customer_id),
            (SELECT MIN(business_date) FROM customer_day)
        FROM assigned LEFT JOIN buyer ON assigned.customer_id = buyer.customer_id""",
        {"campaign": campaign.id, "since": since, "published": published},
    )
    if not control:
        share = f"control_share is {campaign.control_share:g}"
        return SmallestEffect(treated, control, why_not=f"without a control group no effect can be shown; {share}")
    if not treated:
        return SmallestEffect(treated, control, why_not="nobody would get the campaign")
    if first_day is None or first_day > since + timedelta(1):
        why = f"what they bought in the {campaign.window_days} days before is unknown: the data begin on {first_day}"
        return SmallestEffect(treated, control, why_not=why)
    base_rate = buyers / (treated + control)
    difference = detectable_difference(base_rate, treated, control)
    why_not = ""
    if difference is None:
        why_not = "all of them buy without it" if base_rate == 1 else "so few customers can show no effect"
    return SmallestEffect(treated, control, base_rate, difference, why_not)
