"""Look at a file: all the steps, in a temporary folder that goes with them."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.engines.sql import literal
from pipelines.errors import BadDataError
from pipelines.intake.inspection.dates import Dates, dates_of
from pipelines.intake.inspection.form import Form, form_of
from pipelines.intake.inspection.grain import Duplicates, Key, duplicates, in_words, unique_columns, unique_pairs
from pipelines.intake.inspection.looks import said
from pipelines.intake.inspection.marks import Marks, marks_of
from pipelines.intake.inspection.meaning import SourceMatch, is_personal, main_source, match_sources, others_filled
from pipelines.intake.inspection.money import Currency, currency_of
from pipelines.intake.inspection.odd_rows import odd_rows
from pipelines.intake.inspection.order_columns import OrderColumns, order_columns
from pipelines.intake.inspection.order_columns import in_words as order_in_words
from pipelines.intake.inspection.profile import ColumnFacts, profile
from pipelines.intake.inspection.samples import samples
from pipelines.intake.inspection.table import Table, json_table, parquet_table, text_table
from pipelines.intake.inspection.unreadable import unreadable
from pipelines.intake.inspection.workbook import workbook_table

_MEMORY = "1GB"
_SOURCES = 3  # sources that a file may fill which are shown


@dataclass(frozen=True)
class Inspection:
    """What a file is, how it is written, what a row of it is, and what its columns could be.

    `samples` are three values a column, the personal ones masked. `filled` are the sources that it could fill, the one
    that its rows are of first. `orders` says which columns of lines are their order's. `doubts` are all that was not
    settled, in plain words.
    """

    path: Path
    table: Table
    columns: tuple[ColumnFacts, ...]
    samples: tuple[tuple[str, ...], ...]
    masked: frozenset[int]
    marks: Marks
    dates: Dates
    currency: Currency
    row_is: str
    keys: tuple[Key, ...]
    nearly: tuple[Key, ...]
    duplicates: Duplicates
    filled: tuple[SourceMatch, ...]
    orders: OrderColumns
    doubts: tuple[str, ...]


def inspect_file(path: Path) -> Inspection:
    """Look at a file: CSV, TSV, a workbook, JSON, JSON Lines or Parquet, whatever its name.

    Raises:
        BadDataError: it is no table, or is damaged; the message says what it is and what to do.
    """
    try:
        form = form_of(path)
        with tempfile.TemporaryDirectory(prefix="loyalty-inspect-") as folder, duckdb.connect() as connection:
            connection.execute(
                f"SET memory_limit = '{_MEMORY}'; SET temp_directory = {literal(folder)}; SET TimeZone = 'UTC'; "
                "SET autoinstall_known_extensions = false; SET autoload_known_extensions = false"
            )
            return _inspect(form, _table(form, Path(folder), connection), connection)
    except OSError as error:
        raise BadDataError(f"{path}: it can't be read ({error.strerror or error})") from error


def _table(form: Form, folder: Path, connection: duckdb.DuckDBPyConnection) -> Table:
    if form.kind == "parquet":
        return parquet_table(form, folder, connection)
    if form.kind == "workbook":
        return workbook_table(form, folder)
    return json_table(form, folder, connection) if form.kind == "json" else text_table(form, folder, connection)


def _inspect(form: Form, table: Table, connection: duckdb.DuckDBPyConnection) -> Inspection:
    columns = profile(table, connection)
    marks = marks_of(columns, table.layout.delimiter if table.layout else None)
    dates = dates_of(table, columns, connection)
    currency = currency_of(columns)
    found = match_sources(columns, _stem(form.path))
    keys, nearly = unique_columns(table, columns, connection)
    unique = frozenset(key.columns[0].position for key in keys)
    main = main_source(found, unique)
    others = others_filled(found, main)[: _SOURCES - 1]
    if not keys:
        keys = unique_pairs(table, columns, ([main] if main else []) + others, connection)
    own_key = main is not None and main.contract.key[0] in main.matches and (
        main.matches[main.contract.key[0]].theirs.position in unique or not table.rows
    )  # fmt: skip
    row_is, row_doubt = in_words(main, own_key)
    orders = _orders(table, main, connection)
    masked = frozenset(c.position for c in columns if is_personal(c, found[:_SOURCES]))
    doubts = [
        *(filter(None, [table.encoding.doubt if table.encoding else None])),
        *table.doubts,
        *_rejected(table),
        *marks.doubts,
        *dates.doubts,
        *currency.doubts,
        *unreadable(table, (main, *others) if main else (), marks, dates, masked, connection),
        *filter(None, [row_doubt]),
        *_unfit(main),
        *_of_orders(table, main, others, orders),
        *odd_rows(table, columns, connection),
        *_names(table.names),
    ]
    return Inspection(
        path=form.path,
        table=table,
        columns=columns,
        samples=tuple(samples(c, masked=c.position in masked) for c in columns),
        masked=masked,
        marks=marks,
        dates=dates,
        currency=currency,
        row_is=row_is,
        keys=tuple(keys),
        nearly=tuple(nearly),
        duplicates=Duplicates(0, None, None) if keys else duplicates(table, connection),  # a key leaves none
        filled=(main, *others) if main else (),
        orders=orders,
        doubts=tuple(doubts),
    )


def _unfit(main: SourceMatch | None) -> list[str]:
    """The columns that are called as one that is missing, and whose values are none."""
    if main is None:
        return []
    found = []
    types = {ours.name: ours.type for ours in main.contract.columns}
    for name, column in main.unfit:
        is_date = types[name] in ("DATE", "TIMESTAMP WITH TIME ZONE")
        why = "are no dates that can be read" if is_date else "do not fit"
        if is_date and column.kind in ("integer", "number"):
            why += ", but numbers, as a workbook keeps dates"
        found.append(f"{said(column.name)} is called as {main.name}.{name} would be, but its values {why}")
    return found


def _orders(table: Table, main: SourceMatch | None, connection: duckdb.DuckDBPyConnection) -> OrderColumns:
    if main is None or main.name != "receipt_lines" or "receipt_id" not in main.matches or not table.rows:
        return OrderColumns()
    return order_columns(table, main.matches["receipt_id"].theirs, connection)


def _of_orders(
    table: Table, main: SourceMatch | None, others: Sequence[SourceMatch], orders: OrderColumns
) -> list[str]:
    if main is None or main.name != "receipt_lines":
        return []
    amount = main.matches.get("amount")
    doubts = list(order_in_words(table, orders, amount.theirs if amount else None))
    totals = [s.matches["total_amount"].theirs for s in others if s.name == "receipts" and "total_amount" in s.matches]
    if amount and any(total is amount.theirs for total in totals):
        doubts.append(f"{said(amount.theirs.name)} could be the amount of a line or the total of its order")
    return doubts


def _stem(path: Path) -> str:
    return path.name.split(".", 1)[0]


def _rejected(table: Table) -> list[str]:
    if not table.rejected:
        return []
    said = ", ".join(f"{count:,} with {why}" for why, count in table.rejected.items())
    first = f"; the first is line {table.rejected_lines[0]}" if table.rejected_lines else ""
    return [f"rows that can't be split: {said}{first}. They are left out here"]


def _names(names: Sequence[str]) -> list[str]:
    doubts = []
    if empty := [n for n, name in enumerate(names, 1) if not name]:
        doubts.append(f"{len(empty)} column{'s have' if len(empty) > 1 else ' has'} no name (column {empty[0]})")
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        doubts.append(f"the header {said(twice[0])} is there {names.count(twice[0])} times")
    return doubts
