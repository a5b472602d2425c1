"""How a text file is laid out: the delimiter, the header's line, and what stands above it."""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from pipelines.engines.sql import literal, one_file
from pipelines.intake.inspection.looks import is_data, is_empty, said

DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x1f", ":")
NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar", " ": "blank", "\x1f": "unit separator", ":": "colon"}
_ROWS = 400  # records of the beginning that are looked at
_OTHER_FIELDS = re.compile(r"[;|\t^]")  # within a name, they are what parts the fields: the mark tried is another
_NEAR = 0.85  # a delimiter that fits nearly as well as the best is named, too


@dataclass(frozen=True)
class Layout:
    """How a text file is laid out.

    `header_row` counts from 1; 0: there is none. `skipped` lines stand above it, which are `rows_above` records.
    """

    delimiter: str
    reason: str
    header: tuple[str, ...]
    header_row: int
    skipped: int
    quote: str = '"'
    rows_above: int = 0
    doubts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Fit:
    delimiter: str
    score: float
    width: int
    header: int
    rows: list[list[str]] = field(repr=False)
    is_header: bool = True


def layout_of(head: str, sample: Path, connection: duckdb.DuckDBPyConnection) -> Layout:
    """The layout of a text file.

    Args:
        head: Its beginning, up to the end of a line.
        sample: A UTF-8 file of the same text, for DuckDB.
        connection: To run DuckDB's sniffer.
    """
    csv.field_size_limit(sys.maxsize)
    if stated := re.match(r"\ufeff?\"?sep=(.)\"?\r?\n", head):
        return _stated(head, stated.end(), stated[1])
    fits = sorted((_fit(head, mark) for mark in DELIMITERS), key=lambda fit: (-fit.score, -fit.width))
    best = fits[0]
    sniffed, quote = _sniffed(sample, connection)
    if best.score < 0.3 or best.width < 2:
        return _one_column(head, sniffed)
    near = [fit for fit in fits[1:] if fit.width > 1 and fit.score >= _NEAR * best.score]
    known = {fit.delimiter: fit for fit in fits}
    reason = f"{_share(best)} have {best.width} fields"
    doubts, others = [], [fit.delimiter for fit in near]
    if sniffed == best.delimiter:
        reason += ", and DuckDB's sniffer agrees"
    elif sniffed in known and known[sniffed].width > 1 and known[sniffed].score >= 0.5 * best.score:
        others = list(dict.fromkeys([*others, sniffed]))
    if others:
        words = ", ".join(f"{shown(mark)} ({known[mark].width} fields a line)" for mark in others)
        doubts.append(
            f"delimiters {shown(best.delimiter)} ({best.width} fields a line) and {words} fit; chosen: "
            f"{shown(best.delimiter)}, which splits more lines like the header"
        )
    return _with_header(best, head, reason, doubts, tuple(others), quote)


def shown(delimiter: str) -> str:
    """A delimiter for people."""
    return NAMES.get(delimiter, delimiter) if delimiter in "\t \x1f" else f"{delimiter} ({NAMES[delimiter]})" if (
        delimiter in NAMES
    ) else delimiter  # fmt: skip


def records(text: str, delimiter: str, limit: int = _ROWS) -> list[list[str]]:
    """The first records of a text; what comes after a quote that is never closed is left out."""
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                found.append(row)
            if len(found) == limit:
                break
    except csv.Error:
        pass
    return found


def header_index(rows: Sequence[Sequence[str]]) -> tuple[int, int, bool]:
    """Where the header is among a table's first rows, how many columns there are, and whether it looks like one."""
    widths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
    if not widths:
        return 0, 0, False
    width = max(widths, key=lambda width: (widths[width], width))
    start = next((n for n, row in enumerate(rows) if len(row) == width and _filled(row) > 0.6), None)
    if start is None:
        start = next(n for n, row in enumerate(rows) if len(row) == width)
    return start, width, looks_like_header(rows[start], rows[start + 1 : start + 200])


def looks_like_header(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    names = [cell.strip() for cell in row if cell.strip()]
    if not names or any(is_data(part) for name in names for part in _OTHER_FIELDS.split(name)):
        return False
    return len({*names}) >= 0.7 * len(names) and not any(list(row) == list(other) for other in below[:1])


def _filled(row: Sequence[str]) -> float:
    return sum(bool(cell.strip()) for cell in row) / len(row)


def _fit(head: str, delimiter: str) -> _Fit:
    """How well a delimiter splits the lines into as many fields as the header has."""
    rows = records(head, delimiter)
    if len(rows) > 3 and len(rows) < _ROWS:
        rows = rows[:-1]  # the sample may end within a line
    start, width, is_header = header_index(rows)
    if width < 2:
        return _Fit(delimiter, 0.0, width, start, rows, is_header)
    alike = sum(len(row) == width for row in rows[start:]) / max(1, len(rows) - start)
    score = alike * (1.0 if is_header else 0.5) * (0.7 if start else 1.0)
    if _splits_values(rows[start : start + 50], delimiter):
        score *= 0.3
    if rows and start and len(rows[0]) == 1 and any(is_data(cell) for cell in rows[start]):
        score *= 0.3
    return _Fit(delimiter, score, width, start, rows, is_header)


def _splits_values(rows: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Whether a mark stands within values: the colon of times, the comma before a blank of names."""
    cells = [cell for row in rows[1:] for cell in row[1:]]
    if not cells:
        return False
    if delimiter == ":":
        return sum(bool(re.match(r"\d\d(\D|$)", cell)) for cell in cells) > 0.5 * len(cells)
    return sum(cell.startswith(" ") and cell.strip() != "" for cell in cells) > 0.5 * len(cells)


def _sniffed(sample: Path, connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """The delimiter and the quote that DuckDB's sniffer finds; empty if it finds none."""
    try:
        row = connection.execute(
            f'SELECT "Delimiter", "Quote" FROM sniff_csv({literal(one_file(sample))}, ignore_errors = true)'
        ).fetchone()
    except duckdb.Error:
        return "", '"'
    delimiter, quote = row or ("", '"')
    return str(delimiter).replace("\\t", "\t"), "'" if quote == "'" else '"'


def _share(fit: _Fit) -> str:
    below = fit.rows[fit.header :]
    alike = sum(len(row) == fit.width for row in below)
    return "all lines" if alike == len(below) else f"{alike} of the first {len(below)} lines"


def _with_header(fit: _Fit, head: str, reason: str, doubts: list[str], others: tuple[str, ...], quote: str) -> Layout:
    rows = fit.rows
    row = [cell.strip().lstrip("\ufeff") for cell in rows[fit.header]]
    above = _lines_above(head, fit.delimiter, fit.header)
    if quote == "'" and _quoted_by_apostrophes(rows[fit.header :]):
        doubts.append("values stand in apostrophes, which the contracts don't take for quotes: export with \" instead")
    if fit.header:
        doubts.append(f"{above} line{'s' * (above != 1)} above the header: {said(_short(' '.join(rows[0])))}")
    if not fit.is_header and any(is_data(cell) for cell in row):
        doubts.append("the first line is no header: it has numbers, dates or addresses; columns are called by number")
        names = tuple(f"column {number}" for number in range(1, fit.width + 1))
        return Layout(fit.delimiter, reason, names, 0, above, quote, fit.header, tuple(doubts), others)
    below = rows[fit.header + 1 : fit.header + 200]
    if below and not any(is_data(cell) for other in below for cell in other):
        doubts.append("nothing tells the header from the rows: there is no column of numbers or dates")
    return Layout(fit.delimiter, reason, tuple(row), above + 1, above, quote, fit.header, tuple(doubts), others)


def _quoted_by_apostrophes(rows: Sequence[Sequence[str]]) -> bool:
    cells = [cell for row in rows for cell in row if not is_empty(cell)]
    quoted = sum(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells)
    return quoted > 0.2 * len(cells)


def _lines_above(head: str, delimiter: str, rows: int) -> int:
    """The lines of a text before its record of a number, empty ones included."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    seen = before = 0
    for row in reader:
        if row:
            if seen == rows:
                return before
            seen += 1
        before = reader.line_num
    return before


def _stated(head: str, end: int, delimiter: str) -> Layout:
    fit = _fit(head[end:], delimiter)
    layout = _with_header(fit, head[end:], "the first line says so (sep=)", [], (), '"')
    row = layout.header_row + 1 if layout.header_row else 0
    return Layout(
        delimiter, layout.reason, layout.header, row, layout.skipped + 1, '"', layout.rows_above + 1, layout.doubts
    )


def _one_column(head: str, sniffed: str) -> Layout:
    rows = records(head, "\x1e")
    if not rows:
        return Layout(",", "there is no line", (), 0, 0)
    doubt = "there is one column alone: no mark splits the lines alike"
    if sniffed and sniffed in NAMES and any(sniffed in row[0] for row in rows[:1]):
        doubt += f"; DuckDB's sniffer would split at {shown(sniffed)}"
    fit = _Fit(sniffed if sniffed in DELIMITERS else ",", 1.0, 1, 0, rows, looks_like_header(rows[0], rows[1:]))
    layout = _with_header(fit, head, "no mark splits the lines alike", [doubt], (), '"')
    return replace(layout, delimiter="," if "," not in head else "\x1f")


def _short(text: str, width: int = 40) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
