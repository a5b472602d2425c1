"""The fit of spend: what a purchase day brings, by the Gamma-Gamma model or, where it has no fit, a shrunken mean.

Source: Fader and Hardie 2013, brucehardie.com/notes/025; of the rest models.clv.credibility.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from lifetimes import GammaGammaFitter

from models.clv.buying import standard_uncertainty, too_little, without_warnings
from models.clv.credibility import shrunken_spend
from models.clv.parameters import Method, Spend, SpendParameters, checked
from models.types import Floats, QualityRow

MAX_SPEND_ROWS = 200_000

NO_FIT = "Gamma-Gamma did not converge to a sensible mean (few prices or huge spenders can cause this)"

_COLUMNS = ("frequency", "mean_repeat_value", "customer_count")


@dataclass(frozen=True)
class SpendFit:
    """One fit of the spend model; customers: repeat buyers with spend; correlation: of frequency and mean spend."""

    method: Method
    parameters: Spend | None
    log_likelihood: float | None
    customers: int
    correlation: float | None
    mean_spend: float | None
    converged: bool
    note: str
    gradient_norm: float | None = None

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality, but for those of the parameters."""
        rows: list[QualityRow] = [("spend_customers", float(self.customers), self.note)]
        if self.log_likelihood is not None:
            rows.append(("spend_log_likelihood", self.log_likelihood, "of mean spend per purchase day"))
        if self.gradient_norm is not None:
            rows.append(("spend_gradient_norm", self.gradient_norm, "as gradient_norm; spend relative to its median"))
        if self.correlation is not None:
            rows.append(("frequency_spend_correlation", self.correlation, "the spend model assumes none"))
        return [*rows, ("spend_converged", float(self.converged), self.method)]


def fit_spend(patterns: pd.DataFrame, last_good: Spend | None = None) -> SpendFit:
    """The model of spend of a population, from its repeat buyers.

    Where all spend the same, so much is expected. Else it is Gamma-Gamma or, if that has no fit, the shrunken mean. (A
    penaliser would bring Gamma-Gamma to converge, with a mean up to a tenth too high where there are few prices.) With
    too few repeat buyers to see a habit it is last_good or, without it, none.

    Of more than 200,000 distinct rows every k-th in the order of frequency and spend is used for Gamma-Gamma, and the
    note says so. Its parameters are refused if their population mean is less than a third of the data's median or more
    than three times the mean: they come from a few huge spenders.

    Args:
        patterns: one row per customer or per distinct pattern: frequency, mean_repeat_value (net spend per later
            purchase day), customer_count (1 if there is no such column) and squared_value (sum of the squares of the
            customers' later purchase days). Only rows with all above 0 enter.
        last_good: the parameters of an earlier night.
    """
    rows = _spend_patterns(patterns)
    x, value, count = (rows[name].to_numpy(float) for name in _COLUMNS)
    customers = int(count.sum())
    observed = float((count * value).sum() / count.sum()) if customers else None
    correlation = _correlation(x, value, count)

    def result(method: Method, parameters: Spend | None, note: str, norm: float | None = None) -> SpendFit:
        likelihood = None
        if customers and isinstance(parameters, SpendParameters):
            likelihood = _log_likelihood(parameters, x, value, count)
        converged = method == "fitted"
        return SpendFit(method, parameters, likelihood, customers, correlation, observed, converged, note, norm)

    problem = too_little(customers, "spent money on a second day")
    if problem is not None:
        if last_good is not None:
            return result("last_good", last_good, f"parameters of an earlier night, because {problem}")
        return result("none", None, f"no forecast of spend: {problem}")
    shrunken = shrunken_spend(rows, NO_FIT)
    fit = None if shrunken.is_the_same else without_warnings(partial(_gamma_gamma, x, value, count))
    if fit is None:
        return result("fitted", shrunken, shrunken.note)
    return result("fitted", fit[0], "converged" + _sampled(rows), fit[1])


def _spend_patterns(patterns: pd.DataFrame) -> pd.DataFrame:
    """One row per frequency and mean_repeat_value, sorted: the same fit for any order or grouping of rows."""
    keys = ["frequency", "mean_repeat_value"]
    rows = patterns[[*keys, "squared_value"]].astype(float)
    rows = rows[((rows > 0) & (rows < np.inf)).all(axis=1)]
    rows["customer_count"] = patterns["customer_count"].astype(float) if "customer_count" in patterns else 1.0
    return rows.groupby(keys, sort=True)[["customer_count", "squared_value"]].sum().reset_index()


def _gamma_gamma(x: Floats, value: Floats, count: Floats) -> tuple[SpendParameters, float]:
    """Parameters, and norm of the gradient.

    Raises:
        ValueError: it did not converge, or to no sensible mean.
    """
    # Relative to its median, spend is of a size that the search begins with, in any currency.
    scale, step = _median(value, count), _step(len(x))
    data = (x[::step], value[::step] / scale, count[::step])
    fitter = GammaGammaFitter().fit(*data[:2], weights=data[2])
    p, q, v = (float(fitter.params_[name]) for name in ("p", "q", "v"))
    covariance, norm = standard_uncertainty(fitter, data)
    parameters = checked(SpendParameters(p, q, v * scale, covariance), (p, q, v))
    if not (q > 1 and scale / 3 < parameters.population_mean < 3 * (count * value).sum() / count.sum()):
        raise ValueError("the population's mean spend has no sensible estimate")
    return parameters, norm


def _step(rows: int) -> int:
    """Of more than MAX_SPEND_ROWS every k-th is fitted on."""
    return -(-rows // MAX_SPEND_ROWS)


def _sampled(rows: pd.DataFrame) -> str:
    """What a note says of that."""
    step = _step(len(rows))
    return f"; fitted on one pattern in {step}" if step > 1 else ""


def _log_likelihood(parameters: SpendParameters, x: Floats, value: Floats, count: Floats) -> float:
    values = np.log(parameters.values)
    return float(-GammaGammaFitter._negative_log_likelihood(values, x, value, count, 0.0) * count.sum())


def _median(value: Floats, count: Floats) -> float:
    order = np.argsort(value, kind="stable")
    reached = np.cumsum(count[order])
    return float(value[order][np.searchsorted(reached, reached[-1] / 2)])


def _correlation(x: Floats, value: Floats, count: Floats) -> float | None:
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(value) == 0:
        return None
    covariance = np.cov(x, value, aweights=count)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
