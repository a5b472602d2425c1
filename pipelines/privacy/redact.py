"""Files without a person: extracts as they were received, Parquet files, campaign files."""

import codecs
import csv
import gzip
import io
import json
import re
import shutil
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

import duckdb

from pipelines.contracts import Contract
from pipelines.dialect import Dialect
from pipelines.engines.duckdb import PARQUET
from pipelines.engines.sql import literal, one_file, quoted
from pipelines.intake.erased import Rewritten, named_by, nobody_left_sql, person_columns, redaction_sql
from pipelines.intake.extract import contract_names
from pipelines.intake.staging_contracts import listed_addresses
from pipelines.intake.text_sql import is_null
from pipelines.intake.typed_sql import typed_value
from pipelines.intake.utf8 import open_utf8
from pipelines.privacy.person import Person, is_other_id
from pipelines.store.files import sync

csv.field_size_limit(sys.maxsize)


ERASED = "[erased]"  # stands in a page for what was a person's
_LONGEST_RECORD = 1000  # lines; a quote that stays open for longer is damage


# A record after redaction: its bytes (none if it is removed) and, if they differ from what was received, its fields by
# column before (of a damaged record none).
Redacted = tuple[bytes, dict[str, str] | None]


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path, by: Path | None = None) -> Iterator[Path]:
    """A path for a file's new content. When it is whole it takes the file's place, mode and time.

    Where the file is a link, what it points to is replaced: else that would stay as it was. A new file `by` of another
    name takes its place beside it, and the old one goes.
    """
    real = path.resolve()
    new = real if by is None or by == path else by
    beside = new.with_name(f".{new.name}.erasing")
    beside.unlink(missing_ok=True)
    try:
        beside.touch(0o600)
        yield beside
        sync(beside)
        shutil.copystat(real, beside)
        beside.replace(new)
        if new != real:
            real.unlink()
            path.unlink(missing_ok=True)
    finally:
        beside.unlink(missing_ok=True)


# --- text extracts ---


def _fields(raw: bytes, contract: Contract) -> list[str]:
    text = raw.decode("utf-8", "surrogateescape")
    try:
        return next(csv.reader([text], delimiter=contract.dialect.delimiter), [])
    except csv.Error:
        return text.rstrip("\r\n").split(contract.dialect.delimiter)


def _header(first: bytes, contract: Contract) -> tuple[str, ...]:
    """A header's names as the contract has them now."""
    return contract_names(tuple(_fields(first.removeprefix(BOM_UTF8), contract)), contract)


def _records(lines: Iterator[bytes], width: int, contract: Contract) -> Iterator[tuple[bytes, list[str]]]:
    """Records as received, in UTF-8, with their fields. A quote that is never closed spoils its own line only."""
    waiting: list[bytes] = []
    while line := (waiting.pop() if waiting else next(lines, b"")):
        fields = _fields(line, contract)
        if line.count(b'"') % 2:
            taken = [line]
            for _ in range(_LONGEST_RECORD):
                following = waiting.pop() if waiting else next(lines, b"")
                if not following:
                    break
                taken.append(following)
                if following.count(b'"') % 2:
                    break
            whole = b"".join(taken)
            if len(whole_fields := _fields(whole, contract)) == width:
                line, fields = whole, whole_fields
            else:
                waiting.extend(reversed(taken[1:]))
        yield line, fields


def marked_columns(contract: Contract) -> frozenset[str]:
    """Columns in which a mark takes the place of a text that is the person's, as a promo code may be.

    Other rows refer to an id, and without a required value no night would load the row.
    """
    ids = {c.name for c in contract.columns if c.type == "VARCHAR" and (c.identifier or c.required)}
    return frozenset(ids - person_columns(contract).keys())


def _is_searched(contract: Contract) -> bool:
    """Whether texts in rows of other customers are looked through: not in the CRM, where a row is one customer's own.

    A list of addresses is, for its rows may name nobody by id.
    """
    return not contract.personal_columns or bool(named_by(contract))


def _without(
    person: Person, contract: Contract, header: tuple[str, ...], fields: list[str], raw: bytes
) -> list[str] | None:
    """A record's fields without the person; None if the whole record is removed."""
    columns = person_columns(contract)
    may_be_there = person.may_be_in(raw)  # one look at the record, before one at each field
    if len(fields) != len(header):  # damaged: no night loads it, so it may be removed whole
        is_theirs = any(field in person.ids | person.cards for field in map(str.strip, fields)) if columns else False
        return None if is_theirs or (may_be_there and any(map(person.pattern.search, fields))) else fields
    cells = dict(zip(header, fields, strict=True))
    named = {column for column in columns if column in cells and person.is_named(column, cells[column])}
    if any(columns[column] for column in named):
        return None
    if "customer_id" in named and "card_id" in cells:
        named.add("card_id")
    searched = may_be_there and _is_searched(contract)
    marked = marked_columns(contract)

    def without(name: str, value: str) -> str:
        if name in named:
            return ""
        if searched and person.text_pattern(name).search(value):
            return person.mark(value) if name in marked else ""
        return value

    kept = [without(name, value) for name, value in zip(header, fields, strict=True)]
    of_list = [i for i, name in enumerate(header) if name in named_by(contract)]
    means_nobody = of_list and not any(kept[i].strip() for i in of_list)
    return None if means_nobody and kept != fields else kept


def redacted_text(path: Path, contract: Contract, person: Person) -> Iterator[Redacted]:
    """A text extract without the person, record by record, in UTF-8."""
    with open_utf8(path, contract.dialect) as file:
        lines = iter(file)
        first = next(lines, b"")
        yield first, None
        header = _header(first, contract)
        for raw, fields in _records(lines, len(header), contract):
            kept = _without(person, contract, header, fields, raw)
            if kept == fields:
                yield raw, None
            else:
                cells = dict(zip(header, fields, strict=True)) if len(fields) == len(header) else {}
                yield b"" if kept is None else line_of(kept, raw, contract.dialect.delimiter), cells


def line_of(fields: list[str], raw: bytes, delimiter: str) -> bytes:
    """Fields as a record in UTF-8, which ends as the one that it replaces."""
    end = "\r\n" if raw.endswith(b"\r\n") else "\n" if raw.endswith(b"\n") else ""
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter, lineterminator=end).writerow(fields)
    return line.getvalue().encode("utf-8", "surrogateescape")


def persons_rows(path: Path, contract: Contract, person: Person) -> Iterator[dict[str, Any]]:
    """The rows of an extract that are the person's, by column."""
    if path.suffix.lower() == ".parquet":
        table = duckdb.sql(f"FROM read_parquet({literal(one_file(path))})")
        header = contract_names(tuple(table.columns), contract)
        if "customer_id" in header:
            column = quoted(table.columns[header.index("customer_id")])
            for row in table.filter(person.is_named_sql("customer_id", column)).fetchall():
                yield dict(zip(header, row, strict=True))
        return
    with open_utf8(path, contract.dialect) as file:
        lines = iter(file)
        header = _header(next(lines, b""), contract)
        for _, fields in _records(lines, len(header), contract):
            cells = dict(zip(header, fields, strict=False))
            if person.is_named("customer_id", cells.get("customer_id", "")):
                yield cells


@contextmanager
def writing_text(path: Path, dialect: Dialect, *, is_packed: bool) -> Iterator[Callable[[bytes], object]]:
    """A function that takes UTF-8 and writes it in the dialect's encoding."""
    encoder = codecs.getincrementalencoder(dialect.encoding)("surrogateescape")
    with path.open("wb") as file:
        packed = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if is_packed else None
        out: Any = packed or file
        if dialect.is_utf8:
            yield out.write
        else:
            yield lambda raw: out.write(encoder.encode(raw.decode("utf-8", "surrogateescape")))
        if packed:
            packed.close()


def redact_extract(path: Path, contract: Contract, person: Person, keep: Callable[[Rewritten], None] | None) -> int:
    """Take the person out of an extract; returns how many records are changed or removed.

    Args:
        path: the file.
        contract: how it is written, and which columns name customers.
        person: whom to take out.
        keep: gets the new file's figures just before it takes the old one's place; None only counts.
    """
    if path.suffix.lower() == ".parquet":
        return _redact_parquet_extract(path, contract, person, keep)
    changed = sum(before is not None for _, before in redacted_text(path, contract, person))
    if not changed or keep is None:
        return changed
    lines, last = 0, b"\n"
    removed: list[dict[str, str]] = []
    with replacing(path) as beside:
        with writing_text(beside, contract.dialect, is_packed=path.suffix.lower() == ".gz") as write:
            for raw, before in redacted_text(path, contract, person):
                write(raw)
                lines, last = lines + raw.count(b"\n"), raw[-1:] or last
                removed += [before] if before is not None and not raw else []
        records = lines - 1 if last == b"\n" else lines
        amount = _amount_in(removed, contract)
        keep(Rewritten(hash_of(path), beside.stat().st_size, hash_of(beside), records, len(removed), amount))
    return changed


def _amount_in(removed: list[dict[str, str]], contract: Contract) -> str | None:
    """The sum of the contract's controlAmount in removed records; None if one can't be read, as of a damaged record."""
    name = contract.control_amount
    if name is None or not removed:
        return "0"
    values = [cells.get(name, "") if cells else None for cells in removed]
    rows = "(SELECT UNNEST(CAST($values AS VARCHAR[])) AS raw)"
    return _sum_of(name, "raw", contract, rows, {"values": values})


def _sum_of(name: str, raw: str, contract: Contract, rows: str, parameters: dict[str, Any]) -> str | None:
    """The sum of a column as ingest reads it from `raw`; None if a value can't be read. Nothing counts as 0."""
    (column,) = (column for column in contract.columns if column.name == name)
    value = typed_value(column, raw, contract.dialect, careful=True)
    is_lost = f"{value} IS NULL AND COALESCE(NOT {is_null(f'CAST({raw} AS VARCHAR)', contract.dialect)}, TRUE)"
    query = f"SELECT COUNT_IF({is_lost}), COALESCE(SUM({value}), 0) FROM {rows}"
    ((lost, total),) = duckdb.execute(query, parameters).fetchall()
    return None if lost else f"{total}"


# --- Parquet ---


@dataclass(frozen=True)
class Redaction:
    """What is removed from a Parquet file, as SQL over its rows; file_row_number is a row's number.

    Attributes:
        row_goes: whether a row is removed.
        value_goes: by column, quoted, whether its value is removed while the row stays.
        replacements: by column, quoted, what takes a removed value's place; NULL, if nothing is said.
    """

    row_goes: str
    value_goes: dict[str, str]
    replacements: dict[str, str] = field(default_factory=dict)


def rows_to_redact(path: Path, redaction: Redaction) -> tuple[int, int]:
    """How many rows of a Parquet file would be changed or removed, and how many would be left."""
    is_touched = " OR ".join([redaction.row_goes, *redaction.value_goes.values()])
    counts = f"COUNT(*) FILTER ({is_touched}), COUNT(*) FILTER (NOT ({redaction.row_goes}))"
    ((changed, left),) = duckdb.sql(f"SELECT {counts} FROM {_numbered(path)}").fetchall()
    return changed, left


def redact_parquet(path: Path, target: Path, redaction: Redaction) -> None:
    """Write a Parquet file without what is removed to `target`."""
    values = ", ".join(
        f"CASE WHEN {sql} THEN {redaction.replacements.get(name, 'NULL')} ELSE {name} END AS {name}"
        for name, sql in redaction.value_goes.items()
    )
    columns = f"* EXCLUDE (file_row_number){f' REPLACE ({values})' if values else ''}"
    kept = f"SELECT {columns} FROM {_numbered(path)} WHERE NOT ({redaction.row_goes})"
    duckdb.sql(f"COPY ({kept}) TO {literal(str(target))} ({PARQUET})")
    target.chmod(0o600)


def _numbered(path: Path) -> str:
    return f"read_parquet({literal(one_file(path))}, file_row_number = true)"


def _redact_parquet_extract(
    path: Path, contract: Contract, person: Person, keep: Callable[[Rewritten], None] | None
) -> int:
    table = duckdb.sql(f"FROM read_parquet({literal(one_file(path))})")
    own = dict(zip(contract_names(tuple(table.columns), contract), table.columns, strict=True))
    columns = {name: required for name, required in person_columns(contract).items() if name in own}
    row_goes, blank = redaction_sql(columns, lambda column: person.is_named_sql(column, quoted(own[column])))
    value_goes = {quoted(own[column]): sql for column, sql in blank.items()}
    marked = {quoted(own[name]) for name in marked_columns(contract) if name in own}
    of_list = [quoted(own[column]) for column in named_by(contract) if column in own]
    if _is_searched(contract):
        kinds = dict(zip(table.columns, map(str, table.types), strict=True))
        texts = {name: quoted(name) for name, kind in kinds.items() if kind == "VARCHAR"}
        if numbers := person.numbers():
            numeric = [quoted(own[c]) for c in listed_addresses(contract) if c in own and own[c] not in texts]
            value_goes |= {name: f"COALESCE(TRY_CAST({name} AS HUGEINT) IN ({numbers}), FALSE)" for name in numeric}
        for name in person.columns_to_read(f"read_parquet({literal(one_file(path))})", texts, duckdb.cursor()):
            has_text = f"COALESCE({person.has_text(texts[name], is_id=is_other_id(name))}, FALSE)"
            value_goes[texts[name]] = f"{value_goes.get(texts[name], 'FALSE')} OR {has_text}"
    row_goes = f"({row_goes} OR {nobody_left_sql(of_list, value_goes)})"
    redaction = Redaction(row_goes, value_goes, {name: person.mark_sql(name) for name in marked & value_goes.keys()})
    changed, left = rows_to_redact(path, redaction)
    if changed and keep:
        removed, amount = _removed_from_parquet(path, own, contract, redaction.row_goes)
        with replacing(path) as beside:
            redact_parquet(path, beside, redaction)
            keep(Rewritten(hash_of(path), beside.stat().st_size, hash_of(beside), left, removed, amount))
    return changed


def _removed_from_parquet(path: Path, own: dict[str, str], contract: Contract, row_goes: str) -> tuple[int, str | None]:
    """How many rows are removed, and the sum of the contract's controlAmount in them."""
    rows = f"(FROM {_numbered(path)} WHERE {row_goes})"
    ((removed,),) = duckdb.sql(f"SELECT COUNT(*) FROM {rows}").fetchall()
    name = contract.control_amount
    if name is None or name not in own:
        return removed, "0"
    typed = replace(contract, dialect=replace(contract.dialect, decimal_mark=".", grouping_marks=""))
    return removed, _sum_of(name, quoted(own[name]), typed, rows, {})


# --- pages ---


def redact_page(path: Path, person: Person, *, keep: bool) -> int:
    """Put a mark in the place of what is the person's in a page of text; returns in how many lines.

    Pages (reports, Data Docs) are drawn from tables of a night, and no later command draws a past one anew. With
    `keep` the page is changed; without it they are only counted.
    """
    raw = path.read_bytes()
    if not person.may_be_in(raw):
        return 0
    before = text = raw.decode("utf-8", "surrogateescape")
    while (found := person.pattern.sub(_marked, text)) != text:  # two that share the blank between them take two looks
        text = found
    changed = sum(old != new for old, new in zip(before.split("\n"), text.split("\n"), strict=True))
    if changed and keep:
        with replacing(path) as beside:
            beside.write_bytes(text.encode("utf-8", "surrogateescape"))
    return changed


def _marked(found: re.Match[str]) -> str:
    group = found.lastindex or 0
    whole, start = found.group(), found.start()
    return whole[: found.start(group) - start] + ERASED + whole[found.end(group) - start :]


# --- campaign files ---


def redact_export(path: Path, delimiter: str, is_theirs: Callable[[dict[str, Any]], bool]) -> tuple[bytes, int]:
    """A campaign file's content without a person, and how many of its records were removed.

    Args:
        path: CSV or JSON Lines; a record is one line.
        delimiter: of CSV.
        is_theirs: whether a record, by header, is the person's.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    head: list[bytes] = []
    if path.suffix == ".jsonl":
        records = [(line, json.loads(line)) for line in lines]
    else:
        head, lines = lines[:1], lines[1:]
        header, *parsed = csv.reader([line.decode() for line in (*head, *lines)], delimiter=delimiter)
        records = [(line, dict(zip(header, fields, strict=False))) for line, fields in zip(lines, parsed, strict=True)]
    kept = [line for line, record in records if not is_theirs(record)]
    return b"".join(head + kept), len(records) - len(kept)
