"""The next order: its model is fitted weekly, and dates each customer's next purchase day every night."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.evaluation.challenge import ChallengerResult, no_comparison
from models.evaluation.drift import bin_counts, fixed_bins
from models.next_order.challenge import DIFFERENCE_METRIC, compare_with_champion
from models.next_order.drift import DRIFT_COLUMNS, drift_columns
from models.next_order.fit import NextOrderFit, fit_next_order, regularity
from models.next_order.holdout import evaluate_next_order
from models.next_order.parameters import NextOrderParameters
from models.next_order.score import score_next_order
from models.types import QualityRow
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import (
    BATCH_ROWS,
    SEED,
    SHOPPER,
    TRIAL_DAYS,
    artefact,
    kept_bins,
    model_age,
    part_drift,
    quality_rows,
    values_of,
)
from pipelines.scoring.habits import LIBRARIES, model_components
from pipelines.settings import Settings
from pipelines.store.lake import Night

FITTED_RHYTHMS = 3_000


# Settings that say which purchases a rhythm is of, and what the bins of its drift rest on, beside the parameters.
_RHYTHM_QUESTION = ("amounts_include_tax", "gift_card_categories")


_RHYTHM_WATCHED_BY = ("active_days",)


def fitted_rhythm(
    engine: DuckDBEngine, night: Night, settings: Settings, last: dict[str, Any] | None, first_day: date
) -> tuple[dict[str, Any] | None, list[pa.Table]]:
    """The next order's row of spend_growth_model, and its rows of spend_growth_fit.

    The row is the last one where tonight's fit fails or is refused. The fit of an earlier day says how good dates are.
    """
    tonight, follow_up = night.run_date, 2 * settings.churn_horizon_days
    customers = engine.rows("SELECT COUNT(*) FROM sampled")[0][0]
    engine.materialise(
        "purchase_day",
        "SELECT customer_id, business_date, LAG(business_date) OVER (PARTITION BY customer_id ORDER BY business_date) "
        f"AS earlier_date FROM sampled_day WHERE net_spend > 0 AND draw < '{_rhythm_bound(customers, engine)}'",
    )
    earlier, patterns = _rhythm_as_of(engine, tonight - timedelta(follow_up))
    forecast = score_next_order(pa.Table.from_pandas(patterns, preserve_index=False), earlier.parameters)
    judged = evaluate_next_order(forecast, patterns["next_days"], follow_up)
    fit, learnt = _rhythm_as_of(engine, tonight, earlier.parameters)
    is_asked = last is not None and json.loads(last["question"] or "{}") == values_of(settings, _RHYTHM_QUESTION)
    part, rows = last if is_asked else None, judged
    if fit.parameters is not None:
        trial = _rhythm_trial(engine, night, settings, fit.parameters, last)
        rows += trial.quality
        if not trial.is_refused:
            data = learnt[["frequency", "recency_days", "age_days"]].to_numpy(dtype=float)
            part = artefact("rhythm", fit.parameters.to_json(), [data], LIBRARIES, first_day, tonight)
            part["question"] = json.dumps(values_of(settings, _RHYTHM_QUESTION))
            part["bins"] = _rhythm_bins(engine, tonight, fit.parameters, settings)
    elif part:
        fit = replace(fit, note=f"{fit.note}; the last model stays")
    quality = [quality_rows("next_order", [*fit.quality(), *rows], tonight)]
    if part:
        parameters = NextOrderParameters.from_json(part["parameters"]).quality()
        quality.append(quality_rows("next_order", parameters, part["trained_through"]))
    return part, quality


def _rhythm_bound(sampled: int, engine: DuckDBEngine) -> str:
    if sampled <= FITTED_RHYTHMS:
        return "g"
    bound: str = engine.rows(f"SELECT draw FROM sampled ORDER BY draw OFFSET {FITTED_RHYTHMS} LIMIT 1")[0][0]
    return bound


def _rhythm_as_of(
    engine: DuckDBEngine, day: date, start: NextOrderParameters | None = None
) -> tuple[NextOrderFit, pd.DataFrame]:
    """A fit on what was known on a day; and the customers' patterns then, with the days to the next purchase day."""
    intervals = engine.arrow(
        "SELECT customer_id, DATE_DIFF('day', earlier_date, business_date) AS interval_days, "
        "COUNT(*) AS interval_count FROM purchase_day "
        f"WHERE business_date <= DATE '{day}' AND earlier_date IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).to_pandas()
    patterns = _patterns_as_of(engine, day)
    return fit_next_order(patterns, regularity(intervals), start), patterns


def _patterns_as_of(engine: DuckDBEngine, day: date, purchase_days: str = "purchase_day") -> pd.DataFrame:
    """Grain: customer who had bought by a day. His pattern then, and the days to his next purchase day."""
    known = f"business_date <= DATE '{day}'"
    patterns: pd.DataFrame = engine.arrow(
        f"""SELECT customer_id, COUNT(*) FILTER ({known}) - 1 AS frequency,
            DATE_DIFF('day', MIN(business_date), MAX(business_date) FILTER ({known})) AS recency_days,
            DATE_DIFF('day', MIN(business_date), DATE '{day}') AS age_days, 1 AS customer_count,
            DATE_DIFF('day', DATE '{day}', MIN(business_date) FILTER (NOT {known})) AS next_days
        FROM {purchase_days} GROUP BY customer_id HAVING MIN(business_date) <= DATE '{day}' ORDER BY customer_id"""
    ).to_pandas()
    return patterns


def _rhythm_trial(
    engine: DuckDBEngine, night: Night, settings: Settings, new: NextOrderParameters, last: dict[str, Any] | None
) -> ChallengerResult:
    """Tonight's parameters against the last ones (a row of spend_growth_model), by when customers ordered since."""
    if last is None:
        return no_comparison(DIFFERENCE_METRIC, "there is no earlier one")
    if json.loads(last["question"] or "{}") != values_of(settings, _RHYTHM_QUESTION):
        return no_comparison(
            DIFFERENCE_METRIC, f"the earlier one was fitted by other settings ({', '.join(_RHYTHM_QUESTION)})"
        )
    days = max((night.run_date - last["trained_through"]).days, TRIAL_DAYS)
    customers = _patterns_as_of(engine, night.run_date - timedelta(days))
    return compare_with_champion(new, NextOrderParameters.from_json(last["parameters"]), customers, days, SEED)


def _rhythm_bins(engine: DuckDBEngine, tonight: date, parameters: NextOrderParameters, settings: Settings) -> str:
    """Bins of what is watched, over all sampled customers: more than are fitted on, as few of them may be active."""
    patterns = _patterns_as_of(engine, tonight, "(SELECT * FROM sampled_day WHERE net_spend > 0)")
    customers = pa.Table.from_pandas(patterns, preserve_index=False)
    columns = drift_columns(customers, score_next_order(customers, parameters), settings.active_days)
    bins = {name: asdict(fixed_bins(values)) for name, values in columns.items()}
    return json.dumps(values_of(settings, _RHYTHM_WATCHED_BY) | {"bins": bins})


def customer_next_order(engine: DuckDBEngine, night: Night, settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order. When the next purchase day is due, with an interval."""
    part = model_components(engine, "spend_growth_model").get("rhythm")
    parameters = NextOrderParameters.from_json(part["parameters"]) if part else None
    bins = kept_bins(part, settings, _RHYTHM_WATCHED_BY) if part else {}
    counts = {name: np.zeros(len(kept.shares), np.int64) for name, kept in bins.items()}
    epoch = (night.run_date - date(1970, 1, 1)).days
    named = {"next_order_date": "next_days", "next_order_low": "low_days", "next_order_high": "high_days"}

    def scored(batch: pa.Table) -> pa.Table:
        rows = score_next_order(batch, parameters)
        if bins:
            people = batch["is_shopper"]
            known = batch.select(["frequency", "recency_days", "age_days"]).filter(people)
            made = rows.select(["p_order_again", "next_days"]).filter(people)
            for name, values in drift_columns(known, made, settings.active_days).items():
                counts[name] += bin_counts(bins[name], values)
        dates = {name: pc.add(rows[days], epoch).cast(pa.int32()).cast(pa.date32()) for name, days in named.items()}
        return pa.table({name: rows[name] for name in ("customer_id", "p_order_again", "method", "reason")} | dates)

    patterns = f"customer_id, frequency, recency_days, age_days, {SHOPPER} AS is_shopper"
    select = f"SELECT {patterns} FROM customer_purchase_pattern ORDER BY customer_id"
    engine.map_batches("scored_rhythm", scored, select, BATCH_ROWS)
    drift: list[QualityRow] = []
    learnt_through = part["trained_through"] if part else night.run_date
    if part:
        drift = part_drift(bins, counts, DRIFT_COLUMNS, _RHYTHM_WATCHED_BY)
        drift.append(model_age(learnt_through, night.run_date))
    return {
        "customer_next_order": "SELECT * FROM scored_rhythm",
        "next_order_drift": quality_rows("next_order", drift, learnt_through),
    }
