"""Feeds' files written anew without a person: text and Parquet as they are, workbooks and JSON as copies."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from pipelines.column_types import header_name
from pipelines.engines.sql import literal, one_file, quoted
from pipelines.intake.damaged_text import records
from pipelines.intake.erased import Rewritten
from pipelines.intake.extract import ExtractFile
from pipelines.intake.mapping.copies import copy_of, sheets_in, write_objects, write_sheets
from pipelines.intake.mapping.json_rows import columns_in, parts_of, with_parts, without_columns
from pipelines.intake.mapping.tables import inspect_feed_file, is_json, is_workbook, json_objects
from pipelines.intake.workbook import Cell, Sheet, find_sheet
from pipelines.privacy.feeds import Edits, FeedFile
from pipelines.privacy.person import Person
from pipelines.privacy.redact import Redaction, hash_of, line_of, redact_parquet, replacing, writing_text


def redact_feed(file: FeedFile, edits: Edits, person: Person, keep: Callable[[Rewritten], None]) -> None:
    """Take the person out of a feed's file; a copy takes the place of a workbook and of JSON.

    Args:
        file: it.
        edits: what is to be changed.
        person: whom to take out.
        keep: gets the new file's figures just before it takes the old one's place.
    """
    path = file.now
    extract = inspect_feed_file(path, path.name, file.dialect)
    change = _Change(file, extract, edits, person)
    with replacing(path, copy_of(path) if change.is_copied else None) as beside:
        lines = change.write(beside)
        keep(Rewritten(extract.sha256, beside.stat().st_size, hash_of(beside), lines))


@dataclass(frozen=True)
class _Change:
    """A file, and what is to become of it."""

    file: FeedFile
    extract: ExtractFile
    edits: Edits
    person: Person

    @property
    def is_copied(self) -> bool:
        return is_workbook(self.extract.path) or is_json(self.extract.path)

    @cached_property
    def _marked(self) -> frozenset[int]:
        return _marked_positions(self.file, self.extract.columns)

    def write(self, target: Path) -> int:
        """Write the file without what goes; returns its rows, as a night counts them."""
        if is_workbook(self.extract.path):
            with sheets_in(self.extract.path) as sheets:
                mine = find_sheet(self.extract.path, sheets, self.file.dialect.sheet)
                write_sheets([self._sheet(sheet, is_read=sheet is mine) for sheet in sheets], target)
        elif is_json(self.extract.path):
            write_objects(self._objects(), target)
        elif self.extract.is_parquet:
            self._write_parquet(target)
        else:
            return self._write_text(target)
        return self.extract.records

    def _edited(self, number: int, values: Sequence[str]) -> list[str]:
        goes = self.edits.columns.get(number, ())
        marked = range(len(values)) if number in self.edits.mixed else self._marked  # the order differs as before
        return [
            value if n not in goes else self.person.mark(value) if n in marked else "" for n, value in enumerate(values)
        ]

    def _write_text(self, target: Path) -> int:
        dialect, lines, last = self.file.dialect, 0, b""
        with writing_text(target, dialect, is_packed=self.extract.path.suffix.lower() == ".gz") as write:
            for record in records(self.extract.path, dialect, len(self.extract.columns)):
                raw = record.text.encode("utf-8", "surrogateescape")
                if record.number in self.edits.damaged:
                    raw = line_of([""] * len(record.fields), raw, dialect.delimiter)
                elif record.number in self.edits.columns:
                    raw = line_of(self._edited(record.number, record.fields), raw, dialect.delimiter)
                write(raw)
                lines, last = lines + raw.count(b"\n"), raw[-1:] or last
        return lines - 1 if last == b"\n" else lines

    def _write_parquet(self, target: Path) -> None:
        path, columns = self.extract.path, self.extract.columns
        by_column: dict[int, list[int]] = {}
        for row, positions in self.edits.columns.items():
            for position in positions:
                by_column.setdefault(position, []).append(row - 1)
        names = {position: quoted(columns[position]) for position in by_column}
        goes = {names[at]: f"file_row_number IN ({', '.join(map(str, rows))})" for at, rows in by_column.items()}
        kinds = duckdb.sql(f"FROM read_parquet({literal(one_file(path))})").types
        marked = [at for at in self._marked & by_column.keys() if str(kinds[at]) == "VARCHAR"]
        marks = {names[at]: self.person.mark_sql(names[at]) for at in marked}
        redact_parquet(path, target, Redaction("FALSE", goes, marks))

    def _sheet(self, sheet: Sheet, *, is_read: bool) -> Sheet:
        """A sheet without what goes; in what no feed reads of a workbook, what is the person's goes from all cells."""

        def rows() -> Iterator[tuple[int, list[Cell]]]:
            for number, cells in sheet.rows():
                row = number - self.file.dialect.header_row if is_read else 0
                if row in self.edits.damaged:
                    cells = [("", "")] * len(cells)
                elif row in self.edits.columns:
                    texts = self._edited(row, [text for text, _ in cells])
                    pairs = zip(cells, texts, strict=True)
                    cells = [cell if cell[0] == text else (text, "text") for cell, text in pairs]
                elif row < 1:
                    cells = [("", "") if self.person.pattern.search(text) else (text, kind) for text, kind in cells]
                yield number, cells

        return Sheet(sheet.name, sheet.is_shown, sheet.has_rows, rows)

    def _objects(self) -> Iterator[dict[str, Any]]:
        path, dialect = self.extract.path, self.file.dialect
        row = 0
        for number, found in enumerate(json_objects(path, dialect), start=1):
            parts = parts_of(found, dialect.rows, path, number) if dialect.rows else None
            numbers = range(row + 1, row + 1 + max(len(parts or ()), 1))
            row = numbers[-1]
            if not any(n in self.edits.columns for n in numbers):
                yield found
                continue
            outer = set.intersection(*(self.edits.columns.get(n, set()) for n in numbers))
            found = without_columns(found, self._texts(outer, found), rows=dialect.rows)
            if parts:
                parts = [
                    self._part(part, self.edits.columns.get(n, set())) for n, part in zip(numbers, parts, strict=True)
                ]
                found = with_parts(found, parts, f"{dialect.rows}")
            yield found

    def _part(self, part: Any, goes: Collection[int]) -> Any:
        """A part of the list whose parts are rows, without what goes of its row."""
        before = f"{self.file.dialect.rows}."
        if isinstance(part, dict):
            return without_columns(part, self._texts(goes, part, before), before)
        is_gone = any(self.extract.columns[n] == self.file.dialect.rows for n in goes)
        return None if is_gone else part

    def _texts(self, positions: Collection[int], found: dict[str, Any], before: str = "") -> dict[str, str | None]:
        """What takes the place of an object's columns."""
        dialect = self.file.dialect
        without = None if before else dialect.rows
        values = columns_in(found, dialect.decimal_mark, before, without) if positions else {}
        names = {n: self.extract.columns[n] for n in positions}
        return {
            name: self.person.mark(value) if n in self._marked and (value := values.get(name)) else None
            for n, name in names.items()
        }


def _marked_positions(file: FeedFile, columns: Iterable[str]) -> frozenset[int]:
    """The columns in which a mark takes the place of what goes.

    Receipts are told apart by them, or what is made of a personal one is no person's: blank, a row would come to mean
    something else.
    """
    keys = frozenset[str]().union(*(part.keys for part in file.people))
    needed = frozenset[str]().union(*(part.needed for part in file.people))
    personal = frozenset[str]().union(*(part.personal for part in file.people))
    return frozenset(n for n, name in enumerate(map(header_name, columns)) if name in keys | (needed & personal))
