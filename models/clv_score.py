"""Scores of customers by the CLV models: who is still there, what each will bring, and all of them together.

The buying models share one shape. A customer buys at his own rate, λ ~ Gamma, until he is gone for good; given that he
is not gone, λ ~ Gamma(r + frequency, alpha + age), and his future depends on (frequency, age) alone. So all heavy terms
are worked out once per distinct pair, and p_alive carries what recency says.

Sources: as for models.clv, which fits the parameters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.optimize import brentq
from scipy.optimize.elementwise import find_root
from scipy.special import betainc, betainccinv, betaln, boxcox1p, ndtr, ndtri

from models.clv_model import FITTERS, ClvParameters, Floats, SpendParameters

DAYS_A_YEAR = 365
# How a total moves with the parameters is told by so many rows, of those that are forecast at once.
MAX_SENSITIVITY_ROWS = 5_000
COVERAGE = 0.95
Z = float(ndtri((1 + COVERAGE) / 2))
# What drift is watched on, by the part of the model that learns from it or makes it.
WATCHED = {
    "buying": ("days_between_purchases", "days_since_last_purchase", "p_alive", "expected_purchases"),
    "spend": ("mean_repeat_value", "expected_purchase_day_value"),
}


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


def watched_columns(customers: pa.Table, scored: pa.Table, active_days: int) -> dict[str, Floats]:
    """What drift is watched on, of the active customers: the columns of WATCHED.

    Frequency, age and days from the first to the last purchase grow by themselves, of each customer and in a young
    programme of all; the mean days between purchases and the days since the last one don't, among those who bought
    within active_days. A one-time buyer has no days between purchases and no repeat value: NaN, a bin of its own.

    Args:
        customers: as given to score_clv.
        scored: what it made of them.
        active_days: who bought within so many days is active.
    """
    x, recency, age, revenue = (
        _floats(customers[name]) for name in ("frequency", "recency_days", "age_days", "repeat_revenue")
    )
    repeats = np.where(x > 0, x, np.nan)
    scores = ("p_alive", "expected_purchases", "expected_purchase_day_value")
    columns = {
        "days_between_purchases": recency / repeats,
        "days_since_last_purchase": age - recency,
        "mean_repeat_value": revenue / repeats,
        **{name: _floats(scored[name]) for name in scores},
    }
    active = age - recency < active_days
    return {name: values[active] for name, values in columns.items()}


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

    def deviations(self) -> tuple[Floats, Floats]:
        """Standard deviation of purchases below and above what is expected, by model.

        Two things are uncertain: each customer's buying and leaving; and the parameters, which move all customers
        alike, within their bounds. The distances add up in squares (Zou and Donner 2008).
        """
        below, above = (
            np.sqrt(self.variance + ((bound - self.expected) / Z) ** 2) for bound in (self.fewest, self.most)
        )
        return below, above

    def interval(self, parameters: ClvParameters) -> tuple[float, float] | None:
        """Lowest and highest of the 95 % predictive interval of purchases, None if the fit's bounds are unknown.

        By one model purchases are normal on either side of what it expects, as far off as its deviations and its error
        on the held-out part of the history say; by all a mixture (Hoeting and others 1999).
        """
        if not np.isfinite(self.fewest).all():
            return None
        if not self.variance.all():
            return self.purchases, self.purchases  # of nobody
        weights = np.array([model.weight for model in (parameters, *parameters.rivals)])
        error = Z * (parameters.held_out_error or 0.0)
        missed = 1 - np.exp(-error), np.exp(error) - 1  # of what is expected, at most
        below, above = (
            np.hypot(deviation, self.expected * share / Z)
            for deviation, share in zip(self.deviations(), missed, strict=True)
        )
        bracket = (self.expected - 2 * Z * below).min(), (self.expected + 2 * Z * above).max()

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
        ends = [total * expected_total(one, part, horizon) / usual if usual else 0.0 for one in moved]
    return total, float((count * variance).sum()), *ends


def expected_total(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> float:
    """Expected purchase days of customers (frequency, recency, age, count), all together."""
    x, recency, age, count = columns
    if parameters.model == "pareto/nbd":
        ahead = _pareto_mean(parameters, x, age, np.array([horizon]))
    else:
        points = _leaving_points(parameters, x.astype(np.int64))
        ahead = _geometric_mean(parameters, x, age, np.array([horizon]), points)
    return float((count * _still_there(parameters, x, recency, age) * ahead[:, 0]).sum())


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
    fitter = FITTERS[parameters.model]()
    fitter.params_ = pd.Series(parameters.values, index=["r", "alpha", "a", "b"])
    # Overflow stands for odds of thousands of digits against the customer: the answer, 0, is right.
    with np.errstate(over="ignore"):
        parts = [
            fitter.conditional_probability_alive(*(column[start : start + 20_000] for column in columns))
            for columns in [(frequency, recency_days, age_days)]
            for start in range(0, max(len(frequency), 1), 20_000)
        ]
    return np.concatenate(parts).astype(float)


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


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _rounded(values: Floats, digits: int) -> pa.Array:
    """Rounded, NULL for NaN, and without -0."""
    return pa.array(np.round(values, digits) + 0.0, from_pandas=True)
