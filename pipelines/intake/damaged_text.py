"""Damaged text files, read a second time record by record: good records are kept, damaged ones rejected."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.dialect import Dialect
from pipelines.errors import BadDataError
from pipelines.intake.extract import LONGEST_FIELD, ExtractFile, RejectedRecord
from pipelines.intake.utf8 import open_utf8

LONGEST_ROW = 400_000  # characters of all its fields
LONGEST_LINE = 1 << 26  # bytes; a file without a line feed for so long is no text of rows
MOST_REJECTED = 1_000_000  # rows of a file; with more of them the contract describes another file
EXAMPLES = 1000  # rows of such a file that are kept, for a person to look at


def clean_copy(file: ExtractFile, dialect: Dialect, target: Path) -> tuple[int, list[RejectedRecord]]:
    """Write a text extract's sound records to `target` as UTF-8 CSV with a first column `row_number`.

    For files that the fast reader refuses: one record at a time, slow and exact. A quote that swallows the lines after
    it costs its own line only.

    Returns:
        The records written, and those that can't be split into the header's fields.

    Raises:
        BadDataError: A line is too long, or too many are damaged, for a text of rows.
    """
    csv.field_size_limit(sys.maxsize)
    width = len(file.columns)
    rejected: list[RejectedRecord] = []
    written = 0
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(["row_number", *range(width)])
        for record in records(file.path, dialect, width):
            if not record.number:
                continue
            if rule := record.rule or _damage(record.fields, width):
                shown = [field[:1000].encode("utf-8", "replace").decode() for field in record.fields[: width + 100]]
                rejected.append(RejectedRecord(record.number, rule, json.dumps(shown, ensure_ascii=False)))
                check_rejected(file, len(rejected), lambda: rejected)
            else:
                writer.writerow([record.number, *record.fields])
                written += 1
    return written, rejected


class TooManyRejectedError(BadDataError):
    """So many rows of a file are rejected that the contract describes another file; `examples` are some of them."""

    def __init__(self, file: ExtractFile, examples: Sequence[RejectedRecord]) -> None:
        self.file = file
        self.examples = tuple(examples[:EXAMPLES])
        (rule, _), *_ = Counter(row.rule for row in examples).most_common(1)
        row = min(row.row_number for row in examples if row.rule == rule)
        super().__init__(
            f"{file.path}: more than {MOST_REJECTED:,} rows can't be used, most of them by the rule {rule}, the first "
            f"of which is row {row}. Check the contract's dialect (dates, decimal mark, encoding), or deliver the file "
            "again."
        )


def check_rejected(file: ExtractFile, rejected: int, examples: Callable[[], Sequence[RejectedRecord]]) -> None:
    """Make sure that a file's rejected rows are few enough for a person to look at; else `examples` gives some.

    Raises:
        TooManyRejectedError: There are too many.
    """
    if rejected > MOST_REJECTED:
        raise TooManyRejectedError(file, examples())


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


@dataclass(frozen=True)
class Record:
    """A record of a text file: its number (0: the header, or a blank line), its text, its fields.

    `rule` is the one that it breaks as a whole, or None. Bytes that are no UTF-8 are surrogates in it.
    """

    number: int
    text: str
    fields: list[str]
    rule: str | None = None


def records(path: Path, dialect: Dialect, width: int) -> Iterator[Record]:
    """All of a text file, record by record; their texts together are the file.

    Raises:
        BadDataError: A line is too long for a text of rows.
    """
    number = 0
    for text, fields, rule in _split_records(path, dialect, width):
        number += fields is not None
        yield Record(0 if fields is None else number, text, fields or [], rule)


def _split_records(path: Path, dialect: Dialect, width: int) -> Iterator[tuple[str, list[str] | None, str | None]]:
    """The text of each record, its fields (None of what is no record) and the rule that it breaks as a whole."""
    with open_utf8(path, dialect) as file:
        lines = _Lines(path, file)
        yield next(lines, ""), None, None
        for line in lines:
            if not line.strip("\r\n"):
                yield line, None, None
                continue
            if lines.was_end_of_quote:
                yield line, line.rstrip("\r\n").split(dialect.delimiter), "stray_quote"
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
                yield "".join(taken), fields, None
            else:
                lines.push_back(taken[1:], ends_quote=fields is not None and taken[-1].count('"') % 2 == 1)
                yield line, line.rstrip("\r\n").split(dialect.delimiter), rule


def _record(lines: "_Lines", taken: list[str], dialect: Dialect) -> list[str] | None:
    """The fields of the record that begins with the line in `taken`; adds the record's further lines to it.

    Returns:
        None if a quote in the record is never closed.

    Raises:
        csv.Error: The record is malformed.
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
    """Whether most lines inside a record would be whole records themselves, as when a stray quote swallowed them."""
    inner = taken[1:]
    looks_whole = [line.count(dialect.delimiter) == width - 1 for line in inner]
    looks_whole[-1] = looks_whole[-1] and dialect.delimiter in inner[-1].partition('"')[0]
    return width > 1 and 2 * sum(looks_whole) > len(inner)


class _Lines:
    """The lines of a file; lines can be pushed back. `was_end_of_quote`: the last line given closed a stray quote."""

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
