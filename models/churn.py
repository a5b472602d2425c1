"""Churn: the probability that a customer buys nothing in the horizon after a cut-off.

Gradient boosting with calibrated probabilities, learnt at an earlier cut-off and judged at a later one, as it will be
used: the world drifts between cut-offs, so a random split would flatter it. Judged are the active customers only; who
has long gone needs no forecast.
"""

import hashlib
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

Floats = npt.NDArray[np.float64]
Features: TypeAlias = pa.Table | pd.DataFrame
QualityRow = tuple[str, float, str]

NOT_FEATURES = ("customer_id", "as_of_date", "run_date", "is_active", "has_churned")
BASELINES = ("days_since_last_order", "p_alive")
MIN_OF_EACH_CLASS = 50
ISOTONIC_FROM = 2_000
MAX_TRAINING_ROWS = 100_000
BATCH_ROWS = 100_000
TIERS = ((0.6, "high"), (0.3, "medium"), (0.0, "low"))

# What an artefact may hold beyond numbers, text and the estimators that skops trusts by itself.
_TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]


@dataclass(frozen=True)
class ChurnModel:
    """A scorer: its features, in the order that the estimator takes them."""

    features: tuple[str, ...]
    estimator: CalibratedClassifierCV


@dataclass(frozen=True)
class ChurnFit:
    """What was learnt and how good it is.

    Attributes:
        method: of customer_churn; none: refused, and the note says why.
        model: the scorer to publish, None if refused.
        quality: (metric, value, note) for model_quality, judged on the active customers of the later cut-off.
        calibration: one row per decile of risk (1 the highest; equal scores share one): decile, customers, predicted
            and actual share of churned, standard_error of the actual share.
        note: in a marketer's words.
    """

    method: Literal["gradient_boosting", "none"]
    model: ChurnModel | None
    quality: list[QualityRow]
    calibration: pd.DataFrame
    note: str


@dataclass(frozen=True)
class _Sample:
    """Labelled customers of one cut-off, in a stable order that is random to everything else."""

    table: pa.Table
    churned: npt.NDArray[np.bool_]
    active: npt.NDArray[np.bool_]

    @property
    def least_of_a_class(self) -> int:
        """Active customers in the rarer of the two classes."""
        labels = self.churned[self.active]
        return int(min(labels.sum(), (~labels).sum()))


@dataclass(frozen=True)
class Logistic:
    """P(churned) = 1 / (1 + e^-(intercept + slope x)), with the slope's standard error."""

    intercept: float
    slope: float
    slope_error: float = field(default=np.nan)

    def probability(self, x: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-np.clip(self.intercept + self.slope * x, -500, 500))))


def fit_churn(train: Features | None, test: Features | None, seed: int, threads: int | None = None) -> ChurnFit:
    """A churn model learnt at the earlier cut-off, judged at the later one, then learnt again there for publishing.

    The quality is that of the recipe one cut-off ahead; the published scorer has the most recent labels. Of more than
    100,000 customers a fixed random part (by md5 of seed and customer_id) is learnt from. The order of rows is
    without effect.

    Args:
        train: the earlier cut-off's customers: customer_id, as_of_date, is_active, has_churned (NULL: its window is
            not over; such rows are left out) and features, which are all other numeric columns. None: there is none.
        test: the same for a later cut-off.
        seed: of the sample and the fit.
        threads: for scoring at most so many; by default the cores this process may use.

    Raises:
        ValueError: the cut-offs are in the wrong order, or the later one lacks a feature.
    """
    earlier, later = _sample(train, seed), _sample(test, seed)
    problem = _problem(earlier, later)
    if earlier is None or later is None or problem is not None:
        empty = pd.DataFrame(columns=["decile", "customers", "predicted", "actual", "standard_error"])
        return ChurnFit("none", None, [], empty, f"no churn forecast: {problem}")
    if _last_date(earlier.table) >= _last_date(later.table):
        raise ValueError("the training cut-off must be before the test cut-off")
    features = _feature_names(earlier.table)
    trained = _fitted(earlier, features, seed)
    churned = later.churned[later.active]
    judged = later.table.filter(pa.array(later.active))
    predicted = score_churn(trained, judged, threads)
    quality = _quality(churned, predicted)
    quality += _baseline_quality(earlier, judged, churned)
    quality.append(("training_customers", float(min(len(later.churned), MAX_TRAINING_ROWS)), "of the published model"))
    note = (
        f"learnt at {_last_date(earlier.table)}, judged at {_last_date(later.table)} on {len(churned)} active ones; "
        "the published scores come from the same recipe, learnt again at the later date"
    )
    published = _fitted(later, features, seed)
    return ChurnFit("gradient_boosting", published, quality, calibration_by_decile(churned, predicted), note)


def score_churn(model: ChurnModel | None, features: Features, threads: int | None = None) -> Floats:
    """Probability of churn, one per row in the order given, to 6 digits and within .001 and .999; NaN without a model.

    A row depends on its own values only, so batches give the same.

    Raises:
        ValueError: a feature is missing; the message names it.
    """
    table = _table(features)
    if model is None:
        return np.full(len(table), np.nan)
    missing = [name for name in model.features if name not in table.column_names]
    if missing:
        raise ValueError(f"the churn model needs features that are not there: {', '.join(missing)}")

    def batch_scores(start: int) -> Floats:
        batch = _matrix(table.slice(start, BATCH_ROWS), model.features)
        with threadpool_limits(limits=1, user_api="openmp"):
            return np.asarray(model.estimator.predict_proba(batch)[:, 1], dtype=float)

    with ThreadPoolExecutor(threads or _cores()) as pool:
        scores = list(pool.map(batch_scores, range(0, len(table), BATCH_ROWS)))
    return np.asarray(np.clip(np.concatenate([*scores, np.empty(0)]), 0.001, 0.999).round(6), dtype=float)


def churn_tier(p_churn: npt.ArrayLike, is_active: npt.ArrayLike) -> list[str | None]:
    """One tier per customer: high from .6, medium from .3, low below.

    The bounds are absolute, as the probabilities are calibrated: a tier means the same every night, and a night on
    which many are at risk shows it. None for who is not active or has no probability.
    """
    p = np.asarray(p_churn, dtype=float)
    active = np.asarray(is_active, dtype=bool)
    tiers = np.select([p >= bound for bound, _ in TIERS], [name for _, name in TIERS], default="")
    return [str(tier) if tier and here else None for tier, here in zip(tiers, active, strict=True)]


def to_bytes(model: ChurnModel) -> bytes:
    """The model as a skops archive: data and names of known types, no code."""
    content = {"features": list(model.features), "estimator": model.estimator}
    return bytes(skops.io.dumps(content, compression=zipfile.ZIP_DEFLATED))


def from_bytes(data: bytes) -> ChurnModel:
    """The model that to_bytes wrote.

    Raises:
        skops.io.exceptions.UntrustedTypesFoundException: it holds a type that such a model has no use for.
    """
    content = skops.io.loads(data, trusted=_TRUSTED)
    return ChurnModel(tuple(content["features"]), content["estimator"])


def fit_logistic(x: Floats, y: npt.NDArray[np.bool_]) -> Logistic:
    """Logistic regression on one feature by Newton's method; a hair of ridge keeps separable data finite."""
    center, spread = float(x.mean()), float(x.std()) or 1.0
    design = np.column_stack([np.ones(len(x)), (x - center) / spread])
    ridge = np.diag([0.0, 1e-9 * len(x)])
    weights = np.array([np.log((y.sum() + 0.5) / ((~y).sum() + 0.5)), 0.0])
    information = np.eye(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
        information = (design * (p * (1 - p))[:, None]).T @ design + ridge + np.eye(2) * 1e-12
        step = np.linalg.solve(information, design.T @ (y - p) - ridge @ weights)
        weights = weights + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-12:
            break
    error = float(np.sqrt(np.linalg.inv(information)[1, 1])) / spread
    slope = float(weights[1]) / spread
    return Logistic(float(weights[0]) - slope * center, slope, error)


def auc(churned: npt.NDArray[np.bool_], predicted: Floats) -> tuple[float, float]:
    """Share of pairs ranked right (ties count half), and its standard error (Hanley and McNeil 1982)."""
    area = float(roc_auc_score(churned, predicted))
    ones, zeros = int(churned.sum()), int((~churned).sum())
    two_ones, two_zeros = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (ones - 1) * (two_ones - area**2) + (zeros - 1) * (two_zeros - area**2)
    return area, float(np.sqrt(max(variance, 0.0) / (ones * zeros)))


def brier(churned: npt.NDArray[np.bool_], predicted: Floats) -> tuple[float, float]:
    """Mean squared error of the probabilities, and its standard error."""
    errors = (predicted - churned) ** 2
    return float(errors.mean()), float(errors.std() / np.sqrt(len(errors)))


def calibration_by_decile(churned: npt.NDArray[np.bool_], predicted: Floats) -> pd.DataFrame:
    """One row per decile of risk, 1 the highest: decile, customers, predicted, actual, standard_error of actual."""
    frame = pd.DataFrame({"decile": _decile(predicted), "predicted": predicted, "actual": churned.astype(float)})
    table = frame.groupby("decile", as_index=False).agg(
        customers=("actual", "size"), predicted=("predicted", "mean"), actual=("actual", "mean")
    )
    table["standard_error"] = np.sqrt(table["actual"] * (1 - table["actual"]) / table["customers"])
    return table.round({"predicted": 6, "actual": 6, "standard_error": 6})


def _quality(churned: npt.NDArray[np.bool_], predicted: Floats) -> list[QualityRow]:
    base_rate = float(churned.mean())
    area, area_error = auc(churned, predicted)
    score, score_error = brier(churned, predicted)
    line = fit_logistic(np.log(predicted / (1 - predicted)), churned)
    shift_error = float(np.sqrt((predicted * (1 - predicted)).sum())) / len(churned)
    top = churned[_decile(predicted) == 1]
    rows = [
        ("customers", float(len(churned)), "active at the later cut-off"),
        ("base_rate", base_rate, "share of them that churned"),
        ("auc", area, _error(area_error)),
        ("brier", score, _error(score_error)),
        ("calibration_slope", line.slope, f"1 is right, below 1 is overconfident; {_error(line.slope_error)}"),
        (
            "calibration_in_the_large",
            base_rate - float(predicted.mean()),
            f"actual less predicted share; {_error(shift_error)}; cut-offs drift by some points",
        ),
        (
            "top_decile_lift",
            float(top.mean()) / base_rate,
            f"{len(top)} customers of highest risk against the base rate",
        ),
    ]
    return [(metric, round(value, 6), note) for metric, value, note in rows]


def _baseline_quality(earlier: _Sample, judged: pa.Table, churned: npt.NDArray[np.bool_]) -> list[QualityRow]:
    """Quality of one-column models, learnt on the earlier cut-off's active: what the model has to beat."""
    rows: list[QualityRow] = []
    learnt = earlier.table.filter(pa.array(earlier.active))
    for name in BASELINES:
        if name not in learnt.column_names or name not in judged.column_names:
            continue
        x, new = _matrix(learnt, (name,))[:, 0], _matrix(judged, (name,))[:, 0]
        if not np.isfinite(x).any():
            continue
        usual = float(x[np.isfinite(x)].mean())
        line = fit_logistic(np.where(np.isfinite(x), x, usual), earlier.churned[earlier.active])
        predicted = line.probability(np.where(np.isfinite(new), new, usual))
        for metric, (value, error) in (("auc", auc(churned, predicted)), ("brier", brier(churned, predicted))):
            rows.append((f"{metric}_{name}", round(value, 6), f"baseline: {name} alone; {_error(error)}"))
    return rows


def _fitted(sample: _Sample, features: tuple[str, ...], seed: int) -> ChurnModel:
    """Small boosted trees (large ones were overconfident), calibrated out of fold: isotonic for many, else sigmoid."""
    part = sample.table.slice(0, MAX_TRAINING_ROWS)
    churned = sample.churned[:MAX_TRAINING_ROWS]
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=8,
        min_samples_leaf=min(max(len(churned) // 50, 10), 100),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    many = min(churned.sum(), (~churned).sum()) >= ISOTONIC_FROM
    # Folds need no shuffling: the sample is in md5 order.
    model = CalibratedClassifierCV(trees, method="isotonic" if many else "sigmoid", cv=3, ensemble=False)
    # OpenMP's threads wait for each other at every level of a tree: on busy cores two took 22 s where one takes 1 s.
    with threadpool_limits(limits=1, user_api="openmp"):
        model.fit(_matrix(part, features), churned)
    return ChurnModel(features, model)


def _sample(features: Features | None, seed: int) -> _Sample | None:
    if features is None:
        return None
    table = _table(features)
    table = table.filter(table["has_churned"].is_valid())
    ids = table["customer_id"].to_pylist()
    digests = [hashlib.md5(f"{seed}:{name}".encode(), usedforsecurity=False).digest() for name in ids]
    table = table.take(pa.array(sorted(range(len(ids)), key=digests.__getitem__), pa.int64()))
    return _Sample(table, _booleans(table["has_churned"]), _booleans(table["is_active"].fill_null(False)))


def _problem(earlier: _Sample | None, later: _Sample | None) -> str | None:
    for name, sample in (("earlier", earlier), ("later", later)):
        if sample is None or len(sample.table) == 0:
            return f"the history is too short for the {name} of two dates with a known outcome"
        if sample.least_of_a_class < MIN_OF_EACH_CLASS:
            return (
                f"at the {name} date {int(sample.active.sum())} customers were active, of whom "
                f"{int(sample.churned[sample.active].sum())} left; {MIN_OF_EACH_CLASS} of either outcome are needed"
            )
    if earlier is not None and not _feature_names(earlier.table):
        return "there is no numeric feature to learn from"
    return None


def _table(features: Features) -> pa.Table:
    return features if isinstance(features, pa.Table) else pa.Table.from_pandas(features, preserve_index=False)


def _feature_names(table: pa.Table) -> tuple[str, ...]:
    """All numeric and boolean columns that are not keys or labels, by name: the order of columns is without effect."""
    return tuple(sorted(item.name for item in table.schema if item.name not in NOT_FEATURES and _is_numeric(item.type)))


def _is_numeric(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind))


def _matrix(table: pa.Table, names: tuple[str, ...]) -> Floats:
    """Rows x features; NULL is NaN, which the trees treat as a value of its own."""
    return np.column_stack([_floats(table[name]) for name in names])


def _floats(column: pa.ChunkedArray) -> Floats:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _booleans(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(column.cast(pa.bool_()).to_numpy(zero_copy_only=False), dtype=bool)


def _decile(predicted: Floats) -> npt.NDArray[np.int64]:
    """1 + floor(10 x share strictly higher): 1 is the highest risk, equal scores share a decile."""
    higher = len(predicted) - np.searchsorted(np.sort(predicted), predicted, side="right")
    return 1 + (10 * higher) // max(len(predicted), 1)


def _last_date(table: pa.Table) -> str:
    return max(str(value)[:10] for value in table["as_of_date"].unique().to_pylist())


def _error(value: float) -> str:
    return f"standard error {value:.4f}"


def _cores() -> int:
    return len(os.sched_getaffinity(0))
