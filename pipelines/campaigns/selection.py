"""Who is on which list tonight, and who of a campaign's segments is on none, for which one reason.

The rules are SQL, a SELECT a step, in sql/lists/. `_make_lists` and `settle` name the steps in their order.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from models.campaign.global_control import hash_below
from pipelines.campaigns.config import MAXIMUM_CAP_DAYS, AfterDays, Campaign, Campaigns
from pipelines.catalog import query
from pipelines.settings import Settings

# Why a candidate is on no list, in the order of the decisions; each customer has one reason per list.
REASONS = (
    "deleted",
    "suppressed",
    "excluded_segment",
    "unsubscribed",
    "no_consent",
    "no_address",
    "bad_address",
    "same_address",
    "other_channel",
    "sent_before",
    "global_control_group",
    "cap",
    "priority",
    "control_group",
)

_EVER = date(1, 1, 1)
_CHANNEL = pa.schema(
    [
        ("list_number", pa.int64()),
        ("campaign_number", pa.int64()),
        ("campaign_id", pa.string()),
        ("channel", pa.string()),
        ("target", pa.string()),
        ("is_sending", pa.bool_()),
        ("use_channels", pa.string()),
        ("is_choice", pa.bool_()),
        ("blocks_from", pa.date32()),
        ("control_below", pa.string()),
        ("window_days", pa.int64()),
        ("control_share", pa.float64()),
    ]
)
_SEGMENT = pa.schema(
    [
        ("campaign_number", pa.int64()),
        ("segment", pa.string()),
        ("is_only", pa.bool_()),
        ("is_each_entry", pa.bool_()),
    ]
)
_EXCLUDE = pa.schema([("campaign_number", pa.int64()), ("segment", pa.string())])
_SETTING = pa.schema(
    [
        ("run_date", pa.date32()),
        ("assigned_at", pa.timestamp("us", "UTC")),
        ("salt", pa.string()),
        ("cap_contacts", pa.int64()),
        ("cap_from", pa.date32()),
        ("kept_from", pa.date32()),
        ("global_control_below", pa.string()),
        ("drawn_in", pa.string()),
        ("name_order", pa.string()),
    ]
)
_REASON = pa.schema([("reason", pa.string()), ("reason_number", pa.int64())])
_CAMPAIGN = pa.schema([("campaign_id", pa.string())])


@dataclass(frozen=True)
class Change:
    """How a list's eligible customers differ from those of the delivery that was sent last."""

    campaign_id: str
    channel: str
    before_count: int
    eligible_count: int
    entered_count: int
    left_count: int


@dataclass(frozen=True)
class Lists:
    """How many are on a night's lists and how many are not; each sorted.

    Attributes:
        exclusions: campaign, channel and reason (every one of REASONS); customer_count.
        bad_values: campaign, channel and address; customer_count of customers who may be written to and whose address
            is unusable.
        changes: of each list.
    """

    exclusions: pa.Table
    bad_values: pa.Table
    changes: tuple[Change, ...]


def campaign_lists(
    con: duckdb.DuckDBPyConnection,
    campaigns: Campaigns,
    settings: Settings,
    run_date: date,
    at_fault: Collection[str] = (),
) -> Lists:
    """Who is on which list of the night, whether or not the list is held back.

    The lists stay in `con`, in no order:

    - list_decision: list (campaign and channel) and customer of its segments; arm, and the reason for being on no list,
      else NULL.
    - list_entry: who is on a file tonight, with addresses and the parts of their name.
    - list_new_assignment: who enters a campaign.
    - list_removal: what is to leave the tools, with addresses as the tools were sent them. Where customer_id is NULL
      the customer stays, and only an old address goes.
    - list_known: whom the tools know afterwards.

    Args:
        con: has customer_segment, customer_segment_history, customer, customer_channel, customer_identity, contact,
            suppressed_channel, crm_customers_personal, campaign_member, campaigns (of the extracts, as known tonight)
            and history.campaign_assignment and history.campaign_delivery; and of the deliveries that were sent last
            (see campaigns.sent): list_sent, list_last_sent, list_delivered_assignment and list_eligible_before.
        campaigns: from read_campaigns.
        settings: control_salt, name_order, timezone.
        run_date: the business date.
        at_fault: ids of campaigns that have no list because of a fault; none of them is in `campaigns`.
    """
    _give_parameters(con, campaigns, settings, run_date)
    make_table(con, "fault", [{"campaign_id": name} for name in sorted(at_fault)], _CAMPAIGN)
    _make_lists(con, settings.timezone)
    changes = con.execute(f"{query('lists/change')} ORDER BY ALL").fetchall()
    return Lists(
        exclusions=_sorted_rows(
            con, "exclusion", "campaign_id, channel, reason, customer_count", "campaign_id, channel, reason_number"
        ),
        bad_values=_sorted_rows(con, "bad_address", "*", "campaign_id, channel, address"),
        changes=tuple(Change(*row) for row in changes),
    )


def settle(con: duckdb.DuckDBPyConnection, held: Collection[str]) -> None:
    """Say which campaigns are held back, those at fault among them; what the night stores follows from it.

    In `con`, after campaign_lists: list_assignment, list_listed and list_left_out, to be stored as campaign_assignment,
    campaign_list and campaign_exclusion; and list_kept, who stays on the last lists of the held ones and who must
    leave.
    """
    make_table(con, "held", [{"campaign_id": name} for name in sorted(held)], _CAMPAIGN)
    for step in ("assignment", "listed", "left_out"):
        con.execute(f"CREATE OR REPLACE VIEW list_{step} AS {query(f'lists/{step}')}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE list_kept AS {query('lists/kept')}")


def usable_customers(con: duckdb.DuckDBPyConnection, campaigns: Campaigns, settings: Settings, run_date: date) -> None:
    """Whom campaigns could write to if each began on a day, whether or not it runs on it: list_usable in `con`.

    Args:
        con: has customer, customer_segment, suppressed_channel and crm_customers_personal.
        campaigns: of the campaign file.
        settings: control_salt, name_order, timezone.
        run_date: the day.
    """
    begun = [each.model_copy(update={"starts_on": None, "ends_on": None}) for each in campaigns.campaigns]
    _give_parameters(con, campaigns.model_copy(update={"campaigns": begun}), settings, run_date)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE list_earlier_assignment (campaign_id VARCHAR, customer_id VARCHAR, arm VARCHAR)"
    )
    for step in ("excluded", "member"):
        make_step(con, step)
    con.execute("UPDATE list_member SET arm = 'treated'")  # so that no arm is drawn: it does not matter here
    for step in ("candidate", "same_address", "usable"):
        make_step(con, step)


def make_step(con: duckdb.DuckDBPyConnection, step: str) -> None:
    """Make the table list_<step> by sql/lists/<step>.sql."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE list_{step} AS {query(f'lists/{step}')}")


def make_table(con: duckdb.DuckDBPyConnection, name: str, rows: list[dict[str, object]], schema: pa.Schema) -> None:
    """Make the small table list_<name>."""
    con.register("incoming", pa.Table.from_pylist(rows, schema=schema))
    con.execute(f"CREATE OR REPLACE TEMP TABLE list_{name} AS FROM incoming")
    con.unregister("incoming")


def _give_parameters(con: duckdb.DuckDBPyConnection, campaigns: Campaigns, settings: Settings, run_date: date) -> None:
    """Make the small tables that the steps read: tonight's campaigns, the night's settings and the reasons."""
    running = sorted((c for c in campaigns.campaigns if c.runs_on(run_date)), key=lambda c: c.priority)
    cap = campaigns.contact_cap
    setting: dict[str, object] = {
        "run_date": run_date,
        "assigned_at": datetime.combine(run_date, time(), ZoneInfo(settings.timezone)),
        "salt": settings.control_salt,
        "cap_contacts": cap.contacts if cap else None,
        "cap_from": run_date - timedelta(cap.days - 1) if cap else None,
        "kept_from": run_date - timedelta(MAXIMUM_CAP_DAYS - 1),
        "global_control_below": hash_below(campaigns.global_control_share),
        "drawn_in": f"{run_date.year}",
        "name_order": settings.name_order,
    }
    make_table(con, "channel", _channels(running, run_date), _CHANNEL)
    make_table(con, "segment", [row for number, c in enumerate(running) for row in _segments(number, c)], _SEGMENT)
    excluded: list[dict[str, object]] = [
        {"campaign_number": number, "segment": name} for number, c in enumerate(running) for name in c.exclude
    ]
    make_table(con, "excluded_segment", excluded, _EXCLUDE)
    make_table(con, "setting", [setting], _SETTING)
    make_table(con, "reason", [{"reason": name, "reason_number": n} for n, name in enumerate(REASONS)], _REASON)


def _channels(running: list[Campaign], run_date: date) -> list[dict[str, object]]:
    """The lists of tonight's campaigns, in order of priority.

    list_number: a campaign and channel; a lower one goes first. campaign_number: a shorter key than the id. is_choice:
    the campaign writes to a customer on one of several channels. blocks_from: whose last turn was on this day or later
    is not written to again; NULL: since they entered the segment.
    """
    channels: list[dict[str, object]] = []
    for number, campaign in enumerate(running):
        sending = [channel for channel in campaign.channels if campaign.mode_of(channel) == "send"]
        for channel in campaign.channels:
            is_sending = channel in sending
            channels.append(
                {
                    "list_number": len(channels),
                    "campaign_number": number,
                    "campaign_id": campaign.id,
                    "channel": channel.channel,
                    "target": channel.target,
                    "is_sending": is_sending,
                    "use_channels": campaign.use_channels if is_sending else "all",
                    "is_choice": is_sending and len(sending) > 1 and campaign.use_channels != "all",
                    "blocks_from": _blocks_from(campaign, run_date),
                    "control_below": hash_below(campaign.control_share),
                    "window_days": campaign.window_days,
                    "control_share": campaign.control_share,
                }
            )
    return channels


def _blocks_from(campaign: Campaign, run_date: date) -> date | None:
    if isinstance(campaign.repeat, AfterDays):
        return run_date - timedelta(campaign.repeat.after_days - 1)
    return _EVER if campaign.repeat == "never" else None


def _segments(number: int, campaign: Campaign) -> list[dict[str, object]]:
    """A campaign's segments. is_only: it has no other. is_each_entry: it writes again to who left and came back."""
    of_all: Mapping[str, object] = {
        "campaign_number": number,
        "is_only": len(campaign.segment) == 1,
        "is_each_entry": campaign.repeat == "each_entry",
    }
    return [{**of_all, "segment": name} for name in campaign.segment]


def _make_lists(con: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """The steps from segments to lists: each is sql/lists/<step>.sql and makes list_<step>.

    What several steps read is worked out once, as a table; what is large and read as it comes stays a view.
    """

    def table(step: str) -> None:
        make_step(con, step)

    def view(step: str) -> None:
        con.execute(f"CREATE OR REPLACE VIEW list_{step} AS {query(f'lists/{step}')}")

    # Who was assigned before, and in which arm.
    table("start_day")
    _make_day_starts(con, timezone)
    view("stored_assignment")
    view("extract_assignment")
    table("merged_account")
    view("merged_assignment")
    view("earlier_assignment")
    # Who may be written to, and who can be.
    table("excluded")
    table("member")
    table("candidate")
    table("same_address")
    table("usable")
    # Who is left out for what was sent before, and for what other lists send tonight.
    table("other_channel")
    table("turn")
    table("entered")
    table("had_turn")
    table("contacted")
    table("over_priority")
    table("decision")
    # What tonight's lists hold, and what leaves the tools.
    table("new_assignment")
    table("entry")
    table("removal")
    view("known")


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
