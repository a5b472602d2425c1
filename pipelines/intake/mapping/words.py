"""Sentences about names that do not exist: the nearest one, and all that there are."""

from collections.abc import Iterable

from pipelines.intake.nearest import nearest

_MOST_SHOWN = 30


def unknown(name: object, what: str, known: Iterable[str]) -> str:
    """The sentence about a name that does not exist."""
    there = sorted(known)
    near = nearest(f"{name}", there)
    hint = f"Did you mean {near}? " if near else ""
    more = f" and {len(there) - _MOST_SHOWN} more" if len(there) > _MOST_SHOWN else ""
    return f"{str(name)!r} is no {what}. {hint}There are: {', '.join(there[:_MOST_SHOWN]) or 'none'}{more}"
