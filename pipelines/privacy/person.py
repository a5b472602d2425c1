"""A person as the home knows them: all ids, cards, addresses and names, and how to recognise a value as theirs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import duckdb

from pipelines.campaigns.channels import ADDRESSES
from pipelines.campaigns.targets import FORMS
from pipelines.engines.sql import literal, one_file
from pipelines.intake.addresses import normal_email, normal_phone
from pipelines.intake.erased import in_list
from pipelines.settings import Settings
from pipelines.store.lake import Lake
from pipelines.store.manifest import TableState

PERSONAL = (*ADDRESSES, "name")


_SHORTEST_TEXT = 5  # a shorter name or token is found in much that is not about the person


def quoted(name: str) -> str:
    """A column name as a file has it, for SQL."""
    return '"' + name.replace('"', '""') + '"'


def exact_id(value: str) -> str:
    """An id as staging keeps it: without blanks around it, and 17850 for 17850.0."""
    return re.sub(r"^(\d+)\.0+$", r"\1", value.strip())


def is_distinctive(identifier: str) -> bool:
    """Whether an id can be nothing else. It is then searched for everywhere, not only in columns of ids."""
    return len(identifier) >= (10 if identifier.isdigit() else 6)


@dataclass(frozen=True)
class Person:
    """All accounts of one person.

    `texts`, in lower case, are theirs wherever they stand: names, addresses in every spelling and as hashes for tools,
    ids that can be nothing else. What another customer of the home has too is not among them.
    """

    ids: frozenset[str]
    cards: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, list[str]]:
        return {name: sorted(values) for name, values in asdict(self).items()}

    @classmethod
    def from_json(cls, content: Mapping[str, list[str]]) -> "Person":
        return cls(**{name: frozenset(values) for name, values in content.items()})

    def known_as(self, column: str) -> frozenset[str]:
        """The values that a column which holds ids or cards has for the person."""
        return self.cards if column == "card_id" else self.ids

    def is_named(self, column: str, value: str) -> bool:
        return exact_id(value) in self.known_as(column)

    def names(self, column: str, value: str) -> str:
        """SQL of whether a column of ids or cards names the person; `value` is SQL of its value."""
        text = f"REGEXP_REPLACE(TRIM(CAST({value} AS VARCHAR)), '^(\\d+)\\.0+$', '\\1')"
        return f"{text} IN {in_list(self.known_as(column))}"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds the texts, as whole words."""
        return re.compile(rf"(?<!\w)(?:{self._alternatives})(?!\w)", re.IGNORECASE)

    def has_text(self, value: str) -> str:
        """SQL of whether a text holds one of the person's texts; `value` is SQL of the text."""
        found = rf"(?i)(?:^|[^\w])(?:{self._alternatives})(?:$|[^\w])"
        return f"REGEXP_MATCHES({value}, {literal(found)})" if self.texts else "FALSE"

    @property
    def _alternatives(self) -> str:
        return "|".join(re.escape(text) for text in sorted(self.texts)) or r"\b\B"


def lake_files(lake: Lake, table: str) -> list[str]:
    """Every file that a night names for a table."""
    nights = map(lake.manifest, lake.nights())
    states = [manifest.tables[table] for manifest in nights if table in manifest.tables]
    return sorted({str(lake.path(file.path)) for state in states for file in state.data_files})


def rows_of(files: Iterable[str]) -> str:
    """SQL to read files of one table, whatever version of its contract wrote them."""
    return f"read_parquet([{', '.join(literal(one_file(file)) for file in files)}], union_by_name = true)"


def accounts(customer: str, lake: Lake) -> frozenset[str]:
    """All ids of the person that a customer is, by the identity of the latest night."""
    nights = lake.nights()
    latest = lake.manifest(nights[-1]).tables.get("customer_identity", TableState()).data_files if nights else ()
    pairs: list[tuple[str, str]] = []
    if latest:
        rows = rows_of(str(lake.path(file.path)) for file in latest)
        pairs = duckdb.sql(f"SELECT source_customer_id, customer_id FROM {rows}").fetchall()
    person = dict(pairs).get(customer, customer)
    return frozenset({customer, person, *(source for source, joined in pairs if joined == person)})


def cards_of(ids: frozenset[str], lake: Lake) -> frozenset[str]:
    """The cards that nobody but the person ever held."""
    files = lake_files(lake, "loyalty_cards")
    if not files:
        return frozenset()
    query = f"SELECT card_id FROM {rows_of(files)} GROUP BY card_id HAVING BOOL_AND(customer_id IN {in_list(ids)})"
    return frozenset(card for (card,) in duckdb.sql(query).fetchall())


def describe(
    ids: frozenset[str], lake: Lake, delivered: Iterable[Mapping[str, Any]], settings: Settings
) -> tuple[Person, int]:
    """The person with these ids, and how many of their values are left out because another customer has them too.

    Args:
        ids: from accounts.
        lake: where earlier nights keep addresses.
        delivered: the person's rows in landing folders, which need not all be loaded.
        settings: the region of phone numbers.
    """
    values = {(name, str(row[name])) for row in delivered for name in PERSONAL if row.get(name) not in (None, "")}
    values |= _values_in_lake(ids, lake)
    spellings = {value: _spellings(*value, settings) for value in values}
    shared = _of_others(ids, set().union(*spellings.values()), lake)
    cards = cards_of(ids, lake)
    texts = {text.lower() for text in (*ids, *cards) if is_distinctive(text)}
    left_out = 0
    for (name, _), forms in spellings.items():
        if forms & shared:
            left_out += 1
        else:
            texts |= {text for text in forms if len(text) >= _SHORTEST_TEXT}
            if name != "name":
                texts |= _hashes(forms)
    return Person(ids, cards, frozenset(texts)), left_out


def _values_in_lake(ids: frozenset[str], lake: Lake) -> set[tuple[str, str]]:
    """The person's addresses and names in any night, each with its column."""
    files = lake_files(lake, "crm_customers_personal")
    if not files:
        return set()
    is_theirs = f"customer_id IN {in_list(ids)}"
    return {
        (name, value)
        for name in PERSONAL
        for (value,) in duckdb.sql(
            f"SELECT DISTINCT {name} FROM {rows_of(files)} WHERE {is_theirs} AND {name} IS NOT NULL"
        ).fetchall()
    }


def _of_others(ids: frozenset[str], forms: set[str], lake: Lake) -> set[str]:
    """Which of these spellings are another customer's too, as of the latest night."""
    if not lake_files(lake, "crm_customers_personal"):
        return set()
    files = lake.manifest(lake.nights()[-1]).tables["crm_customers_personal"].data_files
    rows = rows_of(str(lake.path(file.path)) for file in files)
    is_anothers = f"NOT customer_id IN {in_list(ids)}"
    found: set[str] = set()
    for name in (*PERSONAL, "email_normal", "phone_normal"):
        value = f"LOWER(TRIM({name}))"
        query = f"SELECT DISTINCT {value} FROM {rows} WHERE {is_anothers} AND {value} IN {in_list(forms)}"
        found |= {text for (text,) in duckdb.sql(query).fetchall()}
    return found


def _spellings(name: str, value: str, settings: Settings) -> set[str]:
    found = {value.strip().lower()}
    if name == "email" and (email := normal_email(value)):
        found.add(email)
    if name == "phone" and (phone := normal_phone(value, settings.phone_region)):
        found |= {phone, phone.lstrip("+")}
    return found - {""}


def _hashes(spellings: set[str]) -> set[str]:
    """The hashes that tools get instead of the values."""
    forms = [sql.format("value") for name, sql in FORMS.items() if name.startswith("sha256")]
    query = f"SELECT {', '.join(forms)} FROM (SELECT UNNEST($values) AS value)"
    rows = duckdb.execute(query, {"values": sorted(spellings)}).fetchall()
    return {value for row in rows for value in row if value}
