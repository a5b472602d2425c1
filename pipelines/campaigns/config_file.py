"""The campaign file as it was written: its campaigns, or each fault with its line, in a marketer's words."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.campaigns.config import (
    Campaign,
    Campaigns,
    Channel,
    MergeField,
    Place,
    channel_problems,
    problems_of,
    segment_problems,
    unknown,
)
from pipelines.catalog import segment_files
from pipelines.contracts import table_contract
from pipelines.errors import LoyaltyError

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
    path: Path, segments: Collection[str] | None = None, columns: Collection[str] | None = None
) -> CampaignFile:
    """The campaigns of a config file that are without a fault, and the faults of the others; arguments as above."""
    known_segments = set(segments) if segments is not None else {file.stem for file in segment_files()}
    known_columns = set(columns) if columns is not None else {c.name for c in table_contract("customer_360").columns}
    try:
        raw, places = _parsed(path)
    except CampaignFileError as error:
        return CampaignFile(_NO_CAMPAIGNS, error.faults)
    faults = sorted(_faults(raw, places, known_segments, known_columns), key=lambda fault: fault.line or 0)
    at_fault = {fault.campaign_id for fault in faults}
    if None in at_fault:
        return CampaignFile(_NO_CAMPAIGNS, tuple(faults))
    sound = [item for number, item in enumerate(raw["campaigns"]) if places.campaign_id(number) not in at_fault]
    return CampaignFile(Campaigns.model_validate(raw | {"campaigns": sound}), tuple(faults))


def notes_on(campaigns: Campaigns, day: date) -> list[str]:
    """What is allowed and may not be meant: campaigns of one priority, and those that are over."""
    running = [campaign for campaign in campaigns.campaigns if (campaign.ends_on or day) >= day]
    by_priority: dict[int, list[str]] = {}
    for campaign in running:
        by_priority.setdefault(campaign.priority, []).append(campaign.id)
    return [
        f"{', '.join(ids)} have the same priority, {priority}: the file's order decides who goes first"
        for priority, ids in by_priority.items()
        if len(ids) > 1
    ] + [f"{campaign.id} ended on {campaign.ends_on}" for campaign in campaigns.campaigns if campaign not in running]


def _parsed(path: Path) -> tuple[Any, "_Places"]:
    """The file's content, and where it stands.

    Raises:
        CampaignFileError: The file can't be read, is not in UTF-8 or is no YAML.
    """

    def fault(message: str, line: int | None = None) -> CampaignFileError:
        return CampaignFileError([Fault(path, line, None, "", message)])

    try:
        content = path.read_bytes()
        loader = yaml.SafeLoader(content.decode("utf-8-sig"))
        tree = loader.get_single_node()
        raw = loader.construct_document(tree) if tree else None
        return raw, _Places(path, tree, raw)
    except OSError as error:
        raise fault(_unreadable(error)) from error
    except UnicodeDecodeError:
        raise fault(f"the file is not in UTF-8{_encoding(content)}; save it as UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date like 2025-02-30
        raise fault(*_broken(error)) from error
    except RecursionError:
        raise fault("an alias (*) stands within what it is an alias of, or the entries are nested too deep") from None


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; LOYALTY_CAMPAIGNS says where the campaigns are"
    return f"the file can't be read: {error.strerror}"


def _encoding(content: bytes) -> str:
    """What the bytes look like, in brackets: Cyrillic words are runs of high bytes, Latin ones are not."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return " (it looks like UTF-16)"
    if re.search(rb"[\xc0-\xff]{3}", content):
        return " (it looks like windows-1251)"
    return " (it looks like windows-1252 or another code page of Windows)"


def _broken(error: Exception) -> tuple[str, int | None]:
    """Why a text is no YAML, with advice, and the line."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or f"{error}"
    advice = "put a value with : or # or % or * or { in it in quotes, and indent with blanks, all fields alike"
    return f"not readable as YAML: {said}; {advice}", mark.line + 1 if mark else None


class _Places:
    """Where the file's entries stand, and which keys it repeats."""

    def __init__(self, path: Path, tree: yaml.Node | None, raw: object) -> None:
        self._path = path
        self._raw = raw
        self._lines: dict[Place, int] = {}
        self.repeated: list[Place] = []
        if tree is not None:
            self._walk(tree, ())

    def _walk(self, node: yaml.Node, place: Place) -> None:
        steps: Iterable[tuple[yaml.Node, Place, yaml.Node]] = ()
        if isinstance(node, yaml.MappingNode):
            steps = ((key, (*place, str(key.value)), value) for key, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            steps = ((item, (*place, number), item) for number, item in enumerate(node.value))
        for marked, inner, value in steps:
            if inner in self._lines:
                self.repeated.append(inner)
            self._lines[inner] = marked.start_mark.line + 1
            self._walk(value, inner)

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest around it that the file has."""
        return next((self._lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self._lines), None)

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
        message = "the file must hold campaigns: and below it a list of campaigns, each beginning with - id:"
        yield places.fault((), message)
        return
    yield from (places.fault(place, "is there twice; which one counts?") for place in places.repeated)
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


def _shaped(model: type[M], item: object) -> tuple[M | None, list[tuple[Place, str]]]:
    """An entry as a model, or what is wrong with its shape."""
    try:
        return model.model_validate(item), []
    except ValidationError as error:
        return None, [(_place(e), _in_words(e, model)) for e in error.errors()]


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
    """Where an error is; which kind of value was tried there is left out."""
    return tuple(step for step in error["loc"] if step not in ("date", "[key]"))


def _ids_used_twice(items: list[Any], places: _Places) -> Iterator[Fault]:
    ids = [places.campaign_id(number) for number in range(len(items))]
    for number, name in enumerate(ids):
        if name in ids[:number]:
            yield places.fault(("campaigns", number, "id"), f"{name} is the id of an earlier campaign, too")


def _in_words(error: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with a value of a model, and what is allowed."""
    given, context = repr(error["input"]), error.get("ctx", {})
    last = error["loc"][-1] if error["loc"] else ""
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return unknown(last, "field", _allowed_fields(error, model))
        case "literal_error":
            allowed = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return unknown(error["input"], "value", allowed)
        case "greater_than_equal":
            return f"{given} is too small; the least is {context['ge']}"
        case "less_than_equal":
            hint = "; write it like 0.1 or 10%" if error["input"] > 1 else ""
            return f"{given} is too large; the most is {context['le']} ({context['le']:.0%}){hint}"
        case "string_pattern_mismatch":
            return f"{given} has characters that are not allowed; lower-case letters, digits and _ are"
        case kind if "date" in kind or error["loc"][:1] in (("starts_on",), ("ends_on",)):
            return f"{given} is no date; write it like 2025-12-31 or 31.12.2025"
        case "list_type":
            return f"{given} is no list; begin each item on a line of its own with -"
        case "dict_type" | "model_type":
            return f"{given} has no fields; write each on a line of its own, like name: value"
        case kind if kind.startswith("int"):
            return f"{given} is no whole number"
        case kind if kind.startswith("float"):
            return f"{given} is no share; write it like 0.1 or 10%"
        case "value_error":
            return f"{given}: {context['error']}"
        case _:
            return f"{given}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _allowed_fields(error: ErrorDetails, model: type[BaseModel]) -> Collection[str]:
    """The fields of what an error is in."""
    steps = error["loc"][:-1]
    inner = MergeField if "fields" in steps else Channel if "channels" in steps else model
    return inner.model_fields
