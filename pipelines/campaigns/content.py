"""What stands in a campaign file: the SQL of its rows, from the tool's format and the campaign's own fields."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.config import MergeField, membership_field
from pipelines.campaigns.targets import (
    COUNTRY_FORMS,
    FORMS,
    REMOVAL_SOURCES,
    SOURCES,
    Kind,
    Target,
    TargetColumn,
    form_of,
)
from pipelines.engines.sql import identifier, literal, quoted

# The tables of campaigns.selection that files are made from: those of tonight's lists, and of the last ones where a
# campaign is held back.
_LISTS: dict[Kind, str] = {"list": "list_entry", "removals": "list_removal"}
_HELD_LISTS: dict[Kind, str] = {
    "list": "(FROM list_kept WHERE NOT must_leave)",
    "removals": "(FROM list_kept WHERE must_leave)",
}
_OF_THE_LIST = "r.campaign_id = $campaign AND r.channel = $channel AND r.target = $target"
# What else a value may be read from. An account that was merged has the consents of the person.
_JOINS = {
    "c": """LEFT JOIN customer_identity AS i ON i.source_customer_id = r.customer_id
        LEFT JOIN customer AS c ON c.customer_id = COALESCE(i.customer_id, r.customer_id)""",
    "f": "LEFT JOIN customer_360 AS f ON f.customer_id = r.customer_id",
}


@dataclass(frozen=True)
class ListFile:
    """A list of a campaign for a tool, or who left it.

    Attributes:
        target: The tool's format.
        campaign_id: The campaign.
        channel: Only its addresses are written.
        kind: Removals hold identifiers only.
        fields: The campaign's own, by header.
        types: DuckDB type by column of customer_360.
        sent_on: The night of a sending; None for an audience.
        is_held: The campaign is held back: the file is of its last list.
    """

    target: Target
    campaign_id: str
    channel: str
    kind: Kind
    fields: Mapping[str, MergeField] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    sent_on: date | None = None
    is_held: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """For the queries of this module."""
        return {"campaign": self.campaign_id, "channel": self.channel, "target": self.target.name}


@dataclass(frozen=True)
class _Value:
    """A column's value: SQL as it stands in the file, and as it was before; the source that it was taken from."""

    written: str
    raw: str
    source: str | None
    column: TargetColumn


def list_query(file: ListFile) -> str:
    """SQL of a file's rows, in order of customer_id (of removals some have none: then of the address).

    It reads list_entry and, for removals, list_removal (of a campaign that is held back: list_kept); customer,
    customer_identity and customer_360 if a column comes from there. Its parameters are ListFile.parameters.

    The contract's columns come first, then the campaign's own, then the field of membership where the tool removes by
    one: 1 on the list (in a sending its night), 0 in removals. A contract's column is written if the channel may use
    its source, if the campaign fills it, or if a file always has it (then it may be empty). Where columns are free, a
    campaign that names a source of the contract gives it another header. A row that names nobody is left out.

    Raises:
        ValueError: the tool takes no removals: imported as a list, such a file would add people.
    """
    if file.kind == "removals" and not file.target.takes_removals:
        raise ValueError(f"{file.target.name} takes no file of removals")
    values = _values(file)
    select = {header: _with_needs(value, values) if value else "NULL" for header, value in values.items()}
    identifiers = (*CHANNELS[file.channel], "customer_id")
    names_someone = [f"({v.written}) IS NOT NULL" for v in values.values() if v and v.source in identifiers]
    if file.target.removal == "field":
        select[membership_field(file.campaign_id)] = _membership(file)
    order = identifiers[::-1] if file.kind == "removals" else ("customer_id",)
    return f"""SELECT {", ".join(f"{sql} AS {quoted(header)}" for header, sql in select.items())}
        FROM {_rows(file, select.values())} AND ({" OR ".join(names_someone)})
        ORDER BY {", ".join(f"r.{name}" for name in order)}"""


def identifiers_of(file: ListFile) -> dict[str, str]:
    """The columns of a file that name a customer: what each is taken from, by header."""
    sources = (*CHANNELS[file.channel], "customer_id")
    return {header: v.source for header, v in _values(file).items() if v and v.source in sources}


def _membership(file: ListFile) -> str:
    if file.kind == "removals":
        return "0"
    return literal(file.sent_on.isoformat()) if file.sent_on else "1"


def _rows_of(file: ListFile, kind: Kind) -> str:
    """What to write after FROM to read a list, or what left it."""
    return (_HELD_LISTS if file.is_held else _LISTS)[kind]


def country_losses_query(file: ListFile) -> str | None:
    """SQL of the headers of countries and how many of the list's values are left out as no country; None without any.

    It reads what list_query reads, with the same parameters.
    """
    values = [v for v in _values(file).values() if v and v.column.form in COUNTRY_FORMS and v.source != "country"]
    counts = [
        f"""SELECT {literal(v.column.header)}, COUNT(*)
        FROM {_rows(file, [v.raw])} AND trim({v.raw}) <> '' AND ({v.written}) IS NULL"""
        for v in values
    ]
    return " UNION ALL ".join(counts) or None


def _rows(file: ListFile, expressions: Iterable[str]) -> str:
    """SQL of a list's rows, joined with what the expressions are read from."""
    text = " ".join(expressions)
    joins = [sql for alias, sql in _JOINS.items() if re.search(rf"\b{alias}\.", text)]
    return f"{_rows_of(file, file.kind)} AS r {' '.join(joins)} WHERE {_OF_THE_LIST}"


def _values(file: ListFile) -> dict[str, _Value | None]:
    """Each column's value by header, in the file's order; None for a column that is there without a value."""
    target, fields = file.target, file.fields
    renamed = {merge.column for merge in fields.values() if merge.column} if target.free_columns else set()
    own = [TargetColumn(header) for header in fields if header not in target.open_headers]
    found: dict[str, _Value | None] = {}
    for column in (*target.columns, *own):
        if column.source in renamed:
            continue
        merge = MergeField(column=column.source) if column.source else None
        if column.is_open:
            merge = fields.get(column.header, merge)
        value = _value(column, merge, file) if merge else None
        if value or column.always:
            found[column.header] = value
    return found


def _value(column: TargetColumn, merge: MergeField, file: ListFile) -> _Value | None:
    """A column's value, if this file may have one."""
    source = merge.column
    if source in set(ADDRESSES) - set(CHANNELS[file.channel]):
        return None
    if file.kind == "removals" and source not in REMOVAL_SOURCES:
        return None
    form = form_of(source) if column.form == "text" else column.form
    if source is None:
        raw, type_name = literal(merge.value or ""), "VARCHAR"
    elif source in SOURCES:
        raw, type_name = SOURCES[source], "VARCHAR"
    else:
        raw, type_name = f"f.{identifier(source)}", file.types[source]
    written = _written(raw, form, type_name, file.target)
    if merge.default is not None:
        default = _written(literal(merge.default), form, "VARCHAR", file.target)
        written = f"COALESCE(CAST({written} AS VARCHAR), {default})"
    if file.kind == "removals" and source in (*ADDRESSES, "customer_id"):
        written = _not_on_the_list(written, file)
    return _Value(written, raw, source, column)


def _written(value: str, form: str, type_name: str, target: Target) -> str:
    """SQL of a value as it stands in the file; numbers and JSON need no protection from spreadsheets."""
    if form.startswith("sha256") or form in COUNTRY_FORMS:
        return FORMS[form].format(f"CAST({value} AS VARCHAR)")
    if form in ("text", "name") and type_name == "VARCHAR" and target.format == "csv":
        return FORMS[form].format(value)
    return value


def _not_on_the_list(written: str, file: ListFile) -> str:
    """SQL of an address to remove, unless tonight's list has it as the file would write it.

    Two addresses may be one in the tool's form: a.b@gmail.com and ab@gmail.com have the same hash for Google.
    """
    held = f"SELECT {written} FROM {_rows_of(file, 'list')} AS r WHERE {_OF_THE_LIST} AND ({written}) IS NOT NULL"
    return f"CASE WHEN ({written}) NOT IN ({held}) THEN {written} END"


def _with_needs(value: _Value, values: Mapping[str, _Value | None]) -> str:
    """SQL of a column's value, which it has only beside values of the columns that it needs."""
    needed = [values.get(header) for header in value.column.needs]
    if not needed:
        return value.written
    given = [f"trim(CAST({v.written} AS VARCHAR)) <> ''" if v else "FALSE" for v in needed]
    return f"CASE WHEN {' AND '.join(given)} THEN {value.written} END"
