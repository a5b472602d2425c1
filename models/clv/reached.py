"""The distribution of one customer's purchase days in the horizon, by the parameters of buying."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize.elementwise import find_root
from scipy.special import betainc, betaln

from models.clv.outlook import Future
from models.clv.parameters import ClvParameters
from models.types import Floats, Indices


@dataclass(frozen=True)
class PurchaseDays:
    """P(N >= n) of customers who have not left, one each, continued between whole numbers from n = 1 on.

    formula: of n and the columns; columns: what it depends on; mean: expected days if nobody left.
    """

    formula: Callable[..., Floats]
    columns: tuple[Floats, ...]
    mean: Floats

    def reached(self, days: Floats) -> Floats:
        """P(N >= days)."""
        return self.formula(days, *self.columns)

    def reached_with(self, probability: Floats) -> Floats:
        """The number that is reached with this probability, 1 if even that is not."""
        # By Markov's inequality P(N >= mean / probability) is below the probability.
        bracket = (np.ones(len(self.mean)), self.mean / np.minimum(probability, 0.5) + 1)

        def excess(days: Floats, wanted: Floats, *columns: Floats) -> Floats:
            return self.formula(days, *columns) - wanted

        found = find_root(excess, bracket, args=(probability, *self.columns), tolerances={"xrtol": 1e-6})
        return np.where(found.success, found.x, 1.0)


def purchase_days(parameters: ClvParameters, future: Future, cell: Indices, horizon: float) -> PurchaseDays:
    """Of customers, each at a place in the future.

    With leaving after a purchase P(N >= n) = P(NB(r + x, .) >= n) x P(the customer stays through n - 1 purchases). With
    leaving at any time (Pareto/NBD) it is the integral over the day on which they leave, in log(day + unit) by 16
    Gauss-Legendre points, of P(NB >= n by then).
    """
    x, age = future.frequency[cell], future.age[cell]
    shape, scale = parameters.r + x, parameters.alpha + age
    share = horizon / (scale + horizon)
    leave = parameters.a
    if parameters.model != "pareto/nbd":
        passed = parameters.b + x + (parameters.model == "mbg/nbd")

        def geometric(days: Floats, passed: Floats, shape: Floats, share: Floats) -> Floats:
            stays = np.exp(betaln(leave, passed + days - 1) - betaln(leave, passed))
            return np.asarray(betainc(days, shape, share) * stays)

        return PurchaseDays(geometric, (passed, shape, share), shape * horizon / scale)

    points, weights = np.polynomial.legendre.leggauss(16)

    def pareto(days: Floats, shape: Floats, scale: Floats, base: Floats) -> Floats:
        unit = np.minimum(scale, base)
        span = np.log1p(horizon / unit)
        total = (1 + horizon / base) ** -leave * betainc(days, shape, horizon / (scale + horizon))
        for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
            grown = np.exp(span * point)
            day = unit * (grown - 1)
            leaves = leave / base * (1 + day / base) ** -(leave + 1)
            total += weight * span * unit * grown * leaves * betainc(days, shape, day / (scale + day))
        return np.asarray(total)

    return PurchaseDays(pareto, (shape, scale, parameters.b + age), shape * horizon / scale)
