"""Growth: the probability that a customer spends more in the next horizon than in the last.

A logistic regression on how the last horizon compares with the customer's usual spend, how long he has been silent and
how much is known of him; boosted trees judged no better and were slower. Learnt at an earlier cut-off and judged at a
later one, as it will be used, beside two baselines: the comparison with the usual spend alone, and the same probability
for all. What is published is whichever was the best there.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from models.churn import auc, brier, fit_logistic

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Method = Literal["logistic", "spend_against_usual", "base_rate"]
QualityRow = tuple[str, float | None, str]

MIN_OF_EACH_CLASS = 50
YEAR = 365
# Share of the usual spend that is added to both sides of a ratio, so that spends near 0 make no huge ones.
CUSHION = 0.1
# The first alone is a baseline.
FEATURES = (
    "last_against_usual",
    "last_against_usual_squared",
    "before_against_last",
    "silent_days",
    "order_days",
    "missed_orders",
    "missed_orders_squared",
    "known_days",
    "has_spent",
    "last_spend",
    "last_against_usual_by_order_days",
    "last_against_usual_by_missed_orders",
    "is_newer_than_horizon",
)


# How many of the features each method knows, the simplest first.
METHODS: dict[Method, int] = {"base_rate": 0, "spend_against_usual": 1, "logistic": len(FEATURES)}


@dataclass(frozen=True)
class GrowthModel:
    """A logistic regression on the first features of FEATURES; cushion in currency."""

    method: Method
    horizon_days: int
    cushion: float
    intercept: float
    weights: tuple[float, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "GrowthModel":
        """The model that to_json wrote.

        Raises:
            ValueError: a number is not finite, or there are more weights than features.
        """
        content = json.loads(text)
        model = cls(**content | {"weights": tuple(content["weights"])})
        finite = np.isfinite([model.cushion, model.intercept, *model.weights]).all()
        if not finite or model.cushion <= 0 or len(model.weights) > len(FEATURES):
            raise ValueError(f"not a growth model: {model}")
        return model


@dataclass(frozen=True)
class GrowthFit:
    """What was learnt and how good it is: (metric, value, note) for model_quality, the method among them."""

    model: GrowthModel | None
    quality: list[QualityRow]


def fit_growth(train: pd.DataFrame, test: pd.DataFrame, horizon_days: int) -> GrowthFit:
    """A model learnt at the earlier cut-off, judged at the later, and learnt again there for publishing.

    Args:
        train: the earlier cut-off's customers, sorted by customer_id: days_since_last_order, days_since_first_order,
            order_day_count (of the year), revenue_365d, spend_last, spend_before, spend_next (NULL: not known yet;
            such rows are left out).
        test: the same at the later cut-off.
        horizon_days: length of the horizon that spend_last and spend_next are of.
    """
    train, test = (frame[frame["spend_next"].notna()] for frame in (train, test))
    labels = [
        (frame["spend_next"].clip(lower=0) > frame["spend_last"].clip(lower=0)).to_numpy(dtype=bool)
        for frame in (train, test)
    ]
    for name, more in zip(("earlier", "later"), labels, strict=True):
        if min(more.sum(), (~more).sum()) < MIN_OF_EACH_CLASS:
            note = (
                f"none: at the {name} of two dates with a known outcome {int(more.sum())} of {len(more)} customers "
                f"spent more; {MIN_OF_EACH_CLASS} of either outcome are needed"
            )
            return GrowthFit(None, [("method", None, note)])
    learnt, more = labels
    predicted = {method: score_growth(_fitted(method, train, learnt, horizon_days), test) for method in METHODS}
    best = min(METHODS, key=lambda method: brier(more, predicted[method])[0])  # of equals the simplest
    p = predicted[best]
    base_rate = float(more.mean())
    line = fit_logistic(np.log(p / (1 - p)), more)
    rows: list[QualityRow] = [
        ("method", None, f"{best}: the lowest Brier score of three, one cut-off ahead; p_spend_more is from it"),
        ("customers", float(len(more)), "at the later cut-off"),
        ("base_rate", base_rate, "share of them that spent more"),
        ("calibration_slope", line.slope, f"1 is right; standard error {line.slope_error:.4f}"),
        ("calibration_in_the_large", base_rate - float(p.mean()), "actual less predicted share; cut-offs drift"),
    ]
    for method, scores in predicted.items():
        for metric, (value, error) in (("auc", auc(more, scores)), ("brier", brier(more, scores))):
            rows.append((f"{metric}_{method}", value, f"{method}; standard error {error:.4f}"))
    rounded: list[QualityRow] = [(name, None if v is None else round(v, 6), note) for name, v, note in rows]
    return GrowthFit(_fitted(best, test, more, horizon_days), rounded)


def score_growth(model: GrowthModel | None, customers: pd.DataFrame) -> Floats:
    """Probability of spending more, one per row in the order given, within .001 and .999; NaN without a model.

    A row depends on its own values only, so batches give the same.
    """
    if model is None:
        return np.full(len(customers), np.nan)
    features = _features(customers, model.cushion, model.horizon_days)
    score = np.full(len(customers), model.intercept)
    for weight, name in zip(model.weights, FEATURES, strict=False):
        score += weight * features[name]
    return np.asarray(np.clip(1 / (1 + np.exp(-np.clip(score, -50, 50))), 0.001, 0.999).round(6), dtype=float)


def _fitted(method: Method, customers: pd.DataFrame, more: Booleans, horizon_days: int) -> GrowthModel:
    names = FEATURES[: METHODS[method]]
    usual = _usual(customers, horizon_days)
    cushion = max(CUSHION * float(usual.mean()), 0.01)
    if not names:
        return GrowthModel(method, horizon_days, cushion, float(np.log(more.mean() / (1 - more.mean()))), ())
    features = _features(customers, cushion, horizon_days)
    matrix = np.column_stack([features[name] for name in names])
    center, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    estimator = LogisticRegression(max_iter=500)
    with threadpool_limits(limits=1):  # several threads add up in another order from run to run
        estimator.fit((matrix - center) / spread, more)
    weights = estimator.coef_[0] / spread
    intercept = float(estimator.intercept_[0] - weights @ center)
    return GrowthModel(method, horizon_days, cushion, intercept, tuple(float(weight) for weight in weights))


def _known_days(customers: pd.DataFrame) -> Floats:
    return np.asarray(np.minimum(customers["days_since_first_order"].to_numpy(dtype=float) + 1, YEAR))


def _usual(customers: pd.DataFrame, horizon_days: int) -> Floats:
    """Net spend of the year, scaled to the horizon; of the days since the first order if they are fewer."""
    year = np.maximum(customers["revenue_365d"].to_numpy(dtype=float), 0)
    return np.asarray(year * horizon_days / np.maximum(_known_days(customers), horizon_days))


def _features(customers: pd.DataFrame, cushion: float, horizon_days: int) -> dict[str, Floats]:
    """The features by name, one value per customer."""
    last, before = (np.maximum(customers[name].to_numpy(dtype=float), 0) for name in ("spend_last", "spend_before"))
    silent = customers["days_since_last_order"].to_numpy(dtype=float)
    order_days = customers["order_day_count"].to_numpy(dtype=float)
    known = _known_days(customers)
    usual = np.log((last + cushion) / (_usual(customers, horizon_days) + cushion))
    missed = np.minimum(silent * order_days / known, 10)
    return {
        "last_against_usual": usual,
        "last_against_usual_squared": usual**2,
        "before_against_last": np.log((before + cushion) / (last + cushion)),
        "silent_days": np.log1p(silent),
        "order_days": np.log1p(order_days),
        "missed_orders": missed,
        "missed_orders_squared": missed**2,
        "known_days": np.log(known / YEAR),
        "has_spent": (last > 0).astype(float),
        "last_spend": np.log1p(last / cushion),
        "last_against_usual_by_order_days": usual * np.log1p(order_days),
        "last_against_usual_by_missed_orders": usual * missed,
        "is_newer_than_horizon": (known < horizon_days).astype(float),
    }
