"""One extract file: where it is, whether it is whole, how many records it holds; and a clean copy of a damaged one.

No reader is trusted alone: records are counted here, apart from the loader, and a compressed file is read to its end.
"""

import codecs
import csv
import gzip
import hashlib
import io
import json
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from pipelines.contracts import Contract, Dialect
from pipelines.errors import BadDataError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
LONGEST_FIELD = 100_000  # characters; a longer field is damage, not data
LONGEST_ROW = 400_000  # characters of all its fields
LONGEST_LINE = 1 << 26  # bytes; what has no line feed for so long is no text of rows
# A file may expand to so many times its size (honest extracts come to about 30), a small one to SMALL bytes.
MOST_EXPANSION = 100
SMALL = 1 << 28
MOST_REJECTED = 1_000_000  # rows of a file; more of them say that the file is not what the contract says
_BLOCK = 1 << 22


@dataclass(frozen=True)
class ExtractFile:
    """A file as it was found: its name in the landing folder; its rows after the header (line feeds, for text).

    `columns` are in the contract's names where it knows them. `is_plain` says that text has no NUL byte and one kind
    of line end. `version` changes when somebody writes to the file.
    """

    name: str
    path: Path
    size: int
    sha256: str
    columns: tuple[str, ...]
    records: int
    is_plain: bool
    version: tuple[int, ...]

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


def open_utf8(path: Path, dialect: Dialect) -> IO[bytes]:
    """A text extract as UTF-8, decompressed. Bytes that can't be decoded stay as they are, which is no UTF-8."""
    raw = open_text(path)
    return raw if dialect.is_utf8 else io.BufferedReader(_Transcoded(raw, dialect.encoding), _BLOCK)


class _Transcoded(io.RawIOBase):
    """A stream of text in some encoding, as UTF-8."""

    def __init__(self, raw: IO[bytes], encoding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            block = self._raw.read(_BLOCK)
            self._ready = self._decoder.decode(block, not block).encode("utf-8", "surrogateescape")
            if not block:
                break
        taken, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _header(path: Path, dialect: Dialect) -> tuple[str, ...]:
    with open_utf8(path, dialect) as file:
        first = file.readline(LONGEST_FIELD)
    try:
        rows = list(csv.reader([first.decode("utf-8-sig")], delimiter=dialect.delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(
            f"{path}: the header is no line of {dialect.encoding} text: {error}. Check the contract's encoding, and "
            "that lines end in line feeds."
        ) from error
    return tuple(rows[0]) if rows else ()


def contract_names(header: tuple[str, ...], contract: Contract) -> tuple[str, ...]:
    """A header in the contract's names: without blanks around, in lower case, former names by the present one."""
    names = tuple(name.strip().lower() for name in header)
    present = {old: column.name for column in contract.columns for old in column.former_names}
    return tuple(present[name] if name in present and present[name] not in names else name for name in names)


def _check_columns(path: Path, columns: tuple[str, ...], contract: Contract) -> None:
    if not columns:
        raise BadDataError(f"{path}: the file is empty; even an extract without rows has a header. Deliver it again.")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    known = {column.name for column in contract.columns}  # a file without a header may have a person's data there
    if twice:
        raise BadDataError(f"{path}: {f'column {twice[0]}' if twice[0] in known else 'a column name'} is there twice")
    for column in contract.columns:
        if column.required and column.name not in columns:
            found = ", ".join(name for name in columns if name in known) or "none that the contract knows"
            raise BadDataError(
                f"{path}: the required column {column.name} is missing (found: {found}; {len(columns)} in all). "
                "Deliver the extract with it; check the header line, and the delimiter if all names are in one."
            )


def inspect(path: Path, contract: Contract) -> ExtractFile:
    """Read a file to its end: size, hash, header, records.

    Raises:
        BadDataError: it is cut off, unreadable, empty, expands beyond reason, or lacks a required column; or it changed
            while it was read.
    """
    version = _version(path)
    try:
        with ThreadPoolExecutor(1) as aside:
            hashed = aside.submit(_sha256, path)
            if path.name.endswith(".parquet"):
                header, records = _inspect_parquet(path)
                is_plain = True
            else:
                records, is_plain = _count_lines(path, contract.dialect)
                header = _header(path, contract.dialect) if records >= 0 else ()
            sha256 = hashed.result()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadDataError(f"{path}: the compressed file is cut off or damaged ({error}). Deliver it again.") from error
    except UnicodeDecodeError as error:
        raise BadDataError(
            f"{path}: is no {contract.dialect.encoding} text ({error.reason}). Check the contract's encoding, or "
            "deliver the file again."
        ) from error
    except PermissionError as error:
        raise BadDataError(f"{path}: may not be read. Give the pipeline's user read permission.") from error
    columns = contract_names(header, contract)
    name = f"{contract.name}/{path.name}" if path.parent.name == contract.name else path.name
    file = ExtractFile(name, path, version[0], sha256, columns, records, is_plain, version)
    check_unchanged(file)
    _check_columns(path, columns, contract)
    return file


def _version(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def check_unchanged(file: ExtractFile) -> None:
    """Make sure that a file is still the one that was looked at.

    Raises:
        BadDataError: somebody wrote to it, or put another in its place.
    """
    try:
        version = _version(file.path)
    except FileNotFoundError:
        version = ()
    if version != file.version:
        raise BadDataError(
            f"{file.path}: changed while it was read; is it still being written? Run again when it is whole."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inspect_parquet(path: Path) -> tuple[tuple[str, ...], int]:
    try:
        with pq.ParquetFile(path) as file:
            return tuple(file.schema_arrow.names), file.metadata.num_rows
    except (OSError, ValueError) as error:
        raise BadDataError(f"{path}: not a whole Parquet file ({error}). Deliver it again.") from error


def _count_lines(path: Path, dialect: Dialect) -> tuple[int, bool]:
    """Lines after the first, not counting an unfinished empty one (-1: not a byte); and whether the text is plain."""
    lines = returns = both = size = 0
    last, has_nul = b"", False
    most = max(SMALL, MOST_EXPANSION * path.stat().st_size)
    with open_utf8(path, dialect) as file:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > most:
                raise BadDataError(
                    f"{path}: expands to more than {most:,} bytes, over {MOST_EXPANSION} times its size: damaged, or "
                    "made to fill the disk. Deliver it again, uncompressed if it is right."
                )
            lines += block.count(b"\n")
            has_nul = has_nul or b"\0" in block
            if b"\r" in block:
                returns += block.count(b"\r")
                both += block.count(b"\r\n")
            both += last == b"\r" and block[:1] == b"\n"
            last = block[-1:]
    if not last:
        return -1, True
    is_plain = not has_nul and (returns == 0 or returns == both == lines)
    return (lines - 1 if last == b"\n" else lines), is_plain


def clean_copy(file: ExtractFile, dialect: Dialect, target: Path) -> tuple[int, list[RejectedRecord]]:
    """Write a text extract's sound records to `target` as UTF-8 CSV with a first column `row_number`.

    For files that the fast reader stumbles over: one record at a time, slow and exact. A quote that swallows the lines
    after it costs its own line only.

    Returns:
        The records written, and those that can't be split into the header's fields.

    Raises:
        BadDataError: a line is so long, or so many are damaged, that the file can't be text of rows.
    """
    csv.field_size_limit(sys.maxsize)
    width = len(file.columns)
    rejected: list[RejectedRecord] = []
    written = 0
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(["row_number", *range(width)])
        for row_number, (fields, rule) in enumerate(_records(file.path, dialect, width), start=1):
            rule = rule or _damage(fields, width)
            if rule:
                shown = [field[:1000].encode("utf-8", "replace").decode() for field in fields[: width + 100]]
                rejected.append(RejectedRecord(row_number, rule, json.dumps(shown, ensure_ascii=False)))
                check_rejected(file, len(rejected), rule)
            else:
                writer.writerow([row_number, *fields])
                written += 1
    return written, rejected


def check_rejected(file: ExtractFile, rejected: int, rule: str) -> None:
    """Make sure that a file's rejected rows are few enough to be looked at.

    Raises:
        BadDataError: there are too many.
    """
    if rejected > MOST_REJECTED:
        raise BadDataError(
            f"{file.path}: more than {MOST_REJECTED:,} rows can't be used, many of them by the rule {rule}. Check the "
            "contract's dialect (dates, decimal mark, encoding), or deliver the file again."
        )


def _damage(fields: list[str], width: int) -> str | None:
    if len(fields) < width:
        return "too_few_fields"
    if len(fields) > width:
        return "too_many_fields"
    if any("\0" in field for field in fields):
        return "nul_byte"
    if any(len(field) > LONGEST_FIELD for field in fields) or sum(map(len, fields)) > LONGEST_ROW:
        return "field_too_long"
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        return "wrong_encoding"
    return None


def _records(path: Path, dialect: Dialect, width: int) -> Iterator[tuple[list[str], str | None]]:
    """The records after the header, each with the rule it breaks as a whole, if it does."""
    with open_utf8(path, dialect) as file:
        lines = _Lines(path, file)
        next(lines)
        for line in lines:
            if not line.strip("\r\n"):
                continue
            if lines.was_end_of_quote:
                yield line.rstrip("\r\n").split(dialect.delimiter), "stray_quote"
                continue
            taken = [line]
            rule = "stray_quote"
            try:
                fields = _record(lines, taken, dialect)
            except csv.Error as error:
                rule = "stray_carriage_return" if "new-line" in str(error) else rule
                fields = None
            if fields is not None and (
                len(taken) == 1 or (len(fields) == width and not _holds_rows(taken, dialect, width))
            ):
                yield fields, None
            else:
                lines.push_back(taken[1:], ends_quote=fields is not None and taken[-1].count('"') % 2 == 1)
                yield line.rstrip("\r\n").split(dialect.delimiter), rule


def _record(lines: "_Lines", taken: list[str], dialect: Dialect) -> list[str] | None:
    """The fields of the record that begins with the line in `taken`; adds the lines that it goes on in.

    Returns:
        None if a quote in it is never closed.

    Raises:
        csv.Error: it is no proper record.
    """
    fields = _split(taken[0], dialect)
    size = len(taken[0])
    while fields is None and size <= LONGEST_ROW:
        following = next(lines, None)
        if following is None:
            break
        taken.append(following)
        size += len(following)
        if '"' in following:
            fields = _split("".join(taken), dialect)
    return fields


def _split(text: str, dialect: Dialect) -> list[str] | None:
    """A record's fields, or None while a quote is still open."""
    try:
        (fields,) = csv.reader([text], delimiter=dialect.delimiter, strict=True)
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
        raise
    return fields


def _holds_rows(taken: list[str], dialect: Dialect, width: int) -> bool:
    """Whether most of the lines inside a record would be whole records themselves: a stray quote swallowed them."""
    inner = taken[1:]
    looks_whole = [line.count(dialect.delimiter) == width - 1 for line in inner]
    looks_whole[-1] = looks_whole[-1] and dialect.delimiter in inner[-1].partition('"')[0]
    return width > 1 and 2 * sum(looks_whole) > len(inner)


class _Lines:
    """The lines of a file; takes lines back. `was_end_of_quote`: the last one given closed a stray quote."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._returned: list[tuple[str, bool]] = []
        self.was_end_of_quote = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._returned:
            line, self.was_end_of_quote = self._returned.pop()
            return line
        self.was_end_of_quote = False
        read = self._file.readline(LONGEST_LINE)
        if not read:
            raise StopIteration
        if len(read) == LONGEST_LINE:
            raise BadDataError(f"{self._path}: a line is longer than {LONGEST_LINE:,} bytes. Deliver the file again.")
        return read.decode("utf-8", "surrogateescape")

    def push_back(self, lines: list[str], *, ends_quote: bool) -> None:
        self._returned.extend((line, ends_quote and line is lines[-1]) for line in reversed(lines))
