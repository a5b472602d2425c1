"""How a draft of the mapping reads a column: as it stands, or by an expression where that would not be read."""

import json
import re
from collections.abc import Mapping

from pipelines.contracts import Column
from pipelines.engines.sql import literal
from pipelines.intake.inspection.dates import ColumnDates, Dates
from pipelines.intake.inspection.looks import DAY_FIRST, MONTH_FIRST, MONTHS, without_currency
from pipelines.intake.inspection.profile import ColumnFacts

_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:\s*[AaPp]\.?[Mm]\.?)?")
# Day, month and two digits of the year, each with two digits: the century can be put in between.
_SHORT_YEARS = re.compile(r"\d\d[-./]\d\d[-./]\d\d(?:\D.*)?")


def yaml_text(value: object) -> str:
    """A value as YAML, on one line, whatever is in it; what can't be seen is written as its number."""
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in quoted)


def origin_of(ours: Column, theirs: ColumnFacts, dates: Dates, time_of_day: ColumnFacts | None) -> str:
    """What a mapping says of where a column comes from: column, id_of_email, or an expression."""
    if ours.identifier and theirs.kind == "email":
        return f"id_of_email: {yaml_text(theirs.name)}"
    read = None
    if ours.type.startswith("DECIMAL") and _signs(theirs):
        read = number_of(theirs)
    elif ours.type == "TIMESTAMP WITH TIME ZONE":
        read = _time_of(theirs, dates, time_of_day)
    return f"expression: {yaml_text(read)}" if read else f"column: {yaml_text(theirs.name)}"


def number_of(column: ColumnFacts) -> str:
    """An expression that reads a column's numbers, without the signs of currencies beside them."""
    text = header(column)
    for sign in _signs(column):
        text = f"replace({text}, {literal(sign)}, '')"
    return f"number({text})"


def time_of_day(columns: tuple[ColumnFacts, ...], used: set[int]) -> ColumnFacts | None:
    """A column that has the time alone, where the date stands in another one."""
    return next(
        (
            column
            for column in columns
            if column.position not in used
            and column.sample
            and all(_TIME_OF_DAY.fullmatch(value.strip()) for value in column.sample)
        ),
        None,
    )


def header(column: ColumnFacts) -> str:
    """A column's header as an expression has it."""
    doubled = column.name.replace('"', '""')
    return f'"{doubled}"'


def _signs(column: ColumnFacts) -> list[str]:
    """The signs of currencies beside a column's numbers, the longest first."""
    found = {without_currency(shape.text)[1] for shape in column.shapes}
    return sorted((sign for sign in found if sign), key=lambda sign: (-len(sign), sign))


def _time_of(column: ColumnFacts, dates: Dates, time_of_day: ColumnFacts | None) -> str | None:
    """An expression for a moment in two columns, with two digits of the year, or with its month in words."""
    of_column: ColumnDates | None = next((d for d in dates.columns if d.column.position == column.position), None)
    text = header(column)
    is_short = of_column is not None and of_column.short_years and of_column.order != "year_first"
    if is_short and all(_SHORT_YEARS.fullmatch(value.strip()) for value in column.sample):
        text = f"left({text}, 6) || '20' || substr({text}, 7)"
    if column.kind == "month name":
        text = _in_digits(column) or text
    if column.kind == "date" and time_of_day is not None:
        text = f"{text} || ' ' || {header(time_of_day)}"
    return f"time({text})" if text != header(column) else None


def _in_digits(column: ColumnFacts) -> str | None:
    """An expression for dates whose months are English words, as ISO 8601; None if some are none."""
    for pattern, (year, month, day) in ((MONTH_FIRST, (3, 1, 2)), (DAY_FIRST, (3, 2, 1))):
        if all(re.search(pattern, value) for value in column.sample):
            parts = {n: f"regexp_extract({header(column)}, {literal(pattern)}, {n})" for n in range(1, 5)}
            names = " ".join(f"WHEN '{name}' THEN '{n:02}'" for n, name in enumerate(MONTHS, 1))
            number = f"CASE lower({parts[month]}) {names} END"
            return f"{parts[year]} || '-' || {number} || '-' || {parts[day]} || {parts[4]}"
    return None


# What other systems write for the values of columns that have few: small letters.
_MEANINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "operation": {
        "sale": ("sale", "sales", "payment", "purchase", "paid", "complete", "completed", "processing", "shipped",
                 "продажа", "приход", "продаж", "оплачен", "оплачено", "verkauf", "vente", "venta", "zrealizowane",
                 "wysłane", "confirmado", "pago"),
        "return": ("return", "refund", "credit", "credit note", "gutschrift", "возврат", "возврат прихода",
                   "возврат от покупателя", "повернення",
                   "retoure", "rückgabe", "retour", "devolución"),
        "void": ("void", "voided", "cancelled", "canceled", "cancellation", "аннулирован", "отменен", "отменён",
                 "отмена", "скасовано", "storniert", "storno", "annulé", "cancelado",
                 "anulowane", "anulowany"),
    },
    "gender": {
        "f": ("female", "woman", "w", "ж", "жен", "женский", "жінка", "жіноча", "weiblich", "frau"),
        "m": ("male", "man", "м", "муж", "мужской", "ч", "чоловік", "чоловіча", "männlich", "mann"),
    },
    "sales_channel": {
        "online": ("web", "website", "internet", "e-commerce", "онлайн", "сайт", "интернет", "інтернет"),
        "offline": ("pos", "store", "shop", "retail", "in store", "офлайн", "магазин", "розница", "filiale"),
    },
    "customer_type": {"person": ("individual", "b2c", "физлицо"), "business": ("company", "b2b", "юрлицо")},
}  # fmt: skip
_BOOLEANS: Mapping[str, tuple[str, ...]] = {
    "true": ("yes", "да", "так", "ja", "oui", "si", "sí", "истина", "1"),
    "false": ("no", "нет", "ні", "nein", "non", "ложь", "0"),
}


def values_of(ours: Column, theirs: ColumnFacts) -> tuple[dict[str, str], list[str]]:
    """What a column's texts stand for, as far as that is known, and the texts that are not.

    Nothing if they stand for themselves, or none is known.
    """
    meanings = _BOOLEANS if ours.type == "BOOLEAN" else _MEANINGS.get(ours.name, {})
    own = ("true", "false", "yes", "no", "1", "0") if ours.type == "BOOLEAN" else ours.values
    texts = [text.strip() for text, _ in theirs.values]
    if not meanings or all(text.lower() in own for text in texts):
        return {}, []
    known = {word: meaning for meaning, words in meanings.items() for word in (meaning, *words)}
    found = {text: known[text.lower()] for text in texts if text.lower() in known}
    return found, [text for text in texts if text not in found] if found else []
