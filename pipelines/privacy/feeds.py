"""Files that a mapping reads, without a person: their rows stay, and what is theirs in them goes.

Which rows are somebody's, the mapping says that a night read them by. A row of theirs keeps only what receipts and
other sources need that may belong to nobody: the order and its money stay, with no trace of whose they are. All other
columns are blanked, those that nothing reads too, for nobody knows what stands in them. Rows keep their numbers.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.column_types import header_name
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.intake.codes import register_function
from pipelines.intake.erased import NOTHING, Blanked, blanked_rows, in_list
from pipelines.intake.extract import ExtractFile
from pipelines.intake.mapping.compiler import DIFFERED, OF_TWO
from pipelines.intake.mapping.copies import copy_of
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.feed_files import fitting_files, name_in_folder
from pipelines.intake.mapping.kept import known_mappings
from pipelines.intake.mapping.mapped import TextFile, as_text
from pipelines.intake.mapping.people import (
    People,
    in_rows,
    people_of,
    register_feed,
    rows_beside_others,
    rows_of_nobody,
    rows_of_people,
    rows_that_name_somebody,
)
from pipelines.intake.mapping.salt import add_id_of_email, read_salt
from pipelines.intake.mapping.tables import inspect_feed_file
from pipelines.intake.typed_sql import identifier_of
from pipelines.privacy.person import Person, is_of_person, is_other_id
from pipelines.settings import Settings
from pipelines.store.lake import Lake, Night


@dataclass(frozen=True)
class FeedFile:
    """A file in a landing folder that some mapping reads: `name` is its path there, with its folder."""

    path: Path
    name: str
    dialect: FeedDialect
    people: tuple[People, ...]

    @property
    def codes(self) -> frozenset[str]:
        """The headers of ids of other things, whose digits may be a phone's by chance."""
        return frozenset[str]().union(*(part.codes for part in self.people))

    @property
    def now(self) -> Path:
        """Where it lies now: a copy may have taken its place."""
        return self.path if self.path.exists() else copy_of(self.path)


@dataclass
class Edits:
    """What is to be changed in a file: by row number, which columns (by position) lose their text.

    `rows` are those that are the person's; of them the `damaged` can't be split into columns, the `mixed` stand in an
    order that names another customer, too. `nobodys` are some rows that name nobody as they are. `left_out` are those
    of both that a filter leaves out which looks at what goes.
    """

    columns: dict[int, set[int]] = field(default_factory=dict)
    rows: set[int] = field(default_factory=set)
    damaged: set[int] = field(default_factory=set)
    mixed: set[int] = field(default_factory=set)
    nobodys: set[int] = field(default_factory=set)
    left_out: dict[str, set[int]] = field(default_factory=dict)

    @property
    def blanked(self) -> Blanked:
        """What the home keeps of it."""
        left_out = {name: frozenset(rows) for name, rows in self.left_out.items()}
        return Blanked(frozenset(self.rows | self.nobodys), left_out)

    @property
    def count(self) -> int:
        return len(self.columns.keys() | self.damaged)


def feed_files_of(settings: Settings, lake: Lake) -> list[FeedFile]:
    """All files of all landing folders that any mapping of the home reads or read, loaded or not.

    Raises:
        MappingFileError: a mapping has a fault.
    """
    found: dict[tuple[Path, FeedDialect], dict[People, None]] = {}
    folders = sorted(path for path in settings.landing_dir.glob("*") if path.is_dir())
    for mapping in known_mappings(lake):
        for name, feed in mapping.model.feeds.items():
            people, dialect = people_of(mapping, [name]), feed.read_dialect()
            for path in (path for folder in folders for path in fitting_files(folder, feed)):
                found.setdefault((path, dialect), {}).update(dict.fromkeys(people))
    return [
        FeedFile(path, name_in_folder(path, settings.landing_dir), dialect, tuple(people))
        for (path, dialect), people in found.items()
    ]


@dataclass(frozen=True)
class _Opened:
    """A feed's file as text, and the engine to ask about it."""

    file: FeedFile
    text: TextFile
    engine: DuckDBEngine
    salt: str | None


@dataclass(frozen=True)
class FeedReader:
    """Reads feeds' files as a night does, for an erasure."""

    lake: Lake
    settings: Settings

    @contextmanager
    def _open(self, file: FeedFile) -> Iterator[_Opened]:
        night = Night(self.lake, date.min, "erasure")
        folder = night.temporary_folder()
        try:
            with DuckDBEngine(night, self.settings) as engine:
                salt = read_salt(self.lake) if any(part.has_ids_of_email for part in file.people) else None
                register_function(engine.connection)
                if salt is not None:
                    add_id_of_email(engine.connection, salt)
                found = inspect_feed_file(file.now, file.path.name, file.dialect)
                yield _Opened(file, as_text(found, file.dialect, engine, folder / "feed.parquet"), engine, salt)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def values(self, file: FeedFile, person: Person) -> list[dict[str, Any]]:
        """What is personal in the rows that name a person, by column."""
        found: list[dict[str, Any]] = []
        with self._open(file) as opened:
            rows = _rows(opened, person, in_orders=False)  # what else stands in an order may be who gets the goods
            for part in file.people if rows else ():
                if part.values:
                    register_feed(part, opened.text, file.dialect, opened.engine)
                    columns = ", ".join(sql for _, sql in part.values)
                    for row in opened.engine.rows(f"SELECT DISTINCT {columns} FROM feed_rows WHERE {in_rows(rows)}"):
                        named = zip((name for name, _ in part.values), row, strict=True)
                        found += [{name: value} for name, value in named if value is not None]
        return found

    def of_others(self, file: FeedFile, person: Person, forms: set[str]) -> set[str]:
        """Which of some texts, in lower case, another customer has in a personal column."""
        found: set[str] = set()
        with self._open(file) as opened:
            for part in file.people if forms else ():
                names = [f"COALESCE({person.is_named_sql(name, sql)}, FALSE)" for name, sql in part.ids]
                if not names or not part.values:
                    continue
                register_feed(part, opened.text, file.dialect, opened.engine)
                is_anothers = (
                    f"({' OR '.join(f'{sql} IS NOT NULL' for _, sql in part.ids)}) AND NOT ({' OR '.join(names)})"
                )
                for _, value in part.values:
                    text = f"LOWER(TRIM(CAST({value} AS VARCHAR)))"
                    select = f"SELECT DISTINCT {text} FROM feed_rows WHERE {text} IN {in_list(forms)} AND {is_anothers}"
                    found |= {form for (form,) in opened.engine.rows(select)}
        return found

    def edits(self, file: FeedFile, person: Person, *, to_keep: bool = False) -> Edits:
        """What is to be changed in a file; with all that the home is to keep of it if it is changed."""
        with self._open(file) as opened:
            edits = Edits(_other_ids(opened, person), _rows(opened, person))
            speaking = _rows_with_text(opened, person) - edits.rows
            others = rows_that_name_somebody(file.people, speaking, opened.text, file.dialect, opened.engine)
            rules = _Rules(file, opened.text.file, person)
            for row, values in _cells(opened, edits.rows | speaking):
                if row in edits.rows or (row not in others and rules.has_personal_text(values)):
                    edits.rows.add(row)
                    found = rules.theirs(values)
                else:
                    found = rules.mentions(values, is_anothers=row in others)
                if found:
                    edits.columns.setdefault(row, set()).update(found)
            if to_keep and edits.rows:
                self._complete(edits, opened, person)
            for damaged in opened.text.damaged:
                if is_of_person(damaged.values, person, opened.salt):
                    edits.damaged.add(damaged.row_number)
        edits.rows |= edits.damaged
        return edits

    def _complete(self, edits: Edits, opened: _Opened, person: Person) -> None:
        before = blanked_rows(self.lake).get(opened.text.file.sha256, NOTHING).rows
        of_file = (opened.text, opened.file.dialect, opened.engine)
        edits.nobodys = rows_of_nobody(opened.file.people, edits.rows, before, *of_file, person.key)
        edits.left_out = _left_out(opened, edits.rows | edits.nobodys)
        _note_orders_that_differ(opened, edits)


def _rows(opened: _Opened, person: Person, *, in_orders: bool = True) -> set[int]:
    people, dialect = opened.file.people, opened.file.dialect
    return rows_of_people(people, opened.text, dialect, opened.engine, person.is_named_sql, in_orders=in_orders)


def _other_ids(opened: _Opened, person: Person) -> dict[int, set[int]]:
    """Where a row of another customer names the person, as who brought them."""
    found: dict[int, set[int]] = {}
    names = [header_name(name) for name in opened.text.file.columns]
    for part in opened.file.people:
        for column, sql, headers in part.other_ids:
            register_feed(part, opened.text, opened.file.dialect, opened.engine)
            select = f"SELECT row_number FROM feed_rows WHERE {person.is_named_sql(column, sql)}"
            for (row,) in opened.engine.rows(select):
                found.setdefault(row, set()).update(n for n, name in enumerate(names) if name in headers)
    return found


def _left_out(opened: _Opened, rows: set[int]) -> dict[str, set[int]]:
    """Which of some rows the filters leave out that look at personal columns."""
    found: dict[str, set[int]] = {}
    personal = frozenset[str]().union(*(part.personal for part in opened.file.people))
    for part in opened.file.people if rows else ():
        for name, headers, sql in part.filters:
            if name not in found and headers & personal:
                register_feed(part, opened.text, opened.file.dialect, opened.engine)
                among = f"FROM ({part.filled or 'SELECT * FROM feed_rows'}) WHERE {in_rows(rows)} AND {sql}"
                found[name] = {row for (row,) in opened.engine.rows(f"SELECT row_number {among}")}
    return found


def _note_orders_that_differ(opened: _Opened, edits: Edits) -> None:
    """Note which rows stand in an order that is rejected, as its lines or customers differ: it is to stay so."""
    text, dialect, engine = opened.text, opened.file.dialect, opened.engine
    for part in opened.file.people if edits.rows else ():
        if part.filled and f"{part.feed}.{DIFFERED}" not in edits.left_out:
            register_feed(part, text, dialect, engine)
            among = f"FROM ({part.filled}) WHERE {in_rows(edits.rows)} AND order_rule IS NOT NULL"
            edits.left_out[f"{part.feed}.{DIFFERED}"] = {n for (n,) in engine.rows(f"SELECT row_number {among}")}
        if part.ids and part.filled_by:
            edits.mixed |= rows_beside_others(
                part, part.filled_by, edits.rows, text, dialect, engine, after_filters=False
            )
        if part.ids and part.one_by:
            found = rows_beside_others(part, part.one_by, edits.rows, text, dialect, engine, after_filters=True)
            edits.left_out.setdefault(f"{part.feed}.{OF_TWO}", set()).update(found)


def _rows_with_text(opened: _Opened, person: Person) -> set[int]:
    """The rows in which something of the person stands, in whatever column."""
    fields = {identifier_of(n): name for n, name in enumerate(opened.text.file.columns)}
    found: set[int] = set()
    for name in sorted(person.columns_to_read(opened.text.rows, {n: n for n in fields}, opened.engine.connection)):
        header = fields[name]
        is_id = is_other_id(header) or header_name(header) in opened.file.codes
        has_text = person.has_text(name, is_id=is_id)
        select = f"SELECT row_number FROM {opened.text.rows} WHERE {has_text}"
        found |= {row for (row,) in opened.engine.rows(select)}
    return found


def _cells(opened: _Opened, rows: set[int]) -> list[tuple[int, list[str]]]:
    if not rows:
        return []
    fields = ", ".join(f"COALESCE({identifier_of(n)}, '')" for n in range(len(opened.text.file.columns)))
    select = f"SELECT row_number, {fields} FROM {opened.text.rows} WHERE {in_rows(rows)} ORDER BY 1"
    return [(row, values) for row, *values in opened.engine.rows(select)]


class _Rules:
    """What is blanked in rows of a file."""

    def __init__(self, file: FeedFile, extract: ExtractFile, person: Person) -> None:
        self._names = [header_name(name) for name in extract.columns]
        self._patterns = [
            person.pattern_in_ids if header_name(name) in file.codes else person.text_pattern(name)
            for name in extract.columns
        ]
        self._personal = frozenset[str]().union(*(part.personal for part in file.people))
        filters = (headers for part in file.people if part.needed for _, headers, _ in part.filters)
        self._needed = frozenset[str]().union(*(part.needed for part in file.people), *filters)
        self._is_list = any(part.is_list for part in file.people)

    def has_personal_text(self, values: list[str]) -> bool:
        """Whether a personal column has something of theirs."""
        return any(self._names[n] in self._personal for n in self._with_text(values))

    def theirs(self, values: list[str]) -> set[int]:
        """What goes of a row of theirs: all that is personal or that nothing needs."""
        goes = {n for n, name in enumerate(self._names) if name in self._personal or name not in self._needed}
        return {n for n in goes if values[n].strip()} | self._with_text(values)

    def mentions(self, values: list[str], *, is_anothers: bool) -> set[int]:
        """What goes of another row. Personal columns in a row of another customer's are that customer's own."""
        own = self._personal if is_anothers and not self._is_list else ()
        return {n for n in self._with_text(values) if self._names[n] not in own}

    def _with_text(self, values: list[str]) -> set[int]:
        return {n for n, value in enumerate(values) if value and self._patterns[n].search(value)}
