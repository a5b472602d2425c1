"""How often the interval of a customer's share of spend on offer holds the true share, in made-up shops.

PYTHONPATH=.:tests python -m promo_habit_coverage 20 writes it into docs/COVERAGE.md, of 20 shops a row.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from coverage_page import write_measured

from models.promo_habit import MIN_ORDERS, Days, fit, shares, throws
from models.types import Floats

Draw = Callable[[np.random.Generator, int], Floats]

SEED = 20261130
CUSTOMERS = 2_000
# How shares differ between customers: as the model takes it, and not.
HABITS: dict[str, Draw] = {
    "beta, mean .3": lambda random, n: random.beta(1.5, 3.5, n),
    "beta, most never": lambda random, n: random.beta(0.3, 1.5, n),
    "two kinds, .1 and .8": lambda random, n: random.choice([0.1, 0.8], n, p=[0.7, 0.3]),
    "a fifth always": lambda random, n: np.where(random.random(n) < 0.2, 1.0, random.beta(2, 4, n)),
    "normal logits": lambda random, n: 1 / (1 + np.exp(-random.normal(-1, 1.2, n))),
}
# How a day's spend is on offer: the whole of it or nothing, or part of it.
WHOLE, PARTS = "whole days", "parts of days"


class Coverage(NamedTuple):
    """Shares of judged customers: whose interval holds the truth, lies above or below it, and its mean width."""

    inside: float
    above: float
    below: float
    width: float


def coverage(shops: int, habit: str, spread: float, days: float, shape: str, seed: int = SEED) -> Coverage:
    """Of shops with so many customers, whose days' spend is lognormal with log-sd `spread`, on offer by their habit."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(shops):
        truth = HABITS[habit](random, CUSTOMERS)
        count = MIN_ORDERS + random.poisson(days, CUSTOMERS)
        owner = np.repeat(np.arange(CUSTOMERS), count)
        spend = random.lognormal(3, spread, len(owner))
        mean = truth[owner]
        part = (random.random(len(owner)) < mean).astype(float)
        if shape == PARTS:
            inner = np.clip(mean, 1e-6, 1 - 1e-6)
            part = np.where((mean > 0) & (mean < 1), random.beta(2 * inner, 2 * (1 - inner)), part)
        summed = (np.ones(len(owner)), spend, spend**2, spend * part, part, part**2)
        sums = Days(*(np.bincount(owner, value, CUSTOMERS) for value in summed))
        number = throws(sums)
        interval = shares(fit(sums.share, number), sums.share, number, np.ones(CUSTOMERS, bool))
        above, below = interval.low > truth + 1e-9, interval.high < truth - 1e-9
        found.append(
            (1 - above.mean() - below.mean(), above.mean(), below.mean(), (interval.high - interval.low).mean())
        )
    return Coverage(*np.mean(found, axis=0))


def table(shops: int) -> Iterator[str]:
    yield f"{shops:,} shops of {CUSTOMERS:,} customers a row, seed {SEED}. A customer has five days of purchases and as"
    yield "many more as Poisson says with the mean given; the spend of a day is lognormal."
    yield ""
    columns = ("habits", "days more", "log-sd of spend", "on offer are", "inside", "interval above the truth")
    yield f"| {' | '.join(columns)} | below it | mean width |"
    yield "|---|---|---|---|---|---|---|---|"
    for habit, days, spread, shape in product(HABITS, (3.0, 25.0), (0.5, 1.0), (WHOLE, PARTS)):
        found = coverage(shops, habit, spread, days, shape)
        yield (
            f"| {habit} | {days:g} | {spread} | {shape} | {found.inside:.1%} | {found.above:.1%} | {found.below:.1%} "
            f"| {found.width:.2f} |"
        )


if __name__ == "__main__":
    write_measured("promo habits", ["\n".join(table(int(sys.argv[1])))])
