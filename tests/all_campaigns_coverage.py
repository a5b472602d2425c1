"""How often the interval of all campaigns' effect over two draws of the group holds the true effect.

Run by `make verify`, with the number of sets a row; a table of docs/COVERAGE.md.
"""

import sys
from collections.abc import Iterator
from itertools import product

import numpy as np
from coverage_page import write_measured

from models.campaign.difference import Arm, MeanDifference
from models.types import Floats

CUSTOMERS, SHARES, LIFTS, LOG_SDS = (1000, 5000, 20000), (0.05, 0.1), (0.0, 0.1), (0.6, 1.3)
MONTHS = (6, 5)  # of the group of last year, and of this year's
RATE, ALIKE = 0.25, 0.7  # purchases a customer and month in the mean, and the shape of the gamma that rates follow
SEED = 20261201


def spend(random: np.random.Generator, rates: Floats, months: int, log_sd: float) -> Floats:
    """Of each customer in a month, in the mean over so many."""
    orders = random.poisson(rates * months)
    owners = np.repeat(np.arange(len(rates)), orders)
    return np.bincount(owners, random.lognormal(0, log_sd, len(owners)), len(rates)) / months


def one_set(random: np.random.Generator, customers: int, share: float, lift: float, log_sd: float) -> Floats:
    """Two arms x draws x (customers, mean, second and third central moment) of means a month, of the same customers."""
    rates = random.gamma(ALIKE, RATE / ALIKE, customers)
    found = np.empty((2, len(MONTHS), 4))
    for draw, months in enumerate(MONTHS):
        is_control = random.random(customers) < share
        values = spend(random, rates * np.where(is_control, 1, 1 + lift), months, log_sd)
        for side, arm in enumerate((values[~is_control], values[is_control])):
            about = arm - arm.mean()
            found[side, draw] = len(arm), arm.mean(), np.mean(about**2), np.mean(about**3)
    return found


def coverage(sets: int, customers: int, share: float, lift: float, log_sd: float) -> tuple[float, float, float]:
    """Shares of sets whose interval lies above the truth and below it; its median width by Welch's."""
    random = np.random.default_rng([SEED, customers])
    found = np.array([one_set(random, customers, share, lift, log_sd) for _ in range(sets)])
    treated, control = (Arm(*(found[:, side, :, kind] for kind in (0, 1, 2, 3, 1))) for side in (0, 1))
    difference = MeanDifference(treated, control, treated.n * np.array(MONTHS))
    low, high = difference.interval()
    assert np.isfinite(low).all() and np.isfinite(high).all(), "an interval is missing"
    truth = RATE * lift * float(np.exp(log_sd**2 / 2))
    variance = difference.weights**2 * (treated.second / treated.n + control.second / control.n)
    welch = 3.92 * np.sqrt(variance.sum(axis=1))
    return float((low > truth).mean()), float((high < truth).mean()), float(np.median((high - low) / welch))


def coverage_table(sets: int) -> Iterator[str]:
    yield f"{sets:,} sets a row, seed {SEED}: the same customers in two draws, of which {MONTHS[0]} and {MONTHS[1]}"
    yield f"months count. Customers' rates follow a gamma of shape {ALIKE} with {RATE} purchases a month in the mean,"
    yield "amounts are lognormal. None of the intervals is NULL."
    yield ""
    yield (
        "| customers | in the group | log-sd of amounts | true lift | inside | interval above the truth | below it "
        "| median width, Welch's is 1 |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for customers, share, log_sd, lift in product(CUSTOMERS, SHARES, LOG_SDS, LIFTS):
        above, below, width = coverage(sets, customers, share, lift, log_sd)
        yield (
            f"| {customers:,} | {share:.0%} | {log_sd} | {lift:.0%} | {1 - above - below:.2%} | {above:.2%} "
            f"| {below:.2%} | {width:.2f} |"
        )


if __name__ == "__main__":
    write_measured("all campaigns", ["\n".join(coverage_table(int(sys.argv[1])))])
