"""Values of a column for a person to look at, the personal ones masked."""

import re

from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.masking import masked_email, masked_phone, masked_token

_SHOWN = 3
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.\w+|\+\d[\d\s().-]{8,}\d")


def samples(column: ColumnFacts, *, masked: bool) -> tuple[str, ...]:
    """Three different values of a column; an address within any other text is masked, too."""
    return tuple(shown(value, column.kind, masked=masked) for value in column.sample[:_SHOWN])


def shown(value: str, kind: str, *, masked: bool) -> str:
    """A value for a person to look at; an address within any text is masked."""
    text = " ".join(value.split(" ")).replace("\n", " ").replace("\r", " ")
    if not masked:
        return _ADDRESS.sub(lambda found: _mask(found.group()), text)
    if kind == "email" or "@" in text:
        return masked_email(text)
    if kind == "phone" or (kind == "integer" and len(text) >= 9):
        return masked_phone(text)
    return " ".join(masked_token(word) for word in text.split()[:3]) or masked_token(text)


def _mask(address: str) -> str:
    return masked_email(address) if "@" in address else masked_phone(address)


def shown_short(text: str, width: int) -> str:
    """A text cut to a width, with marks for what can't be seen."""
    visible = "".join(char if char.isprintable() else "·" for char in text.replace("\u00a0", "⍽").replace("\t", "→"))
    return visible if len(visible) <= width else f"{visible[: width - 1]}…"
