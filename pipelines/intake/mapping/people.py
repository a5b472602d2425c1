"""How a mapping's raw rows name people: which rows are somebody's, and which of their columns are personal.

A row is somebody's by the ids that the mapping makes of it, as it stands or with what the order's first line says; or
if it names nobody itself and stands in an order of theirs.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from pipelines.column_types import header_name
from pipelines.contracts import Contract, sources
from pipelines.dialect import Dialect
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import literal
from pipelines.intake.erased import named_by
from pipelines.intake.mapping.compiler import PERSONS, Compiler
from pipelines.intake.mapping.config import Feed, SourcePart
from pipelines.intake.mapping.config_file import MappingFile
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.mapped import TextFile, feed_rows
from pipelines.intake.typed_sql import typed_value


@dataclass(frozen=True)
class People:
    """How rows of a feed name people, by one part of a mapping. Headers are as header_name has them.

    Attributes:
        feed: Its name.
        headers: The feed's columns that are read, as the mapping writes them; the first is c1.
        macros: Statements that make what the SQL calls.
        filters: By feed and filter (orders.staff), its headers and SQL of whether it leaves a row of `filled` out.
        filled: SELECT of feed_rows in which an order's first line is put on each of its lines; None without fill_down.
        ids: By customer_id and card_id, SQL of its value in a row of feed_rows, as staging keeps it.
        other_ids: By column that holds another customer's id (who brought them, say), SQL of its value; its headers.
        values: By column, SQL of what else is personal, and of the e-mails of which ids are made.
        groups: SQL of what the rows of one order have in common.
        filled_by: That of them by which an order is rejected if two of its lines say different things.
        one_by: That of them by which it is rejected if it would be two customers'.
        personal: The headers of ids and personal columns.
        needed: The headers of all else but filters, if rows may belong to nobody, as receipts do.
        keys: Those of them which must have a value.
        codes: Those of which ids of receipts, products and so on are made.
        is_list: A row means whom it names by address.
        has_ids_of_email: The SQL calls id_of_email.
    """

    feed: str
    headers: tuple[str, ...]
    macros: tuple[str, ...]
    filters: tuple[tuple[str, frozenset[str], str], ...]
    filled: str | None
    ids: tuple[tuple[str, str], ...]
    other_ids: tuple[tuple[str, str, frozenset[str]], ...]
    values: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    filled_by: str | None
    one_by: str | None
    personal: frozenset[str]
    needed: frozenset[str]
    keys: frozenset[str]
    codes: frozenset[str]
    is_list: bool
    has_ids_of_email: bool


class _PeopleCompiler(Compiler):
    def people(self) -> People:
        columns = self._part.columns
        personal = self._people.union(name for name in self._contract.personal_columns if name in columns)
        named = {name: self._value(name, columns[name])[0].value for name in columns if name in personal}
        by = {name: self._headers_of(name) for name in columns}
        others = self._people - set(PERSONS)
        emails = tuple(rule.id_of_email for rule in columns.values() if rule.id_of_email is not None)
        order = frozenset(map(header_name, self._part.group_by))
        fill = self._feed.fill_down
        grouped = _together(map(self._group, self._part.group_by)) if self._part.group_by else None
        filled = _together([self._at(fill.by)]) if fill else None
        order |= {header_name(fill.by)} if fill else set()
        ids = {name: sql for name, sql in named.items() if name in PERSONS}
        filters = [
            (f"{self._part.feed}.{name}", frozenset(map(header_name, expression.headers)), self._filter(name).value)
            for name, expression in self._filters.items()
        ]
        must = {c.name for c in self._contract.columns if c.required or c.identifier or c.name in self._contract.key}
        return People(
            feed=self._part.feed,
            headers=self._headers,
            macros=self._macros(),
            filters=tuple(filters),
            filled=self._filled(of_one_file=True) if fill else None,
            ids=tuple((name, self._id(name, sql)) for name, sql in ids.items()),
            other_ids=tuple((name, self._id(name, named[name]), by[name]) for name in sorted(others)),
            values=(
                *((name, sql) for name, sql in named.items() if name not in self._people),
                *(("email", self._at(header)) for header in emails),
            ),
            groups=tuple(group for group in (grouped, filled) if group),
            filled_by=filled if fill and any(by[name] & set(map(header_name, fill.columns)) for name in ids) else None,
            one_by=grouped if any(columns[name].aggregate is None for name in ids) else None,
            personal=frozenset(chain.from_iterable(by[name] for name in personal - others)),
            needed=frozenset() if self._must_be_somebodys else order.union(*self._of(by, personal)),
            keys=frozenset() if self._must_be_somebodys else order.union(*self._of(by, personal, must)),
            codes=frozenset(chain.from_iterable(by[n] for n in columns if n.endswith("_id") and n not in personal)),
            is_list=bool(named_by(self._contract)),
            has_ids_of_email=bool(emails),
        )

    def _id(self, name: str, sql: str) -> str:
        as_read = Dialect(null_values=self._dialect.null_values)
        return typed_value(self._types[name], f"({sql})", as_read, careful=True)

    def _of(
        self, by: dict[str, frozenset[str]], without: set[str], only: set[str] | None = None
    ) -> list[frozenset[str]]:
        return [found for name, found in by.items() if name not in without and (only is None or name in only)]

    def _headers_of(self, name: str) -> frozenset[str]:
        rule = self._part.columns[name]
        given = [h for h in (rule.column, rule.id_of_email, rule.number_within) if h is not None]
        return frozenset(map(header_name, [*given, *(self._expressions[name].headers if rule.expression else ())]))


def _together(columns: Iterable[str]) -> str:
    """SQL of columns as one value; NULL if one is."""
    listed = list(columns)
    return f"CASE WHEN {' AND '.join(f'{c} IS NOT NULL' for c in listed)} THEN to_json([{', '.join(listed)}]) END"


def compile_people(contract: Contract, part: SourcePart, feed: Feed) -> People:
    """How a source's part names people. The mapping was read without a fault."""
    return _PeopleCompiler(contract, part, feed).people()


def people_of(mapping: MappingFile, feeds: Sequence[str]) -> tuple[People, ...]:
    """How the rows of some feeds name people, by all that is made of them."""
    return tuple(
        compile_people(sources()[name], part, mapping.model.feeds[part.feed])
        for name, parts in mapping.model.sources.items()
        for part in parts
        if part.feed in feeds
    )


def register_feed(people: People, text: TextFile, dialect: FeedDialect, engine: DuckDBEngine) -> None:
    """Make feed_rows stand for a file's rows, and what the SQL of `people` calls; id_of_email must be there."""
    names = [header_name(name) for name in text.file.columns]
    positions = [names.index(name) if name in names else None for name in map(header_name, people.headers)]
    for macro in people.macros:
        engine.connection.execute(macro)
    engine.connection.execute("SET disabled_optimizers = 'common_subexpressions'")  # as where the mapping is run
    engine.register("feed_rows", feed_rows(1, text, positions, dialect))


def rows_of_people(
    people: Sequence[People],
    text: TextFile,
    dialect: FeedDialect,
    engine: DuckDBEngine,
    names: Callable[[str, str], str],
    *,
    in_orders: bool = True,
) -> set[int]:
    """The numbers of a file's rows that are somebody's.

    Args:
        people: How they name people, by every part that reads the file.
        text: The file.
        dialect: The feed's.
        engine: It has id_of_email and normal_code.
        names: SQL of whether a column's value, given as SQL, is one of theirs.
        in_orders: also the rows of their orders that name nobody.
    """
    own: set[int] = set()
    perhaps: set[int] = set()
    for part in people:
        if not part.ids:
            continue
        register_feed(part, text, dialect, engine)
        is_named = " OR ".join(f"COALESCE({names(name, sql)}, FALSE)" for name, sql in part.ids)
        groups = [f"{group} AS group_{n}" for n, group in enumerate(part.groups)]
        engine.materialise("own_row", f"SELECT {', '.join(['row_number', *groups])} FROM feed_rows WHERE {is_named}")
        own |= (found := _numbers(engine, "FROM own_row"))
        if found and in_orders:
            in_order = (f"{group} IN (SELECT group_{n} FROM own_row)" for n, group in enumerate(part.groups))
            perhaps |= _numbers(engine, f"FROM feed_rows WHERE {' OR '.join(in_order) or 'FALSE'}")
        if part.filled and in_orders:
            perhaps |= _numbers(engine, f"FROM ({part.filled}) WHERE {is_named}")
    perhaps -= own
    return own | (perhaps - rows_that_name_somebody(people, perhaps, text, dialect, engine))


def rows_that_name_somebody(
    people: Sequence[People], among: set[int], text: TextFile, dialect: FeedDialect, engine: DuckDBEngine
) -> set[int]:
    """Those of some rows that have an id or a card themselves."""
    found: set[int] = set()
    for part in people if among else ():
        if part.ids:
            register_feed(part, text, dialect, engine)
            is_there = " OR ".join(f"{sql} IS NOT NULL" for name, sql in part.ids)
            found |= _numbers(engine, f"FROM feed_rows WHERE {in_rows(among)} AND ({is_there})")
    return found


def rows_of_nobody(
    people: Sequence[People],
    own: Collection[int],
    blanked: Collection[int],
    text: TextFile,
    dialect: FeedDialect,
    engine: DuckDBEngine,
    key: str,
) -> set[int]:
    """Some rows that name nobody and stand in nobody's order, among which somebody's are not told apart.

    They are ten times as many as these, if there are so many; `key` decides on which. None was `blanked` before.
    """
    found: set[int] | None = None
    others = in_rows({0, *own, *blanked})
    for part in people if own else ():
        if not part.ids:
            continue
        register_feed(part, text, dialect, engine)
        is_there = " OR ".join(f"{sql} IS NOT NULL" for _, sql in part.ids)
        named = f"SELECT * FROM feed_rows WHERE {is_there}"
        in_order = [f"COALESCE({group} IN (SELECT {group} FROM ({named})), FALSE)" for group in part.groups]
        if part.filled:
            in_order.append(f"row_number IN (SELECT row_number FROM ({part.filled}) WHERE {is_there})")
        is_somebodys = " OR ".join([f"COALESCE({is_there}, FALSE)", *in_order])
        among = f"{in_rows(found)} AND " if found is not None else ""
        select = f"FROM feed_rows WHERE {among}NOT is_header AND NOT ({is_somebodys}) AND NOT {others}"
        order = f"ORDER BY hash(row_number::VARCHAR || {literal(key)}) LIMIT {10 * len(own) + 100}"
        found = _numbers(engine, f"{select} {order}")
    return found or set()


def rows_beside_others(
    part: People,
    group: str,
    own: set[int],
    text: TextFile,
    dialect: FeedDialect,
    engine: DuckDBEngine,
    *,
    after_filters: bool,
) -> set[int]:
    """Those of somebody's rows that stand in an order which names another customer, too.

    Args:
        part: how rows name people.
        group: SQL of what the rows of an order have in common.
        own: the numbers of somebody's rows.
        text: the file.
        dialect: the feed's.
        engine: it has id_of_email and normal_code.
        after_filters: the other's row must be one that no filter leaves out.
    """
    register_feed(part, text, dialect, engine)
    is_there = " OR ".join(f"{sql} IS NOT NULL" for _, sql in part.ids)
    rows, left_out = "feed_rows", "FALSE"
    if after_filters:
        rows = f"({part.filled})" if part.filled else rows
        left_out = " OR ".join(f"COALESCE({sql}, FALSE)" for _, _, sql in part.filters) or left_out
    of_others = f"SELECT {group} FROM {rows} WHERE NOT {in_rows(own)} AND ({is_there}) AND NOT ({left_out})"
    return _numbers(engine, f"FROM feed_rows WHERE {in_rows(own)} AND {group} IN ({of_others})")


def in_rows(numbers: set[int]) -> str:
    """SQL of whether a row is one of these."""
    return f"row_number IN ({', '.join(map(str, sorted(numbers))) or 'NULL'})"


def _numbers(engine: DuckDBEngine, source: str) -> set[int]:
    return {number for (number,) in engine.rows(f"SELECT row_number {source}")}
