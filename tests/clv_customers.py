"""Customers of populations that the CLV models describe, for tests."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from models.clv.parameters import ClvParameters, SpendParameters

BUYING = ClvParameters("mbg/nbd", r=0.9, alpha=30.0, a=0.5, b=4.0)


SPEND = SpendParameters(p=2.0, q=4.0, v=60.0)


def customers(*rows: tuple[int | None, int | None, int | None, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["frequency", "recency_days", "age_days", "repeat_revenue"], dtype=float)
    return frame.assign(customer_id=[f"c{number}" for number in range(len(rows))])


# Of some customers (their numbers): what a day of each brings.
Spending = Callable[[np.ndarray], np.ndarray]
# Of a population of so many, drawn by a generator.
Population = Callable[[np.random.Generator, int], Spending]


def gamma_gamma(spend: SpendParameters) -> Population:
    def population(rng: np.random.Generator, count: int) -> Spending:
        rates = rng.gamma(spend.q, 1 / spend.v, count)
        return lambda here: rng.gamma(spend.p, 1 / rates[here])

    return population


def simulated(
    buying: ClvParameters, spend: SpendParameters | Population, count: int, horizon: int, rate: float, seed: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers of a population, and what each really brings, discounted, in the horizon."""
    return simulated_purchases(buying, spend, count, horizon, rate, seed)[:2]


def simulated_purchases(
    buying: ClvParameters,
    spend: SpendParameters | Population,
    count: int,
    horizon: int,
    rate: float,
    seed: int,
    longest: int = 730,
) -> tuple[pd.DataFrame, np.ndarray, int]:
    """As simulated, and how often they buy in the horizon, all together; longest: days since a first purchase."""
    rng = np.random.default_rng(seed)
    age = rng.integers(1, longest + 1, count)
    buys = rng.gamma(buying.r, 1 / buying.alpha, count)
    leaves, until = np.zeros(count), np.full(count, np.inf)
    if buying.model == "pareto/nbd":
        until = rng.exponential(1 / rng.gamma(buying.a, 1 / buying.b, count))
    else:
        leaves = rng.beta(buying.a, buying.b, count)
    spending = (gamma_gamma(spend) if isinstance(spend, SpendParameters) else spend)(rng, count)
    now, recency, frequency, revenue, squares, future = np.zeros((6, count))
    bought = 0
    here = np.arange(count) if buying.model == "bg/nbd" else np.flatnonzero(rng.random(count) >= leaves)
    while len(here):
        now[here] += rng.exponential(1 / buys[here])
        here = here[now[here] <= np.minimum(age[here] + horizon, until[here])]
        value = spending(here)
        past = now[here] <= age[here]
        frequency[here[past]] += 1
        recency[here[past]] = np.minimum(np.ceil(now[here[past]]), age[here[past]])
        revenue[here[past]] += value[past]
        squares[here[past]] += value[past] ** 2
        ahead = here[~past]
        bought += len(ahead)
        future[ahead] += value[~past] * (1 + rate) ** (-(now[ahead] - age[ahead]) / 365)
        here = here[rng.random(len(here)) >= leaves[here]]
    columns = {"frequency": frequency, "recency_days": recency, "age_days": age, "repeat_revenue": revenue}
    columns["squared_value"] = squares
    return pd.DataFrame(columns).assign(customer_id=[f"c{number}" for number in range(count)]), future, bought


def patterns(*rows: tuple[int, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frequency", "recency_days", "age_days", "customer_count"])


def mean_value(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(mean_repeat_value=frame["repeat_revenue"] / frame["frequency"].clip(lower=1))
