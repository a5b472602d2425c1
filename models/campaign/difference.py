"""Differences between two arms of a campaign, with intervals: many comparisons at once, each over its strata.

Sources: Newcombe 1998, method 10 (difference of shares, from Wilson's intervals); Zou 2008 (sums of such differences).
The interval of a difference of means turns over a test whose statistic has the quantiles of a Pearson III, see
MeanDifference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy.optimize import elementwise
from scipy.special import gammainc, gammaincc, gammaincinv
from scipy.stats import norm

from models.types import Booleans, Floats, Indices

COVERAGE = 0.95

# An interval's ends may lie further out, but no more is made of them than that one arm buys four times as often.
_MOST_TIMES = 4.0

# Below this skewness a gamma of so large a shape loses digits.
_HARDLY_SKEWED = 1e-3


@dataclass(frozen=True)
class Arm:
    """One arm of each comparison: arrays of comparisons x strata. Strata without customers have n = 0.

    Attributes:
        n: Customers.
        mean: Mean of their values, as they are or adjusted.
        second: Second central moment, divided by n.
        third: Third central moment, divided by n.
        level: Mean of their values as they are, from which it is known how many times as often an arm buys.
    """

    n: Floats
    mean: Floats
    second: Floats
    third: Floats
    level: Floats

    @classmethod
    def of(cls, values: list[Floats]) -> Self:
        """The arm of one-stratum comparisons, from its customers' values in each."""
        deviations = [np.asarray(v, float) - np.mean(v) for v in values]
        mean = _column([np.mean(v) for v in values])
        second, third = (_column([np.mean(d**power) for d in deviations]) for power in (2, 3))
        return cls(_column([len(v) for v in values]), mean, second, third, mean)

    def take(self, rows: Indices) -> Self:
        """The arm of some of the comparisons."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


def _column(values: Sequence[float | np.floating[Any]]) -> Floats:
    return np.asarray(values, float)[:, None]


@dataclass(frozen=True)
class MeanDifference:
    """Differences of means, treated less control: one a comparison, its strata weighed by their treated customers.

    An interval is every δ that a test of it does not reject. Under δ, treated customers are taken to buy
    f = 1 + δ / base times as often as control ones, each time alike: so variance v and third central moment κ are f
    times those of control customers, and both arms of a stratum together tell them. base is the mean of control
    customers that δ and both arms give. Over strata of weights w the difference has the standard error
    e = √Σ w² v (f / n_t + 1 / n_c); less δ and divided by e, it has the quantiles of a Pearson III of the skewness
    Σ w³ κ (f / n_t² - 1 / n_c²) / e³. So a small control arm borrows the shape of spend from a large treated one: that
    a few large receipts are in it, or are not, is not taken for an effect.
    """

    treated: Arm
    control: Arm
    counts: Floats | None = None  # what each stratum counts for, instead of its treated customers

    def take(self, rows: Indices) -> "MeanDifference":
        """Some of the comparisons."""
        counts = None if self.counts is None else self.counts[rows]
        return MeanDifference(self.treated.take(rows), self.control.take(rows), counts)

    @cached_property
    def compared(self) -> Booleans:
        """Whether a stratum has customers in both arms; the others enter nothing."""
        return np.asarray((self.treated.n > 0) & (self.control.n > 0))

    @cached_property
    def weights(self) -> Floats:
        """Comparisons x strata, summing to 1; NaN where nothing can be compared."""
        counted = np.where(self.compared, self.treated.n if self.counts is None else self.counts, 0.0)
        total = counted.sum(axis=1, keepdims=True)
        return np.asarray(counted / np.where(total > 0, total, np.nan))

    def _sum(self, values: Floats) -> Floats:
        return np.asarray(np.where(self.weights > 0, values, 0.0).sum(axis=1) + 0 * self.weights.sum(axis=1))

    @cached_property
    def effect(self) -> Floats:
        return self._sum(self.weights * (self.treated.mean - self.control.mean))

    def standard_error(self, delta: Floats | float = 0.0) -> Floats:
        """Standard error of the effects if they were δ."""
        return self._error_and_skewness(np.broadcast_to(np.asarray(delta, float), self.effect.shape))[0]

    def interval(self, coverage: Floats | float = COVERAGE) -> tuple[Floats, Floats]:
        """Ends of the intervals; NaN where an arm has fewer than two customers or a value is unknown."""
        tail = (1 - np.broadcast_to(np.asarray(coverage, float), self.effect.shape)) / 2
        low, high = self._not_rejected(1 - tail, -1), self._not_rejected(tail, 1)
        variance = self._sum(np.maximum(self.treated.second, 0) + np.maximum(self.control.second, 0))
        alike = variance == 0
        return np.where(alike, self.effect, low), np.where(alike, self.effect, high)

    def p_value(self, delta: Floats | float = 0.0) -> Floats:
        """Two-sided p of the tests that the effects are δ."""
        delta = np.broadcast_to(np.asarray(delta, float), self.effect.shape)
        error, skewness = self._error_and_skewness(delta)
        with np.errstate(divide="ignore", invalid="ignore"):
            below, above = pearson_tails((self.effect - delta) / error, skewness)
        return np.asarray(np.minimum(2 * np.minimum(below, above), 1.0))

    def _error_and_skewness(self, delta: Floats) -> tuple[Floats, Floats]:
        t, c, w = self.treated, self.control, self.weights
        with np.errstate(divide="ignore", invalid="ignore"):
            total = t.n + c.n
            level = self._sum(w * (t.n * t.level + c.n * c.level) / total)
            base = level - delta * self._sum(w * t.n / total)
            f = np.clip(1 + delta / base, 1 / _MOST_TIMES, _MOST_TIMES)
            f = np.where(base > 0, f, 1.0)[:, None]
            second, third = (
                (t.n * a + c.n * b) / (t.n * f + c.n) for a, b in ((t.second, c.second), (t.third, c.third))
            )
            squared = self._sum(w**2 * second * (f / t.n + 1 / c.n) * total / (total - 1))
            cubed = self._sum(w**3 * third * (f / t.n**2 - 1 / c.n**2))
            error = np.sqrt(squared)
            return error, cubed / error**3

    def _not_rejected(self, share: Floats, side: int) -> Floats:
        """The δ above (1) or below (-1) the effects, at which these are the `share` quantile that the test expects."""
        effect = self.effect
        step = side * self.standard_error(effect)

        def excess(rows: Indices) -> Callable[[Floats], Floats]:
            part = self.take(rows)

            def of(delta: Floats) -> Floats:
                error, skewness = part._error_and_skewness(delta)
                return np.asarray((part.effect - delta) / error - pearson_quantile(share[rows], skewness))

            return of

        end = np.full(effect.shape, np.nan)
        usable = np.isfinite(step) & (step != 0) & (self._sum(self.treated.n) > 1) & (self._sum(self.control.n) > 1)
        left = np.flatnonzero(usable)
        for size in (2.0, 4.0, 8.0, 16.0, 32.0):
            reached = side * excess(left)(effect[left] + size * step[left]) < 0
            end[left[reached]] = effect[left[reached]] + size * step[left[reached]]
            left = left[~reached]
        found = np.full(effect.shape, np.nan)
        rows = np.flatnonzero(np.isfinite(end))
        if len(rows):
            found[rows] = _roots(excess, rows, effect[rows], end[rows])
        return found


def _roots(
    excess: Callable[[Indices], Callable[[Floats], Floats]], rows: Indices, start: Floats, end: Floats
) -> Floats:
    """Where each row's function crosses 0 between start and end."""

    def of(delta: Floats, row: Floats) -> Floats:
        index = np.asarray(row, int)
        return np.asarray(excess(index.ravel())(np.asarray(delta, float).ravel()).reshape(np.shape(delta)))

    low, high = np.minimum(start, end), np.maximum(start, end)
    tolerances = {"xrtol": 1e-10, "xatol": 0.0, "fatol": 1e-9, "frtol": 0.0}
    return np.asarray(elementwise.find_root(of, (low, high), args=(rows.astype(float),), tolerances=tolerances).x)


def pearson_quantile(share: Floats | float, skewness: Floats | float) -> Floats:
    """Quantiles of a Pearson III of mean 0, variance 1 and a skewness."""
    share, skewness = np.broadcast_arrays(np.asarray(share, float), np.asarray(skewness, float))
    z = norm.ppf(share)
    some = np.where(np.abs(skewness) < _HARDLY_SKEWED, 1.0, skewness)
    shape = 4 / some**2
    gamma = gammaincinv(shape, np.where(some > 0, share, 1 - share))
    skewed = np.sign(some) * (gamma - shape) / np.sqrt(shape)
    return np.asarray(np.where(np.abs(skewness) < _HARDLY_SKEWED, z + skewness * (z**2 - 1) / 6, skewed))


def pearson_tails(value: Floats, skewness: Floats) -> tuple[Floats, Floats]:
    """Probabilities of a Pearson III of mean 0, variance 1 and a skewness to be below a value, and above it."""
    hardly = np.abs(skewness) < _HARDLY_SKEWED
    some = np.where(hardly, 1.0, skewness)
    shape = 4 / some**2
    gamma = np.maximum(shape + np.sign(some) * value * np.sqrt(shape), 0)
    lower, upper = gammainc(shape, gamma), gammaincc(shape, gamma)
    below, above = np.where(some > 0, lower, upper), np.where(some > 0, upper, lower)
    z = value - skewness * (value**2 - 1) / 6
    return np.where(hardly, norm.cdf(z), below), np.where(hardly, norm.sf(z), above)


def rate_difference(
    treated_buyers: Floats, treated: Floats, control_buyers: Floats, control: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Differences of two shares with 95 % intervals, over strata: Newcombe's in each, added up by Zou's rule.

    Args:
        treated_buyers: Comparisons x strata, as the others.
        treated: Customers.
        control_buyers: Buyers in control.
        control: Customers in control.
        weights: Of the strata.

    Returns:
        Differences and the ends of their intervals; NaN where nothing can be compared.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = treated_buyers / treated, control_buyers / control
        (p_low, p_high), (q_low, q_high) = (
            wilson_interval(treated_buyers, treated),
            wilson_interval(control_buyers, control),
        )

        def added(values: Floats) -> Floats:
            return np.asarray(np.where(weights > 0, values, 0).sum(axis=1) + 0 * weights.sum(axis=1))

        effect = added(weights * (p - q))
        low = effect - np.sqrt(added(weights**2 * ((p - p_low) ** 2 + (q_high - q) ** 2)))
        high = effect + np.sqrt(added(weights**2 * ((p_high - p) ** 2 + (q - q_low) ** 2)))
    return effect, low, high


def wilson_interval(successes: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Wilson's 95 % intervals of shares, n > 0."""
    z = float(norm.ppf((1 + COVERAGE) / 2))
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
