"""Sentences about names that do not exist: the nearest one, and all that there are."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_SHOWN = 30


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that somebody who wrote another one may have meant."""
    by_lower = {other.lower(): other for other in known}
    return next((by_lower[n] for n in get_close_matches(name.lower(), sorted(by_lower), n=1)), None)


def unknown(name: object, what: str, known: Iterable[str]) -> str:
    """The sentence about a name that does not exist."""
    there = sorted(known)
    near = nearest(f"{name}", there)
    hint = f"Did you mean {near}? " if near else ""
    more = f" and {len(there) - _MOST_SHOWN} more" if len(there) > _MOST_SHOWN else ""
    return f"{str(name)!r} is no {what}. {hint}There are: {', '.join(there[:_MOST_SHOWN]) or 'none'}{more}"
