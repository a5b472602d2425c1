"""How often customers are expected to buy in the horizon, by the parameters of buying."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import boxcox1p, ndtri

from models.clv.parameters import FITTERS, ClvParameters
from models.types import Floats, Indices, Integers

DAYS_A_YEAR = 365


COVERAGE = 0.95


Z = float(ndtri((1 + COVERAGE) / 2))


def still_there(parameters: ClvParameters, frequency: Floats, recency_days: Floats, age_days: Floats) -> Floats:
    """The model's own probability that a customer has not left, which its forecast of purchases rests on."""
    fitter = FITTERS[parameters.model]()
    fitter.params_ = pd.Series(parameters.values, index=["r", "alpha", "a", "b"])
    # Odds against the customer may have thousands of digits and overflow: the answer, 0, is right.
    with np.errstate(over="ignore"):
        batches = [
            fitter.conditional_probability_alive(*(column[start : start + 20_000] for column in columns))
            for columns in [(frequency, recency_days, age_days)]
            for start in range(0, max(len(frequency), 1), 20_000)
        ]
    return np.concatenate(batches).astype(float)


@dataclass(frozen=True)
class Future:
    """Purchase days N in the horizon of a customer who has not left, one entry per (frequency, age)."""

    frequency: Floats
    age: Floats
    mean: Floats
    discounted: Floats
    pairs: Floats  # E[N (N - 1)]
    none: Floats  # P(N = 0)


def futures(
    parameters: ClvParameters, frequency: Floats, age: Floats, horizon: float, discount_rate: float
) -> tuple[Future, Indices]:
    """Future per distinct (frequency, age), and each customer's place in it."""
    ages, age_number = np.unique(age, return_inverse=True)
    keys, cell = np.unique(frequency.astype(np.int64) * len(ages) + age_number, return_inverse=True)
    x, t = keys // len(ages), ages[keys % len(ages)]
    outlook = _pareto_outlook if parameters.model == "pareto/nbd" else _geometric_outlook
    # ∫ d(s) dE(s) by parts is d(h) E(h) + ln(1 + rate)/365 ∫ d(s) E(s) ds; five Gauss-Legendre points are plenty.
    points, weights = np.polynomial.legendre.leggauss(5)
    days = np.append((points + 1) / 2, 1.0) * horizon
    discount = (1 + discount_rate) ** (-days / DAYS_A_YEAR)
    weights = np.append(np.log1p(discount_rate) / DAYS_A_YEAR * horizon * weights / 2, 1.0) * discount
    batches = []
    for start in range(0, max(len(keys), 1), 20_000):
        mean, pairs, none = outlook(parameters, x[start : start + 20_000], t[start : start + 20_000], days)
        batches.append((mean[:, -1], (mean * weights).sum(axis=1), pairs, none))
    return Future(x.astype(float), t, *(np.concatenate(column) for column in zip(*batches, strict=True))), cell


def _geometric_outlook(
    parameters: ClvParameters, x: Integers, age: Floats, days: Floats
) -> tuple[Floats, Floats, Floats]:
    """E[N(day)] per (cell, day); E[N (N - 1)] and P(N = 0) at the last day per cell; MBG/NBD and BG/NBD.

    Given λ and p, a customer is still there at s with e^(-λps) and has then bought Poisson(λ (1 - p) s) times, so
    E[N] = ∫ λ e^(-λps) ds and E[N (N - 1)] = 2 ∫ λ² (1 - p) s e^(-λps) ds. λ is integrated exactly, p ~ Beta(a, b +
    chances to leave that passed) by Gauss-Jacobi points: unlike the published 2F1 form this has no pole at a = 1.
    """
    p, w = leaving_points(parameters, x)
    mean = geometric_mean(parameters, x, age, days, (p, w))
    shape = (parameters.r + x)[:, None]
    scale = (parameters.alpha + age)[:, None]
    y = p * days[-1] / scale
    small = shape * y < 1e-3
    exact = 1 - (1 + (shape + 1) * y) * np.exp(-(shape + 1) * np.log1p(y))
    series = shape * (shape + 1) * y**2 * (0.5 - (shape + 2) * y / 3)  # where the exact form cancels out
    pairs = (w * 2 * (1 - p) / p**2 * np.where(small, series, exact)).sum(axis=1)
    none = np.exp(-shape * np.log1p(days[-1] / scale))[:, 0]
    return mean, pairs, none


def leaving_points(parameters: ClvParameters, x: Integers) -> tuple[Floats, Floats]:
    """Points and weights of the chance to leave after a purchase, by customer, MBG/NBD and BG/NBD."""
    passed = x + 1 if parameters.model == "mbg/nbd" else x
    chances, number = np.unique(passed, return_inverse=True)
    points, weights = _beta_points(parameters.a, np.asarray(parameters.b + chances, dtype=float))
    return points[number], weights[number]


def geometric_mean(
    parameters: ClvParameters, x: Integers | Floats, age: Floats, days: Floats, leaving: tuple[Floats, Floats]
) -> Floats:
    """E[N(day)] per (customer, day) of those still there, MBG/NBD and BG/NBD; leaving: points and weights."""
    p, w = leaving
    shape, scale = (parameters.r + x)[:, None], (parameters.alpha + age)[:, None]
    return np.stack([(w * -np.expm1(-shape * np.log1p(p * day / scale)) / p).sum(axis=1) for day in days], axis=1)


def pareto_mean(parameters: ClvParameters, x: Integers | Floats, age: Floats, days: Floats) -> Floats:
    """E[N(day)] per (customer, day) of those still there, Pareto/NBD; no pole where s is 1, by Box-Cox."""
    base = (parameters.b + age)[:, None]
    rate = ((parameters.r + x) / (parameters.alpha + age))[:, None]
    return np.asarray(rate * base * boxcox1p(days / base, 1 - parameters.a))


def _pareto_outlook(parameters: ClvParameters, x: Integers, age: Floats, days: Floats) -> tuple[Floats, Floats, Floats]:
    """As _geometric_outlook for Pareto/NBD: customers leave at a rate of their own a day, μ ~ Gamma(s, beta + age).

    All are integrals over the days of P(still there) = (B / (B + t))^s. E[N] and E[N (N - 1)] are closed, by Box-Cox
    without a pole where s is 1 or 2; P(N = 0) is by 48 Gauss-Legendre points in log(t).
    """
    shape, scale = (parameters.r + x)[:, None], (parameters.alpha + age)[:, None]
    leave, base = parameters.a, (parameters.b + age)[:, None]
    rate, last = shape / scale, days[-1]
    mean = pareto_mean(parameters, x, age, days)
    twice = base**2 * (boxcox1p(last / base, 2 - leave) - boxcox1p(last / base, 1 - leave))
    pairs = 2 * rate * (rate + 1 / scale) * twice
    unit = 1 / ((shape + 1) / scale + leave / base)
    points, weights = np.polynomial.legendre.leggauss(48)
    span = np.log1p(last / unit)
    grown = np.exp(span * (points + 1) / 2)
    passed = unit * (grown - 1)
    first_bought = rate * np.exp(-(shape + 1) * np.log1p(passed / scale) - leave * np.log1p(passed / base))
    bought = (weights / 2 * span * unit * grown * first_bought).sum(axis=1)
    return mean, pairs[:, 0], 1 - bought


def _beta_points(a: float, b: Floats, size: int = 16) -> tuple[Floats, Floats]:
    """Points and weights (each len(b) x size) of Gauss quadrature over Beta(a, b): Golub and Welsch 1969."""
    k = np.arange(size)
    low, high = a - 1, b[:, None] - 1
    total = 2 * k + low + high
    with np.errstate(invalid="ignore", divide="ignore"):
        diagonal = (low**2 - high**2) / (total * (total + 2))
        off = 4 * k * (k + low) * (k + high) * (k + low + high) / (total**2 * (total**2 - 1))
    # The general terms are 0/0 at the first steps when a + b is 1 or 2.
    diagonal[:, 0] = ((low - high) / (low + high + 2))[:, 0]
    off[:, 1] = (4 * (1 + low) * (1 + high) / ((2 + low + high) ** 2 * (3 + low + high)))[:, 0]
    matrix = np.zeros((len(b), size, size))
    matrix[:, k, k] = diagonal
    matrix[:, k[1:], k[:-1]] = np.sqrt(off[:, 1:])
    values, vectors = np.linalg.eigh(matrix, UPLO="L")
    return np.clip((1 + values) / 2, 1e-12, 1.0), vectors[:, 0, :] ** 2
