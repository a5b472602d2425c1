"""What is wrong with a campaign file, in a marketer's words: what stands there, and what is allowed."""

import re

import yaml
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pipelines.campaigns.config import AfterDays, AlarmChange, Campaign, Campaigns, Channel, ContactCap, MergeField
from pipelines.campaigns.values import WHOLE_SENTENCE, unknown, written

# The field that holds a model within another one, nearest first.
_WITHIN: dict[str, type[BaseModel]] = {
    "fields": MergeField,
    "channels": Channel,
    "repeat": AfterDays,
    "contact_cap": ContactCap,
    "alarm_change": AlarmChange,
}
_WRITTEN_LIKE = {
    "repeat": "{after_days: 30}",
    "contact_cap": "{contacts: 2, days: 7}",
    "alarm_change": "{share: 30%, customers: 100}",
}
# Whose fields they are: where a field that stands elsewhere belongs.
_HOMES: tuple[tuple[type[BaseModel], str], ...] = (
    (Campaigns, "is about the whole file; write it above campaigns:, not indented"),
    (Campaign, "belongs to a campaign; indent it like the name of the campaign"),
    (Channel, "belongs to a channel; indent it like the word channel"),
)
# What the reader of YAML says, by a part of it: what to say instead, and advice.
_YAML_WORDS = (
    ("'\\t'", "there is a tab", "indent with blanks, all fields alike"),
    (
        "mapping values are not allowed",
        "there is a : where none can be",
        "look at the line before, too: put : after a field's name, indent all fields alike, and put a value with : in "
        "quotes",
    ),
    (
        "could not find expected ':'",
        "a field has no : after its name",
        "look at the line before, too",
    ),
    (
        "expected <block end>, but found '<scalar>'",
        "there is text after the end of a quote",
        "put a value with ' in it in \", and a value with \" in it in '",
    ),
    (
        "expected <block end>",
        "this line is not indented like those above",
        "indent with blanks, all fields alike",
    ),
)
_PARTS = {"id": "campaign", "channel": "channel"}


def unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; LOYALTY_CAMPAIGNS says where the campaigns are"
    return f"the file can't be read: {error.strerror}"


def encoding(content: bytes) -> str:
    """What the bytes look like, in brackets: Cyrillic words are runs of high bytes, Latin ones are not."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return " (it looks like UTF-16)"
    if re.search(rb"[\xc0-\xff]{3}", content):
        return " (it looks like windows-1251)"
    return " (it looks like windows-1252 or another code page of Windows)"


def broken(error: Exception) -> tuple[str, int | None]:
    """Why a text is no YAML, with advice, and the line."""
    mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or f"{error}"
    advice = "put a value with : or # or % or * or { in it in quotes, and indent with blanks, all fields alike"
    if getattr(error, "context", None) == "while scanning a quoted scalar":
        mark, said, advice = opened, "a quote begins here and does not end", "put one at the end of the value, too"
    else:
        said, advice = next((words for part, *words in _YAML_WORDS if part in said), (said, advice))
    return f"not readable as YAML: {said}; {advice}", mark.line + 1 if isinstance(mark, yaml.Mark) else None


def repeated(field: str) -> str:
    """What to say of a field that a campaign or a channel has twice."""
    if field in _PARTS:
        return f"is there twice in one {_PARTS[field]}; if a second {_PARTS[field]} begins here, write - before {field}"
    return "is there twice; which one counts?"


def begins_a_part(field: str) -> bool:
    """Whether a field stands first in a campaign or channel: twice, and the - between two of them is missing."""
    return field in _PARTS


def in_words(error: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with a value of a model, and what is allowed."""
    given, last = error["input"], error["loc"][-1] if error["loc"] else ""
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return _no_field(f"{last}", given, _model_of(error, model))
        case "invalid_key":
            return f"{written(given)} is no field"
        case kind if kind == WHOLE_SENTENCE:
            return f"{error['ctx']['text']}"
        case _ if given is None:
            return "has no value; write one, or take the line out"
        case "literal_error":
            allowed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return unknown(given, "value", allowed)
        case "greater_than_equal" | "greater_than" | "less_than_equal":
            return _out_of_bounds(error)
        case kind if "date" in kind or error["loc"][:1] in (("starts_on",), ("ends_on",)):
            return f"{written(given)} is no date; write it like 2025-12-31 or 31.12.2025"
        case _:
            return f"{written(given)}{_of_wrong_kind(error, f'{last}')}"


def _out_of_bounds(error: ErrorDetails) -> str:
    given, context = written(error["input"]), error["ctx"]
    match error["type"]:
        case "greater_than_equal":
            return f"{given} is too small; the least is {context['ge']}"
        case "greater_than":
            return f"{given} is too small; it must be more than {context['gt']:g}"
        case _:
            most = context["le"]
            if isinstance(most, int) and most > 1:
                return f"{given} is too large; the most is {most}"
            hint = "; write it like 0.1 or 10%" if float(error["input"]) > 1 else ""
            return f"{given} is too large; the most is {most:g} ({most:.0%}){hint}"


def _of_wrong_kind(error: ErrorDetails, field: str) -> str:
    """What a value is not, and how to write it."""
    match error["type"]:
        case "string_pattern_mismatch" if field == "[key]":
            return " has characters that are not allowed; letters, digits, blanks, . - and _ are"
        case "string_pattern_mismatch":
            return " has characters that are not allowed; lower-case letters, digits and _ are"
        case "list_type":
            return " is no list; begin each item on a line of its own with -"
        case "dict_type" | "model_type" if field in _WRITTEN_LIKE:
            return f" has no fields; write it like {field}: {_WRITTEN_LIKE[field]}, or take the line out"
        case "dict_type" | "model_type":
            return " has no fields; write each on a line of its own, like name: value"
        case kind if kind.startswith(("int", "finite")):
            return " is no whole number"
        case kind if kind.startswith("float"):
            return " is no share; write it like 0.1 or 10%"
        case kind if kind.startswith("bool"):
            return f" is neither yes nor no; write {field}: true, or false"
        case "string_type":
            return " is no text; write one, in quotes if it looks like anything else"
        case "string_too_short" | "too_short":
            return " is empty; write a value"
        case "value_error":
            return f": {error['ctx']['error']}"
        case _:
            return f": {error['msg'][0].lower()}{error['msg'][1:]}"


def _no_field(name: str, value: object, model: type[BaseModel]) -> str:
    """The sentence about a field that its place doesn't have: where it belongs, what took its place, or the nearest."""
    if model is Campaigns and name == "max_campaigns_per_night":
        contacts = value if type(value) is int and value > 0 else "N"
        return (
            f"is no field any more; write contact_cap: {{contacts: {contacts}, days: 1}} instead; it counts a "
            "customer's contacts over all channels together"
        )
    homes = [words for home, words in _HOMES if home is not model and name in home.model_fields]
    if homes:
        return f"{name!r} {homes[0]}"
    return unknown(name, "field", model.model_fields)


def _model_of(error: ErrorDetails, model: type[BaseModel]) -> type[BaseModel]:
    """What an error is in."""
    steps = error["loc"][:-1]
    return next((inner for field, inner in _WITHIN.items() if field in steps), model)
