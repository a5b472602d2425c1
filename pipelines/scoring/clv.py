"""CLV: its models of buying and spend are fitted weekly, and value every customer and their total every night."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.clv.challenge import compare_with_champion, difference_metric
from models.clv.cohort import YOUNG_DAYS
from models.clv.contest import TotalModel
from models.clv.drift import DRIFT_COLUMNS, drift_columns
from models.clv.fit import ClvFit
from models.clv.holdout import HoldoutPeriod
from models.clv.parameters import ClvParameters, Method, Spend, spend_from_json
from models.clv.population import PopulationFit, fit_population
from models.clv.score import scaled_scores, score_clv, tier_bounds
from models.clv.season import MIN_SEASON_DAYS
from models.clv.spend import SpendFit, fit_spend
from models.clv.weeks import WEEK, EntryWeeks
from models.evaluation.challenge import ChallengerResult, no_comparison
from models.evaluation.drift import Bins, bin_counts
from models.types import QualityRow
from pipelines.catalog import query, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.clv_total import (
    MIN_PAST_DAYS,
    NightMoney,
    NightTotal,
    buying_parameters,
    forecast_rows,
    night_money,
    night_total,
)
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
    engine.materialise("largest_customer", query("fits/largest_customer"))
    weeks = EntryWeeks.from_rows(engine.arrow(query("fits/entry_week")).to_pandas())
    holdout = partial(_holdout, outcomes, first_day, night.run_date, settings)
    population = fit_population(patterns, weeks, holdout, last_buying, settings.buying_model, settings.clv_horizon_days)
    buying, spend = population.buying, fit_spend(spends, last_spend)
    rate, known = _margin_rate(engine)
    rows: list[QualityRow] = [*spend.quality()]
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
        past = partial(_older, outcomes) if name == "buying" and population.young else outcomes
        result = _compared(fit.parameters, champion.get(name), past, night, settings) if fit.converged else None
        is_new = result is not None and not result.is_refused
        rows += result.quality if result else []
        model[name] = fitted(name, fit.parameters.to_json(), data.to_numpy(float)) if is_new else champion[name]
        methods[name] = fit.method if is_new else "last_good"
    is_last_model = methods.get("buying") == "last_good"
    if is_last_model:
        model |= _last_totals(champion, population)
    elif "buying" in model:
        parts = (
            ("total", population.total, weeks.purchases),
            ("money", population.money, weeks.spend),
            ("young", population.young, patterns.to_numpy(float)),
        )
        model |= {name: fitted(name, part.to_json(), data) for name, part, data in parts if part is not None}
    rows += population.quality("young" in model, is_last_model)
    _add_bins(model, engine, night, settings)
    return {
        "clv_fit": pa.concat_tables([quality_rows("clv", rows, night.run_date), *_parameter_rows(model, methods)]),
        "clv_model": pa.Table.from_pylist([model[name] for name in sorted(model)], schema=ARTEFACT),
    }


def _last_totals(champion: _Components, population: PopulationFit) -> _Components:
    """What goes with the last parameters of buying; the total is unknown where the young differ, which it knew not."""
    last: _Components = {name: champion[name] for name in ("total", "money", "young") if name in champion}
    if "total" in last:
        why_unknown = population.cohort.why_unknown("young" in last, is_last_model=True)
        total = replace(TotalModel.from_json(last["total"]["parameters"]), why_unknown=why_unknown)
        last["total"] |= {"parameters": total.to_json()}
    return last


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


def _older(outcomes: _Outcomes, days: int, young_days: int = YOUNG_DAYS) -> pd.DataFrame:
    """Outcomes, less those of customers who at the night are younger than young_days."""
    customers = outcomes(days)
    return customers[customers["age_days"] + days >= young_days]


def _holdout(
    outcomes: _Outcomes, first_day: date | None, run_date: date, settings: Settings, young_days: int = 0
) -> HoldoutPeriod | None:
    """The last third of the history, or the last horizon if that is shorter, and what was known before it.

    It has whole weeks and, if possible, 13 months before it, to learn season and trend from. None if that is too
    short, or nobody bought in it.
    """
    history = (run_date - (first_day or run_date)).days
    days = min(history // 3, settings.clv_horizon_days)
    if history - MIN_SEASON_DAYS >= MIN_PAST_DAYS:
        days = min(days, history - MIN_SEASON_DAYS)
    days -= days % WEEK
    if days < MIN_PAST_DAYS:
        return None
    customers = _older(outcomes, days, young_days)
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
    shoppers = engine.arrow("SELECT * FROM shopper ORDER BY customer_id")
    scored = _scored(shoppers, model, YOUNG_DAYS, settings)
    columns = drift_columns(shoppers, scored, settings.active_days)
    for name, watched in DRIFT_COLUMNS.items():
        if name in model and model[name]["trained_through"] == night.run_date:
            model[name]["bins"] = bins_json({column: columns[column] for column in watched}, settings, _BINS_SET_BY)


def _scored(batch: pa.Table, model: _Components, young_below: int, settings: Settings) -> pa.Table:
    """What score_clv makes of a batch: the young, by age, by the parameters that are theirs, where there are some."""
    buying, spend, rate = _parameters(model)
    score = partial(
        score_clv,
        spend=spend,
        horizon_days=settings.clv_horizon_days,
        discount_rate=settings.discount_rate,
        margin_rate=rate,
    )
    rows = score(batch, buying)
    young = buying_parameters(model, "young")
    if young is None:
        return rows
    is_young = _is_young(batch, young_below)
    of_young = score(batch, young)
    return pa.table({name: pc.if_else(is_young, of_young[name], rows[name]) for name in rows.column_names})


def _is_young(batch: pa.Table, young_below: int) -> pa.ChunkedArray:
    return pc.fill_null(pc.less(batch["age_days"], young_below), fill_value=False)


def _parameter_rows(model: _Components, methods: Mapping[str, Method]) -> Iterator[pa.Table]:
    """Rows of clv_fit on the parameters in use, each of the day through which they were learnt."""
    buying, spend, _ = _parameters(model)
    for name, parameters in (("buying", buying), ("spend", spend)):
        if parameters:
            yield quality_rows("clv", parameters.quality(methods[name]), model[name]["trained_through"])


def customer_clv(engine: DuckDBEngine, night: Night, settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order. What the customer is expected to bring in the horizon; and all together."""
    model = model_components(engine, "clv_model")
    bins = {name: kept_bins(model[name], settings, _BINS_SET_BY) for name in DRIFT_COLUMNS if name in model}
    all_bins = {column: kept for by_column in bins.values() for column, kept in by_column.items()}
    counts = {column: np.zeros(len(kept.shares), np.int64) for column, kept in all_bins.items()}

    def watched(batch: pa.Table, rows: pa.Table) -> None:
        shoppers = batch.filter(batch["is_shopper"])
        columns = drift_columns(shoppers, rows.filter(batch["is_shopper"]), settings.active_days)
        for column, kept in all_bins.items():
            counts[column] += bin_counts(kept, columns[column])

    other_horizons = _at_other_horizons(engine, model, night, settings)
    total, money = _value(engine, model, night, settings, watched if all_bins else None)
    learnt_through = model["buying"]["trained_through"] if "buying" in model else night.run_date
    forecast = forecast_rows(total, money, model, engine, night.run_date, settings)
    return {
        "customer_clv": _with_tiers(engine),
        "customer_clv_horizon": other_horizons,
        "clv_forecast": quality_rows("clv", forecast, learnt_through),
        "clv_drift": _drift(model, bins, counts, night.run_date),
    }


def _value(
    engine: DuckDBEngine,
    model: _Components,
    night: Night,
    settings: Settings,
    watched: Callable[[pa.Table, pa.Table], None] | None = None,
) -> tuple[NightTotal | None, NightMoney | None]:
    """Make valued_clv, customers' values in the main horizon, whose sums are the totals; `watched` sees each batch."""
    total = night_total(model, engine, night.run_date, settings)
    young_below = total.young_below if total else 0

    def scored(batch: pa.Table) -> pa.Table:
        rows = _scored(batch, model, young_below, settings)
        if watched:
            watched(batch, rows)
        if total is None:
            return rows
        factors = np.full(len(rows), total.published.factor)
        if total.young is not None:
            factors[_is_young(batch, young_below).to_numpy()] = total.young.factor
        return scaled_scores(rows, factors)

    engine.map_batches("scored_clv", scored, query("fits/scored_pattern"), BATCH_ROWS)
    money = night_money(total, model, engine, night.run_date, settings)
    engine.materialise("valued_clv", _valued(money))
    return total, money


def _at_other_horizons(engine: DuckDBEngine, model: _Components, night: Night, settings: Settings) -> pa.Table | str:
    """customer_clv_horizon: each of the other horizons by the same fit, as if it were the main one."""
    for days in settings.other_clv_horizons:
        _value(engine, model, night, settings.model_copy(update={"clv_horizons": (days,)}))
        engine.materialise(f"clv_of_{days}_days", f"SELECT {', '.join(HORIZON.names)} FROM valued_clv")
    parts = [f"SELECT * FROM clv_of_{days}_days" for days in settings.other_clv_horizons]
    return f"{' UNION ALL '.join(parts)} ORDER BY customer_id, horizon_days" if parts else HORIZON.empty_table()


def _valued(money: NightMoney | None) -> str:
    """A SELECT of scored_clv whose values add up to the money that is published; the largest have their own factor."""
    if money is None:
        return "SELECT * FROM scored_clv"
    others, largest = (f"CAST('{value!r}' AS DOUBLE)" for value in (money.factor, money.largest_factor))
    factor = f"CASE WHEN l.customer_id IS NULL THEN {others} ELSE {largest} END"
    scaled = ", ".join(f"ROUND(c.{name} * {factor}, 2) AS {name}" for name in ("clv", "clv_low", "clv_high"))
    return (
        f"SELECT c.* REPLACE ({scaled}) FROM scored_clv AS c"
        " LEFT JOIN largest_customer AS l ON c.customer_id = l.customer_id ORDER BY c.customer_id"
    )


def _with_tiers(engine: DuckDBEngine) -> str:
    """A SELECT of valued_clv with each customer's tier."""
    bounds = tier_bounds(engine.arrow("SELECT clv FROM valued_clv WHERE clv IS NOT NULL")["clv"].to_numpy())
    tiers = " ".join(f"WHEN clv >= CAST('{bound!r}' AS DOUBLE) THEN '{tier}'" for tier, bound in bounds.items())
    return f"SELECT *, CASE WHEN clv IS NULL THEN NULL {tiers} ELSE 'bronze' END AS clv_tier FROM valued_clv"


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
