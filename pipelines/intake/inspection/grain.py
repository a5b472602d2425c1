"""What one row of a table is: keys, duplicates, and in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from pipelines.intake.inspection.looks import said
from pipelines.intake.inspection.meaning import SourceMatch
from pipelines.intake.inspection.profile import ColumnFacts
from pipelines.intake.inspection.table import Table

_MOST_KEYS = 4  # columns, and pairs, that are counted exactly
_PAIR_ROWS = 20_000  # rows of the beginning in which a pair has to be unique before it is counted
_SURE = 0.6  # the least score of a match by name
_KEY_KINDS = ("text", "integer", "email")
ROWS = {
    "receipts": "an order (a receipt)",
    "receipt_lines": "a line of a receipt",
    "crm_customers": "a customer",
    "products": "a product",
    "promo_codes": "a promo code",
    "promo_redemptions": "a redemption of a promo code",
    "loyalty_cards": "a loyalty card",
    "stores": "a store",
    "programme_costs": "a month's cost of the programme",
    "campaigns": "a campaign",
    "campaign_members": "a customer in a campaign",
    "contacts": "a message to a customer",
    "points_ledger": "a posting of points",
    "surveys": "an answer to a survey",
    "suppressions": "somebody who must not be written to",
    "support_tickets": "a ticket of customer service",
    "web_events": "an event on the site",
}


@dataclass(frozen=True)
class Key:
    """Columns that are unique together; `repeats` rows are too many for it (0: it is a key), the first at `row`."""

    columns: tuple[ColumnFacts, ...]
    repeats: int
    row: int | None = None

    @property
    def names(self) -> str:
        return " + ".join(column.name for column in self.columns)


@dataclass(frozen=True)
class Duplicates:
    """Rows that are there before, in every field, and the first of them."""

    rows: int
    first: int | None
    of: int | None


def unique_columns(
    table: Table, columns: Sequence[ColumnFacts], connection: duckdb.DuckDBPyConnection
) -> tuple[list[Key], list[Key]]:
    """The columns that are unique and never empty, and those that nearly are."""
    if not table.rows:
        return [], []
    likely = [c for c in columns if c.kind in _KEY_KINDS and c.filled == table.rows and c.distinct >= 0.85 * table.rows]
    found = [_count(table, (column,), connection) for column in likely[:_MOST_KEYS]]
    keys = [key for key in found if key.repeats == 0]
    return keys, [key for key in found if key.repeats]


def unique_pairs(
    table: Table, columns: Sequence[ColumnFacts], likely: Sequence[SourceMatch], connection: duckdb.DuckDBPyConnection
) -> list[Key]:
    """Pairs of columns that are unique together, where no column is alone: a source's key first."""
    if table.rows < 2:
        return []
    tried = 0
    found: list[Key] = []
    for pair in _pairs(table, columns, likely):
        if not _may_be_unique(table, pair, connection):
            continue
        key = _count(table, pair, connection)
        tried += 1
        if key.repeats == 0:
            found.append(key)
        if tried == _MOST_KEYS or found:
            break
    return found


def _pairs(
    table: Table, columns: Sequence[ColumnFacts], likely: Sequence[SourceMatch]
) -> Iterator[tuple[ColumnFacts, ...]]:
    full = [c for c in columns if c.filled == table.rows and c.distinct > 1]
    seen: set[tuple[int, ...]] = set()
    for source in likely:
        matched = [source.matches[name].theirs for name in source.contract.key if name in source.matches]
        if len(matched) > 1 and all(column in full for column in matched):
            seen.add(tuple(sorted(column.position for column in matched)))
            yield tuple(matched)
    likely_ids = [c for c in full if c.kind in _KEY_KINDS]
    likely_ids.sort(key=lambda c: -c.distinct)
    for first in likely_ids[:3]:
        for second in likely_ids[:12]:
            pair = tuple(sorted((first.position, second.position)))
            if first is not second and pair not in seen and first.distinct * second.distinct >= table.rows:
                seen.add(pair)
                yield first, second


def _may_be_unique(table: Table, pair: Sequence[ColumnFacts], connection: duckdb.DuckDBPyConnection) -> bool:
    fields = ", ".join(f"f{column.position}" for column in pair)
    row = connection.execute(
        f"SELECT COUNT(*), COUNT(DISTINCT ({fields})) FROM {table.scan} WHERE file_row_number < {_PAIR_ROWS}"
    ).fetchone()
    if row is None or row[0] != row[1]:
        return False
    if table.rows <= _PAIR_ROWS:
        return True
    estimate = connection.execute(f"SELECT APPROX_COUNT_DISTINCT(HASH({fields})) FROM {table.scan}").fetchone()
    return estimate is not None and int(estimate[0]) >= 0.9 * table.rows


def _count(table: Table, columns: tuple[ColumnFacts, ...], connection: duckdb.DuckDBPyConnection) -> Key:
    """How often the values of columns repeat; of their hashes, which take a tenth of the memory."""
    fields = ", ".join(f"f{column.position}" for column in columns)
    repeats, first, _ = _repeats(table, fields, connection)
    return Key(columns, repeats, first)


def duplicates(table: Table, connection: duckdb.DuckDBPyConnection) -> Duplicates:
    """Rows that are there before, in every field."""
    fields = ", ".join(f"f{n}" for n in range(len(table.names)))
    return Duplicates(*_repeats(table, fields, connection))


def _repeats(table: Table, fields: str, connection: duckdb.DuckDBPyConnection) -> tuple[int, int | None, int | None]:
    """Rows whose fields are those of an earlier row: how many, the number of one, and of the row that it repeats."""
    row = connection.execute(
        "SELECT SUM(n - 1), MIN(first) FROM (SELECT HASH("
        f"{fields}) AS h, COUNT(*) AS n, MIN(file_row_number) AS first FROM {table.scan} GROUP BY h HAVING n > 1)"
    ).fetchone()
    if row is None or not row[0]:
        return 0, None, None
    first = int(row[1])
    again = connection.execute(
        f"SELECT MIN(file_row_number) FROM {table.scan} WHERE file_row_number > {first} AND HASH({fields}) = "
        f"(SELECT HASH({fields}) FROM {table.scan} WHERE file_row_number = {first})"
    ).fetchone()
    return int(row[0]), table.row_number(int(again[0])) if again else None, table.row_number(first)


def in_words(main: SourceMatch | None, key_of_main: bool) -> tuple[str, str | None]:
    """What a row is, and what is doubtful about it."""
    if main is None:
        return "not clear", "what a row is can't be told: no header or value is one that is known"
    words = ROWS.get(main.name, f"a row of {main.name}")
    if main.name == "receipts" and not key_of_main and "receipt_id" in main.matches:
        name = main.matches["receipt_id"].theirs.name
        return (
            f"a part of {words}",
            f"{said(name)} repeats, and no column of lines is known: what makes the rows of one order?",
        )
    sure = sum(match.score >= _SURE for match in main.matches.values())
    if sure < 2 and len(main.contract.columns) > 2:
        return f"perhaps {words}", f"that a row is {words} is a guess: {sure} of its columns has a known name"
    if len(main.missing) > 1:
        return (
            f"perhaps {words}",
            f"that a row is {words} is a guess: {len(main.missing)} of its required columns are missing",
        )
    return words, None
