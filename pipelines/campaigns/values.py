"""How people write values in config/campaigns.yaml, and how a sentence shows what they wrote."""

import math
import re
from collections.abc import Collection
from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_NUMBER = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*(%?)")
_LONGEST_SHOWN = 80
WHOLE_SENTENCE = "whole_sentence"


def sentence(text: str) -> PydanticCustomError:
    """An error whose text is all that there is to say."""
    return PydanticCustomError(WHOLE_SENTENCE, "{text}", {"text": text})


def written(value: object) -> str:
    """A value as it may stand in the file. YAML reads yes and on as true."""
    if isinstance(value, bool):
        return "yes (or true)" if value else "no (or false)"
    if isinstance(value, date):
        return f"{value}"
    if isinstance(value, list | dict):
        line = " ".join(yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False).split())
        return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]} ..."
    return repr(value)


def nearest(name: object, known: Collection[str]) -> str | None:
    """The known name that somebody who wrote another one may have meant."""
    return next(iter(get_close_matches(str(name).lower(), sorted(known), n=1)), None)


def unknown(name: object, what: str, known: Collection[str]) -> str:
    """The sentence about a name that does not exist: the nearest one, and all that there are."""
    near = nearest(name, known)
    hint = f"Did you mean {near}? " if near else ""
    shown = written(name) if isinstance(name, bool | list | dict) else repr(str(name))
    return f"{shown} is no {what}. {hint}There are: {', '.join(sorted(known)) or 'none'}"


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
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise sentence(f"{written(value)} is no share; write it like 0.1 or 10%")
    return value


def read_whole(value: Any) -> Any:
    """Anything but yes and no, which would count as 1 and 0."""
    if isinstance(value, bool):
        raise sentence(f"{written(value)} is no whole number")
    return value


def read_text(value: Any) -> Any:
    """A number or a date as text; anything else as it is."""
    return f"{value}" if isinstance(value, int | float | date) and not isinstance(value, bool) else value


Day = Annotated[date, BeforeValidator(read_day)]
Share = Annotated[float, BeforeValidator(read_share), Field(allow_inf_nan=False)]
# Bounds beyond which a number is a slip, and no table's column or calendar could hold it.
Whole = Annotated[int, BeforeValidator(read_whole), Field(le=1_000_000_000)]
Days = Annotated[int, BeforeValidator(read_whole), Field(ge=1, le=36_500)]
Text = Annotated[str, BeforeValidator(read_text), Field(min_length=1)]
