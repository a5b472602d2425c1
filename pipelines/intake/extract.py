"""One extract file: where it is, whether it is whole, how many records it holds; and a clean copy of a damaged one.

No reader is trusted alone: records are counted here, apart from the loader, and a compressed file is read to its end.
"""

import codecs
import csv
import gzip
import hashlib
import io
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


# A file may expand to so many times its size (honest extracts come to about 30), a small one to SMALL bytes.
MOST_EXPANSION = 100


SMALL = 1 << 28


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
