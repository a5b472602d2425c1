"""Who was erased from a home: salted hashes of their ids, so that no later extract brings them back."""

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipelines.contracts import Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal, one_file
from pipelines.intake.extract import RejectedRecord
from pipelines.intake.staging_contracts import listed_addresses
from pipelines.store.files import write_atomically
from pipelines.store.lake import Lake

NO_VALUES = "[]"  # stands for the values of a rejected row that may not be kept


@dataclass(frozen=True)
class Erased:
    """Hashes of the ids and card numbers of all who were erased, and the home's salt."""

    salt: str
    customers: frozenset[str] = frozenset()
    cards: frozenset[str] = frozenset()

    def hash(self, value: str) -> str:
        return sha256(f"{self.salt}:{value}".encode()).hexdigest()

    def names_someone(self, row_values: str) -> bool:
        """Whether a rejected row has a cell that is the id or the card of someone erased."""
        hashes = {self.hash(str(value)) for value in json.loads(row_values)}
        return not hashes.isdisjoint(self.customers | self.cards)

    def names_sql(self, column: str, value: str) -> str:
        """SQL of whether a column's value, given as SQL, is the id or the card of someone erased."""
        hashes = self.cards if column == "card_id" else self.customers
        return f"sha256({literal(f'{self.salt}:')} || {value}) IN {in_list(hashes)}"


@dataclass(frozen=True)
class Rewritten:
    """An extract's file as an erasure left it: its figures, and the hash that it had before.

    `removed` are the rows that were taken out of it, `amount` is the sum of the contract's controlAmount in them (a
    decimal as text; None if one could not be read).
    """

    old_sha256: str
    size: int
    sha256: str
    records: int
    removed: int = 0
    amount: str | None = "0"


@dataclass(frozen=True)
class Blanked:
    """The rows of a feed's file in which erasures blanked somebody, among others that named nobody before.

    `left_out` are those of them that a filter left out which looks at what was blanked, by feed and filter, as
    orders.staff: it goes on to leave these out, and no others of them.
    """

    rows: frozenset[int] = frozenset()
    left_out: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def __or__(self, other: "Blanked") -> "Blanked":
        none = frozenset[int]()
        names = sorted({*self.left_out, *other.left_out})
        left_out = {name: self.left_out.get(name, none) | other.left_out.get(name, none) for name in names}
        return Blanked(self.rows | other.rows, left_out)


NOTHING = Blanked()


def blanked_rows(lake: Lake) -> dict[str, Blanked]:
    """The rows of feeds' files that erasures blanked, by the SHA-256 that the file has now.

    They are kept apart from the records of erasures: beside the hashes of who was erased, they would say again whose
    orders these are. So nothing says by which erasure a row was blanked, and rows that never named anybody are among
    them.
    """
    if not lake.blanked_rows.exists():
        return {}
    return {
        digest: Blanked(frozenset(rows), {name: frozenset(some) for name, some in left_out.items()})
        for digest, (rows, left_out) in json.loads(lake.blanked_rows.read_bytes()).items()
    }


def keep_blanked(lake: Lake, blanked: Mapping[str, Blanked]) -> None:
    """Put what is known of blanked rows in the place of what was."""
    content = {
        digest: [sorted(found.rows), {name: sorted(some) for name, some in found.left_out.items()}]
        for digest, found in sorted(blanked.items())
    }
    write_atomically(lake.blanked_rows, json.dumps(content).encode())


def taken_out(lake: Lake, files: Mapping[str, str]) -> dict[str, Any]:
    """The rows and the amount (None: not known) that erasures took out of files of landing folders, as they now are.

    Args:
        lake: It keeps what erasures did, also of one that broke off.
        files: SHA-256 by the file's path in the folder of all landing folders.
    """
    erasures = [json.loads(path.read_bytes()) for path in lake.erasures.glob("*.json") if path != _file(lake)]
    erasures.sort(key=lambda erasure: erasure.get("finished_at", "open"))  # the last that made a file is the one
    made = {(name, new["sha256"]): Rewritten(**new) for erasure in erasures for name, new in erasure["landing"].items()}
    found = []
    for name, digest in files.items():
        while new := made.pop((name, digest), None):
            found.append(new)
            digest = new.old_sha256
    amounts = [new.amount for new in found]
    total = None if None in amounts else sum((Decimal(amount) for amount in amounts if amount), Decimal(0))
    return {"rows": sum(new.removed for new in found), "amount": None if total is None else f"{total}"}


def _file(lake: Lake) -> Path:
    return lake.erasures / "erased.json"


def read_erased(lake: Lake) -> Erased:
    """Who was erased from the home so far."""
    if not _file(lake).exists():
        return Erased(secrets.token_hex(16))
    stored = json.loads(_file(lake).read_bytes())
    return Erased(stored["salt"], frozenset(stored["customers"]), frozenset(stored["cards"]))


def add_erased(lake: Lake, customers: Iterable[str], cards: Iterable[str]) -> None:
    """Remember that these customers and cards are to stay out."""
    known = read_erased(lake)
    content = {
        "salt": known.salt,
        "customers": sorted({*known.customers, *map(known.hash, customers)}),
        "cards": sorted({*known.cards, *map(known.hash, cards)}),
    }
    write_atomically(_file(lake), json.dumps(content).encode())


def person_columns(contract: Contract) -> dict[str, bool]:
    """The columns that hold a customer's id or card, and whether they are required."""
    return {
        column.name: column.required
        for column in contract.columns
        if column.name.endswith("customer_id") or column.name == "card_id"
    }


def redaction_sql(columns: dict[str, bool], names: Callable[[str], str]) -> tuple[str, dict[str, str]]:
    """SQL of whether a row is removed, and by column of whether only its value is.

    A row that must belong to a customer is removed. A row that may belong to nobody, such as a receipt, stays without
    the customer's id and card.

    Args:
        columns: From person_columns.
        names: SQL of whether a column names the person.
    """
    goes = " OR ".join(names(column) for column, required in columns.items() if required) or "FALSE"
    blank = {column: names(column) for column, required in columns.items() if not required}
    if {"card_id", "customer_id"} <= blank.keys():
        blank["card_id"] = f"{blank['card_id']} OR {blank['customer_id']}"
    return f"COALESCE({goes}, FALSE)", {column: f"COALESCE({sql}, FALSE)" for column, sql in blank.items()}


def named_by(contract: Contract) -> tuple[str, ...]:
    """The columns of a list of addresses that say whom a row means: by id or by address. None of other sources."""
    addresses = listed_addresses(contract)
    return (*person_columns(contract), *addresses) if addresses else ()


def nobody_left_sql(columns: Collection[str], value_goes: Mapping[str, str]) -> str:
    """SQL of whether a row of a list loses its last id or address, and so means nobody.

    Args:
        columns: From named_by, as SQL.
        value_goes: By column, as SQL, whether its value is removed.
    """
    lost = " OR ".join(value_goes[column] for column in columns if column in value_goes)
    left = " OR ".join(
        f"(TRIM(CAST({column} AS VARCHAR)) <> '' AND NOT ({value_goes.get(column, 'FALSE')}))" for column in columns
    )
    return f"(({lost}) AND NOT COALESCE({left}, FALSE))" if lost else "FALSE"


def in_list(values: Iterable[str]) -> str:
    """SQL of a list for IN."""
    return f"({', '.join(literal(value) for value in sorted(values)) or 'NULL'})"


def without_values_of_erased(bad: Iterable[RejectedRecord], erased: Erased) -> list[RejectedRecord]:
    """Rejected rows, those that name somebody erased without their values."""
    return [replace(row, values=NO_VALUES, receipt_id=None) if erased.names_someone(row.values) else row for row in bad]


def leave_out_erased(
    loaded: int, bad: list[RejectedRecord], contract: Contract, engine: DuckDBEngine, target: Path, lake: Lake
) -> tuple[Path, int, list[RejectedRecord]]:
    """Take erased customers out of a file's good rows in `target`, and their values out of its rejected rows.

    Args:
        loaded: How many good rows there are.
        bad: The rejected rows.
        contract: The source's contract.
        engine: To read and write Parquet.
        target: The file of the good rows.
        lake: It knows who was erased.

    Returns:
        The file of the remaining good rows (a new one if any was removed, as DuckDB remembers what it read at a path),
        how many they are, and the rejected rows, with those of the erased by the rule `erased`.
    """
    erased = read_erased(lake)
    if not erased.customers:
        return target, loaded, bad
    bad = without_values_of_erased(bad, erased)
    columns = person_columns(contract)
    if not columns:
        return target, loaded, bad

    goes, blank = redaction_sql(columns, lambda column: erased.names_sql(column, identifier(column)))
    goes = f"({goes} OR {nobody_left_sql(named_by(contract), blank)})"
    rows = f"read_parquet({literal(one_file(target))}, file_row_number = true)"
    gone = [n for (n,) in engine.rows(f"SELECT file_row_number FROM {rows} WHERE {goes} ORDER BY ALL")]
    if not gone and not engine.rows(f"SELECT 1 FROM {rows} WHERE {' OR '.join(blank.values()) or 'FALSE'} LIMIT 1"):
        return target, loaded, bad
    values = ", ".join(f"CASE WHEN {sql} THEN NULL ELSE {column} END AS {column}" for column, sql in blank.items())
    kept = target.with_suffix(".kept.parquet")
    engine.write_file(
        f"SELECT * EXCLUDE (file_row_number){f' REPLACE ({values})' if values else ''} FROM {rows} WHERE NOT {goes}",
        kept,
    )
    target.unlink()
    rejected = [RejectedRecord(_row_number(n, bad), "erased", NO_VALUES) for n in gone]
    return kept, loaded - len(gone), sorted([*bad, *rejected], key=lambda row: row.row_number)


def _row_number(position: int, bad: Iterable[RejectedRecord]) -> int:
    """The row number in its file of the good row at a position (from 0), counting the rejected rows before it."""
    number = position + 1
    for row in sorted(bad, key=lambda row: row.row_number):
        if row.row_number <= number:
            number += 1
    return number
