"""The fit of spend growth: the probability that a customer spends more in the next horizon than in the last.

A logistic regression on how the last horizon compares with the customer's usual spend, how long they have been silent
and how much is known of them; boosted trees were no better, and slower. It is fitted at an earlier cut-off and measured
at a later one, as it will be used, beside two baselines: the comparison with the usual spend alone, and the same
probability for all. The better of the first two there is published, fitted again at the later cut-off, unless the
champion was better there beyond chance. If what is to be published has no skill there (models.evaluation.skill), it is
the same probability for all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from models.evaluation.drift import fixed_bins
from models.evaluation.probability import auc, brier, fit_logistic, log_odds
from models.evaluation.skill import probability_skill
from models.spend_growth.artefact import METHODS, Method, Regression, SpendGrowthModel
from models.spend_growth.challenge import compare_with_champion
from models.spend_growth.drift import drift_columns
from models.spend_growth.features import FEATURES, cushion_of, features
from models.spend_growth.score import probability
from models.types import Booleans, Floats, QualityRow

MIN_OF_EACH_CLASS = 50

PERSONAL: tuple[Method, ...] = ("spend_against_usual", "logistic")


@dataclass(frozen=True)
class SpendGrowthFit:
    """A fit and how good it is: (metric, value, note) for model_quality, the method among them.

    The model is the champion itself where that stays, and None where there is neither.
    """

    model: SpendGrowthModel | None
    quality: list[QualityRow]


def fit_spend_growth(
    train: pd.DataFrame,
    test: pd.DataFrame,
    horizon_days: int,
    champion: SpendGrowthModel | None = None,
    target_definition: Mapping[str, Any] | None = None,
) -> SpendGrowthFit:
    """A model fitted at the earlier cut-off, measured at the later, and fitted again there for publishing.

    The new model and the champion forecast the same customers, with labels that neither learnt from. The new one is
    refused only if the 95 % interval of the difference of squared errors is wholly on its worse side.

    Args:
        train: the earlier cut-off's customers, sorted by customer_id: days_since_last_order, days_since_first_order,
            order_day_count_365d, spend_365d, spend_last, spend_before; and for the label spend_next and
            spend_last_complete (with what was not known at the cut-off; NULL: not known yet; such rows are left out).
        test: the same at the later cut-off.
        horizon_days: length of the horizon that spend_last and spend_next are of.
        champion: what was published last.
        target_definition: settings that the forecast rests on; a champion with other ones counts for nothing.
    """
    definition = dict(target_definition or {})
    if champion is not None and (champion.horizon_days, champion.target_definition) != (horizon_days, definition):
        champion = None
    train, test = (frame[frame["spend_next"].notna()] for frame in (train, test))
    trained_more, more = _spent_more(train), _spent_more(test)
    for name, labels in (("earlier", trained_more), ("later", more)):
        if min(labels.sum(), (~labels).sum()) < MIN_OF_EACH_CLASS:
            return _unchanged(champion, name, labels)
    scorers = {method: _fitted(method, train, trained_more, horizon_days) for method in METHODS}
    predicted = {method: probability(scorer, test, horizon_days) for method, scorer in scorers.items()}
    best = min(PERSONAL, key=lambda method: brier(more, predicted[method])[0])  # of equals the simplest
    scores, kept = predicted[best], None
    comparison: list[QualityRow] = []
    # A base rate holds no forecast back, as one without skill gives way to it anyway.
    if champion is not None and champion.method != "base_rate":
        champion_scores = probability(champion.holdout_scorer, test, horizon_days)
        result = compare_with_champion(scores, champion_scores, more)
        comparison = result.quality
        if result.is_refused:
            kept, scores = champion, champion_scores
    skill = probability_skill(more, scores, tried=len(PERSONAL))
    rows = [*comparison, *skill.quality()]
    if kept is not None and skill.is_beyond_chance:
        note = f"{kept.method}: the last growth model predicts better than the new one and stays"
        return SpendGrowthFit(kept, _quality(note, rows, more, scores, predicted))
    note = f"{best}: the lower Brier score of two, one cut-off ahead; p_spend_more is from it"
    if not skill.is_beyond_chance:
        note = f"base_rate: {best} tells customers apart no better than chance, so p_spend_more is the same for all"
        best = "base_rate"
    published = _fitted(best, test, more, horizon_days)
    columns = drift_columns(test, probability(published, test, horizon_days))
    bins = {name: fixed_bins(values) for name, values in columns.items()}
    model = SpendGrowthModel(best, horizon_days, published, scorers[best], bins, definition)
    return SpendGrowthFit(model, _quality(note, rows, more, predicted[best], predicted))


def _spent_more(customers: pd.DataFrame) -> Booleans:
    more = customers["spend_next"].clip(lower=0) > customers["spend_last_complete"].clip(lower=0)
    return more.to_numpy(dtype=bool)


def _unchanged(champion: SpendGrowthModel | None, which: str, labels: Booleans) -> SpendGrowthFit:
    """The champion, if there is one, as at the earlier or later cut-off there was too little to learn from."""
    note = (
        f"{champion.method if champion else 'none'}: at the {which} of two dates with a known outcome "
        f"{int(labels.sum())} of {len(labels)} customers spent more; {MIN_OF_EACH_CLASS} of either outcome are "
        f"needed{'; the last model stays' if champion else ''}"
    )
    return SpendGrowthFit(champion, [("method", None, note)])


def _quality(
    note: str,
    comparison: list[QualityRow],
    more: Booleans,
    published: Floats,
    predicted: Mapping[Method, Floats],
) -> list[QualityRow]:
    """Rows of a fit; published: the probabilities of what is published, at the later cut-off."""
    return [("method", None, note), *comparison, *_published_rows(more, published), *_method_rows(more, predicted)]


def _published_rows(more: Booleans, p: Floats) -> list[QualityRow]:
    """How good the published method is at the later cut-off."""
    base_rate = float(more.mean())
    line = fit_logistic(log_odds(p), more)
    (area, area_error), (score, score_error) = auc(more, p), brier(more, p)
    shift = "actual less predicted share; cut-offs drift"
    slope = f"1 is right; standard error {line.slope_error:.4f}"
    rows: list[QualityRow] = [
        ("customers", float(len(more)), "at the later cut-off"),
        ("base_rate", base_rate, "share of them that spent more"),
        ("auc", area, f"of what is published; standard error {area_error:.4f}"),
        ("brier", score, f"of what is published; standard error {score_error:.4f}"),
        *([("calibration_slope", line.slope, slope)] if np.ptp(p) > 0 else []),
        ("calibration_in_the_large", base_rate - float(p.mean()), shift),
    ]
    return [(name, round(value, 6) if value is not None else None, note) for name, value, note in rows]


def _method_rows(more: Booleans, predicted: Mapping[Method, Floats]) -> list[QualityRow]:
    """AUC and Brier score of each method of the new fit."""
    return [
        (f"{metric}_{method}", round(value, 6), f"{method}; standard error {error:.4f}")
        for method, p in predicted.items()
        for metric, (value, error) in (("auc", auc(more, p)), ("brier", brier(more, p)))
    ]


def _fitted(method: Method, customers: pd.DataFrame, more: Booleans, horizon_days: int) -> Regression:
    names = FEATURES[: METHODS[method]]
    cushion = cushion_of(customers, horizon_days)
    if not names:
        return Regression(cushion, float(np.log(more.mean() / (1 - more.mean()))), ())
    columns = features(customers, cushion, horizon_days)
    matrix = np.column_stack([columns[name] for name in names])
    center, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    estimator = LogisticRegression(max_iter=500)
    with threadpool_limits(limits=1):  # several threads add up in another order from run to run
        estimator.fit((matrix - center) / spread, more)
    weights = estimator.coef_[0] / spread
    intercept = float(estimator.intercept_[0] - weights @ center)
    return Regression(cushion, intercept, tuple(float(weight) for weight in weights))
