"""Rates of products: an exact interval of each, and what is left of their differences without chance."""

import numpy as np
from scipy.special import betaln
from scipy.stats import beta

from models.types import Floats

# Strengths of a prior, in customers, among which the likeliest is taken: from very unlike products to all alike.
STRENGTHS = np.geomspace(3.0, 30_000.0, 33)


def exact_interval(successes: Floats, customers: Floats, coverage: float = 0.95) -> tuple[Floats, Floats]:
    """Lower and upper end for each share: holds it at least as often as stated, whatever it is.

    Clopper and Pearson 1934, Biometrika 26.
    """
    tail = (1 - coverage) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(successes > 0, beta.ppf(tail, successes, customers - successes + 1), 0.0)
        high = np.where(successes < customers, beta.ppf(1 - tail, successes + 1, customers - successes), 1.0)
    return np.asarray(low), np.asarray(high)


def likeliest_strength(successes: Floats, customers: Floats, expected: Floats) -> float:
    """The strength m of Beta(m e, m (1 - e)) under which these counts are likeliest; e is what is expected of each."""

    def likelihood(strength: float) -> float:
        a, b = strength * expected, strength * (1 - expected)
        return float((betaln(a + successes, b + customers - successes) - betaln(a, b)).sum())

    return float(STRENGTHS[int(np.argmax([likelihood(float(strength)) for strength in STRENGTHS]))])


def shrunken_share(successes: Floats, customers: Floats, expected: Floats, strength: float) -> Floats:
    """The mean of what each share may be, by its counts and by what is expected of it."""
    return np.asarray((successes + strength * expected) / (customers + strength))
