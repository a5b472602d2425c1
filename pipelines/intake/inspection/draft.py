"""A draft of the mapping file from inspections: what is sure as values, what is in doubt as comments."""

import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.errors import BadDataError
from pipelines.intake.inspection.inspect import Inspection
from pipelines.intake.inspection.meaning import Match, SourceMatch

# How a file's name in Cyrillic is written as the name of a feed.
_CYRILLIC = dict(zip("абвгдезийклмнопрстуфхыэіґё", "abvgdeziyklmnoprstufhyeige", strict=True)) | {
    "ж": "zh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ю": "yu",
    "я": "ya",
    "ї": "yi",
    "є": "ye",
    "ь": "",
    "ъ": "",
}


_YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")  # which are no text in YAML


def mapping_draft(inspections: Sequence[Inspection]) -> str:
    """The text of a mapping file for the files, with each doubt as a comment."""
    inspections = _different(inspections)
    names = _feed_names(inspections)
    patterns = Counter(file_pattern(inspection.path.name) for inspection in inspections)
    lines = [
        "# A draft by `loyalty inspect`: read each line that says ambiguous or missing, and settle it.",
        "feeds:",
    ]
    for name, inspection in zip(names, inspections, strict=True):
        lines.extend(_feed(name, inspection))
        if patterns[file_pattern(inspection.path.name)] > 1:
            lines.append("    # ambiguous: another feed has the same pattern of file names, but not the same form")
    lines.append("sources:")
    sources: dict[str, list[str]] = {}
    for name, inspection in zip(names, inspections, strict=True):
        for number, source in enumerate(inspection.filled):
            sources.setdefault(source.name, []).extend(_source(name, source, inspection, first=number == 0))
    for source_name, entries in sources.items():
        lines.extend([f"  {source_name}:", *entries])
    if not sources:
        lines[-1] = "sources: {}  # ambiguous: no column of these files is one that is known"
    return "\n".join(lines) + "\n"


def _different(inspections: Sequence[Inspection]) -> list[Inspection]:
    """The files that are not of the same name pattern, dialect and columns as one before: those are one feed."""
    forms: dict[object, Inspection] = {}
    for inspection in inspections:
        key = (file_pattern(inspection.path.name), tuple(_dialect(inspection)), inspection.table.names)
        forms.setdefault(key, inspection)
    return list(forms.values())


def write_draft(inspections: Sequence[Inspection], path: Path) -> None:
    """Write a draft of the mapping file; readable by its owner alone.

    Raises:
        BadDataError: there is a file of that name, or it can't be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(mapping_draft(inspections))
    except FileExistsError as error:
        raise BadDataError(
            f"{path} exists already; nothing was written. Give another name, or move it away."
        ) from error
    except OSError as error:
        raise BadDataError(f"{path}: it can't be written ({error.strerror or error})") from error


def _feed_names(inspections: Sequence[Inspection]) -> list[str]:
    names: list[str] = []
    for inspection in inspections:
        stem = inspection.path.name.split(".", 1)[0].lower()
        latin = "".join(_CYRILLIC.get(char, char) for char in unicodedata.normalize("NFC", stem))
        plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
        plain = re.sub(r"[^a-z]+", "_", plain).strip("_") or "feed"
        plain += "_feed" * (plain in _YAML_WORDS)
        name, number = plain, 2
        while name in names:
            name, number = f"{plain}_{number}", number + 1
        names.append(name)
    return names


def file_pattern(name: str) -> str:
    """A pattern of file names for a file of each night: its dates and numbers become *."""
    stem, dot, suffix = name.partition(".")
    bare = re.sub(r"[*?\[\]]", "?", stem)
    pattern = re.sub(r"\d+(?:[-_.T]\d+)*", "*", bare)
    return (pattern if pattern.endswith("*") else f"{pattern}*") + dot + suffix


def _text(value: object) -> str:
    """A value as YAML, on one line, whatever is in it; what can't be seen is written as its number."""
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in quoted)


def _comment(words: str) -> str:
    """A comment can't end early, nor hold what an editor takes for another line."""
    return "".join(char if char.isprintable() else " " for char in words)


def _feed(name: str, inspection: Inspection) -> Iterator[str]:
    yield f"  {name}:"
    yield f"    files: [{_text(file_pattern(inspection.path.name))}]"
    dialect = ", ".join(f"{key}: {value}" for key, value in _dialect(inspection))
    yield f"    dialect: {{{dialect}}}"
    for doubt in inspection.doubts:
        yield f"    # ambiguous: {_comment(doubt)}"
    if inspection.dates.without and not inspection.dates.offsets:
        yield "    # ambiguous: times carry no offset; give time_zone if it is not the business time zone's"
    if inspection.currency.code:
        yield f"    # currency: {inspection.currency.code} ({_comment(inspection.currency.reason)})"
    used = {match.theirs.position for source in inspection.filled for match in source.matches.values()}
    if unused := [column.name for column in inspection.columns if column.position not in used]:
        yield f"    # not used: {_comment(', '.join(_text(name) for name in unused))}"
    if inspection.duplicates.rows:
        yield f"    # {inspection.duplicates.rows} rows repeat an earlier one whole"


def _dialect(inspection: Inspection) -> Iterator[tuple[str, str]]:
    table = inspection.table
    if table.encoding is not None:
        yield "encoding", table.encoding.name
    if table.layout is not None:
        yield "delimiter", _text(table.layout.delimiter)
    if inspection.marks.decimal:
        yield "decimal_mark", _text(inspection.marks.decimal)
    if inspection.marks.grouping:
        yield "grouping_mark", _text(inspection.marks.grouping)
    if inspection.dates.order:
        yield "date_order", inspection.dates.order
    if table.sheet is not None:
        yield "sheet", _text(table.sheet)
    if table.form.kind in ("text", "workbook"):
        yield "header_row", str(table.header_row)


def _source(feed: str, source: SourceMatch, inspection: Inspection, *, first: bool) -> Iterator[str]:
    yield f"  - feed: {feed}"
    if not first:
        yield f"    # ambiguous: a row of {feed} is {inspection.row_is}; does it fill {source.name}, too?"
        if inspection.filled[0].name == "receipt_lines" and source.name == "receipts":
            yield "    # ambiguous: lines must be grouped by the receipt, and total_amount summed over its lines"
    yield "    columns:"
    for column in source.contract.columns:
        if column.name in source.matches:
            match = source.matches[column.name]
            yield f"      {column.name}: {{column: {_text(match.theirs.name)}}}{_doubt(match)}"
        elif column.required:
            yield f"      # missing: {column.name} (required): no column of the file fits"


def _doubt(match: Match) -> str:
    said = []
    if match.others:
        said.append(f"{', '.join(_text(name) for name in match.others)} could be it, too")
    if match.by == "content":
        said.append("by its values alone")
    elif match.score < 0.6:
        said.append("the header says little")
    if match.note:
        said.append(match.note)
    return f"  # ambiguous: {_comment('; '.join(said))}" if said else ""
