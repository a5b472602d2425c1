"""CLV: its models of buying and spend are fitted weekly, and value every customer and their total every night."""

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache, partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.clv.challenge import compare_with_champion, difference_metric
from models.clv.drift import DRIFT_COLUMNS, drift_columns
from models.clv.fit import ClvFit, fit_clv
from models.clv.holdout import HoldoutPeriod
from models.clv.parameters import ClvParameters, Method, Spend, spend_from_json
from models.clv.score import score_clv, tier_bounds
from models.clv.spend import SpendFit, fit_spend
from models.clv.total import TotalForecast, forecast_total
from models.evaluation.challenge import ChallengerResult, no_comparison
from models.evaluation.drift import Bins, bin_counts
from models.types import QualityRow
from pipelines.catalog import query, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import (
    ARTEFACT,
    BATCH_ROWS,
    COMPARED_DAYS,
    SEED,
    SHOPPER,
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
from pipelines.scoring.sampling import md5_share, register_bound
from pipelines.settings import Settings
from pipelines.store.lake import Night

# If the cost of less of net revenue is known, a margin rate would stand for too little; CLV is then on revenue.
MINIMUM_KNOWN_COST = 0.5

# A shorter holdout, of less than four weeks, says too little of how models forecast.
MIN_PAST_DAYS = 28

# Champion and challenger are compared, and bins for drift made, on at most so many customers.
COMPARED_CUSTOMERS = 20_000

# Settings that define which purchases are forecast, and how; only models of the same are compared.
_TARGET_SET_BY = ("buying_model", "amounts_include_tax", "gift_card_categories")

# Settings that the bins for drift rest on, beside the parameters.
_BINS_SET_BY = ("active_days", "clv_horizon_days")

# The columns of customer_clv_horizon.
HORIZON = pa.schema(
    [
        ("customer_id", pa.string()),
        ("horizon_days", pa.int64()),
        ("expected_purchases", pa.float64()),
        *((name, pa.float64()) for name in ("clv", "clv_low", "clv_high")),
        ("clv_basis", pa.string()),
    ]
)

_Components = dict[str, dict[str, Any]]
_Outcomes = Callable[[int], pd.DataFrame]


def clv_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. The models of buying and of spend, and the margin that turns spend into value."""
    champion = model_components(engine, "history.clv_model")
    fitted_on = last_fit_day(engine, "clv_fit")
    if {"buying", "spend"} <= champion.keys() and (kept := kept_fit("clv_fit", fitted_on, engine, night, settings)):
        return kept
    patterns = engine.arrow(query("fits/purchase_pattern_count")).to_pandas()
    spends = engine.arrow(query("fits/spend_pattern_count")).to_pandas()
    first_day = engine.rows(f"SELECT MIN(first_purchase_date) FROM customer_purchase_pattern WHERE {SHOPPER}")[0][0]
    _sample_shoppers(engine)
    outcomes = cache(partial(_outcomes, engine, night.run_date, settings))
    last_buying, last_spend, _ = _parameters(champion)
    holdout = _holdout(outcomes, first_day, night.run_date, settings)
    buying = fit_clv(patterns, last_buying, settings.buying_model, settings.clv_horizon_days, holdout)
    spend = fit_spend(spends, last_spend)
    rate, known = _margin_rate(engine)
    rows: list[QualityRow] = [*buying.quality(), *spend.quality()]
    rows.append(("margin_rate", rate, f"margin / net revenue, where the cost is known ({known:.0%} of net revenue)"))

    def fitted(component: str, parameters: str, data: npt.NDArray[np.float64]) -> dict[str, Any]:
        libraries = tables()["clv_fit"].libraries
        row = artefact(component, parameters, [data], libraries, first_day, night.run_date)
        return row | {"target_definition": _target(settings)}

    model = {} if rate is None else {"margin_rate": fitted("margin_rate", repr(rate), np.array([rate, known]))}
    methods: dict[str, Method] = {}
    fits: tuple[tuple[str, ClvFit | SpendFit, pd.DataFrame], ...] = (
        ("buying", buying, patterns),
        ("spend", spend, spends),
    )
    for name, fit, data in fits:
        if fit.parameters is None:
            continue
        result = _compared(fit.parameters, champion.get(name), outcomes, night, settings) if fit.converged else None
        is_new = result is not None and not result.is_refused
        rows += result.quality if result else []
        model[name] = fitted(name, fit.parameters.to_json(), data.to_numpy(float)) if is_new else champion[name]
        methods[name] = fit.method if is_new else "last_good"
    _add_bins(model, engine, night, settings)
    return {
        "clv_fit": pa.concat_tables([quality_rows("clv", rows, night.run_date), *_parameter_rows(model, methods)]),
        "clv_model": pa.Table.from_pylist([model[name] for name in sorted(model)], schema=ARTEFACT),
    }


def _target(settings: Settings) -> str:
    return json.dumps(values_of(settings, _TARGET_SET_BY))


def _parameters(model: _Components) -> tuple[ClvParameters | None, Spend | None, float | None]:
    """Of buying, of spend, and the margin rate."""
    text = {name: row["parameters"] for name, row in model.items()}
    return (
        ClvParameters.from_json(text["buying"]) if "buying" in text else None,
        spend_from_json(text["spend"]) if "spend" in text else None,
        float(text["margin_rate"]) if "margin_rate" in text else None,
    )


def _sample_shoppers(engine: DuckDBEngine) -> None:
    """Make `shopper` hold all who have bought or, if they are many, a fixed random part of them."""
    bought = f"SELECT COUNT(*) FROM customer_purchase_pattern WHERE frequency IS NOT NULL AND {SHOPPER}"
    register_bound(engine, md5_share(min(COMPARED_CUSTOMERS / max(engine.rows(bought)[0][0], 1), 1.0)))
    engine.materialise("shopper", query("fits/shopper"))


def _outcomes(engine: DuckDBEngine, tonight: date, settings: Settings, days: int) -> pd.DataFrame:
    """Grain: shopper who had bought so many days ago. Their history up to then, and what they bought since."""
    register_pattern_date(engine, tonight - timedelta(days), settings)
    found: pd.DataFrame = engine.arrow(query("fits/holdout_purchase")).to_pandas()
    return found


def _holdout(outcomes: _Outcomes, first_day: date | None, run_date: date, settings: Settings) -> HoldoutPeriod | None:
    """The last third of the history, or the last horizon if that is shorter, and what was known before it.

    None if that is too short, or nobody bought in it.
    """
    days = min((run_date - (first_day or run_date)).days // 3, settings.clv_horizon_days)
    if days < MIN_PAST_DAYS:
        return None
    customers = outcomes(days)
    purchases = float(customers["purchase_days"].sum())
    return HoldoutPeriod(customers[["frequency", "recency_days", "age_days"]], days, purchases) if purchases else None


def _margin_rate(engine: DuckDBEngine) -> tuple[float | None, float]:
    """Margin / net revenue of customers' days with a known cost, None if too little is known; and the share known."""
    for margin, with_cost, total in engine.rows(query("fits/margin_rate")):
        if with_cost and total and with_cost > 0 and total > 0:
            known = float(with_cost / total)
            return (float(margin / with_cost) if known >= MINIMUM_KNOWN_COST else None), known
    return None, 0.0


def _compared(
    challenger: ClvParameters | Spend,
    champion: Mapping[str, Any] | None,
    outcomes: _Outcomes,
    night: Night,
    settings: Settings,
) -> ChallengerResult:
    """Tonight's parameters against those in use (a row of clv_model), by what customers did in the last weeks."""
    if champion is None:
        return no_comparison(difference_metric(challenger), "there is no earlier one")
    if not has_target(champion, settings, _TARGET_SET_BY):
        reason = f"the earlier one was fitted by other settings ({', '.join(_TARGET_SET_BY)})"
        return no_comparison(difference_metric(challenger), reason)
    days = max((night.run_date - champion["trained_through"]).days, COMPARED_DAYS)
    read = ClvParameters.from_json if isinstance(challenger, ClvParameters) else spend_from_json
    last: ClvParameters | Spend = read(champion["parameters"])
    return compare_with_champion(challenger, last, outcomes(days), days, SEED)


def _add_bins(model: _Components, engine: DuckDBEngine, night: Night, settings: Settings) -> None:
    """Give the components that were fitted tonight the bins of what is watched, over tonight's shoppers."""
    buying, spend, _ = _parameters(model)
    shoppers = engine.arrow("SELECT * FROM shopper ORDER BY customer_id")
    scored = score_clv(shoppers, buying, spend, settings.clv_horizon_days, 0.0, None)
    columns = drift_columns(shoppers, scored, settings.active_days)
    for name, watched in DRIFT_COLUMNS.items():
        if name in model and model[name]["trained_through"] == night.run_date:
            model[name]["bins"] = bins_json({column: columns[column] for column in watched}, settings, _BINS_SET_BY)


def _parameter_rows(model: _Components, methods: Mapping[str, Method]) -> Iterator[pa.Table]:
    """Rows of clv_fit on the parameters in use, each of the day through which they were learnt."""
    buying, spend, _ = _parameters(model)
    for name, parameters in (("buying", buying), ("spend", spend)):
        if parameters:
            yield quality_rows("clv", parameters.quality(methods[name]), model[name]["trained_through"])


def customer_clv(engine: DuckDBEngine, night: Night, settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order. What the customer is expected to bring in the horizon; and all together."""
    model = model_components(engine, "clv_model")
    buying, spend, rate = _parameters(model)
    bins = {name: kept_bins(model[name], settings, _BINS_SET_BY) for name in DRIFT_COLUMNS if name in model}
    all_bins = {column: kept for by_column in bins.values() for column, kept in by_column.items()}
    counts = {column: np.zeros(len(kept.shares), np.int64) for column, kept in all_bins.items()}
    score = partial(
        score_clv,
        parameters=buying,
        spend=spend,
        discount_rate=settings.discount_rate,
        margin_rate=rate,
    )
    totals: list[TotalForecast] = []

    def scored(batch: pa.Table) -> pa.Table:
        shoppers = batch.filter(batch["is_shopper"])
        if buying:
            totals.append(forecast_total(shoppers, buying, settings.clv_horizon_days))
        rows = score(batch, horizon_days=settings.clv_horizon_days)
        if all_bins:
            columns = drift_columns(shoppers, rows.filter(batch["is_shopper"]), settings.active_days)
            for column, kept in all_bins.items():
                counts[column] += bin_counts(kept, columns[column])
        return rows

    engine.map_batches("scored_clv", scored, query("fits/scored_pattern"), BATCH_ROWS)
    other_horizons: pa.Table | str = HORIZON.empty_table()
    if settings.other_clv_horizons:
        others = partial(_at_horizons, score=score, horizons=settings.other_clv_horizons)
        engine.map_batches("scored_clv_horizon", others, query("fits/scored_pattern"), BATCH_ROWS)
        other_horizons = "SELECT * FROM scored_clv_horizon ORDER BY customer_id, horizon_days"
    total = reduce(operator.add, totals) if totals else None
    learnt_through = model["buying"]["trained_through"] if "buying" in model else night.run_date
    forecast = _forecast(buying, total, engine, night.run_date, settings)
    return {
        "customer_clv": _with_tiers(engine),
        "customer_clv_horizon": other_horizons,
        "clv_forecast": quality_rows("clv", forecast, learnt_through),
        "clv_drift": _drift(model, bins, counts, night.run_date),
    }


def _at_horizons(batch: pa.Table, score: Callable[..., pa.Table], horizons: tuple[int, ...]) -> pa.Table:
    """Rows of customer_clv_horizon: what score makes of a batch of customers, by the same fit, at each horizon."""
    scored = [score(batch, horizon_days=days).select(HORIZON.names) for days in horizons]
    return pa.concat_tables(scored)


def _with_tiers(engine: DuckDBEngine) -> str:
    """A SELECT of scored_clv with each customer's tier."""
    bounds = tier_bounds(engine.arrow("SELECT clv FROM scored_clv WHERE clv IS NOT NULL")["clv"].to_numpy())
    tiers = " ".join(f"WHEN clv >= CAST('{bound!r}' AS DOUBLE) THEN '{tier}'" for tier, bound in bounds.items())
    return f"SELECT *, CASE WHEN clv IS NULL THEN NULL {tiers} ELSE 'bronze' END AS clv_tier FROM scored_clv"


def _forecast(
    buying: ClvParameters | None, total: TotalForecast | None, engine: DuckDBEngine, run_date: date, settings: Settings
) -> list[QualityRow]:
    """Rows of clv_forecast: what all customers together are expected to do."""
    if buying is None or total is None:
        return [("forecast_purchases", None, "no forecast of purchases: metric customers says why")]
    sum_of_clv = f"SELECT CAST(SUM(CAST(clv AS DECIMAL(38, 2))) AS DOUBLE) FROM scored_clv WHERE {SHOPPER}"
    clv: float | None = engine.rows(sum_of_clv)[0][0]
    longest_age = f"SELECT MAX(age_days) FROM customer_purchase_pattern WHERE {SHOPPER}"
    history_days: int = engine.rows(longest_age)[0][0] or 0
    horizon = f"in the {settings.clv_horizon_days} days after {run_date}"
    found = total.interval(buying) if history_days >= MIN_PAST_DAYS else None
    low, high = (round(end, 6) for end in found) if found else (None, None)
    interval = "of the 95 % predictive interval: of buying, leaving, parameters and model, and with its held_out_error"
    if history_days < MIN_PAST_DAYS:
        interval = f"unknown: a history of {history_days} days is too short, less than {MIN_PAST_DAYS}"
    elif low is None:
        interval = "unknown: the parameters came without their uncertainty"
    money = "discounted, the sum of clv" if clv is not None else "no forecast of spend: spend_customers says why"
    return [
        ("forecast_purchases", round(total.purchases, 6), f"purchase days of {total.customers:,} customers {horizon}"),
        ("forecast_purchases_low", low, f"lower end {interval}"),
        ("forecast_purchases_high", high, f"upper end {interval}"),
        ("forecast_clv", clv, f"{money}; {horizon}"),
    ]


def _drift(
    model: _Components,
    bins: Mapping[str, dict[str, Bins]],
    counts: Mapping[str, npt.NDArray[np.int64]],
    run_date: date,
) -> pa.Table:
    """Rows of clv_drift: the stability of what is watched, and the age of each component of the model."""
    made = []
    for name, kept in bins.items():
        learnt_through = model[name]["trained_through"]
        rows = component_drift(kept, counts, DRIFT_COLUMNS[name], _BINS_SET_BY)
        metric = "model_age_days" if name == "buying" else "spend_model_age_days"
        rows.append(model_age(learnt_through, run_date, metric))
        made.append(quality_rows("clv", rows, learnt_through))
    return pa.concat_tables(made or [quality_rows("clv", [], run_date)])
