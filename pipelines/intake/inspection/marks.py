"""Decimal and grouping marks of a table's numbers: what settles them, and where it stands."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.dialect import SPACES
from pipelines.intake.inspection.looks import NUMBER, said, without_currency
from pipelines.intake.inspection.profile import ColumnFacts, Shape

_SPACE_NAMES = {" ": "a blank", "\u00a0": "a no-break space", "\u202f": "a narrow no-break space",
                "\u2009": "a thin space", "\u2007": "a figure space"}  # fmt: skip
_APOSTROPHES = "'\u2019"


@dataclass(frozen=True)
class Evidence:
    """What numbers of a shape say: a decimal mark, a grouping mark, or either (`unsure`)."""

    decimal: str | None
    grouping: str | None
    unsure: str | None
    shape: Shape
    column: ColumnFacts


@dataclass(frozen=True)
class Marks:
    """A table's marks. `settled_by` is a value that only these marks read; None where nothing settles them."""

    decimal: str | None
    grouping: str | None
    settled_by: Evidence | None
    doubts: tuple[str, ...] = ()
    typed: bool = False


def mark_name(mark: str) -> str:
    return _SPACE_NAMES.get(mark, mark)


def marks_of(columns: Sequence[ColumnFacts], delimiter: str | None) -> Marks:
    """The marks of a table's numbers. What doesn't fit, or fits both ways, is said."""
    found = [evidence for column in columns if column.native is None for evidence in _of_column(column)]
    if not found:
        typed = any(column.native in ("number", "integer") for column in columns)
        return Marks(None, None, None, typed=typed)
    by_mark = {mark: [e for e in found if e.decimal == mark] for mark in ".,"}
    counts = {mark: sum(e.shape.count for e in evidence) for mark, evidence in by_mark.items()}
    groups = _tally(found)
    grouping = max(groups, key=lambda mark: groups[mark]) if groups else None
    unsure = [e for e in found if e.unsure]
    if counts["."] and counts[","]:
        decimal = max(counts, key=lambda mark: counts[mark])
        other = "," if decimal == "." else "."
        return Marks(
            decimal, _other_than(decimal, grouping), by_mark[decimal][0], (_conflict(by_mark, decimal, other),)
        )
    if counts["."] or counts[","]:
        decimal = "." if counts["."] else ","
        doubts = _several_groups(groups, decimal)
        if grouping is None and (near := [e for e in unsure if e.unsure != decimal]):
            grouping = near[0].unsure
        return Marks(decimal, _other_than(decimal, grouping), by_mark[decimal][0], doubts)
    if grouping in (".", ","):
        settled = next(e for e in found if e.grouping == grouping)
        return Marks("," if grouping == "." else ".", grouping, settled)
    if unsure:
        return _undecided(unsure, grouping, delimiter)
    return Marks(None, grouping, None)


def _other_than(decimal: str, grouping: str | None) -> str | None:
    return None if grouping == decimal else grouping


def _of_column(column: ColumnFacts) -> Iterator[Evidence]:
    if column.kind not in ("number", "integer"):
        return
    for shape in column.shapes:
        bare, _ = without_currency(shape.text)
        if not NUMBER.fullmatch(bare) or not any(char.isdigit() for char in bare):
            continue
        decimal, grouping, unsure = read_shape(bare.strip("+-\u2212"))
        if decimal or grouping or unsure:
            yield Evidence(decimal, grouping, unsure, shape, column)


def read_shape(text: str) -> tuple[str | None, str | None, str | None]:
    """The decimal mark, the grouping mark, and the mark that may be either, of a number of a shape."""
    text = re.sub(r"[eE][-+]?\d+$", "", text)
    grouping = next((char for char in text if char in SPACES + _APOSTROPHES), None)
    marks = [char for char in text if char in ".,"]
    if grouping:
        return (marks[-1] if len(marks) == 1 else None), grouping, None
    if not marks:
        return None, None, None
    if len(set(marks)) == 2:
        return (marks[-1] if marks.count(marks[-1]) == 1 else None), marks[0], None
    mark = marks[0]
    if len(marks) > 1:
        return None, mark, None
    whole, _, fraction = text.partition(mark)
    if len(fraction) != 3 or len(whole) > 3 or whole in ("", "0"):
        return mark, None, None
    return None, None, mark


def _tally(found: Iterable[Evidence]) -> dict[str, int]:
    groups: dict[str, int] = {}
    for evidence in found:
        if evidence.grouping:
            groups[evidence.grouping] = groups.get(evidence.grouping, 0) + evidence.shape.count
    return groups


def _conflict(by_mark: dict[str, list[Evidence]], decimal: str, other: str) -> str:
    mine, theirs = by_mark[decimal][0], by_mark[other][0]
    return (
        f"both marks stand before decimals: {said(mine.shape.example)} in {said(mine.column.name)} and "
        f"{said(theirs.shape.example)} in {said(theirs.column.name)}; chosen: {decimal}, which more values have"
    )


def _several_groups(groups: dict[str, int], decimal: str) -> tuple[str, ...]:
    others = [mark for mark in groups if mark != decimal]
    if len(others) < 2 or all(mark in SPACES for mark in others):
        return ()
    return (f"groups of digits are parted by {' and by '.join(mark_name(mark) for mark in others)}",)


def _undecided(unsure: list[Evidence], grouping: str | None, delimiter: str | None) -> Marks:
    """Where each mark has three digits behind it: 1,234 is a thousand or one and a quarter."""
    evidence = unsure[0]
    mark = str(evidence.unsure)
    other: Literal[".", ","] = "," if mark == "." else "."
    plain = [shape for shape in evidence.column.shapes if re.fullmatch(r"[-+]?9{4,}", shape.text)]
    values = sum(e.shape.count for e in unsure)
    if plain or grouping:
        decimal, group = mark, grouping
        why = "as other numbers are parted otherwise or not at all"
    else:
        decimal, group = other, mark
        why = "as fractions seldom have three digits each"
        if delimiter == ";" and mark == ",":
            decimal, group, why = ",", None, "as the delimiter ; mostly goes with it"
    return Marks(
        decimal,
        group,
        None,
        (
            f"{said(evidence.shape.example)} in {said(evidence.column.name)} is a whole number or has three decimals; "
            f"{values:,} values fit both and none settles it; chosen: decimal mark {decimal}, {why}",
        ),
    )
