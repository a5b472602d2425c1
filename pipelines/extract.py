"""One extract file: where it is, whether it is whole, how many records it holds; and a clean copy of a damaged one.

No reader is trusted alone: records are counted here, apart from the loader, and a compressed file is read to its end.
"""

import csv
import gzip
import hashlib
import json
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow.parquet as pq

from pipelines.contracts import Contract, Dialect
from pipelines.errors import BadDataError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
LONGEST_FIELD = 100_000  # characters; a longer field is damage, not data
_BLOCK = 1 << 22


@dataclass(frozen=True)
class ExtractFile:
    """A file as it was found: its name in the landing folder; its rows after the header (line feeds, for text)."""

    name: str
    path: Path
    size: int
    sha256: str
    columns: tuple[str, ...]
    records: int
    has_nul: bool = False

    @property
    def is_parquet(self) -> bool:
        return self.path.name.endswith(".parquet")


@dataclass(frozen=True)
class RejectedRecord:
    """A row that can't be used: its row number in the file (1 is the first after the header), why, and its values."""

    row_number: int
    rule: str
    values: str


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)


def find_files(folder: Path, source: str) -> list[Path]:
    """A source's files in a landing folder, in order; empty if it did not come.

    Raises:
        BadDataError: it is there twice (say, as .csv and as .parquet), or its folder holds no part.
    """
    found = [path for suffix in SUFFIXES if (path := folder / f"{source}{suffix}").is_file()]
    parts = folder / source
    if parts.is_dir():
        found.append(parts)
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise BadDataError(f"{folder}: {source} is there more than once, as {names}. Leave the one that counts.")
    if found == [parts]:
        inside = sorted(path for path in parts.iterdir() if path.is_file() and _suffix(path))
        if not inside:
            raise BadDataError(f"{parts}: the folder holds no part ending in {', '.join(SUFFIXES)}")
        return inside
    return found


def unknown_files(folder: Path, sources: Iterator[str] | list[str]) -> list[str]:
    """Names in a landing folder that belong to no source: misspelt, perhaps."""
    known = {f"{source}{suffix}" for source in sources for suffix in ("", *SUFFIXES)}
    return sorted(path.name for path in folder.iterdir() if path.name not in known)


def open_text(path: Path) -> IO[bytes]:
    """The bytes of a text extract, decompressed."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _decoded_header(path: Path, dialect: Dialect) -> tuple[str, ...]:
    encoding = "utf-8-sig" if dialect.encoding.lower() in ("utf-8", "utf8") else dialect.encoding
    with open_text(path) as file:
        first = file.readline(LONGEST_FIELD)
    try:
        rows = list(csv.reader([first.decode(encoding)], delimiter=dialect.delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(
            f"{path}: the header is no line of {dialect.encoding} text: {error}. Check the contract's encoding, and "
            "that lines end in line feeds."
        ) from error
    return tuple(name.strip() for name in rows[0]) if rows else ()


def _check_columns(path: Path, columns: tuple[str, ...], contract: Contract) -> None:
    if not columns:
        raise BadDataError(f"{path}: the file is empty; even an extract without rows has a header. Deliver it again.")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise BadDataError(f"{path}: column {twice[0]} is there twice")
    for column in contract.columns:
        if column.required and column.name not in columns:
            raise BadDataError(
                f"{path}: the required column {column.name} is missing (found: {', '.join(columns)}). "
                "Deliver the extract with it; check the delimiter if all names are in one."
            )


def inspect(path: Path, contract: Contract) -> ExtractFile:
    """Read a file to its end: size, hash, header, records.

    Raises:
        BadDataError: it is cut off, unreadable, empty, or lacks a required column; or it changed while it was read.
    """
    before = path.stat()
    try:
        with ThreadPoolExecutor(1) as aside:
            hashed = aside.submit(_sha256, path)
            if path.name.endswith(".parquet"):
                columns, records = _inspect_parquet(path)
                has_nul = False
            else:
                records, has_nul = _count_lines(path)
                columns = _decoded_header(path, contract.dialect) if records >= 0 else ()
            sha256 = hashed.result()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadDataError(f"{path}: the compressed file is cut off or damaged ({error}). Deliver it again.") from error
    except PermissionError as error:
        raise BadDataError(f"{path}: may not be read. Give the pipeline's user read permission.") from error
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise BadDataError(f"{path}: changed while it was read; is it still being written? Run again when it is whole.")
    _check_columns(path, columns, contract)
    name = f"{contract.name}/{path.name}" if path.parent.name == contract.name else path.name
    return ExtractFile(name, path, before.st_size, sha256, columns, records, has_nul)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inspect_parquet(path: Path) -> tuple[tuple[str, ...], int]:
    try:
        with pq.ParquetFile(path) as file:
            return tuple(file.schema_arrow.names), file.metadata.num_rows
    except (OSError, ValueError) as error:
        raise BadDataError(f"{path}: not a whole Parquet file ({error}). Deliver it again.") from error


def _count_lines(path: Path) -> tuple[int, bool]:
    """Lines after the first, not counting an unfinished empty one (-1: not a byte); and whether there is a NUL byte."""
    lines, last, has_nul = 0, b"", False
    with open_text(path) as file:
        while block := file.read(_BLOCK):
            lines += block.count(b"\n")
            has_nul = has_nul or b"\0" in block
            last = block[-1:]
    if not last:
        return -1, False
    return (lines - 1 if last == b"\n" else lines), has_nul


def clean_copy(file: ExtractFile, dialect: Dialect, target: Path) -> tuple[int, list[RejectedRecord]]:
    """Write a text extract's sound records to `target` as UTF-8 CSV with a first column `row_number`.

    For files that the fast reader stumbles over: one record at a time, slow and exact. A quote that swallows the lines
    after it costs its own line only.

    Returns:
        The records written, and those that can't be split into the header's fields.

    Raises:
        BadDataError: the file is in an encoding that can't be decoded at all.
    """
    csv.field_size_limit(sys.maxsize)
    width = len(file.columns)
    rejected: list[RejectedRecord] = []
    written = 0
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["row_number", *file.columns])
        for row_number, (fields, rule) in enumerate(_records(file.path, dialect, width), start=1):
            rule = rule or _damage(fields, width)
            if rule:
                shown = [field[:1000].encode("utf-8", "replace").decode() for field in fields]
                rejected.append(RejectedRecord(row_number, rule, json.dumps(shown, ensure_ascii=False)))
            else:
                writer.writerow([row_number, *fields])
                written += 1
    return written, rejected


def _damage(fields: list[str], width: int) -> str | None:
    if len(fields) < width:
        return "too_few_fields"
    if len(fields) > width:
        return "too_many_fields"
    if any("\0" in field for field in fields):
        return "nul_byte"
    if any(len(field) > LONGEST_FIELD for field in fields):
        return "field_too_long"
    if any("\udc80" <= character <= "\udcff" for field in fields if not field.isascii() for character in field):
        return "wrong_encoding"
    return None


def _records(path: Path, dialect: Dialect, width: int) -> Iterator[tuple[list[str], str | None]]:
    """The records after the header, each with the rule it breaks as a whole, if it does."""
    encoding = "utf-8-sig" if dialect.encoding.lower() in ("utf-8", "utf8") else dialect.encoding
    with open_text(path) as file:
        lines = _Pushback(
            line.decode(encoding if first else dialect.encoding, "surrogateescape") for first, line in _numbered(file)
        )
        next(lines)
        while (line := next(lines, None)) is not None:
            if not line.strip("\r\n"):
                continue
            taken = [line]
            fields = _split(taken, dialect)
            while fields is None:
                following = next(lines, None)
                if following is None or len(taken) > 10_000:
                    break
                taken.append(following)
                if '"' in following:
                    fields = _split(taken, dialect)
            if len(taken) > 1 and (fields is None or len(fields) != width or _holds_rows(taken, dialect, width)):
                lines.push_back(taken[1:])
                yield line.rstrip("\r\n").split(dialect.delimiter), "stray_quote"
            elif fields is None:
                yield line.rstrip("\r\n").split(dialect.delimiter), "stray_quote"
            else:
                yield fields, None


def _numbered(file: IO[bytes]) -> Iterator[tuple[bool, bytes]]:
    first = True
    for line in file:
        yield first, line
        first = False


def _split(lines: list[str], dialect: Dialect) -> list[str] | None:
    """A record's fields, or None while a quote is still open."""
    try:
        (fields,) = csv.reader(["".join(lines)], delimiter=dialect.delimiter, strict=True)
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
        (fields,) = csv.reader(["".join(lines)], delimiter=dialect.delimiter)
    except ValueError:
        return None
    return fields


def _holds_rows(taken: list[str], dialect: Dialect, width: int) -> bool:
    """Whether most of the lines inside a record would be whole records themselves: a stray quote swallowed them."""
    inner = taken[1:]
    whole = sum(line.count(dialect.delimiter) == width - 1 for line in inner)
    return width > 1 and 2 * whole > len(inner)


class _Pushback:
    """An iterator of lines that takes lines back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._returned: list[str] = []

    def __iter__(self) -> "_Pushback":
        return self

    def __next__(self) -> str:
        return self._returned.pop() if self._returned else next(self._lines)

    def push_back(self, lines: list[str]) -> None:
        self._returned.extend(reversed(lines))
