"""Growth: the probability that a customer spends more in the next horizon than in the last.

A logistic regression on how the last horizon compares with the customer's usual spend, how long he has been silent and
how much is known of him; boosted trees judged no better and were slower. Learnt at an earlier cut-off and judged at a
later one, as it will be used, beside two baselines: the comparison with the usual spend alone, and the same probability
for all. What is published is whichever was the best there, learnt again at the later cut-off; unless the last model was
better there beyond chance.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from models.evaluation.compare import LossDifference, paired_bootstrap
from models.evaluation.drift import Bins, fixed_bins
from models.evaluation.probability import auc, brier, fit_logistic

Floats = npt.NDArray[np.float64]


Booleans = npt.NDArray[np.bool_]


Method = Literal["logistic", "spend_against_usual", "base_rate"]


QualityRow = tuple[str, float | None, str]


SEED = 7


MIN_OF_EACH_CLASS = 50


YEAR = 365


# Share of the usual spend that is added to both sides of a ratio, so that spends near 0 make no huge ones.
CUSHION = 0.1


# What is known of a customer, and watched for drift; the features are made of it.
INPUTS = (
    "days_since_last_order",
    "days_since_first_order",
    "order_day_count_365d",
    "revenue_365d",
    "spend_last",
    "spend_before",
)


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
class Regression:
    """A logistic regression on the first features of FEATURES; cushion in currency."""

    cushion: float
    intercept: float
    weights: tuple[float, ...]


@dataclass(frozen=True)
class SpendGrowthModel:
    """What scores a night, and what later fits and nights are held against.

    Attributes:
        method: which of the three.
        horizon_days: length of the horizons that are compared.
        published: learnt at the later cut-off; gives the probabilities.
        judged: the same method learnt at the earlier cut-off; what a later fit is compared with.
        bins: of INPUTS and of the probability (named score), over the customers of the later cut-off.
        question: settings that say what is forecast; models of different questions are not compared.
    """

    method: Method
    horizon_days: int
    published: Regression
    judged: Regression
    bins: dict[str, Bins]
    question: dict[str, Any]

    def to_json(self) -> str:
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "SpendGrowthModel":
        """The model that to_json wrote.

        Raises:
            ValueError: a number is not finite, or there are more weights than features.
        """
        content = json.loads(text)
        made = {name: _regression(content[name]) for name in ("published", "judged")}
        bins = {name: Bins(*map(tuple, (of["edges"], of["shares"]))) for name, of in content["bins"].items()}
        return cls(**content | made | {"bins": bins})


def _regression(content: Mapping[str, Any]) -> Regression:
    found = Regression(content["cushion"], content["intercept"], tuple(content["weights"]))
    finite = np.isfinite([found.cushion, found.intercept, *found.weights]).all()
    if not finite or found.cushion <= 0 or len(found.weights) > len(FEATURES):
        raise ValueError(f"not a growth model: {found}")
    return found


@dataclass(frozen=True)
class SpendGrowthFit:
    """What was learnt and how good it is: (metric, value, note) for model_quality, the method among them.

    The model is the last one itself where that stays, and None where there is neither.
    """

    model: SpendGrowthModel | None
    quality: list[QualityRow]


def fit_spend_growth(
    train: pd.DataFrame,
    test: pd.DataFrame,
    horizon_days: int,
    last: SpendGrowthModel | None = None,
    question: Mapping[str, Any] | None = None,
) -> SpendGrowthFit:
    """A model learnt at the earlier cut-off, judged at the later, and learnt again there for publishing.

    The new model and the last one are held against the same customers, with labels that neither learnt from. The new
    one is refused only if the 95 % interval of the difference of squared errors is wholly on its worse side.

    Args:
        train: the earlier cut-off's customers, sorted by customer_id: days_since_last_order, days_since_first_order,
            order_day_count_365d, revenue_365d, spend_last, spend_before; and for the label spend_next and
            spend_last_complete (with what was not known at the cut-off; NULL: not known yet; such rows are left out).
        test: the same at the later cut-off.
        horizon_days: length of the horizon that spend_last and spend_next are of.
        last: what was published last.
        question: settings that the forecast rests on; the last model counts only if it has the same.
    """
    asked = dict(question or {})
    last = last if last is not None and (last.horizon_days, last.question) == (horizon_days, asked) else None
    train, test = (frame[frame["spend_next"].notna()] for frame in (train, test))
    learnt, more = (
        (frame["spend_next"].clip(lower=0) > frame["spend_last_complete"].clip(lower=0)).to_numpy(dtype=bool)
        for frame in (train, test)
    )
    for name, labels in (("earlier", learnt), ("later", more)):
        if min(labels.sum(), (~labels).sum()) < MIN_OF_EACH_CLASS:
            note = (
                f"{last.method if last else 'none'}: at the {name} of two dates with a known outcome "
                f"{int(labels.sum())} of {len(labels)} customers spent more; {MIN_OF_EACH_CLASS} of either outcome are "
                f"needed{'; the last model stays' if last else ''}"
            )
            return SpendGrowthFit(last, [("method", None, note)])
    judged = {method: _fitted(method, train, learnt, horizon_days) for method in METHODS}
    predicted = {method: _probability(found, test, horizon_days) for method, found in judged.items()}
    best = min(METHODS, key=lambda method: brier(more, predicted[method])[0])  # of equals the simplest
    p = predicted[best]
    told = f"{best}: the lowest Brier score of three, one cut-off ahead; p_spend_more is from it"
    rows: list[QualityRow] = []
    if last is not None:
        old = _probability(last.judged, test, horizon_days)
        difference = paired_bootstrap((p - more) ** 2, (old - more) ** 2, SEED)
        rows += _against_last(difference)
        if difference.is_worse:
            note = f"{last.method}: the last growth model predicts better than the new one and stays"
            return SpendGrowthFit(
                last, [("method", None, note), *rows, *_judged_rows(more, old), *_each(more, predicted)]
            )
    published = _fitted(best, test, more, horizon_days)
    bins = {name: fixed_bins(values) for name, values in watched(test, _probability(published, test, horizon_days))}
    model = SpendGrowthModel(best, horizon_days, published, judged[best], bins, asked)
    return SpendGrowthFit(model, [("method", None, told), *rows, *_judged_rows(more, p), *_each(more, predicted)])


def _against_last(difference: LossDifference) -> list[QualityRow]:
    told = "worse beyond chance, so the last one stays" if difference.is_worse else "not worse, so it is published"
    note = f"squared error of the new model less the last one's: {difference}; the new one is {told}"
    rows: list[QualityRow] = [("brier_less_last_model", round(difference.mean, 6), note)]
    if difference.is_worse:
        rows.append(("new_model_refused", 1.0, "alarm; the last growth model predicts better and stays"))
    return rows


def _judged_rows(more: Booleans, p: Floats) -> list[QualityRow]:
    """How good the published method is at the later cut-off."""
    base_rate = float(more.mean())
    line = fit_logistic(np.log(p / (1 - p)), more)
    (area, area_error), (score, score_error) = auc(more, p), brier(more, p)
    shift = "actual less predicted share; cut-offs drift"
    rows: list[QualityRow] = [
        ("customers", float(len(more)), "at the later cut-off"),
        ("base_rate", base_rate, "share of them that spent more"),
        ("auc", area, f"of what is published; standard error {area_error:.4f}"),
        ("brier", score, f"of what is published; standard error {score_error:.4f}"),
        ("calibration_slope", line.slope, f"1 is right; standard error {line.slope_error:.4f}"),
        ("calibration_in_the_large", base_rate - float(p.mean()), shift),
    ]
    return [(name, round(value, 6) if value is not None else None, note) for name, value, note in rows]


def _each(more: Booleans, predicted: Mapping[Method, Floats]) -> list[QualityRow]:
    """AUC and Brier score of each method of the new fit."""
    return [
        (f"{metric}_{method}", round(value, 6), f"{method}; standard error {error:.4f}")
        for method, p in predicted.items()
        for metric, (value, error) in (("auc", auc(more, p)), ("brier", brier(more, p)))
    ]


def score_spend_growth(model: SpendGrowthModel | None, customers: pd.DataFrame) -> Floats:
    """Probability of spending more, one per row in the order given, within .001 and .999; NaN without a model.

    A row depends on its own values only, so batches give the same.
    """
    if model is None:
        return np.full(len(customers), np.nan)
    return _probability(model.published, customers, model.horizon_days)


def watched(customers: pd.DataFrame, p_spend_more: Floats) -> list[tuple[str, Floats]]:
    """What drift is watched on, by the name of its bins: what is known of customers, and their probability."""
    return [*((name, customers[name].to_numpy(dtype=float)) for name in INPUTS), ("score", p_spend_more)]


def _probability(regression: Regression, customers: pd.DataFrame, horizon_days: int) -> Floats:
    features = _features(customers, regression.cushion, horizon_days)
    score = np.full(len(customers), regression.intercept)
    for weight, name in zip(regression.weights, FEATURES, strict=False):
        score += weight * features[name]
    return np.asarray(np.clip(1 / (1 + np.exp(-np.clip(score, -50, 50))), 0.001, 0.999).round(6), dtype=float)


def _fitted(method: Method, customers: pd.DataFrame, more: Booleans, horizon_days: int) -> Regression:
    names = FEATURES[: METHODS[method]]
    usual = _usual(customers, horizon_days)
    cushion = max(CUSHION * float(usual.mean()), 0.01)
    if not names:
        return Regression(cushion, float(np.log(more.mean() / (1 - more.mean()))), ())
    features = _features(customers, cushion, horizon_days)
    matrix = np.column_stack([features[name] for name in names])
    center, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    estimator = LogisticRegression(max_iter=500)
    with threadpool_limits(limits=1):  # several threads add up in another order from run to run
        estimator.fit((matrix - center) / spread, more)
    weights = estimator.coef_[0] / spread
    intercept = float(estimator.intercept_[0] - weights @ center)
    return Regression(cushion, intercept, tuple(float(weight) for weight in weights))


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
    order_days = customers["order_day_count_365d"].to_numpy(dtype=float)
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
