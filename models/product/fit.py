"""Related products: the probability that a buyer of one buys another in the month after.

Of the buyers of a product, each other one is expected to be bought as by everybody, times how much more of anything
they buy (else all products would seem related, as keen customers buy more of all). Shares are drawn towards that by a
beta prior, as strong as it is likeliest. What this says of a held-out month must be better, customer by customer, than
the popularity of the products, and than popularity with that factor; otherwise no probability is given.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from models.product.rates import exact_interval, likeliest_strength, shrunken_share
from models.types import Floats, QualityRow

MIN_CUSTOMERS = 200
MIN_BUYERS, MIN_BOTH = 30, 5
RELATED = 10
# One-sided 95 %.
SURE = 1.6448536269514722
_CHUNK = 5_000


@dataclass(frozen=True)
class Relations:
    """Shares of the buyers of each product (rows) who bought each other (columns) in the month after.

    customers: all; buyers: of each product before; both: buyers of one who bought the other; popularity: share of all
    who bought it; expected: popularity times the factor of the row; strength: of the prior, in customers.
    """

    customers: int
    buyers: Floats
    both: Floats
    popularity: Floats
    expected: Floats
    strength: float

    @property
    def probability(self) -> Floats:
        """Shrunken share of each pair."""
        return shrunken_share(self.both, self.buyers[:, None], self.expected, self.strength)


def fit_relations(before: Floats, after: Floats) -> Relations:
    """Relations of products.

    Args:
        before: customer x product, 1 where it was bought before the month, else 0.
        after: the same of the month.
    """
    buyers, customers = before.sum(axis=0), len(before)
    both = before.T @ after
    popularity = np.clip(after.mean(axis=0), 0.5 / customers, 0.999)
    keenness = both.sum(axis=1) / np.maximum(buyers, 1) / popularity.sum()
    expected = np.clip(popularity[None, :] * keenness[:, None], 0.5 / customers, 0.999)
    pairs = (buyers[:, None] >= MIN_BUYERS) & ~np.eye(len(buyers), dtype=bool)
    counts = np.broadcast_to(buyers[:, None], both.shape)[pairs]
    strength = likeliest_strength(both[pairs], counts, expected[pairs]) if pairs.any() else 1.0
    return Relations(customers, buyers, both, popularity, expected, strength)


def held_out_gain(relations: Relations, before: Floats, after: Floats) -> dict[str, tuple[float, float]]:
    """By what the forecast is held against: mean log-likelihood that it gains per customer, and its standard error.

    Args:
        relations: as fitted on an earlier month.
        before: as in fit_relations, of the held-out month.
        after: the same.
    """
    rivals = {
        "popularity": np.broadcast_to(relations.popularity[None, :], relations.both.shape),
        "keenness": relations.expected,
    }
    own = _log_likelihood(relations.probability, before, after)
    gains = {name: own - _log_likelihood(rival, before, after) for name, rival in rivals.items()}
    return {name: (float(gain.mean()), float(gain.std() / np.sqrt(len(gain)))) for name, gain in gains.items()}


def _log_likelihood(probability: Floats, before: Floats, after: Floats) -> Floats:
    """Of each customer, over the pairs of a product bought before and another."""
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    odds, none = np.log(p) - np.log1p(-p), np.log1p(-p)
    np.fill_diagonal(odds, 0.0)
    np.fill_diagonal(none, 0.0)
    not_bought = none.sum(axis=1)
    found = []
    for start in range(0, len(before), _CHUNK):
        x, y = before[start : start + _CHUNK], after[start : start + _CHUNK]
        found.append(x @ not_bought + ((x @ odds) * y).sum(axis=1))
    return np.concatenate(found)


def refusal(gains: dict[str, tuple[float, float]] | None, customers: int) -> str | None:
    """Why no probability is given; None: it has shown skill."""
    if gains is None or customers < MIN_CUSTOMERS:
        return "too_few_customers"
    has_skill = all(gain > SURE * error for gain, error in gains.values())
    return None if has_skill else "no_skill"


def gain_rows(gains: dict[str, tuple[float, float]] | None) -> list[QualityRow]:
    """(metric, value, note) of a held-out month."""
    if gains is None:
        return [("relation_gain", None, f"{MIN_CUSTOMERS} customers with a purchase before each month are needed")]
    note = (
        "log-likelihood of the held-out month per customer above that of {}; standard error {:.5f}, 1.64 of it wanted"
    )
    rivals = {"popularity": "popularity", "keenness": "popularity times how much their buyers buy"}
    return [
        (f"relation_gain_over_{name}", gain, note.format(rivals[name], error)) for name, (gain, error) in gains.items()
    ]


def related_pairs(relations: Relations) -> dict[str, Floats]:
    """Columns by pair: up to ten related products of each, those that stand out most from what is expected.

    product and related are positions. A pair has 30 buyers, 5 who bought both, and a low above what is expected.
    low: lower end of the share's 95 % interval by counts and prior, which chance among so many pairs does not raise.
    high: upper end by the counts alone, as pairs that are truly far off are drawn too near by a prior of all pairs.
    """
    r = relations
    p = r.probability
    a = r.both + r.strength * r.expected
    b = r.buyers[:, None] - r.both + r.strength * (1 - r.expected)
    wanted = (r.buyers[:, None] >= MIN_BUYERS) & (r.both >= MIN_BOTH) & (p > r.expected) & ~np.eye(len(p), dtype=bool)
    first, second = np.nonzero(wanted)
    low = beta.ppf(0.025, a[first, second], b[first, second])
    _, high = exact_interval(r.both[first, second], r.buyers[first])
    sure = low > r.expected[first, second]
    first, second, low, high = first[sure], second[sure], low[sure], high[sure]
    ratio = p[first, second] / r.expected[first, second]
    order = np.lexsort((second, -ratio, first))
    first, second, low, high = first[order], second[order], low[order], high[order]
    starts = np.searchsorted(first, first)
    top = np.arange(len(first)) - starts < RELATED
    first, second, low, high = first[top], second[top], low[top], high[top]
    confidence = r.both[first, second] / r.buyers[first]
    return {
        "product": first.astype(float),
        "related": second.astype(float),
        "buyers": r.buyers[first],
        "both": r.both[first, second],
        "support": r.both[first, second] / r.customers,
        "confidence": confidence,
        "lift": confidence / r.popularity[second],
        "expected": r.expected[first, second],
        "probability": p[first, second],
        "low": low,
        "high": high,
    }
