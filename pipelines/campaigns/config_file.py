"""The campaign file as it was written: its campaigns, or each fault with its line, in a marketer's words."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.campaigns.config import (
    REPEAT_KINDS,
    AfterDays,
    Campaign,
    Campaigns,
    Channel,
    Place,
    channel_problems,
    problems_of,
    segment_problems,
)
from pipelines.campaigns.config_words import begins_a_part, broken, encoding, in_words, repeated, unreadable
from pipelines.campaigns.values import nearest, unknown
from pipelines.catalog import segment_files
from pipelines.contracts import table_contract
from pipelines.errors import LoyaltyError
from pipelines.yaml_lines import Lines

M = TypeVar("M", bound=BaseModel)
_NO_CAMPAIGNS = Campaigns.model_validate({"campaigns": []})


@dataclass(frozen=True)
class Fault:
    """What is wrong at a place in the file; campaign_id is None if it is about the whole file."""

    path: Path
    line: int | None
    campaign_id: str | None
    field: str
    message: str

    def __str__(self) -> str:
        line = [] if self.line is None else [f"line {self.line}"]
        campaign = [] if self.campaign_id is None else [f"campaign {self.campaign_id}"]
        return ", ".join([f"{self.path}", *line, *campaign, *filter(None, [self.field])]) + f": {self.message}"


class CampaignFileError(LoyaltyError):
    """Something is wrong with the campaign file; the message lists every fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class CampaignFile:
    """A campaign file as a night uses it.

    Attributes:
        campaigns: The campaigns without a fault; none if a fault is about the whole file.
        faults: What is wrong, by line.
    """

    campaigns: Campaigns
    faults: tuple[Fault, ...] = ()


def read_campaigns(
    path: Path, segments: Collection[str] | None = None, columns: Collection[str] | None = None
) -> Campaigns:
    """The campaigns of a config file that is to be without a fault.

    Args:
        path: The YAML file.
        segments: Names of the segments that exist; those of sql/segments/ if None.
        columns: Columns of customer_360; those of its contract if None.

    Raises:
        CampaignFileError: Something is wrong; the message lists every fault with file, line, campaign and field.
    """
    file = read_campaign_file(path, segments, columns)
    if file.faults:
        raise CampaignFileError(file.faults)
    return file.campaigns


def read_campaign_file(
    path: Path,
    segments: Collection[str] | None = None,
    columns: Collection[str] | None = None,
    content: bytes | None = None,
) -> CampaignFile:
    """The campaigns of a config file that are without a fault, and the faults of the others.

    Args:
        path: The YAML file; what faults name.
        segments: Names of the segments that exist; those of sql/segments/ if None.
        columns: Columns of customer_360; those of its contract if None.
        content: What to read in the file's place: the copy that a night kept.
    """
    known_segments = set(segments) if segments is not None else {file.stem for file in segment_files()}
    known_columns = set(columns) if columns is not None else {c.name for c in table_contract("customer_360").columns}
    try:
        raw, places = _parsed(path, content)
    except CampaignFileError as error:
        return CampaignFile(_NO_CAMPAIGNS, error.faults)
    faults = sorted(_faults(raw, places, known_segments, known_columns), key=lambda fault: fault.line or 0)
    at_fault = {fault.campaign_id for fault in faults}
    if None in at_fault:
        return CampaignFile(_NO_CAMPAIGNS, tuple(faults))
    sound = [item for number, item in enumerate(raw["campaigns"]) if places.campaign_id(number) not in at_fault]
    return CampaignFile(Campaigns.model_validate(raw | {"campaigns": sound}), tuple(faults))


def notes_on(campaigns: Campaigns, day: date) -> list[str]:
    """What is allowed and may not be meant."""
    running = [campaign for campaign in campaigns.campaigns if (campaign.ends_on or day) >= day]
    return [
        *_notes_on_cap(campaigns, running),
        *_notes_on_priorities(running),
        *(note for campaign in running for note in _notes_on_sending(campaign)),
        *(f"{campaign.id} ended on {campaign.ends_on}" for campaign in campaigns.campaigns if campaign not in running),
    ]


def _notes_on_cap(campaigns: Campaigns, running: Sequence[Campaign]) -> Iterator[str]:
    sending = [campaign.id for campaign in running if campaign.sending_channels]
    if campaigns.contact_cap is None and len(sending) > 1:
        yield f"there is no contact_cap: on one night a customer may be written to by each of {', '.join(sending)}"


def _notes_on_priorities(running: Sequence[Campaign]) -> Iterator[str]:
    by_priority: dict[int, list[str]] = {}
    for campaign in running:
        by_priority.setdefault(campaign.priority, []).append(campaign.id)
    for priority, ids in by_priority.items():
        if len(ids) > 1:
            yield f"{', '.join(ids)} have the same priority, {priority}: the file's order decides who goes first"


def _notes_on_sending(campaign: Campaign) -> Iterator[str]:
    if isinstance(campaign.repeat, AfterDays) and campaign.repeat.after_days < campaign.window_days:
        yield (
            f"{campaign.id} writes to a customer again after {campaign.repeat.after_days} days, while their purchases "
            f"of {campaign.window_days} days (window_days) count as its outcome"
        )
    if "use_channels" in campaign.model_fields_set and len(campaign.sending_channels) == 1:
        yield f"{campaign.id} has one channel that sends, so use_channels changes nothing"


class _Loader(yaml.SafeLoader):
    """YAML whose dates stay text, so that a day like 2025-02-30 is the fault of its campaign, not of the file."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parsed(path: Path, content: bytes | None) -> tuple[Any, "_Places"]:
    """What the file, or the content in its place, holds, and where it stands.

    Raises:
        CampaignFileError: The file can't be read, is not in UTF-8 or is no YAML.
    """

    def fault(message: str, line: int | None = None) -> CampaignFileError:
        return CampaignFileError([Fault(path, line, None, "", message)])

    try:
        found = path.read_bytes() if content is None else content
        loader = _Loader(found.decode("utf-8-sig"))
        tree = loader.get_single_node()
        raw = loader.construct_document(tree) if tree else None
        return raw, _Places(path, tree, raw)
    except OSError as error:
        raise fault(unreadable(error)) from error
    except UnicodeDecodeError:
        raise fault(f"the file is not in UTF-8{encoding(found)}; save it as UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number like 0b
        raise fault(*broken(error)) from error
    except RecursionError:
        raise fault("an alias (*) stands within what it is an alias of, or the entries are nested too deep") from None


class _Places(Lines):
    """Where the file's entries stand, and which keys it repeats."""

    def __init__(self, path: Path, tree: yaml.Node | None, raw: object) -> None:
        super().__init__(tree)
        self._path = path
        self._raw = raw

    def fault(self, place: Place, message: str) -> Fault:
        """A fault at a place; a campaign is called by its id, or by its number if it has none."""
        campaign_id, field = None, place
        if place[:1] == ("campaigns",) and len(place) > 1:
            campaign_id, field = self.campaign_id(int(place[1])), place[2:]
        words = ", ".join(f"no. {step + 1}" if isinstance(step, int) else step for step in field)
        return Fault(self._path, self.line(place), campaign_id, words, message)

    def campaign_id(self, number: int) -> str:
        item = self._raw["campaigns"][number]  # type: ignore[index]
        return str(item["id"]) if isinstance(item, dict) and item.get("id") is not None else f"no. {number + 1}"


def _faults(raw: object, places: _Places, segments: Collection[str], columns: Collection[str]) -> Iterator[Fault]:
    """What is wrong with a file that is readable as YAML."""
    if not isinstance(raw, dict) or not isinstance(raw.get("campaigns"), list):
        yield _no_campaigns(raw, places)
        return
    yield from _fields_twice(places)
    _, problems = _shaped(Campaigns, raw | {"campaigns": []})
    yield from (places.fault(place, message) for place, message in problems)
    for number, item in enumerate(raw["campaigns"]):
        campaign, problems = _shaped(Campaign, item)
        if campaign is not None:
            problems = list(problems_of(campaign, segments, columns))
        else:
            problems += _problems_of_parts(item, segments, columns)
        yield from (places.fault(("campaigns", number, *place), message) for place, message in problems)
    yield from _ids_used_twice(raw["campaigns"], places)


def _no_campaigns(raw: object, places: _Places) -> Fault:
    """What to say of a file without a list of campaigns."""
    fields = [f"{name}" for name in raw] if isinstance(raw, dict) else []
    meant = nearest("campaigns", fields)
    if meant is not None and meant != "campaigns":
        return places.fault((meant,), unknown(meant, "field", Campaigns.model_fields))
    message = "the file must hold campaigns: and below it a list of campaigns, each beginning with - id:"
    return places.fault(("campaigns",) if "campaigns" in fields else (), message)


def _fields_twice(places: _Places) -> Iterator[Fault]:
    """Fields that a part has twice; where the - of a part is missing, that is all there is to say of it."""
    twice = [place for place in places.repeated if not any(place[:n] in places.repeated for n in range(len(place)))]
    joined = {place[:-1] for place in twice if begins_a_part(f"{place[-1]}")}
    for place in twice:
        if place[:-1] not in joined or begins_a_part(f"{place[-1]}"):
            yield places.fault(place, repeated(f"{place[-1]}"))


def _shaped(model: type[M], item: object) -> tuple[M | None, list[tuple[Place, str]]]:
    """An entry as a model, or what is wrong with its shape."""
    try:
        return model.model_validate(item), []
    except ValidationError as error:
        return None, [(_place(e), in_words(e, model)) for e in _without_meant(error.errors())]


def _without_meant(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the fields that are missing because their names are misspelt: the names that stand there are enough."""
    missing = {e["loc"] for e in errors if e["type"] == "missing"}
    meant = {
        (*inside, nearest(name, [f"{loc[-1]}" for loc in missing if loc[:-1] == inside]))
        for inside, name in ((e["loc"][:-1], e["loc"][-1]) for e in errors if e["type"] == "extra_forbidden")
    }
    return [e for e in errors if e["type"] != "missing" or e["loc"] not in meant]


def _problems_of_parts(
    item: object, segments: Collection[str], columns: Collection[str]
) -> Iterator[tuple[Place, str]]:
    """What else is wrong with a campaign of the wrong shape, so that all is said at once."""
    if not isinstance(item, dict):
        return
    for field in ("segment", "exclude"):
        names = item.get(field)
        names = [names] if isinstance(names, str) else names
        yield from segment_problems(field, names if isinstance(names, list) else [], segments)
    channels = item.get("channels")
    for number, part in enumerate(channels if isinstance(channels, list) else []):
        channel, _ = _shaped(Channel, part)
        if channel is not None:
            yield from channel_problems(channel, number, columns)


def _place(error: ErrorDetails) -> Place:
    """Where an error is; which kind of value was tried there is left out, and a key that is no text."""
    loc = error["loc"][:-1] if error["type"] == "invalid_key" else error["loc"]
    inner = loc[2:] if loc[:1] == ("repeat",) and loc[1:2] and loc[1] in REPEAT_KINDS else None
    if inner is not None:
        return ("repeat", *inner)
    return tuple(step for step in loc if step not in ("date", "[key]"))


def _ids_used_twice(items: list[Any], places: _Places) -> Iterator[Fault]:
    ids = [places.campaign_id(number) for number in range(len(items))]
    for number, name in enumerate(ids):
        if name in ids[:number]:
            yield places.fault(("campaigns", number, "id"), f"{name} is the id of an earlier campaign, too")
