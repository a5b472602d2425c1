"""The next order: its model is fitted weekly, and dates each customer's next purchase day every night."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.clv.cohort import YOUNG_DAYS
from models.evaluation.challenge import ChallengerResult, no_comparison
from models.evaluation.drift import bin_counts
from models.evaluation.skill import Skill
from models.next_order.challenge import DIFFERENCE_METRIC, compare_with_champion
from models.next_order.drift import DRIFT_COLUMNS, PUBLISHED, drift_columns
from models.next_order.fit import NextOrderFit, fit_next_order, regularity
from models.next_order.holdout import evaluate_next_order, next_order_skill
from models.next_order.parameters import NextOrderParameters
from models.next_order.score import score_next_order
from models.types import QualityRow
from pipelines.catalog import query, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import (
    ARTEFACT,
    BATCH_ROWS,
    COMPARED_DAYS,
    SEED,
    Tables,
    artefact,
    bins_json,
    component_drift,
    has_target,
    kept_bins,
    kept_fit,
    last_fit_day,
    model_age,
    model_components,
    quality_rows,
    register_pattern_date,
    values_of,
)
from pipelines.scoring.sampling import sample_customers
from pipelines.settings import Settings
from pipelines.store.lake import Night

COMPONENT, YOUNG = "next_order", "young"

# Settings that define which purchases are forecast; only models of the same are compared, or stay.
_TARGET_SET_BY = ("amounts_include_tax", "gift_card_categories")

# Settings that the bins for drift rest on, beside the parameters.
_BINS_SET_BY = ("active_days",)


def next_order_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. The model of intervals between purchase days, and how good its dates would have been.

    The last model stays where tonight's fit fails or is refused. The fit of an earlier day says how good dates are.
    """
    champion = model_components(engine, "history.next_order_model", with_date=True).get(COMPONENT)
    fitted_on = last_fit_day(engine, "next_order_fit")
    if champion and (kept := kept_fit("next_order_fit", fitted_on, engine, night, settings)):
        return kept
    tonight = night.run_date
    sample_customers(engine)
    follow_up = _follow_up_days(engine, tonight, settings)
    earlier, patterns = _fit_as_of(engine, tonight - timedelta(follow_up), settings)
    forecast = score_next_order(pa.Table.from_pandas(patterns, preserve_index=False), earlier.parameters)
    skill = next_order_skill(patterns, earlier.parameters, follow_up)
    rows = [*evaluate_next_order(forecast, patterns["next_days"], follow_up), *_skill_rows(skill, follow_up)]
    fit, patterns = _fit_as_of(engine, tonight, settings, earlier.parameters)
    model = champion if champion and has_target(champion, settings, _TARGET_SET_BY) else None
    if fit.parameters is not None:
        result = _compared(fit.parameters, champion, engine, night, settings)
        rows += result.quality
        if not result.is_refused:
            model = _fitted(fit.parameters, patterns, engine, night, settings)
    elif model:
        fit = replace(fit, note=f"{fit.note}; the last model stays")
    if model and (skill or model is not champion):
        model = model | {"parameters": _with_base_rate(model["parameters"], skill, patterns)}
    young = _young(fit, patterns, engine, night, settings) if model else None
    quality = [quality_rows("next_order", [*fit.quality(), *rows], tonight)]
    if model:
        parameters = NextOrderParameters.from_json(model["parameters"]).quality()
        quality.append(quality_rows("next_order", parameters, model["trained_through"]))
    return {
        "next_order_fit": pa.concat_tables(quality),
        "next_order_model": pa.Table.from_pylist([row for row in (model, young) if row], schema=ARTEFACT),
    }


def _follow_up_days(engine: DuckDBEngine, tonight: date, settings: Settings) -> int:
    """How long ago the forecast was made that is judged: two horizons or, of a short history, half of it or 28 days."""
    first_day: date | None = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0]
    half = (tonight - (first_day or tonight)).days // 2
    return min(2 * settings.churn_horizon_days, max(half, COMPARED_DAYS))


def _skill_rows(skill: Skill | None, follow_up_days: int) -> list[QualityRow]:
    """Rows of next_order_fit on the skill."""
    if skill is not None:
        return skill.quality(", and nobody a date of their next order")
    note = f"too few customers bought before and in the last {follow_up_days} days to judge a forecast by"
    return [("skill_p_value", None, f"{note}, so everybody gets the base rate")]


def _with_base_rate(parameters: str, skill: Skill | None, patterns: pd.DataFrame) -> str:
    """The parameters, with the base rate if the forecast has shown no skill: the mean p_order_again of tonight."""
    model = replace(NextOrderParameters.from_json(parameters), base_rate=None)
    if skill is None or not skill.is_beyond_chance:
        forecast = score_next_order(pa.Table.from_pandas(patterns, preserve_index=False), model)
        model = replace(model, base_rate=pc.mean(forecast["p_order_again"]).as_py())
    return model.to_json()


def _young(
    fit: NextOrderFit, patterns: pd.DataFrame, engine: DuckDBEngine, night: Night, settings: Settings
) -> dict[str, Any] | None:
    """The row of next_order_model of the young, where CLV found that they buy unlike earlier customers."""
    if fit.parameters is None or YOUNG not in model_components(engine, "clv_model"):
        return None
    own = patterns[patterns["age_days"] < YOUNG_DAYS]
    found = fit_next_order(own, fit.parameters.k, fit.parameters).parameters
    return None if found is None else _fitted(found, own, engine, night, settings) | {"component": YOUNG}


def _fit_as_of(
    engine: DuckDBEngine, day: date, settings: Settings, start: NextOrderParameters | None = None
) -> tuple[NextOrderFit, pd.DataFrame]:
    """A fit on what was known on a day; and the customers' patterns then, with the days to the next purchase day."""
    patterns = _patterns_as_of(engine, day, settings)
    intervals = engine.arrow(query("fits/purchase_interval")).to_pandas()
    return fit_next_order(patterns, regularity(intervals), start), patterns


def _patterns_as_of(engine: DuckDBEngine, day: date, settings: Settings) -> pd.DataFrame:
    """Grain: customer who had bought by a day. Their pattern then, and the days to their next purchase day."""
    register_pattern_date(engine, day, settings)
    engine.materialise("purchase_day", query("fits/purchase_day"))
    return _patterns(engine, "SELECT * FROM purchase_day")


def _patterns(engine: DuckDBEngine, purchase_days: str) -> pd.DataFrame:
    """Patterns as of pattern_date, from some purchase days."""
    engine.register("pattern_day", purchase_days)
    patterns: pd.DataFrame = engine.arrow(query("fits/purchase_pattern")).to_pandas()
    return patterns


def _fitted(
    parameters: NextOrderParameters, patterns: pd.DataFrame, engine: DuckDBEngine, night: Night, settings: Settings
) -> dict[str, Any]:
    """The row of next_order_model of tonight's fit."""
    first_day = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0]
    data = patterns[["frequency", "recency_days", "age_days"]].to_numpy(dtype=float)
    libraries = tables()["next_order_fit"].libraries
    row = artefact(COMPONENT, parameters.to_json(), [data], libraries, first_day, night.run_date)
    return row | {
        "target_definition": json.dumps(values_of(settings, _TARGET_SET_BY)),
        "bins": _bins(engine, night.run_date, parameters, settings),
    }


def _compared(
    challenger: NextOrderParameters,
    champion: Mapping[str, Any] | None,
    engine: DuckDBEngine,
    night: Night,
    settings: Settings,
) -> ChallengerResult:
    """Tonight's parameters against those in use (a row of next_order_model), by when customers ordered since."""
    if champion is None:
        return no_comparison(DIFFERENCE_METRIC, "there is no earlier one")
    if not has_target(champion, settings, _TARGET_SET_BY):
        return no_comparison(
            DIFFERENCE_METRIC, f"the earlier one was fitted by other settings ({', '.join(_TARGET_SET_BY)})"
        )
    days = max((night.run_date - champion["trained_through"]).days, COMPARED_DAYS)
    customers = _patterns_as_of(engine, night.run_date - timedelta(days), settings)
    last = NextOrderParameters.from_json(champion["parameters"])
    return compare_with_champion(challenger, last, customers, days, SEED)


def _bins(engine: DuckDBEngine, tonight: date, parameters: NextOrderParameters, settings: Settings) -> str:
    """Bins of what is watched, over all sampled customers: more than are fitted on, as few of them may be active."""
    register_pattern_date(engine, tonight, settings)
    patterns = _patterns(engine, "SELECT * FROM sampled_day WHERE net_spend > 0")
    customers = pa.Table.from_pandas(patterns, preserve_index=False)
    columns = drift_columns(customers, score_next_order(customers, parameters), settings.active_days)
    return bins_json(columns, settings, _BINS_SET_BY)


def customer_next_order(engine: DuckDBEngine, night: Night, settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order. When the next purchase day is due, with an interval."""
    components = model_components(engine, "next_order_model", with_date=True)
    model, young = components.get(COMPONENT), components.get(YOUNG)
    parameters = NextOrderParameters.from_json(model["parameters"]) if model else None
    has_base_rate = parameters is not None and parameters.base_rate is not None
    bins = kept_bins(model, settings, _BINS_SET_BY) if model else {}
    counts = {name: np.zeros(len(kept.shares), np.int64) for name, kept in bins.items()}

    def scored(batch: pa.Table) -> pa.Table:
        rows = score_next_order(batch, parameters)
        if young and not has_base_rate:
            below = YOUNG_DAYS + (night.run_date - young["trained_through"]).days
            own = score_next_order(batch, NextOrderParameters.from_json(young["parameters"]))
            is_young = pc.fill_null(pc.less(batch["age_days"], below), fill_value=False)
            rows = pa.table({name: pc.if_else(is_young, own[name], rows[name]) for name in rows.column_names})
        if bins:
            shoppers, forecasts = batch.filter(batch["is_shopper"]), rows.filter(batch["is_shopper"])
            columns = drift_columns(shoppers, forecasts, settings.active_days)
            # A base rate hides the forecasts: their bins were made without it.
            for name in PUBLISHED if has_base_rate else ():
                del columns[name]
            for name, values in columns.items():
                counts[name] += bin_counts(bins[name], values)
        return _dated(rows, night.run_date)

    engine.map_batches("scored_next_order", scored, query("fits/scored_pattern"), BATCH_ROWS)
    drift: list[QualityRow] = []
    learnt_through = model["trained_through"] if model else night.run_date
    if model:
        drift = component_drift(bins, counts, DRIFT_COLUMNS, _BINS_SET_BY)
        drift.append(model_age(learnt_through, night.run_date))
    return {
        "customer_next_order": "SELECT * FROM scored_next_order",
        "next_order_drift": quality_rows("next_order", drift, learnt_through),
    }


def _dated(rows: pa.Table, run_date: date) -> pa.Table:
    """Rows of customer_next_order: days after the night as dates."""
    epoch = (run_date - date(1970, 1, 1)).days
    named = {"next_order_date": "next_days", "next_order_low": "low_days", "next_order_high": "high_days"}
    dates = {name: pc.add(rows[days], epoch).cast(pa.int32()).cast(pa.date32()) for name, days in named.items()}
    kept = ("customer_id", "p_order_again", "p_longer_gap", "method", "reason")
    return pa.table({name: rows[name] for name in kept} | dates)
