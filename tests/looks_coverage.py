"""How often verdicts that are given many times over are false, in simulations: a table of docs/COVERAGE.md.

Segments at once (Holm's, shrunken effects), campaigns ranked, and a campaign looked at every day. Run by `make verify`,
with the number of cases a row.
"""

import sys
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from coverage_page import write_measured
from scipy import stats

from models.campaign.difference import Arm, MeanDifference
from models.campaign.many_looks import LEVEL, always_valid, holm
from models.campaign.shrunken import shrunken
from models.types import Floats

SEED = 20261130
UNITS, SPREADS, RATIOS = (4, 6, 12, 20), (0.0, 1.0, 3.0), (1.0, 4.0)
# That of which the best of 20 raw effects is 11.6 standard units and its truth 4.1.
RANKED_UNITS, RANKED_SPREAD = 20, 0.74
DAYS = 28
RATE = 0.12  # purchases a customer in all those days
FIXED = float(stats.norm.ppf(1 - LEVEL / 2))


class Shrinkage(NamedTuple):
    """Averages over units: share whose interval holds the truth, lies above, below it; its width, raw is 1.

    Of the unit with the highest shrunken effect: that effect, its raw effect and the truth; of the highest raw effect:
    that effect and its truth. In standard errors.
    """

    inside: float
    above: float
    below: float
    width: float
    best: float
    best_truth: float
    raw_best: float
    raw_best_truth: float


def shrinkage(cases: int, units: int, spread: float, ratio: float, lone: float = 0.0) -> Shrinkage:
    """Units with normal true effects, τ = `spread` median errors; the largest error is `ratio` times the smallest.

    The first unit's effect is `lone` errors larger.
    """
    random = np.random.default_rng([SEED, units, int(10 * spread), int(ratio)])
    rows = []
    for _ in range(cases):
        error = ratio ** random.uniform(-0.5, 0.5, units)
        truth = random.normal(0, spread * float(np.median(error)), units)
        truth[0] += lone * error[0]
        raw = random.normal(truth, error)
        value, low, high = shrunken(raw, error)
        best, raw_best = int(np.argmax(value)), int(np.argmax(raw))
        assert np.all(high - low <= 2 * FIXED * error * (1 + 1e-9)), "wider than raw"
        rows.append(
            (
                np.mean((low <= truth) & (truth <= high)),
                np.mean(low > truth),
                np.mean(high < truth),
                np.mean((high - low) / (2 * FIXED * error)),
                value[best],
                truth[best],
                raw[raw_best],
                truth[raw_best],
            )
        )
    return Shrinkage(*map(float, np.mean(rows, axis=0)))


def families_with_a_verdict(cases: int, segments: int, treated_share: float, log_sd: float) -> float:
    """Share of A/A campaigns with a family of so many segments, 30 control buyers each, of which one says something."""
    random = np.random.default_rng([SEED, segments, int(100 * treated_share)])
    control = round(30 / (1 - np.exp(-RATE)))
    treated = round(control * treated_share / (1 - treated_share))

    def arm(customers: int) -> Floats:
        orders = random.poisson(RATE * customers)
        return np.bincount(random.integers(0, customers, orders), random.lognormal(0, log_sd, orders), customers)

    p_values = [
        MeanDifference(*(Arm.of([arm(n) for _ in range(segments)]) for n in (treated, control))).p_value()
        for _ in range(cases)
    ]
    return float(np.mean([np.nanmin(holm(p)) < LEVEL for p in p_values]))


def lone_found(cases: int, segments: int, size: float = 5.0) -> float:
    """Share of families in which the one segment with an effect, of `size` standard errors, is found."""
    random = np.random.default_rng([SEED, segments])
    z = random.normal(0, 1, (cases, segments))
    z[:, 0] += size
    return float(np.mean([holm(2 * stats.norm.sf(np.abs(row)))[0] < LEVEL for row in z]))


class Watched(NamedTuple):
    """Of campaigns looked at each day: share with a false alarm on any day, by the interval and by a fixed one.

    A false alarm is an interval that leaves the truth out. `first` is the share with one on one of the first three
    days; `above` of all with the interval above the truth, `below` below it.
    """

    false: float
    above: float
    below: float
    first: float
    fixed: float
    width_at_end: float


def watched(
    cases: int, buyers: int, treated_share: float, log_sd: float, lift: float = 0.0, entering: bool = False
) -> Watched:
    """Campaigns looked at on each of 28 days, so large that `buyers` control customers buy in all.

    Either all customers are there from the first day, and the effect is per customer and day so far; or they enter day
    by day with their whole window behind them (`entering`), and it is per customer.
    """
    random = np.random.default_rng([SEED, buyers, int(100 * treated_share), entering])
    control = round(buyers / (1 - np.exp(-RATE)))
    treated = round(control * treated_share / (1 - treated_share))
    truth = RATE * lift * np.exp(log_sd**2 / 2) / (1 if entering else DAYS)
    rows = []
    for _ in range(cases):
        looks = MeanDifference(
            Arm.of(_arm_by_day(random, treated, RATE * (1 + lift), log_sd, entering)),
            Arm.of(_arm_by_day(random, control, RATE, log_sd, entering)),
        )
        above, below, fixed, width = _misses(looks, truth)
        false = above | below
        rows.append((false.any(), above.any(), below.any(), false[:3].any(), fixed.any(), width[-1]))
    return Watched(*map(float, np.mean(rows, axis=0)))


def _arm_by_day(
    random: np.random.Generator, customers: int, rate: float, log_sd: float, entering: bool
) -> list[Floats]:
    """Customers' values as known on each day; of those who enter, before the first has entered, one without any."""
    orders = random.poisson(rate * customers)
    buyer, amount = random.integers(0, customers, orders), random.lognormal(0, log_sd, orders)
    of_order = random.integers(1, DAYS + 1, orders)
    of_customer = random.integers(1, DAYS + 1, customers)
    of_customer[0] = 1
    if entering:
        whole = np.bincount(buyer, amount, customers)
        return [whole[of_customer <= day] for day in range(1, DAYS + 1)]
    return [np.bincount(buyer[of_order <= day], amount[of_order <= day], customers) / day for day in range(1, DAYS + 1)]


def _misses(looks: MeanDifference, truth: float) -> tuple[Floats, Floats, Floats, Floats]:
    """By day, whether the interval lies above the truth, below it, a fixed one does either; and its width by that's."""
    effect, error = looks.effect, looks.standard_error()
    days = np.arange(1, DAYS + 1)
    low, high = np.array([always_valid(*row) for row in zip(effect, error**2, error**2 * days / DAYS, strict=True)]).T
    half = FIXED * error
    with np.errstate(divide="ignore", invalid="ignore"):
        return low > truth, high < truth, (np.abs(effect - truth) > half) & (half > 0), (high - low) / (2 * half)


def shrinkage_table(cases: int) -> Iterator[str]:
    yield f"**Shrunken effects**, {cases:,} families a row. τ and effects are in standard errors (their median)."
    yield ""
    yield (
        "| segments | τ | largest / smallest error | one lies out by | inside | above the truth | below it | width, "
        "raw is 1 | best shrunken | its truth | best raw | its truth |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    cells: list[tuple[int, float, float, float]] = [(*cell, 0.0) for cell in product(UNITS, SPREADS, RATIOS)]
    cells += [(RANKED_UNITS, RANKED_SPREAD, ratio, 0.0) for ratio in RATIOS]
    cells += [(3, 1.0, 1.0, 0.0), (6, 0.0, 1.0, 5.0), (20, 0.0, 1.0, 5.0)]
    for units, spread, ratio, lone in cells:
        found = shrinkage(cases, units, spread, ratio, lone)
        shares = " | ".join(f"{share:.2%}" for share in found[:3])
        values = " | ".join(f"{value:.2f}" for value in found[3:])
        yield f"| {units} | {spread:g} | {ratio:g} | {lone:g} | {shares} | {values} |"


def holm_table(cases: int) -> Iterator[str]:
    yield f"**Verdicts of segments**, by Holm's values, {cases:,} campaigns a row, 30 control buyers a segment."
    yield ""
    yield "| segments | treated | log-sd of amounts | A/A campaigns that say something | one of 5 errors is found |"
    yield "|---|---|---|---|---|"
    for segments, share, log_sd in product((4, 12), (0.5, 0.9), (0.6, 1.3)):
        said = families_with_a_verdict(cases, segments, share, log_sd)
        yield f"| {segments} | {share:.0%} | {log_sd} | {said:.1%} | {lone_found(cases, segments):.1%} |"


def watched_table(cases: int) -> Iterator[str]:
    yield f"**Looked at every day for {DAYS} days**, {cases:,} campaigns a row; a share is of campaigns whose interval"
    yield "leaves out the truth on any day."
    yield ""
    yield (
        "| control buyers at the end | treated | log-sd of amounts | true lift | customers | any day | above the truth "
        "| below it | on days 1 to 3 | of fixed intervals | width at the end, fixed is 1 |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for buyers, share, log_sd, lift, entering in product((30, 100), (0.5, 0.9), (0.6, 1.3), (0.0, 0.2), (False, True)):
        found = watched(cases, buyers, share, log_sd, lift, entering)
        how = "enter day by day" if entering else "all from day 1"
        shares = " | ".join(f"{share:.1%}" for share in found[:5])
        yield f"| {buyers} | {share:.0%} | {log_sd} | {lift:.0%} | {how} | {shares} | {found.width_at_end:.2f} |"


if __name__ == "__main__":
    count = int(sys.argv[1])
    tables = (shrinkage_table(max(count // 2, 1)), holm_table(max(count // 4, 1)), watched_table(max(count // 4, 1)))
    write_measured("looks", ["\n".join(table) for table in tables])
