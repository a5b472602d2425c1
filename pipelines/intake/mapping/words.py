"""Sentences about names that do not exist: the nearest one, and all that there are."""

from collections.abc import Iterable

from pipelines.intake.nearest import nearest

_MOST_SHOWN = 30


def unknown(name: object, what: str, known: Iterable[str], most: int = _MOST_SHOWN) -> str:
    """The sentence about a name that does not exist; it shows at most so many of those that do."""
    there = sorted(known)
    near = nearest(f"{name}", there)
    hint = f"Did you mean {near}? " if near else ""
    more = f" and {len(there) - most} more" if len(there) > most else ""
    return f"{str(name)!r} is no {what}. {hint}There are: {', '.join(there[:most]) or 'none'}{more}"
