"""What the time of the year does to how many leave, as far as the year before foretold it in the past.

A fit has four cut-offs, a year at most: it can't tell a season from chance. But how many left at a date takes no
features to know, so there can be many dates. At each, the log-odds of leaving are compared with those of customers who
had been silent for as long, at any date: the difference is the level of the date. A slope, shrunk towards 0 where there
is little data, says how well the level of the year before foretells a level. A forecast is moved by slope and level:
recalibration in the large (Steyerberg et al. 2004), to the season.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from models.evaluation.probability import log_odds
from models.types import Floats, Integers

YEAR_DAYS = 364  # 52 weeks: the same weekdays


# Customers of either outcome at a date; fewer say too little of its level.
MIN_OF_EACH_OUTCOME = 20


# The slope's ridge: a prior of 0, give or take .5, for levels that differ by .3 between like times of two years, at
# dates that share two thirds of their windows with the next: 3 (.3 / .5)^2.
RIDGE = 1.0


@dataclass(frozen=True)
class Season:
    """The season of one forecast.

    Attributes:
        shift: added to the log-odds of leaving.
        slope: by how much the level of the year before foretells a level, 0 to 1.
        dates: how many the slope was learnt from.
    """

    shift: float = 0.0
    slope: float = 0.0
    dates: int = 0


@dataclass(frozen=True)
class Outcomes:
    """How many left, at many dates.

    Attributes:
        rows: one per as_of_date and days_since_last_order of the customers who were active then: customer_count, and
            churned_count of them.
        window: from a date until its outcome is known.
        night: on which the forecast is made that is to be published.
    """

    rows: pd.DataFrame
    window: timedelta
    night: date

    def season(self, day: date, learnt_at: Sequence[date]) -> Season:
        """The season of a forecast made on a day, by what was known then, for a model fitted at some cut-offs.

        There is none, and the shift is 0, where no date lies a year before the day or no two a year from each other.
        """
        as_of = self.rows["as_of_date"].map(date.toordinal)
        dates, level = _levels(self.rows.assign(day=as_of)[as_of <= (day - self.window).toordinal()])
        last_year = day.toordinal() - YEAR_DAYS
        pairs = dates - YEAR_DAYS >= dates[:1]  # of no date there is none
        if not learnt_at or not pairs.any() or last_year < dates[0] or self.window.days > YEAR_DAYS:
            return Season()
        # From the median: a closed quarter would move the mean, and make all others look alike.
        median = np.median(level)
        before, after = np.interp(dates[pairs] - YEAR_DAYS, dates, level) - median, level[pairs] - median
        slope = float(np.clip(before @ after / (before @ before + RIDGE), 0, 1))
        level_at_fit = float(np.interp([cut_off.toordinal() for cut_off in learnt_at], dates, level).mean())
        shift = slope * (float(np.interp(last_year, dates, level)) - level_at_fit)
        return Season(round(shift, 6) + 0.0, round(slope, 6), int(pairs.sum()))


def _levels(rows: pd.DataFrame) -> tuple[Integers, Floats]:
    """Days, ascending, and the log-odds of leaving at each less those expected by days since the last order."""
    counts = ["customer_count", "churned_count"]
    as_silent = rows.groupby("days_since_last_order")[counts].transform("sum")
    expected = rows["customer_count"] * as_silent["churned_count"] / as_silent["customer_count"]
    by_day = rows.assign(expected_count=expected).groupby("day")[[*counts, "expected_count"]].sum()
    stayed = by_day["customer_count"] - by_day["churned_count"]
    by_day = by_day[np.minimum(by_day["churned_count"], stayed) >= MIN_OF_EACH_OUTCOME]
    actual, expected_share = (
        (by_day[name] / by_day["customer_count"]).to_numpy(dtype=float) for name in ("churned_count", "expected_count")
    )
    return by_day.index.to_numpy(dtype=np.int64), log_odds(actual) - log_odds(expected_share)
