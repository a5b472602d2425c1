"""The three methods that compete: boosting, and two baselines of one column each."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from threadpoolctl import threadpool_limits

from models.churn.model import BASELINES, Curve, Method, Scorer
from models.churn.sample import MAX_TRAINING_ROWS, Sample
from models.columns import booleans, feature_matrix
from models.evaluation.probability import fit_logistic, log_odds, published_probability
from models.types import Floats

ISOTONIC_FROM = 2_000


CURVE_ISOTONIC_FROM = 500


BATCH_ROWS = 100_000


def move_to_season(p_churn: Floats, shift: float) -> Floats:
    """Probabilities, their log-odds moved by a shift, to 6 digits and within .001 and .999."""
    if not shift:
        return p_churn
    return published_probability(1 / (1 + (1 - p_churn) / p_churn * np.exp(-shift)))


def fit_method(method: Method, sample: Sample, features: tuple[str, ...], seed: int) -> Scorer:
    """A scorer without a season; features: those of boosting, the others have their own."""
    if method == "base_rate":
        return base_rate_scorer(sample)
    if method in BASELINES:
        return Scorer((method,), _curve(sample, method))
    return Scorer(features, _trees(sample, features, seed))


def _trees(sample: Sample, features: tuple[str, ...], seed: int) -> CalibratedClassifierCV:
    """Small boosted trees (large ones were overconfident), calibrated out of fold: isotonic for many, else sigmoid."""
    table = sample.table.slice(0, MAX_TRAINING_ROWS)
    churned = booleans(table["has_churned"])
    trees = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=50,
        max_leaf_nodes=6,
        min_samples_leaf=min(max(len(churned) // 50, 10), 100),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    many = min(churned.sum(), (~churned).sum()) >= ISOTONIC_FROM
    # Folds need no shuffling: the sample is in md5 order of customers, so that a customer's rows stay in one fold.
    model = CalibratedClassifierCV(trees, method="isotonic" if many else "sigmoid", cv=3, ensemble=False)
    # OpenMP's threads wait for each other at every level of a tree: on busy cores two took 22 s where one takes 1 s.
    with threadpool_limits(limits=1, user_api="openmp"):
        model.fit(feature_matrix(table, features), churned)
    return model


def _curve(sample: Sample, name: str) -> Curve:
    """P(churned) by one column: isotonic for many, else logistic (in the log-odds, where the column is a probability).

    Fitted on the active; isotonic steps by days since the last order, which alone set the others apart, on all.
    """
    x, churned, active = sample.column(name), sample.churned, sample.active
    if sample.least_of_a_class() >= CURVE_ISOTONIC_FROM:
        rows = active | (name == "days_since_last_order")
        steps = IsotonicRegression(increasing=name != "p_alive").fit(x[rows], churned[rows])
        return Curve(_numbers(steps.X_thresholds_), _numbers(steps.y_thresholds_))
    points = np.unique(np.quantile(x, np.linspace(0, 1, 512)))
    scale = _clipped_log_odds if name == "p_alive" else np.asarray
    return Curve(_numbers(points), _numbers(fit_logistic(scale(x[active]), churned[active]).probability(scale(points))))


def base_rate_scorer(sample: Sample) -> Scorer:
    """The share that churned: one of the active, and one of those who are not (the active's, if there are none)."""
    churned, active = sample.churned, sample.active
    of_active = float(churned[active].mean())
    of_others = of_active if active.all() else float(churned[~active].mean())
    return Scorer(("is_active",), Curve((0.0, 1.0), (of_others, of_active)))


def _clipped_log_odds(p: Floats) -> Floats:
    return log_odds(p.clip(1e-4, 1 - 1e-4))


def _numbers(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def seasonal_scores(scorer: Scorer, table: pa.Table, threads: int | None) -> Floats:
    """Probabilities, one per row, moved to the season of the scorer."""
    return move_to_season(unadjusted_scores(scorer, table, threads), scorer.shift)


def unadjusted_scores(scorer: Scorer, table: pa.Table, threads: int | None) -> Floats:
    """Probabilities, one per row, not moved to a season.

    Raises:
        ValueError: a feature is missing; the message names it.
    """
    missing = [name for name in scorer.features if name not in table.column_names]
    if missing:
        raise ValueError(f"the churn model needs features that are not there: {', '.join(missing)}")

    def batch_scores(start: int) -> Floats:
        batch = feature_matrix(table.slice(start, BATCH_ROWS), scorer.features)
        if isinstance(scorer.estimator, Curve):
            return np.interp(batch[:, 0], scorer.estimator.x, scorer.estimator.p)
        with threadpool_limits(limits=1, user_api="openmp"):
            return np.asarray(scorer.estimator.predict_proba(batch)[:, 1], dtype=float)

    with ThreadPoolExecutor(threads or one_thread_a_core()) as pool:
        scores = list(pool.map(batch_scores, range(0, len(table), BATCH_ROWS)))
    return published_probability(np.concatenate([*scores, np.empty(0)]))


def one_thread_a_core() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
