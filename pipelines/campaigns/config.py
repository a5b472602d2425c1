"""config/campaigns.yaml: what a marketer may write. `config_file` reads it."""

import re
from collections.abc import Collection, Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.targets import COUNTRY_FORMS, SOURCES, Target, export_target, target_names
from pipelines.campaigns.values import Day, Days, Share, Text, Whole, sentence, unknown
from pipelines.contracts import table_contract
from pipelines.intake.addresses import COUNTRIES

_AFTER_DAYS = re.compile(r"after_days\s*:\s*(.*)")

ChannelName = Literal["email", "sms", "push", "messenger", "call", "ads"]
Header = Annotated[str, Field(pattern=r"^\w[\w .-]*$")]


class MergeField(BaseModel):
    """A column that a campaign adds to its file: a column of customer_360 or one of SOURCES, or the same for everybody.

    A name alone means the column. `default` stands where the column has no value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = None
    default: Text | None = None
    value: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _column_alone(cls, given: object) -> object:
        return {"column": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_of_both(self) -> "MergeField":
        if (self.column is None) == (self.value is None):
            raise ValueError("either column: or value: must be there, and not both")
        if self.default is not None and self.column is None:
            raise ValueError("default: belongs to a column:, a value: has no use for it")
        return self

    @property
    def constants(self) -> list[str]:
        """What the campaign itself writes."""
        return [text for text in (self.value, self.default) if text is not None]


class Channel(BaseModel):
    """One channel of a campaign: the tool that its list goes to, and the fields beside the address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: ChannelName
    target: str
    fields: dict[Header, MergeField] = {}


class AfterDays(BaseModel):
    """A campaign may write to a customer again after so many days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_days: Days


_ONCE_OR_AGAIN = ("never", "each_entry")


def read_repeat(value: Any) -> Any:
    """The text "after_days: 30" as its field; a word or a field as it is."""
    if isinstance(value, str) and (found := _AFTER_DAYS.fullmatch(value.strip())):
        return {"after_days": int(found[1]) if found[1].isdecimal() else found[1]}
    if value is None or isinstance(value, dict | AfterDays) or (isinstance(value, str) and value in _ONCE_OR_AGAIN):
        return value
    days = value if type(value) is int and value > 0 else 30
    if type(value) is int:
        raise sentence(f"{value} alone is not clear; write it like {{after_days: {days}}}, or never, or each_entry")
    raise sentence(unknown(value, "value", (*_ONCE_OR_AGAIN, f"{{after_days: {days}}}")))


def _kind_of_repeat(value: object) -> str:
    return "word" if isinstance(value, str) else "days"


# What errors in a value of Repeat call its kinds.
REPEAT_KINDS = ("word", "days")
Repeat = Annotated[
    Annotated[Literal["never", "each_entry"], Tag("word")] | Annotated[AfterDays, Tag("days")],
    Discriminator(_kind_of_repeat),
    BeforeValidator(read_repeat),
]
Mode = Literal["audience", "send"]


class Campaign(BaseModel):
    """One campaign of config/campaigns.yaml; the file's comments explain the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    name: str = Field(min_length=1)
    segment: list[str] = Field(min_length=1)
    exclude: list[str] = []
    priority: Whole = Field(ge=1)
    starts_on: Day | None = None
    ends_on: Day | None = None
    window_days: Days
    control_share: Share = Field(ge=0, le=0.9)
    primary_metric: Literal["margin", "revenue"] | None = None
    mode: Mode | None = None
    repeat: Repeat = "never"
    use_channels: Literal["first", "best", "all"] = "first"
    needs_approval: bool = False
    channels: list[Channel] = Field(min_length=1)

    @field_validator("segment", "exclude", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    def runs_on(self, day: date) -> bool:
        return (self.starts_on or day) <= day <= (self.ends_on or day)

    def mode_of(self, channel: Channel) -> Mode:
        """audience: the tool keeps the whole list. send: a file holds tonight's recipients."""
        return self.mode or ("audience" if channel.channel == "ads" else "send")

    @property
    def sending_channels(self) -> list[Channel]:
        return [channel for channel in self.channels if self.mode_of(channel) == "send"]


# So long a delivery remembers each sending of a customer; of earlier ones the last.
MAXIMUM_CAP_DAYS = 92


class ContactCap(BaseModel):
    """How many contacts a customer may have in so many days, over all campaigns and channels that send."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contacts: Whole = Field(ge=1)
    days: Whole = Field(ge=1, le=MAXIMUM_CAP_DAYS)


class AlarmChange(BaseModel):
    """A list that differs from its last by more than both waits until a person releases it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Share = Field(default=0.3, gt=0, le=1)
    customers: Whole = Field(default=100, ge=0)


class Campaigns(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contact_cap: ContactCap | None = None
    global_control_share: Share = Field(default=0, ge=0, le=0.5)
    alarm_change: AlarmChange = AlarmChange()
    campaigns: list[Campaign]


# Where something is in a campaign: keys, and numbers of list items.
Place = tuple[str | int, ...]


def problems_of(campaign: Campaign, segments: Collection[str], columns: Collection[str]) -> Iterator[tuple[Place, str]]:
    """What is wrong with a campaign of the right shape: where, and a sentence.

    Args:
        campaign: The campaign.
        segments: Names of the segments that exist.
        columns: Columns of customer_360.
    """
    yield from segment_problems("segment", campaign.segment, segments)
    yield from segment_problems("exclude", campaign.exclude, segments)
    if campaign.starts_on and campaign.ends_on and campaign.ends_on < campaign.starts_on:
        yield ("ends_on",), f"{campaign.ends_on} is before starts_on, {campaign.starts_on}"
    yield from _mode_problems(campaign)
    for number, channel in enumerate(campaign.channels):
        if channel.channel in {earlier.channel for earlier in campaign.channels[:number]}:
            message = f"{channel.channel} is there twice; give each tool of one channel a campaign of its own"
            yield ("channels", number, "channel"), message
        yield from channel_problems(channel, number, columns)
        for place, message in _membership_problems(campaign.id, channel):
            yield ("channels", number, *place), message


def _mode_problems(campaign: Campaign) -> Iterator[tuple[Place, str]]:
    """Why channels and targets don't fit a campaign's mode, or what is given has no use in it."""
    if campaign.mode == "send" and any(channel.channel == "ads" for channel in campaign.channels):
        yield (
            ("mode",),
            "an ad platform keeps an audience, and nothing is sent to it; leave mode out (then ads keeps an audience "
            "and the other channels send), or give ads a campaign of its own",
        )
    for channel in campaign.channels if campaign.mode == "audience" else []:
        if channel.target in target_names() and export_target(channel.target).removal == "none":
            yield (
                ("mode",),
                f"{channel.target} keeps no audience: it sends whatever is in a file, so the whole list would be "
                "written to every night; leave mode out, or write mode: send",
            )
    for field in ("repeat", "use_channels"):
        if field in campaign.model_fields_set and not campaign.sending_channels:
            why = "mode is audience" if campaign.mode else "ads keeps an audience"
            yield (field,), f"it says how customers are written to, and no channel of this campaign sends: {why}"


def segment_problems(field: str, names: Collection[object], segments: Collection[str]) -> Iterator[tuple[Place, str]]:
    """Names in a field that are no segment's."""
    for name in names:
        if isinstance(name, str) and name not in segments:
            yield (field,), unknown(name, "segment", segments)


def channel_problems(channel: Channel, number: int, columns: Collection[str]) -> Iterator[tuple[Place, str]]:
    """What is wrong with a campaign's channel, which is the list's item `number`."""
    for place, message in _channel_problems(channel, columns):
        yield ("channels", number, *place), message


def _channel_problems(channel: Channel, columns: Collection[str]) -> Iterator[tuple[Place, str]]:
    """What is wrong with a campaign's channel: where, and a sentence."""
    if channel.target not in target_names():
        yield ("target",), unknown(channel.target, "target", target_names())
        return
    target = export_target(channel.target)
    if channel.channel not in target.channels:
        yield ("target",), f"{target.name} takes lists for {', '.join(target.channels)}, not for {channel.channel}"
    for header, field in channel.fields.items():
        for message in list(_source_problems(field, channel, columns)) or _header_problems(header, field, target):
            yield ("fields", header), message


def _source_problems(field: MergeField, channel: Channel, columns: Collection[str]) -> Iterator[str]:
    """What is wrong with where a field takes its values."""
    source = field.column
    if source is None:
        return
    if source in ADDRESSES and source not in CHANNELS[channel.channel]:
        yield f"{source} needs another consent than that for {channel.channel}"
    elif source not in SOURCES and source in unshareable_columns():
        yield f"{source} must not leave with a file: its contract doesn't say shareable"
    elif source not in SOURCES and source not in columns:
        yield unknown(source, "column of customer_360", {*SOURCES, *columns} - unshareable_columns())


def _header_problems(header: str, field: MergeField, target: Target) -> Iterator[str]:
    """What is wrong with the place of a field in the tool's file."""
    taken = {c.header.lower() for c in target.columns if not c.is_open and c.source != field.column}
    if header.lower() in taken:
        yield f"{target.name} has a column of this name with another meaning"
    elif header not in target.open_headers and not target.free_columns:
        allowed = ", ".join(sorted(target.open_headers)) or "none"
        yield f"{target.name} takes no such column; it takes: {allowed}"
    if header in {column.header for column in target.columns if column.form in COUNTRY_FORMS}:
        for text in field.constants:
            if text.strip().upper() not in COUNTRIES:
                yield f"{text!r} is no country; write its two letters by ISO 3166, like DE"


def unshareable_columns() -> set[str]:
    """The columns of customer_360 that no campaign's file may show: forecasts, margins and others of ours alone."""
    return {column.name for column in table_contract("customer_360").columns if not column.shareable}


def membership_field(campaign_id: str) -> str:
    """The contact field by which a tool knows who is on a campaign's list."""
    return f"loyalty_{campaign_id}"


def _membership_problems(campaign_id: str, channel: Channel) -> Iterator[tuple[Place, str]]:
    """Why a tool can't keep a campaign's membership in a field, if its target does so."""
    if channel.target not in target_names() or export_target(channel.target).removal != "field":
        return
    target, name = export_target(channel.target), membership_field(campaign_id)
    limit = target.maximum_field_name
    if limit is not None and len(name) > limit:
        yield (
            ("target",),
            f"{target.name} allows {limit} characters in a field's name, and {name} has {len(name)}; "
            f"give the campaign an id of at most {limit - len(membership_field(''))}",
        )
    for header in channel.fields:
        if header.lower().startswith(membership_field("")):
            yield ("fields", header), f"fields whose names begin with {membership_field('')} say who is on a list"
