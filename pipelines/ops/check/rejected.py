"""The rules that a folder's rows break most, with an example each; and keys that repeat. Personal values are masked."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pipelines.column_types import header_name
from pipelines.contracts import Column, Contract, sources
from pipelines.dialect import Dialect
from pipelines.errors import LoyaltyError
from pipelines.intake.deliveries import names_in_folder
from pipelines.intake.extract import contract_names, header_of
from pipelines.intake.inspection.looks import PERSON, is_date, is_number
from pipelines.intake.inspection.samples import shown, shown_short
from pipelines.intake.inspection.synonyms import header_score, is_personal_header
from pipelines.intake.mapping.config_file import MappingFile, read_mapping
from pipelines.intake.mapping.feed_files import feed_files
from pipelines.intake.stage import repeated_keys
from pipelines.intake.staging_contracts import address_columns, listed_addresses
from pipelines.ops.check.reading import Reading

_WIDTH = 40  # characters of a value
_FIELDS = 12  # of an example
_PHONE_DIGITS = 9
_PERSONS = ("customer_id", "card_id", "merged_into_customer_id")
_May = Literal["always", "short", "never"]
_FEW = 5  # addresses; fewer tell nothing
# What rules mean that are no column's, and the endings of those that are.
_WHOLE_ROW = {
    "too_few_fields": "has fewer fields than the header",
    "too_many_fields": "has more fields than the header",
    "repeated_header": "is the header once more, and counts as no row",
    "erased": "is of somebody who was erased",
    "stray_quote": 'has a quotation mark that is not closed or not doubled ("")',
    "stray_carriage_return": "has a line end within a field that is not quoted",
    "field_too_long": "has a field that is longer than data are",
    "wrong_encoding": "is no text of the encoding that the contract or the mapping names",
    "nul_byte": "has a NUL byte, which no text has",
}
_ENDINGS = {
    "_missing": "is empty, and has to be given",
    "_unreadable": "can't be read as {type}",
    "_unknown_value": "is none of {values}",
    "_not_mapped": "has a text that `values` in mapping.yaml does not list",
    "_out_of_range": "is a date that can't be",
    "_in_scientific_notation": "lost digits in a spreadsheet (1.23457E+15)",
    "_spreadsheet_error": "is an error of a spreadsheet (#VALUE!)",
    "_inexact_number": "is a number too long to be exact",
    "_differs": "differs within what is to be one row",
}


@dataclass(frozen=True)
class BrokenRule:
    """A rule that rows of a source break: what it means, how many do, and where one of them is, with its fields."""

    source: str
    rule: str
    meaning: str
    count: int
    file: str
    row_number: int
    example: str


def broken_rules(reading: Reading) -> list[BrokenRule]:
    """The rules that rejected rows break, the most broken first."""
    found = []
    for name in sources():
        if rejected := reading.rejected(name):
            first = "(file, row_number)"
            for rule, count, file, row, values in reading.engine.rows(
                f"SELECT rule, COUNT(*), ARG_MIN(file, {first}), ARG_MIN(row_number, {first}), "
                f"ARG_MIN(row_values, {first}) FROM {rejected} GROUP BY rule ORDER BY rule"
            ):
                example = _example(reading, sources()[name], file, json.loads(values))
                meaning = _meaning(sources()[name], rule, is_mapped=_is_mapped(reading, name))
                found.append(BrokenRule(name, rule, meaning, count, file, row, example))
    return sorted(found, key=lambda broken: -broken.count)


def _is_mapped(reading: Reading, source: str) -> bool:
    mapping = read_mapping(reading.settings.home)
    return mapping is not None and bool(mapping.parts(source))


def _type_words(column: Column, dialect: Dialect | None) -> str:
    """What a column's values are read as, written as the dialect has it (None: as a feed's has it)."""
    if column.type == "BOOLEAN":
        return "true or false"
    if column.type in ("DATE", "TIMESTAMP WITH TIME ZONE"):
        form = f" written {dialect.date_format or 'YYYY-MM-DD'}" if dialect else ""
        return f"a date{form}" if column.type == "DATE" else f"a date and time{form}"
    return f"a number with the decimal mark {dialect.decimal_mark!r}" if dialect else "a number"


def _meaning(contract: Contract, rule: str, *, is_mapped: bool) -> str:
    """What a rule says, in words; a rule of the contract's own says it by its name."""
    if rule in _WHOLE_ROW:
        return f"the row {_WHOLE_ROW[rule]}"
    if rule.startswith("order_differs_in_"):
        return "a column that is filled down has several values in one order"
    of = [column for column in contract.columns if rule.startswith(column.name)]
    column = max(of, key=lambda column: len(column.name), default=None)
    for ending, words in _ENDINGS.items():
        if column and rule == column.name + ending:
            kind = _type_words(column, None if is_mapped else contract.dialect)
            by_values = "; say by `values` in mapping.yaml what each text means"
            said = words + by_values * (is_mapped and ending == "_unknown_value")
            return f"{column.name} {said.format(type=kind, values=', '.join(column.values))}"
    if is_mapped and rule.endswith("_blank"):
        return "what rows are grouped by is blank; leave such rows out by a filter"
    return (
        f"column {column.name}" if column else "see the mapping" if rule.startswith("filter_") else "see the contract"
    )


def _example(reading: Reading, contract: Contract, file: str, values: list[object]) -> str:
    """A rejected row's fields with their headers, those masked that may be personal."""
    is_mapped = _is_mapped(reading, contract.name)
    headers = _headers(reading, contract, file, read_mapping(reading.settings.home) if is_mapped else None)
    if len(headers) != len(values):  # nobody knows which field is which
        texts = [f"{value}" for value in values if value not in (None, "")]
        shown_values = [_shown(text, masked=not (is_date(text) or _is_short_number(text))) for text in texts]
    else:
        known = _known_headers(reading) if is_mapped else {c.name: _may_be_shown(c) for c in contract.columns}
        shown_values = [
            f"{shown_short(header, _WIDTH)}={_shown(f'{value}', masked=_is_masked(header, f'{value}', known))}"
            for header, value in zip(headers, values, strict=True)
            if value not in (None, "")
        ]
    more = f", and {len(shown_values) - _FIELDS} more" if len(shown_values) > _FIELDS else ""
    return ", ".join(shown_values[:_FIELDS]) + more


def _is_short_number(text: str) -> bool:
    """Whether a text is a number that is too short for a phone's."""
    return is_number(text) and sum(char.isdigit() for char in text) < _PHONE_DIGITS


def _headers(reading: Reading, contract: Contract, file: str, mapping: MappingFile | None) -> tuple[str, ...]:
    """The headers of a file: in the contract's names of one of its own, as they stand in a feed's."""
    path = names_in_folder(contract.name, reading.folder, reading.settings).get(file)
    try:
        if path is None:
            return ()
        if mapping is None:
            return contract_names(header_of(path, contract.dialect), contract)
        feeds = {part.feed: mapping.model.feeds[part.feed] for part in mapping.parts(contract.name)}
        of = [feed for name, feed in feeds.items() if path in feed_files(reading.folder, name, feed)]
        return header_of(path, of[0].read_dialect())
    except LoyaltyError:
        return ()


def _may_be_shown(column: Column) -> _May:
    """How far a column's values may be shown: who somebody is by may be their phone."""
    return "never" if column.personal else "short" if column.name in _PERSONS else "always"


def _known_headers(reading: Reading) -> dict[str, _May]:
    """How far the values may be shown of headers of which the mapping makes columns as they stand."""
    mapping, order = read_mapping(reading.settings.home), ("always", "short", "never")
    found: dict[str, _May] = {}
    for source, parts in mapping.model.sources.items() if mapping else ():
        columns = {column.name: column for column in sources()[source].columns}
        for name, rule in ((name, rule) for part in parts for name, rule in part.columns.items()):
            if header := rule.column or rule.id_of_email:
                may = "never" if rule.id_of_email else _may_be_shown(columns[name])
                known = found.get(header_name(header), "always")
                found[header_name(header)] = max(known, may, key=order.index)
    return found


def _is_masked(header: str, value: str, known: Mapping[str, _May]) -> bool:
    """Whether a value may be personal: as its column is known or, if it is not, by the column's name."""
    may = known.get(header_name(header))
    if may is not None:
        return may == "never" or (may == "short" and sum(char.isdigit() for char in value) >= _PHONE_DIGITS)
    people = [(of.name, column.name) for of in sources().values() for column in of.columns if column.personal]
    return is_personal_header(header) or any(header_score(header, source, name) > 0 for source, name in people)


def _shown(value: str, *, masked: bool) -> str:
    looks_like_somebody = " " in value.strip() and PERSON.fullmatch(value.strip()) is not None
    kind = "integer" if re.fullmatch(r"\d+", value) else ""
    return repr(shown_short(shown(value, kind, masked=masked or looks_like_somebody), _WIDTH))


def repeated_words(reading: Reading) -> list[str]:
    """A sentence for each source of which rows share a key."""
    found = []
    for name in reading.came:
        count = reading.counts(name).rows_duplicate
        if not count:
            continue
        contract = sources()[name]
        repeated = repeated_keys(contract, reading.night, reading.engine, reading.settings)
        masks = [column.personal for key in contract.key for column in contract.columns if column.name == key]
        keys = []
        for values, rows in repeated.keys:
            parts = (_shown(value, masked=mask) for value, mask in zip(values, masks, strict=True))
            keys.append(f"{' / '.join(parts)} in {rows:,} rows")
        money = f" {repeated.amount:,.2f} of {contract.control_amount} goes with them." if repeated.amount else ""
        rows_have = f"{count:,} rows have" if count > 1 else "1 row has"
        found.append(
            f"{name}: {rows_have} the {' and '.join(contract.key)} of another row, and only one row of each is kept: "
            f"{', '.join(keys)}.{money}"
        )
    return found


def unusable_addresses(reading: Reading) -> Iterator[str]:
    """A sentence for each kind of address of which most that came can't be used."""
    for name in reading.came:
        contract = sources()[name]
        columns = address_columns(contract) if not listed_addresses(contract) else ()  # of lists the night says it
        rows = reading.rows(f"{name}_personal") if columns else None
        for column in columns if rows else ():
            given, unusable = reading.engine.rows(
                f"SELECT COUNT({column}), COUNT_IF({column} IS NOT NULL AND {column}_normal IS NULL) FROM {rows}"
            )[0]
            if given >= _FEW and unusable > given / 2:
                yield (
                    f"{name}: {unusable:,} of {given:,} values of {column} are no usable address. See whether another "
                    "column has them, and whether LOYALTY_PHONE_REGION is right."
                )
