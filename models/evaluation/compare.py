"""Two forecasts of the same outcomes: is one worse than the other, or is it chance?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GROUPS = 1_000


REPLICATES = 1_000


@dataclass(frozen=True)
class LossDifference:
    """Mean loss of the challenger less the champion's, with its 95 % interval; below 0 the challenger is better."""

    mean: float
    low: float
    high: float

    @property
    def is_better(self) -> bool:
        """The challenger is better, beyond chance."""
        return self.high < 0

    @property
    def is_worse(self) -> bool:
        """The challenger is worse, beyond chance."""
        return self.low > 0

    def __str__(self) -> str:
        return f"{self.mean:+.5f}, 95 % interval {self.low:+.5f} to {self.high:+.5f}"


def paired_bootstrap(challenger_loss: npt.ArrayLike, champion_loss: npt.ArrayLike, seed: int) -> LossDifference:
    """Percentile bootstrap of the mean difference of two losses on the same customers (Efron and Tibshirani 1993).

    More than 1,000 customers are first put into 1,000 random groups of almost one size, and groups are drawn whole.
    The distribution is the same, and the cost does not grow. The same losses, order and seed give the same interval.

    Args:
        challenger_loss: one per customer.
        champion_loss: of the same customers, in the same order.
        seed: of the groups and draws.

    Raises:
        ValueError: the two differ in length, are empty or hold NaN or infinity.
    """
    challenger, champion = np.asarray(challenger_loss, dtype=float), np.asarray(champion_loss, dtype=float)
    if challenger.shape != champion.shape or challenger.ndim != 1 or not len(challenger):
        raise ValueError(f"losses of the same customers are needed, not {challenger.shape} and {champion.shape}")
    difference = challenger - champion
    if not np.isfinite(difference).all():
        raise ValueError("a loss is no number")
    random = np.random.default_rng(seed)
    groups = min(len(difference), GROUPS)
    group = np.arange(len(difference)) % groups
    total = np.bincount(group, random.permutation(difference), groups)
    size = np.bincount(group, minlength=groups)
    drawn = random.multinomial(groups, np.full(groups, 1 / groups), REPLICATES)
    low, high = np.quantile((drawn @ total) / (drawn @ size), [0.025, 0.975])
    return LossDifference(float(difference.mean()), float(low), float(high))
