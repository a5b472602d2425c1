"""A source's rows made of a feed: the files read as text, mapped, and handed on like a file of the source's own.

What is left of each raw row is told apart: used, left out by a filter, or rejected by a rule with its file and text.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.column_types import header_name
from pipelines.contracts import Contract
from pipelines.dialect import Dialect
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import literal, one_file
from pipelines.errors import BadDataError
from pipelines.intake.damaged_text import check_rejected
from pipelines.intake.erased import NOTHING, Blanked
from pipelines.intake.extract import ExtractFile, RejectedRecord, check_unchanged, sha256_of, version_of_file
from pipelines.intake.mapping.compiler import PROVENANCE, Compiled
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.tables import error_words, feed_as_text, may_lack
from pipelines.intake.nearest import nearest
from pipelines.intake.parquet_types import check_types
from pipelines.intake.text_sql import is_null
from pipelines.intake.typed_sql import identifier_of

FileAndRow = tuple[ExtractFile, RejectedRecord]


@dataclass(frozen=True)
class TextFile:
    """A feed's file as text: `rows` is what stands in FROM, with row_number and f0, f1 ..."""

    file: ExtractFile
    rows: str
    damaged: tuple[RejectedRecord, ...]


@dataclass
class Mapped:
    """What came of a feed's files for a source.

    Attributes:
        made: The source's rows as a file, for the contract to judge.
        contract: The source's contract, reading what is no longer in the feed's dialect.
        rejected: The raw rows that the mapping rejects.
        rejected_rows: How many of the source's rows they would have been.
        filtered: Raw rows by the filter that leaves them out.
        read: Raw rows.
    """

    made: ExtractFile
    contract: Contract
    rejected: list[FileAndRow]
    rejected_rows: int
    filtered: dict[str, int]
    read: int
    _compiled: Compiled = field(repr=False)
    _engine: DuckDBEngine = field(repr=False)
    texts: Sequence[TextFile] = field(repr=False)

    def raw_rows(self, bad: Iterable[RejectedRecord]) -> list[FileAndRow]:
        """The raw rows of which rejected rows of `made` were made: each by the rule of what it became."""
        broken = [{"position": row.row_number, "rule": row.rule} for row in bad]
        if not broken:
            return []
        self._engine.register_arrow("broken_row", pa.Table.from_pylist(broken, _BROKEN))
        made = f"read_parquet({literal(one_file(self.made.path))}, file_row_number = true)"
        joined = f"FROM {made} JOIN broken_row ON file_row_number + 1 = position"
        rows = _each_raw_row(joined, "rule", is_grouped="raw_rows" in self.made.columns)
        return _raw(rows, self.texts, self._engine)

    def quality(self, rejected: Iterable[FileAndRow]) -> dict[str, Any]:
        """What the manifest says of the feed: read = used + filtered + rejected, in raw rows; and their money."""
        rejected = list(rejected)
        by_rule = Counter(row.rule for _, row in rejected)
        used = self.read - sum(self.filtered.values()) - sum(by_rule.values())
        return {
            "feed": self._compiled.feed,
            "read": self.read,
            "used": used,
            "filtered": dict(sorted(self.filtered.items())),
            "rejected": dict(sorted(by_rule.items())),
            "amounts": self._amounts(rejected),
        }

    def _amounts(self, rejected: Sequence[FileAndRow]) -> list[dict[str, Any]]:
        """The money in rows by outcome and reason, and how many have none that can be read; none without an amount."""
        if self._compiled.amounts is None:
            return []
        numbers = {text.file.path: number for number, text in enumerate(self.texts, start=1)}
        broken = [
            {"file_number": numbers[file.path], "row_number": row.row_number, "rule": row.rule}
            for file, row in rejected
        ]
        self._engine.register_arrow("rejected_raw", pa.Table.from_pylist(broken, _RAW))
        outcome = (
            "CASE WHEN left_out_by IS NOT NULL THEN 'filtered' WHEN rule IS NOT NULL THEN 'rejected' ELSE 'used' END"
        )
        self._engine.register(
            "outcome_row",
            f"SELECT mapped_rows.*, {outcome} AS outcome, COALESCE(left_out_by, rule, 'used') AS reason "
            "FROM mapped_rows LEFT JOIN rejected_raw USING (file_number, row_number)",
        )
        names = ("outcome", "reason", "amount", "without_amount")
        rows = [dict(zip(names, row, strict=True)) for row in self._engine.rows(self._compiled.amounts)]
        return [
            {**row, "amount": f"{row['amount']}"} for row in sorted(rows, key=lambda r: (r["outcome"], r["reason"]))
        ]


_BROKEN = pa.schema([("position", pa.int64()), ("rule", pa.string())])
_RAW = pa.schema([("file_number", pa.int64()), ("row_number", pa.int64()), ("rule", pa.string())])


def map_feed(
    compiled: Compiled,
    contract: Contract,
    dialect: FeedDialect,
    files: Sequence[ExtractFile],
    engine: DuckDBEngine,
    target: Path,
    blanked: Mapping[str, Blanked] | None = None,
) -> Mapped:
    """Make a source's rows of a feed's files.

    Args:
        compiled: The SELECTs.
        contract: The source's.
        dialect: The feed's.
        files: The feed's, in the order in which the last one counts.
        engine: It has id_of_email (salt.add_id_of_email) if the mapping has ids of e-mails.
        target: A path for the rows that are made; others beside it are taken, too.
        blanked: The rows that erasures blanked, by the SHA-256 of their file.

    Raises:
        BadDataError: A file can't be read or lacks a column that the mapping reads.
    """
    positions = [_positions(file, compiled, dialect) for file in files]
    texts = [as_text(file, dialect, engine, target.with_suffix(f".{n:05d}.parquet")) for n, file in enumerate(files)]
    parts = [
        feed_rows(number, text, found, dialect, (blanked or {}).get(text.file.sha256, NOTHING))
        for number, (text, found) in enumerate(zip(texts, positions, strict=True), start=1)
    ]
    engine.register("feed_rows", " UNION ALL ".join(parts))
    _write(compiled, compiled.rows_of_one_file if len(files) == 1 else compiled.rows, engine, target)
    for file in files:
        check_unchanged(file)
    rejected, count = _rejected(compiled, texts, engine)
    by_filter = "SELECT left_out_by, COUNT(*) FROM mapped_rows WHERE left_out_by IS NOT NULL GROUP BY ALL"
    damaged = [(text.file, row) for text in texts for row in text.damaged]
    (read,) = engine.rows("SELECT COUNT(*) FROM mapped_rows")[0]
    return Mapped(
        _made_file(target, compiled, contract),
        replace(contract, dialect=Dialect(null_values=dialect.null_values)),
        [*damaged, *rejected],
        len(damaged) + count,
        dict(engine.rows(by_filter)),
        read + len(damaged),
        compiled,
        engine,
        texts,
    )


def _write(compiled: Compiled, select: str, engine: DuckDBEngine, target: Path) -> None:
    """Write the source's rows to `target`, and make the view mapped_rows."""
    for macro in compiled.macros:
        engine.connection.execute(macro)
    rows, order = target.with_suffix(".rows.parquet"), " ORDER BY file_number, row_number" * _reorders(compiled, select)
    try:
        # Without the common parts of expressions: DuckDB would work out in advance what is only to be tried.
        if "TRY(" in select:
            engine.connection.execute("SET disabled_optimizers = 'common_subexpressions'")
        engine.write_file(f"{select}{order}", rows)
        engine.connection.execute("RESET disabled_optimizers")
        engine.register("mapped_rows", f"SELECT * FROM read_parquet({literal(one_file(rows))})")
        good = f"SELECT * EXCLUDE (broken_rule) FROM ({compiled.made}) WHERE broken_rule IS NULL"
        engine.write_file(f"{good}{order}", target)
    except _OF_VALUES as error:  # its text may show a person's values
        raise BadDataError(
            f"feed {compiled.feed}: {compiled.source} can't be made of it ({type(error).__name__}): a value is too "
            "large for what the mapping makes of it"
        ) from None
    finally:
        engine.connection.execute("RESET disabled_optimizers")


_OF_VALUES = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)


def _reorders(compiled: Compiled, select: str) -> bool:
    """Whether a SELECT may give rows in another order than the files have."""
    return " OVER " in select or "GROUP BY" in compiled.made


def _positions(file: ExtractFile, compiled: Compiled, dialect: FeedDialect) -> list[int | None]:
    """Where a file has the columns that the mapping reads; None is one that it may lack.

    Raises:
        BadDataError: one is missing, or there twice.
    """
    names = [header_name(name) for name in file.columns]
    lacking = {h for h in compiled.headers if header_name(h) not in names and may_lack(file, h, dialect)}
    needed = [header for header in compiled.headers if header not in lacking]
    if wrong := [header for header in needed if names.count(header_name(header)) != 1]:
        said = ", and ".join(_what_is_wrong(header, names, file, compiled) for header in wrong)
        raise BadDataError(
            f"{file.path}: {said}. Deliver the file as the mapping has it, or change feed {compiled.feed} in the "
            "mapping; check the delimiter, too."
        )
    return [None if header in lacking else names.index(header_name(header)) for header in compiled.headers]


def _what_is_wrong(header: str, names: list[str], file: ExtractFile, compiled: Compiled) -> str:
    """Why a header of the mapping is no column of a file whose headers are `names`."""
    name = header_name(header)
    near = nearest(name, [other for other in names if other])
    hint = f"; the nearest is {file.columns[names.index(near)]!r}" if near and name not in names else ""
    what = "is there twice" if name in names else f"is missing{hint}"
    return f"the column {header!r}, of which {compiled.source} is made, {what}"


def as_text(file: ExtractFile, dialect: FeedDialect, engine: DuckDBEngine, target: Path) -> TextFile:
    """A feed's file as text, at `target`.

    Raises:
        BadDataError: The file can't be read.
    """
    is_numbered, damaged = feed_as_text(file, dialect, engine, target)
    scan = f"read_parquet({literal(one_file(target))}, file_row_number = true)"
    if is_numbered:
        return TextFile(file, scan, tuple(damaged))
    return TextFile(file, f"(SELECT file_row_number + 1 AS row_number, * FROM {scan})", ())


def feed_rows(
    number: int, text: TextFile, positions: Sequence[int | None], dialect: FeedDialect, blanked: Blanked = NOTHING
) -> str:
    """SQL of a file's rows for the view feed_rows: the columns that are read as text, NULL where there is no value.

    Args:
        number: The file's.
        text: Its rows.
        positions: Where the columns are; None is one that the file lacks.
        dialect: It has the words for no value.
        blanked: The rows in which an erasure blanked a person.
    """
    found = [(f"c{n}", position) for n, position in enumerate(positions, start=1)]
    columns = [
        f"{'CAST(NULL AS VARCHAR)' if at is None else _text_or_null(identifier_of(at), dialect)} AS {name}"
        for name, at in found
    ]
    same = " AND ".join(
        f"LOWER(TRIM({identifier_of(at)})) = {literal(text.file.columns[at].strip().lower())}"
        for _, at in found
        if at is not None
    )
    is_header = f"COALESCE({same}, FALSE)" if same else "FALSE"
    is_erased = _among(blanked.rows)
    filters = [f"{literal(name)}: {_among(rows)}" for name, rows in blanked.left_out.items()]
    left_out = f"CASE WHEN {is_erased} THEN MAP {{{', '.join(filters)}}} END" if filters else "NULL"
    words = ", ".join(map(literal, error_words(text.file.path, dialect)))
    in_error = [f"COALESCE({identifier_of(at)} IN ({words}), FALSE)" for _, at in found if at is not None and words]
    has_error = " OR ".join(in_error) or "FALSE"
    flags = [f"{is_header} AS is_header", f"{is_erased} AS is_erased", f"({has_error}) AS has_error"]
    was_left_out = f"CAST({left_out} AS MAP(VARCHAR, BOOLEAN)) AS was_left_out"
    shown = ", ".join([*flags, was_left_out, *columns])
    return f"SELECT {number} AS file_number, row_number, {shown} FROM {text.rows}"


def _among(rows: Collection[int]) -> str:
    return f"(row_number IN ({', '.join(map(str, sorted(rows)))}))" if rows else "FALSE"


def _text_or_null(name: str, dialect: Dialect) -> str:
    """SQL of a field, NULL if it means that there is none. Most begin with a digit, or are longer than such words."""
    quick = ""
    if not any(value[:1].isdigit() for value in dialect.null_values):
        quick = f"WHEN {name} >= '0' AND {name} < ':' THEN TRIM({name}) "
    longest = max((len(value) for value in dialect.null_values), default=0)
    quick += f"WHEN STRLEN({name}) > {4 * longest + 16} AND RIGHT({name}, 1) BETWEEN '0' AND 'z' THEN TRIM({name}) "
    return f"CASE {quick}WHEN {is_null(name, dialect)} THEN NULL ELSE TRIM({name}) END"


def _made_file(path: Path, compiled: Compiled, contract: Contract) -> ExtractFile:
    with pq.ParquetFile(path) as file:
        schema, records = file.schema_arrow, file.metadata.num_rows
    known = [name for name in schema.names if name not in PROVENANCE]
    check_types(Path("mapping.yaml"), tuple(known), [schema.field(name).type for name in known], contract)
    version = version_of_file(path)
    name = f"{compiled.feed} as {compiled.source}"
    return ExtractFile(name, path, version[0], sha256_of(path), tuple(schema.names), records, True, version)


def _rejected(compiled: Compiled, texts: Sequence[TextFile], engine: DuckDBEngine) -> tuple[list[FileAndRow], int]:
    """The raw rows that the mapping rejects, and how many of the source's rows they would have been."""
    broken = f"FROM ({compiled.made}) WHERE broken_rule IS NOT NULL"
    (count,) = engine.rows(f"SELECT COUNT(*) {broken}")[0]
    if not count:
        return [], 0
    rows = _each_raw_row(broken, "broken_rule", is_grouped="GROUP BY" in compiled.made)
    raw = engine.rows(f"SELECT COUNT(*) FROM ({rows})")[0][0]

    def examples() -> list[RejectedRecord]:
        return [row for _, row in _raw(f"{rows} LIMIT 1000", texts, engine)]

    check_rejected(texts[0].file, raw, examples)
    return _raw(rows, texts, engine), count


def _each_raw_row(source: str, rule: str, *, is_grouped: bool) -> str:
    """SQL of file_number, row_number and rule of each raw row of which rows were made; `source` begins with FROM."""
    if not is_grouped:
        return f"SELECT file_number, row_number, {rule} AS rule {source}"
    return (
        f"SELECT raw.file_number, raw.row_number, rule FROM (SELECT UNNEST(raw_rows) AS raw, {rule} AS rule {source})"
    )


def _raw(rows: str, texts: Sequence[TextFile], engine: DuckDBEngine) -> list[FileAndRow]:
    """Raw rows as they stand in their files, by a SELECT of file_number, row_number and rule."""
    engine.materialise("wanted_row", rows)
    found: list[FileAndRow] = []
    for number, text in enumerate(texts, start=1):
        fields = ", ".join(identifier_of(n) for n in range(len(text.file.columns)))
        select = (
            f"SELECT row_number, rule, {fields} FROM {text.rows} JOIN "
            f"(SELECT row_number, rule FROM wanted_row WHERE file_number = {number}) USING (row_number) ORDER BY 1"
        )
        found += [
            (text.file, RejectedRecord(at, rule, json.dumps(values, ensure_ascii=False)))
            for at, rule, *values in engine.rows(select)
        ]
    return found
