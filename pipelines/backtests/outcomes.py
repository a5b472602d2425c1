"""What came of an origin's forecasts: measure by measure, one row per customer with forecast, outcome and baseline.

sql/backtests/<measure>.sql works it out; the result has the columns that models.evaluation.backtest reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.evaluation.backtest import LEAST_CUSTOMERS, Scale
from models.next_order.parameters import NextOrderParameters
from models.next_order.score import interval_probability
from pipelines.backtests.origins import Origin
from pipelines.backtests.replay import PastNight, put
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.scoring import clv
from pipelines.scoring.tier_file import tier_file
from pipelines.scoring.tiers import period_of, tiers_by
from pipelines.settings import Settings
from pipelines.store.lake import CommittedNight
from pipelines.store.manifest import TableState
from pipelines.tables.inputs import contract_of


@dataclass(frozen=True)
class Measure:
    """What is forecast, by which model.

    fit: the table of the model's fit. reason_metric: the metric there whose note says why there is no forecast.
    version_metric: one that bears the day of the model itself, not of a later attempt.
    """

    name: str
    model: str
    fit: str
    scale: Scale
    unit: str
    reason_metric: str
    version_metric: str


PURCHASE_DAYS = Measure("purchase_days", "clv", "clv_fit", "amount", "purchase days", "customers", "r")
REVENUE = Measure("revenue", "clv", "clv_fit", "amount", "revenue", "spend_customers", "population_mean_spend")
CHURNED = Measure("churned", "churn", "churn_fit", "probability", "share that left", "method", "training_rows")
SPENT_MORE = Measure(
    "spent_more", "growth", "spend_growth_fit", "probability", "share that spent more", "method", "method"
)
ORDERED_IN_INTERVAL = Measure(
    "ordered_in_interval",
    "next_order",
    "next_order_fit",
    "probability",
    "share that ordered within it",
    "customers",
    "k",
)
ROSE_A_TIER = Measure("rose_a_tier", "clv", "clv_fit", "probability", "share that rose", "customers", "r")


@dataclass(frozen=True)
class ForecastOutcome:
    """One measure of one origin's forecasts over one window.

    key: the columns that identify it in the tables backtest and backtest_quality.
    customers: one row per customer with a forecast: predicted, actual, baseline, and the customer's groups.
    reason: why there may be no customer. selection: which customers with a forecast these are, if not all.
    """

    measure: Measure
    key: dict[str, Any]
    customers: pd.DataFrame
    reason: str
    selection: str = ""


def forecast_outcomes(
    origin: Origin, base: CommittedNight, engine: DuckDBEngine, settings: Settings
) -> Iterator[ForecastOutcome]:
    """Every measure of an origin's forecasts, over every window that is over.

    The engine holds what was known and forecast at the origin, and days_known_now (pipelines.backtests.replay).
    """
    put("customer_group", query("backtests/customer_group"), engine)
    # Without a margin rate the model forecasts revenue, which is known for every purchase.
    engine.rows("DELETE FROM clv_model WHERE component = 'margin_rate'")
    for window in origin.windows:
        register_outcome_window(origin.as_of, 0, window, engine)
        undiscounted = settings.model_copy(update={"clv_horizons": (window,), "discount_rate": 0.0})
        scores = clv.customer_clv(engine, PastNight(base.lake, origin.as_of, base.token), undiscounted)
        put("purchase_forecast", scores["customer_clv"], engine)
        put("purchases", query("backtests/purchases"), engine)
        for measure in (PURCHASE_DAYS, REVENUE):
            yield _outcome(measure, origin, window, customer_outcomes(measure, engine).to_pandas(), engine)
        customers, selection = _next_order_outcomes(window, engine)
        yield _outcome(ORDERED_IN_INTERVAL, origin, window, customers, engine, selection)
    if origin.horizon:
        lead, length = origin.horizon
        register_outcome_window(origin.as_of, lead, length, engine)
        put("spend_trend", query("backtests/spend_trend"), engine)
        for measure in (CHURNED, SPENT_MORE):
            yield _outcome(measure, origin, length, customer_outcomes(measure, engine).to_pandas(), engine)
    yield from _tier_outcomes(origin, base, engine, settings)


def _tier_outcomes(
    origin: Origin, base: CommittedNight, engine: DuckDBEngine, settings: Settings
) -> Iterator[ForecastOutcome]:
    """Who rose to the next tier, where the origin's period is over; by today's tier file and the origin's model."""
    rules = tier_file(settings).rules
    if rules is None or rules.basis == "points_earned":
        return
    period = period_of(rules, origin.as_of)
    window = (period.end - origin.as_of).days
    if window == 0 or period.end > base.run_date:
        return
    day = f"DATE '{origin.as_of}'"
    customers = engine.select_of(base.table("customer"), contract_of("customer"))
    member = f"enrolled_date <= {day} AND (deleted_date IS NULL OR deleted_date > {day})"
    put("customer", f"SELECT customer_id, {member} AS is_member, is_service_account FROM ({customers})", engine)
    engine.register("customer_day", "SELECT * FROM days_known_at_origin")
    engine.register("points_entry", engine.select_of(TableState(), contract_of("points_entry")))
    put("tier_forecast", tiers_by(rules, engine, origin.as_of, settings), engine)
    yield _outcome(ROSE_A_TIER, origin, window, customer_outcomes(ROSE_A_TIER, engine).to_pandas(), engine)


def register_outcome_window(as_of: date, lead: int, length: int, engine: DuckDBEngine) -> None:
    """Register outcome_window, one row: the days that the SELECTs of outcomes look at.

    label_from_date to label_to_date is the window after the origin, from last_from_date the one up to it, from
    previous_from_date the one before that. The earlier origin is the one whose window ends on the origin's day.

    Args:
        as_of: the origin.
        lead: days between the origin and its window.
        length: days of each window.
        engine: holds days_known_now.
    """
    earlier = as_of - timedelta(lead + length)
    days = {
        "as_of_date": as_of,
        "label_from_date": as_of + timedelta(lead + 1),
        "label_to_date": as_of + timedelta(lead + length),
        "last_from_date": as_of - timedelta(length - 1),
        "previous_from_date": as_of - timedelta(2 * length - 1),
        "earlier_as_of_date": earlier,
        "earlier_last_from_date": earlier - timedelta(length - 1),
        "earlier_previous_from_date": earlier - timedelta(2 * length - 1),
        "history_from_date": engine.rows("SELECT MIN(business_date) FROM days_known_now")[0][0],
    }
    row = {name: pa.array([day], pa.date32()) for name, day in days.items()}
    engine.register_arrow("outcome_window", pa.table({**row, "minimum_customers": pa.array([LEAST_CUSTOMERS])}))


def customer_outcomes(measure: Measure, engine: DuckDBEngine) -> pa.Table:
    """Grain: customer with a forecast, in the order of ids. What was forecast, and what came within outcome_window."""
    return engine.arrow(query(f"backtests/{measure.name}"))


def _next_order_outcomes(window: int, engine: DuckDBEngine) -> tuple[pd.DataFrame, str]:
    """Grain: customer whose interval ended within the window; and in words how many of those with a date they are.

    The forecast alone decides who they are, not whether and when an order came: a customer whose interval ended without
    an order counts as such. The model of the origin gives the probability.
    """
    dated = customer_outcomes(ORDERED_IN_INTERVAL, engine)
    ended = dated.filter(pc.less_equal(dated["high_days"], window))
    selection = f"of {len(dated):,} customers with a date, {len(ended):,} have an interval that had ended"
    parameters = engine.rows("SELECT parameters FROM next_order_model")
    predicted = np.empty(0)
    if len(ended):
        predicted = interval_probability(ended, NextOrderParameters.from_json(parameters[0][0]))
    found: pd.DataFrame = ended.drop_columns(["frequency", "recency_days", "age_days"]).to_pandas()
    within = found["order_days"].between(found.pop("low_days"), found.pop("high_days"))
    found = found.assign(predicted=predicted, actual=within.astype(float), baseline=np.nan)
    return found, selection if len(dated) else ""


def _outcome(
    measure: Measure,
    origin: Origin,
    window: int,
    customers: pd.DataFrame,
    engine: DuckDBEngine,
    selection: str = "",
) -> ForecastOutcome:
    trained_through = _of_fit("trained_through", measure, measure.version_metric, engine)
    key = {
        "model": measure.model,
        "measure": measure.name,
        "kind": origin.kind,
        "as_of_date": origin.as_of,
        "window_days": window,
        "trained_through": trained_through[0] if trained_through else None,
    }
    notes = _of_fit("note", measure, measure.reason_metric, engine)
    reason = selection or (str(notes[0]) if notes else "there was no such model yet")
    return ForecastOutcome(measure, key, customers, reason, selection)


def _of_fit(column: str, measure: Measure, metric: str, engine: DuckDBEngine) -> list[Any]:
    """What the fit of a measure's model says of a metric; nothing if there was no fit."""
    rows = engine.rows(
        f"SELECT {identifier(column)} FROM {identifier(measure.fit)} WHERE model = $model AND metric = $metric",
        {"model": measure.model, "metric": metric},
    )
    return [value for (value,) in rows]
