"""Tables that Python makes: models are fitted on what is small by nature, and score every customer in Arrow batches.

Each function has the inputs that the catalog declares for it, as views of the engine, and returns tables by name.
"""

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from functools import cache, partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.clv.challenge import compare_with_champion, difference_metric
from models.clv.drift import DRIFT_COLUMNS, drift_columns
from models.clv.fit import fit_clv
from models.clv.holdout import HoldoutPeriod
from models.clv.parameters import ClvParameters, Method, SpendParameters
from models.clv.score import score_clv, tier_bounds
from models.clv.spend import fit_spend
from models.clv.total import TotalForecast, forecast_total
from models.evaluation.challenge import ChallengerResult, no_comparison
from models.evaluation.drift import Bins, bin_counts, fixed_bins
from models.types import QualityRow
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import (
    ARTEFACT,
    BATCH_ROWS,
    SEED,
    SHOPPER,
    TRIAL_DAYS,
    Tables,
    artefact,
    is_fitted,
    kept_bins,
    md5_share,
    model_age,
    part_drift,
    quality_rows,
    values_of,
)
from pipelines.settings import Settings
from pipelines.store.lake import Night

_CLV_LIBRARIES = ("autograd", "lifetimes", "numpy", "scipy")


# Below this share of net revenue with a known cost, a margin rate would speak for too little; CLV is then on revenue.
MINIMUM_KNOWN_COST = 0.5


# Fewer days, less than four weeks, say too little of how models forecast.
MIN_PAST_DAYS = 28


# On so many customers new CLV parameters are held against the last ones, and bins for drift are made.
TRIED_CUSTOMERS = 20_000


# Of FITTED_BY, what says which purchases are forecast, and how.
_CLV_QUESTION = ("buying_model", "amounts_include_tax", "gift_card_categories")


# What the bins of CLV's drift rest on, beside the parameters.
_CLV_WATCHED_BY = ("active_days", "clv_horizon_days")


def clv_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. The models of buying and of spend, and the margin that turns spend into value."""
    earlier = {row["part"]: row for row in engine.arrow("SELECT * FROM history.clv_model").to_pylist()}
    fitted_on = engine.rows("SELECT MAX(trained_through) FROM history.clv_fit")[0][0]
    if {"buying", "spend"} <= earlier.keys() and is_fitted("clv_fit", night, settings, fitted_on):
        return {name: engine.arrow(f"SELECT * FROM history.{name}") for name in ("clv_fit", "clv_model")}
    patterns = engine.arrow(
        "SELECT frequency, recency_days, age_days, COUNT(*) AS customer_count FROM customer_purchase_pattern "
        f"WHERE frequency IS NOT NULL AND {SHOPPER} GROUP BY frequency, recency_days, age_days ORDER BY ALL"
    ).to_pandas()
    spends = engine.arrow(
        "SELECT frequency, CAST(repeat_revenue AS DOUBLE) / frequency AS mean_repeat_value, COUNT(*) AS customer_count "
        f"FROM customer_purchase_pattern WHERE frequency > 0 AND {SHOPPER} "
        "GROUP BY frequency, mean_repeat_value ORDER BY ALL"
    ).to_pandas()
    first = engine.rows(f"SELECT MIN(first_purchase_date) FROM customer_purchase_pattern WHERE {SHOPPER}")[0][0]
    _sample_shoppers(engine)
    outcomes = cache(partial(_outcomes, engine, night.run_date))
    last_buying, last_spend, _ = _clv_parameters(earlier)
    past = _past(outcomes, first, night.run_date, settings)
    buying = fit_clv(patterns, last_buying, settings.buying_model, settings.clv_horizon_days, past)
    spend = fit_spend(spends, last_spend)
    rate, known = _margin_rate(engine)
    rows: list[QualityRow] = [*buying.quality(), *spend.quality()]
    rows.append(("margin_rate", rate, f"margin / net revenue, where the cost is known ({known:.0%} of net revenue)"))

    def fitted(part: str, parameters: str, data: npt.NDArray[np.float64]) -> dict[str, Any]:
        row = artefact(part, parameters, [data], _CLV_LIBRARIES, first, night.run_date)
        return row | {"question": json.dumps(values_of(settings, _CLV_QUESTION)), "bins": None}

    model = {} if rate is None else {"margin_rate": fitted("margin_rate", repr(rate), np.array([rate, known]))}
    methods: dict[str, Method] = {}
    for part, fit, data in (("buying", buying, patterns), ("spend", spend, spends)):
        if fit.parameters is None:
            continue
        trial = _clv_trial(fit.parameters, earlier.get(part), outcomes, night, settings) if fit.converged else None
        is_new = trial is not None and not trial.is_refused
        rows += trial.quality if trial else []
        model[part] = fitted(part, fit.parameters.to_json(), data.to_numpy(float)) if is_new else earlier[part]
        methods[part] = fit.method if is_new else "last_good"
    _add_bins(model, engine, night, settings)
    return {
        "clv_fit": pa.concat_tables([quality_rows("clv", rows, night.run_date), *_of_parameters(model, methods)]),
        "clv_model": pa.Table.from_pylist([model[part] for part in sorted(model)], schema=ARTEFACT),
    }


def _past(
    outcomes: Callable[[int], pd.DataFrame], first: date | None, run_date: date, settings: Settings
) -> HoldoutPeriod | None:
    """What was known before the last third of the history, or the last horizon if that is shorter.

    None if that is too short, or nobody bought in it.
    """
    days = min((run_date - (first or run_date)).days // 3, settings.clv_horizon_days)
    if days < MIN_PAST_DAYS:
        return None
    customers = outcomes(days)
    purchases = float(customers["purchase_days"].sum())
    return HoldoutPeriod(customers[["frequency", "recency_days", "age_days"]], days, purchases) if purchases else None


def _clv_parameters(
    model: Mapping[str, dict[str, Any]],
) -> tuple[ClvParameters | None, SpendParameters | None, float | None]:
    """Of buying, of spend, and the margin rate, from the rows of clv_model by part."""
    text = {part: row["parameters"] for part, row in model.items()}
    return (
        ClvParameters.from_json(text["buying"]) if "buying" in text else None,
        SpendParameters.from_json(text["spend"]) if "spend" in text else None,
        float(text["margin_rate"]) if "margin_rate" in text else None,
    )


def _of_parameters(model: Mapping[str, dict[str, Any]], methods: Mapping[str, Method]) -> Iterator[pa.Table]:
    """Rows of clv_fit on the parameters in use, each of the day through which they were learnt."""
    buying, spend, _ = _clv_parameters(model)
    for part, parameters in (("buying", buying), ("spend", spend)):
        if parameters:
            yield quality_rows("clv", parameters.quality(methods[part]), model[part]["trained_through"])


def _sample_shoppers(engine: DuckDBEngine) -> None:
    """Make `shopper` hold all who have bought; a fixed random part of them (by md5 of their id), if they are many."""
    shoppers = f"FROM customer_purchase_pattern WHERE frequency IS NOT NULL AND {SHOPPER}"
    share = md5_share(min(TRIED_CUSTOMERS / max(engine.rows(f"SELECT COUNT(*) {shoppers}")[0][0], 1), 1.0))
    columns = "customer_id, frequency, recency_days, age_days, repeat_revenue"
    engine.materialise("shopper", f"SELECT {columns} {shoppers} AND md5(customer_id)[17:24] <= '{share}'")


def _clv_trial(
    new: ClvParameters | SpendParameters,
    last: dict[str, Any] | None,
    outcomes: Callable[[int], pd.DataFrame],
    night: Night,
    settings: Settings,
) -> ChallengerResult:
    """Tonight's parameters against the last ones (a row of clv_model), by what customers did in the last weeks."""
    if last is None:
        return no_comparison(difference_metric(new), "there is no earlier one")
    if last["question"] is None or json.loads(last["question"]) != values_of(settings, _CLV_QUESTION):
        return no_comparison(
            difference_metric(new), f"the earlier one was fitted by other settings ({', '.join(_CLV_QUESTION)})"
        )
    days = max((night.run_date - last["trained_through"]).days, TRIAL_DAYS)
    return compare_with_champion(new, type(new).from_json(last["parameters"]), outcomes(days), days, SEED)


def _outcomes(engine: DuckDBEngine, tonight: date, days: int) -> pd.DataFrame:
    """Grain: shopper known so many days ago. His history up to then, and what he bought since."""
    known = f"d.business_date <= DATE '{tonight - timedelta(days)}'"
    found: pd.DataFrame = engine.arrow(
        f"""SELECT d.customer_id, COUNT(*) FILTER ({known}) - 1 AS frequency,
            DATE_DIFF('day', MIN(d.business_date), MAX(d.business_date) FILTER ({known})) AS recency_days,
            DATE_DIFF('day', MIN(d.business_date), DATE '{tonight - timedelta(days)}') AS age_days,
            CAST(SUM(d.net_spend) FILTER ({known}) - ARG_MIN(d.net_spend, d.business_date) AS DOUBLE) AS repeat_revenue,
            COUNT(*) FILTER (NOT {known}) AS purchase_days,
            CAST(COALESCE(SUM(d.net_spend) FILTER (NOT {known}), 0) AS DOUBLE) AS spend
        FROM customer_day AS d INNER JOIN shopper AS s ON d.customer_id = s.customer_id
        WHERE d.net_spend > 0 GROUP BY d.customer_id HAVING MIN(d.business_date) <= DATE '{tonight - timedelta(days)}'
        ORDER BY d.customer_id"""
    ).to_pandas()
    return found


def _add_bins(model: dict[str, dict[str, Any]], engine: DuckDBEngine, night: Night, settings: Settings) -> None:
    """Give the parts that were fitted tonight the bins of what is watched, over tonight's shoppers."""
    buying, spend, _ = _clv_parameters(model)
    shoppers = engine.arrow("SELECT * FROM shopper ORDER BY customer_id")
    scored = score_clv(shoppers, buying, spend, settings.clv_horizon_days, 0.0, None)
    columns = drift_columns(shoppers, scored, settings.active_days)
    for part, names in DRIFT_COLUMNS.items():
        if part in model and model[part]["trained_through"] == night.run_date:
            bins = {name: asdict(fixed_bins(columns[name])) for name in names}
            model[part]["bins"] = json.dumps(values_of(settings, _CLV_WATCHED_BY) | {"bins": bins})


def _margin_rate(engine: DuckDBEngine) -> tuple[float | None, float]:
    """Margin / net revenue of customers' days with a known cost, None if too little is known; and the share known."""
    margin, with_cost, total = engine.rows(
        "SELECT SUM(gross_margin), SUM(CASE WHEN gross_margin IS NOT NULL THEN net_revenue END), SUM(net_revenue) "
        f"FROM customer_day WHERE {SHOPPER}"
    )[0]
    if not with_cost or not total or with_cost < 0 or total < 0:
        return None, 0.0
    known = float(with_cost / total)
    return (float(margin / with_cost) if known >= MINIMUM_KNOWN_COST else None), known


def customer_clv(engine: DuckDBEngine, night: Night, settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order. What the customer is expected to bring in the horizon; and all together."""
    model = {row["part"]: row for row in engine.arrow("SELECT * FROM clv_model").to_pylist()}
    buying, spend, rate = _clv_parameters(model)
    bins = {part: kept_bins(model[part], settings, _CLV_WATCHED_BY) for part in DRIFT_COLUMNS if part in model}
    watched = {name: np.zeros(len(kept.shares), np.int64) for of in bins.values() for name, kept in of.items()}
    columns = (
        f"SELECT customer_id, frequency, recency_days, age_days, repeat_revenue, {SHOPPER} AS is_shopper "
        "FROM customer_purchase_pattern"
    )
    score = partial(
        score_clv,
        parameters=buying,
        spend=spend,
        horizon_days=settings.clv_horizon_days,
        discount_rate=settings.discount_rate,
        margin_rate=rate,
    )
    totals: list[TotalForecast] = []

    def scored(batch: pa.Table) -> pa.Table:
        if buying:
            shoppers = batch.filter(batch["is_shopper"])
            totals.append(forecast_total(shoppers, buying, settings.clv_horizon_days))
        rows = score(batch)
        people = batch["is_shopper"]
        columns = drift_columns(batch.filter(people), rows.filter(people), settings.active_days) if watched else {}
        for of in bins.values():
            for name, kept in of.items():
                watched[name] += bin_counts(kept, columns[name])
        return rows

    engine.map_batches("scored_clv", scored, f"{columns} ORDER BY customer_id", BATCH_ROWS)
    total = reduce(operator.add, totals) if totals else None
    history: int = engine.rows(f"SELECT MAX(age_days) FROM customer_purchase_pattern WHERE {SHOPPER}")[0][0] or 0
    sum_of_clv = f"SELECT CAST(SUM(CAST(clv AS DECIMAL(38, 2))) AS DOUBLE) FROM scored_clv WHERE {SHOPPER}"
    clv = engine.rows(sum_of_clv)[0][0]
    bounds = tier_bounds(engine.arrow("SELECT clv FROM scored_clv WHERE clv IS NOT NULL")["clv"].to_numpy())
    tiers = " ".join(f"WHEN clv >= CAST('{bound!r}' AS DOUBLE) THEN '{tier}'" for tier, bound in bounds.items())
    learnt = model["buying"]["trained_through"] if "buying" in model else night.run_date
    return {
        "customer_clv": f"SELECT *, CASE WHEN clv IS NULL THEN NULL {tiers} ELSE 'bronze' END AS clv_tier "
        "FROM scored_clv",
        "clv_forecast": quality_rows("clv", _forecast(buying, total, clv, history, night.run_date, settings), learnt),
        "clv_drift": _clv_drift(model, bins, watched, night.run_date),
    }


def _clv_drift(
    model: Mapping[str, dict[str, Any]],
    bins: Mapping[str, dict[str, Bins]],
    watched: Mapping[str, npt.NDArray[np.int64]],
    run_date: date,
) -> pa.Table:
    """Rows of clv_drift: the stability of what is watched, and the age of each part of the model."""
    tables = []
    for part, of in bins.items():
        learnt = model[part]["trained_through"]
        rows = part_drift(of, watched, DRIFT_COLUMNS[part], _CLV_WATCHED_BY)
        metric = "model_age_days" if part == "buying" else "spend_model_age_days"
        rows.append(model_age(learnt, run_date, metric))
        tables.append(quality_rows("clv", rows, learnt))
    return pa.concat_tables(tables or [quality_rows("clv", [], run_date)])


def _forecast(
    buying: ClvParameters | None,
    total: TotalForecast | None,
    clv: float | None,
    history_days: int,
    run_date: date,
    settings: Settings,
) -> list[QualityRow]:
    """Rows of clv_forecast: what all customers together are expected to do."""
    if buying is None or total is None:
        return [("forecast_purchases", None, "no forecast of purchases: metric customers says why")]
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
