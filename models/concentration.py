"""Concentration: how much of an amount the largest few bring (Pareto shares, Gini coefficient)."""

from dataclasses import dataclass

import numpy as np

from models.types import Floats, Integers

TOP_PERCENTS = (1, 5, 10, 20)


@dataclass(frozen=True)
class Concentration:
    """How an amount is spread over units such as customers; shares from 0 to 1.

    top_shares: of the largest 1, 5, 10 and 20 % of the units, rounded up to whole ones; None where that percent is less
    than one unit. gini: 0 if all bring the same, near 1 if one brings all; None without a unit.
    """

    unit_count: int
    top_shares: tuple[float | None, ...]
    gini: float | None


def concentration(amounts: Integers, counts: Integers) -> Concentration:
    """How concentrated amounts are. Equal ones may be given as one; the order is without effect.

    Gini as half the mean absolute difference over the mean: Σ (2 i - n - 1) x_i / (n Σ x), x sorted upwards, i from 1
    (Dixon et al. 1987, Ecology 68).

    Args:
        amounts: of a unit, in the smallest coin, above 0.
        counts: units with that amount.
    """
    order = np.argsort(-amounts, kind="stable")
    amount, count = amounts[order].astype(float), counts[order].astype(float)
    if not len(amount):
        return Concentration(0, tuple(None for _ in TOP_PERCENTS), None)
    units, total = float(count.sum()), float(amount @ count)
    # Places of the units, the largest first: those of an amount run from last - count + 1 to last.
    last = np.cumsum(count)
    mean_place = last - (count - 1) / 2
    gini = float((units + 1 - 2 * mean_place) @ (amount * count)) / (units * total)
    shares = tuple(_top_share(amount, count, last, percent) / total for percent in TOP_PERCENTS)
    return Concentration(
        int(units),
        tuple(
            round(share, 6) if units * percent >= 100 else None
            for percent, share in zip(TOP_PERCENTS, shares, strict=True)
        ),
        round(max(gini, 0.0), 6),
    )


def _top_share(amount: Floats, count: Floats, last: Floats, percent: int) -> float:
    """What the largest percent of the units bring together; amounts are sorted downwards, last is their last place."""
    wanted = float(-(-int(last[-1]) * percent // 100))
    taken = np.clip(wanted - (last - count), 0.0, count)
    return float(taken @ amount)
