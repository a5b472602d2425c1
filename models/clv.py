"""Customer lifetime value: who comes back how often (MBG/NBD), what a purchase day brings (Gamma-Gamma): the fits.

models.clv_score makes scores of customers from the parameters that are found here.

Sources: Batislam, Denizel and Filiztekin 2007 (MBG/NBD), Fader, Hardie and Lee 2005 (BG/NBD), Schmittlein, Morrison
and Colombo 1987 (Pareto/NBD), Fader and Hardie 2013, brucehardie.com/notes/025 (Gamma-Gamma).
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal, get_args

import autograd
import numpy as np
import pandas as pd
from lifetimes import GammaGammaFitter
from scipy.optimize import minimize
from scipy.special import chdtri

from models.clv_model import (
    FITTERS,
    Bounds,
    BuyingModel,
    ClvParameters,
    Covariance,
    Floats,
    Method,
    P,
    ParetoFitter,
    QualityRow,
    SpendParameters,
    Values,
    as_covariance,
    checked,
)
from models.clv_score import COVERAGE, TotalForecast, Z, expected_total, forecast_total

BuyingChoice = Literal["best", "mbg/nbd", "bg/nbd", "pareto/nbd"]

MIN_REPEAT_CUSTOMERS = 30
# More make no better model, only a slower one; Pareto/NBD, an integral for each customer, is the slowest.
MAX_FITTED_CUSTOMERS: dict[BuyingModel, int] = {"mbg/nbd": 200_000, "bg/nbd": 200_000, "pareto/nbd": 30_000}
MAX_SPEND_ROWS = 200_000
# BG/NBD, the standard, gives way to a model whose log-likelihood is higher by more (an AIC lower by 4).
CLEARLY_LIKELIER = 2.0
# A rival less likely than this, relative to the model in use, adds nothing to a forecast's uncertainty.
MIN_WEIGHT = 0.01
PENALISERS = (0.0, 0.001, 0.01, 0.1)
# How far the data let the parameters go is told by so many rows.
MAX_PROFILE_ROWS = 2_000
# Standard errors that the search for what the data allow may go away from the fit in any direction.
FARTHEST = 6.0


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

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality, but for those of the parameters."""
        rows: list[QualityRow] = [("customers", float(self.customers), self.note)]
        if self.log_likelihood is not None:
            whose = "; of the parameters of an earlier night" if self.method == "last_good" else ""
            rows.append(("log_likelihood", self.log_likelihood, f"on days, not rescaled{whose}"))
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
        past: to choose the best model by, and to see how far off the forecast can be; without it all are as near.

    Raises:
        ValueError: a pattern can't be (recency above age, negative days, repeat purchases on the first day).
    """
    rows = _grouped(patterns, ["frequency", "recency_days", "age_days"])
    x, recency, age, count = columns = _columns(rows)
    _check_patterns(x, recency, age)
    customers, repeaters = int(count.sum()), int(count[x > 0].sum())

    def result(method: Method, parameters: ClvParameters | None, note: str, **more: Any) -> ClvFit:
        value = _buying_likelihood(columns, parameters) if parameters and customers else None
        name: BuyingModel = parameters.model if parameters else "bg/nbd" if model == "best" else model
        converged = method in ("fitted", "penalised")
        return ClvFit(name, method, parameters, value, customers, repeaters, converged, note, **more)

    problem = _too_little(repeaters, "bought on a second day")
    if problem is None and age.max() == 0:
        problem = "all history is of one day"
    if problem is None:
        for penaliser in PENALISERS:
            fit = _fitted(patterns, columns, model, penaliser, horizon_days, past)
            if fit is not None:
                more = {"gradient_norm": fit.gradient_norm, "compared": fit.compared, "held_out": fit.held_out}
                return result("penalised" if penaliser else "fitted", fit.parameters, fit.note, **more)
        problem = "the fit did not converge, with and without a penaliser"
    if last_good is not None:
        return result("last_good", last_good, f"parameters of an earlier night, because {problem}")
    return result("none", None, f"no forecast of purchases: {problem}")


@dataclass(frozen=True)
class _Fitted:
    """What fit_clv found with one penaliser, as ClvFit has it."""

    parameters: ClvParameters
    note: str
    gradient_norm: float
    compared: tuple[tuple[BuyingModel, float], ...]
    held_out: tuple[tuple[BuyingModel, float], ...]


def _fitted(
    patterns: pd.DataFrame,
    columns: tuple[Floats, ...],
    model: BuyingChoice,
    penaliser: float,
    horizon_days: float | None,
    past: Past | None,
) -> _Fitted | None:
    """The model that is wanted, or the best one, with all that fit_clv tells of it; None if none converges."""
    wanted = get_args(BuyingModel) if model == "best" else (model,)
    fits = {name: fit for name in wanted if (fit := _quietly(partial(_fit_buying, name, columns, penaliser)))}
    if not fits:
        return None
    compared = sorted(
        ((_buying_likelihood(columns, parameters), parameters) for parameters, _, _ in fits.values()),
        key=lambda row: -row[0],
    )
    held_out = _held_out(past, tuple(fits), penaliser) if past is not None else {}
    near = _nearest(held_out) or tuple(fits)
    parameters = _most_credible(compared, near)
    _, norm, step = fits[parameters.model]
    if parameters.model == "bg/nbd":
        alive = fits["mbg/nbd"][0] if "mbg/nbd" in fits else fit_clv(patterns).parameters
        parameters = replace(parameters, alive=alive)
    if horizon_days is not None:
        parameters = _bounded(parameters, columns, horizon_days)
        if past is not None and parameters.model in held_out:
            error = _held_out_error(past, held_out[parameters.model])
            parameters = replace(parameters, held_out_error=error)
    ranks = tuple((other.model, value) for value, other in compared)
    note = f"penaliser {penaliser}: the plain fit did not converge" if penaliser else "converged"
    note += f"; fitted on one customer in {step}" if step > 1 else ""
    if model == "best":
        note += f"; {parameters.model} used, by likelihood the models rank {', '.join(name for name, _ in ranks)}"
        if past is not None and held_out:
            note += f", and no other forecasts the last {past.days} days better than {' and '.join(near)}"
    ratios = tuple((name, forecast.ratio) for name, forecast in held_out.items())
    return _Fitted(parameters, note, norm, ranks, ratios)


@dataclass(frozen=True)
class _HeldOut:
    """What a model that was learnt on the past forecast of it; ratio: forecast / actual purchase days."""

    parameters: ClvParameters
    total: TotalForecast
    ratio: float


def _held_out(past: Past, models: tuple[BuyingModel, ...], penaliser: float) -> dict[BuyingModel, _HeldOut]:
    """The forecasts of the models that can be learnt on the past, and expect something of it."""
    rows = _past_rows(past)
    if (rows["customer_count"] * (rows["frequency"] > 0)).sum() < MIN_REPEAT_CUSTOMERS:
        return {}
    columns = _columns(rows)
    fits = {name: fit[0] for name in models if (fit := _quietly(partial(_fit_buying, name, columns, penaliser)))}
    totals = {name: forecast_total(rows, parameters, past.days) for name, parameters in fits.items()}
    return {
        name: _HeldOut(fits[name], total, total.purchases / past.purchases)
        for name, total in totals.items()
        if total.purchases > 0
    }


def _nearest(held_out: dict[BuyingModel, _HeldOut]) -> tuple[BuyingModel, ...]:
    """The models whose forecast came nearest: the nearest, and who is farther off by no more than chance (95 %)."""
    off = {name: abs(float(np.log(forecast.ratio))) for name, forecast in held_out.items()}
    if not off:
        return ()
    nearest = held_out[min(off, key=lambda name: off[name])].total
    chance = Z * np.sqrt(nearest.variance[0]) / nearest.purchases
    return tuple(name for name in off if off[name] <= min(off.values()) + chance)


def _held_out_error(past: Past, forecast: _HeldOut) -> float:
    """How far a model's forecast of the past was off, on the log scale, beyond what it allows for itself.

    0 if what happened is within the forecast's own 95 % interval (if the data's bounds can't be told: of buying and
    leaving alone); else the method of moments: the squared error is the forecast's own variance plus that of what the
    model does not know of (seasons, growth, a closed shop).
    """
    rows, total = _past_rows(past), forecast.total
    own = float(np.sqrt(total.variance[0]))
    off = -float(np.log(forecast.ratio))
    bounds = _quietly(partial(_bounds, forecast.parameters, _columns(rows), past.days))
    if bounds is not None:
        total = forecast_total(rows, replace(forecast.parameters, bounds=bounds), past.days)
        own = float(total.deviations()[off > 0][0])
    own /= total.purchases
    return float(np.sqrt(off**2 - own**2)) if abs(off) > Z * own else 0.0


def _past_rows(past: Past) -> pd.DataFrame:
    return _grouped(past.patterns, ["frequency", "recency_days", "age_days"])


def _columns(rows: pd.DataFrame) -> tuple[Floats, ...]:
    return tuple(rows[name].to_numpy(float) for name in rows.columns)


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
    formula = FITTERS[parameters.model]._negative_log_likelihood
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
    fitter = FITTERS[model](penalizer_coef=penaliser).fit(*history, weights=count)
    covariance, norm = _uncertainty(fitter, (*history[:1], *(days * fitter._scale for days in history[1:]), count))
    r, alpha, a, b = (float(value) for value in fitter.params_)
    return checked(ClvParameters(model, r, alpha, a, b, covariance), (r, alpha, a, b)), norm, step


def _buying_likelihood(columns: tuple[Floats, ...], parameters: ClvParameters) -> float:
    formula = FITTERS[parameters.model]._negative_log_likelihood
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
        log_values[3] += np.log(fitter._scale) if isinstance(fitter, ParetoFitter) else 0.0
    gradient = autograd.grad(fitter._negative_log_likelihood)(log_values, *data, fitter.penalizer_coef)
    covariance = np.linalg.inv(fitter._hessian_ * count.sum() + np.eye(len(log_values)) / 4)
    if not np.isfinite(covariance).all() or (np.diag(covariance) <= 0).any():
        raise ValueError("the likelihood has no maximum here")
    return as_covariance(covariance.tolist()), float(np.linalg.norm(gradient))


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
        parameters = checked(SpendParameters(p, q, v * scale, covariance), (p, q, v))
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
