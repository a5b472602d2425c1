"""What all customers together are expected to buy, with an interval."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from models.clv.outlook import COVERAGE, Z, futures, geometric_mean, leaving_points, pareto_mean, still_there
from models.clv.parameters import ClvParameters
from models.columns import as_table, floats
from models.types import Floats, Rows

# So many rows, of those that are forecast at once, show how a total moves with the parameters.
MAX_SENSITIVITY_ROWS = 5_000


@dataclass(frozen=True)
class TotalForecast:
    """What a group of customers is expected to do in the horizon; the forecasts of two groups without overlap add up.

    Attributes (arrays have an entry a model: the one in use, then its rivals):
        customers: how many they are.
        expected: purchase days.
        variance: of the purchase days, if the parameters were known.
        fewest: expected purchase days at the lower bound of the parameters, NaN if that is unknown.
        most: the same at the upper bound.
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

        By one model purchases are normal on either side of what it expects, with the spread of its deviations and its
        error on the holdout. By all models they are a mixture (Hoeting and others 1999).
        """
        if not np.isfinite(self.fewest).all():
            return None
        if not self.variance.all():
            return self.purchases, self.purchases  # of nobody
        weights = np.array([model.weight for model in (parameters, *parameters.rivals)])
        error = Z * (parameters.held_out_error or 0.0)
        missed = 1 - np.exp(-error), np.exp(error) - 1  # at most, as shares of what is expected
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


def forecast_total(customers: Rows, parameters: ClvParameters, horizon_days: float) -> TotalForecast:
    """Purchase days of all customers together in the horizon.

    Args:
        customers: frequency, recency_days, age_days, one row per customer; or per pattern, with customer_count.
        parameters: of fit_clv; the forecast's interval needs them too.
        horizon_days: how far to look ahead.
    """
    table = as_table(customers)
    x, recency, age = (floats(table[name]) for name in ("frequency", "recency_days", "age_days"))
    count = floats(table["customer_count"]) if "customer_count" in table.column_names else np.ones(len(x))
    known = np.isfinite(x) & np.isfinite(recency) & np.isfinite(age)
    x, recency, age, count = (column[known] for column in (x, recency, age, count))
    models = (parameters, *parameters.rivals)
    moments = [_moments(model, (x, recency, age, count), horizon_days) for model in models]
    return TotalForecast(int(count.sum()), *np.array(moments).T)


def _moments(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> tuple[float, ...]:
    """Of a total: expected purchase days of customers (frequency, recency, age, count), variance, fewest and most."""
    x, recency, age, count = columns
    p_alive = still_there(parameters, x, recency, age)
    future, cell = futures(parameters, x, age, horizon, 0.0)
    expected = p_alive * future.mean[cell]
    variance = p_alive * (future.pairs + future.mean)[cell] - expected**2
    total = float((count * expected).sum())
    # Every k-th row shows well enough how the total moves with the parameters.
    rows = slice(None, None, max(-(-len(x) // MAX_SENSITIVITY_ROWS), 1))
    expected_of_rows = float((count * expected)[rows].sum())
    ends = [np.nan, np.nan]
    if parameters.bounds is not None:
        some = tuple(column[rows] for column in columns)
        moved = (ClvParameters(parameters.model, *values) for values in parameters.bounds)
        ends = [
            total * expected_total(one, some, horizon) / expected_of_rows if expected_of_rows else 0.0 for one in moved
        ]
    return total, float((count * variance).sum()), *ends


def expected_total(parameters: ClvParameters, columns: tuple[Floats, ...], horizon: float) -> float:
    """Expected purchase days of customers (frequency, recency, age, count), all together."""
    x, recency, age, count = columns
    if parameters.model == "pareto/nbd":
        ahead = pareto_mean(parameters, x, age, np.array([horizon]))
    else:
        points = leaving_points(parameters, x.astype(np.int64))
        ahead = geometric_mean(parameters, x, age, np.array([horizon]), points)
    return float((count * still_there(parameters, x, recency, age) * ahead[:, 0]).sum())
