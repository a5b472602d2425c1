"""The fit of buying: the parameters of a population, and which of three models they are of.

models.clv.spend fits what a purchase day brings; models.clv.score makes scores of customers from the parameters.

Sources: Batislam, Denizel and Filiztekin 2007 (MBG/NBD), Fader, Hardie and Lee 2005 (BG/NBD), Schmittlein, Morrison
and Colombo 1987 (Pareto/NBD), Fader and Hardie 2013, brucehardie.com/notes/025 (Gamma-Gamma).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from models.clv.bounds import likelihood_bounds
from models.clv.buying import (
    PENALISERS,
    buying_likelihood,
    fit_buying,
    grouped_patterns,
    pattern_columns,
    too_little,
    without_warnings,
)
from models.clv.holdout import HoldoutPeriod, PastForecast, holdout_error, holdout_fits, nearest_models, past_forecast
from models.clv.parameters import BuyingModel, ClvParameters, Method
from models.types import Floats, QualityRow

BuyingChoice = Literal["best", "mbg/nbd", "bg/nbd", "pareto/nbd"]


# BG/NBD, the standard, gives way to a model whose log-likelihood is higher by more than this (an AIC lower by 4).
CLEARLY_LIKELIER = 2.0


# A rival less likely than this, relative to the model in use, adds nothing to a forecast's uncertainty.
MIN_WEIGHT = 0.01


@dataclass(frozen=True)
class ClvFit:
    """One fit of the model of buying.

    Attributes:
        model: which of the three.
        method: how the parameters were found.
        parameters: None: refused.
        log_likelihood: of all customers, on days.
        customers: that it was fitted on.
        repeat_customers: those of them with a second purchase day.
        converged: whether tonight's fit did.
        note: why, in a marketer's words.
        gradient_norm: of the mean log-likelihood of a customer by the logarithms of the parameters; 0 at its maximum.
        compared: log_likelihood of each model that was fitted, most likely first.
        held_out: forecast / actual purchase days in the holdout, of each model that was fitted before it.
        past: the forecast of the holdout by the model in use.
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
    past: PastForecast | None = None

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality, but for those of the parameters."""
        rows: list[QualityRow] = [("customers", float(self.customers), self.note)]
        if self.log_likelihood is not None:
            origin = "; of the parameters of an earlier night" if self.method == "last_good" else ""
            rows.append(("log_likelihood", self.log_likelihood, f"on days, not rescaled{origin}"))
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


def fit_clv(
    patterns: pd.DataFrame,
    last_good: ClvParameters | None = None,
    model: BuyingChoice = "mbg/nbd",
    horizon_days: float | None = None,
    holdout: HoldoutPeriod | None = None,
) -> ClvFit:
    """The model of buying of a population.

    A fit that does not converge is tried again with a growing penaliser, then last_good is used, then it is refused:
    parameters is None and the note says why. Of more customers than MAX_FITTED_CUSTOMERS every k-th in the order of
    the patterns is fitted on, and the note says so; likelihoods are of all.

    Args:
        patterns: one row per distinct pattern: frequency, recency_days, age_days, customer_count.
        last_good: the parameters of an earlier night, of any of the models.
        model: one of them, or 'best': all three are fitted. Those whose forecast of the holdout came nearest, give or
            take chance, are candidates. The likeliest of them is used, or BG/NBD unless another is clearly likelier.
            BG/NBD says that all one-time buyers are still there, so MBG/NBD is fitted along for p_alive.
        horizon_days: of the total forecast whose bounds are wanted; None: none.
        holdout: to choose the best model by, and to see how far off a forecast can be; None: all models are candidates.

    Raises:
        ValueError: a pattern can't be (recency above age, negative days, repeat purchases on the first day).
    """
    rows = grouped_patterns(patterns, ["frequency", "recency_days", "age_days"])
    x, recency, age, count = columns = pattern_columns(rows)
    _check_patterns(x, recency, age)
    customers, repeaters = int(count.sum()), int(count[x > 0].sum())

    def result(method: Method, parameters: ClvParameters | None, note: str, **more: Any) -> ClvFit:
        value = buying_likelihood(columns, parameters) if parameters and customers else None
        name: BuyingModel = parameters.model if parameters else "bg/nbd" if model == "best" else model
        converged = method in ("fitted", "penalised")
        return ClvFit(name, method, parameters, value, customers, repeaters, converged, note, **more)

    problem = too_little(repeaters, "bought on a second day")
    if problem is None and age.max() == 0:
        problem = "all history is of one day"
    if problem is None:
        for penaliser in PENALISERS:
            fit = _fitted(patterns, columns, model, penaliser, horizon_days, holdout)
            if fit is not None:
                more: dict[str, Any] = {"gradient_norm": fit.gradient_norm, "past": fit.past}
                more |= {"compared": fit.compared, "held_out": fit.held_out}
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
    past: PastForecast | None


def _fitted(
    patterns: pd.DataFrame,
    columns: tuple[Floats, ...],
    model: BuyingChoice,
    penaliser: float,
    horizon_days: float | None,
    holdout: HoldoutPeriod | None,
) -> _Fitted | None:
    """The model that is wanted, or the best one, with all that fit_clv says of it; None if none converges."""
    wanted = get_args(BuyingModel) if model == "best" else (model,)
    fits = {name: fit for name in wanted if (fit := without_warnings(partial(fit_buying, name, columns, penaliser)))}
    if not fits:
        return None
    compared = sorted(
        ((buying_likelihood(columns, parameters), parameters) for parameters, _, _ in fits.values()),
        key=lambda row: -row[0],
    )
    held_out = holdout_fits(holdout, tuple(fits), penaliser) if holdout is not None else {}
    nearest = nearest_models(held_out) or tuple(fits)
    parameters = _most_credible(compared, nearest)
    _, norm, step = fits[parameters.model]
    if parameters.model == "bg/nbd":
        alive = fits["mbg/nbd"][0] if "mbg/nbd" in fits else fit_clv(patterns).parameters
        parameters = replace(parameters, alive=alive)
    if horizon_days is not None:
        parameters = _bounded(parameters, columns, horizon_days)
        if holdout is not None and parameters.model in held_out:
            error = holdout_error(holdout, held_out[parameters.model])
            parameters = replace(parameters, held_out_error=error)
    ranks = tuple((other.model, value) for value, other in compared)
    note = f"penaliser {penaliser}: the plain fit did not converge" if penaliser else "converged"
    note += f"; fitted on one customer in {step}" if step > 1 else ""
    if model == "best":
        note += f"; {parameters.model} used, by likelihood the models rank {', '.join(name for name, _ in ranks)}"
        if holdout is not None and held_out:
            note += f", and no other forecasts the last {holdout.days} days better than {' and '.join(nearest)}"
    ratios = tuple((name, forecast.ratio) for name, forecast in held_out.items())
    past = past_forecast(holdout, held_out[parameters.model]) if holdout and parameters.model in held_out else None
    return _Fitted(parameters, note, norm, ranks, ratios, past)


def _most_credible(compared: list[tuple[float, ClvParameters]], candidates: tuple[BuyingModel, ...]) -> ClvParameters:
    """The likeliest candidate, or the standard if that is nearly as likely; with the rivals that are left."""
    able = [row for row in compared if row[1].model in candidates]
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
    return replace(
        parameters, bounds=without_warnings(partial(likelihood_bounds, parameters, columns, horizon)), rivals=rivals
    )


def _check_patterns(frequency: Floats, recency: Floats, age: Floats) -> None:
    impossible = (
        (recency < 0) | (recency > age) | (frequency < 0) | (frequency % 1 != 0) | ((frequency == 0) != (recency == 0))
    )
    if impossible.any():
        at = int(np.flatnonzero(impossible)[0])
        example = f"frequency {frequency[at]:g}, recency_days {recency[at]:g}, age_days {age[at]:g}"
        raise ValueError(f"{int(impossible.sum())} purchase patterns can't be, for example {example}")
