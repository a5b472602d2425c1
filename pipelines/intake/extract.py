"""One extract file: whether it is whole, which columns it has, and how many records.

No reader is trusted alone: records are counted here, apart from the loader, and a compressed file is read to its end.
"""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.column_types import header_name
from pipelines.contracts import Contract
from pipelines.dialect import Dialect
from pipelines.errors import BadDataError
from pipelines.intake.landing import suffix_of
from pipelines.intake.nearest import nearest_header
from pipelines.intake.parquet_types import check_can_be_text, check_types
from pipelines.intake.utf8 import BLOCK, is_utf8_after_all, open_utf8

# How files of a form begin, and by which suffix each is read (None: by none).
_FORMS = (
    (b"\x1f\x8b", "packed by gzip", ".csv.gz"),
    (b"PAR1\x15", "Parquet", ".parquet"),
    (b"PK\x03\x04", "a zip archive or a workbook", None),
    (b"\xd0\xcf\x11\xe0", "a workbook", None),
)
LONGEST_FIELD = 100_000  # characters; a longer field is damage, not data
# A compressed file may expand to so many times its size (honest extracts come to about 30), a small one to SMALL bytes.
MOST_EXPANSION = 100
SMALL = 1 << 28


@dataclass(frozen=True)
class ExtractFile:
    """A file as it was found in the landing folder.

    `columns` are in the contract's names where it knows them. `records` are the rows after the header (for text, its
    line feeds). `is_plain`: text without a NUL byte and with one kind of line end. `version` changes when somebody
    writes to the file. `exact_below` gives, for floating-point columns, the number from which on they can't tell all
    whole numbers apart. `unread` names what of the file nobody reads, as other sheets of a workbook.
    """

    name: str
    path: Path
    size: int
    sha256: str
    columns: tuple[str, ...]
    records: int
    is_plain: bool
    version: tuple[int, ...]
    exact_below: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @property
    def is_parquet(self) -> bool:
        return suffix_of(self.path) == ".parquet"


@dataclass(frozen=True)
class RejectedRecord:
    """A row that can't be used: its row number (1 is the first after the header), the rule it breaks, its values.

    What follows is None where it can't be read: the business date of its event, the sum of money that the contract
    controls, and, where that is of a receipt or a line, which one it is.
    """

    row_number: int
    rule: str
    values: str
    event_date: date | None = None
    amount: Decimal | None = None
    receipt_id: str | None = None
    line_number: int | None = None


def header_of(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """The names of a file's columns, as they stand there.

    Raises:
        BadDataError: Its first line is no text of the dialect.
    """
    if suffix_of(path) == ".parquet":
        return tuple(pq.read_schema(path).names)
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
    """A header in the contract's names: in lower case, without odd blanks, and with present names for former ones."""
    names = tuple(map(header_name, header))
    present = {header_name(old): column.name for column in contract.columns for old in column.former_names}
    return tuple(present[name] if name in present and present[name] not in names else name for name in names)


def _check_columns(path: Path, columns: tuple[str, ...], contract: Contract) -> None:
    if not columns:
        raise BadDataError(f"{path}: the file is empty; even an extract without rows has a header. Deliver it again.")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    # Only names of the contract are quoted: a file without a header has a person's data in its first line.
    known = {column.name for column in contract.columns}
    if twice:
        raise BadDataError(f"{path}: {f'column {twice[0]}' if twice[0] in known else 'a column name'} is there twice")
    if missing := [column.name for column in contract.columns if column.required and column.name not in columns]:
        raise BadDataError(f"{path}: {_missing_columns(missing, columns, contract)}")
    if known.isdisjoint(columns):
        raise BadDataError(
            f"{path}: of its {len(columns)} columns none is one that the contract knows ({', '.join(sorted(known))}). "
            "Check the header line, and the delimiter if all names are in one."
        )


def _missing_columns(missing: Sequence[str], columns: tuple[str, ...], contract: Contract) -> str:
    """The sentence about required columns that a file lacks, with the headers that may be meant by them."""
    known = {column.name for column in contract.columns}
    found = ", ".join(name for name in columns if name in known) or "none that the contract knows"
    others = [name for name in columns if name not in known]
    near = {name: nearest_header(name, others, contract.name) for name in missing}
    hints = [f"{header!r} may be {name}" for name, header in near.items() if header]
    what = f"column {missing[0]} is" if len(missing) == 1 else f"columns {', '.join(missing)} are"
    return (
        f"the required {what} missing (found: {found}; {len(columns)} in all). "
        f"{'; '.join(hints) + '. ' if hints else ''}"
        "Deliver the extract with it; check the header line, and the delimiter if all names are in one."
    )


def _check_form(path: Path, suffix: str) -> None:
    """Make sure that a file is no other than its suffix says, by what it begins with."""
    with path.open("rb") as file:
        start = file.read(8)
    for begins_with, what, its_suffix in _FORMS:
        if start.startswith(begins_with) and suffix != its_suffix:
            advice = (
                f"Name it {path.name.split('.')[0]}{its_suffix}." if its_suffix else "Deliver it as .csv or .csv.gz."
            )
            raise BadDataError(f"{path}: is {what}, which its name does not say. {advice}")
    if suffix == ".csv.gz" and start and not b"\x1f\x8b".startswith(start[:2]):
        raise BadDataError(
            f"{path}: is not packed by gzip. If it is text as it is, name it .csv; else deliver it again."
        )


def inspect(path: Path, contract: Contract) -> ExtractFile:
    """Read a file to its end: size, hash, header, records.

    Raises:
        BadDataError: The file is cut off, unreadable, empty, expands beyond reason, lacks a required column, or changed
            while it was read.
    """
    version = version_of_file(path)
    if suffix_of(path) == ".parquet":
        with readable(path, contract.dialect):
            _check_form(path, ".parquet")
            header, records, types = _inspect_parquet(path)
            check_types(path, contract_names(header, contract), types, contract)
            exact_below = tuple(_EXACT_BELOW.get(type_, 0) for type_ in types)
            sha256, is_plain = sha256_of(path), True
    else:
        exact_below = ()
        header, records, is_plain, sha256 = _inspect_text(path, contract.dialect, f"{suffix_of(path)}")
    columns = contract_names(header, contract)
    name = name_in_landing(path, contract.name)
    exact = {column: below for column, below in zip(columns, exact_below, strict=False) if below}
    file = ExtractFile(name, path, version[0], sha256, columns, records, is_plain, version, exact)
    check_unchanged(file)
    _check_columns(path, columns, contract)
    return file


def inspect_text(path: Path, name: str, dialect: Dialect) -> ExtractFile:
    """As inspect, of a text or Parquet file whose columns no contract knows: `columns` is its header as it stands.

    Raises:
        BadDataError: The file is cut off, unreadable, empty, expands beyond reason, or changed while it was read; or it
            is Parquet and has columns that are no single values, or a dialect that is of text alone.
    """
    version = version_of_file(path)
    if suffix_of(path) == ".parquet":
        with readable(path, dialect):
            _check_form(path, ".parquet")
            header, records, types = _inspect_parquet(path)
            check_can_be_text(path, header, types)
            sha256, is_plain = sha256_of(path), True
        if dialect.decimal_mark != "." or dialect.grouping_marks or dialect.date_format:
            raise BadDataError(
                f"{path}: is Parquet, whose numbers and dates have no marks of their own. Give such files a feed of "
                "their own, without decimal_mark, grouping_mark and date_format."
            )
    else:
        suffix = ".csv.gz" if path.name.lower().endswith(".gz") else ".csv"
        header, records, is_plain, sha256 = _inspect_text(path, dialect, suffix)
    file = ExtractFile(name, path, version[0], sha256, header, records, is_plain, version)
    check_unchanged(file)
    if not header:
        raise BadDataError(f"{path}: the file is empty; even an extract without rows has a header. Deliver it again.")
    return file


def _inspect_text(path: Path, dialect: Dialect, suffix: str) -> tuple[tuple[str, ...], int, bool, str]:
    """The header, the records, whether the text is plain, and the hash."""
    with readable(path, dialect):
        _check_form(path, suffix)
        if is_utf8_after_all(path, dialect):
            raise BadDataError(
                f"{path}: is text in UTF-8, and is to be read as {dialect.encoding}, which would garble its letters. "
                "Change the encoding in the source's contract or in the feed's dialect."
            )
        with ThreadPoolExecutor(1) as thread:
            hashed = thread.submit(sha256_of, path)
            records, is_plain = _count_lines(path, dialect)
            header = header_of(path, dialect) if records >= 0 else ()
            sha256 = hashed.result()
    if not header and records > 0:
        raise BadDataError(f"{path}: the first line is empty; it has to be the header. Deliver it again.")
    return header, records, is_plain, sha256


@contextmanager
def readable(path: Path, dialect: Dialect) -> Iterator[None]:
    """What a file's reader raises, in words."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadDataError(f"{path}: the compressed file is cut off or damaged ({error}). Deliver it again.") from error
    except UnicodeDecodeError as error:
        raise BadDataError(
            f"{path}: is no {dialect.encoding} text ({error.reason}). Check the contract's encoding, or "
            "deliver the file again."
        ) from error
    except PermissionError as error:
        raise BadDataError(f"{path}: may not be read. Give the pipeline's user read permission.") from error


def version_of_file(path: Path) -> tuple[int, ...]:
    """What changes when somebody writes to a file; the first is its size."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def check_unchanged(file: ExtractFile) -> None:
    """Make sure that a file is still the one that was looked at.

    Raises:
        BadDataError: somebody wrote to it, or put another in its place.
    """
    try:
        version = version_of_file(file.path)
    except FileNotFoundError:
        version = ()
    if version != file.version:
        raise BadDataError(
            f"{file.path}: changed while it was read; is it still being written? Run again when it is whole."
        )


def name_in_landing(path: Path, source: str) -> str:
    """What a source's file is called: its path within the landing folder."""
    return f"{path.parent.name}/{path.name}" if path.parent.name.lower() == source else path.name


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_EXACT_BELOW = {pa.float64(): 1 << 53, pa.float32(): 1 << 24, pa.float16(): 1 << 11}


def _inspect_parquet(path: Path) -> tuple[tuple[str, ...], int, list[pa.DataType]]:
    """The columns, the rows, and the columns' types."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            return tuple(schema.names), file.metadata.num_rows, schema.types
    except (OSError, ValueError) as error:
        raise BadDataError(f"{path}: not a whole Parquet file ({error}). Deliver it again.") from error


def _count_lines(path: Path, dialect: Dialect) -> tuple[int, bool]:
    """Lines after the first (-1: the file has not a byte), without an empty last one; and whether the text is plain."""
    lines = returns = both = size = 0
    last, has_nul = b"", False
    most = max(SMALL, MOST_EXPANSION * path.stat().st_size)
    with open_utf8(path, dialect) as file:
        while block := file.read(BLOCK):
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
