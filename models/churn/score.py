"""Churn scores: probability, reasons and tier of each customer."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.churn.methods import move_to_season, unadjusted_scores
from models.churn.model import ChurnModel, Method
from models.churn.reasons import reasons
from models.clv.parameters import ClvParameters
from models.clv.score import alive_probability
from models.columns import as_table, floats
from models.types import Floats, Rows

TIERS = ((0.6, "high"), (0.3, "medium"), (0.0, "low"))


def with_p_alive(features: Rows, buying: ClvParameters | None) -> pa.Table:
    """The table with a column p_alive: the probability that a customer has not left for good; none without parameters.

    It comes from days with an order up to the cut-off; the parameters must be of that day, too.

    Args:
        features: with order_day_count, days_since_first_order and days_since_last_order.
        buying: of models.clv.fit.
    """
    table = as_table(features)
    if buying is None:
        return table
    days, first, last = (
        floats(table[name]) for name in ("order_day_count", "days_since_first_order", "days_since_last_order")
    )
    return table.append_column("p_alive", pa.array(alive_probability(buying, days - 1, first - last, first)))


def score_churn(model: ChurnModel | None, features: Rows, threads: int | None = None) -> tuple[Floats, Floats]:
    """Probability of churn, and the unadjusted one, before it was moved to its season.

    One per row in the order given, to 6 digits and within .001 and .999; NaN without a model. A row depends on its own
    values only, so batches give the same.

    Raises:
        ValueError: a feature is missing; the message names it.
    """
    table = as_table(features)
    if model is None:
        return np.full(len(table), np.nan), np.full(len(table), np.nan)
    unadjusted = unadjusted_scores(model.published, with_model_features(model, table), threads)
    return move_to_season(unadjusted, model.published.shift), unadjusted


def churn_reasons(model: ChurnModel | None, features: Rows) -> list[pa.Array]:
    """The three reasons that raise the risk most, an array each, in words; NULL where there is none, or no model.

    A base rate has none: it is the same for all.
    """
    table = as_table(features)
    if model is None or model.method == "base_rate":
        return [pa.nulls(len(table), pa.string())] * 3
    return reasons(model.effects, with_model_features(model, table))


def churn_tier(p_churn: npt.ArrayLike, is_active: npt.ArrayLike, method: Method | None = None) -> list[str | None]:
    """One tier per customer: high from .6, medium from .3, low below.

    The bounds are absolute, as the probabilities are calibrated: a tier means the same every night, and a night on
    which many are at risk shows it. None for customers who are not active or have no probability, and for
    all of them if the method is the base rate, which says nothing of who they are.
    """
    if method == "base_rate":
        return [None] * np.size(p_churn)
    p = np.asarray(p_churn, dtype=float)
    active = np.asarray(is_active, dtype=bool)
    tiers = np.array([*(name for _, name in TIERS), None], dtype=object)
    number = np.argmax([*(active & (p >= bound) for bound, _ in TIERS), np.ones(len(p), dtype=bool)], axis=0)
    return list(tiers[number])


def with_model_features(model: ChurnModel, table: pa.Table) -> pa.Table:
    """The table with p_alive, by the parameters that the model keeps, if it has none yet."""
    return table if "p_alive" in table.column_names else with_p_alive(table, model.buying)
