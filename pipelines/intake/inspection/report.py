"""An inspection in words for a terminal of 80 columns."""

import textwrap
from collections.abc import Iterator, Sequence

from pipelines.intake.inspection.dates import WORDS, Dates
from pipelines.intake.inspection.grain import Key
from pipelines.intake.inspection.inspect import Inspection
from pipelines.intake.inspection.layout import shown
from pipelines.intake.inspection.looks import said
from pipelines.intake.inspection.marks import Marks, mark_name
from pipelines.intake.inspection.meaning import Match
from pipelines.intake.inspection.profile import EXACT_ROWS, ColumnFacts
from pipelines.intake.inspection.samples import shown_short
from pipelines.intake.inspection.table import Table

WIDTH = 80
_LABEL = 17
_KINDS = {"text": "text", "json": "JSON", "workbook": "Excel workbook", "parquet": "Parquet"}


def lines(inspection: Inspection) -> list[str]:
    """What was found in a file, for a person who sees it for the first time."""
    found = [f"{inspection.path.name}: {_kind(inspection)}", ""]
    for label, text in _facts(inspection):
        found.extend(_labelled(label, text))
    found.extend(["", f"Columns ({len(inspection.columns)}), with three values each"])
    if inspection.masked:
        found.append("  * masked: it may be personal")
    for column in inspection.columns:
        found.extend(_column(inspection, column))
    for source in inspection.filled:
        if source.missing:
            found.extend(["", f"Missing for {source.name} (required there)"])
            found.extend(f"  {name}" for name in source.missing)
    if inspection.doubts:
        found.extend(["", "In doubt"])
        for doubt in inspection.doubts:
            found.extend(textwrap.wrap(_printable(doubt), WIDTH, initial_indent="  - ", subsequent_indent="    "))
    return found


def _kind(inspection: Inspection) -> str:
    table = inspection.table
    packed = ", packed by gzip" if table.form.packed else ""
    kind = _KINDS[table.form.kind]
    if table.layout is not None:
        kind = "tab-separated text" if table.layout.delimiter == "\t" else "delimited text"
    return f"{kind}{packed}, {_size(table.form.size)}, {table.rows:,} row{'s' * (table.rows != 1)}"


def _size(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size} bytes"


def _facts(inspection: Inspection) -> Iterator[tuple[str, str]]:
    table = inspection.table
    if table.encoding is not None:
        yield "encoding", f"{table.encoding.name} ({table.encoding.reason})"
    if table.layout is not None:
        yield "delimiter", f"{shown(table.layout.delimiter)} ({table.layout.reason})"
    if table.sheet is not None:
        yield "sheet", table.sheet
    if table.form.kind in ("text", "workbook"):
        yield "header", _header(table)
    for note in table.notes:
        yield "rows", note
    yield "decimal mark", _decimal(inspection.marks, table)
    if inspection.marks.grouping:
        yield "grouping mark", mark_name(inspection.marks.grouping)
    yield "date order", _order(inspection.dates)
    yield "time zone", _zone(inspection.dates)
    currency = inspection.currency
    yield "currency", f"{currency.code} ({currency.reason})" if currency.code else currency.reason
    yield "one row is", inspection.row_is
    yield "keys", _keys(inspection.keys, inspection.nearly, table.rows)
    again = inspection.duplicates
    yield (
        "duplicates",
        (
            f"{again.rows:,} row{'s repeat' if again.rows != 1 else ' repeats'} an earlier one whole: "
            f"row {again.first:,} is row {again.of:,} again"
            if again.rows
            else "no row is there twice"
        ),
    )
    if inspection.filled:
        yield "could fill", ", ".join(source.name for source in inspection.filled)


def _header(table: Table) -> str:
    return f"row {table.header_row}" if table.header_row else "none: columns are called by number"


def _decimal(marks: Marks, table: Table) -> str:
    if marks.settled_by is not None:
        by = marks.settled_by
        return (
            f"{marks.decimal or 'not seen'}  (row {table.row_number(by.shape.position):,}: {said(by.shape.example)} in "
            f"{said(by.column.name)})"
        )
    if marks.decimal:
        return f"{marks.decimal}  (in doubt, see below)"
    if marks.typed:
        return "no question: numbers are typed"
    return "no number has one"


def _order(dates: Dates) -> str:
    if dates.order is None:
        return "no question: dates are typed" if dates.typed else "no column of dates"
    words = WORDS[dates.order]
    if dates.order == "year_first":
        return f"{words} (as ISO 8601)"
    if dates.settled_by is None:
        return f"{words}, but nothing settles it (in doubt, see below)"
    by = dates.settled_by
    both = f"{said(by.both_value)} fits both; " if by.both_value is not None else ""
    return f"{words}: {both}row {by.row:,} says {words} ({said(by.value)} in {said(by.column.name)})"


def _zone(dates: Dates) -> str:
    if dates.offsets:
        offsets = ", ".join(f"{mark} ({count:,})" for mark, count in dates.offsets)
        return f"times carry offsets: {offsets}"
    if dates.without:
        return "times carry no offset: say which zone they are in"
    return "no column of times"


def _keys(keys: Sequence[Key], nearly: Sequence[Key], rows: int) -> str:
    if not rows:
        return "there is no row"
    found = [f"{key.names} (unique, never empty)" for key in keys]
    found += [f"{key.names} nearly ({key.repeats:,} rows repeat it, first row {key.row:,})" for key in nearly]
    return "; ".join(found) if found else "no column, and no pair of columns that was tried, is unique"


def _column(inspection: Inspection, column: ColumnFacts) -> Iterator[str]:
    rows = inspection.table.rows
    about = "about " if rows > EXACT_ROWS and len(column.values) < column.distinct else ""
    different = f"{about}{column.distinct:,} different" if column.distinct else ""
    empty = rows - column.filled
    share = "never empty" if not empty else f"{100 * empty / rows:.0f} % empty" if empty < rows else "always empty"
    facts = ", ".join(filter(None, [column.kind if column.kind != "empty" else "", different, share if rows else ""]))
    star = " *" if column.position in inspection.masked else ""
    name = shown_short(column.name, 34)
    yield shown_short(f"  {column.position + 1:>2} {name}{star}{': ' if facts else ''}{facts}", WIDTH)
    values = [f"{shown_short(value, 22)}" for value in inspection.samples[column.position]]
    if values:
        yield shown_short(f"       {'  |  '.join(values)}", WIDTH)
    if column.words:
        yield shown_short(f"       stands for no value: {', '.join(repr(word) for word in column.words)}", WIDTH)
    for source in inspection.filled:
        for match in source.matches.values():
            if match.theirs.position == column.position:
                yield from textwrap.wrap(
                    _printable(f"= {source.name}.{match.ours.name}{_remark(match)}"),
                    WIDTH,
                    initial_indent="       ",
                    subsequent_indent="         ",
                )


def _remark(match: Match) -> str:
    said = []
    if match.by == "content":
        said.append("by its values")
    elif match.score < 0.6:
        said.append("perhaps")
    if match.others:
        said.append(f"or {', '.join(repr(name) for name in match.others)}")
    if match.note:
        said.append(match.note)
    return f" ({'; '.join(said)})" if said else ""


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        _printable(text),
        WIDTH,
        initial_indent=f"  {label:<{_LABEL - 2}}",
        subsequent_indent=" " * _LABEL,
        break_on_hyphens=False,
    )


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "·" for char in text.replace("\u00a0", "⍽"))
