"""How often a campaign's interval holds the true effect, in simulated campaigns: the table of docs/COVERAGE.md.

Run by `make verify`, with the number of campaigns a row.
"""

import sys
from datetime import date
from itertools import product

import numpy as np

from models.campaign_effect import Estimate, Sample, mean_difference
from pipelines.settings import ROOT

CONTROL_BUYERS, TREATED_SHARES, LOG_SDS, LIFTS = (30, 50, 100, 250, 1000), (0.5, 0.8, 0.9), (0.6, 1.3), (0.0, 0.2)
SPARSE = 0.12  # purchases a customer in the window, as of most campaigns
DENSE = 8.0  # as of weekly shoppers in two months
SEED = 20261130


def sample(values: np.ndarray) -> Sample:
    """Mean and second and third central moment of values."""
    deviations = np.asarray(values, float) - np.mean(values)
    return Sample(len(values), float(np.mean(values)), float(np.mean(deviations**2)), float(np.mean(deviations**3)))


def campaign(
    random: np.random.Generator, control: int, treated_share: float, rate: float, log_sd: float, lift: float
) -> tuple[Estimate, float]:
    """A campaign's estimate and Welch's width: each customer's purchases are Poisson, their amounts lognormal."""

    def arm(customers: int, rate: float) -> Sample:
        orders = random.poisson(rate * customers)
        return sample(
            np.bincount(random.integers(0, customers, orders), random.lognormal(0, log_sd, orders), customers)
        )

    treated = arm(round(control * treated_share / (1 - treated_share)), rate * (1 + lift))
    held = arm(control, rate)
    return mean_difference(treated, held), 3.92 * (treated.second / treated.n + held.second / held.n) ** 0.5


def coverage(
    campaigns: int, buyers: int, treated_share: float, log_sd: float, lift: float, rate: float = SPARSE
) -> tuple[float, float, float]:
    """Shares of campaigns whose interval lies above the truth and below it, and the median width by Welch's."""
    random = np.random.default_rng([SEED, buyers])
    control = round(buyers / (1 - np.exp(-rate)))
    truth = rate * lift * np.exp(log_sd**2 / 2)
    found = [campaign(random, control, treated_share, rate, log_sd, lift) for _ in range(campaigns)]
    assert not any(np.isnan(estimate.low) or np.isnan(estimate.high) for estimate, _ in found), "an interval is missing"
    above = float(np.mean([estimate.low > truth for estimate, _ in found]))
    below = float(np.mean([estimate.high < truth for estimate, _ in found]))
    return above, below, float(np.median([(estimate.high - estimate.low) / width for estimate, width in found]))


def table(campaigns: int) -> str:
    """The table as Markdown."""
    lines = [
        f"Measured on {date.today()}: {campaigns:,} campaigns a row, seed {SEED}. A customer's purchases are Poisson,",
        "their amounts lognormal; a true lift is one of everybody's rate. None of the intervals is NULL.",
        "",
        "| purchases a customer | expected control buyers | treated | log-sd of amounts | true lift | inside "
        "| interval above the truth | below it | median width, Welch's is 1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    dense = product((DENSE,), (50, 250), TREATED_SHARES, LOG_SDS, LIFTS)
    for rate, *cell in (*product((SPARSE,), CONTROL_BUYERS, TREATED_SHARES, LOG_SDS, LIFTS), *dense):
        above, below, width = coverage(campaigns, *cell, rate=rate)
        buyers, share, log_sd, lift = cell
        lines.append(
            f"| {rate:g} | {buyers:g} | {share:.0%} | {log_sd} | {lift:.0%} | {1 - above - below:.2%} | {above:.2%} | "
            f"{below:.2%} | {width:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    path = ROOT / "docs" / "COVERAGE.md"
    head, mark, _ = path.read_text(encoding="utf-8").partition("<!-- measured -->\n")
    path.write_text(f"{head}{mark}\n{table(int(sys.argv[1]))}\n", encoding="utf-8")
