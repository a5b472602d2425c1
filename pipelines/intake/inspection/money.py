"""The currency of a table's amounts: signs beside numbers, codes in headers, a column of codes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.intake.inspection.looks import CODES, said, without_currency
from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.intake.inspection.synonyms import plain_header, synonyms

_SIGNS = {
    "€": "EUR", "£": "GBP", "₽": "RUB", "₴": "UAH", "₸": "KZT", "₺": "TRY", "₹": "INR", "₪": "ILS", "₩": "KRW",
    "₫": "VND", "US$": "USD", "R$": "BRL", "zł": "PLN", "Kč": "CZK", "kč": "CZK", "Ft": "HUF", "lei": "RON",
    "лв": "BGN", "лв.": "BGN", "руб": "RUB", "руб.": "RUB", "р.": "RUB", "грн": "UAH", "грн.": "UAH", "тг": "KZT",
    "тг.": "KZT", "тенге": "KZT", "RUR": "RUB",
}  # fmt: skip
_SEVERAL = {"$": "USD, CAD, AUD or another dollar", "¥": "JPY or CNY", "kr": "SEK, NOK or DKK", "kr.": "DKK or NOK",
            "₨": "a rupee", "сом": "KGS or UZS"}  # fmt: skip
_IN_HEADERS = re.compile(r"(?<![^\W_])([A-Z]{3}|руб|грн|тг|тенге|zł|Kč|[$€£¥₽₴₸₺₹₪])(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True)
class Currency:
    """A table's currency, or the sign of several, and where it is read from; doubts."""

    code: str | None
    reason: str
    doubts: tuple[str, ...] = ()


def currency_of(columns: Sequence[ColumnFacts]) -> Currency:
    """The currency of a table's amounts, as far as it says so."""
    found: dict[str, str] = {}
    for column in columns:
        codes = [value.strip().upper() for value, _ in column.values]
        named = plain_header(column.name) in synonyms().currency
        if codes and all(code in CODES for code in codes) and (named or len(codes) < 4) and column.kind == "text":
            for code in codes:
                found.setdefault(_SIGNS.get(code, code), f"column {said(column.name)}")
    amounts = [column for column in columns if column.kind in ("number", "integer")]
    for column in amounts:
        signs = Counter[str]()
        for shape in column.shapes:
            _, sign = without_currency(shape.text)
            if sign and (sign in _SIGNS or sign in _SEVERAL or sign in CODES):
                signs[sign] += shape.count
        for sign, count in signs.most_common(3):
            found.setdefault(
                _SIGNS.get(sign, sign), f"{said(sign)} stands with {count:,} values of {said(column.name)}"
            )
        for match in _IN_HEADERS.finditer(column.name):
            text = match[1]
            code = _SIGNS.get(text, _SIGNS.get(text.lower(), text.upper()))
            if code in CODES or text in _SEVERAL:
                found.setdefault(code if code in CODES else text, f"the header {said(column.name)}")
    # A dollar sign says no more where a code is known.
    known = {code: why for code, why in found.items() if code in CODES}
    if not known and found:
        sign, why = next(iter(found.items()))
        return Currency(None, f"{sign}: {why}", (f"{said(sign)} is the sign of {_SEVERAL[sign]}: say which",))
    if not known:
        return Currency(None, "nothing in the file says it")
    code, why = next(iter(known.items()))
    doubts: tuple[str, ...] = ()
    if len(known) > 1:
        doubts = (f"there are several currencies: {', '.join(known)}; all amounts must be in one",)
    return Currency(code, why, doubts)
