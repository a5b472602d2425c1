"""How often a band is wrong about made-up retailers to whom nothing happens: a table of docs/COVERAGE.md.

Run by `make verify`, with the number of retailers; tests/models/kpi has a short form.
Each has growth, a season and monthly shocks of 3 to 10 %, of which the next month keeps nothing or half.
"""

import sys

import numpy as np
from coverage_page import write_measured

from models.kpi.band import change_band
from models.types import Floats

SEED = 10_000


def levels(seed: int, months: int, kept: float) -> Floats:
    """Logarithms of a figure, month by month."""
    draw = np.random.default_rng(seed)
    shock = draw.normal(0, draw.uniform(0.03, 0.1), months)
    for month in range(1, months):
        shock[month] += kept * shock[month - 1]
    season = np.tile(draw.normal(0, draw.uniform(0, 0.3), 12), months // 12 + 1)[:months]
    return np.asarray(draw.normal(0.004, 0.004) * np.arange(months) + season + shock)


def alarms(retailers: int, months: int, kept: float, lag: int) -> tuple[int, int]:
    """How many months had a band, and how many of them lay outside."""
    bands = [change_band(levels(seed, months, kept), lag) for seed in range(SEED, SEED + retailers)]
    return sum(int(band.is_judged.sum()) for band in bands), sum(int(band.is_outside.sum()) for band in bands)


def table(retailers: int) -> str:
    """The table as Markdown."""
    lines = [
        f"{retailers:,} retailers a row, seeds from {SEED:,}; a band states 5.0%.",
        "",
        "| history, months | kept of a shock | compared with | months with a band | of them outside |",
        "|---|---|---|---|---|",
    ]
    for months in (24, 36, 60):
        for kept in (0.0, 0.5):
            for lag, words in ((1, "the month before"), (12, "a year earlier")):
                judged, outside = alarms(retailers, months, kept, lag)
                lines.append(f"| {months} | {kept:.0%} | {words} | {judged:,} | {outside / max(judged, 1):.1%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_measured("kpi band", [table(int(sys.argv[1]))])
