"""Why a customer's risk is high, in words a marketer reads.

The trees are approximated by a sum: for each feature a step function over its bins, fitted to the model's log-odds by
ridge regression. A customer's reasons are the topics whose features together raise their log-odds most above an average
active customer's. That describes the model (`explained` says how much of it), not causes: an action on a reason need
not change the outcome.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.columns import floats
from models.evaluation.drift import bin_of, quantile_edges
from models.evaluation.probability import log_odds
from models.types import Booleans, Floats

Typical = dict[str, float]


REASONS = 3


BINS = 16


FITTED_ROWS = 20_000


RIDGE = 10.0


# A topic is a reason if it raises the odds by at least a twentieth.
LEAST_RISE = float(np.log(1.05))


@dataclass(frozen=True)
class Effects:
    """What each feature adds to the log-odds of leaving, relative to the average active customer at training.

    Attributes:
        features: names, in the order of the next three.
        edges: inner edges of a feature's bins, as in models.evaluation.drift.
        values: log-odds that a bin adds; the last is of NULL.
        typical: a feature's median, NaN where it was always NULL.
        explained: share of the variance of the model's log-odds that the sum accounts for (R squared).
    """

    features: tuple[str, ...]
    edges: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...]
    typical: tuple[float, ...]
    explained: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON, which has no NaN."""
        return asdict(self) | {"typical": [None if np.isnan(value) else value for value in self.typical]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Effects":
        """The effects that to_dict wrote, also after JSON made lists of tuples."""
        lists = {name: tuple(map(tuple, content[name])) for name in ("edges", "values")}
        typical = tuple(np.nan if value is None else value for value in content["typical"])
        return cls(tuple(content["features"]), **lists, typical=typical, explained=content["explained"])


def fit_effects(features: tuple[str, ...], matrix: Floats, p_churn: Floats) -> Effects:
    """The sum of step functions that is closest to the log-odds of p_churn on these (active) customers.

    Of more than 20,000 the first are used: they must come in an order that is random to everything else.
    """
    matrix, p = matrix[:FITTED_ROWS], p_churn[:FITTED_ROWS]
    edges = tuple(quantile_edges(column, BINS) for column in matrix.T)
    bins = [bin_of(edge, column) for edge, column in zip(edges, matrix.T, strict=True)]
    design = np.concatenate([np.eye(len(edge) + 2)[number] for edge, number in zip(edges, bins, strict=True)], axis=1)
    target = log_odds(p)
    centre = design.mean(axis=0)
    centred = design - centre
    weights = np.linalg.solve(centred.T @ centred + RIDGE * np.eye(len(centre)), centred.T @ (target - target.mean()))
    residual = target - target.mean() - centred @ weights
    spread = float(((target - target.mean()) ** 2).sum())
    values, start = [], 0
    for edge in edges:
        own = slice(start, start + len(edge) + 2)
        values.append(tuple(float(v) for v in weights[own] - centre[own] @ weights[own]))
        start = own.stop
    typical = tuple(
        float(np.median(known)) if len(known := column[~np.isnan(column)]) else np.nan for column in matrix.T
    )
    explained = 1 - float((residual**2).sum()) / spread if spread > 0 else 1.0
    return Effects(features, edges, tuple(values), typical, explained)


def reasons(effects: Effects, customers: pa.Table) -> list[pa.Array]:
    """The three strongest reasons, an array each, NULL where fewer topics raise the risk.

    A row depends on its own values only, so batches give the same.

    Args:
        effects: of the model that gave the probability.
        customers: its features and what the topics' words need; a topic whose columns are not all there is left out,
            and each of its features is a topic of its own.
    """
    topics = _topics(effects.features, customers)
    typical = dict(zip(effects.features, effects.typical, strict=True))
    rise = np.empty((len(topics), len(customers)))
    for number, topic in enumerate(topics):
        rise[number] = sum(_contribution(effects, name, floats(customers[name])) for name in topic.features)
        if topic.applies is not None:
            rise[number][~topic.applies(*(floats(customers[name]) for name in topic.needs), typical)] = 0.0
    # A stable sort: of equally strong topics the first named comes first.
    order = np.argsort(-rise, axis=0, kind="stable")[:REASONS]
    texts_by_rank = [np.full(len(customers), None, dtype=object) for _ in range(REASONS)]
    for number, topic in enumerate(topics):
        has_topic = [(rank == number) & (rise[number] >= LEAST_RISE) for rank in order]
        if any(rows.any() for rows in has_topic):
            texts = _texts(topic, customers)
            for column, rows in zip(texts_by_rank, has_topic, strict=False):
                column[rows] = texts[rows]
    return [pa.array(column, pa.string()) for column in texts_by_rank]


@dataclass(frozen=True)
class _Topic:
    """Features that say one thing, and the words for it.

    Attributes:
        features: whose effects are summed.
        needs: columns that the words are about.
        words: of those columns' values as whole numbers (None for NULL), after `shown`.
        shown: what the words show of the columns; by default their values.
        applies: for whom the words are true; a topic is no reason for the others. By default for everybody.
    """

    features: tuple[str, ...]
    needs: tuple[str, ...]
    words: Callable[..., str]
    shown: Callable[..., tuple[Floats, ...]] = lambda *columns: columns
    applies: Callable[..., Booleans] | None = None


def _silence(days: int, mean_days: int | None) -> str:
    if mean_days is None:
        return f"no order for {days} days since the first one"
    return f"no order for {days} days (usually every {max(mean_days, 1)})"


def _is_silent(days: Floats, mean_days: Floats, typical: Typical) -> Booleans:
    """For longer than the customer's mean days between orders or, without any, than others typically are."""
    return days > np.where(np.isnan(mean_days), typical.get("days_since_last_order", 0.0), mean_days)


def _year_share(lately: Floats, year: Floats) -> tuple[Floats]:
    return (np.divide(100 * lately, year, out=np.zeros(len(year)), where=year > 0).clip(0, 100),)


_TOPICS = (
    _Topic(
        ("days_since_last_order", "recency_ratio", "p_alive", "order_count_30d"),
        ("days_since_last_order", "mean_days_between_orders"),
        _silence,
        applies=_is_silent,
    ),
    _Topic(
        ("order_count", "order_day_count", "order_count_90d", "order_count_180d", "mean_days_between_orders"),
        ("order_count_180d",),
        lambda orders: f"only {_counted(orders, 'order')} in the last 180 days",
        applies=lambda orders, typical: (orders > 0) & (orders <= typical.get("order_count_180d", np.inf)),
    ),
    _Topic(
        ("spend_90d", "spend_365d", "revenue_90d", "revenue_365d"),  # models of before there was spend have revenue
        ("spend_90d", "spend_365d"),
        lambda share: f"spends less: {share}% of the year's spend in the last 90 days",
        shown=_year_share,
        applies=lambda lately, year, _typical: lately < year * 90 / 365,
    ),
    _Topic(
        ("days_since_first_order",),
        ("days_since_first_order",),
        lambda days: f"a customer for only {_counted(days, 'day')}",
        applies=lambda days, typical: days < typical["days_since_first_order"],
    ),
    _Topic(("average_order_value",), ("average_order_value",), lambda value: f"orders of about {value} each"),
    _Topic(
        ("promo_order_share",),
        ("promo_order_share",),
        lambda share: f"{share}% of orders with a promo code",
        shown=lambda share: (100 * share,),
    ),
    _Topic(
        ("online_share",),
        ("online_share",),
        lambda share: "no order whose channel is known" if share is None else f"{share}% of orders online",
        shown=lambda share: (100 * share,),
    ),
    _Topic(
        ("return_count",),
        ("return_count",),
        lambda count: _counted(count, "return"),
        applies=lambda count, _typical: count > 0,
    ),
)


def _topics(features: tuple[str, ...], customers: pa.Table) -> list[_Topic]:
    """The topics of a model's features; a feature that belongs to none is a topic of its own."""
    topics: list[_Topic] = []
    left = list(features)
    for topic in _TOPICS:
        own = tuple(name for name in topic.features if name in left)
        if own and set(topic.needs) <= set(customers.column_names):
            topics.append(replace(topic, features=own))
            left = [name for name in left if name not in own]
    return topics + [_Topic((name,), (name,), _plain(name)) for name in left]


def _plain(name: str) -> Callable[[int | None], str]:
    label = name.replace("_", " ")
    return lambda value: f"{label} unknown" if value is None else f"{label} {value}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _contribution(effects: Effects, name: str, values: Floats) -> Floats:
    number = effects.features.index(name)
    return np.asarray(effects.values[number])[bin_of(effects.edges[number], values)]


def _texts(topic: _Topic, customers: pa.Table) -> npt.NDArray[Any]:
    """A topic's words, one per customer; each different set of values is put into words once."""
    none = np.iinfo(np.int32).min
    key = np.zeros(len(customers), np.int64)
    columns = []
    for shown in topic.shown(*(floats(customers[name]) for name in topic.needs)):
        whole = np.where(np.isnan(shown), none, np.rint(shown).clip(none + 1, -none - 1)).astype(np.int64)
        columns.append(whole)
        key = key * 2**32 + whole
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    different = zip(*(column[first].tolist() for column in columns), strict=True)
    texts = [topic.words(*(None if value == none else value for value in values)) for values in different]
    return np.array(texts, dtype=object)[number]
