"""How a source's text files are written: encoding, marks in numbers, dates, words for "no value"."""

import codecs
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from open_data_contract_standard.model import Server

# What exports write where there is no value, beside nothing at all.
NULL_VALUES = (
    *("\\N", "NULL", "(null)", "[NULL]", "<NULL>", "None", "nil", "undefined", "NaN", "-NaN", "NaT", "NA", "<NA>"),
    *("N/A", "#N/A", "#N/A N/A", "#NA", "#NV", "#\u041d/\u0414", "#NULL!", "(blank)"),
    *("-", "--", "\u2013", "\u2014"),
)
# What may stand between groups of digits, where a contract names a decimal mark.
SPACES = " \u00a0\u2007\u2009\u202f"
_APOSTROPHES = "'\u2019"


@dataclass(frozen=True)
class Dialect:
    """How a source's text files are written.

    `time_zone` applies to times without an offset, in Parquet files too (None: the business time zone). `date_format`
    gives the order of DD, MM and YYYY and the separators between them (None: ISO 8601). `grouping_marks` are the
    characters that may stand between groups of three digits. `null_values` mean that there is no value, in ids, typed
    columns and columns with a list of values, with any capitals; in names and other free text they stay as they are.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_mark: str = "."
    time_zone: str | None = None
    date_format: str | None = None
    grouping_marks: str = ""
    null_values: tuple[str, ...] = NULL_VALUES

    def __post_init__(self) -> None:
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"encoding {self.encoding!r} is not known; write it like windows-1251") from None
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"delimiter {self.delimiter!r} is not one character")
        if self.decimal_mark not in (".", ","):
            raise ValueError(f"decimalMark {self.decimal_mark!r} is neither . nor ,")
        if self.decimal_mark in self.grouping_marks or re.search(r"[0-9A-Za-z+-]", self.grouping_marks):
            raise ValueError(f"groupingMark {self.grouping_marks!r} is the decimal mark, or no mark between digits")
        if self.time_zone is not None and self.time_zone not in _time_zones():
            raise ValueError(f"timeZone {self.time_zone!r} is no IANA time zone; write it like Europe/Berlin")
        parts = re.findall("DD|MM|YYYY", self.date_format or "DDMMYYYY")
        between = re.sub("DD|MM|YYYY", "", self.date_format or "")
        if sorted(parts) != ["DD", "MM", "YYYY"] or re.search(r"[^\W_]", between):
            raise ValueError(f"dateFormat {self.date_format!r} is not of DD, MM and YYYY, like DD.MM.YYYY")

    @property
    def is_utf8(self) -> bool:
        return codecs.lookup(self.encoding).name == "utf-8"


_time_zones = cache(available_timezones)  # it reads a folder


def _grouping_marks(custom: dict[str, Any]) -> str:
    """The characters of the mark that a contract names; all usual ones where it names a decimal mark alone."""
    kinds = (".", ",", SPACES, _APOSTROPHES)
    if "groupingMark" in custom:
        mark = str(custom["groupingMark"])
        return next((kind for kind in kinds if mark and mark in kind), mark)
    if "decimalMark" not in custom:
        return ""
    return "".join(kind for kind in kinds if kind != custom["decimalMark"])


def _null_values(custom: dict[str, Any]) -> tuple[str, ...]:
    values = custom.get("nullValues", list(NULL_VALUES))
    if not isinstance(values, list):
        raise ValueError(f"nullValues {values!r} is no list; write it like ['NULL', '-']")
    return tuple("" if value is None else str(value).strip() for value in values)


def read_dialect(server: Server, custom: dict[str, Any]) -> Dialect:
    """The dialect that a contract's first server and its schema's custom properties give.

    Raises:
        ValueError: it makes no sense.
    """
    return Dialect(
        grouping_marks=_grouping_marks(custom),
        null_values=_null_values(custom),
        delimiter=server.delimiter or ",",
        encoding=server.encoding or "utf-8",
        decimal_mark=custom.get("decimalMark", "."),
        time_zone=custom.get("timeZone"),
        date_format=str(custom["dateFormat"]).upper() if "dateFormat" in custom else None,
    )
