"""Contracts: one Open Data Contract Standard file per source, table and export target, read into small typed objects.

A contract alone says what a column is: its type, rules, meaning, and whether it is personal. Readers, checks, empty
tables, comments and the data dictionary take it from there. The folders of data_contracts/ are sources, exports and
the layers of tables, as in sql/.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
    Server,
)

from pipelines.column_types import PLAIN_NAME, check_columns, holds_all_of
from pipelines.contract_checks import check_row_rule, read_document, read_flag
from pipelines.dialect import Dialect, read_dialect
from pipelines.errors import LoyaltyError
from pipelines.settings import ROOT, load_settings

CONTRACTS = ROOT / "data_contracts"
# Folders of tables' contracts and of their SQL, in the order in which a night makes them.
TABLE_LAYERS = ("facts", "scores", "marts", "segments")


class ContractError(LoyaltyError, ValueError):
    """A contract can't be used. The message names its file and what is wrong in it."""


class MissingContractError(LoyaltyError, FileNotFoundError):
    """A table has no contract. The message names the file to write."""


@dataclass(frozen=True)
class Rule:
    """A condition that each row must meet, as SQL that is not false for a good row."""

    name: str
    condition: str


@dataclass(frozen=True)
class Expectation:
    """What a source's batch is checked for: a great-expectations type and its arguments, on a figure of the profile.

    A figure that rests on fewer than `minimum_rows` rows is not checked. The severity fail stops the night.
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
    """A column. `default` is what NULL means; `former_names` are its names in earlier extracts and nights.

    Values of a `case_insensitive` column are kept in one form for all their spellings. In a column that `ends_day`, a
    date alone stands for the last moment of its day. A `shareable` one may be shown to the customer:
    a campaign's file may hold it. One that `dates_rows` says when a row happened, though a row may lack it.
    """

    name: str
    type: str
    description: str
    required: bool = False
    personal: bool = False
    identifier: bool = False
    values: tuple[str, ...] = ()
    default: str | None = None
    former_names: tuple[str, ...] = ()
    case_insensitive: bool = False
    ends_day: bool = False
    shareable: bool = field(default=False, repr=False)
    dates_rows: bool = field(default=False, repr=False)

    @property
    def may_be_unknown(self) -> bool:
        """Whether a value outside the list is read as NULL, because NULL means "not known" here."""
        return bool(self.values) and not self.required and self.default is None


@dataclass(frozen=True)
class Contract:
    """A source or a table: its columns, key and rules.

    `published` says whether the warehouse holds the table, or a view over the lake's files. `is_view` says that a night
    writes no file for it: its SELECT runs where it is read. `whole_per` is the column of the key by which a delta's
    rows come whole, as a receipt's lines do: a later night that has a receipt replaces all of its lines. "row" is none.

    The repr decides whether an extract is staged anew, so it leaves out what has no part in how an extract is read.
    """

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    load: Literal["delta", "full"] = "delta"
    required: bool = False
    dialect: Dialect = field(default_factory=Dialect)
    expectations: tuple[Expectation, ...] = field(default=(), repr=False)
    control_amount: str | None = field(default=None, repr=False)
    whole_per: str = field(default="row", repr=False)
    published: Literal["table", "view"] | None = field(default=None, repr=False)
    is_view: bool = field(default=False, repr=False)

    @property
    def replaced_by(self) -> tuple[str, ...]:
        """The columns of the key in which a later night's row and those that it replaces are equal."""
        return self.key if self.whole_per == "row" else (self.whole_per,)

    @property
    def published_columns(self) -> tuple[Column, ...]:
        """What analysts see of a table: no personal column, and not when the lake last wrote the row."""
        return tuple(column for column in self.columns if not column.personal and column.name != "landing_date")

    @property
    def personal_columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.personal)


@dataclass(frozen=True)
class ContractFile:
    """A contract as its file has it: its one schema, the schema's custom properties, the servers."""

    schema: SchemaObject
    custom: dict[str, Any]
    servers: list[Server]


@contextmanager
def open_contract(path: Path) -> Iterator[ContractFile]:
    """The contract in a YAML file, for one who reads it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no valid contract, or its reader refuses what stands there; the message names the file.
    """
    try:
        document = OpenDataContractStandard(**read_document(path.read_text(encoding="utf-8")))
        (schema,) = document.schema_ or []
        yield ContractFile(schema, custom_properties(schema.customProperties), document.servers or [])
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ContractError(f"{path}: not a valid data contract: {error}") from error


def custom_properties(properties: list[CustomProperty] | None) -> dict[str, Any]:
    """Values by property."""
    return {p.property: p.value for p in properties or [] if p.property}


def _column(prop: SchemaProperty, replaced: Column | None = None) -> Column:
    """A column; how its values are read it takes, where it does not say so, from the column that it replaces."""
    custom = custom_properties(prop.customProperties)
    column = Column(
        name=prop.name or "",
        type=prop.physicalType or "",
        description=prop.description or "",
        required=bool(prop.required),
        personal=prop.classification == "personal",
        identifier="identifier" in (prop.tags or []),
        values=tuple(str(item.value) for item in prop.enum or []),
        default=custom.get("default"),
        former_names=_former_names(prop.name or "", custom.get("formerNames", [])),
        case_insensitive=custom.get("caseInsensitive", replaced is not None and replaced.case_insensitive),
        ends_day=_ends_day(prop.name or "", custom.get("dateAlone"), replaced),
        shareable=custom.get("shareable") is True,
        dates_rows=custom.get("datesRows", replaced is not None and replaced.dates_rows) is True,
    )
    if column.case_insensitive not in (True, False) or (column.case_insensitive and not column.identifier):
        raise ValueError(f"column {column.name}: caseInsensitive is true or false, and true of an identifier alone")
    return column


def _ends_day(column: str, date_alone: Any, replaced: Column | None) -> bool:
    if date_alone not in (None, "startOfDay", "endOfDay"):
        raise ValueError(f"column {column}: dateAlone {date_alone!r} is neither startOfDay nor endOfDay")
    return date_alone == "endOfDay" if date_alone else replaced is not None and replaced.ends_day


def _former_names(column: str, names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(str(name).strip() for name in names):
        raise ValueError(f"column {column}: formerNames {names!r} is no list of names; write it like [InvoiceNo]")
    return tuple(str(name) for name in names)


def _check_source(contract: Contract, path: Path) -> Contract:
    """A source's contract has what its extract can't be read without."""
    names = {column.name for column in contract.columns}
    problem = None
    if not PLAIN_NAME.fullmatch(contract.name):
        problem = f"the schema's name {contract.name!r} is not of lower-case letters, digits and underscores"
    elif not contract.key:
        problem = "no column is the primaryKey; mark the columns by which a later row replaces an earlier one"
    elif contract.load not in ("delta", "full"):
        problem = f"load {contract.load!r} is neither delta nor full"
    elif contract.control_amount is not None and contract.control_amount not in names:
        problem = f"controlAmount {contract.control_amount!r} is none of its columns"
    if problem:
        raise ContractError(f"{path}: not a valid data contract: {problem}")
    return contract


def _rules(properties: list[SchemaProperty], quality: Any) -> Iterator[Rule]:
    for prop in properties:
        if prop.required:
            yield Rule(f"{prop.name}_missing", f'"{prop.name}" IS NOT NULL')
        if prop.enum:
            allowed = ", ".join("'" + str(item.value).replace("'", "''") + "'" for item in prop.enum)
            yield Rule(f"{prop.name}_unknown_value", f'"{prop.name}" IN ({allowed})')
    checks = [check for prop in properties for check in prop.quality or []]
    for check in (*checks, *(check for check in quality or [] if check.engine == "row_rule")):
        check_row_rule(check.name or "", str(check.implementation), {prop.name or "" for prop in properties})
        yield Rule(check.name or "", str(check.implementation))


def _expectations(
    quality: list[DataQuality] | None, defaults: Mapping[str, Expectation]
) -> Iterator[tuple[str, Expectation]]:
    """Each expectation by name. What an item leaves out is taken from the default of the same name."""
    for check in quality or []:
        if check.engine != "greatExpectations":
            continue
        name, implementation, custom = check.name or "", check.implementation, custom_properties(check.customProperties)
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


def read_contract(path: Path, defaults: tuple[Expectation, ...] = (), replaced: Contract | None = None) -> Contract:
    """The contract in a YAML file. A default expectation applies unless the file has one of the same name.

    What it does not say of how rows and values are read is taken from the contract that it replaces, if it does.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no valid contract; the message names it.
    """
    with open_contract(path) as file:
        schema, custom = file.schema, file.custom
        properties = schema.properties or []
        keys = sorted((p for p in properties if p.primaryKey), key=lambda p: p.primaryKeyPosition or 0)
        by_name = {expectation.name: expectation for expectation in defaults}
        published = custom.get("published")
        if published not in (None, "table", "view"):
            raise ValueError(f"published {published!r} is neither table nor view")
        key = tuple(p.name or "" for p in keys)
        known = {column.name: column for column in replaced.columns} if replaced else {}
        columns = tuple(_column(p, known.get(p.name or "")) for p in properties)
        if schema.physicalType != "file":  # the headers of a tool's file are the tool's
            check_columns((c.name, c.type, c.former_names) for c in columns)
        return Contract(
            name=schema.name or "",
            description=schema.description or "",
            grain=schema.dataGranularityDescription or "",
            columns=columns,
            key=key,
            rules=tuple(_rules(properties, schema.quality)),
            load=custom.get("load", "delta"),
            whole_per=_whole_per(custom, key, replaced.whole_per if replaced else "row"),
            required=read_flag(custom, "required"),
            dialect=read_dialect(file.servers[0] if file.servers else Server(), custom),
            expectations=tuple((by_name | dict(_expectations(schema.quality, by_name))).values()),
            control_amount=custom.get("controlAmount"),
            published=published,
            is_view=schema.physicalType == "view",
        )


def _whole_per(custom: dict[str, Any], key: tuple[str, ...], default: str) -> str:
    column = str(custom.get("wholePer", default if default in key else "row"))
    if column not in ("row", *key):
        raise ValueError(f"wholePer {column!r} is neither row nor a column of the key: {', '.join(key)}")
    return column


@cache
def sources() -> dict[str, Contract]:
    """All source contracts by name: the required ones first, each group in alphabetical order.

    A contract in `sources/` of the folder that LOYALTY_CONTRACTS names replaces the project's of the same name.

    Raises:
        ValueError: a contract is not valid; or one that replaces the project's lacks a column, has a narrower or
            another type for one, has another key, or does not mark a personal column as personal.
    """
    defaults = read_contract(CONTRACTS / "every_source.yaml").expectations
    paths = sorted((CONTRACTS / "sources").glob("*.yaml"))
    project = [_check_source(read_contract(path, defaults), path) for path in paths]
    found = {c.name: c for c in project}
    if folder := load_settings().contracts:
        for path in _own_contracts(folder):
            own = read_contract(path, defaults, found.get(path.stem))
            _check_replaces(found.get(own.name), own, path)
            found[own.name] = _check_source(own, path)
    return {c.name: c for c in sorted(found.values(), key=lambda c: (not c.required, c.name))}


def _own_contracts(folder: Path) -> list[Path]:
    paths = sorted((folder / "sources").glob("*.yaml"))
    if not paths:
        raise ContractError(f"LOYALTY_CONTRACTS is {folder}, but there is no contract in {folder / 'sources'}")
    return paths


def _check_replaces(replaced: Contract | None, own: Contract, path: Path) -> None:
    """A retailer's own contract of a known source must have what the pipeline's SQL counts on."""
    if replaced is None:
        return
    missing = [c.name for c in replaced.columns if c.name not in {column.name for column in own.columns}]
    if missing:
        raise ContractError(f"{path}: columns that the pipeline reads are missing: {', '.join(missing)}")
    types = {column.name: column.type for column in own.columns}
    for column in replaced.columns:
        if not holds_all_of(types[column.name], column.type):
            raise ContractError(
                f"{path}: column {column.name} is {types[column.name]}, which can't hold every value of the "
                f"{column.type} that the pipeline counts on; a wider type of the same kind may replace it"
            )
    if own.key != replaced.key:
        raise ContractError(f"{path}: the key must be {', '.join(replaced.key)}")
    if unmarked := sorted(set(replaced.personal_columns) - set(own.personal_columns)):
        raise ContractError(f"{path}: must be marked as personal: {', '.join(unmarked)}")


@cache
def _table_files() -> dict[str, Path]:
    """The file of each table's contract by the table's name, layer by layer."""
    files: dict[str, Path] = {}
    for layer in TABLE_LAYERS:
        for path in sorted((CONTRACTS / layer).glob("*.yaml")):
            if path.stem in files:
                raise ContractError(f"two contracts are named {path.stem}: {files[path.stem]} and {path}; remove one")
            files[path.stem] = path
    return files


def contract_path(name: str) -> Path:
    """Where the contract of a table stands; without one, where it has to stand: in the folder of the table's layer."""
    if found := _table_files().get(name):
        return found
    layers = (layer for layer in TABLE_LAYERS if (ROOT / "sql" / layer / f"{name}.sql").exists())
    return CONTRACTS / next(layers, f"({'|'.join(TABLE_LAYERS)})") / f"{name}.yaml"


@cache
def table_contract(name: str) -> Contract:
    """The contract of a table that this project makes.

    Raises:
        FileNotFoundError: there is none; the message names the file to write.
        ValueError: it is not valid, or two contracts have one name.
    """
    path = contract_path(name)
    if not path.exists():
        raise MissingContractError(f"table {name} has no contract: write {path}")
    return read_contract(path)


def layer_contracts(layer: str) -> list[Contract]:
    """The contracts of one layer's tables, by name."""
    return [table_contract(name) for name, path in _table_files().items() if path.parent.name == layer]


def published_tables() -> list[Contract]:
    """The contracts of the tables that analysts see in the warehouse, layer by layer, each by name."""
    return [contract for layer in TABLE_LAYERS for contract in layer_contracts(layer) if contract.published]
