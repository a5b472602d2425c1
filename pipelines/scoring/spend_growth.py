"""Spend growth: its model is fitted weekly on earlier cut-offs, and says every night who will spend more."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from models.evaluation.drift import bin_counts, drift_rows
from models.spend_growth.artefact import SpendGrowthModel
from models.spend_growth.drift import drift_columns
from models.spend_growth.fit import fit_spend_growth
from models.spend_growth.score import score_spend_growth
from pipelines.catalog import query, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import (
    ARTEFACT,
    BATCH_ROWS,
    Tables,
    artefact,
    cut_offs,
    kept_fit,
    last_fit_day,
    model_age,
    model_components,
    quality_rows,
    values_of,
)
from pipelines.scoring.sampling import sample_customers
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.tables.parameters import register_feature_dates
from pipelines.tables.recipes import FITTED_BY

COMPONENT = "spend_more"

_SPEND = (
    "days_since_last_order, days_since_first_order, order_day_count_365d, spend_365d, spend_last, spend_before, "
    "spend_next, spend_last_complete"
)


def spend_growth_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. Learnt at one cut-off, judged at the next; the last model may stay.

    A refused fit leaves the rows of the last model, which bear its day: fitted_on is the night of the attempt.
    """
    champion = model_components(engine, "history.spend_growth_model", with_date=True).get(COMPONENT)
    fitted_on = last_fit_day(engine, "spend_growth_fit", "fitted_on")
    if champion and (kept := kept_fit("spend_growth_fit", fitted_on, engine, night, settings)):
        return kept
    sample_customers(engine)
    horizon = settings.churn_horizon_days
    gap = timedelta(settings.churn_lead_days + horizon)
    train, test = (_spend_as_of(day, engine, settings) for day in cut_offs(engine, night.run_date, gap, settings)[-2:])
    last = SpendGrowthModel.from_json(champion["parameters"]) if champion else None
    fit = fit_spend_growth(train, test, horizon, last, values_of(settings, FITTED_BY))
    model = champion if fit.model is last else None
    if fit.model is not None and model is None:
        first_day = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0]
        data = (frame.to_numpy(dtype=float) for frame in (train, test))
        libraries = tables()["spend_growth_fit"].libraries
        model = artefact(COMPONENT, fit.model.to_json(), data, libraries, first_day, night.run_date)
    learnt_through = model["trained_through"] if model else night.run_date
    quality = quality_rows("growth", fit.quality, learnt_through)
    return {
        "spend_growth_fit": quality.append_column("fitted_on", pa.array([night.run_date] * len(quality), pa.date32())),
        "spend_growth_model": pa.Table.from_pylist([model] if model else [], schema=ARTEFACT),
    }


def _spend_as_of(day: date, engine: DuckDBEngine, settings: Settings) -> pd.DataFrame:
    """Grain: customer with an order in the year before a day. What was known of their spend, and what came after."""
    register_feature_dates(engine, [day], settings)
    spend: pd.DataFrame = engine.arrow(
        f"SELECT {_SPEND} FROM ({query('scores/customer_features')}) ORDER BY customer_id"
    ).to_pandas()
    return spend


def customer_spend_more(engine: DuckDBEngine, night: Night, _settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order in the last year. The probability to spend more in the horizon than in the last."""
    row = model_components(engine, "spend_growth_model", with_date=True).get(COMPONENT)
    model = SpendGrowthModel.from_json(row["parameters"]) if row else None
    counts = {name: np.zeros(len(bins.shares), np.int64) for name, bins in model.bins.items()} if model else {}

    def scored(batch: pa.Table) -> pa.Table:
        customers = batch.drop_columns("customer_id").to_pandas()
        p = score_spend_growth(model, customers)
        if model:
            for name, values in drift_columns(customers, p).items():
                counts[name] += bin_counts(model.bins[name], values)
        columns = {
            "customer_id": batch["customer_id"],
            "p_spend_more": pa.array(p, pa.float64(), from_pandas=True),
            "method": pa.repeat(pa.scalar(model.method if model else None, pa.string()), len(batch)),
        }
        return pa.table(columns)

    select = f"SELECT customer_id, {_SPEND} FROM customer_features ORDER BY customer_id"
    engine.map_batches("scored_spend", scored, select, BATCH_ROWS)
    learnt_through = row["trained_through"] if row else night.run_date
    drift = drift_rows(model.bins, counts, "buyers of the last year", "the last cut-off learnt on") if model else []
    if model:
        drift.append(model_age(learnt_through, night.run_date))
    return {
        "customer_spend_more": "SELECT * FROM scored_spend",
        "spend_growth_drift": quality_rows("growth", drift, learnt_through),
    }
