"""How often intervals of shrunken values of stores, and ranges of places, hold the truth: a table of docs/COVERAGE.md.

Run by `make verify`, with the number of chains a row; tests/models/test_store_rank.py has a short form. Stores of a
chain differ by `spread` around their mean; all have the same season and the same shocks of weeks (10 %); a store's own
weeks differ by 4 to 16 %, of which the next week keeps nothing or three tenths. Of home customers, a share that differs
by 5 points, or by none, comes again.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from coverage_page import write_measured

from models.campaign.shrunken import shrunken
from models.store_rank import place_ranges, places, rates, share_errors, weekly_errors
from models.types import Floats

SEED, WEEKS = 10_000, 52


class Held(NamedTuple):
    """Stores of all chains, intervals above and below the true value, and true places outside their ranges."""

    stores: int
    above: int
    below: int
    misplaced: int
    width: float

    def words(self) -> str:
        """The cells of a row: shares of intervals inside, above and below, of places inside, and the width to raw."""
        inside = 1 - (self.above + self.below) / self.stores
        shares = (inside, self.above / self.stores, self.below / self.stores, 1 - self.misplaced / self.stores)
        return " | ".join([*(f"{share:.1%}" for share in shares), f"{self.width:.2f}"])


def held(raw: Floats, error: Floats, truth: Floats) -> Held:
    """What one chain adds; width: of the shrunken intervals, in those of the raw values."""
    found = shrunken(raw, error)
    best, worst = place_ranges(found.low, found.high)
    place = places(truth)
    outside = int(((place < best) | (place > worst)).sum())
    width = float(np.mean((found.high - found.low) / (2 * 1.96 * error)))
    return Held(raw.size, int((found.low > truth).sum()), int((found.high < truth).sum()), outside, width)


def by_weeks(seed: int, stores: int, spread: float, kept: float) -> Held:
    """A chain whose stores' weeks are known, as revenue per open day."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(0, spread, stores)
    season = draw.uniform(0, 0.4) * np.sin(np.linspace(0, np.pi, WEEKS)) + draw.normal(0, 0.1, WEEKS)
    own = np.exp(draw.uniform(np.log(0.04), np.log(0.16), (stores, 1)))
    shock = draw.normal(0, 1, (stores, WEEKS)) * own
    for week in range(1, WEEKS):
        shock[:, week] = kept * shock[:, week - 1] + np.sqrt(1 - kept**2) * shock[:, week]
    # Shocks have a mean of 1; so each store's true rate is its level times the season's mean.
    top = np.exp(truth[:, None] + season + shock - own**2 / 2) * 7
    bottom = np.full(top.shape, 7.0)
    rate = rates(top, bottom)
    return held(np.log(rate), weekly_errors(top, bottom) / rate, truth + np.log(np.exp(season).mean()))


def by_customers(seed: int, stores: int, spread: float, _kept: float) -> Held:
    """A chain of which the share of 30 to 2,000 customers a store that come again is known."""
    draw = np.random.default_rng(seed)
    truth = np.clip(draw.normal(draw.uniform(0.2, 0.8), spread, stores), 0.02, 0.98)
    customers = np.exp(draw.uniform(np.log(30), np.log(2_000), stores)).astype(int).astype(float)
    again = draw.binomial(customers.astype(int), truth).astype(float)
    return held(again / customers, share_errors(again, customers), truth)


def chains(
    measure: Callable[[int, int, float, float], Held], count: int, stores: int, spread: float, kept: float
) -> Held:
    """What many chains add up to."""
    found = [measure(seed, stores, spread, kept) for seed in range(SEED, SEED + count)]
    sums = [sum(getattr(chain, name) for chain in found) for name in ("stores", "above", "below", "misplaced")]
    return Held(*sums, float(np.mean([chain.width for chain in found])))


def table(count: int) -> str:
    """The table as Markdown."""
    lines = [
        f"{count:,} chains a row, seeds from {SEED:,}; intervals state 95.0%, averaged over stores.",
        "",
        "| rate | stores | spread | kept of a shock | inside | interval above the truth | below it"
        " | true place in its range | width, of raw |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for stores in (3, 10, 60):
        for spread in (0.0, 0.02, 0.1):
            for kept in (0.0, 0.3):
                cells = chains(by_weeks, count, stores, spread, kept).words()
                lines.append(f"| of weeks | {stores} | {spread:.0%} | {kept:.0%} | {cells} |")
        for spread in (0.0, 0.05):
            cells = chains(by_customers, count, stores, spread, 0.0).words()
            lines.append(f"| of customers | {stores} | {spread:.0%} | - | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_measured("stores", [table(int(sys.argv[1]))])
