"""Season and trend: how often customers of an age buy at a time of the year, by a quasi-Poisson regression.

The models of buying know no calendar: a season or a trend looks to them like customers who leave or come. Here the
logarithm of purchases a customer and day depends on age (its logarithm twice, and linearly, as buying falls off fast at
first), four yearly harmonics and a trend. Customers of one week of entry stay alike, and on one day all are moved
alike: the variance is a sandwich clustered by both. Sources: McCullagh and Nelder 1989, chapter 9 (quasi-likelihood);
Cameron, Gelbach and Miller 2011 (two-way clusters).
"""

import json
from dataclasses import dataclass

import numpy as np

from models.clv.parameters import Covariance, as_covariance
from models.clv.weeks import WEEK, EntryWeeks
from models.types import Floats, Integers

# Season and trend can't be told apart in less than 13 months.
MIN_SEASON_DAYS = 395

# Fewer purchases say nothing of a season.
MIN_SEASON_PURCHASES = 100

# However much data there are, no forecast of a total is surer than this (a standard deviation, log scale).
FLOOR = 0.03

AGE_TERMS = 4
HARMONICS = 4
YEAR = 365.25

# Purchases that speak for no season and no trend, in a sense: these terms shrink a little where data are few.
SHRINKAGE = 1.0

MAX_STEPS = 50


@dataclass(frozen=True)
class Season:
    """Coefficients of the regression, and their covariance; days are counted from the night of the fit."""

    coefficients: tuple[float, ...]
    covariance: Covariance

    def to_json(self) -> str:
        return json.dumps({"coefficients": self.coefficients, "covariance": self.covariance})

    @classmethod
    def from_json(cls, text: str) -> "Season":
        fields = json.loads(text)
        return cls(tuple(fields["coefficients"]), as_covariance(fields["covariance"]))

    def calendar(self, first_day: int, days: int) -> float:
        """What season and trend make of purchases, on the mean of some days, counted from the night of the fit."""
        day = first_day + np.arange(float(days))
        columns = _columns(np.ones(days), day)[:, AGE_TERMS:]
        return float(np.exp(columns @ np.array(self.coefficients[AGE_TERMS:])).mean())

    def forecast(
        self, age: Floats, customers: Floats, horizon_days: float, since_fit: int = 0, discount_rate: float = 0.0
    ) -> tuple[float, float]:
        """What is expected in the horizon, and its standard deviation by the coefficients alone, on the log scale.

        Args:
            age: in days, of groups of customers.
            customers: how many they are.
            horizon_days: how far to look ahead.
            since_fit: days from the fit's night to this one.
            discount_rate: a year.
        """
        starts = np.arange(0.0, horizon_days, WEEK)
        length = np.minimum(WEEK, horizon_days - starts)
        ahead = starts + (length + 1) / 2
        factor = length * (1 + discount_rate) ** (-ahead / 365)
        total, slope = 0.0, np.zeros(len(self.coefficients))
        for days, weight in zip(ahead, factor, strict=True):
            columns = _columns(age + days, np.full(len(age), since_fit + days))
            expected = customers * weight * np.exp(np.minimum(columns @ np.array(self.coefficients), 20.0))
            total += float(expected.sum())
            slope += expected @ columns
        if not total:
            return 0.0, 0.0
        slope /= total
        return total, float(np.sqrt(max(slope @ np.array(self.covariance) @ slope, 0.0)))


def fit_season(weeks: EntryWeeks, values: Floats) -> Season | None:
    """The regression of values on age and calendar; None where the history is too short or holds too little.

    Args:
        weeks: as of a night.
        values: purchases of the weeks, or their spend.
    """
    if WEEK * weeks.weeks < MIN_SEASON_DAYS or weeks.purchases.sum() < MIN_SEASON_PURCHASES or not values.sum():
        return None
    unit = values.sum() / weeks.purchases.sum()  # spend counts in mean purchases
    cells = weeks.cells()
    observed = values[cells.entry, cells.week] / unit
    columns = _columns(cells.age, cells.day)
    shrinkage = np.full(columns.shape[1], SHRINKAGE / 100)
    shrinkage[0], shrinkage[AGE_TERMS:] = 0.0, SHRINKAGE
    found = quasi_poisson(columns, observed, cells.exposure, shrinkage)
    if found is None:
        return None
    coefficients, expected, inverse = found
    covariance = sandwich((observed - expected)[:, None] * columns, cells.entry, cells.week, inverse)
    coefficients[0] += np.log(unit)
    return Season(tuple(coefficients.tolist()), as_covariance(covariance.tolist()))


def quasi_poisson(
    columns: Floats, observed: Floats, exposure: Floats, shrinkage: Floats, start: Floats | None = None
) -> tuple[Floats, Floats, Floats] | None:
    """Coefficients, what is expected of each row, and the inverse of the information; None without a maximum.

    Args:
        columns: row x term.
        observed: one per row, 0 or more.
        exposure: what it is proportional to.
        shrinkage: how far each term is drawn to its start, in the information's units.
        start: of the search; None: the overall rate as the first term.
    """
    centre = np.zeros(columns.shape[1]) if start is None else start
    if start is None:
        centre[0] = np.log(observed.sum() / exposure.sum())
    coefficients = centre.copy()
    try:
        for _ in range(MAX_STEPS):
            expected = exposure * np.exp(np.clip(columns @ coefficients, -30.0, 30.0))
            information = columns.T @ (expected[:, None] * columns) + np.diag(shrinkage)
            score = columns.T @ (observed - expected) - shrinkage * (coefficients - centre)
            step = np.linalg.solve(information, score)
            coefficients = coefficients + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
            if np.abs(step).max() < 1e-8:
                return coefficients, expected, np.asarray(np.linalg.inv(information), np.float64)
    except np.linalg.LinAlgError:
        pass
    return None


def sandwich(scores: Floats, entry: Integers, week: Integers, inverse: Floats) -> Floats:
    """Covariance of coefficients, of scores by row, clustered by week of entry and by week."""
    meat = _clustered(scores, entry) + _clustered(scores, week) - scores.T @ scores
    return np.asarray(inverse @ meat @ inverse)


def _columns(age: Floats, day: Floats) -> Floats:
    """Terms by row: age in AGE_TERMS terms, harmonics of the year, and trend."""
    turns = 2 * np.pi * day / YEAR
    waves = [wave(k * turns) for k in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    return np.stack(
        [np.ones(len(age)), np.log(np.maximum(age, 1.0)), np.log1p(age / 60), age / 365, *waves, day / 365], axis=1
    )


def _clustered(scores: Floats, cluster: Integers) -> Floats:
    """Sum over clusters of the outer product of their summed scores."""
    sums = np.zeros((int(cluster.max()) + 1, scores.shape[1]))
    np.add.at(sums, cluster, scores)
    return np.asarray(sums.T @ sums)
