"""The name that somebody who wrote another one may have meant: of a source, a column, a header."""

from collections.abc import Iterable
from difflib import get_close_matches

from pipelines.intake.inspection.synonyms import header_score

_MEANS = 0.85  # from which score on a header names a column by a synonym
_ALIKE = 0.75  # from which likeness on a header may be a misspelt column


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that somebody who wrote another one may have meant; `cutoff` is how alike they are at least."""
    by_lower = {other.lower(): other for other in known}
    return next((by_lower[n] for n in get_close_matches(name.lower(), sorted(by_lower), n=1, cutoff=cutoff)), None)


def nearest_header(column: str, headers: Iterable[str], source: str) -> str | None:
    """The header that a column of a source may stand under: by what other systems call it, else by its letters.

    Without a header line, the first row's values stand there: what has a digit or an @ is never shown.
    """
    shown = [header for header in headers if header and not any(char.isdigit() or char == "@" for char in header)]
    known = (header for header in shown if header_score(header, source, column) >= _MEANS)
    return next(known, None) or nearest(column, shown, _ALIKE)


def nearest_column(header: str, columns: Iterable[str], source: str) -> str | None:
    """The column of a source that an unknown header may mean."""
    columns = tuple(columns)
    known = (column for column in columns if header_score(header, source, column) >= _MEANS)
    return next(known, None) or nearest(header, columns, _ALIKE)
