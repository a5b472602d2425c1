"""config/campaigns.yaml: what a marketer may write. `config_file` reads it."""

import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.targets import SOURCES, export_target, target_names

_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_NUMBER = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*(%?)")


def read_day(value: Any) -> Any:
    """31.12.2025 as a date; anything else as it is."""
    if isinstance(value, str) and (found := _DAY.fullmatch(value.strip())):
        day, month, year = map(int, found.groups())
        return date(year, month, day)
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise ValueError("no date")
    return value


def read_share(value: Any) -> Any:
    """10%, 10 % and 0,1 as 0.1; anything else as it is."""
    if isinstance(value, str) and (found := _NUMBER.fullmatch(value.strip())):
        number = float(found[1].replace(",", "."))
        return number / 100 if found[2] else number
    return value


Day = Annotated[date, BeforeValidator(read_day)]
Share = Annotated[float, BeforeValidator(read_share)]
ChannelName = Literal["email", "sms", "push", "messenger", "call", "ads"]
Header = Annotated[str, Field(pattern=r"^\w[\w .-]*$")]


class Channel(BaseModel):
    """One channel of a campaign: the tool that its list goes to, and the fields beside the address."""

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
    starts_on: Day | None = None
    ends_on: Day | None = None
    window_days: int = Field(ge=1)
    control_share: Share = Field(ge=0, le=0.9)
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


def unknown(name: object, what: str, known: Collection[str]) -> str:
    """The sentence about a name that does not exist: the nearest one, and all that there are."""
    near = get_close_matches(str(name), sorted(known), n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{str(name)!r} is no {what}. {hint}There are: {', '.join(sorted(known)) or 'none'}"


# Where something is in a campaign: keys, and numbers of list items.
Place = tuple[str | int, ...]


def problems_of(campaign: Campaign, segments: Collection[str], columns: Collection[str]) -> Iterator[tuple[Place, str]]:
    """What is wrong with a campaign of the right shape: where, and a sentence.

    Args:
        campaign: The campaign.
        segments: Names of the segments that exist.
        columns: Columns of customer_360.
    """
    yield from segment_problems(campaign.segment, segments)
    if campaign.starts_on and campaign.ends_on and campaign.ends_on < campaign.starts_on:
        yield ("ends_on",), f"{campaign.ends_on} is before starts_on, {campaign.starts_on}"
    for number, channel in enumerate(campaign.channels):
        if channel.channel in {earlier.channel for earlier in campaign.channels[:number]}:
            message = f"{channel.channel} is there twice; give each tool of one channel a campaign of its own"
            yield ("channels", number, "channel"), message
        yield from channel_problems(channel, number, columns)


def segment_problems(names: Collection[object], segments: Collection[str]) -> Iterator[tuple[Place, str]]:
    """Names that are no segment's."""
    for name in names:
        if name not in segments:
            yield ("segment",), unknown(name, "segment", segments)


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
    for header, source in channel.fields.items():
        place = ("fields", header)
        if source in ADDRESSES and source not in CHANNELS[channel.channel]:
            yield place, f"{source} needs another consent than that for {channel.channel}"
        elif source not in SOURCES and source not in columns:
            yield place, unknown(source, "column of customer_360", {*SOURCES, *columns})
        taken = {c.header.lower() for c in target.columns if c.source is not None and c.source != source}
        if header.lower() in taken:
            yield place, f"{target.name} has a column of this name with another meaning"
        elif header not in target.open_headers and not target.free_columns:
            allowed = ", ".join(sorted(target.open_headers)) or "none"
            yield place, f"{target.name} takes no such column; it takes: {allowed}"
