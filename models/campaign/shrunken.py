"""Effects of many segments or campaigns side by side: each drawn towards the others, as far as chance explains them.

The largest of many raw effects is large by luck, too. Shrunken ones say which is likely best and how much is left of
it; they are for ranking, a verdict goes by the raw effect.

Source: Gelman, Carlin, Stern, Dunson, Vehtari and Rubin 2013, Bayesian Data Analysis, 3rd edition, section 5.4 (the
normal hierarchical model); Gelman 2006, Prior distributions for variance parameters (the half-Cauchy).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.campaign.difference import COVERAGE
from models.types import Floats

# With fewer there is nothing to learn from how far effects lie from each other.
MIN_UNITS = 3
# Standard errors from an effect to an end of its 95 % interval.
RAW_WIDTH = 1.959963984540054
# Of the prior of τ, in median standard errors: wide enough to let effects lie apart that do.
_SCALE = 4
_GRID = 200
_HALVINGS = 40


class Shrunken(NamedTuple):
    """Of each unit the mean and the 95 % interval of what its effect may be, given the others; NaN where unknown."""

    value: Floats
    low: Floats
    high: Floats


def shrunken(effects: npt.ArrayLike, standard_errors: npt.ArrayLike) -> Shrunken:
    """Effects of units that are alike, each drawn towards their common mean.

    Raw effects are normal around the true ones, those around a common mean with standard deviation τ. The mean has a
    flat prior, τ a half-Cauchy whose scale is four median standard errors, and both are integrated out: a τ put in as
    if it were known makes intervals too narrow. The interval is of the mixture over τ. For each τ it is no wider
    than raw; the mixture can be, if a unit lies far from all others, and is then cut to the raw width.

    Args:
        effects: Raw estimates, one a unit; NaN where there is none.
        standard_errors: Of them; NaN where unknown. An effect with 0 stays as it is and tells nothing of the others.

    Returns:
        One a unit; NaN without an estimate, and for all where fewer than MIN_UNITS have one.
    """
    raw, error = np.asarray(effects, dtype=np.float64), np.asarray(standard_errors, dtype=np.float64)
    value, low, high = (np.full(raw.shape, np.nan) for _ in range(3))
    known = np.isfinite(raw) & np.isfinite(error)
    fitted = known & (error > 0)
    if known.sum() < MIN_UNITS:
        return Shrunken(value, low, high)
    for result in (value, low, high):
        result[known] = raw[known]
    if fitted.sum() >= MIN_UNITS:
        value[fitted], low[fitted], high[fitted] = _mixture(raw[fitted], error[fitted])
    else:
        for result in (value, low, high):
            result[fitted] = np.nan
    return Shrunken(value, low, high)


def _mixture(raw: Floats, error: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean and interval per unit: normals, one for each τ of a grid, weighted by how likely the raw effects make it."""
    shares = (np.arange(_GRID) + 0.5) / _GRID
    tau = _SCALE * np.median(error) * np.tan(np.pi / 2 * shares)[:, None]  # quantiles of the prior, so alike in weight
    total = error**2 + tau**2
    common_variance = 1 / (1 / total).sum(axis=1, keepdims=True)
    common = common_variance * (raw / total).sum(axis=1, keepdims=True)
    log_weight = 0.5 * (np.log(common_variance[:, 0]) - (np.log(total) + (raw - common) ** 2 / total).sum(axis=1))
    weight = np.exp(log_weight - log_weight.max())[:, None]
    weight /= weight.sum()
    own = tau**2 / total
    means = own * raw + (1 - own) * common
    deviations = np.sqrt(own * error**2 + (1 - own) ** 2 * common_variance)
    value = (weight * means).sum(axis=0)
    low, high = (_quantiles(share, weight, means, deviations) for share in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return value, *_cut(low, high, 2 * RAW_WIDTH * error)


def _quantiles(share: float, weight: Floats, means: Floats, deviations: Floats) -> Floats:
    """Of each unit's mixture, by halving what holds the quantile."""
    low, high = (means - 8 * deviations).min(axis=0), (means + 8 * deviations).max(axis=0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_above = (weight * ndtr((middle - means) / deviations)).sum(axis=0) > share
        low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
    return np.asarray((low + high) / 2)


def _cut(low: Floats, high: Floats, width: Floats) -> tuple[Floats, Floats]:
    """Intervals no wider than `width`, about their middle."""
    middle, half = (low + high) / 2, np.minimum(high - low, width) / 2
    return middle - half, middle + half
