"""config/tiers.yaml: by what a member rises through the programme's tiers; or each fault in it with its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.yaml_lines import Fault, Place, UnreadableYamlError, read_yaml

Basis = Literal["spend", "purchase_days", "points_earned"]
MAX_MONTHS = 36
_ROLLING = re.compile(r"rolling ([1-9]\d?) months?")
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Tier(BaseModel):
    """One tier; threshold: the qualifying amount from which on a member has it (currency, days or points)."""

    model_config = _STRICT
    name: str = Field(min_length=1, max_length=50)
    threshold: Decimal = Field(ge=0, max_digits=15, decimal_places=3)


class TierRules(BaseModel):
    """What the file says; tiers are in ascending order of their thresholds."""

    model_config = _STRICT
    basis: Basis
    period: str
    tiers: tuple[Tier, ...]

    @field_validator("period")
    @classmethod
    def _known_period(cls, value: str) -> str:
        found = _ROLLING.fullmatch(value)
        if value != "calendar_year" and not (found and int(found[1]) <= MAX_MONTHS):
            raise ValueError(f"{value!r} is no period; write calendar_year, or rolling 12 months (1 to {MAX_MONTHS})")
        return value

    @field_validator("tiers", mode="before")
    @classmethod
    def _some(cls, value: object) -> object:
        if not isinstance(value, list) or not value:
            raise ValueError("is no list of tiers; begin each on a line of its own with - name:")
        return value

    @property
    def rolling_months(self) -> int | None:
        """So many whole calendar months are a period, of which the current one is the last; None: a calendar year."""
        found = _ROLLING.fullmatch(self.period)
        return int(found[1]) if found else None


class TierFileError(LoyaltyError):
    """Something is wrong with the tier file; the message lists every fault, a line each."""


@dataclass(frozen=True)
class TierFile:
    """The tier file as a night uses it: its rules, None if there is no file or a fault; and the faults."""

    rules: TierRules | None
    faults: tuple[str, ...] = ()


def tier_file(settings: Settings) -> TierFile:
    """The home's tier file. That there is none is a fault only where LOYALTY_TIERS names one."""
    if not settings.tiers.exists():
        missing = f"{settings.tiers}: there is no such file; LOYALTY_TIERS says where the tiers are"
        return TierFile(None, (missing,) if "tiers" in settings.model_fields_set else ())
    try:
        return TierFile(read_tiers(settings.tiers))
    except TierFileError as error:
        return TierFile(None, tuple(f"{error}".splitlines()))


def read_tiers(path: Path) -> TierRules:
    """The rules of a tier file.

    Raises:
        TierFileError: something is wrong; the message names file, line and field of every fault.
    """
    try:
        raw, lines = read_yaml(path)
    except UnreadableYamlError as error:
        raise TierFileError(f"{Fault(path, error.line, (), str(error))}") from None
    faults = [(place, "is there twice; which one counts?") for place in lines.repeated]
    if not isinstance(raw, dict):
        message = "the file must hold basis:, period: and tiers:"
        raise TierFileError(f"{Fault(path, None, (), message)}")
    try:
        rules = TierRules.model_validate(raw)
    except ValidationError as error:
        faults += [_in_words(one) for one in error.errors()]
    else:
        faults += _order_faults(rules)
    if faults:
        ordered = sorted(faults, key=lambda fault: lines.line(fault[0]) or 0)
        raise TierFileError("\n".join(f"{Fault(path, lines.line(place), place, text)}" for place, text in ordered))
    return rules


def _order_faults(rules: TierRules) -> Iterator[tuple[Place, str]]:
    """Tiers of one name, and thresholds that do not ascend."""
    names = [tier.name.casefold() for tier in rules.tiers]
    for number, tier in enumerate(rules.tiers):
        if names[number] in names[:number]:
            yield ("tiers", number, "name"), f"{tier.name} is the name of an earlier tier, too"
    for number, (lower, upper) in enumerate(pairwise(rules.tiers), start=1):
        if upper.threshold <= lower.threshold:
            message = f"{upper.threshold} is not above {lower.threshold}, that of {lower.name}; begin with the lowest"
            yield ("tiers", number, "threshold"), message


def _in_words(error: ErrorDetails) -> tuple[Place, str]:
    """Where a value is wrong, and how to write it."""
    place, given = error["loc"], error["input"]
    field = place[-1] if place else ""
    match error["type"]:
        case "missing":
            return place, "is missing"
        case "extra_forbidden":
            return place, "is no field here"
        case "value_error":
            return place, f"{error['ctx']['error']}"
        case "literal_error":
            return place, f"{given!r} is no basis; write spend, purchase_days or points_earned"
        case "greater_than_equal":
            return place, f"{given} is too small; the least is {error['ctx']['ge']}"
        case "model_type":
            return place, f"{given!r} has no fields; write name: and threshold:"
        case "string_type":
            return place, f"{given!r} is no text; put it in quotes"
        case _ if field == "threshold":
            return place, f"{given!r} is no amount; write a number like 200 or 199.50, with three decimals at most"
        case _:
            return place, f"{given!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
