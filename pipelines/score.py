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
import pyarrow.compute as pc

from models.churn import (
    ChurnModel,
    Floats,
    churn_reasons,
    churn_tier,
    fit_churn,
    from_artefact,
    score_churn,
    scored_columns,
    to_artefact,
    with_p_alive,
)
from models.clv import Past, fit_clv, fit_spend
from models.clv_model import ClvParameters, Method, QualityRow, SpendParameters
from models.clv_score import WATCHED, TotalForecast, forecast_total, score_clv, tier_bounds, watched_columns
from models.clv_trial import Trial, hold_against_last, no_trial
from models.drift import Bins, bin_counts, drift_rows, fixed_bins
from models.effect import campaign_effects
from models.season import Outcomes
from pipelines.build import FITTED_BY, feature_dates
from pipelines.catalog import tables
from pipelines.contracts import table_contract
from pipelines.engine import DuckDBEngine
from pipelines.fits import (
    ARTEFACT,
    BATCH_ROWS,
    SEED,
    SHOPPER,
    TRIAL_DAYS,
    Tables,
    artefact,
    cut_offs,
    is_fitted,
    kept_bins,
    md5_share,
    model_age,
    part_drift,
    quality_rows,
    values_of,
)
from pipelines.lake import Night
from pipelines.settings import Settings

_CLV_LIBRARIES = ("autograd", "lifetimes", "numpy", "scipy")
# Below this share of net revenue with a known cost, a margin rate would speak for too little; CLV is then on revenue.
MINIMUM_KNOWN_COST = 0.5
# More customers than these make no better churn model, only a slower one.
FITTED_CUSTOMERS = 100_000
# Fewer days, less than four weeks, say too little of how models forecast.
MIN_PAST_DAYS = 28
# p_alive's parameters, and how many leave in a season, are known well enough from so many.
BUYING_CUSTOMERS = 20_000
# On so many customers new CLV parameters are held against the last ones, and bins for drift are made.
TRIED_CUSTOMERS = 20_000
# For seasons: dates of four years, four weeks apart, so that 13 of them are a year.
SEASON_DATES = 52
SEASON_DATE_DAYS = 28
# Of FITTED_BY, what says which purchases are forecast, and how.
_CLV_QUESTION = ("buying_model", "amounts_include_tax", "gift_card_categories")
# What the bins of CLV's drift rest on, beside the parameters.
_CLV_WATCHED_BY = ("active_days", "clv_horizon_days")


def calendar(engine: DuckDBEngine, night: Night, _settings: Settings) -> Tables:
    """Grain: date, each from the first receipt's to tonight's; tonight's alone if there is no receipt."""
    first: date = engine.rows("SELECT MIN(business_date) FROM receipt_fact")[0][0] or night.run_date
    days = [first + timedelta(n) for n in range((night.run_date - first).days + 1)]
    return {"calendar": pa.table({"business_date": pa.array(days, pa.date32())})}


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
) -> Past | None:
    """What was known before the last third of the history, or the last horizon if that is shorter.

    None if that is too short, or nobody bought in it.
    """
    days = min((run_date - (first or run_date)).days // 3, settings.clv_horizon_days)
    if days < MIN_PAST_DAYS:
        return None
    customers = outcomes(days)
    purchases = float(customers["purchase_days"].sum())
    return Past(customers[["frequency", "recency_days", "age_days"]], days, purchases) if purchases else None


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
) -> Trial:
    """Tonight's parameters against the last ones (a row of clv_model), by what customers did in the last weeks."""
    if last is None:
        return no_trial(new, "there is no earlier one")
    if last["question"] is None or json.loads(last["question"]) != values_of(settings, _CLV_QUESTION):
        return no_trial(new, f"the earlier one was fitted by other settings ({', '.join(_CLV_QUESTION)})")
    days = max((night.run_date - last["trained_through"]).days, TRIAL_DAYS)
    return hold_against_last(new, type(new).from_json(last["parameters"]), outcomes(days), days, SEED)


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
    columns = watched_columns(shoppers, scored, settings.active_days)
    for part, names in WATCHED.items():
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
    bins = {part: kept_bins(model[part], settings, _CLV_WATCHED_BY) for part in WATCHED if part in model}
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
        columns = watched_columns(batch.filter(people), rows.filter(people), settings.active_days) if watched else {}
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
        rows = part_drift(of, watched, WATCHED[part], _CLV_WATCHED_BY)
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
        question={name: now[name] for name in FITTED_BY},
        outcomes=_outcomes_by_date(engine, night.run_date, gap, settings),
        threads=settings.threads,
    )
    of_fit: list[QualityRow] = [("method", None, f"{fit.method}: {fit.note}"), *fit.of_fit]
    learnt = date.fromisoformat(fit.model.training["last_cut_off"]) if fit.model else night.run_date - gap
    tables = [quality_rows("churn", of_fit, night.run_date - gap), quality_rows("churn", fit.quality, learnt)]
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
            for name, values in scored_columns(model, known, usual).items():
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


def campaign_effect(engine: DuckDBEngine, _night: Night, _settings: Settings) -> Tables:
    """Grain: campaign, metric and segment. What campaigns changed, as far as that can be told."""
    outcomes: pd.DataFrame = engine.arrow("SELECT * FROM campaign_outcome ORDER BY ALL").to_pandas()
    return {"campaign_effect": pa.Table.from_pandas(campaign_effects(outcomes), preserve_index=False)}
