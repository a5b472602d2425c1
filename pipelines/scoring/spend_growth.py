"""Growth tables that Python makes: who will spend more, what categories hold, when the next order is due, best channel.

Each function has the inputs that the catalog declares for it, as views of the engine, and returns tables by name.
"""

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
from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import (
    ARTEFACT,
    BATCH_ROWS,
    Tables,
    artefact,
    cut_offs,
    is_fitted,
    model_age,
    quality_rows,
)
from pipelines.scoring.habits import LIBRARIES, model_components, sample_customers
from pipelines.scoring.headroom import category_capacity, headroom_quality, peer_group
from pipelines.scoring.next_order import fitted_rhythm
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.tables.parameters import feature_dates
from pipelines.tables.recipes import FITTED_BY

FITS = ("spend_growth_fit", "spend_growth_model", "category_capacity", "peer_group")


_SPEND = (
    "days_since_last_order, days_since_first_order, order_day_count_365d, revenue_365d, spend_last, spend_before, "
    "spend_next, spend_last_complete"
)


def spend_growth_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. Models of growth and of the next order; what peers spend and categories hold."""
    earlier = model_components(engine, "history.spend_growth_model")
    fitted_on = engine.rows("SELECT MAX(trained_through) FROM history.spend_growth_fit")[0][0]
    if len(earlier) == 2 and is_fitted("spend_growth_fit", night, settings, fitted_on):
        return {name: engine.arrow(f"SELECT * FROM history.{name}") for name in FITS}
    capacity, peers = category_capacity(engine, night.run_date), peer_group(engine)
    sample_customers(engine)
    first_day = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0]
    horizon, now = settings.churn_horizon_days, settings.model_dump(mode="json")
    gap = timedelta(settings.churn_lead_days + horizon)
    train, test = (_spend_as_of(day, engine, settings) for day in cut_offs(engine, night.run_date, gap, settings)[-2:])
    last = SpendGrowthModel.from_json(earlier["spend_more"]["parameters"]) if "spend_more" in earlier else None
    growth = fit_spend_growth(train, test, horizon, last, {name: now[name] for name in FITTED_BY})
    rhythm, of_rhythm = fitted_rhythm(engine, night, settings, earlier.get("rhythm"), first_day)
    parts = [rhythm] if rhythm else []
    if growth.model is last and last is not None:
        parts.append(earlier["spend_more"])
    elif growth.model is not None:
        data = (frame.to_numpy(dtype=float) for frame in (train, test))
        parts.append(artefact("spend_more", growth.model.to_json(), data, LIBRARIES, first_day, night.run_date))
    learnt_through = parts[-1]["trained_through"] if growth.model else night.run_date
    quality = (
        quality_rows("growth", growth.quality, learnt_through),
        quality_rows("growth", headroom_quality(capacity, peers), night.run_date),
        *of_rhythm,
    )
    return {
        "spend_growth_fit": pa.concat_tables(quality),
        "spend_growth_model": pa.Table.from_pylist(parts, schema=ARTEFACT),
        "category_capacity": capacity,
        "peer_group": peers,
    }


def _spend_as_of(day: date, engine: DuckDBEngine, settings: Settings) -> pd.DataFrame:
    """What growth is learnt from, as of another day than tonight, with what was spent then where it is known."""
    engine.register_arrow("feature_date", feature_dates([day], settings))
    spend: pd.DataFrame = engine.arrow(
        f"SELECT {_SPEND} FROM ({tables()['customer_features'].sql}) ORDER BY customer_id"
    ).to_pandas()
    return spend


def customer_spend_more(engine: DuckDBEngine, night: Night, _settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order in the last year. The probability to spend more in the horizon than in the last."""
    part = model_components(engine, "spend_growth_model").get("spend_more")
    model = SpendGrowthModel.from_json(part["parameters"]) if part else None
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
    learnt_through = part["trained_through"] if part else night.run_date
    drift = drift_rows(model.bins, counts, "buyers of the last year", "the last cut-off learnt on") if model else []
    if model:
        drift.append(model_age(learnt_through, night.run_date))
    return {
        "customer_spend_more": "SELECT * FROM scored_spend",
        "spend_growth_drift": quality_rows("growth", drift, learnt_through),
    }
