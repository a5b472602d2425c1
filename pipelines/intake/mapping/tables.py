"""A feed's file of whatever form as a table of text: its columns, and its rows with their numbers.

Text and Parquet are read as for a source's own files; workbooks and JSON are written as text to Parquet first.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.column_types import header_name
from pipelines.dialect import NULL_VALUES
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import BadDataError
from pipelines.intake.damaged_text import check_rejected
from pipelines.intake.extract import (
    ExtractFile,
    RejectedRecord,
    check_unchanged,
    inspect_text,
    readable,
    sha256_of,
    version_of_file,
)
from pipelines.intake.load import read_as_text
from pipelines.intake.mapping.copies import JSON, WORKBOOKS, is_copy, objects_of_copy, received, sheets_in
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.json_rows import columns_of, objects_in, rows_of
from pipelines.intake.typed_sql import identifier_of
from pipelines.intake.workbook import ERRORS, Cell, find_sheet

_BATCH = 20_000

NumberedRow = tuple[int, list[str | None]]


@dataclass(frozen=True)
class _Table:
    """A file's columns and rows, and what of it is not read."""

    columns: tuple[str, ...]
    rows: Iterator[NumberedRow]
    unread: tuple[str, ...] = ()


def is_workbook(path: Path) -> bool:
    return received(path).name.lower().endswith(WORKBOOKS)


def is_json(path: Path) -> bool:
    return received(path).name.lower().endswith(JSON)


def inspect_feed_file(path: Path, name: str, dialect: FeedDialect) -> ExtractFile:
    """Look at a feed's file: is it whole, which columns has it, how many rows.

    Raises:
        BadDataError: it is cut off, unreadable, empty or protected, or has no such sheet; or it changed meanwhile.
    """
    if not is_workbook(path) and not is_json(path):
        if dialect.sheet is not None or dialect.header_row != 1:
            raise BadDataError(f"{path}: is no workbook, of which alone sheet: and header_row: are said.")
        return inspect_text(path, name, dialect)
    version = version_of_file(path)
    with _table(path, dialect) as table:
        records = sum(1 for _ in table.rows)
    file = ExtractFile(
        name, path, version[0], sha256_of(path), table.columns, records, True, version, unread=table.unread
    )
    check_unchanged(file)
    return file


def may_lack(file: ExtractFile, header: str, dialect: FeedDialect) -> bool:
    """Whether a file may be without a column and be whole: JSON has no header, and says nothing of what is nowhere.

    That is so if there is no row; or if all that it is a part of is null, or a list without a part, in every object.
    """
    if not is_json(file.path):
        return False
    names = set(map(header_name, file.columns))
    steps = header_name(header).split(".")
    around = [".".join(steps[:n]) for n in range(1, len(steps))]
    known = [outer for outer in around if outer in names or outer == header_name(dialect.rows or "")]
    return not file.records or any(not any(name.startswith(f"{outer}.") for name in names) for outer in known)


def feed_as_text(
    file: ExtractFile, dialect: FeedDialect, engine: DuckDBEngine, target: Path
) -> tuple[bool, list[RejectedRecord]]:
    """Write a feed's file as text to `target`, as load.read_as_text does."""
    if not is_workbook(file.path) and not is_json(file.path):
        return read_as_text(file, dialect, engine, target)
    width = len(file.columns)
    names, rejected = [identifier_of(n) for n in range(width)], list[RejectedRecord]()
    schema = pa.schema([("row_number", pa.int64()), *((name, pa.string()) for name in names)])
    with _table(file.path, dialect, file.columns) as table, pq.ParquetWriter(target, schema) as writer:
        batch: list[NumberedRow] = []
        for number, values in table.rows:
            if len(values) > width:
                shown = json.dumps([value or "" for value in values], ensure_ascii=False)
                rejected.append(RejectedRecord(number, "too_many_fields", shown))
                check_rejected(file, len(rejected), lambda: rejected)
                continue
            batch.append((number, values))
            if len(batch) == _BATCH:
                writer.write_table(_arrow(batch, schema))
                batch = []
        writer.write_table(_arrow(batch, schema))
    target.chmod(0o600)
    return True, rejected


def error_words(path: Path, dialect: FeedDialect) -> tuple[str, ...]:
    """What stands in a workbook's cells that could not be worked out, unless the dialect says itself that it is none.

    The usual words for no value have some of them, as programs write them into text; but a failed look-up in a cell is
    a fault, and not a customer who did not give a name.
    """
    if not is_workbook(path):
        return ()
    return tuple(word for word in ERRORS if dialect.null_values == NULL_VALUES or word not in dialect.null_values)


def _arrow(batch: list[NumberedRow], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*(values for _, values in batch), strict=True)) if batch else [()] * (len(schema) - 1)
    arrays = [pa.array(list(values), pa.string()) for values in columns]
    return pa.Table.from_arrays([pa.array([number for number, _ in batch], pa.int64()), *arrays], schema=schema)


@contextmanager
def _table(path: Path, dialect: FeedDialect, columns: tuple[str, ...] | None = None) -> Iterator[_Table]:
    """A workbook's sheet or a JSON file; its columns need not be sought anew where they are known."""
    if is_workbook(path):
        with readable(path, dialect), sheets_in(path) as sheets:
            sheet = find_sheet(path, sheets, dialect.sheet)
            rows = sheet.rows()
            header = _header(rows, path, sheet.name, dialect.header_row)
            filled = [other for other in sheets if other is not sheet and other.has_rows and dialect.sheet is None]
            shown = (f"{other.name}{'' if other.is_shown else ' (hidden)'}" for other in filled)
            others = tuple(f"{received(path).name}, sheet {name}" for name in shown)
            yield _Table(header, _below(rows, len(header), dialect), others)
        return
    with readable(path, dialect):

        def found() -> Iterator[dict[str, str | None]]:
            return rows_of(json_objects(path, dialect), dialect.rows, dialect.decimal_mark, path)

        named = columns or columns_of(found(), path)[0]
        yield _Table(named, ((n, [row.get(name) for name in named]) for n, row in enumerate(found(), start=1)))


def json_objects(path: Path, dialect: FeedDialect) -> Iterator[dict[str, Any]]:
    """The objects of a JSON file or of its copy."""
    return objects_of_copy(path) if is_copy(path) else objects_in(path, dialect.encoding, dialect.rows)


def _header(rows: Iterator[tuple[int, list[Cell]]], path: Path, sheet: str, header_row: int) -> tuple[str, ...]:
    """The header's texts, without empty ones at its end."""
    for number, cells in rows:
        if number > header_row:
            break
        if number == header_row:
            names = [text.strip() for text, _ in cells]
            while names and not names[-1]:
                names.pop()
            return tuple(names)
    raise BadDataError(
        f"{path}: row {header_row} of sheet {sheet!r} is empty, and the header is to stand there. Say by header_row: "
        "where it is."
    )


def _below(rows: Iterator[tuple[int, list[Cell]]], width: int, dialect: FeedDialect) -> Iterator[NumberedRow]:
    for number, cells in rows:
        texts = [text.replace(".", dialect.decimal_mark) if kind == "number" else text or None for text, kind in cells]
        while len(texts) > width and texts[-1] is None:
            texts.pop()
        yield number - dialect.header_row, texts + [None] * (width - len(texts))
