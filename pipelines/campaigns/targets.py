"""Export targets: the formats of importing tools, and the SQL that fills them.

The formats are the contracts in data_contracts/exports/: headers, where a column's value comes from, what is hashed,
delimiter, size limit, fewest rows.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.contracts import CONTRACTS, custom_properties, open_contract
from pipelines.engines.sql import identifier, quoted

Kind = Literal["list", "removals"]


# Where a contract's column takes its value: r = the customer's row on the list, c = the customer's consents. Without a
# customer row there is no consent.
SOURCES = {
    **{name: f"r.{name}" for name in (*ADDRESSES, "customer_id", "first_name", "last_name", "middle_name")},
    "email_opt_out": "CAST(COALESCE(c.is_deleted OR NOT c.email_consent, TRUE) AS INTEGER)",
}


# The tables of campaigns.selection that files are made from.
_LISTS: dict[Kind, str] = {"list": "list_entry", "removals": "list_removal"}


# A removal names the customer, and says nothing else about them.
REMOVAL_SOURCES = {*ADDRESSES, "customer_id", "email_opt_out"}


# A gmail address without the dots and the +suffix of its local part, which Google ignores.
_GOOGLE_EMAIL = r"""CASE WHEN regexp_matches({0}, '@(gmail|googlemail)\.com$')
    THEN replace(split_part(split_part({0}, '@', 1), '+', 1), '.', '') || '@' || split_part({0}, '@', 2) ELSE {0} END"""


# How a value is written. Text that a spreadsheet would read as a formula gets an apostrophe; a record is one line.
FORMS = {
    "plain": "{0}",
    "text": r"""regexp_replace(CASE WHEN regexp_matches({0}, '^[=+\-@\t\r\n]') THEN '''' || {0} ELSE {0} END,
    '[\r\n]+', ' ', 'g')""",
    "sha256": "sha256(NULLIF(lower(trim({0})), ''))",
    "sha256_digits": "sha256(ltrim({0}, '+'))",
    "sha256_google_email": f"sha256({_GOOGLE_EMAIL})",
}


@dataclass(frozen=True)
class TargetColumn:
    """A column of a target's file; one without a source is filled by the campaign."""

    header: str
    source: str | None
    form: str
    always: bool


@dataclass(frozen=True)
class Target:
    """The file that an importing tool takes."""

    name: str
    channels: tuple[str, ...]
    columns: tuple[TargetColumn, ...]
    format: Literal["csv", "jsonl"]
    delimiter: str = ","
    maximum_bytes: int | None = None
    minimum_rows: int = 0
    free_columns: bool = False

    @property
    def open_headers(self) -> set[str]:
        """Headers of the contract that a campaign may fill from customer_360."""
        return {column.header for column in self.columns if column.source is None}


def target_names() -> list[str]:
    """All targets that have a contract in data_contracts/exports/."""
    return sorted(path.stem for path in (CONTRACTS / "exports").glob("*.yaml"))


@cache
def export_target(name: str) -> Target:
    """The target of this name, from its contract.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is no valid contract, or a column's source or form is unknown; the message names the file.
    """
    with open_contract(CONTRACTS / "exports" / f"{name}.yaml") as file:
        (server,) = file.servers
        columns = []
        for prop in file.schema.properties or []:
            custom = custom_properties(prop.customProperties)
            source, form = custom.get("source"), custom.get("form")
            if source not in (None, *SOURCES) or form not in (None, *FORMS):
                raise ValueError(f"column {prop.name}: unknown source {source!r} or form {form!r}")
            default = "plain" if source in (*ADDRESSES, "email_opt_out") else "text"
            columns.append(TargetColumn(prop.name or "", source, form or default, bool(custom.get("always"))))
        return Target(
            name=name,
            channels=tuple(file.custom["channels"]),
            columns=tuple(columns),
            format="jsonl" if server.format == "jsonl" else "csv",
            delimiter=server.delimiter or ",",
            maximum_bytes=file.custom.get("maximumBytes"),
            minimum_rows=file.custom.get("minimumRows", 0),
            free_columns=bool(file.custom.get("freeColumns")),
        )


def file_value(expression: str, form: str, type_name: str, target: Target) -> str:
    """SQL of a value as it stands in the file; numbers and JSON need no protection from spreadsheets."""
    if form.startswith("sha256"):
        return FORMS[form].format(f"CAST({expression} AS VARCHAR)")
    if form == "text" and type_name == "VARCHAR" and target.format == "csv":
        return FORMS["text"].format(expression)
    return expression


def list_query(target: Target, channel: str, fields: dict[str, str], types: dict[str, str], kind: Kind) -> str:
    """SQL of a file's rows, in order of customer_id (of removals some have none: then of the address).

    It reads list_entry or list_removal, and customer and customer_360 if a column comes from there.

    The contract's columns come first, then the campaign's own. A contract's column is written if the channel may use
    its source, if the campaign fills it, or if a file always has it (then it may be empty). Where columns are free, a
    campaign that names a source of the contract gives it another header. A row that names nobody is left out.

    Args:
        target: whose file it is.
        channel: only its addresses are written.
        fields: header → column of customer_360, or one of SOURCES.
        types: DuckDB type by column of customer_360.
        kind: removals hold identifiers only.
    """
    renamed = set(fields.values()) if target.free_columns else set()
    own = [TargetColumn(header, None, "text", False) for header in fields if header not in target.open_headers]
    unused = set(ADDRESSES) - set(CHANNELS[channel])
    values: dict[str, str] = {}
    names_someone = []
    for column in (*target.columns, *own):
        if column.source in renamed:
            continue
        source = column.source or fields.get(column.header)
        if source is None or source in unused or (kind == "removals" and source not in REMOVAL_SOURCES):
            sql = "NULL" if column.always else None
        elif source in SOURCES:
            form = "plain" if source in ADDRESSES and column.form == "text" else column.form
            sql = file_value(SOURCES[source], form, "VARCHAR", target)
        else:
            sql = file_value(f"f.{identifier(source)}", column.form, types[source], target)
        if sql:
            values[column.header] = sql
        if sql and source in (*CHANNELS[channel], "customer_id"):
            names_someone.append(f"{SOURCES[source]} IS NOT NULL")
    columns = ", ".join(f"{sql} AS {quoted(header)}" for header, sql in values.items())
    order = ("customer_id", *CHANNELS[channel]) if kind == "removals" else ("customer_id",)
    joins = [
        f"LEFT JOIN {table} AS {alias} ON {alias}.customer_id = r.customer_id"
        for alias, table in (("c", "customer"), ("f", "customer_360"))
        if any(re.search(rf"\b{alias}\.", sql) for sql in values.values())
    ]
    return f"""SELECT {columns} FROM {_LISTS[kind]} AS r {" ".join(joins)}
        WHERE r.campaign_id = $campaign AND r.channel = $channel AND ({" OR ".join(names_someone)})
        ORDER BY {", ".join(f"r.{name}" for name in order)}"""
