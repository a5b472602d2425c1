"""Build: one table of a night, from the tables before it, into new files of the lake."""

import hashlib
import importlib
import os
import shutil
from collections.abc import Callable, Iterable
from datetime import date, timedelta

import pyarrow as pa

from pipelines.catalog import Table, segment_files, tables
from pipelines.contracts import Contract, sources, table_contract
from pipelines.engine import DuckDBEngine, Engine, identifier, literal
from pipelines.errors import LoyaltyError
from pipelines.ingest import stage_source, staging_contracts
from pipelines.lake import Manifest, Night, Part, TableState
from pipelines.settings import Settings

# Tables by name: the one that is made, and its splits.
TableMaker = Callable[[DuckDBEngine, Night, Settings], dict[str, pa.Table]]


def contract_of(name: str) -> Contract:
    """The contract of any table, as it lies in the lake."""
    source = sources().get(name.removesuffix("_personal"))
    if source:
        return next(contract for contract in staging_contracts(source) if contract.name == name)
    return table_contract(name)


def parameters(run_date: date, settings: Settings) -> dict[str, pa.Table]:
    """What SQL may know of tonight: one row of its date and settings, the cut-offs of features, gift-card categories.

    The cut-offs are tonight, the last day whose label is known tonight, and one horizon before that.
    """
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
    lead, horizon = timedelta(settings.churn_lead_days), timedelta(settings.churn_horizon_days)
    as_of = [run_date - k * (lead + horizon) for k in (0, 1, 2)]
    return {
        "night": pa.table({name: pa.array([value], type=types.get(name)) for name, value in night.items()}),
        "feature_date": pa.table(
            {
                "as_of_date": as_of,
                "label_from_date": [day + lead + timedelta(1) for day in as_of],
                "label_to_date": [day + lead + horizon for day in as_of],
            }
        ),
        "gift_card_category": pa.table({"category": pa.array(sorted(set(settings.gift_card_categories)), pa.string())}),
    }


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
        engine.register_arrow("made", rows)
        states[name] = TableState(parts=_write(name, "SELECT * FROM made", engine))
    return states


def _write(name: str, select: str, engine: Engine) -> tuple[Part, ...]:
    """A table's rows in its contract's columns, order and types, held against the contract."""
    contract = contract_of(name)
    columns = ", ".join(f"CAST({identifier(c.name)} AS {c.type}) AS {identifier(c.name)}" for c in contract.columns)
    parts = engine.write(f"SELECT {columns} FROM ({select}\n) AS made", name)
    check_table(contract, engine.scan_parts(parts), engine)
    return parts


def check_table(contract: Contract, rows: str, engine: Engine) -> None:
    """Hold a made table against its contract: rules, required columns, one row for each key.

    Raises:
        LoyaltyError: it breaks it. The fault is in the code or in an extract that the source's contract lets through.
    """
    rules = [f"COUNT(CASE WHEN NOT ({rule.condition}) THEN 1 END)" for rule in contract.rules]
    key = ", ".join(identifier(k) for k in contract.key)
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
    """A fact by receipt: worked out for the receipts that tonight touches, whole; the others stay as they were.

    Worked out for all receipts when the earlier nights are not the ones the last manifest rests on, or when what the
    fact is made by has changed.
    """
    key = ("receipt_id",)
    recipe = _recipe(table, engine, settings)
    dated = [name for name in table.inputs if "receipt_id" in contract_of(name).key]
    inputs = {name: night.table(name) for name in dated}
    previous = night.previous
    earlier = previous.tables.get(table.name) if previous else None
    if previous is None or earlier is None or earlier.recipe != recipe or not _rests_on(previous, inputs, night):
        return TableState(parts=_write(table.name, table.sql, engine), key=key, recipe=recipe)

    _find_touched(inputs, previous.run_date, night, engine)
    for name in dated:
        whole = engine.select_of(inputs[name], contract_of(name))
        engine.register(name, f"SELECT * FROM ({whole}) WHERE receipt_id IN (SELECT receipt_id FROM touched)")
    made = _write(table.name, table.sql, engine)
    old = engine.select_of(earlier, table_contract(table.name))
    replaced = (
        f"SELECT DISTINCT landing_date, receipt_id FROM ({old}) WHERE receipt_id IN (SELECT receipt_id FROM touched)"
    )
    if earlier.superseded:
        replaced += f" UNION ALL SELECT landing_date, receipt_id FROM {engine.scan_parts(earlier.superseded)}"
    superseded = engine.write(replaced, f"{table.name}_superseded")
    return TableState(
        parts=(*earlier.parts, *made),
        superseded=superseded if any(part.rows for part in superseded) else (),
        key=key,
        recipe=recipe,
    )


def _recipe(table: Table, engine: Engine, settings: Settings) -> str:
    """What besides the receipts' rows decides on the fact's rows."""
    digest = hashlib.sha256(f"{table.sql}{settings.amounts_include_tax}".encode())
    for (product,) in engine.rows("SELECT product_id FROM gift_card_product ORDER BY product_id"):
        digest.update(f"{product}\n".encode())
    return digest.hexdigest()


def _rests_on(previous: Manifest, inputs: dict[str, TableState], night: Night) -> bool:
    """Whether the last manifest was made from the earlier nights as they now are."""
    return all(
        set(previous.tables.get(name, TableState()).parts) == state.written_before(night.run_date)
        for name, state in inputs.items()
    )


def _find_touched(inputs: dict[str, TableState], since: date, night: Night, engine: Engine) -> None:
    """Make table `touched`: receipts that tonight's extracts name, and those whose day has come."""
    selects = [
        f"SELECT receipt_id FROM {engine.scan_parts(own)}"
        for state in inputs.values()
        if (own := state.written_by(night.run_date))
    ]
    waiting = engine.select_of(inputs["receipts"], contract_of("receipts"))
    selects.append(
        f"SELECT receipt_id FROM ({waiting}) "
        f"WHERE issued_date > DATE '{since}' AND issued_date <= DATE '{night.run_date}'"
    )
    engine.materialise("touched", f"SELECT DISTINCT receipt_id FROM ({' UNION ALL '.join(selects)})")


def made_tables() -> Iterable[str]:
    """Names of all tables that a night's manifest holds."""
    for table in tables().values():
        yield table.name
        if table.kind == "source":
            yield f"rejected_{table.name}"
