"""The search after an erasure: every file of a home, read without knowing how files were rewritten.

Names, addresses, their hashes and ids that can be nothing else are searched for everywhere: in the bytes, in packed
content, in every text of Parquet and DuckDB files. A short id is searched for only in columns of customers' ids.
"""

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

from pipelines.campaigns.targets import export_target, target_names
from pipelines.contracts import sources
from pipelines.engines.sql import literal, one_file
from pipelines.intake.extract import contract_names
from pipelines.privacy.person import Person, quoted
from pipelines.settings import Settings

_BLOCK = 1 << 24


_OVERLAP = 1 << 12


@dataclass(frozen=True)
class Find:
    """A file that still holds something of the person, and where in it."""

    path: Path
    what: str


def verify_erasure(settings: Settings, person: Person, left_out: tuple[Path, ...] = ()) -> tuple[int, list[Find]]:
    """Look for a person in all files of a home and of its landing folder.

    Args:
        settings: of the home.
        person: whom to look for.
        left_out: folders not to look in.

    Returns:
        How many files were searched, and what was found.
    """
    paths = {
        path
        for root in (settings.home, settings.landing_dir)
        for path in root.rglob("*")
        if path.is_file() and not any(path.is_relative_to(folder) for folder in left_out)
    }
    pattern = _bytes_pattern(person)
    finds = [Find(path, what) for path in sorted(paths) for what in dict.fromkeys(_found_in(path, person, pattern))]
    return len(paths), finds


def _bytes_pattern(person: Person) -> re.Pattern[bytes]:
    encodings = {"utf-8", *(contract.dialect.encoding for contract in sources().values())}
    spelled = {
        variant.encode(encoding, "ignore")
        for text in person.texts
        for variant in (text, text.title(), text.upper())
        for encoding in encodings
        if variant.encode(encoding, "ignore").decode(encoding) == variant
    }
    return re.compile(rb"(?<!\w)(?:" + (b"|".join(map(re.escape, sorted(spelled))) or rb"\b\B") + rb")(?!\w)", re.I)


def _found_in(path: Path, person: Person, pattern: re.Pattern[bytes]) -> Iterator[str]:
    if pattern.search(path.name.encode()):
        yield "in the file's name"
    with path.open("rb") as file:
        if _has(file, pattern):
            yield "in the file's bytes"
    name = path.name
    try:
        if name.endswith(".gz"):
            with gzip.open(path, "rb") as packed:
                if _has(packed, pattern):  # type: ignore[arg-type]
                    yield "in what is packed"
        if name.endswith((".csv", ".csv.gz")):
            yield from _found_in_csv(path, person)
        elif name.endswith(".parquet"):
            yield from _found_in_table(f"read_parquet({literal(one_file(path))})", person, duckdb.cursor())
        elif name.endswith(".duckdb"):
            with duckdb.connect(str(path), read_only=True) as connection:
                tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
                for (table,) in tables:
                    yield from (f"{table}: {what}" for what in _found_in_table(quoted(table), person, connection))
    except (OSError, EOFError, duckdb.Error, UnicodeError, csv.Error) as error:
        yield f"can't be searched: {type(error).__name__}"


def _has(file: IO[bytes], pattern: re.Pattern[bytes]) -> bool:
    before = b""
    while block := file.read(_BLOCK):
        if pattern.search(before + block):
            return True
        before = block[-_OVERLAP:]
    return False


def _is_id_column(name: str) -> bool:
    return name.endswith("customer_id") or name == "card_id"


def _export_headers() -> set[str]:
    """Names that the customer's id has in campaign files, beside its own."""
    columns = (column for name in target_names() for column in export_target(name).columns)
    return {column.header for column in columns if column.source == "customer_id"}


def _found_in_csv(path: Path, person: Person) -> Iterator[str]:
    contract = sources().get(path.name.split(".")[0]) or sources().get(path.parent.name)
    dialect = contract.dialect if contract else None
    encoding, delimiter = (dialect.encoding, dialect.delimiter) if dialect else ("utf-8", ",")
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "rt", encoding=encoding, errors="replace", newline="") as file:
        lines: Iterator[str] = iter(file)
        head = next(lines, "").lstrip("\ufeff")
        if dialect is None and head.count(";") > head.count(","):
            delimiter = ";"
        header = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
        if contract:
            named = contract_names(tuple(header), contract)
        else:
            named = tuple("customer_id" if name in _export_headers() else name for name in header)
        id_columns = [(i, name) for i, name in enumerate(named) if _is_id_column(name)]
        for fields in csv.reader(lines, delimiter=delimiter):
            for i, name in id_columns:
                if i < len(fields) and person.is_named(name, fields[i]):
                    yield f"in column {header[i]}"


def _found_in_table(table: str, person: Person, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall():
        column = quoted(name)
        conditions = [person.names(name, column)] if _is_id_column(name) else []
        if kind in ("VARCHAR", "BLOB"):
            conditions.append(person.has_text(f"CAST({column} AS VARCHAR)"))
        if (
            conditions
            and connection.execute(f"SELECT 1 FROM {table} WHERE {' OR '.join(conditions)} LIMIT 1").fetchone()
        ):
            yield f"in column {name}"
