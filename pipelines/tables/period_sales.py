"""Sales by day, week and month, by every cut: worked out again only for the periods that a night touches.

A receipt that comes late, is corrected or voided, a card or an account that turns out to be somebody's, points posted
late: each touches the days concerned, and so their weeks and months. All other periods stay as an earlier night made
them, so that a night reads the receipts and lines of a few months, not of all history.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import pyarrow as pa

from pipelines.catalog import query, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.store.manifest import Lineage, Manifest, TableState
from pipelines.tables.calendar import periods_of
from pipelines.tables.incremental import changed_days
from pipelines.tables.inputs import columns_read, contract_of
from pipelines.tables.recipes import fit_recipe

# A day, a week or a month: its name and its first day.
Period = tuple[str, date]

# Each table with the SELECTs of its rows: those of a span of months at once, and those of one month after the other.
_OF_SPAN = {"period_benefit": ("kpis/period_benefit",), "period_points": ("kpis/period_points",)}
_OF_MONTH = {"period_sales": ("kpis/period_cut", "kpis/period_category"), "cohort_cell": ("kpis/cohort_cell",)}
_MADE = (*_OF_SPAN, *_OF_MONTH)
# Months whose receipts and lines are looked up together: fewer look through all lines more often, more do not fit into
# memory.
_SPAN_MONTHS = 3
# What order_line joins: of these the receipts of the periods alone are read.
_OF_RECEIPTS = ("receipt_fact", "receipt_lines")
# What of a person decides on the periods in which they bought.
_PERSON = "customer_id, enrolled_date, deleted_date, acquisition_channel, first_order_date"
_PERSONS = f"SELECT {_PERSON} FROM {{customer}} AS c LEFT JOIN {{customer_totals}} AS t USING (customer_id)"


def period_sales(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, str]:
    """Grain: period, its first day, cut and cut value. The splits have categories, benefits, points and cohorts.

    Tonight's rows are those of the touched periods, and of all others those that the last night had.
    """
    days = _days_to_make(engine, night, settings)
    periods = {(period, start): end for day in days for period, start, end in periods_of(day)}
    for name in _MADE:
        columns = ", ".join(f"CAST(NULL AS {c.type}) AS {identifier(c.name)}" for c in contract_of(name).columns)
        engine.materialise(f"made_{name}", f"SELECT {columns} WHERE FALSE")
    for span in _by_months(periods, _SPAN_MONTHS):
        _make(span, engine, night)
    keys = [{"period": period, "period_start": start} for period, start in periods]
    schema = pa.schema([("period", pa.string()), ("period_start", pa.date32())])
    engine.register_arrow("made_period", pa.Table.from_pylist(keys, schema))
    whole = night.previous is None or len(days) == _day_count(engine)
    return {name: f"SELECT * FROM made_{name}" if whole else _with_kept(name) for name in _MADE}


def _with_kept(name: str) -> str:
    """SQL of a table's rows: those made tonight, and the last night's of all other periods."""
    columns = ", ".join(f"h.{identifier(column.name)}" for column in contract_of(name).columns)
    same = "h.period = m.period AND h.period_start = m.period_start"
    if name == "cohort_cell":
        same = "m.period = 'month' AND h.business_month = m.period_start"
    kept = f"SELECT {columns} FROM history.{name} AS h ANTI JOIN made_period AS m ON {same}"
    return f"SELECT * FROM made_{name} UNION ALL {kept}"


def _by_months(periods: dict[Period, date], months: int) -> list[dict[Period, date]]:
    """Periods with their last days, those that begin in the same stretch of months together."""
    spans: defaultdict[int, dict[Period, date]] = defaultdict(dict)
    for (period, start), end in periods.items():
        spans[(12 * start.year + start.month - 1) // months][period, start] = end
    return [spans[span] for span in sorted(spans)]


def _make(periods: dict[Period, date], engine: DuckDBEngine, night: Night) -> None:
    """Add the rows of some periods, given with their last days, to the tables made."""
    first, last = min(start for _, start in periods), max(periods.values())
    span = {"from_date": pa.array([first], pa.date32()), "to_date": pa.array([last], pa.date32())}
    engine.register_arrow("kpi_span", pa.table(span))
    engine.materialise("sold", query("kpis/sold"))
    for name in _OF_RECEIPTS:  # else order_line joins the lines of all history before it leaves out other months'
        contract = contract_of(name)
        columns = ", ".join(map(identifier, columns_read(tables()["order_line"], contract)))
        every = engine.select_of(night.table(name), contract)
        engine.materialise(name, f"SELECT {columns} FROM ({every}) WHERE receipt_id IN (SELECT receipt_id FROM sold)")
    engine.materialise("basket", query("kpis/basket"))
    for name in _OF_RECEIPTS:
        engine.connection.execute(f"DROP TABLE temp.{name}")
    _register_days(periods, engine)
    _add(_OF_SPAN, engine)
    for month in _by_months(periods, 1):
        _register_days(month, engine)
        engine.materialise("customer_cut", query("kpis/customer_cut"))
        _add(_OF_MONTH, engine)


def _register_days(periods: dict[Period, date], engine: DuckDBEngine) -> None:
    """Make `kpi_day` of the days of some periods."""
    rows = [
        {"business_date": start + timedelta(n), "period": period, "period_start": start}
        for (period, start), end in periods.items()
        for n in range((end - start).days + 1)
    ]
    schema = pa.schema([("business_date", pa.date32()), ("period", pa.string()), ("period_start", pa.date32())])
    engine.register_arrow("kpi_day", pa.Table.from_pylist(rows, schema))


def _add(made: Mapping[str, tuple[str, ...]], engine: DuckDBEngine) -> None:
    """Add the rows of SELECTs, of the days registered, to the tables made."""
    for name, selects in made.items():
        for select in selects:
            engine.connection.execute(f"INSERT INTO made_{name} BY NAME {query(select)}")


def _day_count(engine: DuckDBEngine) -> int:
    return int(engine.rows("SELECT COUNT(*) FROM calendar_period WHERE period = 'day'")[0][0])


def _days_to_make(engine: DuckDBEngine, night: Night, settings: Settings) -> set[date]:
    """The days up to tonight that tonight touches: all, if what no row's date tells has changed."""
    previous = night.previous
    calendar = _dates(engine, "SELECT business_date FROM calendar_period WHERE period = 'day'")
    if previous is None or _is_outdated(previous, engine, night, settings):
        return calendar
    selects = [
        changed_days(name, column, night.table(name), previous.run_date, night, engine)
        for name, column in (("receipt_fact", "business_date"), ("points_ledger", "posted_date"))
    ]
    selects += _days_of_changed_persons(previous, engine, night)
    return calendar & _dates(engine, " UNION ".join(selects))


def _dates(engine: DuckDBEngine, select: str) -> set[date]:
    return {day for (day,) in engine.rows(select)}


def _is_outdated(previous: Manifest, engine: DuckDBEngine, night: Night, settings: Settings) -> bool:
    """Whether the last night's periods rest on other code, settings, receipts, stores, categories or first day."""
    if previous.table("period_sales").recipe != fit_recipe(tables()["period_sales"], settings):
        return True
    for name in ("receipt_fact", "points_ledger"):
        lineage = night.table(name).lineage or Lineage()
        is_full = contract_of(name).load == "full"  # each extract is the whole: which of its rows changed is not known
        if previous.lineage(name).state != (lineage.state if is_full else lineage.before):
            return True
    first = "SELECT MIN(business_date) FROM {}"
    if engine.rows(first.format("receipt_fact")) != engine.rows(
        first.format(_before("receipt_fact", previous, engine))
    ):
        return True
    stores = _differing("stores", "store_id, region", previous, engine)
    # A product that is new changes no period: its lines come along with it.
    columns = "product_id, category"
    categories = f"{_rows(columns, _before('products', previous, engine))} EXCEPT {_rows(columns, 'products')}"
    return bool(engine.rows(f"{stores} LIMIT 1") or engine.rows(f"{categories} LIMIT 1"))


def _before(name: str, previous: Manifest, engine: DuckDBEngine) -> str:
    """What to write after FROM to read a table as of the last night."""
    return f"({engine.select_of(previous.table(name), contract_of(name))})"


def _rows(columns: str, table: str) -> str:
    return f"SELECT {columns} FROM {table}"


def _differing(name: str, columns: str, previous: Manifest, engine: DuckDBEngine) -> str:
    """SQL of a table's rows that tonight has and the last night had not, or the other way round."""
    new, old = _rows(columns, name), _rows(columns, _before(name, previous, engine))
    return f"(({new}) EXCEPT ({old})) UNION ALL (({old}) EXCEPT ({new}))"


def _days_of_changed_persons(previous: Manifest, engine: DuckDBEngine, night: Night) -> Iterable[str]:
    """SQL of the days with purchases or benefits of persons whose accounts, enrolment or first order have changed."""
    merged = _differing("customer_identity", "source_customer_id, customer_id", previous, engine)
    engine.materialise("merged", merged)
    own: dict[str, TableState] = {name: night.table(name) for name in ("crm_customers", "customer_totals")}
    candidates = [
        f"SELECT customer_id FROM {engine.scan_files(files)}"
        for state in own.values()
        if (files := state.written_by(night.run_date))
    ]
    engine.materialise(
        "candidate",
        " UNION ".join(["SELECT customer_id FROM merged", "SELECT source_customer_id FROM merged", *candidates])
        + f" UNION SELECT customer_id FROM crm_customers WHERE registered_date > DATE '{previous.run_date}'",
    )
    engine.materialise(
        "person",
        "SELECT customer_id FROM candidate UNION SELECT i.customer_id FROM customer_identity AS i "
        "SEMI JOIN candidate AS c ON i.source_customer_id = c.customer_id",
    )
    before = {name: _before(name, previous, engine) for name in ("customer", "customer_totals")}
    new, old = (
        f"SELECT {_PERSON} FROM ({select}) AS p SEMI JOIN person USING (customer_id)"
        for select in (
            _PERSONS.format(customer="customer", customer_totals="customer_totals"),
            _PERSONS.format(**before),
        )
    )
    engine.materialise(
        "changed_person",
        f"SELECT customer_id FROM (({new} EXCEPT {old}) UNION ALL ({old} EXCEPT {new})) "
        "UNION SELECT customer_id FROM merged UNION SELECT source_customer_id FROM merged",
    )
    return [
        f"SELECT business_date FROM {name} AS d SEMI JOIN changed_person USING (customer_id)"
        for name in ("customer_day", "benefit_use")
    ]
