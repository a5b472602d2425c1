"""What all customers together are expected to buy and bring, with intervals: the rows of clv_forecast."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from models.clv.cohort import YOUNG_DAYS, together, young_interval
from models.clv.contest import NAMES, PublishedTotal, TotalModel, publish_total
from models.clv.money import MoneyModel, forecast_largest, publish_money
from models.clv.parameters import ClvParameters, spend_from_json
from models.clv.total import forecast_total
from models.types import Floats, QualityRow
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import SHOPPER
from pipelines.settings import Settings

# A shorter history, of less than four weeks, says too little of how models forecast.
MIN_PAST_DAYS = 28

Components = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class NightTotal:
    """Tonight's total.

    Attributes:
        customers: how many it is of.
        published: of all customers.
        older: of those but the young.
        chance: variance of the older's purchases if the parameters were known, as a share of their square.
        young: of the young alone, where they have a fit of their own; its factor is theirs.
        young_below: age in days under which customers are young; 0: nobody is.
        why_unknown: why it has no interval; None: it has one.
    """

    customers: int
    published: PublishedTotal
    older: PublishedTotal
    chance: float
    young: PublishedTotal | None
    young_below: int
    why_unknown: str | None


def buying_parameters(model: Components, component: str = "buying") -> ClvParameters | None:
    """Of buying, or of how the young buy; None: there are none."""
    return ClvParameters.from_json(model[component]["parameters"]) if component in model else None


def night_total(model: Components, engine: DuckDBEngine, run_date: date, settings: Settings) -> NightTotal | None:
    """Of all shoppers who have bought; None without a model of buying."""
    buying, young_buying = buying_parameters(model), buying_parameters(model, "young")
    if buying is None:
        return None
    horizon = settings.clv_horizon_days
    kept = TotalModel.from_json(model["total"]["parameters"]) if "total" in model else None
    since_fit = (run_date - model["total"]["trained_through"]).days if "total" in model else 0
    patterns = engine.arrow(query("fits/purchase_pattern_count")).to_pandas()
    below = YOUNG_DAYS + (run_date - model["young"]["trained_through"]).days if young_buying else 0
    older, recent = (patterns[which] for which in (patterns["age_days"] >= below, patterns["age_days"] < below))
    plain = forecast_total(older, buying, horizon)
    total = of_older = publish_total(plain, buying, kept, _ages(older), horizon, since_fit)
    chance = float(plain.variance[0]) / plain.purchases**2 if plain.purchases else 0.0
    young = None
    if young_buying is not None:
        forecast = forecast_total(recent, young_buying, horizon)
        factor = kept.calendar_factor(YOUNG_DAYS, horizon) if kept else 1.0
        interval = young_interval(forecast, young_buying, factor)
        young = PublishedTotal(factor * forecast.purchases, interval, factor)
        total = together(total, young)
    history_days = int(patterns["age_days"].max()) if len(patterns) else 0
    unknown = None
    if history_days < MIN_PAST_DAYS:
        unknown = f"a history of {history_days} days is too short, less than {MIN_PAST_DAYS}"
    elif kept is not None and kept.why_unknown is not None:
        unknown = kept.why_unknown
    elif total.interval is None:
        unknown = "the parameters came without their uncertainty"
    return NightTotal(int(patterns["customer_count"].sum()), total, of_older, chance, young, below, unknown)


def _ages(patterns: pd.DataFrame) -> tuple[Floats, Floats]:
    """Ages in days, and how many customers have each."""
    by_age = patterns.groupby("age_days")["customer_count"].sum()
    return by_age.index.to_numpy(np.float64), by_age.to_numpy(np.float64)


@dataclass(frozen=True)
class NightMoney:
    """Tonight's money, as clv counts it (discounted; margin, where the rate is known).

    Attributes:
        published: of all customers.
        largest_share: of the ten largest customers in it.
        factor: what the clv of all others is multiplied by, so that they add up.
        largest_factor: the same of theirs, as prices change.
    """

    published: PublishedTotal
    largest_share: float
    factor: float
    largest_factor: float


def night_money(
    total: NightTotal | None, model: Components, engine: DuckDBEngine, run_date: date, settings: Settings
) -> NightMoney | None:
    """Of all shoppers, once they are in scored_clv; None without a forecast of buying or of spend."""
    engine.materialise("largest_customer", query("fits/largest_customer"))
    buying = buying_parameters(model)
    if total is None or buying is None or "spend" not in model or "money" not in model:
        return None
    money = MoneyModel.from_json(model["money"]["parameters"])
    spend, horizon = spend_from_json(model["spend"]["parameters"]), settings.clv_horizon_days
    customers = engine.arrow("SELECT * FROM largest_customer ORDER BY customer_id").to_pandas()
    customers = customers[customers["age_days"] >= total.young_below]
    largest = forecast_largest(customers, buying, spend, horizon, settings.discount_rate)
    patterns = engine.arrow(query("fits/purchase_pattern_count")).to_pandas()
    ages, counts = _ages(patterns[patterns["age_days"] >= total.young_below])
    for age in customers["age_days"]:
        counts[np.searchsorted(ages, float(age))] -= 1
    since_fit = (run_date - model["money"]["trained_through"]).days
    found = publish_money(money, largest, total, (ages, counts), horizon, since_fit, settings.discount_rate)
    rate = float(model["margin_rate"]["parameters"]) if "margin_rate" in model else 1.0
    of_others = (
        f"SELECT CAST(SUM(CAST(clv AS DECIMAL(38, 2))) AS DOUBLE) FROM scored_clv WHERE {SHOPPER}"
        " AND customer_id NOT IN (SELECT customer_id FROM largest_customer)"
    )
    others: float = engine.rows(of_others)[0][0] or 0.0
    of_largest = found.factor * largest.money
    wanted = rate * (found.expected - of_largest)
    factor = wanted / others if others * wanted > 0 else 1.0
    low, high = sorted(rate * end for end in found.interval) if found.interval else (None, None)
    interval = (low, high) if low is not None and high is not None else None
    share = of_largest / found.expected if found.expected else 0.0
    return NightMoney(PublishedTotal(rate * found.expected, interval, 1.0), share, factor, found.factor)


def forecast_rows(
    total: NightTotal | None,
    money: NightMoney | None,
    model: Components,
    engine: DuckDBEngine,
    run_date: date,
    settings: Settings,
) -> list[QualityRow]:
    """Rows of clv_forecast: what all customers together are expected to do."""
    if total is None:
        return [("forecast_purchases", None, "no forecast of purchases: metric customers says why")]
    sum_of_clv = f"SELECT CAST(SUM(CAST(clv AS DECIMAL(38, 2))) AS DOUBLE) FROM valued_clv WHERE {SHOPPER}"
    clv: float | None = engine.rows(sum_of_clv)[0][0]
    horizon = f"in the {settings.clv_horizon_days} days after {run_date}"
    kept = TotalModel.from_json(model["total"]["parameters"]) if "total" in model else None
    by = f"by {NAMES[kept.method]}{kept.reason}" if kept else f"by {NAMES['plain']}"
    found = total.published.interval if total.why_unknown is None else None
    interval = f"of the 95 % predictive interval, {by}"
    if total.why_unknown is not None:
        interval = f"unknown: {total.why_unknown}"
    words = "discounted, the sum of clv" if clv is not None else "no forecast of spend: spend_customers says why"
    purchases = f"purchase days of {total.customers:,} customers {horizon}, {by}"
    rows: list[QualityRow] = [
        ("forecast_purchases", round(total.published.expected, 6), purchases),
        *_ends("forecast_purchases", found, interval),
    ]
    if total.young is not None:
        own = total.young.interval if total.why_unknown is None else None
        note = f"of them by customers who first bought in the {total.young_below} days before, fitted apart"
        rows.append(("forecast_purchases_young", round(total.young.expected, 6), note))
        rows += _ends(
            "forecast_purchases_young", own, "of an interval that holds it in 80 % at least" if own else interval
        )
    rows.append(("forecast_clv", clv, f"{words}; {horizon}"))
    if money is None:
        return rows
    found = money.published.interval if total.why_unknown is None else None
    interval = "of the 95 % predictive interval" if found else f"unknown: {total.why_unknown}"
    share = ("forecast_clv_ten_largest_share", round(money.largest_share, 6), "of forecast_clv, by ten customers")
    return [*rows, *_ends("forecast_clv", found, interval, 2), share]


def _ends(metric: str, interval: tuple[float, float] | None, note: str, digits: int = 6) -> list[QualityRow]:
    low, high = (round(end, digits) for end in interval) if interval else (None, None)
    return [(f"{metric}_low", low, f"lower end {note}"), (f"{metric}_high", high, f"upper end {note}")]
