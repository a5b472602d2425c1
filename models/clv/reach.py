"""The probability that a customer buys so much in a time: so many purchase days, or so much money.

The number of purchase days is that of models.clv.reached, and who may have left counts as in score_clv. What N days
bring is beta prime (models.clv.revenue). The randomness of leaving, buying and spending, and what is not known of the
customer's own rate and mean, are in it. The uncertainty of the population's parameters, which moves all alike, is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from models.clv.outlook import futures, still_there
from models.clv.parameters import ClvParameters, Spend, SpendMoments
from models.clv.reached import PurchaseDays, purchase_days
from models.clv.relative import spend_shape
from models.clv.revenue import relative_exceeded
from models.clv.score import expected_spend
from models.types import Floats, Indices

# If a customer's days vary less than this (squared coefficient of variation), revenue comes nearly in steps, which
# nodes would blur: all numbers of days are then summed up.
STEADY_VARIATION = 0.05

# Numbers of purchase days that are reached with less probability count as never.
NEVER = 1e-7

# A blur of floating point must not make one more purchase day needed.
_ROUNDING = 1e-9


# More days than anybody lives.
_MANY = 100_000


@dataclass(frozen=True)
class Buyers:
    """How customers have bought up to tonight, one entry each; none is NaN.

    Attributes:
        frequency: purchase days after the first.
        recency_days: from the first to the last one.
        age_days: from the first one to tonight.
        repeat_revenue: net spend on the later ones.
    """

    frequency: Floats
    recency_days: Floats
    age_days: Floats
    repeat_revenue: Floats


def days_reached(parameters: ClvParameters, buyers: Buyers, horizon: float, wanted: Sequence[Floats]) -> list[Floats]:
    """Probabilities to buy on at least so many days (above 0) in the horizon, an array for each of wanted."""
    found = []
    alive = still_there(parameters, buyers.frequency, buyers.recency_days, buyers.age_days)
    for amount in wanted:
        days = np.ceil(amount - _ROUNDING).clip(1.0)
        # Who has bought as often for as long and needs as many days has the same probability.
        keys = (buyers.frequency * _MANY + buyers.age_days) * _MANY + days.clip(max=_MANY - 1)
        _, first, group = np.unique(keys.astype(np.int64), return_index=True, return_inverse=True)
        future, cell = futures(parameters, buyers.frequency[first], buyers.age_days[first], horizon, 0.0)
        reached = purchase_days(parameters, future, cell, horizon).reached(days[first])
        found.append(alive * reached[group])
    return found


def money_reached(
    parameters: ClvParameters, spend: Spend, buyers: Buyers, horizon: float, wanted: Sequence[Floats]
) -> list[Floats]:
    """Probabilities to bring at least so much (above 0, in currency) in the horizon, an array for each of wanted."""
    x, age = buyers.frequency, buyers.age_days
    value = expected_spend(spend, x, buyers.repeat_revenue)
    days = [amount / value for amount in wanted]
    if isinstance(spend, SpendMoments) and spend.is_the_same:
        return days_reached(parameters, buyers, horizon, days)
    alive = still_there(parameters, x, buyers.recency_days, age)
    future, cell = futures(parameters, x, age, horizon, 0.0)
    if spend.day_variation < STEADY_VARIATION:
        bought = purchase_days(parameters, future, cell, horizon)
        shape = spend.mean_shape(future.frequency)[cell]
        return [alive * _summed(bought, spend.day_variation, shape, ratio) for ratio in days]
    any_purchase = 1 - future.none[cell]
    mean = future.mean[cell] / any_purchase
    exceeded = relative_exceeded(parameters, spend, future, cell, horizon, [ratio / mean for ratio in days])
    return [alive * any_purchase * one for one in exceeded]


def _summed(bought: PurchaseDays, variation: float, mean_shape: Floats, ratio: Floats) -> Floats:
    """P(the spend of N days >= ratio x the expected spend of one), summed over N, of those who have not left.

    It is the sum over n of P(N >= n) times by how much n days exceed the ratio more often than n - 1 days.
    """
    total, before = np.zeros(len(ratio)), np.zeros(len(ratio))
    rows: Indices = np.arange(len(ratio))
    days = 0.0
    while len(rows):
        days += 1.0
        own = PurchaseDays(bought.formula, tuple(column[rows] for column in bought.columns), bought.mean[rows])
        reached = own.reached(np.full(len(rows), days))
        exceeded = _exceeded(days, variation, mean_shape[rows], ratio[rows])
        total[rows] += reached * (exceeded - before[rows])
        before[rows] = exceeded
        rows = rows[(reached > NEVER) & (exceeded < 1 - NEVER)]
    return total


def _exceeded(days: float, variation: float, mean_shape: Floats, ratio: Floats) -> Floats:
    """P(the spend of so many days >= ratio x the expected spend of one); the inverse of models.clv.relative."""
    own = mean_shape.clip(max=1e8)
    shape = spend_shape(np.full(len(ratio), days), variation).clip(max=1e8)
    z = ratio / days * shape / (own - 1)
    return np.asarray(1 - betainc(shape, own, z / (1 + z)))
