"""Models of buying (BG/NBD, MBG/NBD, Pareto/NBD), fitted by maximum likelihood, with uncertainty and bounds."""

import contextlib
import io
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import autograd
import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import chdtri

from models.clv.outlook import COVERAGE
from models.clv.parameters import (
    FITTERS,
    Bounds,
    BuyingModel,
    ClvParameters,
    Covariance,
    Floats,
    P,
    ParetoFitter,
    Values,
    as_covariance,
    checked,
)
from models.clv.total import expected_total

MIN_REPEAT_CUSTOMERS = 30


# More make no better model, only a slower one; Pareto/NBD, an integral for each customer, is the slowest.
MAX_FITTED_CUSTOMERS: dict[BuyingModel, int] = {"mbg/nbd": 200_000, "bg/nbd": 200_000, "pareto/nbd": 30_000}


PENALISERS = (0.0, 0.001, 0.01, 0.1)


# How far the data let the parameters go is told by so many rows.
MAX_PROFILE_ROWS = 2_000


# Standard errors that the search for what the data allow may go away from the fit in any direction.
FARTHEST = 6.0


def pattern_columns(rows: pd.DataFrame) -> tuple[Floats, ...]:
    return tuple(rows[name].to_numpy(float) for name in rows.columns)


def likelihood_bounds(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> Bounds:
    """Of the parameters that the data allow, those with which fewest and most purchases are expected.

    The data allow what has a log-likelihood of at most 1.92 below the highest, half the chi-squared quantile of one
    degree of freedom (profile likelihood, Venzon and Moolgavkar 1988). A short history says little of leaving: the
    likelihood is flat up to where nobody ever leaves, and the normal approximation there says nothing of the many
    purchases that are not made if some do. Of many rows a part stands for all: its likelihood is scaled and tilted so
    that it is highest at the parameters (surrogate likelihood, Jordan, Lee and Yang 2019).

    Raises:
        LinAlgError: there is no telling.
    """
    formula = FITTERS[parameters.model]._negative_log_likelihood
    *history, count = part = thinned(columns, MAX_PROFILE_ROWS)[0]
    few = thinned(part, MAX_PROFILE_ROWS // 4)[0]
    fitted = thinned(columns, MAX_FITTED_CUSTOMERS[parameters.model])[0][-1].sum()
    here = np.log(parameters.values)
    # In steps of one standard error all directions are alike to the search.
    step = np.linalg.cholesky(np.array(parameters.covariance))
    drop = chdtri(1, 1 - COVERAGE) / 2
    loss = autograd.value_and_grad(lambda place: formula(place, *history, count, 0.0))
    level, tilt = loss(here)

    @lru_cache(maxsize=1)
    def room_and_slope(*steps: float) -> tuple[float, Floats]:
        moved = step @ np.array(steps)
        there, slope = loss(here + moved)
        return drop - fitted * (there - level - tilt @ moved), -fitted * (slope - tilt) @ step

    def room(steps: Floats) -> float:
        return float(room_and_slope(*steps)[0])

    def room_slope(steps: Floats) -> Floats:
        return room_and_slope(*steps)[1]

    def share(steps: Floats) -> float:
        moved = ClvParameters(parameters.model, *np.exp(here + step @ steps))
        return expected_total(moved, few, horizon) / usual

    usual = expected_total(parameters, few, horizon)
    to_some_leaving = np.linalg.solve(step, _some_leaving(parameters, columns) - here)
    farthest = max(np.linspace(0, 1, 11), key=lambda far: far if room(far * to_some_leaving) > 0 else -far)

    def end(sign: int) -> Values:
        best = np.zeros(4)
        # Most are expected if nobody leaves, and where that can be it is near the fit.
        for start in (best, farthest * to_some_leaving)[: 2 if sign > 0 else 1]:
            found = minimize(
                lambda steps: sign * share(steps),
                start,
                method="SLSQP",
                bounds=[(-FARTHEST, FARTHEST)] * 4,
                constraints={"type": "ineq", "fun": room, "jac": room_slope},
                options={"maxiter": 30, "ftol": 1e-5, "eps": 1e-4},
            ).x
            if room(found) > -0.1 * drop and sign * share(found) < sign * share(best):
                best = found
        r, alpha, a, b = (float(value) for value in np.exp(here + step @ best))
        return r, alpha, a, b

    return end(1), end(-1)


def _some_leaving(parameters: ClvParameters, columns: tuple[Floats, ...]) -> Floats:
    """Logarithms of the parameters, but with customers who leave at all sorts of rates, many soon."""
    leaving = np.log(columns[2].max()) if parameters.model == "pareto/nbd" else 0.0
    return np.array([np.log(parameters.r), np.log(parameters.alpha), 0.0, leaving])


def thinned(columns: tuple[Floats, ...], most: int) -> tuple[tuple[Floats, ...], int]:
    """Every k-th customer in the order of the rows (the last column counts them), and k."""
    count = columns[-1]
    step = max(int(-(-count.sum() // most)), 1)
    thinned = np.diff((np.cumsum(count) + step // 2) // step, prepend=0.0)
    return tuple(column[thinned > 0] for column in (*columns[:-1], thinned)), step


def fit_buying(model: BuyingModel, columns: tuple[Floats, ...], penaliser: float) -> tuple[ClvParameters, float, int]:
    """Parameters, norm of the gradient, and of how many customers one was fitted on.

    Raises:
        ValueError: it did not converge.
    """
    (*history, count), step = thinned(columns, MAX_FITTED_CUSTOMERS[model])
    fitter = FITTERS[model](penalizer_coef=penaliser).fit(*history, weights=count)
    covariance, norm = standard_uncertainty(
        fitter, (*history[:1], *(days * fitter._scale for days in history[1:]), count)
    )
    r, alpha, a, b = (float(value) for value in fitter.params_)
    return checked(ClvParameters(model, r, alpha, a, b, covariance), (r, alpha, a, b)), norm, step


def buying_likelihood(columns: tuple[Floats, ...], parameters: ClvParameters) -> float:
    formula = FITTERS[parameters.model]._negative_log_likelihood
    total = 0.0
    for start in range(0, len(columns[0]), 50_000):
        *history, count = (column[start : start + 50_000] for column in columns)
        total -= float(formula(np.log(parameters.values), *history, count, 0.0) * count.sum())
    return total


def standard_uncertainty(fitter: Any, data: tuple[Floats, ...]) -> tuple[Covariance, float]:
    """Covariance of the logarithms of the parameters that lifetimes fitted to the data; norm of the gradient there.

    The inverse of the Hessian, with a weak prior: no logarithm is more uncertain than 2 (a factor of 50 at two standard
    errors), so that a parameter of which the data say nothing leaves the others their meaning.
    """
    count = data[-1]
    log_values = np.log(fitter.params_.to_numpy(float))
    if hasattr(fitter, "_scale"):
        log_values[1] += np.log(fitter._scale)
        log_values[3] += np.log(fitter._scale) if isinstance(fitter, ParetoFitter) else 0.0
    gradient = autograd.grad(fitter._negative_log_likelihood)(log_values, *data, fitter.penalizer_coef)
    covariance = np.linalg.inv(fitter._hessian_ * count.sum() + np.eye(len(log_values)) / 4)
    if not np.isfinite(covariance).all() or (np.diag(covariance) <= 0).any():
        raise ValueError("the likelihood has no maximum here")
    return as_covariance(covariance.tolist()), float(np.linalg.norm(gradient))


def grouped_patterns(patterns: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row per distinct keys with its customer_count, sorted: the same fit for any order or grouping of rows."""
    rows = patterns[keys].astype(float)
    rows["customer_count"] = patterns["customer_count"].astype(float) if "customer_count" in patterns else 1.0
    return rows.groupby(keys, sort=True)[["customer_count"]].sum().reset_index()


def too_little(customers: int, did: str) -> str | None:
    if customers >= MIN_REPEAT_CUSTOMERS:
        return None
    return f"only {customers} customers {did}, and {MIN_REPEAT_CUSTOMERS} are needed to see a habit"


def without_warnings(attempt: Callable[[], P]) -> P | None:
    """What attempt returns, None if it does not converge; lifetimes prints and warns on the way."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return attempt()
        except (ValueError, np.linalg.LinAlgError, FloatingPointError, OverflowError):
            return None
