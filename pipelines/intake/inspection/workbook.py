"""A sheet of a workbook as a table of text."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine as calamine

from pipelines.errors import BadDataError
from pipelines.intake.inspection.form import Form
from pipelines.intake.inspection.layout import header_index
from pipelines.intake.inspection.looks import is_data
from pipelines.intake.inspection.table import Table
from pipelines.intake.workbook import cell_of, open_workbook, sheets_of

_BATCH = 50_000
_HEAD = 200


def workbook_table(form: Form, folder: Path) -> Table:
    """The first sheet of a workbook that is no title page, as a table of text; the others are named.

    Raises:
        BadDataError: it is protected by a password, damaged, or no workbook.
    """
    with open_workbook(form.path) as book:
        return _table(book, form, folder)


def _table(book: calamine.CalamineWorkbook, form: Form, folder: Path) -> Table:
    sheets = sheets_of(book)
    if not sheets:
        raise BadDataError(f"{form.path}: the workbook has no sheet with cells")
    opened = [(book.get_sheet_by_name(name), visible) for name, visible in sheets]
    filled = [(sheet, visible) for sheet, visible in opened if sheet.height > 0]
    if not filled:
        raise BadDataError(f"{form.path}: all sheets of the workbook are empty")
    sheet = _main_sheet(filled)
    head = [_texts(row)[0] for row in _rows(sheet, _HEAD)]
    start, width, is_header = header_index([_without_end(row) for row in head])
    if not width:
        raise BadDataError(f"{form.path}: sheet {sheet.name!r} has no row with cells")
    has_header = is_header or not any(is_data(cell) for cell in head[start])
    header = head[start][:width] if has_header else [f"column {n + 1}" for n in range(width)]
    above = start + (1 if has_header else 0)
    target = folder / "rows.parquet"
    rows, natives, wider = _write(sheet, above, width, target)
    doubts = []
    if others := [other.name for other, _ in filled if other.name != sheet.name]:
        doubts.append(
            f"other sheets have rows too: {', '.join(repr(name) for name in others[:5])}; this is {sheet.name!r}"
        )
    if not has_header:
        doubts.append("the first row is no header: it has numbers, dates or addresses; columns are called by number")
    if start:
        doubts.append(f"{start} row{'s' * (start != 1)} above the header")
    if wider:
        doubts.append(f"{wider} rows have cells beyond the header's last column")
    return Table(
        target,
        form,
        tuple(cell.strip() for cell in header),
        rows,
        natives,
        sheet=sheet.name,
        header_row=start + 1 if has_header else 0,
        doubts=tuple(doubts),
    )


def _main_sheet(filled: Sequence[tuple[calamine.CalamineSheet, bool]]) -> calamine.CalamineSheet:
    """The first visible sheet that is no title page: with rows below its first, and not tiny beside the largest."""
    cells = [sheet.height * sheet.width if visible and sheet.height > 1 else 0 for sheet, visible in filled]
    return next(sheet for (sheet, _), count in zip(filled, cells, strict=True) if count >= max(cells) / 10)


def _rows(sheet: calamine.CalamineSheet, limit: int | None = None) -> Iterator[Sequence[Any]]:
    """A sheet's rows from its first on, the empty ones too."""
    yield from islice(sheet.iter_rows(), limit)


def _without_end(row: Sequence[str]) -> list[str]:
    """A row without its empty cells at the end."""
    last = max((n for n, cell in enumerate(row) if cell), default=-1)
    return list(row[: last + 1])


def _texts(row: Sequence[Any]) -> tuple[list[str], list[str]]:
    texts, kinds = [], []
    for cell in row:
        text, kind = cell_of(cell)
        texts.append(text)
        kinds.append(kind)
    return texts, kinds


def _write(sheet: calamine.CalamineSheet, above: int, width: int, target: Path) -> tuple[int, dict[int, str], int]:
    """Write the rows below the header; returns how many, the kind of the columns that have one, and too wide rows."""
    schema = pa.schema([(f"f{n}", pa.string()) for n in range(width)])
    kinds: list[set[str]] = [set() for _ in range(width)]
    rows = wider = 0
    batch: list[list[str]] = []
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for number, row in enumerate(_rows(sheet)):
            if number < above:
                continue
            texts, found = _texts(row)
            if not any(texts):
                continue
            wider += any(texts[width:])
            texts = (texts + [""] * width)[:width]
            for n, kind in enumerate(found[:width]):
                if kind:
                    kinds[n].add(kind)
            batch.append(texts)
            rows += 1
            if len(batch) == _BATCH:
                writer.write_table(_arrow(batch, schema))
                batch = []
        writer.write_table(_arrow(batch, schema))
    target.chmod(0o600)
    natives = {n: one for n, found_kinds in enumerate(kinds) if (one := _one_kind(found_kinds))}
    return rows, natives, wider


def _one_kind(kinds: set[str]) -> str | None:
    if kinds and kinds <= {"integer", "number"}:
        return "number" if "number" in kinds else "integer"
    if kinds and kinds <= {"date", "time"}:
        return "time" if "time" in kinds else "date"
    return "boolean" if kinds == {"boolean"} else None


def _arrow(batch: list[list[str]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*batch, strict=True)) if batch else [()] * len(schema)
    arrays = [pa.array([value or None for value in column], pa.string()) for column in columns]
    return pa.Table.from_arrays(arrays, schema=schema)
