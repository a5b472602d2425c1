"""Rejected raw rows of people who were erased: they are shown without their values.

A raw row names people by what the mapping makes of it, so looking at its cells for ids is not enough.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.intake.erased import NO_VALUES, Erased
from pipelines.intake.mapping.compiler import ERASED
from pipelines.intake.mapping.config_file import MappingFile
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.feed_files import feeds_of_file
from pipelines.intake.mapping.mapped import FileAndRow, TextFile
from pipelines.intake.mapping.people import people_of, rows_of_people
from pipelines.intake.mapping.salt import add_id_of_email, id_of_email


@dataclass(frozen=True)
class Hiding:
    """Who was erased, and how a mapping's rows name people; `salt` is there if it makes ids of e-mails."""

    erased: Erased
    mapping: MappingFile
    salt: str | None

    def without_values(
        self, raw: Sequence[FileAndRow], texts: Sequence[TextFile], dialect: FeedDialect, engine: DuckDBEngine
    ) -> list[FileAndRow]:
        """Raw rows of a feed's files, those of the erased without their values."""
        if not self.erased.customers:
            return list(raw)
        theirs = {
            (text.file.name, number)
            for text in texts
            if any(file == text.file for file, _ in raw)
            for number in self._rows_of_erased(text, dialect, engine)
        }
        return [
            (file, replace(row, values=NO_VALUES, receipt_id=None))
            if row.rule == ERASED or (file.name, row.row_number) in theirs or self._names_someone(row.values)
            else (file, row)
            for file, row in raw
        ]

    def _rows_of_erased(self, text: TextFile, dialect: FeedDialect, engine: DuckDBEngine) -> set[int]:
        people = people_of(self.mapping, feeds_of_file(text.file.name, self.mapping))
        if self.salt is not None:
            add_id_of_email(engine.connection, self.salt)
        try:
            return rows_of_people(people, text, dialect, engine, self.erased.names_sql)
        finally:
            engine.connection.execute("RESET disabled_optimizers")

    def _names_someone(self, values: str) -> bool:
        """Whether a cell is an id or a card, or an e-mail of which an id is made: of a damaged row no more is known."""
        if self.erased.names_someone(values):
            return True
        ids = (id_of_email(self.salt, str(value)) for value in json.loads(values) if self.salt)
        return any(self.erased.hash(id_) in self.erased.customers for id_ in ids if id_)
