"""A draft of the mapping file from inspections: what is sure as values, what is in doubt as comments."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.errors import BadDataError
from pipelines.intake.inspection.draft_values import number_of, origin_of, time_of_day, values_of, yaml_text
from pipelines.intake.inspection.inspect import Inspection
from pipelines.intake.inspection.meaning import Match, SourceMatch
from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.intake.inspection.synonyms import plain_header

# How a file's name in Cyrillic is written as the name of a feed.
_CYRILLIC = dict(zip("абвгдезийклмнопрстуфхыэіґё", "abvgdeziyklmnoprstufhyeige", strict=True)) | {
    "ж": "zh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ю": "yu",
    "я": "ya",
    "ї": "yi",
    "є": "ye",
    "ь": "",
    "ъ": "",
}


# Words of headers that speak of one piece, not of a line.
_PRICES = frozenset({"price", "unitprice", "цена", "ціна", "preis", "prix", "precio", "prezzo", "cena", "item cost",
                     "preço", "valor do produto", "rate", "stk br", "単価", "商品単価"})  # fmt: skip
# Words of headers of money that the draft reads nowhere, and what is said of it.
_LEFT_OUT = {
    "was paid back: make it a return, by a part of its own": (
        "refund", "refunded", "возврат", "повернення", "erstattet", "erstattung", "remboursé", "reembolso", "zwrot",
        "返金",
    ),
    "was paid for shipping: part of the total, and a line of its own?": (
        "shipping", "freight", "delivery", "postage", "доставка", "доставки", "versand", "versandkosten", "livraison",
        "envío", "frete", "dostawa", "dostawy", "spedizione", "送料",
    ),
}  # fmt: skip
_TYPES = frozenset({"type", "typ", "тип", "tipo", "明細区分"})
_FEW_KINDS = 8
_YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")  # which are no text in YAML


def mapping_draft(inspections: Sequence[Inspection]) -> str:
    """The text of a mapping file for the files, with each doubt as a comment."""
    inspections = _different(inspections)
    names = _feed_names(inspections)
    patterns = Counter(file_pattern(inspection.path.name) for inspection in inspections)
    lines = [
        "# A draft by `loyalty inspect`: read each line that says ambiguous or missing, and settle it.",
        "feeds:",
    ]
    for name, inspection in zip(names, inspections, strict=True):
        lines.extend(_feed(name, inspection))
        if patterns[file_pattern(inspection.path.name)] > 1:
            lines.append("    # ambiguous: another feed has the same pattern of file names, but not the same form")
    lines.append("sources:")
    sources: dict[str, list[str]] = {}
    for name, inspection in zip(names, inspections, strict=True):
        for number, source in enumerate(inspection.filled):
            sources.setdefault(source.name, []).extend(_source(name, source, inspection, first=number == 0))
    for source_name, entries in sources.items():
        lines.extend([f"  {source_name}:", *entries])
    if not sources:
        lines[-1] = "sources: {}  # ambiguous: no column of these files is one that is known"
    return "\n".join(lines) + "\n"


def _different(inspections: Sequence[Inspection]) -> list[Inspection]:
    """The files that are not of the same name pattern, dialect and columns as one before: those are one feed."""
    forms: dict[object, Inspection] = {}
    for inspection in inspections:
        key = (file_pattern(inspection.path.name), tuple(dialect_of(inspection)), inspection.table.names)
        forms.setdefault(key, inspection)
    return list(forms.values())


def write_draft(inspections: Sequence[Inspection], path: Path) -> None:
    """Write a draft of the mapping file; readable by its owner alone.

    Raises:
        BadDataError: there is a file of that name, or it can't be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(mapping_draft(inspections))
    except FileExistsError as error:
        raise BadDataError(
            f"{path} exists already; nothing was written. Give another name, or move it away."
        ) from error
    except OSError as error:
        raise BadDataError(f"{path}: it can't be written ({error.strerror or error})") from error


def _feed_names(inspections: Sequence[Inspection]) -> list[str]:
    names: list[str] = []
    for inspection in inspections:
        stem = inspection.path.name.split(".", 1)[0].lower()
        latin = "".join(_CYRILLIC.get(char, char) for char in unicodedata.normalize("NFC", stem))
        plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
        plain = re.sub(r"[^a-z]+", "_", plain).strip("_") or "feed"
        plain += "_feed" * (plain in _YAML_WORDS)
        name, number = plain, 2
        while name in names:
            name, number = f"{plain}_{number}", number + 1
        names.append(name)
    return names


def file_pattern(name: str) -> str:
    """A pattern of file names for a file of each night: its dates and numbers become *."""
    stem, dot, suffix = name.partition(".")
    bare = re.sub(r"[*?\[\]]", "?", stem)
    pattern = re.sub(r"\d+(?:[-_.T]\d+)*", "*", bare)
    return (pattern if pattern.endswith("*") else f"{pattern}*") + dot + suffix


def _comment(words: str) -> str:
    """A comment can't end early, nor hold what an editor takes for another line."""
    return "".join(char if char.isprintable() else " " for char in words)


def _feed(name: str, inspection: Inspection) -> Iterator[str]:
    yield f"  {name}:"
    yield f"    files: [{yaml_text(file_pattern(inspection.path.name))}]"
    dialect = ", ".join(f"{key}: {value}" for key, value in dialect_of(inspection))
    yield f"    dialect: {{{dialect}}}"
    for doubt in inspection.doubts:
        yield f"    # ambiguous: {_comment(doubt)}"
    if inspection.dates.without and not inspection.dates.offsets:
        yield "    # ambiguous: times carry no offset; give time_zone if it is not the business time zone's"
    if inspection.currency.code:
        yield f"    # currency: {inspection.currency.code} ({_comment(inspection.currency.reason)})"
    used = _used(inspection)
    if unused := [column.name for column in inspection.columns if column.position not in used]:
        yield f"    # not used: {_comment(', '.join(yaml_text(name) for name in unused))}"
    for column in inspection.columns:
        if column.position not in used and (meant := _money_left_out(column)):
            yield f"    # ambiguous: {_comment(yaml_text(column.name))} is read nowhere. It looks like what {meant}"
        if column.position not in used and _is_kind_of_row(column, inspection):
            texts = ", ".join(yaml_text(text) for text, _ in column.values)
            doubt = f"rows of an order differ in {yaml_text(column.name)} ({texts}): do all count?"
            yield f"    # ambiguous: {_comment(doubt)}"
    order, first = _order(inspection), sorted(inspection.orders.first_line & _used_of_orders(inspection))
    if order is not None and (names := [inspection.columns[n].name for n in first if n != order.position]):
        yield f"    fill_down: {{by: {yaml_text(order.name)}, columns: [{', '.join(map(yaml_text, names))}]}}"
    if inspection.duplicates.rows:
        yield f"    # {inspection.duplicates.rows} rows repeat an earlier one whole"


def _is_kind_of_row(column: ColumnFacts, inspection: Inspection) -> bool:
    """Whether a column says what each row of an order is: a sale, a line of it, its payment."""
    words = plain_header(column.name).split()
    is_type = bool(words) and words[-1] in _TYPES and not {"product", "item"} & set(words)
    few = column.kind in ("text", "integer") and 1 < len(column.values) <= _FEW_KINDS
    return few and is_type and bool(inspection.orders.same) and column.position not in inspection.orders.same


def _money_left_out(column: ColumnFacts) -> str | None:
    """What a column of money says by its header that changes what an order brought."""
    words = set(plain_header(column.name).split())
    if column.kind not in ("number", "integer"):
        return None
    return next((meant for meant, names in _LEFT_OUT.items() if words & set(names)), None)


def dialect_of(inspection: Inspection) -> Iterator[tuple[str, str]]:
    table = inspection.table
    if table.encoding is not None:
        yield "encoding", table.encoding.name
    if table.layout is not None:
        yield "delimiter", yaml_text(table.layout.delimiter)
    if inspection.marks.decimal:
        yield "decimal_mark", yaml_text(inspection.marks.decimal)
    if inspection.marks.grouping:
        yield "grouping_mark", yaml_text(inspection.marks.grouping)
    if inspection.dates.order:
        yield "date_order", inspection.dates.order
    if table.sheet is not None:
        yield "sheet", yaml_text(table.sheet)
    if table.form.kind in ("text", "workbook"):
        yield "header_row", str(table.header_row)


def _used(inspection: Inspection) -> set[int]:
    """The positions of the columns that the draft reads."""
    guessed = (_moment(inspection), _price(inspection), _time_of_day(inspection))
    return _matched(inspection) | {column.position for column in guessed if column is not None}


def _matched(inspection: Inspection) -> set[int]:
    return {match.theirs.position for source in inspection.filled for match in source.matches.values()}


def _time_of_day(inspection: Inspection) -> ColumnFacts | None:
    """The column that has the time of the receipts' date."""
    receipts = next((source for source in inspection.filled if source.name == "receipts"), None)
    found = time_of_day(inspection.columns, _matched(inspection))
    match = receipts.matches.get("issued_at") if receipts else None
    date = match.theirs if match else _moment(inspection)
    return found if date is not None and date.kind == "date" else None


def _used_of_orders(inspection: Inspection) -> set[int]:
    """The positions of the columns that the draft reads for what is no line."""
    moment = _moment(inspection)
    matched = {match.theirs.position for source in inspection.filled[1:] for match in source.matches.values()}
    return matched | ({moment.position} if moment else set())


def _order(inspection: Inspection) -> ColumnFacts | None:
    """Of lines: the column that says of which order they are."""
    main = inspection.filled[0] if inspection.filled else None
    if main is None or main.name != "receipt_lines" or "receipt_id" not in main.matches:
        return None
    return main.matches["receipt_id"].theirs


def _moment(inspection: Inspection) -> ColumnFacts | None:
    """The first column of dates that is no other, where receipts lack theirs."""
    receipts = next((source for source in inspection.filled if source.name == "receipts"), None)
    if receipts is None or "issued_at" in receipts.matches:
        return None
    taken = _matched(inspection)
    dated = [c for c in inspection.columns if c.kind in ("time", "date") and c.position not in taken]
    return next((column for kind in ("time", "date") for column in dated if column.kind == kind), None)


def _price(inspection: Inspection) -> ColumnFacts | None:
    """The column of prices of one piece, where lines have no amount of their own but a quantity."""
    lines = next((source for source in inspection.filled if source.name == "receipt_lines"), None)
    if lines is None or "quantity" not in lines.matches:
        return None
    amount = lines.matches.get("amount")
    if amount is not None and _is_price(amount.theirs):
        return amount.theirs
    if amount is not None and amount.theirs.position not in inspection.orders.same:
        return None
    return next((column for column in inspection.columns if _is_price(column)), None)


def _is_price(column: ColumnFacts) -> bool:
    plain = plain_header(column.name)
    return column.kind in ("number", "integer") and bool(_PRICES & {plain, *plain.split()})


def _source(feed: str, source: SourceMatch, inspection: Inspection, *, first: bool) -> Iterator[str]:
    yield f"  - feed: {feed}"
    group = None
    if not first:
        yield f"    # ambiguous: a row of {feed} is {inspection.row_is}; does it fill {source.name}, too?"
        group = _group(source, inspection)
    if group is not None:
        by = yaml_text(group.name)
        yield f"    group_by: [{by}]  # ambiguous: rows that have it in common are one of {source.name}"
    yield "    columns:"
    for column in source.contract.columns:
        match = source.matches.get(column.name)
        if match is not None and _is_orders(match, source, inspection):
            continue
        if match is not None or column.required:
            yield f"      {_column(column.name, source, inspection, is_grouped=group is not None)}"


def _is_orders(match: Match, source: SourceMatch, inspection: Inspection) -> bool:
    """Whether a line's amount is its order's, which receipts take: it would count as often as there are lines."""
    receipts = next((other for other in inspection.filled if other.name == "receipts"), None)
    taken = receipts is not None and any(other.theirs is match.theirs for other in receipts.matches.values())
    is_amount = match.ours.type.startswith("DECIMAL") and not match.ours.required
    return source.name == "receipt_lines" and taken and is_amount and match.theirs.position in inspection.orders.same


def _group(source: SourceMatch, inspection: Inspection) -> ColumnFacts | None:
    """The column by which rows of a file are one of a source that they are not of."""
    order = _order(inspection)
    if source.name == "receipts":
        return order
    key = source.contract.key[0]
    return source.matches[key].theirs if source.name == "crm_customers" and key in source.matches else None


def _column(name: str, source: SourceMatch, inspection: Inspection, *, is_grouped: bool) -> str:
    """A source's column: where it comes from, and what is doubtful about that."""
    match, price, clock = source.matches.get(name), _price(inspection), _time_of_day(inspection)
    is_priced = match is not None and match.theirs is price
    if price is not None and (name == "amount" or (name == "total_amount" and is_priced and is_grouped)):
        summed = ", aggregate: sum" if is_grouped else ""
        doubt = "is it a piece's price, and after discounts?"
        return f"{name}: {{expression: {_product(price, inspection)}{summed}}}  # ambiguous: {doubt}"
    is_of_piece = name == "total_amount" and is_grouped and match is not None and _is_price(match.theirs)
    if match is None or is_of_piece:  # lines have an amount of their own: it is what a total is the sum of
        return _unmatched(name, source, inspection, is_grouped=is_grouped)
    origin = origin_of(match.ours, match.theirs, inspection.dates, clock if name == "issued_at" else None)
    aggregate = f", aggregate: {found}" if is_grouped and (found := _aggregate(match, source, inspection)) else ""
    known, unknown = values_of(match.ours, match.theirs)
    if not known:
        return f"{name}: {{{origin}{aggregate}}}{_doubt(match, is_read=origin.startswith('expression'))}"
    values = ", ".join(f"{yaml_text(text)}: {yaml_text(meaning)}" for text, meaning in known.items())
    rest = f"; not listed, so rejected: {_comment(', '.join(map(yaml_text, unknown)))}" if unknown else ""
    return f"{name}: {{{origin}, values: {{{values}}}{aggregate}}}  # ambiguous: is each meant so?{rest}"


def _unmatched(name: str, source: SourceMatch, inspection: Inspection, *, is_grouped: bool) -> str:
    """A required column for which no header or value speaks: what it may be made of."""
    moment = _moment(inspection) if name == "issued_at" else None
    if moment is not None:
        ours = next(column for column in source.contract.columns if column.name == name)
        origin = origin_of(ours, moment, inspection.dates, _time_of_day(inspection))
        return f"issued_at: {{{origin}}}  # ambiguous: by its values alone"
    if name == "line_number" and "receipt_id" in source.matches:
        receipt = source.matches["receipt_id"].theirs
        return f"line_number: {{number_within: {yaml_text(receipt.name)}}}  # in the order of the file's rows"
    lines = next((other for other in inspection.filled if other.name == "receipt_lines"), None)
    amount = lines.matches.get("amount") if lines else None
    if name == "total_amount" and is_grouped and amount is not None:
        origin = origin_of(amount.ours, amount.theirs, inspection.dates, None)
        return f"total_amount: {{{origin}, aggregate: sum}}  # ambiguous: does it have tax and shipping?"
    return f"# missing: {name} (required): no column of the file fits"


def _aggregate(match: Match, source: SourceMatch, inspection: Inspection) -> str | None:
    """What becomes of a column's values when rows are grouped; None where they have to be the same."""
    if source.name == "crm_customers":
        if match.ours.name == source.contract.key[0]:
            return None
        return "min" if match.ours.name == "registered_at" else "first"
    is_amount = match.ours.type.startswith("DECIMAL")
    return "sum" if is_amount and match.theirs.position not in inspection.orders.same else None


def _product(price: ColumnFacts, inspection: Inspection) -> str:
    lines = next(source for source in inspection.filled if source.name == "receipt_lines")
    return yaml_text(f"{number_of(price)} * {number_of(lines.matches['quantity'].theirs)}")


def _doubt(match: Match, *, is_read: bool) -> str:
    said = []
    if match.others:
        said.append(f"{', '.join(yaml_text(name) for name in match.others)} could be it, too")
    if match.by == "content":
        said.append("by its values alone")
    elif match.score < 0.6:
        said.append("the header says little")
    is_met = is_read and match.theirs.kind == "month name"
    if match.note and not is_met and not (match.ours.identifier and match.theirs.kind == "email"):
        said.append(match.note)
    return f"  # ambiguous: {_comment('; '.join(said))}" if said else ""
