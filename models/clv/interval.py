"""The 95 % predictive interval of what one customer brings, revenue in the horizon."""

import numpy as np
from scipy.optimize.elementwise import find_root
from scipy.special import betainc, betainccinv, betaln, ndtri

from models.clv.outlook import COVERAGE, Future
from models.clv.parameters import ClvParameters, SpendParameters
from models.types import Floats, Indices


def revenue_interval(
    parameters: ClvParameters,
    spend: SpendParameters,
    future: Future,
    cell: Indices,
    p_alive: Floats,
    repeat_revenue: Floats,
    horizon: int,
) -> tuple[Floats, Floats]:
    """Lowest and highest revenue of the 95 % predictive interval, one per customer.

    Given N purchase days, their spend is Gamma(p N) / rate with rate ~ Gamma(q + p x, v + repeat revenue). Given N > 0,
    a gamma is matched to mean and variance over N. The sum is then a scaled beta prime, whose quantiles are closed.
    Its lower tail is too thin for the few customers who almost surely buy, as some of them leave early. Their lower end
    comes from the exact distribution of N, with the spread of spend added in squares on the log scale (Zou and Donner
    2008).

    Args:
        parameters: of buying.
        spend: of spend.
        future: purchase days by cell.
        cell: each customer's place in it.
        p_alive: by the model itself, one per customer; NaN: unknown.
        repeat_revenue: one per customer.
        horizon: in days.
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

    def quantile(upper_tail: Floats, rows: Indices) -> Floats:
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
    cells = cell[rows]
    least = _purchase_days_exceeded(parameters, future, cells, (1 - tail) / p_alive[rows], horizon)
    spread = 1 / (spend.p * least) + 1 / spend_shape[rows]
    distance = np.sqrt(np.log(least / future.mean[cells]) ** 2 + ndtri(1 - tail) ** 2 * spread)
    low[rows] = unit[rows] * spend.p * future.mean[cells] / (spend_shape[rows] - 1) * np.exp(-distance)
    return low, high


def _purchase_days_exceeded(
    parameters: ClvParameters, future: Future, cell: Indices, probability: Floats, horizon: int
) -> Floats:
    """The number of purchase days that is exceeded with this probability by a customer who has not left.

    P(N >= n) = P(NB(r + x, .) >= n) x P(the customer stays through n - 1 purchases), both continued between whole
    numbers; half a purchase is added, as spend smooths the steps. MBG/NBD and BG/NBD.
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
