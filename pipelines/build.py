"""Build: one table of a night, from the tables before it, into new files of the lake."""

import hashlib
import importlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from importlib.metadata import version

import pyarrow as pa
from sqlglot import exp

from pipelines.catalog import INCREMENTAL, VIEWS, Table, parsed, segment_files, tables
from pipelines.contracts import Contract, sources, table_contract
from pipelines.engine import DuckDBEngine, Engine, identifier, literal
from pipelines.errors import LoyaltyError
from pipelines.ingest import stage_source, staging_contracts
from pipelines.lake import Manifest, Night, Part, TableState
from pipelines.settings import ROOT, Settings

# An incremental table that lies in more pieces than this is written anew, so that reading it stays fast.
MOST_PARTS = 60
# Settings that a fitted model rests on.
FITTED_BY = (
    "buying_model",
    "active_days",
    "churn_lead_days",
    "churn_horizon_days",
    "amounts_include_tax",
    "gift_card_categories",
)
# Tables by name, as Arrow or as a SELECT: the one that is made, and its splits.
TableMaker = Callable[[DuckDBEngine, Night, Settings], Mapping[str, pa.Table | str]]


def contract_of(name: str) -> Contract:
    """The contract of any table, as it lies in the lake."""
    source = sources().get(name.removesuffix("_personal"))
    if source:
        return next(contract for contract in staging_contracts(source) if contract.name == name)
    return table_contract(name)


def parameters(run_date: date, settings: Settings) -> dict[str, pa.Table]:
    """What SQL may know of tonight: one row of its date and settings, the cut-off of features, gift-card categories."""
    night = {
        "run_date": run_date,
        "active_days": settings.active_days,
        "churn_lead_days": settings.churn_lead_days,
        "churn_horizon_days": settings.churn_horizon_days,
        "clv_horizon_days": settings.clv_horizon_days,
        "discount_rate": settings.discount_rate,
        "point_value": settings.point_value,
        "amounts_include_tax": settings.amounts_include_tax,
        "currency": settings.currency,
    }
    types = {"active_days": pa.int32(), "churn_lead_days": pa.int32(), "churn_horizon_days": pa.int32()}
    types |= {"clv_horizon_days": pa.int32(), "point_value": pa.decimal128(18, 4)}
    return {
        "night": pa.table({name: pa.array([value], type=types.get(name)) for name, value in night.items()}),
        "feature_date": feature_dates([run_date], settings),
        "gift_card_category": pa.table({"category": pa.array(sorted(set(settings.gift_card_categories)), pa.string())}),
    }


def feature_dates(as_of: list[date], settings: Settings) -> pa.Table:
    """Grain: cut-off. Days up to which customers are described, each with the days in which its label is decided."""
    lead, horizon = timedelta(settings.churn_lead_days), timedelta(settings.churn_horizon_days)
    columns = {
        "as_of_date": as_of,
        "label_from_date": [day + lead + timedelta(1) for day in as_of],
        "label_to_date": [day + lead + horizon for day in as_of],
    }
    return pa.table({name: pa.array(days, pa.date32()) for name, days in columns.items()})


def register_inputs(engine: Engine, night: Night, settings: Settings, table: Table) -> None:
    """Make the names that a table reads stand for their rows as of tonight."""
    for name, rows in parameters(night.run_date, settings).items():
        engine.register_arrow(name, rows)
    for name in table.inputs:
        _register(engine, night, name)
    for name in table.history:
        earlier = night.previous.tables.get(name, TableState()) if night.previous else TableState()
        engine.register(f"history.{name}", engine.select_of(earlier, contract_of(name)))


def _register(engine: Engine, night: Night, name: str) -> None:
    table = tables()[name]
    if table.is_view:
        for inner in table.inputs:
            _register(engine, night, inner)
        for source in table.replaced:
            engine.register(f"replaced.{source}", engine.replaced_of(night.table(source), contract_of(source)))
        engine.register(name, table.sql)
    else:
        engine.register(name, engine.select_of(night.table(name), contract_of(name)))


def make_table(name: str, night: Night, settings: Settings) -> int:
    """Make a table of tonight and record it in the night's draft; returns its rows (0 for a view).

    Raises:
        BadDataError: its extract breaks the contract.
    """
    table = tables()[name]
    if table.is_view:
        night.add(name, TableState())
        return 0
    if table.kind == "source":
        with DuckDBEngine(night, settings) as engine:
            states = stage_source(sources()[name], night, engine, settings)
    elif table.kind == "python":
        with DuckDBEngine(night, settings) as engine:
            register_inputs(engine, night, settings, table)
            states = _make_python(table, night, engine, settings)
    else:
        with sql_engine(night, settings) as engine:
            register_inputs(engine, night, settings, table)
            states = {name: _make_sql(table, night, engine, settings)}
    for made, state in states.items():
        night.add(made, state)
    return sum(part.rows for part in states[name].written_by(night.run_date))


def sql_engine(night: Night, settings: Settings) -> Engine:
    """The engine that the settings name for facts, marts and segments.

    Raises:
        LoyaltyError: Spark is wanted and not installed, or Java is missing.
    """
    if settings.engine == "duckdb":
        return DuckDBEngine(night, settings)
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise LoyaltyError("LOYALTY_ENGINE=spark needs Java 17 (Debian: openjdk-17-jre-headless); there is none here")
    try:
        from pipelines.spark import SparkEngine
    except ImportError as error:
        raise LoyaltyError("LOYALTY_ENGINE=spark needs PySpark: pip install 'pyspark[connect]==4.3.0'") from error
    return SparkEngine(night, settings)


def _make_sql(table: Table, night: Night, engine: Engine, settings: Settings) -> TableState:
    if table.is_incremental:
        return _make_incremental(table, night, engine, settings)
    select = segments_select() if table.kind == "segments" else table.sql
    return TableState(parts=_write(table.name, select, engine))


def _make_python(table: Table, night: Night, engine: DuckDBEngine, settings: Settings) -> dict[str, TableState]:
    module, function = table.function.split(":")
    maker: TableMaker = getattr(importlib.import_module(module), function)
    states = {}
    for name, rows in maker(engine, night, settings).items():
        if isinstance(rows, pa.Table):
            engine.register_arrow("made", rows)
            rows = "SELECT * FROM made"
        states[name] = TableState(parts=_write(name, rows, engine))
    if table.model:
        states[table.name] = states[table.name].model_copy(update={"recipe": fit_recipe(table, settings)})
    return states


def _write(name: str, select: str, engine: Engine) -> tuple[Part, ...]:
    """A table's rows in its contract's columns, order and types, held against the contract."""
    contract = contract_of(name)
    columns = ", ".join(f"CAST({identifier(c.name)} AS {c.type}) AS {identifier(c.name)}" for c in contract.columns)
    parts = engine.write(f"SELECT {columns} FROM ({select}\n) AS made", name)
    check_table(contract, engine.scan_parts(parts), engine, groups_by_key=_groups_by_key(select, contract.key))
    return parts


def _groups_by_key(select: str, key: tuple[str, ...]) -> bool:
    """Whether a SELECT can't give a key twice, because it groups by columns of it."""
    tree = parsed(select)
    group = tree.args.get("group")
    grouped = group.expressions if group else []
    return bool(grouped) and all(
        any(column.unalias() == by and column.alias_or_name in key for column in tree.selects) for by in grouped
    )


def check_table(contract: Contract, rows: str, engine: Engine, *, groups_by_key: bool = False) -> None:
    """Hold a made table against its contract: rules, required columns, one row for each key (unless it groups by it).

    Raises:
        LoyaltyError: it breaks it. The fault is in the code or in an extract that the source's contract lets through.
    """
    rules = [f"COUNT(CASE WHEN NOT ({rule.condition}) THEN 1 END)" for rule in contract.rules]
    key = "" if groups_by_key else ", ".join(identifier(k) for k in contract.key)
    distinct = f"(SELECT COUNT(*) FROM (SELECT DISTINCT {key} FROM {rows}))" if key else "COUNT(*)"
    *broken, twice = engine.rows(f"SELECT {', '.join([*rules, f'COUNT(*) - {distinct}'])} FROM {rows}")[0]
    found = [f"{count:,} rows break {rule.name}" for rule, count in zip(contract.rules, broken, strict=True) if count]
    if twice:
        found.append(f"{twice:,} rows have a key ({', '.join(contract.key)}) that another has too")
    if found:
        raise LoyaltyError(
            f"table {contract.name}: {'; '.join(found)}. Nothing was published; see data_contracts/marts/"
            f"{contract.name}.yaml, and report it with the extracts that led to it."
        )


def segments_select() -> str:
    """SQL of customer_segment: every segment's customers, under the name of its file."""
    return " UNION ALL ".join(
        f"SELECT DISTINCT customer_id, {literal(path.stem)} AS segment FROM ({path.read_text(encoding='utf-8')})"
        for path in segment_files()
    )


def _make_incremental(table: Table, night: Night, engine: Engine, settings: Settings) -> TableState:
    """A table by receipt or by customer: worked out whole for those that tonight touches; the others stay as they were.

    Worked out for all when the earlier nights are not the ones the last manifest rests on, when what else it is made
    from has changed, and when it lies in too many pieces.
    """
    key = INCREMENTAL[table.name]
    inputs = {name: night.table(name) for name in stored_inputs(table)}
    recipe = _recipe(table, settings)
    previous = night.previous
    earlier = previous.tables.get(table.name) if previous else None
    if (
        previous is None
        or earlier is None
        or earlier.recipe != recipe
        or len(earlier.parts) >= MOST_PARTS
        or not _rests_on(previous, inputs, night)
        or _reference_changed(table, previous, inputs, engine)
    ):
        return TableState(parts=_write(table.name, table.sql, engine), key=(key,), recipe=recipe)

    touched = _touched_receipts if key == "receipt_id" else _touched_customers
    engine.materialise("touched", touched(table, previous, inputs, night, engine))
    times_read = _times_read(table)
    for name, state in inputs.items():
        contract = contract_of(name)
        if name == "customer_identity" or all(column.name != key for column in contract.columns):
            continue
        columns = ", ".join(map(identifier, columns_read(table, contract)))
        rows = f"SELECT {columns} FROM ({engine.select_of(state, contract)}) WHERE {key} IN (SELECT {key} FROM touched)"
        if times_read[name] > 1:
            engine.materialise(name, rows)
        else:
            engine.register(name, rows)
    _register_views(engine, table, night, key)  # anew, on the rows left: Spark binds a view when it is made
    made = _write(table.name, table.sql, engine)
    old = engine.select_of(earlier, contract_of(table.name))
    replaced = engine.write(
        f"SELECT DISTINCT landing_date, {key} FROM ({old}) WHERE {key} IN (SELECT {key} FROM touched)",
        f"{table.name}_superseded",
    )
    return TableState(
        parts=(*earlier.parts, *_filled(made)),
        superseded=(*earlier.superseded, *_filled(replaced)),
        key=(key,),
        recipe=recipe,
    )


def _register_views(engine: Engine, table: Table, night: Night, key: str) -> None:
    for view in (tables()[name] for name in table.inputs):
        if view.is_view:
            _register_views(engine, view, night, key)
            for source in view.replaced:
                state = night.table(source)
                wanted = f"{key} IN (SELECT {key} FROM touched)" if key in state.key else "TRUE"
                engine.register(f"replaced.{source}", engine.replaced_of(state, contract_of(source), wanted))
            engine.register(view.name, view.sql)


def stored_inputs(table: Table) -> set[str]:
    """What a table reads in the end: views followed down to the tables that they read."""
    direct = {tables()[name] for name in table.inputs}
    return {t.name for t in direct if not t.is_view} | {name for t in direct if t.is_view for name in stored_inputs(t)}


def _times_read(table: Table) -> Counter[str]:
    """How often a table's SELECT, with its views written out, names each table."""
    views = {name: parsed(tables()[name].sql) for name in VIEWS}
    tree = exp.expand(parsed(table.sql), views)
    return Counter(read.name for read in tree.find_all(exp.Table) if not read.db)


def columns_read(table: Table, contract: Contract) -> list[str]:
    """Columns of an input that a table, or a view that it reads, names; and the input's key."""
    texts = [table.sql, *(tables()[name].sql for name in table.inputs if name in VIEWS)]
    named = {column.name for text in texts for column in parsed(text).find_all(exp.Column)}
    return [c.name for c in contract.columns if c.name in named or c.name in contract.key]


def _filled(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.rows)


def _recipe(table: Table, settings: Settings) -> str:
    """What besides the inputs' rows decides on the table's rows."""
    views = [tables()[name].sql for name in sorted(VIEWS)]
    return hashlib.sha256(json.dumps([table.sql, views, settings.amounts_include_tax]).encode()).hexdigest()


def fit_recipe(table: Table, settings: Settings) -> str:
    """What besides the rows read decides on a fit: the model's code, the SQL of its inputs, libraries, settings."""
    now = settings.model_dump(mode="json")
    content = {
        "code": [path.read_text(encoding="utf-8") for path in sorted((ROOT / "models").glob(f"{table.model}*.py"))],
        "sql": [tables()[name].sql for name in sorted(_read_in_the_end(table))],
        "libraries": {name: version(name) for name in table.libraries},
        "settings": {name: now[name] for name in FITTED_BY},
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _read_in_the_end(table: Table) -> set[str]:
    """The names of all tables of tonight that a table rests on."""
    return {name for read in table.inputs for name in (read, *_read_in_the_end(tables()[read]))}


def _rests_on(previous: Manifest, inputs: dict[str, TableState], night: Night) -> bool:
    """Whether the last manifest was made from the earlier nights' receipts as they now are."""
    for name, state in inputs.items():
        if name == "customer_identity" or _is_reference(name):
            continue
        is_full = contract_of(name).load == "full"
        expected = frozenset(state.parts) if is_full else state.written_before(night.run_date)
        if set(previous.tables.get(name, TableState()).parts) != expected:
            return False
    return True


def _is_reference(name: str) -> bool:
    """Whether a table's rows belong to no receipt and to no customer, as those of products."""
    return not {"receipt_id", "customer_id"} & {column.name for column in contract_of(name).columns}


def _reference_changed(table: Table, previous: Manifest, inputs: dict[str, TableState], engine: Engine) -> bool:
    """Whether reference data changed in a column that the table reads."""
    for name, state in inputs.items():
        contract = contract_of(name)
        before = previous.tables.get(name, TableState())
        if not _is_reference(name) or before.parts == state.parts:
            continue
        read = ", ".join(identifier(name) for name in columns_read(table, contract) if name != "landing_date")
        now, then = (f"SELECT {read} FROM ({engine.select_of(of, contract)})" for of in (state, before))
        differing = f"(({now}) EXCEPT ({then})) UNION ALL (({then}) EXCEPT ({now}))"
        if engine.rows(f"SELECT COUNT(*) FROM ({differing})")[0][0]:
            return True
    return False


def _touched_receipts(
    _table: Table, previous: Manifest, inputs: dict[str, TableState], night: Night, engine: Engine
) -> str:
    """SQL of the receipts that tonight's extracts name, and of those whose day has come."""
    selects = [
        f"SELECT receipt_id FROM {engine.scan_parts(own)}"
        for state in inputs.values()
        if (own := state.written_by(night.run_date)) and "receipt_id" in state.key
    ]
    waiting = engine.select_of(inputs["receipts"], contract_of("receipts"))
    selects.append(
        f"SELECT receipt_id FROM ({waiting}) "
        f"WHERE issued_date > DATE '{previous.run_date}' AND issued_date <= DATE '{night.run_date}'"
    )
    return f"SELECT DISTINCT receipt_id FROM ({' UNION ALL '.join(selects)})"


def _touched_customers(
    table: Table, previous: Manifest, inputs: dict[str, TableState], night: Night, engine: Engine
) -> str:
    """SQL of the persons whose receipts, or whose accounts' merges, changed tonight; and of all their accounts."""
    if table.name == "customer_totals":  # made of persons' tables
        return f"SELECT DISTINCT customer_id FROM ({_changed_customers(inputs['customer_day'], night, engine)})"
    identity = contract_of("customer_identity")
    now, then = (
        f"SELECT source_customer_id, customer_id FROM ({engine.select_of(state, identity)})"
        for state in (inputs["customer_identity"], previous.tables.get("customer_identity", TableState()))
    )
    engine.materialise("merged", f"(({now}) EXCEPT ({then})) UNION ALL (({then}) EXCEPT ({now}))")
    changed = " UNION ALL ".join(
        _changed_customers(inputs[name], night, engine) for name in ("receipt_fact", "customer_day") if name in inputs
    )
    engine.materialise(
        "changed",
        f"SELECT customer_id FROM ({changed}) UNION SELECT customer_id FROM merged "
        "UNION SELECT source_customer_id FROM merged",
    )
    engine.materialise(
        "person",
        "SELECT customer_id FROM changed UNION "
        f"SELECT customer_id FROM ({now}) WHERE source_customer_id IN (SELECT customer_id FROM changed)",
    )
    return (
        "SELECT customer_id FROM person UNION "
        f"SELECT source_customer_id FROM ({now}) WHERE customer_id IN (SELECT customer_id FROM person)"
    )


def _changed_customers(state: TableState, night: Night, engine: Engine) -> str:
    """SQL of the customers of an incremental table's rows that are new tonight, or were replaced tonight."""
    selects = ["SELECT CAST(NULL AS VARCHAR) AS customer_id WHERE FALSE"]
    if own := state.written_by(night.run_date):
        selects.append(f"SELECT customer_id FROM {engine.scan_parts(own)} WHERE customer_id IS NOT NULL")
    gone = tuple(part for part in state.superseded if part.night == night.run_date)
    before = state.written_before(night.run_date)
    if gone and "customer_id" in state.key:
        selects.append(f"SELECT customer_id FROM {engine.scan_parts(gone)}")
    elif gone and before:
        same = " AND ".join(f"gone.{identifier(k)} = old.{identifier(k)}" for k in ("landing_date", *state.key))
        selects.append(
            f"SELECT old.customer_id FROM {engine.scan_parts(sorted(before, key=lambda part: part.path))} AS old "
            f"SEMI JOIN {engine.scan_parts(gone)} AS gone ON {same} WHERE old.customer_id IS NOT NULL"
        )
    return " UNION ALL ".join(selects)


def made_tables() -> Iterable[str]:
    """Names of all tables that a night's manifest holds."""
    for table in tables().values():
        yield table.name
        if table.kind == "source":
            yield f"rejected_{table.name}"
