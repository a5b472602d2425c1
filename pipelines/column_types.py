"""The names and SQL types that a contract's columns may have, and which type holds all values of another."""

import re
import unicodedata
from collections.abc import Iterable

COLUMN_TYPE = re.compile(
    r"VARCHAR|BLOB|BOOLEAN|DATE|TIMESTAMP WITH TIME ZONE|INTEGER|BIGINT|DOUBLE|DECIMAL\(\d+, ?\d+\)"
)

PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")

_WHOLE = ("INTEGER", "BIGINT")  # types of whole numbers, the narrower first


def holds_all_of(own: str, project: str) -> bool:
    """Whether a type is the project's, or a wider one of the same kind."""
    if own in _WHOLE and project in _WHOLE:
        return _WHOLE.index(own) >= _WHOLE.index(project)
    decimals = [re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", name) for name in (own, project)]
    if all(decimals):
        (digits, scale), (least_digits, least_scale) = (tuple(map(int, found.groups())) for found in decimals if found)
        return scale >= least_scale and digits - scale >= least_digits - least_scale
    return own == project


def header_name(name: str) -> str:
    """A column's name as headers are compared: capitals, blanks and ways to write a letter make no difference."""
    folded = " ".join(unicodedata.normalize("NFKC", name).strip("\ufeff\u200b").split()).casefold()
    return folded.replace("i\u0307", "i").replace("\u0131", "i")  # of the Turkish I, with its dot and without


def check_columns(columns: Iterable[tuple[str, str, tuple[str, ...]]]) -> None:
    """Check columns' names, types and former names: what stands in SQL is plain, and no header means two columns.

    Raises:
        ValueError: a name or type is none, or a name is that of two columns.
    """
    meaning: dict[str, str] = {}
    for column, kind, former_names in columns:
        if not PLAIN_NAME.fullmatch(column):
            raise ValueError(f"column {column!r}: a name is of lower-case letters, digits and underscores")
        if not COLUMN_TYPE.fullmatch(kind):
            raise ValueError(f"column {column}: the physicalType {kind!r} is none that is known")
        if column in meaning.values():
            raise ValueError(f"column {column} is there twice")
        for name in {column, *map(header_name, former_names)}:
            if meaning.setdefault(name, column) != column:
                raise ValueError(f"{meaning[name]} and {column} both have the name {name!r}, now or formerly")
