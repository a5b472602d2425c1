"""Workbooks: their sheets, and the cells of a sheet as text."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import python_calamine as calamine

from pipelines.errors import BadDataError

# What stands in a cell that could not be worked out. The last is of a formula whose result was never saved.
UNCALCULATED = "#NOT CALCULATED"
ERRORS = (
    *("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!"),
    *("#FIELD!", "#BLOCKED!", "#CONNECT!", "#BUSY!", "#UNKNOWN!", UNCALCULATED),
)
_EXACT = 2**53  # from here on a cell's number can't tell all whole numbers apart
_DIGITS = 15  # that a spreadsheet keeps of a number
_BLOCK = 1 << 22

Cell = tuple[str, str]  # text and kind: integer, number, time, date, boolean, clock, error, text, or nothing


@contextmanager
def open_workbook(path: Path) -> Iterator[calamine.CalamineWorkbook]:
    """A workbook.

    Raises:
        BadDataError: it is protected by a password, damaged, or no workbook.
    """
    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            yield book
    except calamine.PasswordError as error:
        raise _protected(path) from error
    except (calamine.ZipError, calamine.XmlError, calamine.CalamineError) as error:
        if "password" in str(error).lower() or _is_encrypted(path):
            raise _protected(path) from error
        raise BadDataError(
            f"{path}: this is no workbook that can be opened: another archive, or cut off ({error}). Unpack it, "
            "or save it again as .xlsx or CSV."
        ) from error


def _protected(path: Path) -> BadDataError:
    return BadDataError(
        f"{path}: the workbook is protected by a password. Save it without one, or export the sheet as CSV."
    )


def _is_encrypted(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(1 << 20)
    return start.startswith(b"\xd0\xcf\x11\xe0") and "EncryptedPackage".encode("utf-16-le") in start


def sheets_of(book: calamine.CalamineWorkbook) -> list[tuple[str, bool]]:
    """The sheets that have cells, in their order, each with whether it is shown."""
    return [
        (sheet.name, sheet.visible == calamine.SheetVisibleEnum.Visible)
        for sheet in book.sheets_metadata
        if sheet.typ == calamine.SheetTypeEnum.WorkSheet
    ]


def cell_of(value: Any) -> Cell:
    """A cell's text and kind, as calamine gives it.

    Numbers have the digits that a spreadsheet keeps and no trace of a float; dates are in ISO 8601.
    """
    if isinstance(value, bool):
        return str(value).lower(), "boolean"
    if isinstance(value, int | float):
        if abs(value) >= _EXACT:
            return f"{value:.{_DIGITS - 1}e}", "number"
        if value == int(value):
            return str(int(value)), "integer"
        return f"{Decimal(f'{value:.{_DIGITS}g}'):f}", "number"
    if isinstance(value, datetime):
        return _whole(value).isoformat(" "), "time"
    if isinstance(value, date):
        return value.isoformat(), "date"
    if isinstance(value, time | timedelta):
        return str(value), "clock"
    return str(value), "text" if value != "" else ""


def _whole(moment: datetime) -> datetime:
    """A time without what the fraction of a day leaves of a second."""
    near = moment + timedelta(milliseconds=5)
    return near.replace(microsecond=0) if near.microsecond < 10_000 else moment


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, whether it is shown and has rows, and these: those that have cells.

    A row has the number that the program shows, and its cells from column A on.
    """

    name: str
    is_shown: bool
    has_rows: bool
    rows: Callable[[], Iterator[tuple[int, list[Cell]]]]


@contextmanager
def open_sheets(path: Path) -> Iterator[list[Sheet]]:
    """The sheets of an Excel workbook, in their order.

    Raises:
        BadDataError: it is protected by a password, damaged, or no workbook; or a sheet has cells with errors, and does
            not say which.
    """
    with open_workbook(path) as book:
        yield [
            Sheet(name, is_shown, book.get_sheet_by_name(name).height > 0, partial(_rows, path, book, name))
            for name, is_shown in sheets_of(book)
        ]


def find_sheet(path: Path, sheets: Sequence[Sheet], wanted: str | None) -> Sheet:
    """The sheet that is wanted; without a name the first.

    Raises:
        BadDataError: there is none of that name, or the first is hidden.
    """
    there = ", ".join(repr(sheet.name) for sheet in sheets) or "none"
    for sheet in sheets:
        if wanted is None and not sheet.is_shown:
            raise BadDataError(
                f"{path}: the first sheet, {sheet.name!r}, is hidden; all are: {there}. Say by sheet: which is read."
            )
        if wanted is None or sheet.name.strip().casefold() == wanted.strip().casefold():
            return sheet
    raise BadDataError(f"{path}: there is no sheet {wanted!r}. There are: {there}. Say by sheet: which is read.")


def _rows(path: Path, book: calamine.CalamineWorkbook, name: str) -> Iterator[tuple[int, list[Cell]]]:
    sheet = book.get_sheet_by_name(name)
    left = sheet.start[1] if sheet.start else 0
    errors = _errors(path, name)
    last = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        last = number
        cells = [("", "")] * left + [cell_of(value) for value in row]
        for column, text in errors.pop(number, {}).items():
            cells += [("", "")] * (column + 1 - len(cells))
            cells[column] = (text, "error")
        if any(text for text, _ in cells):
            yield number, cells
    for number, found in sorted(errors.items()):  # below the last row that has anything else
        if number > last:
            yield number, [(found.get(column, ""), "error") for column in range(max(found) + 1)]


# --- cells with errors: calamine gives nothing for them, nor for a formula without a result; the sheet says both ---

_CELL = re.compile(rb"<(?:\w+:)?c\b([^>/]*)>(.*?)</(?:\w+:)?c>", re.DOTALL)
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})(\d+)"')
_TYPE = re.compile(rb'\bt="(\w+)"')
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|is)\b[^>]*>([^<]*)")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_SUSPECT = re.compile(rb't="e"|<(?:\w+:)?f\b')


def _errors(path: Path, name: str) -> dict[int, dict[int, str]]:
    """The errors in a sheet's cells, by the number of the row and the position of the column."""
    found: dict[int, dict[int, str]] = {}
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_part_of(archive, name)) as part:
            before = b""
            while block := part.read(_BLOCK):
                block = before + block
                end = max(block.rfind(b"</c>"), block.rfind(b":c>")) + 4
                before = block[max(end, 0) :]
                if _SUSPECT.search(block):
                    _add_errors(block[:end], path, name, found)
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error, NotImplementedError) as error:
        raise BadDataError(
            f"{path}: sheet {name!r} can't be looked through for cells with errors ({type(error).__name__}). Save it "
            "again as .xlsx, or export it as CSV."
        ) from error
    return found


def _add_errors(block: bytes, path: Path, name: str, found: dict[int, dict[int, str]]) -> None:
    for cell in _CELL.finditer(block):
        given, inner = cell.groups()
        kind, value = _TYPE.search(given), _VALUE.search(inner)
        if kind and kind[1] == b"e":
            text = value[1].decode("utf-8", "replace").strip().upper() if value else ""
            text = text if text in ERRORS else ERRORS[0] if not text else "#UNKNOWN!"
        elif _FORMULA.search(inner) and not value and not (kind and kind[1] == b"str"):
            text = UNCALCULATED
        else:
            continue
        place = _REFERENCE.search(given)
        if place is None:
            raise BadDataError(
                f"{path}: sheet {name!r} has a cell with the error {text}, and does not say where. Mend it, or export "
                "the sheet as CSV."
            )
        found.setdefault(int(place[2]), {})[_position(place[1])] = text


def _position(letters: bytes) -> int:
    """The position of column A (0), B (1) ... AA (26)."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number - 1


def _part_of(archive: zipfile.ZipFile, name: str) -> str:
    """The name that a sheet has in the archive.

    Raises:
        KeyError: nothing says it.
    """
    book = archive.read("xl/workbook.xml").decode("utf-8", "replace")
    links = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    targets = {found["Id"]: found["Target"] for found in _tags(links, "Relationship") if "Target" in found}
    for sheet in _tags(book, "sheet"):
        if unescape(sheet.get("name", ""), _ENTITIES) == name:
            target = targets[next(value for key, value in sheet.items() if key.endswith(":id"))]
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError(name)


_ENTITIES = {"&quot;": '"', "&apos;": "'"}


def _tags(text: str, name: str) -> Iterator[dict[str, str]]:
    """The attributes of each tag of a name."""
    for tag in re.findall(rf"<(?:\w+:)?{name}\s([^>]*)>", text):
        pairs = re.findall(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag)
        yield {key: double or single for key, double, single in pairs}
