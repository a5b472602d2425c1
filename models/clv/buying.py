"""One model of buying (BG/NBD, MBG/NBD or Pareto/NBD), fitted by maximum likelihood, with its uncertainty."""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import autograd
import numpy as np
import pandas as pd

from models.clv.parameters import (
    FITTERS,
    BuyingModel,
    ClvParameters,
    Covariance,
    P,
    ParetoFitter,
    as_covariance,
    checked,
)
from models.types import Floats

MIN_REPEAT_CUSTOMERS = 30


# More make a fit slower and no better; Pareto/NBD, with an integral for each customer, is the slowest.
MAX_FITTED_CUSTOMERS: dict[BuyingModel, int] = {"mbg/nbd": 200_000, "bg/nbd": 200_000, "pareto/nbd": 30_000}


PENALISERS = (0.0, 0.001, 0.01, 0.1)


def pattern_columns(rows: pd.DataFrame) -> tuple[Floats, ...]:
    """The columns of grouped_patterns as arrays: history, and last the count of customers."""
    return tuple(rows[name].to_numpy(float) for name in rows.columns)


def thinned(columns: tuple[Floats, ...], most: int) -> tuple[tuple[Floats, ...], int]:
    """Every k-th customer in the order of the rows (the last column counts them), and k."""
    count = columns[-1]
    step = max(int(-(-count.sum() // most)), 1)
    thinned = np.diff((np.cumsum(count) + step // 2) // step, prepend=0.0)
    return tuple(column[thinned > 0] for column in (*columns[:-1], thinned)), step


def fit_buying(model: BuyingModel, columns: tuple[Floats, ...], penaliser: float) -> tuple[ClvParameters, float, int]:
    """Parameters, norm of the gradient, and k, where every k-th customer was fitted on.

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
    """Log-likelihood of all customers, on days, in batches of rows."""
    formula = FITTERS[parameters.model]._negative_log_likelihood
    total = 0.0
    for start in range(0, len(columns[0]), 50_000):
        *history, count = (column[start : start + 50_000] for column in columns)
        total -= float(formula(np.log(parameters.values), *history, count, 0.0) * count.sum())
    return total


def standard_uncertainty(fitter: Any, data: tuple[Floats, ...]) -> tuple[Covariance, float]:
    """Covariance of the logarithms of the parameters that lifetimes fitted to the data; norm of the gradient there.

    The inverse of the Hessian, with a weak prior: no logarithm is more uncertain than 2 (a factor of 50 at two standard
    errors). So a parameter of which the data say nothing leaves the others their meaning.
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
    """Why there is no fit, if so few customers came back (did: in words)."""
    if customers >= MIN_REPEAT_CUSTOMERS:
        return None
    return f"only {customers} customers {did}, and {MIN_REPEAT_CUSTOMERS} are needed to see a habit"


def without_warnings(attempt: Callable[[], P]) -> P | None:
    """What attempt returns, None if it does not converge; without the prints and warnings of lifetimes."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return attempt()
        except (ValueError, np.linalg.LinAlgError, FloatingPointError, OverflowError):
            return None
