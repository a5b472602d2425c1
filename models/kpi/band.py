"""Whether a key figure moved more than it does of itself: a band of each month's change, from the changes before it.

The change of a month is that of the figure's logarithm (a doubling and a halving are as far), for sums per day of
ordinary weight, so that five Saturdays make no news. Once it is known, the same month's change of the year before is
taken off. The band is a prediction interval for the next change of independent normal ones. Only earlier months decide
on a month's band, so the band says of the past, too, what it would have said then: the share of those alarms is what a
reader has to expect.

Source: Hahn and Meeker 1991, Statistical Intervals, section 4.7 (prediction interval of one future observation).
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from models.types import Booleans, Floats

COVERAGE = 0.95
# Changes that a band needs before it; with fewer its width is mostly chance.
MIN_CHANGES = 8
YEAR = 12
# Days of each weekday that must have been seen before weekdays are weighted.
_MIN_WEEKS = 8


class Band(NamedTuple):
    """Of each month: its change, the change to be expected, and whether a season was taken off; NaN where unknown."""

    change: Floats
    low: Floats
    high: Floats
    has_season: Booleans

    @property
    def is_outside(self) -> Booleans:
        """Of each month: whether its change lies outside; False without a band."""
        return np.asarray((self.change < self.low) | (self.change > self.high))

    @property
    def is_judged(self) -> Booleans:
        """Of each month: whether there are a change and a band."""
        return np.asarray(np.isfinite(self.change) & np.isfinite(self.low))


def change_band(levels: Floats, lag: int) -> Band:
    """The band of each month's change against the month `lag` before.

    Args:
        levels: Logarithms of the figure, month by month without a gap; NaN where unknown.
        lag: 1 for the month before, 12 for the same month a year earlier.

    Returns:
        One entry a month, as logarithms of ratios.
    """
    change, season, low, high = (np.full(levels.size, np.nan) for _ in range(4))
    change[lag:] = levels[lag:] - levels[:-lag]
    if lag < YEAR:
        season[YEAR:] = change[:-YEAR]
    has_season = np.zeros(levels.size, dtype=bool)
    for month in range(levels.size):
        unseasonal = (change - season)[:month]
        has_season[month] = np.isfinite(unseasonal).sum() >= MIN_CHANGES and np.isfinite(season[month])
        past = unseasonal if has_season[month] else change[:month]
        past = past[np.isfinite(past)]
        if past.size >= MIN_CHANGES:
            width = student.ppf((1 + COVERAGE) / 2, past.size - 1) * past.std(ddof=1) * np.sqrt(1 + 1 / past.size)
            middle = past.mean() + (season[month] if has_season[month] else 0.0)
            low[month], high[month] = middle - width, middle + width
    return Band(change, low, high, has_season)


def day_weight(days: Floats, totals: Floats) -> Floats:
    """The weight of each month's days, where a weekday weighs what it brought on average in the months before.

    Args:
        days: Days by month and weekday.
        totals: A figure's sum by month and weekday.

    Returns:
        One weight a month, in ordinary days. Until each weekday has been seen eight times, all days weigh alike.
    """
    weight = np.asarray(days.sum(axis=1), dtype=np.float64)
    for month in range(len(days)):
        seen, brought = days[:month].sum(axis=0), totals[:month].sum(axis=0)
        if seen.min(initial=_MIN_WEEKS) >= _MIN_WEEKS and brought.sum() > 0 and brought.min() >= 0:
            weight[month] = days[month] @ (brought / seen) / (brought.sum() / seen.sum())
    return weight
