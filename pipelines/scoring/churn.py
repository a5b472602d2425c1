"""Churn: its model is fitted weekly on earlier cut-offs, and scores every customer every night."""

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.churn.artefact import from_artefact, to_artefact
from models.churn.drift import drift_columns
from models.churn.fit import fit_churn
from models.churn.model import ChurnModel
from models.churn.score import churn_reasons, churn_tier, score_churn, with_p_alive
from models.churn.season import Outcomes
from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters
from models.evaluation.drift import bin_counts, drift_rows
from models.types import Floats, QualityRow
from pipelines.catalog import tables
from pipelines.contracts import table_contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import (
    BATCH_ROWS,
    SEED,
    SHOPPER,
    Tables,
    cut_offs,
    is_fitted,
    md5_share,
    model_age,
    quality_rows,
)
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.tables.parameters import feature_dates
from pipelines.tables.recipes import FITTED_BY

# More customers than these make no better churn model, only a slower one.
FITTED_CUSTOMERS = 100_000


# p_alive's parameters, and how many leave in a season, are known well enough from so many.
BUYING_CUSTOMERS = 20_000


# For seasons: dates of four years, four weeks apart, so that 13 of them are a year.
SEASON_DATES = 52


SEASON_DATE_DAYS = 28


def churn_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. Learnt at earlier cut-offs, judged at the last one whose outcome is known tonight."""
    gap = timedelta(settings.churn_lead_days + settings.churn_horizon_days)
    judged_at, models = engine.rows(
        "SELECT MAX(trained_through), (SELECT COUNT(*) FROM history.churn_model) FROM history.churn_fit"
    )[0]
    if models and is_fitted("churn_fit", night, settings, judged_at + gap):
        names = ("churn_fit", "churn_model", "churn_calibration")
        return {name: engine.arrow(f"SELECT * FROM history.{name}") for name in names}
    _sample_customers(engine, night)
    _sample_shopper_days(engine)
    days = cut_offs(engine, night.run_date, gap, settings)
    features, buying = _features_as_of(days, night.run_date, engine, settings)
    now = settings.model_dump(mode="json")
    fit = fit_churn(
        features,
        SEED,
        _churn_model(engine, "history.churn_model"),
        buying=buying,
        target_definition={name: now[name] for name in FITTED_BY},
        outcomes=_outcomes_by_date(engine, night.run_date, gap, settings),
        threads=settings.threads,
    )
    fit_diagnostics: list[QualityRow] = [("method", None, f"{fit.method}: {fit.note}"), *fit.fit_diagnostics]
    learnt = date.fromisoformat(fit.model.training["last_cut_off"]) if fit.model else night.run_date - gap
    tables = [quality_rows("churn", fit_diagnostics, night.run_date - gap), quality_rows("churn", fit.quality, learnt)]
    artefacts = [to_artefact(fit.model)] if fit.model else []
    return {
        "churn_fit": pa.concat_tables(tables),
        "churn_model": pa.table(
            {
                "artefact": pa.array([trees for trees, _ in artefacts], pa.binary()),
                "parameters": pa.array([parameters for _, parameters in artefacts], pa.string()),
            }
        ),
        "churn_calibration": pa.Table.from_pandas(fit.calibration, preserve_index=False),
    }


def _churn_model(engine: DuckDBEngine, table: str) -> ChurnModel | None:
    """The model that a table holds; one without parameters was written before there were any, and is not used."""
    found = engine.rows(f"SELECT artefact, parameters FROM {table} WHERE parameters IS NOT NULL")
    return from_artefact(*found[0]) if found else None


def _sample_customers(engine: DuckDBEngine, night: Night) -> None:
    """Make customer_day stand for a fixed random part of the customers (by md5 of their id), if there are many."""
    customers = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    if customers <= FITTED_CUSTOMERS:
        return
    below = md5_share(FITTED_CUSTOMERS / customers)
    engine.materialise("sampled", f"SELECT customer_id FROM customer_totals WHERE md5(customer_id)[:8] < '{below}'")
    days = engine.select_of(night.table("customer_day"), table_contract("customer_day"))
    engine.materialise("customer_day", f"SELECT * FROM ({days}) WHERE customer_id IN (SELECT customer_id FROM sampled)")


def _sample_shopper_days(engine: DuckDBEngine) -> None:
    """Make shopper_day the days with an order of all shoppers or, if many, of a fixed random part of them."""
    customers = engine.rows("SELECT COUNT(DISTINCT customer_id) FROM customer_day")[0][0]
    below = md5_share(min(BUYING_CUSTOMERS / max(customers, 1), 1.0))
    engine.materialise(
        "shopper_day",
        f"SELECT customer_id, business_date, known_date FROM customer_day WHERE order_count > 0 AND {SHOPPER}"
        f" AND md5(customer_id)[9:16] <= '{below}'",
    )


def _features_as_of(
    days: list[date], run_date: date, engine: DuckDBEngine, settings: Settings
) -> tuple[pa.Table, ClvParameters | None]:
    """customer_features as of other days than tonight, with labels and p_alive; and p_alive's parameters of tonight."""
    engine.register_arrow("feature_date", feature_dates(days, settings))
    features = engine.arrow(
        f"SELECT * FROM ({tables()['customer_features'].sql}) WHERE {SHOPPER} ORDER BY as_of_date, customer_id"
    )
    buying = _buying_as_of([*days, run_date], engine, settings)
    if any(parameters is None for parameters in buying.values()):
        return features, None
    parts = [with_p_alive(features.filter(pc.equal(features["as_of_date"], day)), buying[day]) for day in days]
    return pa.concat_tables(parts), buying[run_date]


def _buying_as_of(days: list[date], engine: DuckDBEngine, settings: Settings) -> dict[date, ClvParameters | None]:
    """Parameters of buying and leaving, by what was known on each day of all shoppers drawn who had ordered."""
    engine.register_arrow("feature_date", feature_dates(days, settings))
    patterns = engine.arrow(
        "SELECT as_of_date, frequency, recency_days, age_days, COUNT(*) AS customer_count FROM ("
        " SELECT as_of_date, COUNT(*) - 1 AS frequency, DATE_DIFF('day', MIN(business_date), as_of_date) AS age_days,"
        " DATE_DIFF('day', MIN(business_date), MAX(business_date)) AS recency_days"
        " FROM shopper_day INNER JOIN cut_off ON business_date <= as_of_date AND known_date <= known_by_date"
        " GROUP BY customer_id, as_of_date"
        ") GROUP BY as_of_date, frequency, recency_days, age_days ORDER BY ALL"
    )
    return {day: fit_clv(patterns.filter(pc.equal(patterns["as_of_date"], day)).to_pandas()).parameters for day in days}


def _outcomes_by_date(engine: DuckDBEngine, run_date: date, gap: timedelta, settings: Settings) -> Outcomes:
    """How many of the active left at dates with a known outcome, by days since the last order; of shoppers drawn."""
    first: date = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0] or run_date
    begin = first + timedelta(settings.active_days)
    days = [run_date - timedelta(SEASON_DATE_DAYS) * n for n in range(SEASON_DATES, 0, -1)]
    dates = feature_dates([day for day in days if begin <= day <= run_date - gap], settings)
    engine.register_arrow("season_date", dates)
    rows = engine.arrow(
        "SELECT as_of_date, days_since_last_order, COUNT(*) AS customer_count,"
        " COUNT(CASE WHEN has_churned THEN 1 END) AS churned_count FROM ("
        " SELECT as_of_date, MAX(business_date) < MIN(label_from_date) AS has_churned,"
        " MIN(CASE WHEN business_date <= as_of_date THEN DATE_DIFF('day', business_date, as_of_date) END)"
        " AS days_since_last_order"
        " FROM shopper_day INNER JOIN season_date ON business_date <= label_to_date"
        f" AND business_date > as_of_date - {settings.active_days}"
        " GROUP BY customer_id, as_of_date"
        ") WHERE days_since_last_order IS NOT NULL"
        " GROUP BY as_of_date, days_since_last_order ORDER BY as_of_date, days_since_last_order"
    )
    return Outcomes(rows.to_pandas(), gap, run_date)


def customer_churn(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, pa.Table | str]:
    """Grain: customer with an order in the last year. The probability to buy no more within the horizon, and why."""
    model = _churn_model(engine, "churn_model")
    watched = {name: np.zeros(len(bins.shares), np.int64) for name, bins in model.bins.items()} if model else {}

    def scored(batch: pa.Table) -> pa.Table:
        known = with_p_alive(batch, model.buying if model else None)
        rows, usual = _scored_churn(model, known, settings)
        if model:
            for name, values in drift_columns(model, known, usual).items():
                watched[name] += bin_counts(model.bins[name], values)
        return rows

    engine.map_batches("scored_churn", scored, "SELECT * FROM customer_features ORDER BY customer_id", BATCH_ROWS)
    drift = _drift(model, watched, night.run_date, settings) if model else []
    learnt = date.fromisoformat(model.training["last_cut_off"]) if model else night.run_date
    return {"customer_churn": "SELECT * FROM scored_churn", "churn_drift": quality_rows("churn", drift, learnt)}


def _scored_churn(model: ChurnModel | None, batch: pa.Table, settings: Settings) -> tuple[pa.Table, Floats]:
    """Rows of customer_churn, and the scores before they were moved to the season."""
    p_churn, usual = score_churn(model, batch, settings.threads)
    active = batch["is_active"]
    columns = {
        "customer_id": batch["customer_id"],
        "is_active": active,
        "p_churn": pa.array(p_churn, pa.float64(), from_pandas=True),
        "churn_tier": pa.array(churn_tier(p_churn, active.to_numpy()), pa.string()),
        "method": pa.repeat(pa.scalar(model.method if model else None, pa.string()), len(batch)),
        **{f"reason_{n}": words for n, words in enumerate(churn_reasons(model, batch), 1)},
        "horizon_days": pa.repeat(pa.scalar(settings.churn_horizon_days, pa.int64()), len(batch)),
    }
    return pa.table(columns), usual


def _drift(
    model: ChurnModel, watched: dict[str, npt.NDArray[np.int64]], run_date: date, settings: Settings
) -> list[QualityRow]:
    """Rows of churn_drift: the stability of each feature and the score, and the model's age."""
    outcome = date.fromisoformat(model.training["last_cut_off"]) + timedelta(
        settings.churn_lead_days + settings.churn_horizon_days
    )
    rows = drift_rows(model.bins, watched, "active customers", "the last cut-off learnt on")
    return [*rows, model_age(outcome, run_date)]
