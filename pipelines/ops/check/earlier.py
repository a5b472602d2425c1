"""How tonight's values differ as a whole from those of earlier nights: lost, all alike, of another size or sign."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.contracts import Column, Contract, sources
from pipelines.engines.sql import identifier
from pipelines.intake.batch_profile import tonight_rows
from pipelines.intake.staging_contracts import address_columns, event_time, staging_contracts
from pipelines.ops.check.reading import Reading

_FEW = 20  # values; fewer tell nothing
_ROWS = 200_000  # of tonight and of before that are compared
_USUAL, _RARE, _MOST = 0.2, 0.1, 0.5  # shares of rows
_SEVERAL = 3  # different values, from which on it is odd if all become one
_TIMES = 8.0  # that a typical number may be larger or smaller: other units, or a mark read as another one
_GROWN = 0.25  # by which a share of consents may grow
_VARIED = ("customer_id", "store_id", "product_id", "birth_date", "registered_at")
_YEARS = 20 * 365  # days between the middles of a date's values: two columns were swapped


@dataclass(frozen=True)
class _Values:
    """A column's values as a whole; `typical` is a geometric mean, `middle` a day since 1970."""

    rows: int
    filled: int
    distinct: int
    below: int
    typical: float | None
    middle: float | None
    after: int
    true: int


def unlike_before(reading: Reading) -> Iterator[str]:
    """A sentence for each column whose values are not as those of the last night that brought its source."""
    last = reading.night.previous
    for name in reading.came if last else ():
        for table in staging_contracts(sources()[name]):
            files = [file for file in last.table(table.name).data_files if file.rows] if last else []
            rows = tonight_rows(table.name, reading.night, reading.engine)
            columns = _compared(sources()[name], table)
            if rows is None or not files or not columns:
                continue
            night = max(file.night for file in files)
            before = reading.engine.select_files([file for file in files if file.night == night], columns)
            now = _values(reading, columns, f"SELECT * FROM {rows}", reading.run_date)
            for column, new, old in zip(columns, now, _values(reading, columns, before, night), strict=True):
                if words := _difference(column, new, old, night):
                    yield f"{name}: {words}"


def _compared(contract: Contract, table: Contract) -> list[Column]:
    """A table's own columns, less what is judged elsewhere: the key, the event's time and the controlled amount."""
    apart = {*contract.key, event_time(contract), contract.control_amount}
    given = {column.name for column in contract.columns}
    return [column for column in table.columns if column.name in given - apart]


def _values(reading: Reading, columns: Sequence[Column], select: str, night: date) -> list[_Values]:
    measures = [measure for column in columns for measure in _measures(column, night)]
    ((rows, *found),) = reading.engine.rows(
        f"SELECT COUNT(*), {', '.join(measures)} FROM (FROM ({select}) LIMIT {_ROWS})"
    )
    width = len(found) // len(columns)
    return [_Values(rows, *found[n * width : (n + 1) * width]) for n in range(len(columns))]


def _measures(column: Column, night: date) -> list[str]:
    name = identifier(column.name)
    found = [f"COUNT({name})", f"COUNT(DISTINCT {name})"]
    if column.type.startswith(("DECIMAL", "BIGINT", "INTEGER", "DOUBLE")):
        return [*found, f"COUNT_IF({name} < 0)", f"EXP(AVG(LN(NULLIF(ABS({name}), 0))))", "NULL", "0", "0"]
    if column.type in ("DATE", "TIMESTAMP WITH TIME ZONE"):
        day = f"CAST({name} AS DATE)"
        return [*found, "0", "NULL", f"MEDIAN({day} - DATE '1970-01-01')", f"COUNT_IF({day} > DATE '{night}')", "0"]
    return [*found, "0", "NULL", "NULL", "0", f"COUNT_IF({name})" if column.type == "BOOLEAN" else "0"]


def _difference(column: Column, new: _Values, old: _Values, night: date) -> str | None:
    """What is odd about a column's values beside those of an earlier night; None if nothing is."""
    of = f"of {new.filled:,} values of {column.name}"
    if new.rows >= _FEW and not new.filled and old.filled >= _USUAL * old.rows and old.filled >= _FEW:
        return (
            f"no row has a value of {column.name}; {old.filled / old.rows:.0%} had one on {night}. See whether the "
            "file lacks it."
        )
    if min(new.filled, old.filled) < _FEW:
        return None
    if new.distinct == 1 and old.distinct >= _SEVERAL and _may_vary(column):
        return (
            f"all {new.filled:,} values of {column.name} are one and the same; on {night} {old.distinct:,} were there."
        )
    if new.true / new.filled > old.true / old.filled + _GROWN:
        return (
            f"{column.name} is true for {new.true / new.filled:.0%}; it was for {old.true / old.filled:.0%} on {night}."
        )
    if new.below > _MOST * new.filled and old.below < _RARE * old.filled:
        return f"{new.below:,} {of} are below 0; {old.below / old.filled:.0%} were on {night}. See which sign is meant."
    if new.typical and old.typical and max(new.typical / old.typical, old.typical / new.typical) > _TIMES:
        return (
            f"{column.name} is {new.typical:,.4g} at its typical value (geometric mean); it was {old.typical:,.4g} on "
            f"{night}. See whether it comes in other units, and the decimal mark."
        )
    if new.after > _MOST * new.filled and old.after < _RARE * old.filled:
        return f"{new.after:,} {of} are after the night; {old.after / old.filled:.0%} were on {night}."
    if new.middle is not None and old.middle is not None and abs(new.middle - old.middle) > _YEARS:
        return f"{column.name} is {_year(new.middle)} in its middle; it was {_year(old.middle)} on {night}."
    return None


def _may_vary(column: Column) -> bool:
    """Whether a night's values are expected to differ: an offer's id and a day of assignment are often of one."""
    seldom = column.identifier or column.values or column.type in ("BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE")
    return not seldom or column.name in _VARIED


def _year(days: float) -> int:
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(days)).year


# Sources of things that stay: a row of the same key is of the same thing, and its words and dates seldom change.
_THINGS = ("crm_customers", "products", "stores", "promo_codes")


def keys_of_others(reading: Reading) -> Iterator[str]:
    """A sentence for keys that earlier nights had for something else, of receipts and of things that stay."""
    yield from _times_of_another_zone(reading)
    if reading.night.previous is None:
        return
    yield from _none_is_new(reading)
    for source, column in (("receipts", "store_id"), ("receipt_lines", "product_id")):
        yield from _ids_never_seen(reading, source, column)
    for name in _THINGS:
        if name in reading.came:
            for table in staging_contracts(sources()[name]):
                yield from _changed(reading, name, table)
    yield from _addresses_of_others(reading)


def _before(reading: Reading, table: str, columns: Sequence[Column]) -> str | None:
    """A SELECT of what earlier nights brought of a table; None if nothing."""
    state = reading.night.previous.table(table) if reading.night.previous else None
    files = [file for file in state.data_files if file.rows] if state else []
    return reading.engine.select_files(files, columns) if files else None


def _times_of_another_zone(reading: Reading) -> Iterator[str]:
    """Dates without a time, whose midnight is that of another zone than the home's: their day may be another one."""
    rows = reading.rows("receipts")
    if rows is None:
        return
    ((count, times, first, last),) = reading.engine.rows(
        "SELECT COUNT(*), COUNT(DISTINCT clock), MIN(clock), MAX(clock) "
        f"FROM (SELECT STRFTIME(issued_at, '%H:%M:%S') AS clock FROM {rows})"
    )
    if count >= _FEW and times <= 2 and first != "00:00:00":  # two, where clocks are changed
        yield (
            f"receipts: all {count:,} are at {first}{f' or {last}' * (times - 1)} in {reading.settings.timezone}. "
            "If they are dates without a time, another time zone puts them on another day: give the mapping or the "
            "contract the home's zone."
        )


def _ids_never_seen(reading: Reading, source: str, column: str) -> Iterator[str]:
    """Whether no id of a column came before, where the source of such ids does not come and so can't tell."""
    rows = reading.rows(source)
    columns = [ours for ours in sources()[source].columns if ours.name == column]
    if rows is None or {"store_id": "stores", "product_id": "products"}[column] in reading.came:
        return
    before = _before(reading, source, columns)
    if before is None:
        return
    ((now, then, both),) = reading.engine.rows(
        f"SELECT COUNT(*), (SELECT COUNT(DISTINCT {column}) FROM ({before})), COUNT(old.{column}) "
        f"FROM (SELECT {column} FROM {rows} WHERE {column} IS NOT NULL) AS new LEFT JOIN "
        f"(SELECT DISTINCT {column} FROM ({before})) AS old USING ({column})"
    )
    if now >= _FEW and then and not both:
        yield f"{source}: no value of {column} came before. See whether ids are written as ever."


def _none_is_new(reading: Reading) -> Iterator[str]:
    """A night without one new receipt."""
    contract = staging_contracts(sources()["receipts"])[0]
    rows = reading.rows("receipts")
    columns = [column for column in contract.columns if column.name == "receipt_id"]
    before = _before(reading, "receipts", columns) if rows else None
    if before is None:
        return
    ((count, known),) = reading.engine.rows(
        f"SELECT COUNT(*), COUNT_IF(receipt_id IN (SELECT receipt_id FROM ({before}))) FROM {rows}"
    )
    if count >= _FEW and known == count:
        yield f"receipts: all {count:,} came before; none is new. See whether this is an earlier night's export."


def _changed(reading: Reading, name: str, table: Contract) -> Iterator[str]:
    """Columns that differ for most of the keys that were known: the rows are of others, or two columns are swapped."""
    rows = tonight_rows(table.name, reading.night, reading.engine)
    fixed = ("VARCHAR", "BOOLEAN", "DATE")
    addresses = address_columns(sources()[name])  # may be written in several ways
    given = {column.name for column in sources()[name].columns} - {*table.key, *addresses}
    given |= {f"{address}_normal" for address in addresses}
    columns = [column for column in table.columns if column.name in given and column.type in fixed]
    of_key = [column for column in table.columns if column.name in table.key]
    dated = [column for column in table.columns if column.name == "landing_date"]
    before = _before(reading, table.name, [*of_key, *columns, *dated]) if rows and columns and of_key else None
    if before is None:
        return
    keys = ", ".join(identifier(column.name) for column in of_key)
    counts = ", ".join(
        f"COUNT_IF(new.{identifier(c.name)} <> old.{identifier(c.name)}), "
        f"COUNT(new.{identifier(c.name)} = old.{identifier(c.name)})"
        for c in columns
    )
    found: Sequence[Any] = reading.engine.rows(
        f"SELECT {counts} FROM {rows} AS new JOIN (SELECT DISTINCT ON ({keys}) * FROM ({before}) "
        f"SEMI JOIN {rows} USING ({keys}) ORDER BY landing_date DESC) AS old USING ({keys})"
    )[0]
    for column, other, both in zip(columns, found[::2], found[1::2], strict=True):
        if both >= _FEW and other > _MOST * both:
            yield (
                f"{name}: {column.name.removesuffix('_normal')} is another one for {other:,} of {both:,} rows whose "
                f"{' and '.join(table.key)} came before. See whether the ids are of the same things, and each "
                "column is still its own."
            )


def _addresses_of_others(reading: Reading) -> Iterator[str]:
    """E-mail addresses and phones that earlier nights had under another customer's id."""
    table = staging_contracts(sources()["crm_customers"])[1]
    rows = tonight_rows(table.name, reading.night, reading.engine) if "crm_customers" in reading.came else None
    for address in ("email_normal", "phone_normal") if rows else ():
        columns = [column for column in table.columns if column.name in ("customer_id", address)]
        before = _before(reading, table.name, columns)
        if before is None:
            return
        ((known, others),) = reading.engine.rows(
            f"SELECT COUNT(*), COUNT_IF(NOT is_same) FROM (SELECT new.{address}, "
            f"BOOL_OR(new.customer_id = old.customer_id) AS is_same FROM {rows} AS new JOIN ({before}) AS old "
            f"USING ({address}) GROUP BY ALL)"
        )
        if known >= _FEW and others > _MOST * known:
            yield (
                f"crm_customers: {others:,} of {known:,} values of {address.removesuffix('_normal')} that came before "
                "have another customer_id now. See whether ids are written as ever (leading zeros, a card's number)."
            )
