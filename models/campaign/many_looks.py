"""Verdicts that hold although many are given: of many segments at once, and of one campaign on many days.

Sources: Holm 1979, A simple sequentially rejective multiple test procedure; Robbins 1970 and Howard, Ramdas, McAuliffe
and Sekhon 2021, Time-uniform, nonparametric, nonasymptotic confidence sequences, section 3.2 (the normal mixture).
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

LEVEL = 0.05


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P-values of one family, each adjusted for all of them by Holm's steps down.

    Whatever is called an effect where the adjusted value is below 5 %: at most 5 % of families without any effect have
    one. Families are disjoint: each has its own 5 %.

    Args:
        p_values: Two-sided, of the raw effects, one a segment; NaN where there is none.

    Returns:
        As many, in the same order, at most 1; NaN stays NaN and is no member of the family.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(raw.shape, np.nan)
    known = np.flatnonzero(~np.isnan(raw))
    order = known[np.argsort(raw[known], kind="stable")]
    steps = np.arange(len(order), 0, -1) * raw[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def always_valid(effect: float, variance_now: float, variance_at_end: float) -> tuple[float, float]:
    """A 95 % interval of a running campaign's effect that holds on all days together, however often one looks.

    The half width is √(v (1 + r) / r (2 ln 20 + ln(1 + r))), v the variance of the estimate, r = τ² / v, and τ² that
    which makes it narrowest at the end: 8.2 times the variance then. There it is 1.55 times the fixed 95 % interval.

    The effect must mean the same on each day, so that its variance falls while data come in: of those whose window is
    over, more every day; or per customer and day so far. Only the ratio of the two variances sets τ² / v, so
    variance_at_end may be v times the share of all data that is there.

    Args:
        effect: The estimate as of today.
        variance_now: Of the estimate, as both arms together give it if there is no effect.
        variance_at_end: Of the estimate once all data are there.

    Returns:
        (low, high); NaN where a variance is unknown or 0, as before anybody has bought.
    """
    if not (variance_now > 0 and variance_at_end > 0):
        return math.nan, math.nan
    half = math.sqrt(variance_now) * _half_width(_RATIO_AT_END * variance_at_end / variance_now)
    return effect - half, effect + half


def _half_width(ratio: float) -> float:
    """In standard errors, of a mixture whose variance is `ratio` times that of the estimate."""
    return math.sqrt((1 + ratio) / ratio * (2 * math.log(1 / LEVEL) + math.log1p(ratio)))


_RATIO_AT_END = float(minimize_scalar(_half_width, bounds=(1.0, 50.0), method="bounded").x)
