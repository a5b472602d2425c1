"""Backtests: what was forecast of customers against what they then did, and against a naive forecast.

A forecast is an amount (purchase days, revenue), or a probability (to leave, to spend more, to order within an
interval). The baseline is what a person would guess without a model. A model that does not beat it is of no use.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import brier_score_loss, roc_auc_score

from models.evaluation.probability import decile
from models.types import Floats

Scale = Literal["amount", "probability"]


# A mean of fewer customers says more of one customer than of the group.
LEAST_CUSTOMERS = 5


DIGITS = 6


@dataclass(frozen=True)
class Measured:
    """One metric of a forecast and of its baseline, None where there is no honest number.

    beats_baseline: whether the forecast's value is the better one; None if one of the two is not known.
    """

    metric: str
    value: float | None
    baseline_value: float | None
    beats_baseline: bool | None
    note: str


@dataclass(frozen=True)
class _Metric:
    """A metric's meaning in words, and its best value."""

    note: str
    best: float


METRICS = {
    "forecast_ratio": _Metric("forecast / actual, all customers together; 1 is right", 1.0),
    "mean_absolute_error": _Metric("mean distance of a customer's forecast from what happened; 0 is right", 0.0),
    "decile_error": _Metric(
        "mean distance of the deciles' forecasts from what happened, per customer; 0 is right", 0.0
    ),
    "rank_correlation": _Metric("Spearman's, of forecast and actual; 1 is the right order, 0 is chance", 1.0),
    "auc": _Metric("share of pairs, of which it came true for one, ranked right; 1 is perfect, 0.5 is chance", 1.0),
    "brier": _Metric("mean squared error of the probability; 0 is right", 0.0),
    "interval_coverage": _Metric("share of customers within their 95 % interval; 0.95 is right", 0.95),
    "coverage_of_orders": _Metric(
        "share within their 80 % interval of the orders that came by the window's end; somewhat more than 0.8 is "
        "right, as days are whole and later orders are not in it",
        0.8,
    ),
    "median_error_days": _Metric("median of days between date and order, of the orders that came; 0 is right", 0.0),
}


# Columns of outcomes that are no dimension.
_VALUES = ("predicted", "actual", "baseline", "low", "high", "date_days", "guessed_days", "order_days")


def by_group(outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row per dimension and group of customers: what was forecast and what happened, per customer.

    Dimension 'all' has one group, 'decile' the tenths by forecast ('01' the highest); every further column of the
    input is a dimension with its values as groups (NULL: 'unknown'). A group of fewer than five customers keeps its
    count alone.

    Args:
        outcomes: one row per customer: predicted, actual, baseline (NaN: there is none), and the dimensions.

    Returns:
        dimension, dimension_value, customers, predicted, actual, baseline (means; NaN where not known).
    """
    dimensions = [name for name in outcomes.columns if name not in _VALUES]
    groups = {"all": pd.Series("all", outcomes.index), **{name: outcomes[name] for name in dimensions}}
    groups["decile"] = pd.Series([f"{n:02d}" for n in decile(outcomes["predicted"].to_numpy(float))], outcomes.index)
    means_by_dimension = []
    for dimension, group in groups.items():
        rows = outcomes.assign(dimension=dimension, dimension_value=group.fillna("unknown"))
        means = rows.groupby(["dimension", "dimension_value"], as_index=False, sort=True).agg(
            customers=("actual", "size"),
            predicted=("predicted", "mean"),
            actual=("actual", "mean"),
            baseline=("baseline", "mean"),
        )
        means.loc[means["customers"] < LEAST_CUSTOMERS, ["predicted", "actual", "baseline"]] = np.nan
        means_by_dimension.append(means)
    all_means = pd.concat(means_by_dimension, ignore_index=True)
    return all_means.round(dict.fromkeys(("predicted", "actual", "baseline"), DIGITS))


def metrics(outcomes: pd.DataFrame, scale: Scale) -> list[Measured]:
    """How good a forecast is, metric by metric, beside its baseline.

    Amounts have the ratio of totals, the mean absolute error, the decile error, Spearman's rank correlation and, with
    columns low and high, the share of customers within their interval. Probabilities have the ratio, the AUC, the Brier
    score and the decile error. Dates also have the share of orders within their interval, and how far off they were.

    Args:
        outcomes: one row per customer: predicted, actual (0 or 1 for a probability), baseline (NaN: there is none);
            low and high, if the forecast has an interval; if it is of dates, date_days (days to the forecast date),
            guessed_days (to the date guessed without a model) and order_days (to the order, NaN if none came).
        scale: what is forecast.
    """
    actual = outcomes["actual"].to_numpy(float)
    forecast, baseline = outcomes["predicted"].to_numpy(float), outcomes["baseline"].to_numpy(float)
    by_metric = dict(_values(forecast, actual, scale))
    naive: dict[str, float | None] = {}
    if np.isfinite(baseline).all():
        naive = dict(_values(baseline, actual, scale))
    if {"low", "high"} <= set(outcomes.columns):
        low, high = (outcomes[name].to_numpy(float) for name in ("low", "high"))
        known = np.isfinite(low) & np.isfinite(high)
        within = (low <= actual) & (actual <= high)
        by_metric["interval_coverage"] = float(within[known].mean()) if known.any() else None
    if "order_days" in outcomes.columns and len(outcomes):
        ordered = outcomes[outcomes["order_days"].notna()]
        by_metric["coverage_of_orders"] = float(ordered["actual"].mean()) if len(ordered) >= LEAST_CUSTOMERS else None
        by_metric["median_error_days"] = _median_error(ordered, "date_days")
        naive["median_error_days"] = _median_error(ordered, "guessed_days")
    return [_measured(name, value, naive.get(name)) for name, value in by_metric.items()]


def _measured(metric: str, value: float | None, baseline: float | None) -> Measured:
    better = None
    if value is not None and baseline is not None:
        better = bool(_distance(metric, value) < _distance(metric, baseline))
    return Measured(metric, _rounded(value), _rounded(baseline), better, METRICS[metric].note)


def _median_error(ordered: pd.DataFrame, days: str) -> float | None:
    """Half of the dates are at most so many days off, either way; None for few, or where one is not known."""
    if len(ordered) < LEAST_CUSTOMERS or ordered[days].isna().any():
        return None
    return float((ordered[days] - ordered["order_days"]).abs().median())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _distance(metric: str, value: float) -> float:
    """How far a value is from the right one; a ratio of 2 is as far off as one of 1/2."""
    if metric == "forecast_ratio":
        return float(abs(np.log(value))) if value > 0 else float("inf")
    return abs(METRICS[metric].best - value)


def _values(forecast: Floats, actual: Floats, scale: Scale) -> Iterator[tuple[str, float | None]]:
    if not len(actual):
        return
    total = float(actual.sum())
    yield "forecast_ratio", float(forecast.sum()) / total if total > 0 else None
    if scale == "amount":
        yield "mean_absolute_error", float(np.abs(forecast - actual).mean())
        yield "rank_correlation", _rank_correlation(forecast, actual)
    else:
        yield "auc", float(roc_auc_score(actual, forecast)) if np.ptp(actual) else None
        yield "brier", float(brier_score_loss(actual, forecast))
    yield "decile_error", _decile_error(forecast, actual)


def _rank_correlation(forecast: Floats, actual: Floats) -> float | None:
    """Spearman's with mean ranks of equals, None where one of the two is the same for all."""
    if len(actual) < LEAST_CUSTOMERS or not np.ptp(forecast) or not np.ptp(actual):
        return None
    return float(spearmanr(forecast, actual).statistic)


def _decile_error(forecast: Floats, actual: Floats) -> float:
    frame = pd.DataFrame({"decile": decile(forecast), "gap": forecast - actual})
    return float(frame.groupby("decile")["gap"].sum().abs().sum() / len(frame))
