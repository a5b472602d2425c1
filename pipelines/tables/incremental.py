"""Incremental tables: by receipt, by customer or by day, computed again only for those that a night touches."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from functools import cache

from sqlglot import exp

from pipelines.catalog import parsed, tables, views
from pipelines.contracts import Contract
from pipelines.engines.base import Engine
from pipelines.engines.merge import SUPERSEDED_ROWS, compacted
from pipelines.engines.sql import identifier
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile, Lineage, Manifest, TableState, lineage_of, version_of
from pipelines.table import INCREMENTAL, Table
from pipelines.tables.inputs import columns_read, contract_of, stored_inputs
from pipelines.tables.recipes import table_recipe
from pipelines.tables.write import write_table

# What tells whose a receipt is. If it changes, the receipts or customers concerned are touched, and no others.
WHOSE = frozenset({"customer_identity", "loyalty_cards"})
# Tables that sum up the customer's rows of another incremental table, so that only its rows can touch them.
_SUMMED = {
    "customer_totals": "customer_day",
    "customer_gap": "customer_day",
    "lifecycle_stay": "customer_day",
    "customer_start": "customer_day",
    "web_visitor": "web_visit",
}
# Views that a table reads several times by way of others, and that cost much: they are worked out once for it.
_WORKED_OUT_ONCE = {"points_flow": ("points_posting", "points_step", "points_mark")}


def make_incremental(table: Table, night: Night, engine: Engine, settings: Settings) -> TableState:
    """A table by receipt, by customer or by day, computed for those that tonight touches; the others stay as they were.

    It is computed for all if the last manifest rests on other versions of the earlier nights, if what else it is made
    from has changed (its SQL, reference data, a setting).
    """
    key = INCREMENTAL[table.name]
    inputs = {name: night.table(name) for name in stored_inputs(table)}
    recipe = table_recipe(table, settings)
    previous = night.previous
    earlier = previous.tables.get(table.name) if previous else None
    if (
        previous is None
        or earlier is None
        or earlier.recipe != recipe
        or not _rests_on(previous, inputs)
        or _reference_changed(table, previous, inputs, engine)
    ):
        _work_out_once(engine, table)
        files = write_table(table.name, table.sql, engine)
        return TableState(data_files=files, key=(key,), recipe=recipe, lineage=lineage_of(None, version_of(files)))

    before = previous.lineage(table.name).state
    earlier = compacted(earlier, contract_of(table.name), engine)
    engine.materialise("touched", _TOUCHED[key](table, previous, inputs, night, engine))
    times_read = _times_read(table.sql)
    for name, state in inputs.items():
        contract = contract_of(name)
        is_touched = _is_touched_sql(key, contract)
        if not is_touched:
            continue
        columns = ", ".join(map(identifier, columns_read(table, contract)))
        rows = f"SELECT {columns} FROM ({engine.select_of(state, contract)}) WHERE {is_touched}"
        if times_read[name] > 1:
            engine.materialise(name, rows)
        else:
            engine.register(name, rows)
    _register_views(engine, table, night, key)  # again, on the touched rows: Spark binds a view when it is created
    _work_out_once(engine, table)
    made = write_table(table.name, table.sql, engine)
    replaced, replaced_rows = _replaced(table, earlier, engine)
    return TableState(
        data_files=(*earlier.data_files, *_filled(made)),
        superseded=(*earlier.superseded, *_filled(replaced)),
        key=(key,),
        recipe=recipe,
        lineage=lineage_of(before, version_of((*_filled(made), *_filled(replaced)))),
        info=earlier.info | {SUPERSEDED_ROWS: earlier.info.get(SUPERSEDED_ROWS, 0) + replaced_rows},
    )


def _is_touched_sql(key: str, contract: Contract) -> str:
    """Which rows of an input tonight touches, as a condition; empty where all of them are read."""
    names = {column.name for column in contract.columns}
    if contract.name == "customer_identity":
        return ""
    if key in names:
        return f"{key} IN (SELECT {key} FROM touched)"
    if key == "business_date" and "receipt_id" in names:  # lines have no date of their own
        return "receipt_id IN (SELECT receipt_id FROM receipt_of_touched_day)"
    return ""


def _work_out_once(engine: Engine, table: Table) -> None:
    """Put rows in the place of views that the table reads several times; views on those views then read the rows."""
    for name in _WORKED_OUT_ONCE.get(table.name, ()):
        engine.materialise(name, tables()[name].sql)
    if table.name in _WORKED_OUT_ONCE:
        for name in table.inputs:
            if tables()[name].is_view and name not in _WORKED_OUT_ONCE[table.name]:
                engine.register(name, tables()[name].sql)  # again: Spark binds a view when it is created


def _replaced(table: Table, earlier: TableState, engine: Engine) -> tuple[tuple[DataFile, ...], int]:
    """Files of landing_date and key of the rows that tonight's replace, and how many rows these are."""
    key = INCREMENTAL[table.name]
    old = engine.select_of(earlier, contract_of(table.name))
    engine.materialise(
        "replaced_key",
        f"SELECT landing_date, {key}, COUNT(*) AS row_count FROM ({old}) WHERE {key} IN (SELECT {key} FROM touched) "
        f"GROUP BY landing_date, {key}",
    )
    written = engine.write(f"SELECT landing_date, {key} FROM replaced_key", f"{table.name}_superseded")
    return written, int(engine.rows("SELECT COALESCE(SUM(row_count), 0) FROM replaced_key")[0][0])


def _register_views(engine: Engine, table: Table, night: Night, key: str) -> None:
    """Register the views that a table reads on the touched rows of their inputs."""
    for view in (tables()[name] for name in table.inputs):
        if view.is_view:
            _register_views(engine, view, night, key)
            for source in view.replaced:
                state = night.table(source)
                wanted = f"{key} IN (SELECT {key} FROM touched)" if key in state.key else "TRUE"
                engine.register(f"replaced.{source}", engine.replaced_of(state, contract_of(source), wanted))
            engine.register(view.name, view.sql)


@cache
def _times_read(select: str) -> Counter[str]:
    """How often a table's SELECT, with its views expanded, reads each table."""
    trees = {name: parsed(tables()[name].sql) for name in views()}
    tree = exp.expand(parsed(select), trees)
    return Counter(read.name for read in tree.find_all(exp.Table) if not read.db)


def _filled(files: Iterable[DataFile]) -> tuple[DataFile, ...]:
    return tuple(file for file in files if file.rows)


def _rests_on(previous: Manifest, inputs: dict[str, TableState]) -> bool:
    """Whether the last manifest was made from the earlier nights' extracts as they are now."""
    for name, state in inputs.items():
        if name in WHOSE or _is_reference(name):
            continue
        is_full = contract_of(name).load == "full"
        lineage = state.lineage or Lineage()
        if previous.lineage(name).state != (lineage.state if is_full else lineage.before):
            return False
    return True


def _is_reference(name: str) -> bool:
    """Whether a table's rows belong to no receipt and no customer, as products do."""
    return not {"receipt_id", "customer_id"} & {column.name for column in contract_of(name).columns}


def _reference_changed(table: Table, previous: Manifest, inputs: dict[str, TableState], engine: Engine) -> bool:
    """Whether reference data has changed in a column that the table reads."""
    for name, state in inputs.items():
        contract = contract_of(name)
        before = previous.tables.get(name, TableState())
        if not _is_reference(name) or before.data_files == state.data_files:
            continue
        read = ", ".join(identifier(name) for name in columns_read(table, contract) if name != "landing_date")
        new, old = (f"SELECT {read} FROM ({engine.select_of(rows, contract)})" for rows in (state, before))
        differing = f"(({new}) EXCEPT ({old})) UNION ALL (({old}) EXCEPT ({new}))"
        if engine.rows(f"SELECT COUNT(*) FROM ({differing})")[0][0]:
            return True
    return False


def _touched_receipts(
    _table: Table, previous: Manifest, inputs: dict[str, TableState], night: Night, engine: Engine
) -> str:
    """SQL of the receipts that tonight's extracts name, that waited for their day, or whose card has another holder."""
    selects = [
        f"SELECT receipt_id FROM {engine.scan_files(own)}"
        for state in inputs.values()
        if (own := state.written_by(night.run_date)) and "receipt_id" in state.key
    ]
    if "receipts" not in inputs:  # of a table of lines alone, for which no receipt waits
        return f"SELECT DISTINCT receipt_id FROM ({' UNION ALL '.join(selects) or 'SELECT NULL AS receipt_id'})"
    waiting = engine.select_of(inputs["receipts"], contract_of("receipts"))
    selects.append(
        f"SELECT receipt_id FROM ({waiting}) "
        f"WHERE issued_date > DATE '{previous.run_date}' AND issued_date <= DATE '{night.run_date}'"
    )
    if "loyalty_cards" in inputs and _changed_cards(previous, inputs["loyalty_cards"], engine):
        of_card = "customer_id IS NULL AND card_id IN (SELECT card_id FROM changed_card)"
        selects.append(f"SELECT receipt_id FROM ({waiting}) WHERE {of_card}")
    return f"SELECT DISTINCT receipt_id FROM ({' UNION ALL '.join(selects)})"


def _changed_cards(previous: Manifest, state: TableState, engine: Engine) -> int:
    """Make table `changed_card` of the cards whose holder or time differs from the last night's; returns how many."""
    before = previous.tables.get("loyalty_cards", TableState())
    if before.data_files == state.data_files:
        return 0
    cards = contract_of("loyalty_cards")
    new, old = (
        f"SELECT card_id, customer_id, issued_at, closed_at FROM ({engine.select_of(rows, cards)})"
        for rows in (state, before)
    )
    engine.materialise("changed_card", f"(({new}) EXCEPT ({old})) UNION ALL (({old}) EXCEPT ({new}))")
    return int(engine.rows("SELECT COUNT(*) FROM changed_card")[0][0])


def _touched_customers(
    table: Table, previous: Manifest, inputs: dict[str, TableState], night: Night, engine: Engine
) -> str:
    """SQL of the persons whose receipts, points or joined accounts changed tonight, and of all their accounts."""
    if table.name in _SUMMED:
        return f"SELECT DISTINCT customer_id FROM ({_changed_customers(_SUMMED[table.name], inputs, night, engine)})"
    identity = contract_of("customer_identity")
    new, old = (
        f"SELECT source_customer_id, customer_id FROM ({engine.select_of(state, identity)})"
        for state in (inputs["customer_identity"], previous.tables.get("customer_identity", TableState()))
    )
    engine.materialise("merged", f"(({new}) EXCEPT ({old})) UNION ALL (({old}) EXCEPT ({new}))")
    changed = [
        _changed_customers(name, inputs, night, engine)
        for name in ("receipt_fact", "customer_day", "points_ledger")
        if name in inputs
    ]
    if "points_ledger" in inputs:
        changed.append(_customers_of_due_points(previous, inputs["points_ledger"], night, engine))
    engine.materialise(
        "changed",
        f"SELECT customer_id FROM ({' UNION ALL '.join(changed)}) UNION SELECT customer_id FROM merged "
        "UNION SELECT source_customer_id FROM merged",
    )
    engine.materialise(
        "person",
        "SELECT customer_id FROM changed UNION "
        f"SELECT customer_id FROM ({new}) WHERE source_customer_id IN (SELECT customer_id FROM changed)",
    )
    return (
        "SELECT customer_id FROM person UNION "
        f"SELECT source_customer_id FROM ({new}) WHERE customer_id IN (SELECT customer_id FROM person)"
    )


def _customers_of_due_points(previous: Manifest, ledger: TableState, night: Night, engine: Engine) -> str:
    """SQL of the customers with a posting that waited for its day, or with points that expired since the last night.

    And of those whose points have come to be about to expire: in 31 days for customer_points, in 62 for points_flow.
    """
    since = " OR ".join(
        f"({day} > DATE '{previous.run_date}' AND {day} <= DATE '{night.run_date}')"
        for day in ("posted_date", "expires_date", "expires_date - 31", "expires_date - 62")
    )
    return f"SELECT customer_id FROM ({engine.select_of(ledger, contract_of('points_ledger'))}) WHERE {since}"


def _changed_customers(name: str, inputs: dict[str, TableState], night: Night, engine: Engine) -> str:
    """SQL of the customers of a table's rows that are new tonight or were superseded tonight."""
    state = inputs[name]
    selects = ["SELECT CAST(NULL AS VARCHAR) AS customer_id WHERE FALSE"]
    if own := state.written_by(night.run_date):
        selects.append(f"SELECT customer_id FROM {engine.scan_files(own)} WHERE customer_id IS NOT NULL")
    gone = tuple(file for file in state.superseded if file.night == night.run_date)
    before = state.written_before(night.run_date)
    if gone and "customer_id" in state.key:
        selects.append(f"SELECT customer_id FROM {engine.scan_files(gone)}")
    elif gone and before:
        same = " AND ".join(f"gone.{identifier(k)} = old.{identifier(k)}" for k in ("landing_date", *state.key))
        index = [c for c in contract_of(name).columns if c.name in ("customer_id", "landing_date", *state.key)]
        old = engine.select_files(sorted(before, key=lambda file: file.path), index)
        selects.append(
            f"SELECT old.customer_id FROM ({old}) AS old "
            f"SEMI JOIN {engine.scan_files(gone)} AS gone ON {same} WHERE old.customer_id IS NOT NULL"
        )
    return " UNION ALL ".join(selects)


def _touched_days(table: Table, previous: Manifest, inputs: dict[str, TableState], night: Night, engine: Engine) -> str:
    """SQL of the days of events that tonight brought or replaced, and of those that waited for their day.

    The events of all other days stay unread, so that a night costs the same after years of nights.
    """
    ((name, state),) = inputs.items()
    return changed_days(name, INCREMENTAL[table.name], state, previous.run_date, night, engine)


def _touched_sale_days(
    table: Table, previous: Manifest, inputs: dict[str, TableState], night: Night, engine: Engine
) -> str:
    """SQL of the days of the receipts that tonight brought, changed or replaced.

    Also makes table `receipt_of_touched_day` of all receipts of these days, by which their lines are found.
    """
    facts, key = inputs["receipt_fact"], INCREMENTAL[table.name]
    days = changed_days("receipt_fact", key, facts, previous.run_date, night, engine)
    engine.materialise("touched_day", days)
    receipts = engine.select_of(facts, contract_of("receipt_fact"))
    engine.materialise(
        "receipt_of_touched_day",
        f"SELECT receipt_id FROM ({receipts}) WHERE {key} IN (SELECT {key} FROM touched_day)",
    )
    return f"SELECT {key} FROM touched_day"


def changed_days(name: str, key: str, state: TableState, last_night: date, night: Night, engine: Engine) -> str:
    """SQL of the days, by a date column of a table, of rows that tonight brought or replaced or that waited.

    Args:
        name: The table, to which nights add.
        key: Its date column.
        state: It as of tonight.
        last_night: The night before.
        night: Tonight.
        engine: To read it.
    """
    contract = contract_of(name)
    index = [column for column in contract.columns if column.name in {key, "landing_date", *state.key}]
    selects = [
        f"SELECT {key} FROM ({engine.select_of(state, contract)}) AS waiting "
        f"WHERE {key} > DATE '{last_night}' AND {key} <= DATE '{night.run_date}'"
    ]
    if own := _filled(state.written_by(night.run_date)):
        selects.append(f"SELECT {key} FROM ({engine.select_files(own, index)}) AS own")
    if gone := tuple(file for file in state.superseded if file.night == night.run_date):
        row = ("landing_date", *state.key)
        replaced = engine.select_files(gone, [column for column in index if column.name in row])
        before = engine.select_files(sorted(state.written_before(night.run_date), key=lambda file: file.path), index)
        same = " AND ".join(f"gone.{identifier(name)} = old.{identifier(name)}" for name in row)
        selects.append(f"SELECT {key} FROM ({before}) AS old SEMI JOIN ({replaced}) AS gone ON {same}")
    return f"SELECT DISTINCT {key} FROM ({' UNION ALL '.join(selects)})"


# What finds the touched ones, by the column that they are known by.
_TOUCHED = {
    "receipt_id": _touched_receipts,
    "customer_id": _touched_customers,
    "occurred_date": _touched_days,
    "business_date": _touched_sale_days,
}
