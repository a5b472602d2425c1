"""config/campaigns.yaml: what a marketer writes, read and checked."""

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.targets import SOURCES, export_target, target_names
from pipelines.catalog import segment_files
from pipelines.contracts import table_contract
from pipelines.errors import LoyaltyError

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
    """What is wrong with a campaign of the right shape: field, message."""
    for name in campaign.segment:
        if name not in segments:
            yield "segment", f"there is no segment {name!r}; there are: {', '.join(sorted(segments))}"
    if campaign.starts_on and campaign.ends_on and campaign.ends_on < campaign.starts_on:
        yield "ends_on", f"{campaign.ends_on} is before starts_on, {campaign.starts_on}"
    names = [channel.channel for channel in campaign.channels]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield "channels", f"{name} is there twice; give each tool of one channel a campaign of its own"
    for channel in campaign.channels:
        for field, message in _channel_problems(channel, columns):
            yield f"channels: {channel.channel}: {field}", message


def _channel_problems(channel: Channel, columns: Collection[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with a campaign's channel: field, message."""
    if channel.target not in target_names():
        yield "target", f"there is no target {channel.target!r}; there are: {', '.join(target_names())}"
        return
    target = export_target(channel.target)
    if channel.channel not in target.channels:
        yield "target", f"{target.name} is for {', '.join(target.channels)}"
    for header, source in channel.fields.items():
        field = f"fields: {header}"
        if source in ADDRESSES and source not in CHANNELS[channel.channel]:
            yield field, f"{source} needs another consent than that for {channel.channel}"
        elif source not in SOURCES and source not in columns:
            yield field, f"customer_360 has no column {source!r}"
        taken = {c.header.lower() for c in target.columns if c.source is not None and c.source != source}
        if header.lower() in taken:
            yield field, f"{target.name} has a column of this name with another meaning"
        elif header not in target.open_headers and not target.free_columns:
            allowed = ", ".join(sorted(target.open_headers)) or "none"
            yield field, f"{target.name} takes no such column; it takes: {allowed}"


def read_campaigns(
    path: Path, segments: Collection[str] | None = None, columns: Collection[str] | None = None
) -> Campaigns:
    """The campaigns of a config file.

    Args:
        path: the YAML file.
        segments: names of the segments that exist; those of sql/segments/ if None.
        columns: columns of customer_360; those of its contract if None.

    Raises:
        LoyaltyError: something is wrong; the message lists every problem with file, campaign and field.
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
    known_segments = set(segments) if segments is not None else {file.stem for file in segment_files()}
    known_columns = set(columns) if columns is not None else {c.name for c in table_contract("customer_360").columns}
    ids = [campaign.id for campaign in config.campaigns]
    found = [f"{path}: campaign {name}: id: used twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    found += [
        f"{path}: campaign {campaign.id}: {field}: {message}"
        for campaign in config.campaigns
        for field, message in _problems(campaign, known_segments, known_columns)
    ]
    if found:
        raise LoyaltyError("\n".join(found))
    return config


def _shape_problem(path: Path, raw: object, loc: tuple[int | str, ...], message: str) -> str:
    """A pydantic error as a line that names file, campaign (by its id, else its number) and field."""
    match (raw, loc):
        case ({"campaigns": list(items)}, ("campaigns", int(index), *rest)):
            item = items[index]
            name = item.get("id", f"no. {index + 1}") if isinstance(item, dict) else f"no. {index + 1}"
            return f"{path}: campaign {name}: {': '.join(str(step) for step in rest) or 'entry'}: {message}"
    return f"{path}: {': '.join(str(step) for step in loc) or 'file'}: {message}"
