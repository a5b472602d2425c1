"""The fit of spend: the Gamma-Gamma model of what a purchase day brings.

Source: Fader and Hardie 2013, brucehardie.com/notes/025.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from lifetimes import GammaGammaFitter

from models.clv.buying import PENALISERS, grouped_patterns, standard_uncertainty, too_little, without_warnings
from models.clv.parameters import Method, SpendParameters, checked
from models.types import Floats, QualityRow

MAX_SPEND_ROWS = 200_000


@dataclass(frozen=True)
class SpendFit:
    """One fit of the spend model; customers: repeat buyers with spend; correlation: of frequency and mean spend."""

    method: Method
    parameters: SpendParameters | None
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


def fit_spend(patterns: pd.DataFrame, last_good: SpendParameters | None = None) -> SpendFit:
    """The spend model of a population (Gamma-Gamma), from its repeat buyers.

    Of more than 200,000 distinct rows every k-th in the order of frequency and spend is used, and the note says so.
    Parameters are refused if their population mean is less than a third of the data's median or more than three times
    the mean: they come from a few huge spenders. Fallbacks as in fit_clv.

    Args:
        patterns: one row per customer or per distinct pattern: frequency, mean_repeat_value (net spend per later
            purchase day) and customer_count (1 if there is no such column). Only rows with both above 0 enter.
        last_good: the parameters of an earlier night.
    """
    rows = grouped_patterns(patterns, ["frequency", "mean_repeat_value"])
    rows = rows[(rows["frequency"] > 0) & (rows["mean_repeat_value"] > 0) & np.isfinite(rows["mean_repeat_value"])]
    x, value, count = (rows[name].to_numpy(float) for name in rows.columns)
    customers = int(count.sum())
    observed = float((count * value).sum() / count.sum()) if customers else None
    correlation = _correlation(x, value, count)
    step = -(-len(rows) // MAX_SPEND_ROWS) or 1
    # A penaliser acts on v too, which is money: on spend relative to its median it means the same in any currency.
    scale = _median(value, count) if customers else 1.0

    def log_likelihood(parameters: SpendParameters) -> float:
        values = np.log([parameters.p, parameters.q, parameters.v])
        return float(-GammaGammaFitter._negative_log_likelihood(values, x, value, count, 0.0) * count.sum())

    def result(method: Method, parameters: SpendParameters | None, note: str, norm: float | None = None) -> SpendFit:
        likelihood = log_likelihood(parameters) if parameters and customers else None
        converged = method in ("fitted", "penalised")
        return SpendFit(method, parameters, likelihood, customers, correlation, observed, converged, note, norm)

    def attempt(penaliser: float) -> tuple[SpendParameters, float]:
        data = (x[::step], value[::step] / scale, count[::step])
        fitter = GammaGammaFitter(penalizer_coef=penaliser).fit(*data[:2], weights=data[2])
        p, q, v = (float(fitter.params_[name]) for name in ("p", "q", "v"))
        covariance, norm = standard_uncertainty(fitter, data)
        parameters = checked(SpendParameters(p, q, v * scale, covariance), (p, q, v))
        if not (q > 1 and scale / 3 < parameters.population_mean < 3 * (observed or 0)):
            raise ValueError("the population's mean spend has no sensible estimate")
        return parameters, norm

    problem = too_little(customers, "spent money on a second day")
    if problem is None and np.ptp(value) <= 1e-9 * scale:
        problem = "all customers spend the same, which leaves nothing to tell them apart by"
    if problem is None:
        sampled = f"; fitted on one pattern in {step}" if step > 1 else ""
        for penaliser in PENALISERS:
            fit = without_warnings(partial(attempt, penaliser))
            if fit is not None:
                note = f"penaliser {penaliser}: the plain fit did not converge" if penaliser else "converged"
                return result("penalised" if penaliser else "fitted", fit[0], note + sampled, fit[1])
        problem = "the fit did not converge to a sensible mean (a few huge spenders can cause this)"
    if last_good is not None:
        return result("last_good", last_good, f"parameters of an earlier night, because {problem}")
    return result("none", None, f"no forecast of spend: {problem}")


def _median(value: Floats, count: Floats) -> float:
    order = np.argsort(value, kind="stable")
    reached = np.cumsum(count[order])
    return float(value[order][np.searchsorted(reached, reached[-1] / 2)])


def _correlation(x: Floats, value: Floats, count: Floats) -> float | None:
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(value) == 0:
        return None
    covariance = np.cov(x, value, aweights=count)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
