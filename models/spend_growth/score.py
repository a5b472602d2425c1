"""Scores of spend growth: the probability of each customer."""

import numpy as np
import pandas as pd

from models.evaluation.probability import logistic, published_probability
from models.spend_growth.artefact import Regression, SpendGrowthModel
from models.spend_growth.features import FEATURES, features
from models.types import Floats


def score_spend_growth(model: SpendGrowthModel | None, customers: pd.DataFrame) -> Floats:
    """Probability of spending more, one per row in the order given, within .001 and .999; NaN without a model.

    A row depends on its own values only, so batches give the same.
    """
    if model is None:
        return np.full(len(customers), np.nan)
    return probability(model.published, customers, model.horizon_days)


def probability(regression: Regression, customers: pd.DataFrame, horizon_days: int) -> Floats:
    """As score_spend_growth, by one regression."""
    columns = features(customers, regression.cushion, horizon_days)
    score = np.full(len(customers), regression.intercept)
    for weight, name in zip(regression.weights, FEATURES, strict=False):
        score += weight * columns[name]
    return published_probability(logistic(score))
