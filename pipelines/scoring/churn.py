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
from models.churn.young import METHOD, young_churn
from models.clv.cohort import YOUNG_DAYS
from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters
from models.evaluation.drift import bin_counts, drift_rows
from models.types import Floats, QualityRow
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import (
    BATCH_ROWS,
    SEED,
    SHOPPER,
    Tables,
    cut_offs,
    kept_fit,
    last_fit_day,
    model_age,
    model_components,
    quality_rows,
    values_of,
)
from pipelines.scoring.sampling import md5_share, put_sampled_days, register_bound
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.tables.parameters import feature_dates, register_feature_dates
from pipelines.tables.recipes import FITTED_BY

# More customers than these make no better churn model, only a slower one.
FITTED_CUSTOMERS = 100_000

# Of so many, p_alive's parameters and how many leave in a season are known well enough.
BUYING_CUSTOMERS = 20_000

# Seasons are learnt at dates of four years, four weeks apart, so that 13 of them are a year.
SEASON_DATES = 52
SEASON_DATE_DAYS = 28


def churn_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. Learnt at earlier cut-offs, judged at the last one whose outcome is known tonight."""
    champion = _model(engine, "history.churn_model")
    gap = timedelta(settings.churn_lead_days + settings.churn_horizon_days)
    fitted_on = _fitted_on(engine, gap)
    if fitted_on and (kept := kept_fit("churn_fit", fitted_on, engine, night, settings)):
        return kept
    _sample_customers(engine)
    _sample_shopper_days(engine)
    days = cut_offs(engine, night.run_date, gap, settings)
    features, buying = _features_as_of(days, night.run_date, engine, settings)
    fit = fit_churn(
        features,
        SEED,
        champion,
        buying=buying,
        target_definition=values_of(settings, FITTED_BY),
        outcomes=_outcomes_by_date(engine, night.run_date, gap, settings),
        threads=settings.threads,
    )
    diagnostics: list[QualityRow] = [("method", None, f"{fit.method}: {fit.note}"), *fit.fit_diagnostics]
    known_through = night.run_date - gap
    learnt_through = date.fromisoformat(fit.model.training["last_cut_off"]) if fit.model else known_through
    quality = [quality_rows("churn", diagnostics, known_through), quality_rows("churn", fit.quality, learnt_through)]
    artefacts = [to_artefact(fit.model)] if fit.model else []
    return {
        "churn_fit": pa.concat_tables(quality),
        "churn_model": pa.table(
            {
                "artefact": pa.array([trees for trees, _ in artefacts], pa.binary()),
                "parameters": pa.array([parameters for _, parameters in artefacts], pa.string()),
            }
        ),
        "churn_calibration": pa.Table.from_pandas(fit.calibration, preserve_index=False),
    }


def _model(engine: DuckDBEngine, table: str) -> ChurnModel | None:
    """The model that a table holds; one without parameters was written before there were any, and is not used."""
    found = engine.rows(f"SELECT artefact, parameters FROM {table} WHERE parameters IS NOT NULL")
    return from_artefact(*found[0]) if found else None


def _fitted_on(engine: DuckDBEngine, gap: timedelta) -> date | None:
    """The night of the last fit, whose rows are of the last day with an outcome; None where it left no model."""
    known_through = last_fit_day(engine, "churn_fit")
    has_model = engine.rows("SELECT COUNT(*) FROM history.churn_model")[0][0]
    return known_through + gap if known_through and has_model else None


def _sample_customers(engine: DuckDBEngine) -> None:
    """Make customer_day stand for the days of a fixed random part of the customers, if they are many."""
    customers = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    if customers <= FITTED_CUSTOMERS:
        return
    register_bound(engine, md5_share(FITTED_CUSTOMERS / customers))
    engine.materialise("sampled_customer", query("fits/churn_customer"))
    put_sampled_days(engine)


def _sample_shopper_days(engine: DuckDBEngine) -> None:
    """Make shopper_day the days with an order of all shoppers or, if many, of a fixed random part of them."""
    customers = engine.rows("SELECT COUNT(DISTINCT customer_id) FROM customer_day")[0][0]
    register_bound(engine, md5_share(min(BUYING_CUSTOMERS / max(customers, 1), 1.0)))
    engine.materialise("shopper_day", query("fits/shopper_day"))


def _features_as_of(
    days: list[date], run_date: date, engine: DuckDBEngine, settings: Settings
) -> tuple[pa.Table, ClvParameters | None]:
    """customer_features as of past days, with labels and p_alive; and the parameters of p_alive as of tonight."""
    register_feature_dates(engine, days, settings)
    features = engine.arrow(
        f"SELECT * FROM ({query('scores/customer_features')}) WHERE {SHOPPER} ORDER BY as_of_date, customer_id"
    )
    buying = _buying_as_of([*days, run_date], engine, settings)
    if any(parameters is None for parameters in buying.values()):
        return features, None
    by_day = [with_p_alive(features.filter(pc.equal(features["as_of_date"], day)), buying[day]) for day in days]
    return pa.concat_tables(by_day), buying[run_date]


def _buying_as_of(days: list[date], engine: DuckDBEngine, settings: Settings) -> dict[date, ClvParameters | None]:
    """Parameters of buying and leaving by day, from what was known then of the drawn shoppers who had ordered."""
    register_feature_dates(engine, days, settings)
    patterns = engine.arrow(query("fits/buying_pattern"))
    return {day: fit_clv(patterns.filter(pc.equal(patterns["as_of_date"], day)).to_pandas()).parameters for day in days}


def _outcomes_by_date(engine: DuckDBEngine, run_date: date, gap: timedelta, settings: Settings) -> Outcomes:
    """How many of the active left at dates with a known outcome, by days since the last order; of drawn shoppers."""
    first_day: date = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0] or run_date
    first_date, active = first_day + timedelta(settings.active_days), timedelta(settings.active_days - 1)
    days = [run_date - timedelta(SEASON_DATE_DAYS) * n for n in range(SEASON_DATES, 0, -1)]
    days = [day for day in days if first_date <= day <= run_date - gap]
    active_from = pa.array([day - active for day in days], pa.date32())
    engine.register_arrow("season_date", feature_dates(days, settings).append_column("active_from_date", active_from))
    return Outcomes(engine.arrow(query("fits/season_outcome")).to_pandas(), gap, run_date)


def customer_churn(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, pa.Table | str]:
    """Grain: customer with an order in the last year. The probability to buy no more within the horizon, and why."""
    model = _model(engine, "churn_model")
    young = _young(engine, night.run_date, settings)
    counts = {name: np.zeros(len(bins.shares), np.int64) for name, bins in model.bins.items()} if model else {}

    def scored(batch: pa.Table) -> pa.Table:
        customers = with_p_alive(batch, model.buying if model else None)
        rows, unadjusted = _scored(model, customers, settings)
        if model:
            for name, values in drift_columns(model, customers, unadjusted).items():
                counts[name] += bin_counts(model.bins[name], values)
        return _with_young(rows, customers, young, settings) if model and young else rows

    engine.map_batches("scored_churn", scored, "SELECT * FROM customer_features ORDER BY customer_id", BATCH_ROWS)
    drift = _drift(model, counts, night.run_date, settings) if model else []
    learnt_through = date.fromisoformat(model.training["last_cut_off"]) if model else night.run_date
    return {
        "customer_churn": "SELECT * FROM scored_churn",
        "churn_drift": quality_rows("churn", drift, learnt_through),
    }


def _young(engine: DuckDBEngine, run_date: date, settings: Settings) -> tuple[ClvParameters, int] | None:
    """How the young buy, and the age in days under which customers are young; None: they have no fit of their own.

    With a lead the model of buying does not say what is asked.
    """
    row = model_components(engine, "clv_model").get("young")
    if row is None or settings.churn_lead_days:
        return None
    return ClvParameters.from_json(row["parameters"]), YOUNG_DAYS + (run_date - row["trained_through"]).days


def _with_young(rows: pa.Table, customers: pa.Table, young: tuple[ClvParameters, int], settings: Settings) -> pa.Table:
    """Rows of customer_churn, those of the young by their own model; it gives no reasons."""
    buying, below = young
    is_young = pc.less(customers["days_since_first_order"], below)
    own = young_churn(customers, buying, settings.churn_horizon_days)
    p_churn = np.where(is_young.to_numpy(), own, rows["p_churn"].to_numpy())
    columns: dict[str, pa.Array] = {
        "p_churn": pa.array(p_churn, pa.float64(), from_pandas=True),
        "churn_tier": pa.array(churn_tier(p_churn, rows["is_active"].to_numpy()), pa.string()),
        "method": pc.if_else(is_young, METHOD, rows["method"]),
        **{f"reason_{n}": pc.if_else(is_young, pa.scalar(None, pa.string()), rows[f"reason_{n}"]) for n in (1, 2, 3)},
    }
    return pa.table({name: columns.get(name, rows[name]) for name in rows.column_names})


def _scored(model: ChurnModel | None, batch: pa.Table, settings: Settings) -> tuple[pa.Table, Floats]:
    """Rows of customer_churn, and the scores before they were moved to the season."""
    p_churn, unadjusted = score_churn(model, batch, settings.threads)
    active, method = batch["is_active"], model.method if model else None
    columns = {
        "customer_id": batch["customer_id"],
        "is_active": active,
        "p_churn": pa.array(p_churn, pa.float64(), from_pandas=True),
        "churn_tier": pa.array(churn_tier(p_churn, active.to_numpy(), method), pa.string()),
        "method": pa.repeat(pa.scalar(method, pa.string()), len(batch)),
        **{f"reason_{n}": words for n, words in enumerate(churn_reasons(model, batch), 1)},
        "horizon_days": pa.repeat(pa.scalar(settings.churn_horizon_days, pa.int64()), len(batch)),
    }
    return pa.table(columns), unadjusted


def _drift(
    model: ChurnModel, counts: dict[str, npt.NDArray[np.int64]], run_date: date, settings: Settings
) -> list[QualityRow]:
    """Rows of churn_drift: the stability of each feature and the score, and the model's age."""
    outcome_known = date.fromisoformat(model.training["last_cut_off"]) + timedelta(
        settings.churn_lead_days + settings.churn_horizon_days
    )
    rows = drift_rows(model.bins, counts, "active customers", "the last cut-off learnt on")
    return [*rows, model_age(outcome_known, run_date)]
