"""Campaigns: who is on which list tonight, who is held back as control, and who is left out and why.

config/campaigns.yaml says what a marketer wants. Lists are made with sets in DuckDB; Python sees distinct addresses
only, to normalise them.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import duckdb
import phonenumbers
import pyarrow as pa
import yaml
from email_validator import EmailNotValidError, validate_email
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipelines.contracts import table_contract
from pipelines.errors import LoyaltyError
from pipelines.export import ADDRESSES, CHANNELS, SEGMENTS, SOURCES, export_target, target_names
from pipelines.settings import Settings

ChannelName = Literal["email", "sms", "push", "messenger", "call", "ads"]
Header = Annotated[str, Field(pattern=r"^\w[\w .-]*$")]

# Why a candidate is on no list, in the order in which it is found out; each customer has one reason per list.
REASONS = ("suppressed", "no_consent", "no_address", "bad_address", "same_address", "cap", "control_group")


# --- what a marketer writes ---


class Channel(BaseModel):
    """One channel of a campaign: where its list goes and what is in it beside the address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: ChannelName
    target: str
    fields: dict[Header, str] = {}


class Campaign(BaseModel):
    """One campaign of config/campaigns.yaml; the file's comments explain the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    name: str = Field(min_length=1)
    segment: list[str] = Field(min_length=1)
    priority: int = Field(ge=1)
    starts_on: date | None = None
    ends_on: date | None = None
    window_days: int = Field(ge=1)
    control_share: float = Field(ge=0, le=0.9)
    channels: list[Channel] = Field(min_length=1)

    @field_validator("segment", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    def runs_on(self, day: date) -> bool:
        return (self.starts_on or day) <= day <= (self.ends_on or day)


class Campaigns(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_campaigns_per_night: int = Field(1, ge=1)
    campaigns: list[Campaign]


def _problems(campaign: Campaign, segments: Collection[str], columns: Collection[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with a campaign beside its shape: field, message."""
    for name in campaign.segment:
        if name not in segments:
            yield "segment", f"there is no segment {name!r}; there are: {', '.join(sorted(segments))}"
    if campaign.starts_on and campaign.ends_on and campaign.ends_on < campaign.starts_on:
        yield "ends_on", f"{campaign.ends_on} is before starts_on, {campaign.starts_on}"
    names = [channel.channel for channel in campaign.channels]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield "channels", f"{name} is there twice; give each tool of one channel a campaign of its own"
    for channel in campaign.channels:
        where = f"channels: {channel.channel}"
        if channel.target not in target_names():
            yield f"{where}: target", f"there is no target {channel.target!r}; there are: {', '.join(target_names())}"
            continue
        target = export_target(channel.target)
        if channel.channel not in target.channels:
            yield f"{where}: target", f"{target.name} is for {', '.join(target.channels)}"
        for header, source in channel.fields.items():
            if source in ADDRESSES and source not in CHANNELS[channel.channel]:
                yield f"{where}: fields: {header}", f"{source} needs another consent than that for {channel.channel}"
            elif source not in SOURCES and source not in columns:
                yield f"{where}: fields: {header}", f"customer_360 has no column {source!r}"
            taken = {c.header.lower() for c in target.columns if c.source is not None and c.source != source}
            if header.lower() in taken:
                yield f"{where}: fields: {header}", f"{target.name} has a column of this name with another meaning"
            elif header not in target.open_headers and not target.free_columns:
                allowed = ", ".join(sorted(target.open_headers)) or "none"
                yield f"{where}: fields: {header}", f"{target.name} takes no such column; it takes: {allowed}"


def read_campaigns(
    path: Path, segments: Collection[str] | None = None, columns: Collection[str] | None = None
) -> Campaigns:
    """The campaigns of a config file.

    Args:
        path: the YAML file.
        segments: names of the segments that exist; those of sql/segments/ if None.
        columns: columns of customer_360; those of its contract if None.

    Raises:
        LoyaltyError: something is wrong; says all that is, each with file, campaign and field.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LoyaltyError(f"{path}: there is no such file; LOYALTY_CAMPAIGNS says where the campaigns are") from error
    except yaml.YAMLError as error:
        raise LoyaltyError(f"{path}: not readable as YAML: {error}") from error
    try:
        config = Campaigns.model_validate(raw)
    except ValidationError as error:
        raise LoyaltyError("\n".join(_shape_problem(path, raw, e["loc"], e["msg"]) for e in error.errors())) from error
    known = set(segments) if segments is not None else {file.stem for file in SEGMENTS.glob("*.sql")}
    have = set(columns) if columns is not None else {c.name for c in table_contract("customer_360").columns}
    ids = [campaign.id for campaign in config.campaigns]
    found = [f"{path}: campaign {name}: id: used twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    for campaign in config.campaigns:
        found += [
            f"{path}: campaign {campaign.id}: {field}: {text}" for field, text in _problems(campaign, known, have)
        ]
    if found:
        raise LoyaltyError("\n".join(found))
    return config


def _shape_problem(path: Path, raw: object, loc: tuple[int | str, ...], message: str) -> str:
    """A pydantic error as a line that names file, campaign (by its id, else its place) and field."""
    match (raw, loc):
        case ({"campaigns": list(items)}, ("campaigns", int(place), *rest)):
            item = items[place]
            name = item.get("id", f"no. {place + 1}") if isinstance(item, dict) else f"no. {place + 1}"
            return f"{path}: campaign {name}: {': '.join(str(part) for part in rest) or 'entry'}: {message}"
    return f"{path}: {': '.join(str(part) for part in loc) or 'file'}: {message}"


# --- addresses ---

phonenumbers.enable_pattern_cache()

_PLAIN_EMAIL = re.compile(r"([a-z0-9_]+(?:[.+-][a-z0-9_]+)*)@([a-z0-9.-]+)", re.ASCII)


def _library_email(value: str) -> str | None:
    try:
        return validate_email(value, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


@cache
def _is_plain_domain(domain: str) -> bool:
    return _library_email(f"a@{domain}") == f"a@{domain}"


def normal_email(value: str) -> str | None:
    """An e-mail address in lower case as email-validator normalises it; None if it is none.

    One that a spreadsheet would take for a formula (`=a@b.org`) counts as none: it can't be made harmless and stay an
    address. Most addresses are plain ASCII at a domain seen before, and there the library would change nothing.
    """
    lower = value.strip().lower()
    plain = _PLAIN_EMAIL.fullmatch(lower)
    if plain and len(plain[1]) <= 64 and len(lower) <= 254 and _is_plain_domain(plain[2]):
        return lower
    return None if lower.startswith(("=", "+", "-", "@")) else _library_email(lower)


@cache
def _home_numbers(region: str) -> tuple[str, re.Pattern[str]] | None:
    """The region's country code, and what its ordinary numbers look like when only digits and + are left.

    Built of the library's patterns, and narrower than the library: numbers that could be read in two ways (a trunk
    prefix, a country code or an exit code might start them) don't match. None for a region that shares its country
    code without being its main one.
    """
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.general_desc is None or metadata.country_code is None:
        return None
    code, trunk, out = metadata.country_code, metadata.national_prefix_for_parsing, metadata.international_prefix
    if COUNTRY_CODE_TO_REGION_CODE[code][0] != region:
        return None
    kinds = []
    for kind in (metadata.fixed_line, metadata.mobile):
        if kind and kind.national_number_pattern:
            lengths = kind.possible_length or metadata.general_desc.possible_length
            kinds += [rf"(?=\d{{{length}}}$)(?:{kind.national_number_pattern})" for length in lengths if length > 0]
    general, leading = metadata.general_desc.national_number_pattern, metadata.leading_digits or ""
    ambiguous = "|".join(filter(None, ("0", str(code), trunk, out)))
    number = rf"(?!{ambiguous})(?={leading})(?=(?:{general})$)(?:{'|'.join(kinds)})"
    written = rf"\+{code}|{trunk}" if trunk and trunk.isdigit() else rf"\+{code}"
    exit_code = rf"(?!{out})" if out else ""
    return f"+{code}", re.compile(rf"{exit_code}(?:{written})?(?P<number>{number})", re.ASCII)


_SPACING = str.maketrans("", "", " ()-")


def normal_phone(value: str, region: str) -> str | None:
    """A phone number in E.164 if phonenumbers takes it for valid, else None.

    The library takes some 40 µs a number, its own patterns for ordinary numbers of the home region some 2 µs.
    """
    home = _home_numbers(region)
    plain = home and home[1].fullmatch(value.translate(_SPACING))
    if home and plain:
        return home[0] + plain["number"]
    try:
        number = phonenumbers.parse(value, region)
    except NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


# --- lists ---


@dataclass(frozen=True)
class Lists:
    """A night's lists as Arrow tables, each sorted; only `listed` and `removals` hold addresses and names.

    Attributes:
        campaign_assignment: campaign and customer, of all nights up to this one; campaign_id, customer_id, channel (of
            the first list), arm, assigned_at, assigned_date, window_days, source. To be stored.
        campaign_list: campaign, channel and customer who is on a file tonight; campaign_id, channel, target,
            customer_id. To be stored: tomorrow's removals come from it.
        members: campaign, channel and customer, those held back as control too; campaign_id, channel, customer_id, arm.
        exclusions: campaign, channel and reason (every one of REASONS); customer_count.
        bad_values: campaign, channel and address; customer_count of consenting customers whose address is unusable.
        listed: campaign_list with addresses (those of the channel, normalised), first_name and last_name.
        removals: what is to leave the tools, the columns of listed; addresses as they were on the last stored list,
            without those that tonight's still holds. Who was on it and is on none of the same target tonight; and old
            addresses of who is still on it: there customer_id is NULL, as the customer is not to be removed.
        removal_counts: campaign, channel and target; customer_count.
    """

    campaign_assignment: pa.Table
    campaign_list: pa.Table
    members: pa.Table
    exclusions: pa.Table
    bad_values: pa.Table
    listed: pa.Table
    removals: pa.Table
    removal_counts: pa.Table


def _by_channel(channel: str, values: dict[str, str]) -> str:
    """SQL of a value that depends on the channel."""
    cases = " ".join(f"WHEN '{name}' THEN {value}" for name, value in values.items())
    return f"CASE {channel} {cases} END"


# Of a channel's addresses: the first that can be used, and whether one was given that can't be.
_USABLE = {
    name: f"COALESCE({', '.join(f'a.{address}' for address in addresses)})" for name, addresses in CHANNELS.items()
}
_BAD = {name: " OR ".join(f"a.is_bad_{address}" for address in addresses) for name, addresses in CHANNELS.items()}


def _users(address: str) -> str:
    """The channels that use an address, as SQL's list for IN."""
    return "(" + ", ".join(f"'{name}'" for name, addresses in CHANNELS.items() if address in addresses) + ")"


# Who was assigned before: one row per campaign and person. What this project decided stands; an extract's latest
# version replaces the one that was stored. After a merge of customers the earliest assignment is the person's.
_ASSIGNED = """
WITH known AS (
    SELECT
        campaign_id, customer_id, channel, arm, assigned_at, assigned_date, window_days, source,
        CASE source WHEN 'export' THEN 1 ELSE 3 END AS preference
    FROM history.campaign_assignment
    UNION ALL
    SELECT
        m.campaign_id, m.customer_id, m.channel, COALESCE(m.arm, 'treated'),
        COALESCE(m.assigned_at, timezone($timezone, CAST(COALESCE(c.starts_on, m.landing_date) AS TIMESTAMP))),
        COALESCE(m.assigned_date, c.starts_on, m.landing_date), c.window_days, 'extract', 2
    FROM campaign_members AS m
    LEFT JOIN campaigns AS c ON c.campaign_id = m.campaign_id
), person AS (
    SELECT k.* REPLACE (COALESCE(i.customer_id, k.customer_id) AS customer_id), k.customer_id AS source_customer_id
    FROM known AS k
    LEFT JOIN customer_identity AS i ON i.source_customer_id = k.customer_id
    WHERE k.assigned_date <= $run_date
)
SELECT campaign_id, customer_id, channel, arm, assigned_at, assigned_date, window_days, source
FROM person
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY campaign_id, customer_id ORDER BY preference, assigned_date, assigned_at, source_customer_id
) = 1
"""

_CONSENT = _by_channel("ch.channel", {name: f"c.{name}_consent" for name in CHANNELS})

_CANDIDATE = f"""
SELECT
    ch.place, ch.channel, m.customer_id,
    CASE
        WHEN COALESCE(c.is_deleted, FALSE) THEN 'suppressed'
        WHEN NOT COALESCE({_CONSENT}, FALSE) THEN 'no_consent'
    END AS reason
FROM (
    SELECT DISTINCT s.campaign_id, m.customer_id
    FROM lists_segment AS s
    INNER JOIN customer_segment AS m ON m.segment = s.segment
) AS m
INNER JOIN lists_channel AS ch ON ch.campaign_id = m.campaign_id
LEFT JOIN customer AS c ON c.customer_id = m.customer_id
"""


# Whose addresses are needed: of tonight to be listed, of last night to be removed. The view that has them, and people.
_NEEDED = {
    "address": ("crm_customers_personal", "lists_candidate WHERE reason IS NULL AND channel IN {}"),
    "last_address": ("history.crm_customers_personal", "history.campaign_list WHERE channel IN {}"),
}
_RAW = ", ".join(f"NULLIF(trim({name}), '') AS {name}" for name in ADDRESSES)
_RAW_ADDRESS = {
    table: f"""SELECT customer_id, trim(regexp_replace(name, '\\s+', ' ', 'g')) AS name, {_RAW}
    FROM {personal}
    WHERE customer_id IN (SELECT customer_id FROM {people.format(tuple(CHANNELS))})"""
    for table, (personal, people) in _NEEDED.items()
}


def _distinct(name: str) -> str:
    """SQL of an address's values, of both nights, of people on a channel that uses it."""
    return " UNION ".join(
        f"""SELECT {name} FROM lists_raw_{table}
        WHERE {name} IS NOT NULL AND customer_id IN (SELECT customer_id FROM {people.format(_users(name))})"""
        for table, (_, people) in _NEEDED.items()
    )


_ADDRESS = """
SELECT
    r.customer_id, e.value AS email, p.value AS phone, r.push_token, r.messenger_id,
    r.email IS NOT NULL AND e.value IS NULL AS is_bad_email, r.phone IS NOT NULL AND p.value IS NULL AS is_bad_phone,
    FALSE AS is_bad_push_token, FALSE AS is_bad_messenger_id,
    NULLIF(split_part(r.name, ' ', 1), '') AS first_name,
    CASE WHEN contains(r.name, ' ') THEN split_part(r.name, ' ', -1) END AS last_name
FROM lists_raw_{} AS r
LEFT JOIN lists_email AS e ON e.raw = r.email
LEFT JOIN lists_phone AS p ON p.raw = r.phone
"""

_ADDRESSED = f"""
WITH found AS (
    SELECT
        c.place, c.channel, c.customer_id, {_by_channel("c.channel", _USABLE)} AS address,
        {_by_channel("c.channel", _BAD)} AS is_bad
    FROM lists_candidate AS c
    LEFT JOIN lists_address AS a ON a.customer_id = c.customer_id
    WHERE c.reason IS NULL
)
SELECT
    ch.campaign_id, f.channel, f.place, f.customer_id, k.arm, f.address,
    CASE WHEN f.address IS NOT NULL THEN NULL WHEN f.is_bad THEN 'bad_address' ELSE 'no_address' END AS reason
FROM found AS f
INNER JOIN lists_channel AS ch ON ch.place = f.place
LEFT JOIN lists_assigned AS k ON k.campaign_id = ch.campaign_id AND k.customer_id = f.customer_id
"""

# An address is on a list once: for whom was assigned earlier, else for the first by id. Few are shared, so only those
# are looked at; the same goes for the cap.
_SAME_ADDRESS = """
WITH shared AS (
    SELECT place, address, MIN(ROW(arm IS NULL, customer_id)) AS holder
    FROM lists_addressed
    WHERE reason IS NULL
    GROUP BY place, address
    HAVING COUNT(*) > 1
)
SELECT a.place, a.customer_id
FROM lists_addressed AS a
INNER JOIN shared AS s ON s.place = a.place AND s.address = a.address
WHERE a.reason IS NULL AND ROW(a.arm IS NULL, a.customer_id) <> s.holder
"""

_CAP = """
WITH wanted AS (
    SELECT a.channel, a.customer_id, a.place
    FROM lists_addressed AS a
    ANTI JOIN lists_same_address AS s ON s.place = a.place AND s.customer_id = a.customer_id
    WHERE a.reason IS NULL
), crowded AS (
    SELECT channel, customer_id FROM wanted GROUP BY channel, customer_id HAVING COUNT(*) > $cap
)
SELECT w.place, w.customer_id
FROM wanted AS w
SEMI JOIN crowded AS c ON c.channel = w.channel AND c.customer_id = w.customer_id
QUALIFY ROW_NUMBER() OVER (PARTITION BY w.channel, w.customer_id ORDER BY w.place) > $cap
"""

# The arm is drawn last, and once: who was assigned before keeps theirs.
_DECISION = """
WITH judged AS (
    SELECT
        a.campaign_id, a.channel, a.place, a.customer_id, a.arm, ch.target, ch.control_below,
        CASE
            WHEN a.reason IS NOT NULL THEN a.reason
            WHEN s.customer_id IS NOT NULL THEN 'same_address'
            WHEN c.customer_id IS NOT NULL THEN 'cap'
        END AS reason
    FROM lists_addressed AS a
    INNER JOIN lists_channel AS ch ON ch.place = a.place
    LEFT JOIN lists_same_address AS s ON s.place = a.place AND s.customer_id = a.customer_id
    LEFT JOIN lists_cap AS c ON c.place = a.place AND c.customer_id = a.customer_id
), drawn AS (
    SELECT
        campaign_id, channel, place, customer_id, target, reason,
        CASE
            WHEN reason IS NOT NULL THEN NULL
            WHEN arm IS NOT NULL THEN arm
            WHEN substr(sha256(concat_ws(':', $salt, campaign_id, customer_id)), 1, 12) < control_below THEN 'control'
            ELSE 'treated'
        END AS arm
    FROM judged
)
SELECT
    campaign_id, channel, place, customer_id, target, arm,
    CASE WHEN arm = 'control' THEN 'control_group' ELSE reason END AS reason
FROM drawn
"""

_ASSIGNMENT = """
SELECT campaign_id, customer_id, channel, arm, assigned_at, assigned_date, window_days, source FROM lists_assigned
UNION ALL
SELECT d.campaign_id, d.customer_id, d.channel, d.arm, $assigned_at, $run_date, ch.window_days, 'export'
FROM lists_decision AS d
INNER JOIN lists_channel AS ch ON ch.campaign_id = d.campaign_id AND ch.channel = d.channel
ANTI JOIN lists_assigned AS k ON k.campaign_id = d.campaign_id AND k.customer_id = d.customer_id
WHERE d.arm IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY d.campaign_id, d.customer_id ORDER BY d.place) = 1
ORDER BY campaign_id, customer_id
"""

_LISTED = f"""
SELECT
    d.campaign_id, d.channel, d.target, d.customer_id,
    {", ".join(f"CASE WHEN d.channel IN {_users(name)} THEN a.{name} END AS {name}" for name in ADDRESSES)},
    a.first_name, a.last_name
FROM lists_decision AS d
INNER JOIN lists_address AS a ON a.customer_id = d.customer_id
WHERE d.arm = 'treated'
"""


def _gone_address(name: str) -> str:
    """SQL of a member's last address, if the channel uses it and the member is not on the list with it."""
    return f"CASE WHEN l.channel IN {_users(name)} AND a.{name} IS DISTINCT FROM t.{name} THEN a.{name} END AS {name}"


def _removed_address(name: str) -> str:
    """SQL of a gone address, if the list doesn't hold it for another customer."""
    return f"""CASE WHEN NOT EXISTS (
        SELECT 1 FROM lists_listed AS o
        WHERE o.campaign_id = g.campaign_id AND o.channel = g.channel AND o.target = g.target AND o.{name} = g.{name}
    ) THEN g.{name} END AS {name}"""


_TO_REMOVE = f"COALESCE(customer_id, {', '.join(ADDRESSES)}) IS NOT NULL"

# Few members leave or change, so only those are compared with the whole list.
_REMOVALS = f"""
WITH member AS (
    SELECT
        l.campaign_id, l.channel, l.target, CASE WHEN t.customer_id IS NULL THEN l.customer_id END AS customer_id,
        {", ".join(_gone_address(name) for name in ADDRESSES)}
    FROM history.campaign_list AS l
    LEFT JOIN lists_listed AS t
        ON
            t.campaign_id = l.campaign_id AND t.channel = l.channel AND t.target = l.target
            AND t.customer_id = l.customer_id
    LEFT JOIN lists_last_address AS a ON a.customer_id = l.customer_id
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

_EXCLUSIONS = """
WITH excluded AS (
    SELECT place, reason, COUNT(*) AS customer_count
    FROM (SELECT place, reason FROM lists_candidate UNION ALL SELECT place, reason FROM lists_decision)
    WHERE reason IS NOT NULL
    GROUP BY place, reason
)
SELECT ch.campaign_id, ch.channel, r.reason, COALESCE(e.customer_count, 0) AS customer_count
FROM lists_channel AS ch
CROSS JOIN (SELECT reason, ordinality FROM UNNEST($reasons) WITH ORDINALITY AS t (reason, ordinality)) AS r
LEFT JOIN excluded AS e ON e.place = ch.place AND e.reason = r.reason
ORDER BY ch.campaign_id, ch.channel, r.ordinality
"""

_BAD_VALUES = " UNION ALL ".join(
    f"""SELECT d.campaign_id, d.channel, '{name}' AS address, COUNT(*) AS customer_count
    FROM lists_decision AS d
    INNER JOIN lists_address AS a ON a.customer_id = d.customer_id
    WHERE d.channel IN {_users(name)} AND a.is_bad_{name}
    GROUP BY d.campaign_id, d.channel"""
    for name in ("email", "phone")
)


def _running(campaigns: Campaigns, run_date: date) -> tuple[pa.Table, pa.Table]:
    """The channels of tonight's campaigns, in order of priority, and their segments.

    control_below: an arm's hash is control if its leading 12 hex digits are below it.
    """
    running = sorted((c for c in campaigns.campaigns if c.runs_on(run_date)), key=lambda c: c.priority)
    channels = [
        {
            "campaign_id": campaign.id,
            "channel": channel.channel,
            "target": channel.target,
            "control_below": f"{round(campaign.control_share * 16**12):012x}",
            "window_days": campaign.window_days,
        }
        for campaign in running
        for channel in campaign.channels
    ]
    segments = [{"campaign_id": campaign.id, "segment": name} for campaign in running for name in campaign.segment]
    columns = [(name, pa.string()) for name in ("campaign_id", "channel", "target", "control_below")]
    table = pa.Table.from_pylist(channels, schema=pa.schema([*columns, ("window_days", pa.int64())]))
    return (
        table.append_column("place", pa.array(range(len(channels)), pa.int64())),
        pa.Table.from_pylist(segments, schema=pa.schema([("campaign_id", pa.string()), ("segment", pa.string())])),
    )


def _normalised(raw: pa.ChunkedArray, normal: Callable[[str], str | None]) -> pa.Table:
    """Distinct values as given and normalised (NULL: can't be)."""
    values = raw.to_pylist()
    return pa.table(
        {"raw": pa.array(values, pa.string()), "value": pa.array([normal(value) for value in values], pa.string())}
    )


def campaign_lists(con: duckdb.DuckDBPyConnection, campaigns: Campaigns, settings: Settings, run_date: date) -> Lists:
    """Who is on which list of the night.

    The same inputs give the same lists, so the night's tables and its files may be made at different times.

    Args:
        con: has customer_segment, customer, customer_identity, crm_customers_personal, campaign_members, campaigns
            (the extracts, as known tonight), history.campaign_assignment, history.campaign_list and, of the same
            night as it, history.crm_customers_personal. Temporary tables lists_* are made in it and dropped.
        campaigns: from read_campaigns.
        settings: control_salt, phone_region, timezone.
        run_date: the business date.
    """
    tables: list[str] = []

    def make(name: str, query: str, **parameters: object) -> None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE lists_{name} AS {query}", parameters)
        tables.append(name)

    def arrow(query: str, **parameters: object) -> pa.Table:
        return con.execute(query, parameters).to_arrow_table()

    channels, segments = _running(campaigns, run_date)
    con.register("lists_channel", channels)
    con.register("lists_segment", segments)
    make("assigned", _ASSIGNED, timezone=settings.timezone, run_date=run_date)
    make("candidate", _CANDIDATE)
    for table, query in _RAW_ADDRESS.items():
        make(f"raw_{table}", query)
    normal = {"email": normal_email, "phone": lambda value: normal_phone(value, settings.phone_region)}
    for name, function in normal.items():
        con.register(f"lists_{name}", _normalised(arrow(_distinct(name)).column(0), function))
    for table in _RAW_ADDRESS:
        make(table, _ADDRESS.format(table))
    make("addressed", _ADDRESSED)
    make("same_address", _SAME_ADDRESS)
    make("cap", _CAP, cap=campaigns.max_campaigns_per_night)
    make("decision", _DECISION, salt=settings.control_salt)
    make("listed", _LISTED)
    make("removals", _REMOVALS)
    midnight = datetime.combine(run_date, time(), ZoneInfo(settings.timezone))
    listed = arrow("FROM lists_listed ORDER BY campaign_id, channel, customer_id")
    made = Lists(
        campaign_assignment=arrow(_ASSIGNMENT, run_date=run_date, assigned_at=midnight),
        campaign_list=listed.select(["campaign_id", "channel", "target", "customer_id"]),
        members=arrow("""SELECT campaign_id, channel, customer_id, arm FROM lists_decision WHERE arm IS NOT NULL
            ORDER BY campaign_id, channel, customer_id"""),
        exclusions=arrow(_EXCLUSIONS, reasons=list(REASONS)),
        bad_values=arrow(f"{_BAD_VALUES} ORDER BY campaign_id, channel, address"),
        listed=listed,
        removals=arrow("FROM lists_removals ORDER BY ALL"),
        removal_counts=arrow("""SELECT campaign_id, channel, target, COUNT(*) AS customer_count FROM lists_removals
            GROUP BY campaign_id, channel, target ORDER BY campaign_id, channel, target"""),
    )
    for name in tables:
        con.execute(f"DROP TABLE lists_{name}")
    for name in ("channel", "segment", *normal):
        con.unregister(f"lists_{name}")
    return made
