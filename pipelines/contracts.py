"""Contracts: one Open Data Contract Standard file per source, table and export, read into small typed objects.

One place says a column's type, rule, meaning and whether it is personal; readers, checks, empty tables, comments and
the data dictionary take it from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from open_data_contract_standard.model import CustomProperty, OpenDataContractStandard, SchemaProperty, Server

from pipelines.settings import ROOT

CONTRACTS = ROOT / "data_contracts"


@dataclass(frozen=True)
class Rule:
    """A condition each row must meet: SQL that is not false for a good row."""

    name: str
    condition: str


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    description: str
    required: bool = False
    personal: bool = False
    identifier: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dialect:
    """How a source's text files are written."""

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_mark: str = "."


@dataclass(frozen=True)
class Contract:
    """A source, table or export: its columns, key and rules."""

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    load: Literal["delta", "full"] = "delta"
    required: bool = False
    dialect: Dialect = Dialect()

    @property
    def personal_columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.personal)


def _custom(properties: list[CustomProperty] | None) -> dict[str, Any]:
    return {p.property: p.value for p in properties or [] if p.property}


def _column(prop: SchemaProperty) -> Column:
    return Column(
        name=prop.name or "",
        type=prop.physicalType or "",
        description=prop.description or "",
        required=bool(prop.required),
        personal=prop.classification == "personal",
        identifier="identifier" in (prop.tags or []),
        values=tuple(str(item.value) for item in prop.enum or []),
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
        yield Rule(check.name or "", str(check.implementation))


def read_contract(path: Path) -> Contract:
    """The contract in a YAML file.

    Raises:
        ValueError: the file is no valid contract; the message names it.
    """
    try:
        document = OpenDataContractStandard.from_string(path.read_text(encoding="utf-8"))
        (schema,) = document.schema_ or []
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: not a valid data contract: {error}") from error
    properties = schema.properties or []
    custom = _custom(schema.customProperties)
    server = document.servers[0] if document.servers else Server()
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
        dialect=Dialect(
            delimiter=server.delimiter or ",",
            encoding=server.encoding or "utf-8",
            decimal_mark=custom.get("decimalMark", "."),
        ),
    )


@cache
def sources() -> dict[str, Contract]:
    """All source contracts by name, required ones first, else alphabetical."""
    found = [read_contract(path) for path in sorted((CONTRACTS / "sources").glob("*.yaml"))]
    return {c.name: c for c in sorted(found, key=lambda c: (not c.required, c.name))}


@cache
def table_contract(name: str) -> Contract:
    """The contract of a table that this project makes.

    Raises:
        FileNotFoundError: there is none.
    """
    return read_contract(CONTRACTS / "marts" / f"{name}.yaml")
