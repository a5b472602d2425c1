"""The mapping file as it was written: a mapping, or each fault with its line, in a newcomer's words."""

import hashlib
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.contracts import Contract, sources
from pipelines.errors import LoyaltyError
from pipelines.intake.mapping.compiler import CURRENCY, check_compiled, compile_part
from pipelines.intake.mapping.config import ColumnRule, DialectPart, Feed, FillDown, MappingModel, SourcePart
from pipelines.intake.mapping.expressions import ExpressionError, parse
from pipelines.intake.mapping.words import unknown
from pipelines.intake.nearest import nearest
from pipelines.store.home import mapping_path
from pipelines.yaml_lines import Fault, Lines, Place, UnreadableYamlError, read_yaml


class MappingFileError(LoyaltyError):
    """Something is wrong with the mapping file; the message lists every fault."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class MappingFile:
    """A mapping without a fault, and its file."""

    path: Path
    model: MappingModel
    raw: bytes = field(compare=False, repr=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    def parts(self, source: str) -> list[SourcePart]:
        """How a source's rows are made; nothing for a source that is read from files of its own."""
        return self.model.sources.get(source, [])

    def is_due(self, source: str) -> bool:
        """Whether the night stops if a source did not come."""
        return source in self.model.every_night


def read_mapping(home: Path) -> MappingFile | None:
    """The mapping of a home; None if it has none, and reads sources from files of their own names.

    Raises:
        MappingFileError: something is wrong with it; the message lists every fault with its line.
    """
    path = mapping_path(home)
    if not path.exists():
        return None
    status = path.stat()
    return _known(path, (status.st_mtime_ns, status.st_size, status.st_ino))


@lru_cache(maxsize=4)
def _known(path: Path, _version: tuple[int, ...]) -> MappingFile:
    """The mapping in a file as it is now; most steps of a night ask for it more than once."""
    return read_mapping_file(path)


def read_mapping_file(path: Path, contracts: MappingOf[str, Contract] | None = None) -> MappingFile:
    """The mapping in a file.

    Args:
        path: The YAML file.
        contracts: The sources that exist; those of the project and of the settings if None.

    Raises:
        MappingFileError: something is wrong with it.
    """
    try:
        raw, lines = read_yaml(path)
    except UnreadableYamlError as error:
        raise MappingFileError([Fault(path, error.line, (), f"{error}")]) from None
    faults = [
        Fault(path, lines.line(place), place, message)
        for place, message in _problems(raw, lines, sources() if contracts is None else contracts)
    ]
    if not faults:
        faults = list(_faults_of_selects(path, raw, lines, sources() if contracts is None else contracts))
    if faults:
        raise MappingFileError(sorted(faults, key=lambda fault: fault.line or 0))
    return MappingFile(path, MappingModel.model_validate(raw), path.read_bytes())


def _faults_of_selects(path: Path, raw: object, lines: Lines, contracts: MappingOf[str, Contract]) -> Iterator[Fault]:
    """What only shows when all of a source is put together: a sum of texts, a default that is no number."""
    model = MappingModel.model_validate(raw)
    for name, parts in model.sources.items():
        for number, part in enumerate(parts):
            try:
                check_compiled(compile_part(contracts[name], part, model.feeds[part.feed]))
            except ValueError as error:
                place = ("sources", name, number)
                yield Fault(path, lines.line(place), place, f"{name} can't be made so: {error}")


def _problems(raw: object, lines: Lines, contracts: MappingOf[str, Contract]) -> Iterator[tuple[Place, str]]:
    if not isinstance(raw, dict):
        yield (), "the file must hold feeds: and sources:, each with entries below it"
        return
    yield from ((place, "is there twice; which one counts?") for place in lines.repeated)
    try:
        model = MappingModel.model_validate(raw)
    except ValidationError as error:
        yield from ((tuple(_steps(e)), _in_words(e)) for e in _without_meant(error.errors()))
        return
    for name, feed in model.feeds.items():
        yield from _problems_of_feed(("feeds", name), feed)
        if not any(part.feed == name for parts in model.sources.values() for part in parts):
            yield ("feeds", name), "fills no source; name it under sources:, or take it out"
    for name, parts in model.sources.items():
        if name not in contracts:
            yield ("sources", name), unknown(name, "source", contracts)
            continue
        if not parts:
            yield ("sources", name), "has no entries; begin each with - feed:"
        for number, part in enumerate(parts):
            yield from _problems_of_part(("sources", name, number), part, model, contracts[name])
    for number, name in enumerate(model.every_night):
        if name not in contracts:
            yield ("every_night", number), unknown(name, "source", contracts)


def _problems_of_feed(place: Place, feed: Feed) -> Iterator[tuple[Place, str]]:
    for number, pattern in enumerate(feed.files):
        if pattern.startswith("/") or ".." in pattern.split("/") or "\\" in pattern or "\0" in pattern:
            message = f"{pattern!r}: files lie within the night's landing folder; write a name like orders*.csv"
            yield (*place, "files", number), message
    for name, text in feed.filters.items():
        if name in RESERVED_FILTERS:
            yield (*place, "filters", name), "is a name that the pipeline uses itself; take another one"
        yield from _problems_of_expression((*place, "filters", name), text)


# What leaves rows out without a filter of the mapping.
RESERVED_FILTERS = ("in_a_later_file", "without_email", "erased")


def _problems_of_expression(place: Place, text: str) -> Iterator[tuple[Place, str]]:
    try:
        parse(text)
    except ExpressionError as error:
        yield place, f"{error}"


def _problems_of_part(
    place: Place, part: SourcePart, model: MappingModel, contract: Contract
) -> Iterator[tuple[Place, str]]:
    if part.feed not in model.feeds:
        yield (*place, "feed"), unknown(part.feed, "feed", model.feeds)
    known = {column.name for column in (*contract.columns, CURRENCY)}
    for name, rule in part.columns.items():
        if name not in known:
            yield (*place, "columns", name), unknown(name, f"column of {contract.name}", known)
        yield from _problems_of_rule((*place, "columns", name), rule, bool(part.group_by))
    yield from _problems_of_bounds((*place, "only_between"), part, contract)
    needed = [c.name for c in contract.columns if (c.required or c.name in contract.key) and c.name not in part.columns]
    if needed:
        meant = {nearest(name, needed) for name in part.columns if name not in known}
        missing = [name for name in needed if name not in meant]
        if missing:
            yield (*place, "columns"), f"{contract.name} can't do without {', '.join(missing)}; say where it comes from"


def _problems_of_bounds(place: Place, part: SourcePart, contract: Contract) -> Iterator[tuple[Place, str]]:
    numbers = {column.name for column in contract.columns if column.type.startswith(("DECIMAL", "BIGINT"))}
    if part.only_between and not part.group_by:
        yield place, "is of rows that are grouped; say by group_by: which lines are one row, or write a filter"
    for name, (low, high) in part.only_between.items():
        if name not in numbers & part.columns.keys():
            yield (*place, name), unknown(name, "number that this part makes", numbers & part.columns.keys())
        if not (isfinite(low) and isfinite(high) and low <= high):
            yield (*place, name), f"from {low:g} to {high:g} there is nothing; write the lower number first"


def _problems_of_rule(place: Place, rule: ColumnRule, is_grouped: bool) -> Iterator[tuple[Place, str]]:
    if rule.expression is not None:
        yield from _problems_of_expression((*place, "expression"), rule.expression)
    if rule.aggregate is not None and not is_grouped:
        yield (*place, "aggregate"), "an aggregate is of several lines; say by group_by: which lines are one row"
    if rule.number_within is not None and is_grouped:
        yield (*place, "number_within"), "numbers lines, and group_by makes one row of them; take one of both out"


def _model_of(steps: Place) -> type[BaseModel]:
    """The model that has the field at a place."""
    within = steps[:-1]
    if not within:
        return MappingModel
    if within[0] == "feeds":
        inner: dict[str, type[BaseModel]] = {"dialect": DialectPart, "fill_down": FillDown}
        return inner.get(f"{within[2]}", Feed) if len(within) > 2 else Feed
    return ColumnRule if len(within) > 4 else SourcePart


def _steps(error: ErrorDetails) -> Iterator[str | int]:
    """Where an error is; a key that is none is left out."""
    yield from (step for step in error["loc"] if step != "[key]")


def _without_meant(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the fields that are missing because their names are misspelt: the names that stand there are enough."""
    missing = {e["loc"] for e in errors if e["type"] == "missing"}
    meant = {
        (*inside, nearest(name, [f"{loc[-1]}" for loc in missing if loc[:-1] == inside]))
        for inside, name in ((e["loc"][:-1], f"{e['loc'][-1]}") for e in errors if e["type"] == "extra_forbidden")
    }
    return [e for e in errors if e["type"] != "missing" or e["loc"] not in meant]


def _in_words(error: ErrorDetails) -> str:
    """What is wrong with a value, and what is allowed."""
    given, steps = error["input"], tuple(_steps(error))
    shown = repr(given) if len(repr(given)) < 80 else repr(given)[:80] + " ..."
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return unknown(f"{steps[-1]}", "field", _model_of(steps).model_fields)
        case _ if given is None:
            return "has no value; write one, or take the line out"
        case "literal_error":
            allowed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return unknown(given, "value", allowed)
        case "value_error":
            return f"{error['ctx']['error']}"
        case "list_type":
            return f"{shown} is no list; write it like [{given}]" if isinstance(given, str) else f"{shown} is no list"
        case "dict_type" | "model_type":
            return f"{shown} has no fields; write each on a line of its own, like name: value"
        case "string_type":
            return f"{shown} is no text; write it in quotes"
        case "string_pattern_mismatch":
            return f"{shown} is no name; lower-case letters, digits and _ are, with a letter first"
        case "too_short" | "string_too_short":
            return "is empty; write a value"
        case "too_long" | "string_too_long":
            return "is too long"
        case kind if kind.startswith(("int", "greater")):
            return f"{shown} is no whole number of 1 or more"
        case _:
            return f"{shown}: {error['msg'][0].lower()}{error['msg'][1:]}"
