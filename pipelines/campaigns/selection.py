"""Campaigns: who is on which list tonight, who is held back as control, and who is left out and why.

config/campaigns.yaml says what a marketer wants. Lists are made with sets in DuckDB, and stay there.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.config import Campaigns
from pipelines.engines.sql import literal
from pipelines.intake.addresses import NORMALISED
from pipelines.settings import Settings

# Why a candidate is on no list, in the order in which it is found out; each customer has one reason per list.
REASONS = ("suppressed", "no_consent", "no_address", "bad_address", "same_address", "cap", "control_group")


# --- lists ---


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


# Where crm_customers_personal has an address in the form in which it is used.
_USED = {name: f"{name}_normal" if name in NORMALISED else name for name in ADDRESSES}


def _by_channel(channel: str, values: dict[str, str]) -> str:
    """SQL of a value that depends on the channel."""
    cases = " ".join(f"WHEN '{name}' THEN {value}" for name, value in values.items())
    return f"CASE {channel} {cases} END"


# Of a candidate's addresses, which are those of one channel, the first that can be used.
_ADDRESS = f"COALESCE({', '.join(ADDRESSES)})"


def _users(address: str) -> str:
    """The channels that use an address, as SQL's list for IN."""
    return "(" + ", ".join(f"'{name}'" for name, addresses in CHANNELS.items() if address in addresses) + ")"


_ASSIGNMENT = ("channel", "arm", "assigned_at", "assigned_date", "window_days", "source")


def _earlier(timezone: str, run_date: date, campaigns: Collection[str] | None = None) -> str:
    """SQL of who was assigned before: one row per campaign and person, of some campaigns or of all.

    What this project decided stands; an extract's latest version replaces the one that was stored. After a merge of
    customers the earliest assignment is the person's; only theirs need to be put in order.
    """
    tonight, columns = literal(f"{run_date}"), ", ".join(_ASSIGNMENT)
    names = ", ".join(map(literal, campaigns or ()))
    of = "TRUE" if campaigns is None else f"list_contains(CAST([{names}] AS VARCHAR[]), campaign_id)"
    return f"""
WITH stored AS NOT MATERIALIZED (
    SELECT campaign_id, customer_id, {columns}
    FROM history.campaign_assignment
    WHERE {of} AND assigned_date <= DATE {tonight}
), extract AS NOT MATERIALIZED (
    SELECT
        m.campaign_id, m.customer_id, m.channel, COALESCE(m.arm, 'treated') AS arm,
        COALESCE(
            m.assigned_at, timezone({literal(timezone)}, CAST(COALESCE(c.starts_on, m.landing_date) AS TIMESTAMP))
        ) AS assigned_at,
        COALESCE(m.assigned_date, c.starts_on, m.landing_date) AS assigned_date, c.window_days, 'extract' AS source
    FROM (FROM campaign_members WHERE {of}) AS m
    LEFT JOIN campaigns AS c ON c.campaign_id = m.campaign_id
    WHERE COALESCE(m.assigned_date, c.starts_on, m.landing_date) <= DATE {tonight}
), own AS NOT MATERIALIZED (
    FROM stored WHERE source = 'export'
), told AS (
    FROM extract ANTI JOIN own USING (campaign_id, customer_id)
), untold AS (
    FROM stored ANTI JOIN extract USING (campaign_id, customer_id) WHERE source <> 'export'
), merged AS (
    SELECT source_customer_id AS customer_id FROM customer_identity UNION SELECT customer_id FROM customer_identity
), person AS (
    SELECT k.* REPLACE (COALESCE(i.customer_id, k.customer_id) AS customer_id), k.customer_id AS source_customer_id
    FROM (
        SELECT *, CASE source WHEN 'export' THEN 1 ELSE 3 END AS preference FROM stored
        UNION ALL
        SELECT *, 2 FROM extract
    ) AS k
    SEMI JOIN merged AS g ON g.customer_id = k.customer_id
    LEFT JOIN customer_identity AS i ON i.source_customer_id = k.customer_id
)
FROM (FROM own UNION ALL FROM told UNION ALL FROM untold) ANTI JOIN merged USING (customer_id)
UNION ALL
(
    SELECT campaign_id, customer_id, {columns}
    FROM person
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY campaign_id, customer_id ORDER BY preference, assigned_date, assigned_at, source_customer_id
    ) = 1
)
"""


_CONSENT = f"COALESCE({_by_channel('ch.channel', {name: f'm.{name}_consent' for name in CHANNELS})}, FALSE)"


# Whoever belongs to a campaign's segments; arm: of who was assigned before. Only a campaign of several segments may
# find a customer twice.
_MEMBER = f"""
SELECT
    m.campaign, m.customer_id, k.arm, COALESCE(c.is_deleted, FALSE) AS is_deleted,
    {", ".join(f"c.{name}_consent" for name in CHANNELS)}
FROM (
    SELECT s.campaign, m.customer_id
    FROM lists_segment AS s
    INNER JOIN customer_segment AS m ON m.segment = s.segment
    WHERE s.is_only
    UNION ALL
    SELECT DISTINCT s.campaign, m.customer_id
    FROM lists_segment AS s
    INNER JOIN customer_segment AS m ON m.segment = s.segment
    WHERE NOT s.is_only
) AS m
LEFT JOIN customer AS c ON c.customer_id = m.customer_id
LEFT JOIN (
    SELECT ch.campaign, a.customer_id, a.arm
    FROM lists_arm AS a
    INNER JOIN (SELECT DISTINCT campaign, campaign_id FROM lists_channel) AS ch ON ch.campaign_id = a.campaign_id
) AS k ON k.campaign = m.campaign AND k.customer_id = m.customer_id
"""


def _channel_address(name: str) -> str:
    """SQL of an address as it is used, if the channel uses it."""
    return f"CASE WHEN ch.channel IN {_users(name)} THEN a.{_USED[name]} END AS {name}"


def _is_bad(name: str) -> str:
    """SQL: whether an address that the channel uses was given and can't be used."""
    return f"ch.channel IN {_users(name)} AND a.{name} IS NOT NULL AND a.{_USED[name]} IS NULL AS is_bad_{name}"


# Who may be written to, by place; who was not assigned before is drawn an arm here, and this once.
_CANDIDATE = f"""
WITH found AS (
    SELECT
        ch.place, ch.campaign_id, m.customer_id, m.arm, ch.control_below, a.name,
        {", ".join(_channel_address(name) for name in ADDRESSES)}, {", ".join(_is_bad(name) for name in NORMALISED)}
    FROM lists_member AS m
    INNER JOIN lists_channel AS ch ON ch.campaign = m.campaign
    LEFT JOIN crm_customers_personal AS a ON a.customer_id = m.customer_id
    WHERE NOT m.is_deleted AND {_CONSENT}
)
SELECT
    place, customer_id, name, {", ".join(ADDRESSES)}, {", ".join(f"is_bad_{name}" for name in NORMALISED)},
    arm IS NULL AS is_new,
    CASE
        WHEN arm IS NOT NULL THEN arm
        WHEN substr(sha256(concat_ws(':', $salt, campaign_id, customer_id)), 1, 12) < control_below THEN 'control'
        ELSE 'treated'
    END AS arm,
    CASE
        WHEN {_ADDRESS} IS NOT NULL THEN NULL
        WHEN {" OR ".join(f"is_bad_{name}" for name in NORMALISED)} THEN 'bad_address'
        ELSE 'no_address'
    END AS reason
FROM found
"""


# An address is on a list once: for whom was assigned earlier, else for the first by id. Few are shared, so only those
# are looked at; the same goes for the cap.
_SAME_ADDRESS = f"""
WITH shared AS (
    SELECT place, {_ADDRESS} AS address FROM lists_candidate WHERE reason IS NULL GROUP BY ALL HAVING COUNT(*) > 1
)
SELECT a.place, a.customer_id
FROM lists_candidate AS a
INNER JOIN shared AS s ON s.place = a.place AND s.address = {_ADDRESS}
WHERE a.reason IS NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY a.place, s.address ORDER BY a.is_new, a.customer_id) > 1
"""


_CAP = """
WITH wanted AS (
    SELECT ch.channel, a.customer_id, a.place
    FROM lists_candidate AS a
    INNER JOIN lists_channel AS ch ON ch.place = a.place
    WHERE a.reason IS NULL
), crowded AS (
    SELECT channel, customer_id FROM wanted GROUP BY channel, customer_id HAVING COUNT(*) > $cap
)
SELECT w.place, w.customer_id
FROM wanted AS w
SEMI JOIN crowded AS c ON c.channel = w.channel AND c.customer_id = w.customer_id
QUALIFY ROW_NUMBER() OVER (PARTITION BY w.channel, w.customer_id ORDER BY w.place) > $cap
"""


_NEWLY_ASSIGNED = """
SELECT
    ch.campaign_id, d.customer_id, ch.channel, d.arm, $assigned_at AS assigned_at, $run_date AS assigned_date,
    ch.window_days, 'export' AS source
FROM lists_candidate AS d
INNER JOIN lists_channel AS ch ON ch.place = d.place
WHERE d.is_new AND d.reason IS NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY ch.campaign_id, d.customer_id ORDER BY d.place) = 1
"""


_LISTED = f"""
SELECT
    d.place, ch.campaign_id, ch.channel, ch.target, d.customer_id, {", ".join(f"d.{name}" for name in ADDRESSES)},
    NULLIF(split_part(d.full_name, ' ', 1), '') AS first_name,
    CASE WHEN contains(d.full_name, ' ') THEN split_part(d.full_name, ' ', -1) END AS last_name
FROM (SELECT *, trim(regexp_replace(name, '\\s+', ' ', 'g')) AS full_name FROM lists_candidate) AS d
INNER JOIN lists_channel AS ch ON ch.place = d.place
WHERE d.reason IS NULL AND d.arm = 'treated'
"""


def _gone_address(name: str) -> str:
    """SQL of a member's last address, if the channel uses it and the member is not on the list with it."""
    last = f"a.{_USED[name]}"
    return f"CASE WHEN l.channel IN {_users(name)} AND {last} IS DISTINCT FROM t.{name} THEN {last} END AS {name}"


def _removed_address(name: str) -> str:
    """SQL of a gone address, if the list doesn't hold it for another customer."""
    return f"""CASE WHEN NOT EXISTS (
        SELECT 1 FROM lists_listed AS o WHERE o.place = g.place AND o.{name} = g.{name}
    ) THEN g.{name} END AS {name}"""


_TO_REMOVE = f"COALESCE(customer_id, {', '.join(ADDRESSES)}) IS NOT NULL"


# Few members leave or change, so only those are compared with the whole list.
_REMOVALS = f"""
WITH member AS (
    SELECT
        ch.place, l.campaign_id, l.channel, l.target,
        CASE WHEN t.customer_id IS NULL THEN l.customer_id END AS customer_id,
        {", ".join(_gone_address(name) for name in ADDRESSES)}
    FROM history.campaign_list AS l
    LEFT JOIN lists_channel AS ch
        ON ch.campaign_id = l.campaign_id AND ch.channel = l.channel AND ch.target = l.target
    LEFT JOIN lists_listed AS t ON t.place = ch.place AND t.customer_id = l.customer_id
    LEFT JOIN history.crm_customers_personal AS a ON a.customer_id = l.customer_id
), gone AS MATERIALIZED (
    FROM member WHERE {_TO_REMOVE}
), removed AS (
    SELECT
        g.campaign_id, g.channel, g.target, g.customer_id, {", ".join(_removed_address(name) for name in ADDRESSES)},
        CAST(NULL AS VARCHAR) AS first_name, CAST(NULL AS VARCHAR) AS last_name
    FROM gone AS g
)
FROM removed WHERE {_TO_REMOVE}
"""


_EXCLUSIONS = f"""
WITH excluded AS (
    SELECT ch.place, CASE WHEN m.is_deleted THEN 'suppressed' ELSE 'no_consent' END AS reason
    FROM lists_member AS m
    INNER JOIN lists_channel AS ch ON ch.campaign = m.campaign
    WHERE m.is_deleted OR NOT {_CONSENT}
    UNION ALL
    SELECT place, COALESCE(reason, 'control_group') FROM lists_candidate WHERE reason IS NOT NULL OR arm = 'control'
), counted AS (
    SELECT place, reason, COUNT(*) AS customer_count FROM excluded GROUP BY place, reason
)
SELECT ch.campaign_id, ch.channel, r.reason, COALESCE(e.customer_count, 0) AS customer_count
FROM lists_channel AS ch
CROSS JOIN (SELECT reason, ordinality FROM UNNEST($reasons) WITH ORDINALITY AS t (reason, ordinality)) AS r
LEFT JOIN counted AS e ON e.place = ch.place AND e.reason = r.reason
ORDER BY ch.campaign_id, ch.channel, r.ordinality
"""


_BAD_VALUES = " UNION ALL ".join(
    f"""SELECT ch.campaign_id, ch.channel, '{name}' AS address, COUNT(*) AS customer_count
    FROM lists_candidate AS d
    INNER JOIN lists_channel AS ch ON ch.place = d.place
    WHERE d.is_bad_{name}
    GROUP BY ch.campaign_id, ch.channel"""
    for name in NORMALISED
)


def _running(campaigns: Campaigns, run_date: date) -> tuple[pa.Table, pa.Table]:
    """The channels of tonight's campaigns, in order of priority, and their segments.

    campaign: its number tonight, a shorter key than its id. control_below: an arm's hash is control if its leading 12
    hex digits are below it. is_only: the campaign has no other segment.
    """
    running = sorted((c for c in campaigns.campaigns if c.runs_on(run_date)), key=lambda c: c.priority)
    channels = [
        {
            "campaign": number,
            "campaign_id": campaign.id,
            "channel": channel.channel,
            "target": channel.target,
            "control_below": f"{round(campaign.control_share * 16**12):012x}",
            "window_days": campaign.window_days,
        }
        for number, campaign in enumerate(running)
        for channel in campaign.channels
    ]
    segments = [
        {"campaign": number, "segment": name, "is_only": len(campaign.segment) == 1}
        for number, campaign in enumerate(running)
        for name in campaign.segment
    ]
    key, text = ("campaign", pa.int64()), pa.string()
    names = [(name, text) for name in ("campaign_id", "channel", "target", "control_below")]
    table = pa.Table.from_pylist(channels, schema=pa.schema([key, *names, ("window_days", pa.int64())]))
    return (
        table.append_column("place", pa.array(range(len(channels)), pa.int64())),
        pa.Table.from_pylist(segments, schema=pa.schema([key, ("segment", text), ("is_only", pa.bool_())])),
    )


def campaign_lists(con: duckdb.DuckDBPyConnection, campaigns: Campaigns, settings: Settings, run_date: date) -> Lists:
    """Who is on which list of the night.

    The same inputs give the same lists, so the night's tables and its files may be made at different times. The lists
    stay in `con`, in no order:

    - lists_assigned, a view: campaign and customer, of all nights up to this one; campaign_id, customer_id, channel
      (of the first list), arm, assigned_at, assigned_date, window_days, source. To be stored as campaign_assignment.
    - lists_candidate: place (of lists_channel: a campaign and channel) and customer who may be written to; reason for
      being left out, else NULL, and arm; the channel's addresses, normalised, and whether they are bad.
    - lists_listed, a view of those on a file tonight; place, campaign_id, channel, target, customer_id (these to be
      stored as campaign_list: tomorrow's removals come from it), addresses, first_name, last_name.
    - lists_removals: what is to leave the tools, the same columns without place; addresses as they were on the last
      stored list, without those that tonight's still holds. Who was on it and is on none of the same target tonight;
      and old addresses of who is still on it: there customer_id is NULL, as the customer is not to be removed.

    Args:
        con: has customer_segment, customer, customer_identity, crm_customers_personal, campaign_members, campaigns
            (the extracts, as known tonight), history.campaign_assignment, history.campaign_list and, of the same
            night as it, history.crm_customers_personal.
        campaigns: from read_campaigns.
        settings: control_salt, timezone.
        run_date: the business date.
    """

    def make(name: str, query: str, **parameters: object) -> None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE lists_{name} AS {query}", parameters)

    def arrow(query: str, **parameters: object) -> pa.Table:
        return con.execute(query, parameters).to_arrow_table()

    channels, segments = _running(campaigns, run_date)
    con.register("lists_channel", channels)
    con.register("lists_segment", segments)
    for name, of in (("earlier", None), ("arm", channels["campaign_id"].unique().to_pylist())):
        con.execute(f"CREATE OR REPLACE TEMP VIEW lists_{name} AS {_earlier(settings.timezone, run_date, of)}")
    make("member", _MEMBER)
    make("candidate", _CANDIDATE, salt=settings.control_salt)
    for reason, query in (("same_address", _SAME_ADDRESS), ("cap", _CAP)):
        con.execute(
            f"""UPDATE lists_candidate AS a SET reason = '{reason}'
            FROM ({query}) AS b WHERE b.place = a.place AND b.customer_id = a.customer_id""",
            {"cap": campaigns.max_campaigns_per_night} if reason == "cap" else {},
        )
    midnight = datetime.combine(run_date, time(), ZoneInfo(settings.timezone))
    make("newly_assigned", _NEWLY_ASSIGNED, run_date=run_date, assigned_at=midnight)
    con.execute("CREATE OR REPLACE TEMP VIEW lists_assigned AS FROM lists_earlier UNION ALL FROM lists_newly_assigned")
    con.execute(f"CREATE OR REPLACE TEMP VIEW lists_listed AS {_LISTED}")
    make("removals", _REMOVALS)
    return Lists(
        exclusions=arrow(_EXCLUSIONS, reasons=list(REASONS)),
        bad_values=arrow(f"{_BAD_VALUES} ORDER BY campaign_id, channel, address"),
        removal_counts=arrow("""SELECT campaign_id, channel, target, COUNT(*) AS customer_count FROM lists_removals
            GROUP BY campaign_id, channel, target ORDER BY campaign_id, channel, target"""),
    )
