"""Codes in one form for all their spellings, as customers type what a poster says: SUMMER10, summer10, Summer10."""

import unicodedata

import duckdb

from pipelines.intake.column_wise import add_function

_DOT_ABOVE = "\u0307"


def normal_code(value: str) -> str | None:
    """A code in capitals, in Unicode's compatible form (NFKC), without blanks around it; None if nothing is left.

    Two texts that differ in capitals alone have one form, also those that have no capital of their own (\u00df and SS).
    All four letters i of Turkish are one I: whose keyboard is not Turkish cannot tell them apart.
    """
    if value.isascii():
        return value.strip().upper() or None
    capitals = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", value).casefold()).upper()
    return unicodedata.normalize("NFKC", _without_dots_on_i(capitals)).strip() or None


def _without_dots_on_i(text: str) -> str:
    """A decomposed text in capitals without the dots above its letters I."""
    kept, letter = [], ""
    for character in text:
        letter = letter if unicodedata.combining(character) else character
        if letter != "I" or character != _DOT_ABOVE:
            kept.append(character)
    return "".join(kept)


def register_function(connection: duckdb.DuckDBPyConnection) -> None:
    """Add normal_code(text) to SQL."""
    add_function(connection, "normal_code", normal_code)
