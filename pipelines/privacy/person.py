"""A person as the home knows them: all ids, cards, addresses and names, and how to recognise a value as theirs."""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import duckdb

from pipelines.campaigns.channels import ADDRESSES
from pipelines.campaigns.targets import FORMS
from pipelines.contracts import sources
from pipelines.engines.sql import literal, one_file
from pipelines.intake.addresses import address_kind, normal_email, normal_phone, register_file_functions
from pipelines.intake.erased import in_list
from pipelines.intake.mapping.salt import id_of_email
from pipelines.privacy.spellings import (
    PYTHON_WORD,
    RE2_WORD,
    Words,
    bare_numbers,
    family_and_given,
    is_searchable,
    name_hint,
    name_regex,
    parts_of_name,
    phone_hint,
    phone_likes,
    phone_regex,
    text_hint,
    text_like,
    text_regex,
    whole_words,
    words_of,
)
from pipelines.settings import NameOrder, Settings
from pipelines.store.lake import Lake
from pipelines.store.manifest import TableState

NAMES = ("first_name", "middle_name", "last_name", "name")
_MARK, _MARK_DIGITS = "ERASED-", 12  # in capitals, as intake writes a code
_SHORTEST_TEXT = 5  # a shorter name or token is found in much that is not about the person


def exact_id(value: str) -> str:
    """An id as staging keeps it: without blanks around it, and 17850 for 17850.0."""
    return re.sub(r"^(\d+)\.0+$", r"\1", value.strip())


def is_distinctive(identifier: str) -> bool:
    """Whether an id can be nothing else. It is then searched for everywhere, not only in columns of ids."""
    return len(identifier) >= (10 if identifier.isdigit() else 6)


def is_other_id(column: str) -> bool:
    """Whether a column holds ids of receipts, products and so on, whose digits may be a phone's by chance."""
    return column.strip().lower().endswith("_id")


@dataclass(frozen=True)
class Person:
    """All accounts of one person.

    `texts`, in lower case, are theirs wherever they stand: e-mail addresses, tokens, phones as they were received,
    hashes for tools, ids that can be nothing else. `phones` (E.164, or digits of an invalid one) and `names` (words)
    are theirs however they are written. What another customer of the home has too is not among them. `unsought` says
    in words what else of them is not looked for in texts. `encodings` are those of files, beside the contracts'. `key`
    makes the marks that take the place of ids which are theirs. It is forgotten when the erasure is finished: then
    nobody can work out what stood in a mark's place.
    """

    ids: frozenset[str]
    cards: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    names: frozenset[Words] = frozenset()
    unsought: frozenset[str] = frozenset()
    encodings: frozenset[str] = frozenset()
    key: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: sorted(values) for name, values in asdict(self).items() if name != "key"} | {"key": self.key}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Person":
        own: dict[str, Any] = {"names": frozenset(map(tuple, content.get("names", []))), "key": content.get("key", "")}
        own |= {name: frozenset(values) for name, values in content.items() if name not in own}
        return cls(**own)

    def mark(self, value: str) -> str:
        """What takes the place of an id that is theirs: for the same id the same, whatever its capitals."""
        digest = sha256(f"{self.key}:{value.strip().upper()}".encode()).hexdigest().upper()
        return f"{_MARK}{digest[:_MARK_DIGITS]}"

    def mark_sql(self, value: str) -> str:
        """SQL of the mark; `value` is SQL of the id."""
        digest = f"UPPER(SHA256({literal(f'{self.key}:')} || UPPER(TRIM(CAST({value} AS VARCHAR)))))"
        return f"{literal(_MARK)} || LEFT({digest}, {_MARK_DIGITS})"

    def known_as(self, column: str) -> frozenset[str]:
        """The values that a column which holds ids or cards has for the person."""
        return self.cards if column == "card_id" else self.ids

    def is_named(self, column: str, value: str) -> bool:
        return exact_id(value) in self.known_as(column)

    def is_named_sql(self, column: str, value: str) -> str:
        """SQL of whether a column of ids or cards names the person; `value` is SQL of its value."""
        text = f"REGEXP_REPLACE(TRIM(CAST({value} AS VARCHAR)), '^(\\d+)\\.0+$', '\\1')"
        return f"{text} IN {in_list(self.known_as(column))}"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds them in a text; the text that is theirs is one of the groups."""
        return re.compile(self._regex(PYTHON_WORD, with_phones=True) or r"\b\B", re.IGNORECASE)

    @cached_property
    def pattern_in_ids(self) -> re.Pattern[str]:
        """Finds them in an id of something else, where digits like their phone's are chance."""
        return re.compile(self._regex(PYTHON_WORD, with_phones=False) or r"\b\B", re.IGNORECASE)

    def text_pattern(self, column: str) -> re.Pattern[str]:
        """What finds them in a value of this column."""
        return self.pattern_in_ids if is_other_id(column) else self.pattern

    @cached_property
    def all_encodings(self) -> tuple[str, ...]:
        """The encodings in which their texts may stand in files."""
        own = (contract.dialect.encoding for contract in sources().values())
        return tuple(sorted({"utf-8", *own, *self.encodings}))

    @cached_property
    def hint(self) -> re.Pattern[bytes]:
        """Finds the places in bytes at which `pattern` may find something, and others."""
        encodings = self.all_encodings
        found = [hint for text in sorted(self.texts) for hint in text_hint(text, encodings)]
        found += [hint for phone in sorted(self.phones) for hint in phone_hint(phone)]
        found += [hint for words in sorted(self.names) for hint in name_hint(words, encodings)]
        return re.compile(b"|".join(dict.fromkeys(found)) or rb"\b\B")

    def places_in(self, raw: bytes) -> Iterator[re.Match[bytes]]:
        """Where to look closer in bytes, whatever their case (`re` is slower by far where it ignores case itself)."""
        return self.hint.finditer(raw.lower())

    def may_be_in(self, raw: bytes) -> bool:
        return self.hint.search(raw.lower()) is not None

    def has_text(self, value: str, *, is_id: bool = False) -> str:
        """SQL of whether a text holds something of the person; `value` is SQL of the text.

        DuckDB needs some 10 ms to compile the pattern and up to 30 µs a text: ask may_have_text first.
        """
        regex = self._sql_regexes[is_id]
        found = f"REGEXP_MATCHES({value}, {literal(f'(?i){regex}')})" if regex else "FALSE"
        return f"CASE WHEN {self._may_have_text(value)} THEN {found} ELSE FALSE END"

    def _may_have_text(self, value: str) -> str:
        """SQL, quick, of whether a closer look at a text is worth while."""
        found = (" AND ".join(f"{before}{value}{after}" for before, after in signs) for signs in self._signs)
        return f"({' OR '.join(f'({sign})' for sign in found) or 'FALSE'})"

    @cached_property
    def _signs(self) -> list[list[tuple[str, str]]]:
        """What a text of theirs has, any of these lists as a whole: SQL before and after the text."""

        def like(word: str) -> tuple[str, str]:
            return "lower(", f") LIKE {literal(text_like(word))}"

        signs = [[like(text)] for text in sorted(self.texts)]
        signs += [[("", f" LIKE {literal(form)}")] for phone in sorted(self.phones) for form in phone_likes(phone)]
        return signs + [[like(word) for word in words] for words in sorted(self.names)]

    @cached_property
    def _sql_regexes(self) -> dict[bool, str]:
        """SQL's pattern, by whether the text is an id of something else."""
        return {is_id: self._regex(RE2_WORD, with_phones=not is_id) for is_id in (False, True)}

    def columns_to_read(self, rows: str, texts: Mapping[str, str], connection: duckdb.DuckDBPyConnection) -> set[str]:
        """Of some columns, those in which one text at least is worth a closer look.

        Args:
            rows: SQL to write after FROM.
            texts: by column, SQL of its value as text.
            connection: to ask.
        """
        if not texts:
            return set()
        asked = ", ".join(f"COALESCE(BOOL_OR({self._may_have_text(value)}), FALSE)" for value in texts.values())
        (answers,) = connection.execute(f"SELECT {asked} FROM {rows}").fetchall()
        return {column for column, answer in zip(texts, answers, strict=True) if answer}

    def numbers(self) -> str:
        """Their phones as whole numbers, for SQL's IN."""
        found = {digits for phone in self.phones for digits in bare_numbers(phone)}
        return ", ".join(sorted(found))

    def _regex(self, word: str, *, with_phones: bool) -> str:
        texts = [text_regex(text) for text in sorted(self.texts)]
        names = [name_regex(words, word) for words in sorted(self.names)]
        phones = [phone_regex(phone, word) for phone in sorted(self.phones) if with_phones]
        return "|".join(filter(None, (whole_words([*texts, *names], word), *phones)))


def is_of_person(row_values: str, person: Person, salt: str | None) -> bool:
    """Whether a rejected row has a cell that is an id, a card, an e-mail that makes an id, or a text of theirs."""
    ids = person.ids | person.cards
    for value in map(str, json.loads(row_values)):
        made = id_of_email(salt, value) if salt else None
        if exact_id(value) in ids or made in ids or person.pattern.search(value):
            return True
    return False


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
    ids: frozenset[str],
    lake: Lake,
    delivered: Iterable[Mapping[str, Any]],
    settings: Settings,
    of_others: Callable[[set[str]], set[str]] = lambda _: set(),
) -> tuple[Person, int]:
    """The person with these ids, and how many of their values are left out because another customer has them too.

    Args:
        ids: from accounts.
        lake: where earlier nights keep addresses.
        delivered: the person's rows in landing folders, which need not all be loaded.
        settings: the region of phone numbers, the order of names.
        of_others: which of some spellings of addresses are another customer's in landing folders.
    """
    rows = [*delivered, *_rows_in_lake(ids, lake)]
    values = {address for row in rows for address in _addresses_in(row)}
    spellings = {value: _spellings(*value, settings) for value in values}
    forms = set[str]().union(*spellings.values())
    shared = _of_others(ids, forms, lake) | of_others(forms)
    cards = cards_of(ids, lake)
    texts = {text.lower() for text in (*ids, *cards) if is_distinctive(text)}
    phones: set[str] = set()
    unsought: set[str] = set()
    left_out = 0
    for (name, value), forms in spellings.items():
        if forms & shared:
            left_out += 1
            continue
        texts |= _hashes(forms)
        number = normal_phone(value, settings.phone_region) or value if name == "phone" else ""
        if name == "phone" and is_searchable(number):
            phones.add(number)
            texts |= {number} if number.startswith("+") else set()
        else:
            texts |= {text for text in forms if len(text) >= _SHORTEST_TEXT}
            unsought |= (
                {f"a {name} of under {_SHORTEST_TEXT} characters"} if min(map(len, forms)) < _SHORTEST_TEXT else set()
            )
    full, parts = _names_in(rows, settings.name_order)
    others = _names_of_others(ids, parts, lake)
    taken = {part for part in parts if any(set(part) <= other for other in others)}
    left_out += len(full & taken)
    if taken - full:
        unsought.add("a name without the middle name, where another customer has it too")
    names = frozenset(parts - taken)
    key = secrets.token_hex(16)
    return Person(ids, cards, frozenset(texts), frozenset(phones), names, frozenset(unsought), key=key), left_out


def _addresses_in(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The addresses in a row, each with what it is."""
    for name in (*ADDRESSES, "email_or_phone"):
        if (value := row.get(name)) not in (None, ""):
            kind = address_kind(str(value)) if name == "email_or_phone" else name
            yield kind, str(value)


def _names_in(rows: Iterable[Mapping[str, Any]], order: NameOrder) -> tuple[set[Words], set[Words]]:
    """The full names in rows of the CRM, and the sets of words that stand for the person: full names and parts."""
    full: set[Words] = set()
    parts: set[Words] = set()
    for row in rows:
        first, middle, last, whole = (words_of(str(row.get(column) or "")) for column in NAMES)
        family, given = family_and_given(str(row.get("name") or ""), order)
        found = [(family, given), (family, given + _rest(middle, given))]
        if first or last:  # name may hold the other part alone
            found.append((last or _rest(whole, first + middle), (first or _rest(whole, last + middle)) + middle))
        for names in found:
            full.add(names[0] + names[1])
            parts |= parts_of_name(*names)
    return full, parts


def _rest(words: Words, known: Words) -> Words:
    return tuple(word for word in words if word not in known)


def _columns_in(files: list[str], wanted: Iterable[str]) -> list[str]:
    present = set(duckdb.sql(f"FROM {rows_of(files)}").columns)
    return [name for name in wanted if name in present]


def _rows_in_lake(ids: frozenset[str], lake: Lake) -> list[dict[str, Any]]:
    """The person's addresses and names in any night, of the CRM and of lists that name them by id."""
    found: list[dict[str, Any]] = []
    for table in ("crm_customers_personal", "suppressions_personal"):
        if files := lake_files(lake, table):
            columns = _columns_in(files, (*ADDRESSES, "email_or_phone", *NAMES))
            query = f"SELECT DISTINCT {', '.join(columns)} FROM {rows_of(files)} WHERE customer_id IN {in_list(ids)}"
            found += [dict(zip(columns, row, strict=True)) for row in duckdb.sql(query).fetchall()]
    return found


def _latest_personal(lake: Lake) -> list[str]:
    """The files of names and addresses as of the latest night."""
    if not lake_files(lake, "crm_customers_personal"):
        return []
    files = lake.manifest(lake.nights()[-1]).tables["crm_customers_personal"].data_files
    return [str(lake.path(file.path)) for file in files]


def _of_others(ids: frozenset[str], forms: set[str], lake: Lake) -> set[str]:
    """Which of these spellings of addresses are another customer's too, as of the latest night."""
    if not (files := _latest_personal(lake)):
        return set()
    is_anothers = f"NOT customer_id IN {in_list(ids)}"
    found: set[str] = set()
    for name in (*ADDRESSES, "email_normal", "phone_normal"):
        value = f"LOWER(TRIM({name}))"
        query = f"SELECT DISTINCT {value} FROM {rows_of(files)} WHERE {is_anothers} AND {value} IN {in_list(forms)}"
        found |= {text for (text,) in duckdb.sql(query).fetchall()}
    return found


def _names_of_others(ids: frozenset[str], parts: set[Words], lake: Lake) -> list[set[str]]:
    """The words of other customers' names that hold all words of one of these parts, as of the latest night."""
    files = _latest_personal(lake)
    if not files or not parts:
        return []
    name = f"LOWER(NFC_NORMALIZE(CONCAT_WS(' ', {', '.join(_columns_in(files, NAMES))})))"
    holds = " OR ".join(
        f"({' AND '.join(f'name LIKE {literal(text_like(word))}' for word in part)})" for part in sorted(parts)
    )
    query = (
        f"SELECT DISTINCT name FROM (SELECT {name} AS name FROM {rows_of(files)} "
        f"WHERE NOT customer_id IN {in_list(ids)}) WHERE {holds}"
    )
    return [set(words_of(text)) for (text,) in duckdb.sql(query).fetchall()]


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
    with duckdb.connect() as connection:
        register_file_functions(connection)
        rows = connection.execute(query, {"values": sorted(spellings)}).fetchall()
    return {value for row in rows for value in row if value}
