"""Contracts: one Open Data Contract Standard file per source, table and export, read into small typed objects.

One place says a column's type, rule, meaning and whether it is personal; readers, checks, empty tables, comments and
the data dictionary take it from there.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    OpenDataContractStandard,
    SchemaProperty,
    Server,
)

from pipelines.settings import ROOT, load_settings

CONTRACTS = ROOT / "data_contracts"


@dataclass(frozen=True)
class Rule:
    """A condition each row must meet: SQL that is not false for a good row."""

    name: str
    condition: str


@dataclass(frozen=True)
class Expectation:
    """What a source's batch is held against: a great-expectations type, its arguments, on a figure of the profile.

    It is judged on a figure that rests on at least `minimum_rows`; the severity fail stops the night.
    """

    name: str
    type: str
    arguments: tuple[tuple[str, Any], ...]
    severity: Literal["fail", "warn"] = "warn"
    minimum_rows: int = 0
    description: str = ""
    advice: str = ""

    @property
    def figure(self) -> str:
        return str(dict(self.arguments)["column"])


@dataclass(frozen=True)
class Column:
    """A column; `default` is what NULL means, `former_names` what it was called in earlier extracts and nights."""

    name: str
    type: str
    description: str
    required: bool = False
    personal: bool = False
    identifier: bool = False
    values: tuple[str, ...] = ()
    default: str | None = None
    former_names: tuple[str, ...] = ()

    @property
    def may_be_unknown(self) -> bool:
        """Whether a value that is not among those listed can stand as NULL, because NULL says nothing."""
        return bool(self.values) and not self.required and self.default is None


@dataclass(frozen=True)
class Dialect:
    """How a source's text files are written.

    `time_zone` is that of times without an offset (None: the business time zone), in Parquet files too; `date_format`
    names the order of DD, MM and YYYY and what stands between them (None: ISO 8601).
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_mark: str = "."
    time_zone: str | None = None
    date_format: str | None = None

    def __post_init__(self) -> None:
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"encoding {self.encoding!r} is not known; write it like windows-1251") from None
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"delimiter {self.delimiter!r} is not one character")
        if self.decimal_mark not in (".", ","):
            raise ValueError(f"decimalMark {self.decimal_mark!r} is neither . nor ,")
        if self.time_zone is not None and self.time_zone not in available_timezones():
            raise ValueError(f"timeZone {self.time_zone!r} is no IANA time zone; write it like Europe/Berlin")
        parts = re.findall("DD|MM|YYYY", self.date_format or "DDMMYYYY")
        between = re.sub("DD|MM|YYYY", "", self.date_format or "")
        if sorted(parts) != ["DD", "MM", "YYYY"] or re.search(r"[^\W_]", between):
            raise ValueError(f"dateFormat {self.date_format!r} is not of DD, MM and YYYY, like DD.MM.YYYY")

    @property
    def is_utf8(self) -> bool:
        return codecs.lookup(self.encoding).name == "utf-8"


@dataclass(frozen=True)
class Contract:
    """A source, table or export: its columns, key and rules.

    What the batch as a whole is held against has no part in how it is read, and none in the text that stands for it.
    """

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    load: Literal["delta", "full"] = "delta"
    required: bool = False
    dialect: Dialect = Dialect()
    expectations: tuple[Expectation, ...] = field(default=(), repr=False)
    control_amount: str | None = field(default=None, repr=False)

    @property
    def personal_columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.personal)


def _custom(properties: list[CustomProperty] | None) -> dict[str, Any]:
    return {p.property: p.value for p in properties or [] if p.property}


def _column(prop: SchemaProperty) -> Column:
    custom = _custom(prop.customProperties)
    return Column(
        name=prop.name or "",
        type=prop.physicalType or "",
        description=prop.description or "",
        required=bool(prop.required),
        personal=prop.classification == "personal",
        identifier="identifier" in (prop.tags or []),
        values=tuple(str(item.value) for item in prop.enum or []),
        default=custom.get("default"),
        former_names=tuple(custom.get("formerNames", ())),
    )


def _rules(properties: list[SchemaProperty], quality: Any) -> Iterator[Rule]:
    for prop in properties:
        if prop.required:
            yield Rule(f"{prop.name}_missing", f"{prop.name} IS NOT NULL")
        if prop.enum:
            allowed = ", ".join(f"'{item.value}'" for item in prop.enum)
            yield Rule(f"{prop.name}_unknown_value", f"{prop.name} IN ({allowed})")
        for check in prop.quality or []:
            yield Rule(check.name or "", str(check.implementation))
    for check in quality or []:
        if check.engine == "row_rule":
            yield Rule(check.name or "", str(check.implementation))


def _expectations(
    quality: list[DataQuality] | None, defaults: Mapping[str, Expectation]
) -> Iterator[tuple[str, Expectation]]:
    """Each expectation by name; what an item leaves out is as in the default of its name."""
    for check in quality or []:
        if check.engine != "greatExpectations":
            continue
        implementation, name, custom = check.implementation, check.name or "", _custom(check.customProperties)
        if not isinstance(implementation, dict) or "column" not in implementation.get("kwargs", {}):
            raise ValueError(f"expectation {name}: the implementation has no type, or no kwargs with a column")
        default = defaults.get(name, Expectation(name, "", ()))
        severity = check.severity or default.severity
        if severity not in ("fail", "warn"):
            raise ValueError(f"expectation {name}: severity {severity!r} is neither fail nor warn")
        yield (
            name,
            Expectation(
                name=name,
                type=implementation["type"],
                arguments=tuple(implementation["kwargs"].items()),
                severity=severity,  # type: ignore[arg-type]
                minimum_rows=int(custom.get("minimumRows", default.minimum_rows)),
                description=check.description or default.description,
                advice=custom.get("advice", default.advice),
            ),
        )


def read_contract(path: Path, defaults: tuple[Expectation, ...] = ()) -> Contract:
    """The contract in a YAML file, with the default expectations that it does not put others in the place of.

    Raises:
        ValueError: the file is no valid contract; the message names it.
    """
    try:
        # Its own from_string reads YAML in Python, which takes eight times as long, of ninety files a night.
        document = OpenDataContractStandard(**yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        (schema,) = document.schema_ or []
        custom = _custom(schema.customProperties)
        dialect = _dialect(document.servers[0] if document.servers else Server(), custom)
        known = {expectation.name: expectation for expectation in defaults}
        expectations = known | dict(_expectations(schema.quality, known))
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: not a valid data contract: {error}") from error
    properties = schema.properties or []
    keys = sorted((p for p in properties if p.primaryKey), key=lambda p: p.primaryKeyPosition or 0)
    return Contract(
        name=schema.name or "",
        description=schema.description or "",
        grain=schema.dataGranularityDescription or "",
        columns=tuple(_column(p) for p in properties),
        key=tuple(p.name or "" for p in keys),
        rules=tuple(_rules(properties, schema.quality)),
        load=custom.get("load", "delta"),
        required=bool(custom.get("required", False)),
        dialect=dialect,
        expectations=tuple(expectations.values()),
        control_amount=custom.get("controlAmount"),
    )


def _dialect(server: Server, custom: dict[str, Any]) -> Dialect:
    return Dialect(
        delimiter=server.delimiter or ",",
        encoding=server.encoding or "utf-8",
        decimal_mark=custom.get("decimalMark", "."),
        time_zone=custom.get("timeZone"),
        date_format=str(custom["dateFormat"]).upper() if "dateFormat" in custom else None,
    )


@cache
def sources() -> dict[str, Contract]:
    """All source contracts by name, required ones first, else alphabetical.

    Those in `sources/` of the folder that LOYALTY_CONTRACTS names stand for the project's of the same name.

    Raises:
        ValueError: a contract is not valid, or one that stands for the project's lacks a column, has a narrower or
            another type for one, or has another key.
    """
    defaults = read_contract(CONTRACTS / "every_source.yaml").expectations
    project = (read_contract(path, defaults) for path in sorted((CONTRACTS / "sources").glob("*.yaml")))
    found = {c.name: c for c in project}
    if folder := load_settings().contracts:
        for path in _own_contracts(folder):
            own = read_contract(path, defaults)
            _check_stands_for(found.get(own.name), own, path)
            found[own.name] = own
    return {c.name: c for c in sorted(found.values(), key=lambda c: (not c.required, c.name))}


def _own_contracts(folder: Path) -> list[Path]:
    paths = sorted((folder / "sources").glob("*.yaml"))
    if not paths:
        raise ValueError(f"LOYALTY_CONTRACTS is {folder}, but there is no contract in {folder / 'sources'}")
    return paths


def _check_stands_for(replaced: Contract | None, own: Contract, path: Path) -> None:
    """What the pipeline's SQL counts on must be in a retailer's own contract of a source that it knows."""
    if replaced is None:
        return
    missing = [c.name for c in replaced.columns if c.name not in {column.name for column in own.columns}]
    if missing:
        raise ValueError(f"{path}: columns that the pipeline reads are missing: {', '.join(missing)}")
    types = {column.name: column.type for column in own.columns}
    for column in replaced.columns:
        if not _holds_all_of(types[column.name], column.type):
            raise ValueError(
                f"{path}: column {column.name} is {types[column.name]}, which can't hold every value of the "
                f"{column.type} that the pipeline counts on; a wider type of the same kind may stand for it"
            )
    if own.key != replaced.key:
        raise ValueError(f"{path}: the key must be {', '.join(replaced.key)}")
    if open_to_all := sorted(set(replaced.personal_columns) - set(own.personal_columns)):
        raise ValueError(f"{path}: must be marked as personal: {', '.join(open_to_all)}")


_WHOLE = ("INTEGER", "BIGINT")  # numbers, the narrower first


def _holds_all_of(own: str, project: str) -> bool:
    """Whether a type is another one, or a wider one of the same kind."""
    if own in _WHOLE and project in _WHOLE:
        return _WHOLE.index(own) >= _WHOLE.index(project)
    decimals = [re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", name) for name in (own, project)]
    if all(decimals):
        (digits, scale), (least_digits, least_scale) = (tuple(map(int, found.groups())) for found in decimals if found)
        return scale >= least_scale and digits - scale >= least_digits - least_scale
    return own == project


@cache
def table_contract(name: str) -> Contract:
    """The contract of a table that this project makes.

    Raises:
        FileNotFoundError: there is none.
    """
    return read_contract(CONTRACTS / "marts" / f"{name}.yaml")
