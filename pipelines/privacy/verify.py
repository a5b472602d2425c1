"""The search after an erasure: every file of a home, read without knowing how files were rewritten.

Names and phones however they are written, other addresses, hashes of them and ids that can be nothing else are searched
for everywhere: in the bytes, in packed content, in every text of Parquet and DuckDB files. A short id is searched for
only in columns of customers' ids (in campaign files also those that their manifest names), and a phone's bare digits
not in columns of other ids.
"""

import bz2
import codecs
import csv
import gzip
import json
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import duckdb

from pipelines.campaigns.targets import export_target, target_names
from pipelines.column_types import header_name
from pipelines.contracts import sources
from pipelines.engines.sql import literal, one_file, quoted
from pipelines.intake.extract import contract_names
from pipelines.privacy.exports import headers_of_ids
from pipelines.privacy.feeds import FeedFile, FeedReader
from pipelines.privacy.person import Person, is_other_id
from pipelines.settings import Settings
from pipelines.store.lake import Lake

_BLOCK = 1 << 24


_OVERLAP = 1 << 12
_AROUND = 200  # bytes; a name or number is no longer, and what stands around it counts
_NUMBERS = ("BIGINT", "UBIGINT", "HUGEINT", "INTEGER", "UINTEGER", "DOUBLE", "DECIMAL")
_NO_FILE = "can't be searched: neither a file nor a folder (a pipe, a device, or a link to nothing); remove it"
_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Find:
    """A file that still holds something of the person, and where in it."""

    path: Path
    what: str


def verify_erasure(
    settings: Settings,
    person: Person,
    left_out: tuple[Path, ...] = (),
    codes: Mapping[Path, Collection[str]] | None = None,
) -> tuple[int, list[Find]]:
    """Look for a person in all files of a home and of its landing folder.

    Args:
        settings: of the home.
        person: whom to look for.
        left_out: folders not to look in.
        codes: of files that a mapping reads, the headers of ids of other things than customers.

    Returns:
        How many files were searched, and what was found.
    """
    delivered = set(_entries(settings.landing_dir, follow_links=True))
    entries = {
        path
        for path in delivered.union(_entries(settings.home))
        if not any(path.is_relative_to(folder) for folder in left_out)
    }
    paths = [path for path in sorted(entries) if path.is_file()]
    headers = headers_of_ids(Lake(settings.home), settings)
    finds = [
        Find(path, what)
        for path in paths
        for what in dict.fromkeys(_found_in(path, person, headers.get(path.parent, ()), (codes or {}).get(path, ())))
    ]
    odd = [path for path in sorted(entries & delivered) if not path.is_file()]
    return len(paths), [*finds, *(Find(path, _NO_FILE) for path in odd)]


def verify_feeds(files: Iterable[FeedFile], person: Person, reader: FeedReader) -> list[Find]:
    """Look for a person in the files that a mapping reads, as it reads them: there it makes the ids."""
    rows = [(file.path, reader.edits(file, person).count) for file in files]
    return [Find(path, f"in {count:,} rows, as the mapping reads them") for path, count in rows if count]


def _entries(root: Path, *, follow_links: bool = False) -> Iterator[Path]:
    """All in a folder and the folders within, but for those folders; no folder twice, wherever links lead."""
    seen = set()
    for folder, inside, names in os.walk(root, followlinks=follow_links):
        real = os.path.realpath(folder)
        if real in seen:
            inside.clear()
            continue
        seen.add(real)
        yield from (Path(folder, name) for name in names)


def _found_in(path: Path, person: Person, id_headers: Collection[str], codes: Collection[str]) -> Iterator[str]:
    """What is found in a file; `id_headers` are the names that its folder's campaign files have for a customer's id."""
    name = path.name.lower()
    if person.pattern.search(path.name):
        yield "in the file's name"
    # Bytes of a table don't say of which column they are; its columns are searched for phones below.
    is_table = name.endswith((".csv", ".csv.gz", ".parquet", ".duckdb"))
    pattern = person.pattern_in_ids if is_table else person.pattern
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if _has(file, person, pattern):
                yield "in the file's bytes"
        yield from _found_packed(path, magic, person, pattern)
        if name.endswith((".csv", ".csv.gz")):
            yield from _found_in_csv(path, person, {*id_headers, *_export_headers()}, codes)
        elif name.endswith(".jsonl") and id_headers:
            yield from _found_in_json_lines(path, person, id_headers)
        elif name.endswith(".parquet"):
            yield from _found_in_table(f"read_parquet({literal(one_file(path))})", person, duckdb.cursor())
        elif name.endswith(".duckdb"):
            with duckdb.connect(str(path), read_only=True) as connection:
                tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
                for (table,) in tables:
                    yield from (f"{table}: {what}" for what in _found_in_table(quoted(table), person, connection))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError,
            duckdb.Error, UnicodeError, csv.Error, json.JSONDecodeError) as error:  # fmt: skip
        yield f"can't be searched: {type(error).__name__}"


def _found_packed(path: Path, magic: bytes, person: Person, pattern: re.Pattern[str]) -> Iterator[str]:
    """What is found in a packed file, whatever its name; a kind that can't be unpacked is said to be so."""
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zX": lzma.open}
    for start, opener in openers.items():
        if magic.startswith(start):
            with opener(path, "rb") as packed:
                if _has(packed, person, pattern):
                    yield "in what is packed"
    if magic == b"PK\3\4":  # a zip; an .xlsx is one
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as packed:
                    if _has(packed, person, pattern):
                        yield "in what is packed"
    if magic in (b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!"):
        yield "can't be searched: it is packed; unpack it, or remove it"


def _has(file: IO[bytes], person: Person, pattern: re.Pattern[str]) -> bool:
    before, decoder = b"", None
    while block := file.read(_BLOCK):
        if not before and block[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            decoder = codecs.getincrementaldecoder("utf-16")("replace")
        block = decoder.decode(block).encode() if decoder else block
        if _is_in(before + block, person, pattern):
            return True
        before = block[-_OVERLAP:]
    return False


def _is_in(block: bytes, person: Person, pattern: re.Pattern[str]) -> bool:
    """Whether bytes hold something of the person: the hint finds where to look, the pattern of text decides."""
    for hint in person.places_in(block):
        around = block[max(0, hint.start() - _AROUND) : hint.end() + _AROUND]
        for encoding in person.all_encodings:
            text = around.decode(encoding, "replace")
            if pattern.search(text) or ("\\u" in text and pattern.search(_UNICODE_ESCAPE.sub(_letter, text))):
                return True
    return False


def _letter(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def _is_id_column(name: str) -> bool:
    return name.endswith("customer_id") or name == "card_id"


def _export_headers() -> set[str]:
    """Names that the customer's id has in campaign files, beside its own."""
    columns = (column for name in target_names() for column in export_target(name).columns)
    return {column.header for column in columns if column.source == "customer_id"}


def _found_in_json_lines(path: Path, person: Person, id_headers: Collection[str]) -> Iterator[str]:
    for line in path.read_bytes().splitlines():
        record = json.loads(line)
        for header in id_headers:
            if person.is_named("customer_id", str(record.get(header))):
                yield f"in column {header}"


def _found_in_csv(path: Path, person: Person, id_headers: Collection[str], codes: Collection[str]) -> Iterator[str]:
    contract = sources().get(path.name.split(".")[0]) or sources().get(path.parent.name)
    dialect = contract.dialect if contract else None
    encoding, delimiter = (dialect.encoding, dialect.delimiter) if dialect else ("utf-8", ",")
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding=encoding, errors="replace", newline="") as file:
        lines: Iterator[str] = iter(file)
        head = next(lines, "").lstrip("\ufeff")
        if dialect is None and head.count(";") > head.count(","):
            delimiter = ";"
        header = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
        if contract:
            named = contract_names(tuple(header), contract)
        else:
            named = tuple("customer_id" if name in id_headers else name for name in header)
        id_columns = [(i, name) for i, name in enumerate(named) if _is_id_column(name)]
        texts = [person.pattern_in_ids if header_name(n) in codes else person.text_pattern(n) for n in named]
        is_looked_at = _holds_hint(path, person)
        for fields in csv.reader(lines, delimiter=delimiter):
            for i, name in id_columns:
                if i < len(fields) and person.is_named(name, fields[i]):
                    yield f"in column {header[i]}"
            for i, value in enumerate(fields) if is_looked_at else ():
                if (texts[i] if i < len(texts) else person.pattern).search(value):
                    yield f"in column {header[i]}" if i < len(texts) else "in a field beyond the header"


def _holds_hint(path: Path, person: Person) -> bool:
    """Whether a text file has a place that may be the person's; most have none, and no field need be looked at."""
    before = b""
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
        while block := file.read(_BLOCK):
            if person.may_be_in(before + block):
                return True
            before = block[-_OVERLAP:]
    return False


def _found_in_table(table: str, person: Person, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    first = connection.execute(f"SELECT * FROM {table} LIMIT 1")
    columns = [(column[0], str(column[1])) for column in first.description or []]
    if first.fetchone() is None:  # as many tables of a home are
        return
    texts = {name: f"CAST({quoted(name)} AS VARCHAR)" for name, kind in columns if _holds_text(kind)}
    conditions: dict[str, list[str]] = {}
    for name, kind in columns:
        if _is_id_column(name):
            conditions[name] = [person.is_named_sql(name, quoted(name))]
        elif kind.startswith(_NUMBERS) and not is_other_id(name) and (numbers := person.numbers()):
            conditions[name] = [f"TRY_CAST({quoted(name)} AS HUGEINT) IN ({numbers})"]
    for name in person.columns_to_read(table, texts, connection):
        conditions.setdefault(name, []).append(person.has_text(texts[name], is_id=is_other_id(name)))
    if not conditions:
        return
    asked = ", ".join(f"COALESCE(BOOL_OR({' OR '.join(either)}), FALSE)" for either in conditions.values())
    (answers,) = connection.execute(f"SELECT {asked} FROM {table}").fetchall()
    yield from (f"in column {name}" for name, answer in zip(conditions, answers, strict=True) if answer)


def _holds_text(kind: str) -> bool:
    """Whether a column of this type has texts, perhaps in lists or structs."""
    return kind == "BLOB" or "VARCHAR" in kind or kind.startswith(("ENUM", "JSON"))
