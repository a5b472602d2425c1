"""Customer lifetime value: who comes back how often (MBG/NBD), what a purchase day brings (Gamma-Gamma), discounted.

The buying models share one shape. A customer buys at his own rate, λ ~ Gamma, until he is gone for good; given that he
is not gone, λ ~ Gamma(r + frequency, alpha + age), and his future depends on (frequency, age) alone. So all heavy terms
are worked out once per distinct pair, and p_alive carries what recency says.

Sources: Batislam, Denizel and Filiztekin 2007 (MBG/NBD), Fader, Hardie and Lee 2005 (BG/NBD), Schmittlein, Morrison
and Colombo 1987 (Pareto/NBD), Fader and Hardie 2013, brucehardie.com/notes/025 (Gamma-Gamma).
"""

import contextlib
import io
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal, TypeVar, get_args

import autograd
import autograd.numpy as anp
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from autograd.scipy.special import gammaln
from lifetimes import BetaGeoFitter, GammaGammaFitter, ModifiedBetaGeoFitter
from scipy.optimize import brentq, minimize
from scipy.optimize.elementwise import find_root
from scipy.special import betainc, betainccinv, betaln, boxcox1p, chdtri, ndtr, ndtri

P = TypeVar("P")
Floats = npt.NDArray[np.float64]
BuyingModel = Literal["mbg/nbd", "bg/nbd", "pareto/nbd"]
BuyingChoice = Literal["best", "mbg/nbd", "bg/nbd", "pareto/nbd"]
Method = Literal["fitted", "penalised", "last_good", "none"]
Covariance = tuple[tuple[float, ...], ...]
Values = tuple[float, float, float, float]
Bounds = tuple[Values, Values]

DAYS_A_YEAR = 365
MIN_REPEAT_CUSTOMERS = 30
# More make no better model, only a slower one; Pareto/NBD, an integral for each customer, is the slowest.
MAX_FITTED_CUSTOMERS: dict[BuyingModel, int] = {"mbg/nbd": 200_000, "bg/nbd": 200_000, "pareto/nbd": 30_000}
MAX_SPEND_ROWS = 200_000
# How a total moves with the parameters is told by so many rows, of those that are forecast at once.
MAX_SENSITIVITY_ROWS = 5_000
# How far the data let the parameters go is told by so many rows.
MAX_PROFILE_ROWS = 2_000
# BG/NBD, the standard, gives way to a model whose log-likelihood is higher by more (an AIC lower by 4).
CLEARLY_LIKELIER = 2.0
# A rival less likely than this, relative to the model in use, adds nothing to a forecast's uncertainty.
MIN_WEIGHT = 0.01
PENALISERS = (0.0, 0.001, 0.01, 0.1)
COVERAGE = 0.95
# Standard errors that the search for what the data allow may go away from the fit in any direction.
FARTHEST = 6.0


class _ParetoFitter(BetaGeoFitter):  # type: ignore[misc]
    """Pareto/NBD (s and beta under the names a and b), fitted by gradient like the two others of lifetimes.

    lifetimes' own ParetoNBDFitter searches without a gradient, gives no standard errors, and has no value where s and
    beta are large. Its fit, without rescaling, is matched to many digits.
    """

    def fit(self, *args: Any, **kwargs: Any) -> "_ParetoFitter":
        super().fit(*args, **kwargs)
        self.params_["b"] /= self._scale  # a time, as alpha is
        return self

    @staticmethod
    def _negative_log_likelihood(
        log_params: Floats,
        freq: Floats,
        rec: Floats,
        age: Floats,
        weights: Floats,
        penalizer_coef: float,
    ) -> Any:
        r, alpha, s, beta = params = anp.exp(log_params)
        here, gone = _pareto_paths(params, freq, rec, age)
        bought = gammaln(r + freq) - gammaln(r) - r * anp.log1p(rec / alpha) - freq * anp.log(alpha + rec)
        log_likelihood = bought - s * anp.log1p(rec / beta) + anp.log(here + gone)
        return -(weights * log_likelihood).sum() / weights.sum() + penalizer_coef * (params**2).sum()

    def conditional_probability_alive(self, frequency: Floats, recency: Floats, age: Floats) -> Floats:
        """Probability that a customer with this history has not left, one per customer."""
        here, gone = _pareto_paths(tuple(self.params_), frequency, recency, age)
        return np.asarray(here / (here + gone), dtype=float)


_NAMES = {
    "mbg/nbd": ("r", "alpha", "a", "b"),
    "bg/nbd": ("r", "alpha", "a", "b"),
    "pareto/nbd": ("r", "alpha", "s", "beta"),
}
_FITTERS = {"mbg/nbd": ModifiedBetaGeoFitter, "bg/nbd": BetaGeoFitter, "pareto/nbd": _ParetoFitter}


@dataclass(frozen=True)
class ClvParameters:
    """How a population buys and leaves; alpha (and beta of Pareto/NBD) in days.

    r, alpha: buying rates a day are Gamma(r, alpha). a, b: the chance to leave after a purchase is Beta(a, b); for
    Pareto/NBD they hold s and beta: the rates of leaving a day are Gamma(s, beta).
    covariance: of the logarithms of r, alpha, a and b as they were estimated; None if unknown.
    bounds: r, alpha, a and b with which fewest and most purchases are expected of all customers together, of those that
    the data allow (95 % profile likelihood); None if unknown.
    alive: what p_alive is worked out with where this model has none to publish (BG/NBD: one-time buyers never leave).
    rivals: other models that the data allow too; weight: a rival's likelihood relative to that of the model in
    use, at most 1.
    """

    model: BuyingModel
    r: float
    alpha: float
    a: float
    b: float
    covariance: Covariance | None = None
    bounds: Bounds | None = None
    alive: "ClvParameters | None" = None
    rivals: tuple["ClvParameters", ...] = ()
    weight: float = 1.0

    @property
    def values(self) -> Values:
        return (self.r, self.alpha, self.a, self.b)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ClvParameters":
        """The parameters that to_json wrote.

        Raises:
            ValueError: another model's name, or a parameter that is not a positive number.
        """
        fields = json.loads(text)
        alive = fields.get("alive")
        nested = {
            "covariance": _rows(fields.get("covariance")),
            "bounds": _rows(fields.get("bounds")),
            "alive": cls.from_json(json.dumps(alive)) if alive else None,
            "rivals": tuple(cls.from_json(json.dumps(rival)) for rival in fields.get("rivals", ())),
        }
        parameters = cls(**fields | nested)
        if parameters.model not in get_args(BuyingModel):
            raise ValueError(f"unknown buying model {parameters.model!r}")
        return _checked(parameters, parameters.values)


@dataclass(frozen=True)
class SpendParameters:
    """What purchase days bring: a day's spend is Gamma(p, w), w differs by customer as Gamma(q, v); v is money.

    covariance: of the logarithms of p, q and v as they were estimated; None if unknown.
    """

    p: float
    q: float
    v: float
    covariance: Covariance | None = None

    @property
    def values(self) -> tuple[float, float, float]:
        return (self.p, self.q, self.v)

    @property
    def population_mean(self) -> float:
        """Expected net spend on a purchase day of a customer of whom nothing is known."""
        return self.p * self.v / (self.q - 1)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SpendParameters":
        """The parameters that to_json wrote.

        Raises:
            ValueError: a parameter is not a positive number.
        """
        fields = json.loads(text)
        parameters = cls(**fields | {"covariance": _rows(fields.get("covariance"))})
        return _checked(parameters, parameters.values)


@dataclass(frozen=True)
class Past:
    """What was known some days ago, and what came of it, to choose a model by.

    patterns: as fit_clv takes them, as of then. days: since then. purchases: purchase days of these customers in them.
    """

    patterns: pd.DataFrame
    days: int
    purchases: float


@dataclass(frozen=True)
class ClvFit:
    """One fit of the buying model: what was used, on whom, and why (note, in a marketer's words).

    log_likelihood: of all customers, on days. compared: the same of each model that was fitted, most likely first.
    gradient_norm: of the mean log-likelihood of a customer by the logarithms of the parameters; 0 at its maximum.
    held_out: forecast / actual purchase days of each model that was fitted on the past.
    """

    model: BuyingModel
    method: Method
    parameters: ClvParameters | None
    log_likelihood: float | None
    customers: int
    repeat_customers: int
    converged: bool
    note: str
    gradient_norm: float | None = None
    compared: tuple[tuple[BuyingModel, float], ...] = ()
    held_out: tuple[tuple[BuyingModel, float], ...] = ()

    def quality(self) -> list[tuple[str, float | None, str]]:
        """(metric, value, note) for model_quality."""
        rows: list[tuple[str, float | None, str]] = [("customers", float(self.customers), self.note)]
        if self.parameters is not None:
            rows.append(("buying_model", None, self.model))
            rows += _parameter_rows(_NAMES[self.model], self.parameters, self.method)
        if self.log_likelihood is not None:
            rows.append(("log_likelihood", self.log_likelihood, "on days, not rescaled"))
        for model, likelihood in self.compared if len(self.compared) > 1 else ():
            # All have four parameters, so that AIC and BIC rank as the likelihood does.
            aic, bic = 8 - 2 * likelihood, 4 * np.log(self.customers) - 2 * likelihood
            rows.append((f"log_likelihood_{model.replace('/', '_')}", likelihood, f"AIC {aic:.1f}, BIC {bic:.1f}"))
        for model, ratio in self.held_out:
            note = "forecast / actual purchase days in the last part of the history, learnt before it; 1 is right"
            rows.append((f"held_out_forecast_ratio_{model.replace('/', '_')}", round(ratio, 6), note))
        if self.gradient_norm is not None:
            note = "of the mean log-likelihood, by the logarithms of the parameters; 0 at its maximum"
            rows.append(("gradient_norm", self.gradient_norm, note))
        return [*rows, ("converged", float(self.converged), self.method)]


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

    def quality(self) -> list[tuple[str, float | None, str]]:
        """(metric, value, note) for model_quality."""
        rows: list[tuple[str, float | None, str]] = [("spend_customers", float(self.customers), self.note)]
        if self.parameters is not None:
            rows += _parameter_rows(("p", "q", "v"), self.parameters, self.method)
        if self.log_likelihood is not None:
            rows.append(("spend_log_likelihood", self.log_likelihood, "of mean spend per purchase day"))
        if self.gradient_norm is not None:
            rows.append(("spend_gradient_norm", self.gradient_norm, "as gradient_norm; spend relative to its median"))
        if self.correlation is not None:
            rows.append(("frequency_spend_correlation", self.correlation, "the spend model assumes none"))
        if self.parameters is not None:
            rows.append(("population_mean_spend", self.parameters.population_mean, "expected of a one-time buyer"))
        return [*rows, ("spend_converged", float(self.converged), self.method)]


def fit_clv(
    patterns: pd.DataFrame,
    last_good: ClvParameters | None = None,
    model: BuyingChoice = "mbg/nbd",
    horizon_days: float | None = None,
    past: Past | None = None,
) -> ClvFit:
    """The buying model of a population.

    A fit that does not converge is tried again with a growing penaliser, then last_good is used, then it is refused:
    parameters is None and the note says why. Of more customers than MAX_FITTED_CUSTOMERS every k-th in the order of
    the patterns is fitted on, and the note says so; likelihoods are of all.

    Args:
        patterns: one row per distinct pattern: frequency, recency_days, age_days, customer_count.
        last_good: the parameters of an earlier night, of any of the models.
        model: one of them, or 'best': all three. Of those whose forecast from the past came nearest to what followed,
            as far as chance lets tell, the likeliest is used, or BG/NBD unless another is clearly likelier. BG/NBD says
            that all one-time buyers are still there, so MBG/NBD is fitted along for p_alive.
        horizon_days: of the total forecast whose bounds are wanted; None: none.
        past: to choose the best model by; without it all are as near.

    Raises:
        ValueError: a pattern can't be (recency above age, negative days, repeat purchases on the first day).
    """
    rows = _grouped(patterns, ["frequency", "recency_days", "age_days"])
    x, recency, age, count = columns = tuple(rows[name].to_numpy(float) for name in rows.columns)
    _check_patterns(x, recency, age)
    customers, repeaters = int(count.sum()), int(count[x > 0].sum())
    likelihood = partial(_buying_likelihood, columns)

    def result(method: Method, parameters: ClvParameters | None, note: str, **more: Any) -> ClvFit:
        value = likelihood(parameters) if parameters and customers else None
        name: BuyingModel = parameters.model if parameters else "bg/nbd" if model == "best" else model
        converged = method in ("fitted", "penalised")
        return ClvFit(name, method, parameters, value, customers, repeaters, converged, note, **more)

    problem = _too_little(repeaters, "bought on a second day")
    if problem is None and age.max() == 0:
        problem = "all history is of one day"
    if problem is None:
        wanted = get_args(BuyingModel) if model == "best" else (model,)
        for penaliser in PENALISERS:
            fits = {name: fit for name in wanted if (fit := _quietly(partial(_fit_buying, name, columns, penaliser)))}
            if not fits:
                continue
            compared = sorted(
                ((likelihood(parameters), parameters) for parameters, _, _ in fits.values()), key=lambda row: -row[0]
            )
            held_out, near = _held_out(past, tuple(fits), penaliser) if past is not None else ((), tuple(fits))
            parameters = _most_credible(compared, near)
            if parameters.model == "bg/nbd":
                alive = fits["mbg/nbd"][0] if "mbg/nbd" in fits else fit_clv(patterns).parameters
                parameters = replace(parameters, alive=alive)
            if horizon_days is not None:
                parameters = _bounded(parameters, columns, horizon_days)
            _, norm, step = fits[parameters.model]
            ranks = tuple((other.model, value) for value, other in compared)
            note = f"penaliser {penaliser}: the plain fit did not converge" if penaliser else "converged"
            note += f"; fitted on one customer in {step}" if step > 1 else ""
            if model == "best":
                note += (
                    f"; {parameters.model} used, by likelihood the models rank {', '.join(name for name, _ in ranks)}"
                )
            if past is not None and held_out:
                note += f", and no other forecasts the last {past.days} days better than {' and '.join(near)}"
            method: Method = "penalised" if penaliser else "fitted"
            return result(method, parameters, note, gradient_norm=norm, compared=ranks, held_out=held_out)
        problem = "the fit did not converge, with and without a penaliser"
    if last_good is not None:
        return result("last_good", last_good, f"parameters of an earlier night, because {problem}")
    return result("none", None, f"no forecast of purchases: {problem}")


def _held_out(
    past: Past, models: tuple[BuyingModel, ...], penaliser: float
) -> tuple[tuple[tuple[BuyingModel, float], ...], tuple[BuyingModel, ...]]:
    """Forecast / actual purchase days of each model learnt on the past; and the models that came nearest.

    As near as the nearest is who is farther off by no more than the chance of buying moves a total (95 %). All are, if
    nothing can be learnt there.
    """
    rows = _grouped(past.patterns, ["frequency", "recency_days", "age_days"])
    if (rows["customer_count"] * (rows["frequency"] > 0)).sum() < MIN_REPEAT_CUSTOMERS:
        return (), models
    columns = tuple(rows[name].to_numpy(float) for name in rows.columns)
    fits = {name: fit[0] for name in models if (fit := _quietly(partial(_fit_buying, name, columns, penaliser)))}
    totals = {name: forecast_total(rows, parameters, past.days) for name, parameters in fits.items()}
    ratios = {name: total.purchases / past.purchases for name, total in totals.items()}
    off = {name: abs(float(np.log(ratio))) for name, ratio in ratios.items() if ratio > 0}
    if not off:
        return (), models
    nearest = totals[min(off, key=lambda name: off[name])]
    chance = ndtri((1 + COVERAGE) / 2) * np.sqrt(nearest.variance[0]) / nearest.purchases
    return tuple(ratios.items()), tuple(name for name in off if off[name] <= min(off.values()) + chance)


def _most_credible(compared: list[tuple[float, ClvParameters]], near: tuple[BuyingModel, ...]) -> ClvParameters:
    """Of near models the likeliest, or the standard if that is nearly as likely; with the rivals that are left."""
    able = [row for row in compared if row[1].model in near]
    used = next((row for row in able if row[1].model == "bg/nbd" and able[0][0] - row[0] <= CLEARLY_LIKELIER), able[0])
    weighed = (
        replace(other, weight=float(np.exp(min(value - used[0], 0.0))))
        for value, other in compared
        if other is not used[1]
    )
    return replace(used[1], rivals=tuple(rival for rival in weighed if rival.weight >= MIN_WEIGHT))


def _bounded(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> ClvParameters:
    """The parameters and their rivals, each with its bounds."""
    rivals = tuple(_bounded(rival, columns, horizon) for rival in parameters.rivals)
    return replace(parameters, bounds=_quietly(partial(_bounds, parameters, columns, horizon)), rivals=rivals)


def _bounds(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> Bounds:
    """Of the parameters that the data allow, those with which fewest and most purchases are expected.

    The data allow what has a log-likelihood of at most 1.92 below the highest, half the chi-squared quantile of one
    degree of freedom (profile likelihood, Venzon and Moolgavkar 1988). A short history says little of leaving: the
    likelihood is flat up to where nobody ever leaves, and the normal approximation there says nothing of the many
    purchases that are not made if some do. Of many rows a part stands for all: its likelihood is scaled and tilted so
    that it is highest at the parameters (surrogate likelihood, Jordan, Lee and Yang 2019).

    Raises:
        LinAlgError: there is no telling.
    """
    formula = _FITTERS[parameters.model]._negative_log_likelihood
    *history, count = part = _thinned(columns, MAX_PROFILE_ROWS)[0]
    few = _thinned(part, MAX_PROFILE_ROWS // 4)[0]
    fitted = _thinned(columns, MAX_FITTED_CUSTOMERS[parameters.model])[0][-1].sum()
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
        return _expected(moved, few, horizon) / usual

    usual = _expected(parameters, few, horizon)
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


def _expected(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> float:
    """Expected purchase days of customers (frequency, recency, age, count), all together."""
    x, recency, age, count = columns
    if parameters.model == "pareto/nbd":
        ahead = _pareto_mean(parameters, x, age, np.array([horizon]))
    else:
        points = _leaving_points(parameters, x.astype(np.int64))
        ahead = _geometric_mean(parameters, x, age, np.array([horizon]), points)
    return float((count * _still_there(parameters, x, recency, age) * ahead[:, 0]).sum())


def _thinned(columns: tuple[Floats, ...], most: int) -> tuple[tuple[Floats, ...], int]:
    """Every k-th customer in the order of the rows (the last column counts them), and k."""
    count = columns[-1]
    step = max(int(-(-count.sum() // most)), 1)
    thinned = np.diff((np.cumsum(count) + step // 2) // step, prepend=0.0)
    return tuple(column[thinned > 0] for column in (*columns[:-1], thinned)), step


def _fit_buying(model: BuyingModel, columns: tuple[Floats, ...], penaliser: float) -> tuple[ClvParameters, float, int]:
    """Parameters, norm of the gradient, and of how many customers one was fitted on.

    Raises:
        ValueError: it did not converge.
    """
    (*history, count), step = _thinned(columns, MAX_FITTED_CUSTOMERS[model])
    fitter = _FITTERS[model](penalizer_coef=penaliser).fit(*history, weights=count)
    covariance, norm = _uncertainty(fitter, (*history[:1], *(days * fitter._scale for days in history[1:]), count))
    r, alpha, a, b = (float(value) for value in fitter.params_)
    return _checked(ClvParameters(model, r, alpha, a, b, covariance), (r, alpha, a, b)), norm, step


def _buying_likelihood(columns: tuple[Floats, ...], parameters: ClvParameters) -> float:
    formula = _FITTERS[parameters.model]._negative_log_likelihood
    total = 0.0
    for start in range(0, len(columns[0]), 50_000):
        *history, count = (column[start : start + 50_000] for column in columns)
        total -= float(formula(np.log(parameters.values), *history, count, 0.0) * count.sum())
    return total


def _uncertainty(fitter: Any, data: tuple[Floats, ...]) -> tuple[Covariance, float]:
    """Covariance of the logarithms of the parameters that lifetimes fitted to the data; norm of the gradient there.

    The inverse of the Hessian, with a weak prior: no logarithm is more uncertain than 2 (a factor of 50 at two standard
    errors), so that a parameter of which the data say nothing leaves the others their meaning.
    """
    count = data[-1]
    log_values = np.log(fitter.params_.to_numpy(float))
    if hasattr(fitter, "_scale"):
        log_values[1] += np.log(fitter._scale)
        log_values[3] += np.log(fitter._scale) if isinstance(fitter, _ParetoFitter) else 0.0
    gradient = autograd.grad(fitter._negative_log_likelihood)(log_values, *data, fitter.penalizer_coef)
    covariance = np.linalg.inv(fitter._hessian_ * count.sum() + np.eye(len(log_values)) / 4)
    if not np.isfinite(covariance).all() or (np.diag(covariance) <= 0).any():
        raise ValueError("the likelihood has no maximum here")
    return _rows(covariance.tolist()), float(np.linalg.norm(gradient))


def fit_spend(patterns: pd.DataFrame, last_good: SpendParameters | None = None) -> SpendFit:
    """The spend model of a population (Gamma-Gamma), from its repeat buyers.

    Of more than 200,000 distinct rows every k-th in the order of frequency and spend is used, and the note says so.
    Parameters whose population mean is out of all proportion to the data (less than a third of the median, more than
    three times the mean) are no fit: they come from a few huge spenders. Fallbacks as in fit_clv.

    Args:
        patterns: one row per customer or per distinct pattern: frequency, mean_repeat_value (net spend per later
            purchase day) and customer_count (1 if there is no such column). Only rows with both above 0 enter.
        last_good: the parameters of an earlier night.
    """
    rows = _grouped(patterns, ["frequency", "mean_repeat_value"])
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
        covariance, norm = _uncertainty(fitter, data)
        parameters = _checked(SpendParameters(p, q, v * scale, covariance), (p, q, v))
        if not (q > 1 and scale / 3 < parameters.population_mean < 3 * (observed or 0)):
            raise ValueError("the population's mean spend has no sensible estimate")
        return parameters, norm

    problem = _too_little(customers, "spent money on a second day")
    if problem is None and np.ptp(value) <= 1e-9 * scale:
        problem = "all customers spend the same, which leaves nothing to tell them apart by"
    if problem is None:
        sampled = f"; fitted on one pattern in {step}" if step > 1 else ""
        for penaliser in PENALISERS:
            fit = _quietly(partial(attempt, penaliser))
            if fit is not None:
                note = f"penaliser {penaliser}: the plain fit did not converge" if penaliser else "converged"
                return result("penalised" if penaliser else "fitted", fit[0], note + sampled, fit[1])
        problem = "the fit did not converge to a sensible mean (a few huge spenders can cause this)"
    if last_good is not None:
        return result("last_good", last_good, f"parameters of an earlier night, because {problem}")
    return result("none", None, f"no forecast of spend: {problem}")


def score_clv(
    customers: pa.Table | pd.DataFrame,
    parameters: ClvParameters | None,
    spend: SpendParameters | None,
    horizon_days: int,
    discount_rate: float,
    margin_rate: float | None,
) -> pa.Table:
    """One row per customer, in the order given: what is expected of him in the horizon.

    clv = expected discounted purchase days x expected spend on one x margin_rate (or x 1, clv_basis 'revenue', if
    the margin is not known). A purchase t days ahead counts (1 + discount_rate)^(-t / 365).

    clv_low to clv_high is a 95 % predictive interval of what this one customer brings, with the randomness of being
    gone, of buying and of spending in it (the uncertainty of the parameters is small beside it, and left out). Where
    nothing at all is a likely outcome (more than 2.5 %), it starts at 0 and leaves out the highest 5 %; otherwise
    2.5 % on either side. It is widened to hold clv where it would not.

    A row depends on its own values only, so batches of any size and order give the same. Without buying parameters,
    or for a customer without a purchase day, all is NULL; without spend parameters what is in money is.

    p_alive is never of a model in which one-time buyers can't be gone: for BG/NBD it is that of parameters.alive, and
    NULL without. The purchases expected are BG/NBD's own.

    Args:
        customers: customer_id, frequency, recency_days, age_days, repeat_revenue (net spend on later purchase days).
        parameters: of fit_clv.
        spend: of fit_spend.
        horizon_days: how far to look ahead.
        discount_rate: a year; .1 for 10 %.
        margin_rate: margin / revenue of the whole programme, None if unknown: one basis for all customers.

    Returns:
        customer_id, frequency, recency_days, age_days, p_alive, expected_purchases, expected_purchase_day_value, clv,
        clv_low, clv_high (money to 2 digits, the rest to 6), clv_basis, horizon_days.
    """
    table = customers if isinstance(customers, pa.Table) else pa.Table.from_pandas(customers, preserve_index=False)
    x, recency, age, revenue = (
        _floats(table[name]) for name in ("frequency", "recency_days", "age_days", "repeat_revenue")
    )
    missing = np.full(len(x), np.nan)
    published = purchases = value = clv = low = high = missing
    if parameters is not None:
        known = np.isfinite(x) & np.isfinite(recency) & np.isfinite(age)
        x, recency, age = (np.where(known, column, 0.0) for column in (x, recency, age))
        p_alive = np.where(known, _still_there(parameters, x, recency, age), np.nan)
        published = p_alive
        if parameters.model == "bg/nbd":
            published = np.where(known, alive_probability(parameters, x, recency, age), np.nan)
        future, cell = _futures(parameters, x, age, horizon_days, discount_rate)
        purchases = p_alive * future.mean[cell]
        if spend is not None:
            revenue = np.where(x > 0, revenue, 0.0)
            value = np.where(known, expected_spend(spend, x, revenue), np.nan)
            rate = 1.0 if margin_rate is None else margin_rate
            clv = p_alive * future.discounted[cell] * value * rate
            low, high = _interval(parameters, spend, future, cell, p_alive, revenue, horizon_days)
            low, high = np.fmin(low * rate, high * rate), np.fmax(low * rate, high * rate)
            low, high = np.fmin(low, clv), np.fmax(high, clv)
    basis = "revenue" if margin_rate is None else "margin"
    integers = {name: table[name].cast(pa.int64()) for name in ("frequency", "recency_days", "age_days")}
    return pa.table(
        {
            "customer_id": table["customer_id"],
            **integers,
            "p_alive": _rounded(published, 6),
            "expected_purchases": _rounded(purchases, 6),
            "expected_purchase_day_value": _rounded(value, 2),
            "clv": _rounded(clv, 2),
            "clv_low": _rounded(low, 2),
            "clv_high": _rounded(high, 2),
            "clv_basis": pa.repeat(basis, len(table)),
            "horizon_days": pa.repeat(pa.scalar(horizon_days, pa.int64()), len(table)),
        }
    )


@dataclass(frozen=True)
class TotalForecast:
    """What a group of customers is expected to do in the horizon; the forecasts of two groups without overlap add up.

    By model, the one in use and then its rivals: expected purchase days; their variance, were the parameters known;
    the fewest and the most expected purchase days with parameters that the data allow, NaN if those are unknown.
    """

    customers: int
    expected: Floats
    variance: Floats
    fewest: Floats
    most: Floats

    def __add__(self, other: "TotalForecast") -> "TotalForecast":
        return TotalForecast(
            self.customers + other.customers,
            self.expected + other.expected,
            self.variance + other.variance,
            self.fewest + other.fewest,
            self.most + other.most,
        )

    @property
    def purchases(self) -> float:
        """Expected purchase days, by the model in use."""
        return float(self.expected[0])

    def interval(self, parameters: ClvParameters) -> tuple[float, float] | None:
        """Lowest and highest of the 95 % predictive interval of purchases, None if the fit's bounds are unknown.

        Three things are uncertain: each customer's buying and leaving; the parameters, which move all customers alike,
        within their bounds (the distances add up in squares, Zou and Donner 2008); and the model. By one model
        purchases are normal on either side of what it expects, by all a mixture (Hoeting and others 1999).
        """
        if not np.isfinite(self.fewest).all():
            return None
        if not self.variance.all():
            return self.purchases, self.purchases  # of nobody
        z = float(ndtri((1 + COVERAGE) / 2))
        weights = np.array([model.weight for model in (parameters, *parameters.rivals)])
        below, above = (
            np.sqrt(self.variance + ((bound - self.expected) / z) ** 2) for bound in (self.fewest, self.most)
        )
        bracket = (self.expected - 2 * z * below).min(), (self.expected + 2 * z * above).max()

        def excess(purchases: float, share: float) -> float:
            gap = purchases - self.expected
            return float(weights @ ndtr(gap / np.where(gap < 0, below, above)) / weights.sum() - share)

        low, high = (brentq(excess, *bracket, args=(share,)) for share in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
        return max(min(low, self.purchases), 0.0), max(high, self.purchases)


def forecast_total(customers: pa.Table | pd.DataFrame, parameters: ClvParameters, horizon_days: float) -> TotalForecast:
    """Purchase days of all customers together in the horizon.

    Args:
        customers: frequency, recency_days, age_days, one row per customer; or per pattern, with customer_count.
        parameters: of fit_clv; the forecast's interval wants them too.
        horizon_days: how far to look ahead.
    """
    table = customers if isinstance(customers, pa.Table) else pa.Table.from_pandas(customers, preserve_index=False)
    x, recency, age = (_floats(table[name]) for name in ("frequency", "recency_days", "age_days"))
    count = _floats(table["customer_count"]) if "customer_count" in table.column_names else np.ones(len(x))
    known = np.isfinite(x) & np.isfinite(recency) & np.isfinite(age)
    x, recency, age, count = (column[known] for column in (x, recency, age, count))
    models = (parameters, *parameters.rivals)
    found = [_moments(model, (x, recency, age, count), horizon_days) for model in models]
    return TotalForecast(int(count.sum()), *np.array(found).T)


def _moments(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> tuple[float, ...]:
    """Of a total: expected purchase days of customers (frequency, recency, age, count), variance, fewest and most."""
    x, recency, age, count = columns
    p_alive = _still_there(parameters, x, recency, age)
    future, cell = _futures(parameters, x, age, horizon, 0.0)
    expected = p_alive * future.mean[cell]
    variance = p_alive * (future.pairs + future.mean)[cell] - expected**2
    total = float((count * expected).sum())
    # How the total moves with the parameters is told well enough by every k-th row.
    rows = slice(None, None, max(-(-len(x) // MAX_SENSITIVITY_ROWS), 1))
    usual = float((count * expected)[rows].sum())
    ends = [np.nan, np.nan]
    if parameters.bounds is not None:
        part = tuple(column[rows] for column in columns)
        moved = (ClvParameters(parameters.model, *values) for values in parameters.bounds)
        ends = [total * _expected(one, part, horizon) / usual if usual else 0.0 for one in moved]
    return total, float((count * variance).sum()), *ends


def tier_bounds(clv: npt.ArrayLike) -> dict[str, float]:
    """The clv from which each tier but bronze begins, by the share of customers whose clv is strictly lower.

    platinum: at least 95 % are below; gold: at least 80 %; silver: at least 50 %; bronze: the rest, and so all of many
    equals (a programme whose customers are all gone has no best ones): a tier that nobody reaches begins at infinity.
    A customer without a clv has no tier and does not count.
    """
    values = np.asarray(clv, dtype=float)
    known = np.sort(values[np.isfinite(values)])
    lower = np.searchsorted(known, known, side="left")
    shares = {"platinum": 95, "gold": 80, "silver": 50}
    first = {tier: int(np.searchsorted(100 * lower, percent * len(known))) for tier, percent in shares.items()}
    return {tier: float(known[place]) if place < len(known) else np.inf for tier, place in first.items()}


def alive_probability(parameters: ClvParameters, frequency: Floats, recency_days: Floats, age_days: Floats) -> Floats:
    """Probability that a customer with this history has not left for good, one per customer; to be published.

    BG/NBD, in which one-time buyers can't be gone, leaves it to parameters.alive; without, it is NaN.
    """
    used = parameters.alive if parameters.model == "bg/nbd" else parameters
    return np.full(len(frequency), np.nan) if used is None else _still_there(used, frequency, recency_days, age_days)


def _still_there(parameters: ClvParameters, frequency: Floats, recency_days: Floats, age_days: Floats) -> Floats:
    """The model's own probability that a customer has not left, on which its forecast of purchases rests."""
    fitter = _FITTERS[parameters.model]()
    fitter.params_ = pd.Series(parameters.values, index=["r", "alpha", "a", "b"])
    # Overflow stands for odds of thousands of digits against the customer: the answer, 0, is right.
    with np.errstate(over="ignore"):
        parts = [
            fitter.conditional_probability_alive(*(column[start : start + 20_000] for column in columns))
            for columns in [(frequency, recency_days, age_days)]
            for start in range(0, max(len(frequency), 1), 20_000)
        ]
    return np.concatenate(parts).astype(float)


def _pareto_paths(values: Any, x: Floats, recency: Floats, age: Floats) -> tuple[Any, Any]:
    """Likelihood that a customer, last seen at recency, is there still, and that he left since, in like units.

    The second is the integral of s / (beta + t) ((alpha + recency) / (alpha + t))^(r + x)
    ((beta + recency) / (beta + t))^s over t from recency to age, by Gauss-Legendre points in log(t - recency + unit),
    where unit is the time in which the integrand falls off at first. Source: Fader and Hardie 2005, equation 18 of
    brucehardie.com/notes/009, where it is a difference of two 2F1. In autograd's numpy, for the gradient of the fit.
    """
    r, alpha, s, beta = values
    a, b, span = alpha + recency, beta + recency, age - recency
    unit = 1 / ((r + x) / a + (s + 1) / b)
    points, weights = np.polynomial.legendre.leggauss(16)
    width = anp.log1p(span / unit)
    grown = anp.exp(anp.outer(width, (points + 1) / 2))
    past = unit[:, None] * (grown - 1)
    density = anp.exp(-(r + x)[:, None] * anp.log1p(past / a[:, None]) - (s + 1) * anp.log1p(past / b[:, None]))
    gone = s / b * unit * width * anp.dot(grown * density, weights / 2)
    here = anp.exp(-(r + x) * anp.log1p(span / a) - s * anp.log1p(span / b))
    return here, gone


def expected_spend(spend: SpendParameters, frequency: Floats, repeat_revenue: Floats) -> Floats:
    """Expected net spend on a purchase day, one per customer; the population's for who has no repeat purchase.

    Source: Fader and Hardie 2013, equation 5.
    """
    return spend.p * (spend.v + repeat_revenue) / (spend.p * frequency + spend.q - 1)


@dataclass(frozen=True)
class _Future:
    """Purchase days N in the horizon of a customer who has not left, one entry per (frequency, age)."""

    frequency: Floats
    age: Floats
    mean: Floats
    discounted: Floats
    pairs: Floats  # E[N (N - 1)]
    none: Floats  # P(N = 0)


def _futures(
    parameters: ClvParameters, frequency: Floats, age: Floats, horizon: float, discount_rate: float
) -> tuple[_Future, npt.NDArray[np.intp]]:
    """_Future per distinct (frequency, age), and each customer's place in it."""
    ages, age_place = np.unique(age, return_inverse=True)
    keys, cell = np.unique(frequency.astype(np.int64) * len(ages) + age_place, return_inverse=True)
    x, t = keys // len(ages), ages[keys % len(ages)]
    outlook = _pareto_outlook if parameters.model == "pareto/nbd" else _geometric_outlook
    # ∫ d(s) dE(s) by parts is d(h) E(h) + ln(1 + rate)/365 ∫ d(s) E(s) ds; five Gauss-Legendre points are plenty.
    points, weights = np.polynomial.legendre.leggauss(5)
    days = np.append((points + 1) / 2, 1.0) * horizon
    discount = (1 + discount_rate) ** (-days / DAYS_A_YEAR)
    weights = np.append(np.log1p(discount_rate) / DAYS_A_YEAR * horizon * weights / 2, 1.0) * discount
    parts = []
    for start in range(0, max(len(keys), 1), 20_000):
        mean, pairs, none = outlook(parameters, x[start : start + 20_000], t[start : start + 20_000], days)
        parts.append((mean[:, -1], (mean * weights).sum(axis=1), pairs, none))
    return _Future(x.astype(float), t, *(np.concatenate(column) for column in zip(*parts, strict=True))), cell


def _geometric_outlook(
    parameters: ClvParameters, x: npt.NDArray[np.int64], age: Floats, days: Floats
) -> tuple[Floats, Floats, Floats]:
    """E[N(day)] per (cell, day); E[N (N - 1)] and P(N = 0) at the last day per cell; MBG/NBD and BG/NBD.

    Given λ and p, a customer is still there at s with e^(-λps) and has then bought Poisson(λ (1 - p) s) times, so
    E[N] = ∫ λ e^(-λps) ds and E[N (N - 1)] = 2 ∫ λ² (1 - p) s e^(-λps) ds. λ is integrated exactly, p ~ Beta(a, b +
    chances to leave that he let pass) by Gauss-Jacobi points: unlike the published 2F1 form this has no pole at a = 1.
    """
    p, w = _leaving_points(parameters, x)
    mean = _geometric_mean(parameters, x, age, days, (p, w))
    shape = (parameters.r + x)[:, None]
    scale = (parameters.alpha + age)[:, None]
    y = p * days[-1] / scale
    small = shape * y < 1e-3
    exact = 1 - (1 + (shape + 1) * y) * np.exp(-(shape + 1) * np.log1p(y))
    series = shape * (shape + 1) * y**2 * (0.5 - (shape + 2) * y / 3)  # where the exact form cancels out
    pairs = (w * 2 * (1 - p) / p**2 * np.where(small, series, exact)).sum(axis=1)
    none = np.exp(-shape * np.log1p(days[-1] / scale))[:, 0]
    return mean, pairs, none


def _leaving_points(parameters: ClvParameters, x: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Points and weights of the chance to leave after a purchase, by customer, MBG/NBD and BG/NBD."""
    passed = x + 1 if parameters.model == "mbg/nbd" else x
    chances, place = np.unique(passed, return_inverse=True)
    points, weights = _beta_points(parameters.a, np.asarray(parameters.b + chances, dtype=float))
    return points[place], weights[place]


def _geometric_mean(
    parameters: ClvParameters, x: npt.NDArray[Any], age: Floats, days: Floats, leaving: tuple[Floats, Floats]
) -> Floats:
    """E[N(day)] per (customer, day) of who is still there, MBG/NBD and BG/NBD; leaving: points and weights."""
    p, w = leaving
    shape, scale = (parameters.r + x)[:, None], (parameters.alpha + age)[:, None]
    return np.stack([(w * -np.expm1(-shape * np.log1p(p * day / scale)) / p).sum(axis=1) for day in days], axis=1)


def _pareto_mean(parameters: ClvParameters, x: npt.NDArray[Any], age: Floats, days: Floats) -> Floats:
    """E[N(day)] per (customer, day) of who is still there, Pareto/NBD; by Box-Cox without a pole where s is 1."""
    base = (parameters.b + age)[:, None]
    rate = ((parameters.r + x) / (parameters.alpha + age))[:, None]
    return np.asarray(rate * base * boxcox1p(days / base, 1 - parameters.a))


def _pareto_outlook(
    parameters: ClvParameters, x: npt.NDArray[np.int64], age: Floats, days: Floats
) -> tuple[Floats, Floats, Floats]:
    """As _geometric_outlook for Pareto/NBD: he leaves at his own rate a day, μ ~ Gamma(s, beta + age) while there.

    All are integrals over the days of P(still there) = (B / (B + t))^s. E[N] and E[N (N - 1)] are closed, by Box-Cox
    without a pole where s is 1 or 2; P(N = 0) is by 48 Gauss-Legendre points in log(t).
    """
    shape, scale = (parameters.r + x)[:, None], (parameters.alpha + age)[:, None]
    leave, base = parameters.a, (parameters.b + age)[:, None]
    rate, last = shape / scale, days[-1]
    mean = _pareto_mean(parameters, x, age, days)
    twice = base**2 * (boxcox1p(last / base, 2 - leave) - boxcox1p(last / base, 1 - leave))
    pairs = 2 * rate * (rate + 1 / scale) * twice
    unit = np.minimum(scale, base)
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


def _interval(
    parameters: ClvParameters,
    spend: SpendParameters,
    future: _Future,
    cell: npt.NDArray[np.intp],
    p_alive: Floats,
    repeat_revenue: Floats,
    horizon: int,
) -> tuple[Floats, Floats]:
    """Lowest and highest revenue of the 95 % predictive interval, one per customer.

    Given N purchase days, their spend is Gamma(p N) / rate with rate ~ Gamma(q + p x, v + repeat revenue). Given N > 0,
    a gamma is matched to mean and variance over N: the sum is then a scaled beta prime, whose quantiles are closed.
    Its lower tail is too thin for the few who almost surely buy, as some of them leave early: theirs comes from the
    exact distribution of N, with the spread of spend added in squares on the log scale (Zou and Donner 2008).
    """
    buys = 1 - future.none
    mean = future.mean / buys
    variance = np.maximum((future.pairs + future.mean) / buys - mean**2, 0.0)
    sum_mean, sum_variance = spend.p * mean, spend.p * mean + spend.p**2 * variance
    shape, scale = sum_mean**2 / sum_variance, sum_variance / sum_mean
    unit = (future.discounted / future.mean)[cell] * (spend.v + repeat_revenue)
    spend_shape = (spend.q + spend.p * future.frequency)[cell]
    any_purchase = p_alive * buys[cell]
    tail = (1 - COVERAGE) / 2

    def quantile(upper_tail: Floats, rows: npt.NDArray[np.intp]) -> Floats:
        z = betainccinv(shape[cell[rows]], spend_shape[rows], upper_tail / any_purchase[rows])
        return np.asarray(unit[rows] * scale[cell[rows]] * z / (1 - z))

    low = np.where(np.isnan(p_alive), np.nan, 0.0)
    high = low.copy()
    starts_above_zero = any_purchase > 1 - tail
    upper_tail = np.where(starts_above_zero, tail, 2 * tail)
    rows = np.flatnonzero(any_purchase > upper_tail)
    high[rows] = quantile(upper_tail[rows], rows)
    rows = np.flatnonzero(starts_above_zero)
    if parameters.model == "pareto/nbd":
        low[rows] = quantile(np.full(len(rows), 1 - tail), rows)
        return low, high
    places = cell[rows]
    least = _purchase_days_exceeded(parameters, future, places, (1 - tail) / p_alive[rows], horizon)
    spread = 1 / (spend.p * least) + 1 / spend_shape[rows]
    distance = np.sqrt(np.log(least / future.mean[places]) ** 2 + ndtri(1 - tail) ** 2 * spread)
    low[rows] = unit[rows] * spend.p * future.mean[places] / (spend_shape[rows] - 1) * np.exp(-distance)
    return low, high


def _purchase_days_exceeded(
    parameters: ClvParameters, future: _Future, cell: npt.NDArray[np.intp], probability: Floats, horizon: int
) -> Floats:
    """The number of purchase days that is exceeded with this probability by a customer who has not left.

    P(N >= n) = P(NB(r + x, .) >= n) x P(he stays through n - 1 purchases), both continued between whole numbers; half
    a purchase is added, as spend smooths the steps. MBG/NBD and BG/NBD.
    """
    x, age = future.frequency[cell], future.age[cell]
    passed = parameters.b + x + (parameters.model == "mbg/nbd")
    shape, scale = parameters.r + x, parameters.alpha + age
    share = horizon / (scale + horizon)

    def excess(n: Floats, passed: Floats, shape: Floats, share: Floats, probability: Floats) -> Floats:
        stays = np.exp(betaln(parameters.a, passed + n - 0.5) - betaln(parameters.a, passed))
        return np.asarray(betainc(n + 0.5, shape, share) * stays - probability)

    # P(N >= 1) is above the probability (but for a rounding), and by Markov's inequality P(N >= 2 mean) is below.
    bracket = (np.full(len(cell), 0.5), 2 * shape * horizon / scale + 0.5)
    found = find_root(excess, bracket, args=(passed, shape, share, probability), tolerances={"xrtol": 1e-6})
    return np.where(found.success, found.x, 0.5)


def _grouped(patterns: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row per distinct keys with its customer_count, sorted: the same fit for any order or grouping of rows."""
    rows = patterns[keys].astype(float)
    rows["customer_count"] = patterns["customer_count"].astype(float) if "customer_count" in patterns else 1.0
    return rows.groupby(keys, sort=True)[["customer_count"]].sum().reset_index()


def _check_patterns(frequency: Floats, recency: Floats, age: Floats) -> None:
    impossible = (
        (recency < 0) | (recency > age) | (frequency < 0) | (frequency % 1 != 0) | ((frequency == 0) != (recency == 0))
    )
    if impossible.any():
        at = int(np.flatnonzero(impossible)[0])
        example = f"frequency {frequency[at]:g}, recency_days {recency[at]:g}, age_days {age[at]:g}"
        raise ValueError(f"{int(impossible.sum())} purchase patterns can't be, for example {example}")


def _too_little(customers: int, did: str) -> str | None:
    if customers >= MIN_REPEAT_CUSTOMERS:
        return None
    return f"only {customers} customers {did}, and {MIN_REPEAT_CUSTOMERS} are needed to see a habit"


def _checked(parameters: P, values: tuple[float, ...]) -> P:
    if not all(np.isfinite(value) and value > 0 for value in values):
        raise ValueError(f"not a set of parameters: {parameters}")
    return parameters


def _quietly(attempt: Callable[[], P]) -> P | None:
    """What attempt returns, None if it does not converge; lifetimes prints and warns on the way."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return attempt()
        except (ValueError, np.linalg.LinAlgError, FloatingPointError, OverflowError):
            return None


def _median(value: Floats, count: Floats) -> float:
    order = np.argsort(value, kind="stable")
    reached = np.cumsum(count[order])
    return float(value[order][np.searchsorted(reached, reached[-1] / 2)])


def _correlation(x: Floats, value: Floats, count: Floats) -> float | None:
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(value) == 0:
        return None
    covariance = np.cov(x, value, aweights=count)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def _parameter_rows(
    names: tuple[str, ...], parameters: ClvParameters | SpendParameters, method: Method
) -> list[tuple[str, float | None, str]]:
    rows: list[tuple[str, float | None, str]] = list(zip(names, parameters.values, [method] * len(names), strict=True))
    if parameters.covariance is not None:
        errors = np.array(parameters.values) * np.sqrt(np.diag(parameters.covariance))
        rows += [(f"{name}_standard_error", float(e), method) for name, e in zip(names, errors, strict=True)]
    return rows


def _rows(matrix: Any) -> Any:
    """A matrix of lists, as JSON has it, as a Covariance; None as None."""
    return None if matrix is None else tuple(tuple(row) for row in matrix)


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _rounded(values: Floats, digits: int) -> pa.Array:
    """Rounded, NULL for NaN, and without -0."""
    return pa.array(np.round(values, digits) + 0.0, from_pandas=True)
