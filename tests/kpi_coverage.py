"""How often a band is wrong about made-up retailers to whom nothing happens: `python -m kpi_coverage 400` in tests/.

Each has growth, a season and monthly shocks of 3 to 10 %, of which the next month keeps nothing or half.
"""

import sys

import numpy as np

from models.kpi.band import change_band
from models.types import Floats


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
    bands = [change_band(levels(seed, months, kept), lag) for seed in range(retailers)]
    return sum(int(band.is_judged.sum()) for band in bands), sum(int(band.is_outside.sum()) for band in bands)


def main(retailers: int) -> None:
    for months in (24, 36, 60):
        for kept in (0.0, 0.5):
            for lag in (1, 12):
                judged, outside = alarms(retailers, months, kept, lag)
                print(f"{months} months, {kept} kept, lag {lag}: {outside / max(1, judged):.3f} of {judged}")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]))
