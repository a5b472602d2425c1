"""The SELECTs of a source that a mapping makes of a feed: one fixed shape, stage by stage.

`rows` reads the view feed_rows: file_number, row_number, the feed's columns as text (c1 to cn), and what is known of
the row. is_header: it is the header again. is_erased: an erasure blanked somebody in it, or it never named anybody.
was_left_out: by filter that looks at what was blanked, whether it left the row out. has_error: a cell of a workbook
could not be worked out. It gives a row for each: the filter that leaves it out, or the rule that it breaks, and the
source's columns. `made` reads these as the view mapped_rows and gives the source's rows. Headers stand in neither: a
column is its position.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from pipelines.column_types import header_name
from pipelines.contracts import Column, Contract
from pipelines.engines.sql import identifier, literal
from pipelines.intake.erased import named_by, person_columns
from pipelines.intake.mapping.config import ColumnRule, Feed, SourcePart
from pipelines.intake.mapping.expressions import parse
from pipelines.intake.mapping.nodes import Sql, as_boolean
from pipelines.intake.mapping.readers import reader_macro, reader_macros, reader_of, rounder_of, rounding_macro

LATER_FILE = "in_a_later_file"
NO_EMAIL = "without_email"  # who bought without one is no row of a source of people
REPEATED_HEADER = "repeated_header"
# Among the filters that left a row out: its order names another customer, too; its lines said different things.
OF_TWO, DIFFERED = "*", "!"
ERROR_IN_CELL = "error_in_cell"
ERASED = "erased"  # what a blanked row would yield of a source whose rows must be somebody's
# Of the table that a SELECT of a source gives, beside the source's columns.
PROVENANCE = ("file_number", "row_number", "raw_rows")

# A raw row's place among all of a night: files have fewer rows than that.
_PLACE = "file_number * 1000000000000 + row_number"
# Not kept: whatever a source's columns are, rows in another currency than the home's stop the night.
CURRENCY = Column("currency", "VARCHAR", "Currency of the row's amounts.")
# Digits after the point up to which a number can be rounded: its difference from the rounded one then has 38 at most.
_MOST_ROUNDED = 18
# Columns that say whose a row is.
PERSONS = ("customer_id", "card_id")
_NEXT = "\n      "


@dataclass(frozen=True)
class Compiled:
    """A source, or a part of it, as it is made of one feed.

    Attributes:
        headers: The feed's columns that are read, as the mapping writes them; the first is c1.
        macros: Statements that make what the SELECTs call: read_number, read_date ... by the feed's dialect.
        rows: SELECT of a row for each of the feed's.
        rows_of_one_file: The same where there are no others that might have a receipt, too.
        amounts: SELECT of amount and count of those that can't be read by outcome and reason, of the view outcome_row:
            mapped_rows with these two. NULL for a source that has no amount.
        made: SELECT of the source's rows, with file_number and row_number (of its first raw row), broken_rule and,
            of grouped ones, raw_rows (file_number and row_number of each).
        id_rule: What decides on the source's key and ids, as text: a home whose ids were made otherwise can't go on.
    """

    source: str
    feed: str
    headers: tuple[str, ...]
    columns: tuple[str, ...]
    macros: tuple[str, ...]
    rows: str
    rows_of_one_file: str
    amounts: str | None
    made: str
    id_rule: str
    has_ids_of_email: bool

    @property
    def text(self) -> str:
        """For people; of the macros it has the names alone."""
        named = "".join(f"--   c{n}: {' '.join(header.split())}\n" for n, header in enumerate(self.headers, start=1))
        return (
            f"-- {self.source} of feed {self.feed}\n{named}-- mapped_rows:\n{self.rows}\n-- {self.source}:\n{self.made}"
        )


def check_compiled(compiled: Compiled) -> None:
    """Work the SELECTs out for a row without values and one of ones.

    Raises:
        ValueError: DuckDB can't; the message is its.
    """
    columns = ", ".join(f"cell AS c{n}" for n in range(1, len(compiled.headers) + 1)) or "cell"
    cells = "(VALUES (CAST(NULL AS VARCHAR)), ('1')) AS cells(cell)"
    steps = [
        *compiled.macros,
        "CREATE MACRO id_of_email(address) AS sha256(address)",
        f"CREATE VIEW feed_rows AS SELECT 1 AS file_number, 1 AS row_number, FALSE AS is_header, "
        f"FALSE AS is_erased, CAST(NULL AS MAP(VARCHAR, BOOLEAN)) AS was_left_out, FALSE AS has_error, {columns} "
        f"FROM {cells}",
        f"CREATE TABLE mapped_rows AS {compiled.rows}",
        compiled.made,
    ]
    with duckdb.connect(config={"enable_external_access": False, "threads": 1}) as connection:
        try:
            for step in steps:
                connection.execute(step)
        except duckdb.Error as error:
            raise ValueError(f"{error}".split("\n")[0]) from None


def compile_part(contract: Contract, part: SourcePart, feed: Feed, *, after_erasure: bool = False) -> Compiled:
    """The SELECTs of a source's part. The mapping was read without a fault.

    Args:
        contract: the source's.
        part: of the mapping.
        feed: of the mapping.
        after_erasure: an erasure blanked rows in one of the files: the SELECTs ask for is_erased and was_left_out.
    """
    return Compiler(contract, part, feed, after_erasure=after_erasure).compiled()


class Compiler:
    """The SQL of one part of a source, stage by stage."""

    def __init__(self, contract: Contract, part: SourcePart, feed: Feed, *, after_erasure: bool = False) -> None:
        self._contract, self._part, self._feed, self._after_erasure = contract, part, feed, after_erasure
        self._dialect = feed.read_dialect()
        self._filters = {name: parse(text) for name, text in feed.filters.items()}
        self._expressions = {n: parse(r.expression) for n, r in part.columns.items() if r.expression is not None}
        named: dict[str, str] = {}
        for header in self._read_headers():
            named.setdefault(header_name(header), header)
        self._headers = tuple(named.values())
        self._positions = {name: f"c{n}" for n, name in enumerate(named, start=1)}
        self._types = {column.name: column for column in (*contract.columns, CURRENCY)}
        people = person_columns(contract)
        self._people = {name for name in part.columns if name in people}
        self._must_be_somebodys = any(people.values()) or bool(named_by(contract))

    def _read_headers(self) -> Iterator[str]:
        yield from self._part.group_by
        if self._feed.fill_down:
            yield from (self._feed.fill_down.by, *self._feed.fill_down.columns)
        for expression in (*self._filters.values(), *self._expressions.values()):
            yield from expression.headers
        for rule in self._part.columns.values():
            yield from (h for h in (rule.column, rule.id_of_email, rule.number_within) if h is not None)

    def _at(self, header: str) -> str:
        return self._positions[header_name(header)]

    def compiled(self) -> Compiled:
        ids = [
            c
            for c in self._contract.columns
            if c.name in self._part.columns and c.name in (*self._contract.key, *PERSONS)
        ]
        rules = {c.name: self._part.columns[c.name].model_dump(exclude_none=True) for c in ids}
        return Compiled(
            source=self._contract.name,
            feed=self._part.feed,
            headers=self._headers,
            columns=tuple(self._part.columns),
            macros=self._macros(),
            rows=self._rows(of_one_file=False),
            rows_of_one_file=self._rows(of_one_file=True),
            amounts=self._amounts(),
            made=self._made(),
            id_rule=repr([sorted(rules.items()), self._part.group_by]),
            has_ids_of_email=any(rule.id_of_email is not None for rule in self._part.columns.values()),
        )

    def _macros(self) -> tuple[str, ...]:
        """The statements that make the macros by which text is read."""
        typed = [c for c in self._contract.columns if c.name in self._part.columns and c.type != "VARCHAR"]
        made = [*reader_macros(self._dialect), *(reader_macro(column, self._dialect) for column in typed)]
        made += [rounding_macro(column) for column in typed if column.type.startswith("DECIMAL")]
        return tuple(dict.fromkeys(made))

    def _rows(self, *, of_one_file: bool) -> str:
        filters = {name: self._filter(name) for name in self._filters}
        values = {name: self._without_erased(name, *self._value(name, r)) for name, r in self._part.columns.items()}
        read = [f"{sql.value} AS filter_{n}, {sql.fails} AS filter_{n}_fails" for n, sql in enumerate(filters.values())]
        read += [f"{sql.value} AS value_{n}" for n, (sql, _) in enumerate(values.values())]
        read += [f"{sql.fails} AS value_{n}_fails" for n, (sql, kept) in enumerate(values.values()) if not kept]
        left_out, broken = self._outcomes(list(filters), values)
        columns = [f"value_{n} AS {identifier(name)}" for n, name in enumerate(values)]
        groups = [f"{self._group(header)} AS group_{n}" for n, header in enumerate(self._part.group_by)]
        kept = ",\n    ".join([left_out, broken, *groups, *columns])
        return (
            f"WITH filled AS (\n  {self._filled(of_one_file=of_one_file)}\n), read AS (\n  SELECT *,\n    "
            + ",\n    ".join(read)
            + "\n  FROM filled\n)\n"
            f"SELECT file_number, row_number,\n    {kept}\nFROM read"
        )

    def _filter(self, name: str) -> Sql:
        """A filter's SQL. In a row of which an erasure blanked what it looks at, it is as it was before."""
        found = as_boolean(self._filters[name].sql(self._positions))
        if not self._after_erasure:
            return found
        before = self._before(name)
        fails = tuple(f"{before} IS NULL AND ({condition})" for condition in found.unreadable)
        return Sql(f"COALESCE({before}, {found.value})", fails, "boolean")

    def _before(self, name: str) -> str:
        """SQL of whether a filter left a row out when an erasure blanked it; NULL if it did not look at that."""
        return f"was_left_out[{literal(f'{self._part.feed}.{name}')}]"

    def _without_erased(self, name: str, sql: Sql, kept: bool) -> tuple[Sql, bool]:
        """A column's SQL; of one that says who somebody is, NULL in a row of which a person was erased."""
        if name not in self._people or not self._after_erasure:
            return sql, kept
        fails = tuple(f"NOT is_erased AND ({condition})" for condition in sql.unreadable)
        return Sql(f"CASE WHEN NOT is_erased THEN {sql.value} END", fails), kept

    def _group(self, header: str) -> str:
        """SQL of what rows of a group have in common; of an e-mail, whatever its capitals, as of the id made of it."""
        emails = {header_name(r.id_of_email) for r in self._part.columns.values() if r.id_of_email is not None}
        return f"LOWER({self._at(header)})" if header_name(header) in emails else self._at(header)

    def _filled(self, *, of_one_file: bool) -> str:
        """SQL of the feed's rows, what an order's first line says on each of its lines."""
        fill = self._feed.fill_down
        by = self._at(fill.by) if fill else ""
        filled = {self._at(header): header for header in fill.columns if self._at(header) != by} if fill else {}
        shown, differs = [], []
        for column in self._positions.values():
            if column not in filled:
                shown.append(column)
                continue
            shown.append(f"CASE WHEN {by} IS NULL THEN {column} ELSE MAX({column}) OVER one_order END AS {column}")
            rule = literal(f"order_differs_in_{slug(filled[column])}")
            differs.append(
                f"WHEN {by} IS NOT NULL AND MIN({column}) OVER one_order <> MAX({column}) OVER one_order THEN {rule}"
            )
        rule = f"CASE\n      {_NEXT.join(differs)}\n    END" if differs else "CAST(NULL AS VARCHAR)"
        whole = self._whole_by()
        is_last = "TRUE"
        if whole and not of_one_file:
            given = " AND ".join(f"{column} IS NOT NULL" for column in whole)
            is_last = f"NOT ({given}) OR file_number = MAX(file_number) OVER (PARTITION BY {', '.join(whole)})"
        of_order = f"CASE WHEN {by} IS NULL THEN has_error ELSE BOOL_OR(has_error) OVER one_order END AS "
        known = ["is_erased, was_left_out"] * self._after_erasure
        has_error = f"{of_order if filled else ''}has_error"
        columns = ",\n    ".join(["file_number, row_number, is_header", *known, has_error, *shown])
        select = f"SELECT {columns},\n    {rule} AS order_rule,\n    {is_last} AS is_last"
        window = f"\n  WINDOW one_order AS (PARTITION BY file_number, {by})" if filled else ""
        return f"{select}\n  FROM feed_rows{window}"

    def _whole_by(self) -> list[str]:
        """The columns by which rows come whole from one file: of several files of a night, the last has them."""
        if "receipt_id" not in self._contract.key:  # a customer's orders may well stand in several files
            return []
        if self._part.group_by:
            return [self._at(header) for header in self._part.group_by]
        whole = self._part.columns.get(self._contract.whole_per)
        if whole is not None and whole.column is not None:
            return [self._at(whole.column)]
        if whole is not None and whole.expression is not None:  # rows that have all of these in common have its value
            return [self._at(header) for header in self._expressions[self._contract.whole_per].headers]
        return [self._at(self._feed.fill_down.by)] if self._feed.fill_down else []

    def _outcomes(self, filters: list[str], values: dict[str, tuple[Sql, bool]]) -> tuple[str, str]:
        """SQL of the filter that leaves a row out, and of the rule that it breaks: whichever comes first."""
        steps: list[tuple[str, str | None, str | None]] = [
            ("is_header", None, literal(REPEATED_HEADER)),
            ("NOT is_last", literal(LATER_FILE), None),
            ("order_rule IS NOT NULL", None, "order_rule"),
        ]
        if self._feed.fill_down and self._after_erasure:
            steps.append((f"COALESCE({self._before(DIFFERED)}, FALSE)", None, literal("order_differs")))
        for n, name in enumerate(filters):
            steps.append((f"filter_{n}_fails", None, literal(f"filter_{name}_unreadable")))
            steps.append((f"filter_{n}", literal(name), None))
        steps.append(("has_error", None, literal(ERROR_IN_CELL)))
        if self._part.group_by and self._people and self._after_erasure:
            steps.append((f"COALESCE({self._before(OF_TWO)}, FALSE)", None, literal("customer_id_differs")))
        key = (self._part.columns[name].id_of_email for name in self._contract.key)
        steps += [(f"{self._at(h)} IS NULL", literal(NO_EMAIL), None) for h in key if h is not None]
        if self._must_be_somebodys and self._after_erasure:
            steps.append(("is_erased", literal(ERASED), None))
        steps += [(f"{self._at(h)} IS NULL", None, literal(f"{slug(h)}_blank")) for h in self._part.group_by]
        for n, (name, (sql, kept)) in enumerate(values.items()):
            if sql.unreadable:
                fails = sql.fails.replace("{value}", f"value_{n}") if kept else f"value_{n}_fails"
                rule = "not_mapped" if self._part.columns[name].values is not None else "unreadable"
                steps.append((fails, None, literal(f"{name}_{rule}")))
        left_out = _NEXT.join(f"WHEN {condition} THEN {filter_ or 'NULL'}" for condition, filter_, _ in steps)
        broken = _NEXT.join(f"WHEN {condition} THEN {rule or 'NULL'}" for condition, _, rule in steps)
        return (
            f"CAST(CASE{_NEXT}{left_out}\n    END AS VARCHAR) AS left_out_by",
            f"CAST(CASE{_NEXT}{broken}\n    END AS VARCHAR) AS broken_rule",
        )

    def _value(self, name: str, rule: ColumnRule) -> tuple[Sql, bool]:
        """SQL of a column's value.

        Returns:
            The SQL, and whether its condition of what can't be read is of the value itself, written {value}: so it is
            worked out once.
        """
        column = self._types[name]
        if rule.constant is not None:
            return Sql(literal(rule.constant)), False
        if rule.id_of_email is not None:
            return Sql(f"id_of_email({self._at(rule.id_of_email)})"), False
        if rule.number_within is not None:
            order = f"PARTITION BY file_number, {self._at(rule.number_within)} ORDER BY row_number"
            return Sql(f"ROW_NUMBER() OVER ({order})"), False
        if rule.column is not None and rule.values is None:
            return self._plain(column, self._at(rule.column), rule.default), True
        found = (
            self._expressions[name].sql(self._positions) if rule.column is None else Sql(self._at(rule.column or ""))
        )
        if rule.values is not None:
            return _by_values(found, rule), False
        if rule.default is None and rule.aggregate != "sum" and column.type.startswith("DECIMAL"):
            value = f"TRY_CAST({found.value} AS {column.type})"
            if found.kind == "number" and found.digits is not None and found.digits[1] <= _MOST_ROUNDED:
                value = f"{rounder_of(column)}({found.value})"
            found = Sql(value, (*found.unreadable, f"{found.value} IS NOT NULL AND {value} IS NULL"))
        elif rule.default is not None:
            found = Sql(f"COALESCE(CAST({found.value} AS VARCHAR), {literal(rule.default)})", found.unreadable)
        return found, False

    def _plain(self, column: Column, text: str, default: str | None) -> Sql:
        """A column as it stands in the feed; text is read by the contract, all else by the feed's dialect."""
        if column.type == "VARCHAR":
            return Sql(text if default is None else f"COALESCE({text}, {literal(default)})")
        value = f"{reader_of(column)}({text})"
        if default is not None:
            value = f"CASE WHEN {text} IS NULL THEN CAST({literal(default)} AS {column.type}) ELSE {value} END"
        return Sql(value, (f"{{value}} IS NULL AND {text} IS NOT NULL",))

    def _amounts(self) -> str | None:
        name = self._contract.control_amount
        if name is None or name not in self._part.columns:
            return None
        amount, by = identifier(name), ["outcome", "reason"]
        of_rows = f"SELECT outcome, reason, {amount} AS amount FROM outcome_row"
        if self._part.group_by:
            groups = ", ".join(by + [f"group_{n}" for n in range(len(self._part.group_by))])
            aggregated = _aggregated(amount, self._part.columns[name])
            of_rows = f"SELECT outcome, reason, {aggregated} AS amount FROM outcome_row GROUP BY {groups}"
        return (
            "SELECT outcome, reason, COALESCE(SUM(TRY_CAST(amount AS DECIMAL(38, 2))), 0), "
            f"COUNT_IF(TRY_CAST(amount AS DECIMAL(38, 2)) IS NULL) FROM ({of_rows}) GROUP BY outcome, reason"
        )

    def _made(self) -> str:
        columns = [identifier(name) for name in self._part.columns]
        if not self._part.group_by:
            return (
                f"SELECT {', '.join(columns)}, file_number, row_number, broken_rule\n"
                "FROM mapped_rows WHERE left_out_by IS NULL"
            )
        groups = ", ".join(f"group_{n}" for n in range(len(self._part.group_by)))
        made, differs = [], []
        for name, rule in self._part.columns.items():
            column = identifier(name)
            if rule.aggregate is None:
                differs.append(f"WHEN MIN({column}) <> MAX({column}) THEN {literal(f'{name}_differs')}")
            made.append(f"{_aggregated(column, rule)} AS {column}")
        others = f"CASE{_NEXT}{_NEXT.join(differs)}\n    END" if differs else "NULL"
        grouped = (
            "SELECT\n    " + ",\n    ".join(made) + ",\n"
            f"    MIN(file_number) AS file_number, ARG_MIN(row_number, {_PLACE}) AS row_number,\n"
            f"    LIST({{'file_number': file_number, 'row_number': row_number}} ORDER BY {_PLACE}) AS raw_rows,\n"
            f"    COALESCE(ARG_MIN(broken_rule, {_PLACE}), {others}) AS broken_rule\n"
            f"FROM mapped_rows WHERE left_out_by IS NULL GROUP BY {groups}"
        )
        if not self._part.only_between:
            return grouped
        bounds = (
            f"COALESCE({identifier(name)} <> 0 AND {identifier(name)} BETWEEN {low!r} AND {high!r}, TRUE)"
            for name, (low, high) in self._part.only_between.items()
        )
        return f"SELECT * FROM (\n{grouped}\n) WHERE broken_rule IS NOT NULL OR ({' AND '.join(bounds)})"


def _aggregated(column: str, rule: ColumnRule) -> str:
    """SQL of a column's one value in a group."""
    function = {"sum": "SUM({})", "max": "MAX({})", "first": f"ARG_MIN({{}}, {_PLACE})"}
    return function.get(f"{rule.aggregate}", "MIN({})").format(column)


def _by_values(found: Sql, rule: ColumnRule) -> Sql:
    """A value by what a text stands for. Capitals make no difference; what is not listed is the default, or broken."""
    text = f"LOWER(TRIM(CAST({found.value} AS VARCHAR)))"
    listed = {key.strip().lower(): value for key, value in (rule.values or {}).items()}
    pairs = " ".join(
        f"WHEN {literal(key)} THEN {'NULL' if value is None else literal(value)}" for key, value in listed.items()
    )
    default = "NULL" if rule.default is None else literal(rule.default)
    value = f"CAST(CASE {text} {pairs} ELSE {default} END AS VARCHAR)"
    if rule.default is not None:
        return Sql(value, found.unreadable)
    return Sql(value, (*found.unreadable, f"{text} NOT IN ({', '.join(map(literal, listed))})"))


def slug(header: str) -> str:
    """A header as a part of a rule's name."""
    return re.sub(r"\W+", "_", header_name(header)).strip("_")[:60] or "column"
