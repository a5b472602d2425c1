"""All tables of a night: their layer, how they are made and what they read. The DAG is drawn from this.

Each SQL file of a layer is a table, and its inputs are found in its text. Tables that Python makes are declared here,
and nowhere else, with their inputs and the dotted name of their function. The name stays a string: a function is
imported only when it runs, so that a DAG parses fast.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from pipelines.contracts import ContractError, sources, table_contract
from pipelines.settings import ROOT

Layer = Literal["staging", "facts", "scores", "marts", "segments"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
SQL = ROOT / "sql"

# Tables of one row or a few that a night registers for its SQL: its date, its settings.
PARAMETERS = frozenset({"night", "feature_date", "gift_card_category"})
# The table that stops a night whose batches break a limit.
GATE = "batch_expectation"
# Tables that a night works out only for the receipts, customers or days that it touches, by that column. No contract
# says so: pipelines/tables/incremental.py finds what is touched by way of these very tables.
INCREMENTAL = {
    "receipt_fact": "receipt_id",
    "receipt_offer": "receipt_id",
    "line_slip": "business_date",
    "return_link": "customer_id",
    "customer_day": "customer_id",
    "customer_category": "customer_id",
    "customer_totals": "customer_id",
    "customer_gap": "customer_id",
    "lifecycle_stay": "customer_id",
    "customer_start": "customer_id",
    "points_flow": "customer_id",
    "customer_points": "customer_id",
    "web_visit": "occurred_date",
    "web_visitor": "customer_id",
}


@dataclass(frozen=True)
class Table:
    """One table: how it is made and what it reads.

    inputs are tables of tonight, history what earlier nights published, replaced (of a view) superseded rows.

    A `split` is made along with the table that it reads: a source's personal columns, a second result of a function.
    A fit is kept from night to night, until it is a week old or what it is made by has changed: its model (a module or
    folder of models/, if it has one), the libraries that it runs, its queries, or the SQL of its inputs.
    A table that keeps rows takes over those of last night that tonight does not touch, while its recipe stays.
    queries are the files of sql/ that a Python table runs itself, see query.
    """

    name: str
    layer: Layer
    kind: Literal["source", "split", "sql", "python", "segments"]
    inputs: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    sql: str = ""
    function: str = ""
    model: str = ""
    libraries: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    is_fit: bool = False
    keeps_rows: bool = False

    @property
    def is_incremental(self) -> bool:
        return self.name in INCREMENTAL

    @property
    def is_view(self) -> bool:
        """Whether a night writes no file for it, as its contract says: its SELECT runs where it is read."""
        return self.kind == "sql" and table_contract(self.name).is_view


_EVERY_SOURCE = ("every_source",)  # replaced by the names of all sources: a home's settings may add some
# Tables that Python makes: name, layer, kind, inputs, history, function. A split is made by its input's function.
_PYTHON = (
    Table(
        "batch_expectation",
        "facts",
        "python",
        _EVERY_SOURCE,
        ("batch_profile",),
        function="pipelines.intake.batch_validation:batch_expectation",
    ),
    Table("batch_profile", "facts", "split", ("batch_expectation",)),
    Table(
        "rejection",
        "facts",
        "python",
        _EVERY_SOURCE,
        ("rejection",),
        function="pipelines.intake.lost_money:rejection",
    ),
    Table("calendar", "facts", "python", ("receipt_fact",), function="pipelines.tables.calendar:calendar"),
    Table("calendar_period", "facts", "split", ("calendar",)),
    Table(
        "customer_identity",
        "facts",
        "python",
        ("card_move", "crm_customers", "crm_customers_personal"),
        function="pipelines.tables.identity:customer_identity",
    ),
    Table("customer_match", "facts", "split", ("customer_identity",)),
    Table("identity_conflict", "facts", "split", ("customer_identity",)),
    Table(
        "clv_fit",
        "scores",
        "python",
        ("customer_day", "customer_purchase_pattern", "cut_off", "service_account", "taken_back"),
        ("clv_fit", "clv_model"),
        function="pipelines.scoring.clv:clv_fit",
        model="clv",
        libraries=("autograd", "lifetimes", "numpy", "scipy"),
        queries=(
            "fits/entry_week",
            "fits/holdout_purchase",
            "fits/largest_customer",
            "fits/margin_rate",
            "fits/purchase_pattern_count",
            "fits/shopper",
            "fits/spend_pattern_count",
        ),
        is_fit=True,
    ),
    Table("clv_model", "scores", "split", ("clv_fit",)),
    Table(
        "customer_clv",
        "scores",
        "python",
        ("customer_purchase_pattern", "clv_model", "service_account"),
        function="pipelines.scoring.clv:customer_clv",
        queries=("fits/largest_customer", "fits/purchase_pattern_count", "fits/scored_pattern"),
    ),
    Table("customer_clv_horizon", "scores", "split", ("customer_clv",)),
    Table("clv_forecast", "scores", "split", ("customer_clv",)),
    Table("clv_drift", "scores", "split", ("customer_clv",)),
    Table(
        "churn_fit",
        "scores",
        "python",
        ("customer_day", "customer_outcome", "customer_totals", "cut_off", "service_account", "taken_back"),
        ("churn_fit", "churn_model", "churn_calibration"),
        function="pipelines.scoring.churn:churn_fit",
        model="churn",
        libraries=("autograd", "lifetimes", "numpy", "scikit-learn", "scipy"),
        queries=(
            "fits/buying_pattern",
            "fits/churn_customer",
            "fits/season_outcome",
            "fits/shopper_day",
            "scores/customer_features",
        ),
        is_fit=True,
    ),
    Table("churn_model", "scores", "split", ("churn_fit",)),
    Table("churn_calibration", "scores", "split", ("churn_fit",)),
    Table(
        "customer_churn",
        "scores",
        "python",
        ("customer_features", "churn_model", "clv_model"),
        function="pipelines.scoring.churn:customer_churn",
    ),
    Table("churn_drift", "scores", "split", ("customer_churn",)),
    Table(
        "spend_growth_fit",
        "scores",
        "python",
        ("customer_day", "customer_outcome", "customer_totals", "cut_off", "service_account", "taken_back"),
        ("spend_growth_fit", "spend_growth_model"),
        function="pipelines.scoring.spend_growth:spend_growth_fit",
        model="spend_growth",
        libraries=("numpy", "scikit-learn", "scipy"),
        queries=("fits/sampled_customer", "scores/customer_features"),
        is_fit=True,
    ),
    Table("spend_growth_model", "scores", "split", ("spend_growth_fit",)),
    Table(
        "customer_spend_more",
        "scores",
        "python",
        ("customer_features", "spend_growth_model"),
        function="pipelines.scoring.spend_growth:customer_spend_more",
    ),
    Table("spend_growth_drift", "scores", "split", ("customer_spend_more",)),
    Table(
        "next_order_fit",
        "scores",
        "python",
        ("clv_model", "customer_day", "customer_totals", "cut_off", "service_account", "taken_back"),
        ("next_order_fit", "next_order_model"),
        function="pipelines.scoring.next_order:next_order_fit",
        model="next_order",
        libraries=("numpy", "scipy"),
        queries=(
            "fits/purchase_day",
            "fits/purchase_interval",
            "fits/purchase_pattern",
            "fits/sampled_customer",
        ),
        is_fit=True,
    ),
    Table("next_order_model", "scores", "split", ("next_order_fit",)),
    Table(
        "customer_next_order",
        "scores",
        "python",
        ("customer_purchase_pattern", "next_order_model", "service_account"),
        function="pipelines.scoring.next_order:customer_next_order",
        queries=("fits/scored_pattern",),
    ),
    Table("next_order_drift", "scores", "split", ("customer_next_order",)),
    Table(
        "headroom_fit",
        "scores",
        "python",
        ("customer", "customer_category", "customer_peer", "customer_totals", "service_account"),
        ("headroom_fit", "category_capacity", "peer_group"),
        function="pipelines.scoring.headroom:headroom_fit",
        queries=("fits/category_capacity", "fits/peer_group"),
        is_fit=True,
    ),
    Table("category_capacity", "scores", "split", ("headroom_fit",)),
    Table("peer_group", "scores", "split", ("headroom_fit",)),
    Table(
        "concentration_fit",
        "scores",
        "python",
        ("customer_day", "order_line", "service_account"),
        ("concentration_fit", "concentration", "product_abc"),
        function="pipelines.scoring.concentration:concentration_fit",
        model="concentration",
        libraries=("numpy",),
        queries=("fits/monthly_revenue", "fits/product_abc", "fits/product_day"),
        is_fit=True,
    ),
    Table("concentration", "scores", "split", ("concentration_fit",)),
    Table("product_abc", "scores", "split", ("concentration_fit",)),
    Table(
        "product_fit",
        "marts",
        "python",
        ("customer_day", "customer_totals", "first_order", "order_line", "service_account"),
        ("product_fit", "product_repeat", "first_product", "product_relation"),
        function="pipelines.scoring.products:product_fit",
        model="product",
        libraries=("numpy", "scipy"),
        queries=("fits/first_product", "fits/product_purchase", "fits/product_repeat", "fits/sampled_customer"),
        is_fit=True,
    ),
    Table("product_repeat", "marts", "split", ("product_fit",)),
    Table("first_product", "marts", "split", ("product_fit",)),
    Table("product_relation", "marts", "split", ("product_fit",)),
    Table(
        "customer_channel",
        "marts",
        "python",
        ("contact_response", "customer", "customer_rfm"),
        function="pipelines.scoring.channel:customer_channel",
        queries=("fits/channel_customer", "fits/response", "fits/response_sample", "fits/response_total"),
    ),
    Table("segment_channel", "marts", "split", ("customer_channel",)),
    Table("channel_fit", "marts", "split", ("customer_channel",)),
    Table(
        "customer_promo_habit",
        "marts",
        "python",
        ("customer_totals",),
        function="pipelines.scoring.promo_habit:customer_promo_habit",
        queries=("fits/promo_habit",),
    ),
    Table(
        "campaign_effect",
        "marts",
        "python",
        ("campaign_after_outcome", "campaign_outcome", "campaign_overlap", "campaign_reach", "campaign_top"),
        function="pipelines.scoring.campaign_effect:campaign_effect",
        queries=("fits/campaign_arm",),
    ),
    Table("campaign_pull_forward", "marts", "split", ("campaign_effect",)),
    Table(
        "all_campaigns_effect",
        "marts",
        "python",
        ("customer", "customer_day", "customer_totals"),
        ("all_campaigns_effect", "global_control_draw"),
        function="pipelines.scoring.all_campaigns:all_campaigns_effect",
        model="campaign",
        libraries=("numpy", "scipy"),
        queries=("fits/drawn_arm", "fits/drawn_customer", "fits/drawn_purchase", "fits/drawn_sum"),
        is_fit=True,
    ),
    Table(
        "period_sales",
        "marts",
        "python",
        (
            "benefit_use",
            "calendar_period",
            "crm_customers",
            "customer",
            "customer_day",
            "customer_identity",
            "customer_purchase_pattern",
            "customer_totals",
            "order_line",
            "person_receipt",
            "points_ledger",
            "products",
            "receipt_fact",
            "stores",
        ),
        ("cohort_cell", "customer_segment_history", "period_benefit", "period_points", "period_sales"),
        function="pipelines.tables.period_sales:period_sales",
        queries=(
            "kpis/cohort_cell",
            "kpis/customer_cut",
            "kpis/period_benefit",
            "kpis/period_category",
            "kpis/period_cut",
            "kpis/period_points",
            "kpis/sold",
        ),
        keeps_rows=True,
    ),
    Table("period_benefit", "marts", "split", ("period_sales",)),
    Table("period_points", "marts", "split", ("period_sales",)),
    Table("cohort_cell", "marts", "split", ("period_sales",)),
    Table(
        "kpi_movement",
        "marts",
        "python",
        ("kpi_daily", "kpi_period"),
        function="pipelines.scoring.kpi_change:kpi_movement",
    ),
    Table("kpi_change", "marts", "split", ("kpi_movement",)),
    Table(
        "points_breakage",
        "marts",
        "python",
        ("points_entry", "points_flow", "receipt_fact"),
        ("points_liability",),
        function="pipelines.scoring.points:points_breakage",
        queries=("fits/points_revenue", "fits/points_triangle"),
    ),
    Table("points_outlook", "marts", "split", ("points_breakage",)),
    Table("points_liability", "marts", "split", ("points_breakage",)),
    Table("backtest", "marts", "python", function="pipelines.tables.quality:backtest"),
    Table("backtest_quality", "marts", "split", ("backtest",)),
    Table("backtest_latest", "marts", "split", ("backtest",)),
    Table("data_quality", "marts", "python", _EVERY_SOURCE, function="pipelines.tables.quality:data_quality"),
    Table("feed_quality", "marts", "python", _EVERY_SOURCE, function="pipelines.tables.quality:feed_quality"),
    Table("rejected_rows", "marts", "python", _EVERY_SOURCE, function="pipelines.tables.quality:rejected_rows"),
    Table("segment", "segments", "python", function="pipelines.tables.segments:segment"),
    Table(
        "campaign_list",
        "segments",
        "python",
        (
            "campaign_member",
            "campaigns",
            "contact",
            "crm_customers_personal",
            "customer",
            "customer_360",
            "customer_channel",
            "customer_identity",
            "customer_segment",
            "customer_segment_history",
            "suppressed_channel",
        ),
        (
            "campaign_assignment",
            "campaign_delivery",
            "campaign_list",
            "crm_customers_personal",
            "global_control_draw",
            "own_campaign",
        ),
        function="pipelines.campaigns.night:campaign_list",
    ),
    Table("campaign_assignment", "segments", "split", ("campaign_list",)),
    Table("campaign_exclusion", "segments", "split", ("campaign_list",)),
    Table("campaign_delivery", "segments", "split", ("campaign_list",)),
    Table("campaign_hold", "segments", "split", ("campaign_list",)),
    Table("own_campaign", "segments", "split", ("campaign_list",)),
    Table("global_control_draw", "segments", "split", ("campaign_list",)),
    Table(
        "campaign_power",
        "segments",
        "python",
        (
            "campaigns",
            "contact",
            "crm_customers_personal",
            "customer",
            "customer_day",
            "customer_segment",
            "customer_segment_history",
            "suppressed_channel",
        ),
        function="pipelines.campaigns.power:campaign_power",
    ),
)


@cache
def query(name: str) -> str:
    """The SELECT in sql/<name>.sql, as in "lists/candidate": it is no table of the night, but is run to make one.

    It reads tables and views by their names alone. What varies (a day, a setting) is registered as a small table.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").strip()


@lru_cache(maxsize=256)
def parsed(sql: str) -> exp.Expression:
    """A SELECT's tree, kept because a night asks for the same ones again and again. It must not be changed."""
    return sqlglot.parse_one(sql, read="duckdb")


class Inputs(NamedTuple):
    """Names of the tables that a SELECT reads, sorted. Those of replaced are among those of tonight too."""

    tonight: tuple[str, ...]
    history: tuple[str, ...]
    replaced: tuple[str, ...]


def read_inputs(sql: str) -> Inputs:
    """The tables that a SELECT reads, without its own CTEs and the night's parameters."""
    read: dict[str, set[str]] = {"": set(), "history": set(), "replaced": set()}
    for scope in traverse_scope(parsed(sql)):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                read[source.db if source.db in read else ""].add(source.name)
    tonight = (read[""] | read["replaced"]) - PARAMETERS
    return Inputs(tuple(sorted(tonight)), tuple(sorted(read["history"])), tuple(sorted(read["replaced"])))


def segment_files() -> list[Path]:
    """The SQL files of the segments, one a segment."""
    return sorted((SQL / "segments").glob("*.sql"))


def segment_path(segment: str) -> Path:
    """The SQL file of a segment."""
    return SQL / "segments" / f"{segment}.sql"


def _sql_tables(layer: Layer) -> Iterator[Table]:
    for path in sorted((SQL / layer).glob("*.sql")):
        name, sql = path.stem, path.read_text(encoding="utf-8")
        inputs, history, replaced = read_inputs(sql)
        if name == "customer_category":
            # Its SELECT does not read customer_day, but which customers tonight touches is found there.
            inputs = tuple(sorted({*inputs, "customer_day"}))
        yield Table(name, layer, "sql", inputs, history, replaced, sql=sql)


def _segment_table() -> Table:
    """customer_segment: all segments' customers, so it reads what any segment reads."""
    read = [read_inputs(path.read_text(encoding="utf-8")) for path in segment_files()]
    tonight = {name for inputs in read for name in inputs.tonight}
    history = {name for inputs in read for name in inputs.history}
    return Table("customer_segment", "segments", "segments", tuple(sorted(tonight)), tuple(sorted(history)))


def _made() -> Iterator[Table]:
    for name, contract in sources().items():
        yield Table(name, "staging", "source")
        if contract.personal_columns:
            yield Table(f"{name}_personal", "staging", "split", (name,))
    for layer in LAYERS[1:-1]:  # of the first the tables are sources, of the last the files are one table
        yield from _sql_tables(layer)
    yield _segment_table()
    every_source = tuple(sources())
    yield from (replace(table, inputs=every_source) if table.inputs is _EVERY_SOURCE else table for table in _PYTHON)


def _first_after_reading(found: Mapping[str, Table]) -> frozenset[str]:
    """Names of the tables that are made of extracts alone, or of nothing. They wait until the batches were judged.

    What a night can be stopped for is known as soon as all is read: nothing is built before that.
    """
    read = {name for name, table in found.items() if _is_read(table, found)}
    return frozenset(
        name
        for name, table in found.items()
        if name not in read and table.inputs != (GATE,) and name != GATE and read.issuperset(table.inputs)
    )


def _is_read(table: Table, found: Mapping[str, Table]) -> bool:
    """Whether a table is a source, or its personal columns, which are made along with it."""
    return table.kind == "source" or (table.kind == "split" and found[table.inputs[0]].kind == "source")


@cache
def tables() -> dict[str, Table]:
    """Every table by name, each after those that it reads, and what is built after the batches were judged.

    Raises:
        ValueError: a table reads one that nobody makes, or two tables have one name.
        graphlib.CycleError: tables read each other in a circle.
    """
    found: dict[str, Table] = {}
    for table in _made():
        if table.name in found:
            raise ContractError(f"two tables are named {table.name}; give a source of that name another one")
        found[table.name] = table
    for table in found.values():
        for name in (*table.inputs, *table.history):
            if name not in found:
                raise ValueError(f"{table.name} reads {name}, which nobody makes")
    waiting = _first_after_reading(found) if GATE in found else frozenset()
    gates = {name: (GATE,) if name in waiting else () for name in found}
    order = TopologicalSorter({name: (*table.inputs, *gates[name]) for name, table in found.items()}).static_order()
    return {name: found[name] for name in order}


@cache
def tables_by_task() -> dict[Layer, tuple[str, ...]]:
    """Names of the tables that each task of the night makes, in order: those of a layer. Splits come of what they read.

    A table that reads one of a later layer is made there: every task needs only the tasks before it.
    """
    task: dict[str, Layer] = {}
    for table in tables().values():
        task[table.name] = max([table.layer, *(task[name] for name in table.inputs)], key=LAYERS.index)
    return {
        layer: tuple(name for name, made in task.items() if made == layer and tables()[name].kind != "split")
        for layer in LAYERS
    }


@cache
def views() -> frozenset[str]:
    """Names of the tables that a night writes no file for."""
    return frozenset(name for name, table in tables().items() if table.is_view)
