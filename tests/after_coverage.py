"""How often the intervals of what a campaign brought forward, and of its net effect, hold the truth.

Run by `make verify`, with the number of campaigns a row; a table of docs/COVERAGE.md.
"""

import sys
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from coverage_page import write_measured
from effect_coverage import DENSE, PRE_WINDOWS, SPARSE, Shop, batches, both, moments_of, welch

from models.campaign.difference import MeanDifference
from models.campaign.moments import LEAST_CONTROLS, LEAST_EXPLAINED, Slopes, arms
from models.types import Floats

BORROWED = 0.3  # of the lift comes out of the next window
SEED = 20261202
PARTS = ("after", "net")


class Held(NamedTuple):
    """Shares of campaigns whose interval lies above the truth and below it; its median width by Welch's, unadjusted."""

    above: float
    below: float
    width: float


def drawn(shop: Shop, random: np.random.Generator, shape: tuple[int, int], lift: float) -> dict[str, Floats]:
    """By part: campaigns x customers x (value, value in the pre-period, 0): tenure is not adjusted for."""
    size = int(np.prod(shape))
    rates = np.full(size, shop.rate) if shop.alike is None else random.gamma(shop.alike, shop.rate / shop.alike, size)
    during = shop.spend(random, rates * (1 + lift))
    after = shop.spend(random, rates * (1 - BORROWED * lift))
    before = during * 0 if shop.alike is None else shop.spend(random, rates * PRE_WINDOWS)
    values = {"after": after, "net": during + after}
    return {part: np.stack([v, before, before * 0], axis=-1).reshape(*shape, 3) for part, v in values.items()}


def coverage(campaigns: int, shop: Shop, buyers: float, treated_share: float, lift: float) -> dict[str, Held]:
    """By part, both adjusted where that pays for the net one."""
    random = np.random.default_rng([SEED, round(buyers)])
    n_t, n_c = shop.sizes(buyers, treated_share)
    truth = {"after": shop.truth(-BORROWED * lift), "net": shop.truth((1 - BORROWED) * lift)}
    found: dict[str, list[Floats]] = {part: [] for part in PARTS}
    for count in batches(campaigns, n_t + n_c):
        sides = [drawn(shop, random, (count, n), of) for n, of in ((n_t, lift), (n_c, 0.0))]
        moments = {part: both(*(moments_of(side[part]) for side in sides)) for part in PARTS}
        sets, places = np.tile(np.arange(count), 2), np.arange(count)[:, None]
        slopes = {part: Slopes.of(moments[part], sets, count) for part in PARTS}
        pays = (slopes["net"].explained >= LEAST_EXPLAINED) & (n_c >= LEAST_CONTROLS)
        for part in PARTS:
            differences = [
                MeanDifference(arms(moments[part], by, places), arms(moments[part], by, places + count))
                for by in (slopes[part].coefficients(is_adjusted)[sets] for is_adjusted in (pays, pays & False))
            ]
            low, high = differences[0].interval()
            assert np.isfinite(low).all() and np.isfinite(high).all(), "an interval is missing"
            width = (high - low) / welch(differences[1])
            found[part].append(np.stack([low > truth[part], high < truth[part], width]))
    held = {}
    for part, found_in in found.items():
        above, below, width = np.concatenate(found_in, axis=1)
        held[part] = Held(float(above.mean()), float(below.mean()), float(np.median(width)))
    return held


def coverage_table(campaigns: int) -> Iterator[str]:
    yield f"{campaigns:,} campaigns a row, seed {SEED}. {BORROWED:.0%} of a true lift of everybody's rate is missing in"
    yield "the window after the window. Purchases are Poisson, with everybody's same rate or with rates that follow a"
    yield "gamma (values are then adjusted for the pre-period); amounts are lognormal. None of the intervals is NULL."
    yield ""
    yield (
        "| purchases a customer | shape of the gamma | expected control buyers | treated | log-sd of amounts "
        "| true lift | interval of | inside | interval above the truth | below it | median width, Welch's is 1 |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    shops = [Shop(SPARSE, log_sd) for log_sd in (0.6, 1.3)]
    kinds = [*product(shops, (30, 100, 250), (0.5, 0.9), (0.2,)), *product(shops[:1], (100,), (0.5, 0.9), (0.0,))]
    dense = (Shop(DENSE, 0.6), Shop(1.0, 0.6, 0.8))
    for shop, buyers, share, lift in [*kinds, *product(dense, (100,), (0.5, 0.9), (0.2,))]:
        for part, held in coverage(campaigns, shop, buyers, share, lift).items():
            yield (
                f"| {shop.rate:g} | {shop.alike or 'all alike'} | {buyers} | {share:.0%} | {shop.log_sd} | {lift:.0%} "
                f"| {part} | {1 - held.above - held.below:.2%} | {held.above:.2%} | {held.below:.2%} "
                f"| {held.width:.2f} |"
            )


if __name__ == "__main__":
    write_measured("after", ["\n".join(coverage_table(int(sys.argv[1])))])
