"""A customer's mean spend on some purchase days, relative to what is expected of it."""

import numpy as np
from scipy.special import betainccinv, gammainccinv, gammaincinv

from models.types import Floats


def spend_shape(days: Floats, variation: Floats | float) -> Floats:
    """Shape of the gamma that so many days' spend has, given the customer's own mean; variation: of a day."""
    return np.asarray(days / np.maximum(variation, 1e-300))


def relative_mean(days: Floats, variation: Floats | float, mean_shape: Floats, upper_tail: Floats) -> Floats:
    """Exceeded with this probability by a customer's mean spend on so many days, relative to what is expected of it.

    variation is of the days. The customer's own mean is inverse gamma with mean_shape, so that it is beta prime; at the
    limits of no variation and of a certain mean (infinite shape) inverse gamma, gamma or 1.
    """
    shape = np.broadcast_to(spend_shape(days, variation), mean_shape.shape)
    steady, certain = shape > 1e9, mean_shape > 1e9
    result = np.ones(len(mean_shape))
    rows = ~steady & ~certain
    z = betainccinv(shape[rows], mean_shape[rows], upper_tail[rows])
    result[rows] = (mean_shape[rows] - 1) / shape[rows] * z / (1 - z)
    rows = ~steady & certain
    result[rows] = gammainccinv(shape[rows], upper_tail[rows]) / shape[rows]
    rows = steady & ~certain
    result[rows] = (mean_shape[rows] - 1) / gammaincinv(mean_shape[rows], upper_tail[rows])
    return result
