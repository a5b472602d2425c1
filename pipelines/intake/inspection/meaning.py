"""Which of our source columns each column of a file could be: by its header, and by what it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.contracts import Column, Contract, sources
from pipelines.intake.inspection.looks import PERSON, is_number
from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.intake.inspection.synonyms import file_score, header_score, is_personal_header, plain_header

_LEAST = 0.4  # a match below this is none
_STRONG = 0.6  # a source without such a match is none
_CLOSE = 0.12  # two columns whose scores differ by less could both be meant
_TIMES = ("date", "time", "compact date", "unix time", "month name")
_PEOPLE = ("customer_id", "household_id", "merged_into_customer_id")
_ORDERS = ("receipts", "receipt_lines", "promo_redemptions")


@dataclass(frozen=True)
class Match:
    """A file's column that could be ours. `others` could be it as well; `note` says what about its values is odd."""

    ours: Column
    theirs: ColumnFacts
    score: float
    by: str
    others: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class SourceMatch:
    """What a file has of a source: the columns found by our names, the required ones missing, and how well it fits.

    `unfit` are missing columns with one of the file's that is called so, and whose values are no dates or numbers.
    """

    contract: Contract
    matches: Mapping[str, Match]
    missing: tuple[str, ...]
    score: float
    unfit: tuple[tuple[str, ColumnFacts], ...] = ()

    @property
    def name(self) -> str:
        return self.contract.name


def match_sources(columns: Sequence[ColumnFacts], stem: str) -> list[SourceMatch]:
    """All sources with what a file has of them, the best first."""
    found = [_match(contract, columns, stem) for contract in sources().values()]
    return sorted((source for source in found if source.matches), key=lambda source: -source.score)


def _match(contract: Contract, columns: Sequence[ColumnFacts], stem: str) -> SourceMatch:
    scored: list[tuple[float, int, Column, ColumnFacts, str, str | None]] = []
    for order, ours in enumerate(contract.columns):
        for theirs in columns:
            by_header = header_score(theirs.name, contract.name, ours.name)
            fit, note = content_fit(ours, theirs)
            by_content = _content_score(ours, theirs)
            score, by = max((by_header * fit, "header"), (by_content, "content"))
            if score >= _LEAST:
                scored.append((score, order, ours, theirs, by, note))
    scored.sort(key=lambda item: (-item[0], _is_of_line(item[2], item[3]), item[3].position, item[1]))
    has_values = any(theirs.kind != "empty" for theirs in columns)
    matches: dict[str, Match] = {}
    taken: set[int] = set()
    for score, _, ours, theirs, by, note in scored:
        if ours.name in matches or theirs.position in taken:
            continue
        taken.add(theirs.position)
        others = tuple(
            other.name
            for near, _, column, other, _, _ in scored
            if column is ours and other is not theirs and near > score - _CLOSE and other.position not in taken
        )
        matches[ours.name] = Match(ours, theirs, score, by, others, note if has_values else None)
    missing = tuple(column.name for column in contract.columns if column.required and column.name not in matches)
    called = ((name, _called(contract, name, columns, taken)) for name in missing)
    unfit = tuple((name, column) for name, column in called if column is not None)
    return SourceMatch(contract, matches, missing, _strength(contract, matches, missing, stem), unfit)


def _called(contract: Contract, name: str, columns: Sequence[ColumnFacts], taken: set[int]) -> ColumnFacts | None:
    """The column that a header names as one of ours, where its values are none."""
    free = (column for column in columns if column.position not in taken and column.kind != "empty")
    return next((column for column in free if header_score(column.name, contract.name, name) >= 0.85), None)


def _is_of_line(ours: Column, theirs: ColumnFacts) -> bool:
    """Whether a column that could be a receipt's id has another value in every row: so has a line's own number."""
    return ours.name == "receipt_id" and theirs.distinct == theirs.filled


def _strength(contract: Contract, matches: Mapping[str, Match], missing: Sequence[str], stem: str) -> float:
    strong = sum(match.score >= _STRONG for match in matches.values())
    total = sum(
        match.score * (1.5 if match.ours.required else 1.0) * (1.0 if match.score >= _STRONG or strong else 0.3)
        for match in matches.values()
    )
    key = contract.key[0]
    return total - len(missing) + 1.5 * file_score(stem, contract.name) - (1.0 if key not in matches else 0.0)


def content_fit(ours: Column, theirs: ColumnFacts) -> tuple[float, str | None]:
    """How well a column's values fit one of ours, from 0 to 1, and what is odd about them."""
    kind = theirs.kind
    if kind == "empty":
        return 0.9, "it is empty" if theirs.name else None
    if ours.type in ("DATE", "TIMESTAMP WITH TIME ZONE"):
        if kind not in _TIMES:
            return (0.3, "its values are no dates")
        return (1.0, None) if kind in ("date", "time") else (0.9, "its dates need an expression")
    if ours.type.startswith(("DECIMAL", "DOUBLE", "BIGINT", "INTEGER")):
        if kind in ("number", "integer"):
            return 1.0, None
        return 0.3, "its values are no numbers"
    if ours.type == "BOOLEAN":
        return _boolean_fit(theirs)
    if ours.values:
        return _values_fit(ours, theirs)
    if ours.identifier:
        if kind in ("email", "phone") and ours.name in _PEOPLE:  # 750-67-8428 may be an invoice's number
            return 1.0, "an address as an id: the mapping has to hash it"
        if kind in _TIMES and kind != "unix time":
            return 0.2, "its values are dates"
        return (0.6, "its values have fractions") if kind == "number" and _has_fractions(theirs) else (1.0, None)
    if ours.name == "email" and kind != "email":
        return 0.5, "its values are no e-mail addresses"
    if ours.name in ("name", "first_name", "last_name", "middle_name") and kind in ("number", "integer", *_TIMES):
        return 0.2, "its values are no names"
    return 1.0, None


def _has_fractions(theirs: ColumnFacts) -> bool:
    return any(is_number(value) and any(mark in value for mark in ".,") and not value.rstrip("0").endswith((".", ","))
               for value in theirs.sample[:200])  # fmt: skip


def _boolean_fit(theirs: ColumnFacts) -> tuple[float, str | None]:
    values = {value.strip().lower() for value, _ in theirs.values}
    if theirs.kind == "boolean" and values <= {"true", "false", "t", "f", "yes", "no", "y", "n"}:
        return 1.0, None
    if values and values <= {"0", "1"}:
        return 1.0, None
    if theirs.kind == "boolean":
        return 0.95, "its values need a map to true and false"
    return 0.5, "its values are neither true nor false"


def _values_fit(ours: Column, theirs: ColumnFacts) -> tuple[float, str | None]:
    values = [value for value, _ in theirs.values]
    if values and all(value.strip().lower() in ours.values for value in values):
        return 1.0, None
    if values:
        shown = ", ".join(repr(value) for value in values[:4]) + ("…" if len(values) > 4 else "")
        return 0.9, f"its values need a map to {', '.join(ours.values)}: {shown}"
    return 0.4, f"its values are none of {', '.join(ours.values)}"


def _content_score(ours: Column, theirs: ColumnFacts) -> float:
    """How far a column's values alone make it one of ours."""
    if ours.name == "email" and theirs.kind == "email":
        return 0.6
    if ours.name == "phone" and theirs.kind == "phone":
        return 0.6
    if ours.name == "customer_id" and theirs.kind == "email":
        return _LEAST  # who bought, where nothing else says it
    values = {value.strip().lower() for value, _ in theirs.values}
    if ours.name == "gender" and 1 < len(values) <= 3 and values <= {"f", "m", "ж", "м", "w", "male", "female", "ч"}:
        return 0.6
    if ours.values and len(values) > 1 and values <= set(ours.values):
        return 0.55
    return 0.0


def main_source(found: Sequence[SourceMatch], unique: frozenset[int]) -> SourceMatch | None:
    """The source that a file's rows are of: by its columns, and among orders and lines by whether an order repeats."""
    found = [source for source in found if any(match.score >= _STRONG for match in source.matches.values())]
    if not found or found[0].score <= 0:
        return None
    by_name = {source.name: source for source in found}
    best = found[0]
    if best.name in ("receipts", "receipt_lines"):
        receipts, lines = by_name.get("receipts"), by_name.get("receipt_lines")
        if not receipts or not lines or "receipt_id" not in receipts.matches or "receipt_id" not in lines.matches:
            return best
        per_line = {"product_id", "line_number", "quantity"} & {
            name for name, match in lines.matches.items() if match.score >= _LEAST
        }
        repeats = receipts.matches["receipt_id"].theirs.position not in unique
        if repeats and per_line:
            return lines
        return best if per_line and not receipts.matches.keys() & {"total_amount"} else receipts
    return best


def others_filled(found: Sequence[SourceMatch], main: SourceMatch | None) -> list[SourceMatch]:
    """Further sources that a file has all required columns of, or of orders beside their lines most."""
    orders = next((source for source in found if source.name == "receipts"), None)
    others = [
        _people_of_orders(source, orders) if source.name == "crm_customers" else source
        for source in found
        if main is not None and source is not main
        and (
            (
                source.name in _ORDERS
                and main.name in _ORDERS
                and len(source.missing) <= 1
                and source.score > 0
                and _has_key(source)
            )
            or (not source.missing and source.score > 2.0 and main.name in _ORDERS and source.name == "crm_customers")
        )
    ]  # fmt: skip
    return [source for source in others if source is not None]


def _people_of_orders(people: SourceMatch, orders: SourceMatch | None) -> SourceMatch | None:
    """A file's customers, by e-mail where the order's own number was all that could be their id; else none."""
    key = people.contract.key[0]
    order = orders.matches.get("receipt_id") if orders else None
    if order is None or people.matches[key].theirs is not order.theirs:
        return people
    email = people.matches.get("email")
    if email is None or email.theirs.kind != "email":
        return None
    by_email = Match(people.matches[key].ours, email.theirs, _LEAST, "content")
    return replace(people, matches={**people.matches, key: by_email})


def _has_key(source: SourceMatch) -> bool:
    """Whether a file has the first column of a source's key, with values."""
    match = source.matches.get(source.contract.key[0])
    return match is not None and match.theirs.kind != "empty"


def is_personal(theirs: ColumnFacts, sources_found: Sequence[SourceMatch]) -> bool:
    """Whether a column's values may be a person's: by the columns that it could be, its header, or what it holds."""
    if theirs.kind in ("email", "phone") or is_personal_header(theirs.name):
        return True
    best = sources_found[0] if sources_found else None
    crm = next((source for source in sources_found if source.name == "crm_customers"), None)
    if (
        crm
        and best
        and any(
            match.ours.personal
            and match.theirs is theirs
            and (crm is best or (match.score >= 0.9 and not any(m.theirs is theirs for m in best.matches.values())))
            for match in crm.matches.values()
        )
    ):
        return True
    if any(
        header_score(theirs.name, "crm_customers", column.name) >= (0.9 if column.name == "name" else 0.6)
        for column in sources()["crm_customers"].columns
        if column.personal and plain_header(theirs.name) != "name"
    ):
        return True
    if theirs.kind != "text" or not theirs.sample:
        return False
    named = [PERSON.fullmatch(value.strip()) and value.istitle() for value in theirs.sample[:200]]
    return sum(bool(name) for name in named) > 0.6 * len(named)
