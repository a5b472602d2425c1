"""What a model of buying would have said before the last third of the history."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from models.clv.buying import (
    MIN_REPEAT_CUSTOMERS,
    fit_buying,
    grouped_patterns,
    likelihood_bounds,
    pattern_columns,
    without_warnings,
)
from models.clv.outlook import Z
from models.clv.parameters import BuyingModel, ClvParameters
from models.clv.total import TotalForecast, forecast_total


@dataclass(frozen=True)
class HoldoutPeriod:
    """What was known some days ago, and what came of it, to choose a model by.

    patterns: as fit_clv takes them, as of then. days: since then. purchases: purchase days of these customers in them.
    """

    patterns: pd.DataFrame
    days: int
    purchases: float


@dataclass(frozen=True)
class HoldoutFit:
    """What a model that was learnt on the past forecast of it; ratio: forecast / actual purchase days."""

    parameters: ClvParameters
    total: TotalForecast
    ratio: float


def holdout_fits(
    past: HoldoutPeriod, models: tuple[BuyingModel, ...], penaliser: float
) -> dict[BuyingModel, HoldoutFit]:
    """The forecasts of the models that can be learnt on the past, and expect something of it."""
    rows = _past_rows(past)
    if (rows["customer_count"] * (rows["frequency"] > 0)).sum() < MIN_REPEAT_CUSTOMERS:
        return {}
    columns = pattern_columns(rows)
    fits = {name: fit[0] for name in models if (fit := without_warnings(partial(fit_buying, name, columns, penaliser)))}
    totals = {name: forecast_total(rows, parameters, past.days) for name, parameters in fits.items()}
    return {
        name: HoldoutFit(fits[name], total, total.purchases / past.purchases)
        for name, total in totals.items()
        if total.purchases > 0
    }


def nearest_models(held_out: dict[BuyingModel, HoldoutFit]) -> tuple[BuyingModel, ...]:
    """The models whose forecast came nearest: the nearest, and who is farther off by no more than chance (95 %)."""
    off = {name: abs(float(np.log(forecast.ratio))) for name, forecast in held_out.items()}
    if not off:
        return ()
    nearest = held_out[min(off, key=lambda name: off[name])].total
    chance = Z * np.sqrt(nearest.variance[0]) / nearest.purchases
    return tuple(name for name in off if off[name] <= min(off.values()) + chance)


def holdout_error(past: HoldoutPeriod, forecast: HoldoutFit) -> float:
    """How far a model's forecast of the past was off, on the log scale, beyond what it allows for itself.

    0 if what happened is within the forecast's own 95 % interval (if the data's bounds can't be told: of buying and
    leaving alone); else the method of moments: the squared error is the forecast's own variance plus that of what the
    model does not know of (seasons, growth, a closed shop).
    """
    rows, total = _past_rows(past), forecast.total
    own = float(np.sqrt(total.variance[0]))
    off = -float(np.log(forecast.ratio))
    bounds = without_warnings(partial(likelihood_bounds, forecast.parameters, pattern_columns(rows), past.days))
    if bounds is not None:
        total = forecast_total(rows, replace(forecast.parameters, bounds=bounds), past.days)
        own = float(total.deviations()[off > 0][0])
    own /= total.purchases
    return float(np.sqrt(off**2 - own**2)) if abs(off) > Z * own else 0.0


def _past_rows(past: HoldoutPeriod) -> pd.DataFrame:
    return grouped_patterns(past.patterns, ["frequency", "recency_days", "age_days"])
