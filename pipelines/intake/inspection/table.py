"""Any file as one table of text in a temporary Parquet file, its columns f0, f1, … by position: what is looked at."""

import codecs
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipelines.engines.duckdb import PARQUET
from pipelines.engines.sql import literal, one_file
from pipelines.errors import BadDataError
from pipelines.intake.inspection.encoding import Encoding, encoding_of
from pipelines.intake.inspection.form import Bytes, Form, blocks, is_wide
from pipelines.intake.inspection.layout import Layout, layout_of, records

_HEAD = 1 << 18
_LARGEST_OBJECT = 1 << 26  # bytes
_REJECTS = 100_000  # rows that can't be split which are counted one by one
_SAID = {"MISSING COLUMNS": "too few fields", "TOO MANY COLUMNS": "too many fields", "INVALID ENCODING": "bad text",
         "UNQUOTED VALUE": "a stray quote", "LINE SIZE OVER MAXIMUM": "a line too long"}  # fmt: skip
# What a column that has types of its own holds, by the beginnings of their names.
_NATIVE = (
    (
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        "integer",
    ),
    (("DECIMAL", "DOUBLE", "FLOAT"), "number"),
    (("TIMESTAMP",), "time"),
    (("DATE",), "date"),
    (("BOOLEAN",), "boolean"),
)


@dataclass(frozen=True)
class Table:
    """A file as rows of text in `path` (Parquet): columns f0, f1, …, an empty field NULL, in the file's order.

    `names` are the file's own. `natives` gives the kind of columns that have a type of their own (Parquet, cells of a
    workbook, JSON), whose marks and dates are no question. `rejected` are rows that can't be split, by why, and
    `rejected_lines` the lines of some of them.
    """

    path: Path
    form: Form
    names: tuple[str, ...]
    rows: int
    natives: Mapping[int, str] = field(default_factory=dict)
    encoding: Encoding | None = None
    layout: Layout | None = None
    sheet: str | None = None
    header_row: int = 1
    rejected: Mapping[str, int] = field(default_factory=dict)
    rejected_lines: tuple[int, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def row_number(self, position: int) -> int:
        """The number in the file of the row that is at a position (from 0) among those that could be split."""
        number = position + 1
        for line in self.rejected_lines:
            if line - self.header_row > number:
                break
            number += 1
        return number

    @property
    def scan(self) -> str:
        """What to write after FROM; the position of a row is file_row_number."""
        return f"read_parquet({literal(one_file(self.path))}, file_row_number = true)"


def text_table(form: Form, folder: Path, connection: duckdb.DuckDBPyConnection) -> Table:
    """A text file as a table of text.

    Raises:
        BadDataError: it can't be split into rows.
    """
    assert form.scan is not None
    encoding = encoding_of(form.scan)
    source, unread = _as_utf8(form, encoding, folder)
    head = form.scan.head.decode(encoding.name, "replace").lstrip("\ufeff")
    if form.scan.carriage_returns_alone:
        head = head.replace("\r", "\n")
    if len(form.scan.head) < form.scan.size:
        head = head[: head.rfind("\n") + 1]
    if not head.strip():
        raise BadDataError(f"{form.path}: there is no line of text in it. Export it again.")
    sample = folder / "sample.csv"
    sample.write_text(head, encoding="utf-8", newline="")
    layout = layout_of(head, sample, connection)
    target = folder / "rows.parquet"
    width = len(layout.header)
    columns = ", ".join(f"'f{n}': 'VARCHAR'" for n in range(width))
    select = (
        f"SELECT * FROM read_csv({literal(one_file(source))}, auto_detect = false, header = false, "
        f"skip = {layout.skipped + (1 if layout.header_row else 0)}, delim = {literal(layout.delimiter)}, "
        f"quote = '\"', escape = '\"', columns = {{{columns}}}, store_rejects = true, "
        f"rejects_limit = {_REJECTS}, strict_mode = true)"
    )
    rows = _copy(select, target, form, connection)
    found = connection.execute(
        "SELECT error_type, COUNT(DISTINCT line), MIN(line) FROM reject_errors GROUP BY 1 ORDER BY 2 DESC"
    ).fetchall()
    lines = connection.execute("SELECT DISTINCT line FROM reject_errors ORDER BY 1 LIMIT 1000").fetchall()
    doubts = [*unread, *layout.doubts, *_checked(head, layout, rows, int(sum(count for _, count, _ in found)), form)]
    rejected = {_SAID.get(str(kind), str(kind).lower()): int(count) for kind, count, _ in found}
    return Table(
        target,
        form,
        layout.header,
        rows,
        encoding=encoding,
        layout=layout,
        header_row=layout.header_row,
        rejected=rejected,
        rejected_lines=tuple(int(line) for (line,) in lines),
        doubts=tuple(doubts),
    )


def _checked(head: str, layout: Layout, rows: int, rejected: int, form: Form) -> list[str]:
    """Whether another reader finds as many rows in a file's beginning; no reader is trusted alone."""
    odd = []
    if form.scan is not None and form.scan.nuls and not is_wide(form.scan.head[:4000]) and "\0" in head:
        odd.append(f"there are NUL bytes in it ({form.scan.nuls:,}): rows with one are damaged")
    if rejected and '\\"' in head:
        odd.append('quotes within values are written \\", which is not read here: export them doubled ("")')
    below = records(head, layout.delimiter, len(head))
    expected = len(below) - (layout.rows_above + 1 if layout.header_row else layout.rows_above)
    is_whole = form.scan is not None and len(form.scan.head) == form.scan.size
    if rows + rejected == expected or (not is_whole and rows + rejected > expected - 2):
        return odd
    return [*odd, f"DuckDB reads {rows:,} rows where Python's reader finds {expected:,}: look at quotes and line ends"]


def parquet_table(form: Form, folder: Path, connection: duckdb.DuckDBPyConnection) -> Table:
    """A Parquet file as a table of text.

    Raises:
        BadDataError: it is damaged.
    """
    scan = f"read_parquet({literal(one_file(form.path))})"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    except duckdb.Error as error:
        raise _damaged(form, error) from error
    names = tuple(str(row[0]) for row in described)
    natives = {n: kind for n, row in enumerate(described) if (kind := native_kind(str(row[1])))}
    fields = ", ".join(f"CAST(#{n + 1} AS VARCHAR) AS f{n}" for n in range(len(names)))
    rows = _copy(f"SELECT {fields} FROM {scan}", folder / "rows.parquet", form, connection)
    return Table(folder / "rows.parquet", form, names, rows, natives)


def json_table(form: Form, folder: Path, connection: duckdb.DuckDBPyConnection) -> Table:
    """A JSON or JSON Lines file as a table of text: a row is an object, what it holds in turn stays JSON.

    Raises:
        BadDataError: it is no list of objects.
    """
    assert form.scan is not None
    encoding = encoding_of(form.scan)
    source, unread = _as_utf8(form, encoding, folder)
    options = f"maximum_depth = 1, sample_size = -1, maximum_object_size = {_object_size(form.scan)}"
    if form.packed and source == form.path:
        options += ", compression = 'gzip'"
    scan = f"read_json({literal(one_file(source))}, {options})"
    notes: tuple[str, ...] = ()
    try:
        names = [str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
        if (inner := _wrapped(scan, names, connection)) is not None:
            key, scan, names = inner
            notes = (f'the rows are the list in "{key}"',)
    except duckdb.Error as error:
        raise BadDataError(
            f"{form.path}: the JSON can't be read as a list of objects ({_first_line(error)}). Export one object a row."
        ) from error
    kinds = ", ".join(f"MODE(json_type(#{n + 1}))" for n in range(len(names)))
    if not names or names == ["json"]:
        raise BadDataError(f"{form.path}: the JSON holds no objects with names. Export one object a row.")
    fields = ", ".join(f"NULLIF(#{n + 1}->>'$', '') AS f{n}" for n in range(len(names)))
    rows = _copy(f"SELECT {fields} FROM {scan}", folder / "rows.parquet", form, connection)
    found = connection.execute(f"SELECT {kinds} FROM {scan}").fetchone() or ()
    said = {"UBIGINT": "integer", "BIGINT": "integer", "DOUBLE": "number", "BOOLEAN": "boolean"}
    natives = {n: said[str(kind)] for n, kind in enumerate(found) if str(kind) in said}
    nested = [names[n] for n, kind in enumerate(found) if kind in ("OBJECT", "ARRAY")]
    doubts = tuple(unread)
    if nested:
        listed = ", ".join(f'"{name}"' for name in nested[:4])
        doubts = (
            *unread,
            f"{listed} hold{'s' if len(nested) == 1 else ''} lists or objects: their parts are no columns here",
        )
    return Table(
        folder / "rows.parquet", form, tuple(names), rows, natives, encoding=encoding, doubts=doubts, notes=notes
    )


def _object_size(scan: Bytes) -> int:
    """Room for the largest object: all of a file that is one object, DuckDB's 16 MB where it has one a line."""
    first, _, rest = scan.head.lstrip().partition(b"\n")
    try:
        is_lines = bool(rest.strip()) and isinstance(json.loads(first.decode("utf-8-sig", "replace")), dict)
    except ValueError:
        is_lines = False
    is_one = scan.head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") and not is_lines
    return max(1 << 24, min(scan.size + 1, _LARGEST_OBJECT)) if is_one else 1 << 24


def _wrapped(scan: str, names: list[str], connection: duckdb.DuckDBPyConnection) -> tuple[str, str, list[str]] | None:
    """Of one object that holds the list of rows: its key, what to write after FROM, and the rows' names."""
    if len(names) > 10 or connection.execute(f"SELECT COUNT(*) FROM (FROM {scan} LIMIT 2)").fetchone() != (1,):
        return None
    asked = ", ".join(f"json_type(#{n + 1}), json_array_length(#{n + 1})" for n in range(len(names)))
    types = connection.execute(f"SELECT {asked} FROM {scan}").fetchone()
    lists = [n for n in range(len(names)) if types and types[2 * n] == "ARRAY" and types[2 * n + 1]]
    if len(lists) != 1:
        return None
    rows = f"(SELECT UNNEST(CAST(#{lists[0] + 1} AS JSON[])) AS item FROM {scan})"
    keys = [
        str(row[0])
        for row in connection.execute(
            f"SELECT k, COUNT(*) FROM (SELECT UNNEST(json_keys(item)) AS k FROM {rows}) GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
    ]
    if not keys:
        return None
    fields = ", ".join(f"json_extract(item, {literal(_pointer(key))}) AS c{n}" for n, key in enumerate(keys))
    return names[lists[0]], f"(SELECT {fields} FROM {rows})", keys


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def native_kind(type_name: str) -> str | None:
    """The kind of a DuckDB type; None of text and of what holds other values."""
    if type_name.endswith("[]"):
        return None
    return next((kind for beginnings, kind in _NATIVE if type_name.startswith(beginnings)), None)


def _copy(select: str, target: Path, form: Form, connection: duckdb.DuckDBPyConnection) -> int:
    try:
        row = connection.execute(f"COPY ({select}) TO {literal(str(target))} ({PARQUET})").fetchone()
    except duckdb.Error as error:
        raise _damaged(form, error) from error
    target.chmod(0o600)
    return int(row[0]) if row else 0


def _damaged(form: Form, error: Exception) -> BadDataError:
    return BadDataError(f"{form.path}: it can't be read as a table ({_first_line(error)}). Export it again.")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:160]


def _as_utf8(form: Form, encoding: Encoding, folder: Path) -> tuple[Path, list[str]]:
    """The text as a file of UTF-8 that DuckDB reads (the file itself where it is that), and what could not be read.

    Raises:
        BadDataError: the gzip file is damaged.
    """
    assert form.scan is not None
    odd_ends = form.scan.carriage_returns_alone or form.scan.mixed_line_ends  # DuckDB takes one kind of them
    is_plain = encoding.name in ("utf-8", "utf-8-sig") and not odd_ends and not form.scan.nuls
    if is_plain and (not form.packed or form.path.suffix.lower() == ".gz"):
        return form.path, []
    target = folder / "utf8.txt"
    unread = 0
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding.name)("replace"), translate=True)
    with target.open("wb") as out:
        for block in blocks(form.path, packed=form.packed):
            text = decoder.decode(block)
            unread += text.count("\ufffd")
            out.write(text.encode("utf-8", "replace"))
        out.write(decoder.decode(b"", True).encode("utf-8", "replace"))
    target.chmod(0o600)
    return target, [f"{unread:,} characters can't be read in {encoding.name}: look at its encoding"] if unread else []
