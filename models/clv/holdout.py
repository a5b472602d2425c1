"""The holdout: what models of buying that were fitted before the last third of the history say of it."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from models.clv.bounds import likelihood_bounds
from models.clv.buying import MIN_REPEAT_CUSTOMERS, fit_buying, grouped_patterns, pattern_columns, without_warnings
from models.clv.outlook import Z
from models.clv.parameters import BuyingModel, ClvParameters
from models.clv.total import TotalForecast, forecast_total


@dataclass(frozen=True)
class HoldoutPeriod:
    """The last part of the history, to choose a model by.

    Attributes:
        patterns: as fit_clv takes them, as of its beginning.
        days: its length.
        purchases: purchase days in it, of the customers known at its beginning.
    """

    patterns: pd.DataFrame
    days: int
    purchases: float


@dataclass(frozen=True)
class HoldoutFit:
    """A model fitted before the holdout, and its forecast of it; ratio: forecast / actual purchase days."""

    parameters: ClvParameters
    total: TotalForecast
    ratio: float


@dataclass(frozen=True)
class PastForecast:
    """The forecast of the holdout by the model in use.

    Attributes:
        weeks: length of the holdout.
        ratio: forecast / actual purchases.
        path: expected purchases from its beginning to the end of each part.
        variance: of the forecast if the parameters were known, as a share of its square.
    """

    weeks: int
    ratio: float
    path: tuple[float, ...]
    variance: float


PARTS = 3


def part_ends(weeks: int) -> list[int]:
    """Weeks from the holdout's beginning to the end of each of its three parts."""
    return [round(weeks * part / PARTS) for part in range(1, PARTS + 1)]


def past_forecast(holdout: HoldoutPeriod, fit: HoldoutFit) -> PastForecast:
    """A model's forecast of the holdout, part by part."""
    rows, weeks = _patterns(holdout), holdout.days // 7
    path = tuple(forecast_total(rows, fit.parameters, 7 * end).purchases for end in part_ends(weeks))
    return PastForecast(weeks, fit.ratio, path, float(fit.total.variance[0]) / fit.total.purchases**2)


def holdout_fits(
    holdout: HoldoutPeriod, models: tuple[BuyingModel, ...], penaliser: float
) -> dict[BuyingModel, HoldoutFit]:
    """The forecasts of the models that can be fitted before the holdout, and expect a purchase in it."""
    rows = _patterns(holdout)
    if (rows["customer_count"] * (rows["frequency"] > 0)).sum() < MIN_REPEAT_CUSTOMERS:
        return {}
    columns = pattern_columns(rows)
    fits = {name: fit[0] for name in models if (fit := without_warnings(partial(fit_buying, name, columns, penaliser)))}
    totals = {name: forecast_total(rows, parameters, holdout.days) for name, parameters in fits.items()}
    return {
        name: HoldoutFit(fits[name], total, total.purchases / holdout.purchases)
        for name, total in totals.items()
        if total.purchases > 0
    }


def nearest_models(held_out: dict[BuyingModel, HoldoutFit]) -> tuple[BuyingModel, ...]:
    """The model whose forecast came nearest, and those farther off by no more than chance (95 %)."""
    misses = {name: abs(float(np.log(forecast.ratio))) for name, forecast in held_out.items()}
    if not misses:
        return ()
    nearest = held_out[min(misses, key=lambda name: misses[name])].total
    chance = Z * np.sqrt(nearest.variance[0]) / nearest.purchases
    return tuple(name for name in misses if misses[name] <= min(misses.values()) + chance)


def holdout_error(holdout: HoldoutPeriod, forecast: HoldoutFit) -> float:
    """How far a model's forecast of the holdout was off, on the log scale, beyond its own interval.

    0 if what happened is within the forecast's own 95 % interval (of buying and leaving alone, if the bounds can't be
    found). Else by the method of moments: the squared error is the forecast's own variance plus that of what the model
    does not know of (seasons, growth, a closed shop).
    """
    rows, total = _patterns(holdout), forecast.total
    own = float(np.sqrt(total.variance[0]))
    miss = -float(np.log(forecast.ratio))
    bounds = without_warnings(partial(likelihood_bounds, forecast.parameters, pattern_columns(rows), holdout.days))
    if bounds is not None:
        total = forecast_total(rows, replace(forecast.parameters, bounds=bounds), holdout.days)
        own = float(total.deviations()[miss > 0][0])
    own /= total.purchases
    return float(np.sqrt(miss**2 - own**2)) if abs(miss) > Z * own else 0.0


def _patterns(holdout: HoldoutPeriod) -> pd.DataFrame:
    return grouped_patterns(holdout.patterns, ["frequency", "recency_days", "age_days"])
