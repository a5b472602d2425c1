"""How far the data let the parameters of buying go: those with which fewest and most purchases are expected."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import autograd
import numpy as np
from scipy.optimize import minimize
from scipy.special import chdtri

from models.clv.buying import MAX_FITTED_CUSTOMERS, thinned
from models.clv.outlook import COVERAGE
from models.clv.parameters import FITTERS, Bounds, ClvParameters, Values
from models.clv.total import expected_total
from models.types import Floats

# So many rows show how far the data let the parameters go.
MAX_PROFILE_ROWS = 2_000


# Standard errors that the search for what the data allow may go away from the fit in any direction.
FARTHEST = 6.0


# Half the chi-squared quantile of one degree of freedom: 1.92.
ALLOWED_DROP = float(chdtri(1, 1 - COVERAGE) / 2)


@dataclass(frozen=True)
class _Profile:
    """The likelihood around the fit, by steps from it; in steps of one standard error all directions are alike.

    Attributes:
        fit: logarithms of the fitted parameters.
        step: turns steps into differences of logarithms.
        room: how far the likelihood is above the lowest that is allowed.
        slope: of room.
    """

    fit: Floats
    step: Floats
    room: Callable[[Floats], float]
    slope: Callable[[Floats], Floats]

    def parameters_at(self, steps: Floats) -> Values:
        """r, alpha, a and b."""
        r, alpha, a, b = (float(value) for value in np.exp(self.fit + self.step @ steps))
        return r, alpha, a, b


def likelihood_bounds(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> Bounds:
    """Of the parameters that the data allow, those with which fewest and most purchases are expected.

    The data allow what has a log-likelihood of at most 1.92 below the highest (profile likelihood, Venzon and
    Moolgavkar 1988). A short history says little of leaving: the likelihood is flat up to where nobody ever leaves. The
    normal approximation there says nothing of the many purchases that are not made if some customers do leave. Of many
    rows a part stands for all: its likelihood is scaled and tilted so that it is highest at the parameters (surrogate
    likelihood, Jordan, Lee and Yang 2019).

    Raises:
        LinAlgError: the bounds can't be found.
    """
    rows = thinned(columns, MAX_PROFILE_ROWS)[0]
    few = thinned(rows, MAX_PROFILE_ROWS // 4)[0]
    profile = _profile(parameters, columns, rows)
    expected = expected_total(parameters, few, horizon)
    some_leaving = np.linalg.solve(profile.step, _some_leaving(parameters, columns) - profile.fit)
    farthest = max(np.linspace(0, 1, 11), key=lambda far: far if profile.room(far * some_leaving) > 0 else -far)

    def share(steps: Floats) -> float:
        moved = ClvParameters(parameters.model, *np.exp(profile.fit + profile.step @ steps))
        return expected_total(moved, few, horizon) / expected

    def end(sign: int) -> Values:
        best = np.zeros(4)
        # Most are expected if nobody leaves, and where that can be it is near the fit.
        for start in (best, farthest * some_leaving)[: 2 if sign > 0 else 1]:
            found = minimize(
                lambda steps: sign * share(steps),
                start,
                method="SLSQP",
                bounds=[(-FARTHEST, FARTHEST)] * 4,
                constraints={"type": "ineq", "fun": profile.room, "jac": profile.slope},
                options={"maxiter": 30, "ftol": 1e-5, "eps": 1e-4},
            ).x
            if profile.room(found) > -0.1 * ALLOWED_DROP and sign * share(found) < sign * share(best):
                best = found
        return profile.parameters_at(best)

    return end(1), end(-1)


def _profile(parameters: ClvParameters, columns: tuple[Floats, ...], rows: tuple[Floats, ...]) -> _Profile:
    """The likelihood of all columns around their parameters, as the rows show it."""
    formula = FITTERS[parameters.model]._negative_log_likelihood
    *history, count = rows
    fitted = thinned(columns, MAX_FITTED_CUSTOMERS[parameters.model])[0][-1].sum()
    fit = np.log(parameters.values)
    step = np.linalg.cholesky(np.array(parameters.covariance))
    loss = autograd.value_and_grad(lambda logs: formula(logs, *history, count, 0.0))
    level, tilt = loss(fit)

    @lru_cache(maxsize=1)
    def room_and_slope(*steps: float) -> tuple[float, Floats]:
        moved = step @ np.array(steps)
        there, slope = loss(fit + moved)
        return ALLOWED_DROP - fitted * (there - level - tilt @ moved), -fitted * (slope - tilt) @ step

    return _Profile(fit, step, lambda steps: float(room_and_slope(*steps)[0]), lambda steps: room_and_slope(*steps)[1])


def _some_leaving(parameters: ClvParameters, columns: tuple[Floats, ...]) -> Floats:
    """Logarithms of the parameters, but with customers who leave at all sorts of rates, many soon."""
    leaving = np.log(columns[2].max()) if parameters.model == "pareto/nbd" else 0.0
    return np.array([np.log(parameters.r), np.log(parameters.alpha), 0.0, leaving])
