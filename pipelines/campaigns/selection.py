"""Who is on which list tonight, who is held back as control, and who is left out and why.

The rules are SQL, a SELECT a step, in sql/lists/. `_make_lists` names the steps in their order.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from pipelines.campaigns.config import Campaigns
from pipelines.catalog import query
from pipelines.settings import Settings

# Why a candidate is on no list, in the order of the decisions; each customer has one reason per list.
REASONS = (
    "suppressed",
    "excluded_segment",
    "unsubscribed",
    "no_consent",
    "no_address",
    "bad_address",
    "same_address",
    "cap",
    "control_group",
)

_CHANNEL = pa.schema(
    [
        ("list_number", pa.int64()),
        ("campaign_number", pa.int64()),
        ("campaign_id", pa.string()),
        ("channel", pa.string()),
        ("target", pa.string()),
        ("control_below", pa.string()),
        ("window_days", pa.int64()),
    ]
)
_SEGMENT = pa.schema([("campaign_number", pa.int64()), ("segment", pa.string()), ("is_only", pa.bool_())])
_EXCLUDE = pa.schema([("campaign_number", pa.int64()), ("segment", pa.string())])
_SETTING = pa.schema(
    [
        ("run_date", pa.date32()),
        ("assigned_at", pa.timestamp("us", "UTC")),
        ("salt", pa.string()),
        ("cap", pa.int64()),
        ("name_order", pa.string()),
    ]
)
_REASON = pa.schema([("reason", pa.string()), ("reason_number", pa.int64())])


@dataclass(frozen=True)
class Lists:
    """How many are on a night's lists and how many are not; each sorted.

    Attributes:
        exclusions: campaign, channel and reason (every one of REASONS); customer_count.
        bad_values: campaign, channel and address; customer_count of consenting customers whose address is unusable.
        removal_counts: campaign, channel and target; customer_count.
    """

    exclusions: pa.Table
    bad_values: pa.Table
    removal_counts: pa.Table


def campaign_lists(
    con: duckdb.DuckDBPyConnection,
    campaigns: Campaigns,
    settings: Settings,
    run_date: date,
    held: Collection[str] = (),
) -> Lists:
    """Who is on which list of the night.

    The list of a campaign that is held back is its last one, without those who may no longer be written to: they leave
    the tools tonight as from any other list. It takes in and assigns nobody.

    The same inputs give the same lists, so the night's tables and its files may be made at different times. The lists
    stay in `con`, in no order:

    - list_assignment, a view: campaign and customer, of all nights up to this one. To be stored as
      campaign_assignment.
    - list_decision, a view: list (campaign and channel) and customer who may be written to; arm, and the reason for
      being left out, else NULL.
    - list_entry, a view: who is on a file tonight. campaign_id, channel, target and customer_id are to be stored as
      campaign_list: tomorrow's removals come from it.
    - list_removal: what is to leave the tools, with addresses as they were on the last stored list. Where customer_id
      is NULL the customer stays, and only an old address goes.

    Args:
        con: has customer_segment, customer, customer_identity, crm_customers_personal, campaign_members, campaigns
            (the extracts, as known tonight), history.campaign_assignment, history.campaign_list and, of the same
            night as it, history.crm_customers_personal.
        campaigns: from read_campaigns.
        settings: control_salt, name_order, timezone.
        run_date: the business date.
        held: ids of campaigns that are held back; none of them is in `campaigns`.
    """
    _give_parameters(con, campaigns, settings, run_date, held)
    _make_lists(con, settings.timezone)
    return Lists(
        exclusions=_sorted_rows(
            con, "exclusion", "campaign_id, channel, reason, customer_count", "campaign_id, channel, reason_number"
        ),
        bad_values=_sorted_rows(con, "bad_address", "*", "campaign_id, channel, address"),
        removal_counts=_sorted_rows(con, "removal_count", "*", "campaign_id, channel, target"),
    )


def _give_parameters(
    con: duckdb.DuckDBPyConnection, campaigns: Campaigns, settings: Settings, run_date: date, held: Collection[str]
) -> None:
    """Make the small tables that the steps read: tonight's campaigns, the night's settings and the reasons."""
    channels, segments, excluded = _running(campaigns, run_date)
    held_channels = _held(con, held, after=channels)
    setting = {
        "run_date": run_date,
        "assigned_at": datetime.combine(run_date, time(), ZoneInfo(settings.timezone)),
        "salt": settings.control_salt,
        "cap": campaigns.max_campaigns_per_night,
        "name_order": settings.name_order,
    }
    reasons = [{"reason": reason, "reason_number": number} for number, reason in enumerate(REASONS)]
    for name, table in {
        "channel": pa.concat_tables([channels, held_channels]),
        "held": held_channels.select(["list_number"]),
        "segment": segments,
        "excluded_segment": excluded,
        "setting": pa.Table.from_pylist([setting], schema=_SETTING),
        "reason": pa.Table.from_pylist(reasons, schema=_REASON),
    }.items():
        con.register("incoming", table)
        con.execute(f"CREATE OR REPLACE TEMP TABLE list_{name} AS FROM incoming")
        con.unregister("incoming")


def _running(campaigns: Campaigns, run_date: date) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The channels of tonight's campaigns, in order of priority; their segments; and those that they leave out.

    list_number: a campaign and channel; a lower one goes first. campaign_number: a shorter key than the id.
    control_below: an arm's hash is control if its leading 12 hex digits are below it. is_only: the campaign has no
    other segment.
    """
    running = list(enumerate(sorted((c for c in campaigns.campaigns if c.runs_on(run_date)), key=lambda c: c.priority)))
    channels = [
        {
            "campaign_number": number,
            "campaign_id": campaign.id,
            "channel": channel.channel,
            "target": channel.target,
            "control_below": f"{round(campaign.control_share * 16**12):012x}",
            "window_days": campaign.window_days,
        }
        for number, campaign in running
        for channel in campaign.channels
    ]
    channels = [channel | {"list_number": number} for number, channel in enumerate(channels)]
    segments = [
        {"campaign_number": number, "segment": name, "is_only": len(campaign.segment) == 1}
        for number, campaign in running
        for name in campaign.segment
    ]
    excluded = [
        {"campaign_number": number, "segment": name} for number, campaign in running for name in campaign.exclude
    ]
    return (
        pa.Table.from_pylist(channels, schema=_CHANNEL),
        pa.Table.from_pylist(segments, schema=_SEGMENT),
        pa.Table.from_pylist(excluded, schema=_EXCLUDE),
    )


def _held(con: duckdb.DuckDBPyConnection, held: Collection[str], after: pa.Table) -> pa.Table:
    """The channels of campaigns that are held back, as the last stored lists have them; numbers follow the others'."""
    stored = con.execute("SELECT DISTINCT campaign_id, channel, target FROM history.campaign_list ORDER BY ALL")
    lists = [row for row in stored.fetchall() if row[0] in held]
    first = max(after["campaign_number"].to_pylist(), default=-1) + 1
    numbers = {campaign_id: first + number for number, campaign_id in enumerate(sorted({row[0] for row in lists}))}
    channels = [
        {
            "list_number": len(after) + number,
            "campaign_number": numbers[campaign_id],
            "campaign_id": campaign_id,
            "channel": channel,
            "target": target,
        }
        for number, (campaign_id, channel, target) in enumerate(lists)
    ]
    return pa.Table.from_pylist(channels, schema=_CHANNEL)


def _make_lists(con: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """The steps from segments to lists: each is sql/lists/<step>.sql and makes list_<step>.

    What several steps read is worked out once, as a table; what is large and read as it comes stays a view.
    """

    def table(step: str) -> None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE list_{step} AS {query(f'lists/{step}')}")

    def view(step: str) -> None:
        con.execute(f"CREATE OR REPLACE TEMP VIEW list_{step} AS {query(f'lists/{step}')}")

    # Who was assigned before, and in which arm.
    table("start_day")
    _make_day_starts(con, timezone)
    view("stored_assignment")
    view("extract_assignment")
    table("merged_account")
    view("merged_assignment")
    view("earlier_assignment")
    # Who may be written to, and who is left out.
    table("held_listed")
    table("excluded")
    table("member")
    table("candidate")
    table("same_address")
    table("over_cap")
    view("decision")
    # What tonight's lists hold, and what leaves the tools.
    table("new_assignment")
    view("assignment")
    view("entry")
    table("departure")
    table("removal")


def _make_day_starts(con: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """The moment at which each day of list_start_day starts; here, as engines convert times of a zone differently."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE list_day_start AS
        SELECT start_date, timezone($timezone, CAST(start_date AS TIMESTAMP)) AS starts_at FROM list_start_day""",
        {"timezone": timezone},
    )


def _sorted_rows(con: duckdb.DuckDBPyConnection, step: str, columns: str, order: str) -> pa.Table:
    """The rows of a SELECT that counts."""
    return con.execute(f"SELECT {columns} FROM ({query(f'lists/{step}')}) ORDER BY {order}").to_arrow_table()
