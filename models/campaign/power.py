"""What a campaign can show before it starts: the smallest effect that 80 of 100 such campaigns would find.

Campaigns are drawn from what comparable customers bought in as many days, with an effect planted, and judged by the
test that a campaign's effect is judged by. The usual 2.8 standard errors promise too much where spend is skewed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from models.campaign.difference import COVERAGE, pearson_quantile
from models.types import Floats

POWER = 0.8
# Nobody expects more of a campaign than that customers buy four times as often.
MAXIMUM_LIFT = 3.0
_CAMPAIGNS = 500
# The largest values are drawn from a tail that goes on beyond them: others like them were only not met.
_TAIL = 10
_TAIL_GROUPS = 30
_SINGLE, _GROUPS = 30, 40
_HALVINGS = 16
_GUESSES, _CLOSE = 8, 0.03
_SKEWNESSES = np.linspace(-8, 8, 641)
_CRITICAL = pearson_quantile((1 + COVERAGE) / 2, _SKEWNESSES)


@dataclass(frozen=True)
class Spread:
    """How customers' values are spread: groups of like values.

    Attributes:
        share: Of customers, one a group.
        powers: Means of the values, their squares and their cubes; groups x 3.
    """

    share: Floats
    powers: Floats

    @property
    def mean(self) -> float:
        return float(self.share @ self.powers[:, 0])


def spread_of(values: npt.ArrayLike) -> Spread:
    """The spread of customers' values, with a tail instead of the ten largest.

    The tail is that of a lognormal, as wide above the median of the positive values as these are. Without it, what a
    few hundred customers bought seems to vary less than what the next few hundred will buy. The ten stay where they
    vary more than the tail does, or the largest value was met twice, as with few prices.

    Args:
        values: One a customer, not all missing; 0 of those who bought nothing.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    positive = ordered[ordered > 0]
    if len(positive) < 2 * _TAIL or positive[-1] == positive[-2]:
        return _grouped(ordered)
    median = np.median(positive)
    width = math.sqrt(np.mean(np.log(positive[positive > median] / median) ** 2))
    above = _TAIL / len(positive) * np.geomspace(1, 1e-4, _TAIL_GROUPS + 1)
    beyond = norm.isf(np.sqrt(above[:-1] * above[1:])) - norm.isf(above[0])
    tail, share = ordered[-_TAIL - 1] * np.exp(width * beyond), -np.diff(above) / (above[0] - above[-1])
    if share @ tail**2 < np.mean(ordered[-_TAIL:] ** 2):
        return _grouped(ordered)
    body, part = _grouped(ordered[:-_TAIL]), _TAIL / len(ordered)
    return Spread(
        np.concatenate((body.share * (1 - part), share * part)),
        np.concatenate((body.powers, tail[:, None] ** np.array([1, 2, 3]))),
    )


def detectable_lift(spread: Spread, customers: int, control_share: float) -> float:
    """By how much customers must buy more often, as a share, for 80 of 100 campaigns to find it.

    Found is an effect whose 95 % interval lies above zero. Customers who buy f times as often have f times the variance
    and the third moment, as mean_difference takes it. Receipts that are larger instead have f² and f³ times: such an
    effect is found less often.

    Args:
        spread: Of what comparable customers bought in as many days.
        customers: In both arms.
        control_share: Of them in the control arm.

    Returns:
        NaN if an arm has fewer than two customers, nobody buys, or not even MAXIMUM_LIFT is found.
    """
    control = round(customers * control_share)
    treated = customers - control
    if min(control, treated) < 2 or not spread.mean > 0:
        return math.nan
    share_found = _share_found(spread, treated, control)
    low, high = 0.0, MAXIMUM_LIFT
    if share_found(high) < POWER:
        return math.nan
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if share_found(middle) >= POWER else (middle, high)
    return high


def needed_customers(lift_at: Callable[[int], float], lift: float, least: int, guess: int) -> int | None:
    """How many customers a campaign needs to find a lift in 80 of 100 cases.

    A lift that can be found falls about with the root of the number of customers; each guess works it out anew.

    Args:
        lift_at: The smallest lift that so many customers show; NaN if none.
        lift: The lift to find.
        least: With fewer no effect is judged.
        guess: Where to begin.

    Returns:
        None if `lift` is not above 0, or the guesses do not settle.
    """
    if not lift > 0:
        return None
    guess = max(guess, least)
    for _ in range(_GUESSES):
        found = lift_at(guess)
        if abs(found / lift - 1) < _CLOSE or (guess == least and found <= lift):
            return guess
        guess = guess * 4 if math.isnan(found) else max(math.ceil(guess * (found / lift) ** 2), least)
    return None


def _grouped(ordered: Floats) -> Spread:
    """The largest values alone, the others in groups of equally many; the zeros are a group."""
    by_size = ordered[np.argsort(np.abs(ordered), kind="stable")]
    zeros = int((by_size == 0).sum())
    rest, single = np.split(by_size[zeros:], [max(len(by_size) - zeros - _SINGLE, 0)])
    parts = [*np.array_split(rest, _GROUPS), *single[:, None], by_size[:zeros]]
    groups = [part for part in parts if len(part)]
    powers = np.array([[np.mean(part**power) for power in (1, 2, 3)] for part in groups])
    return Spread(np.array([len(part) for part in groups]) / len(ordered), powers)


def _share_found(spread: Spread, treated: int, control: int) -> Callable[[float], float]:
    """The share of drawn campaigns that find a lift: the same draws for every lift, of equal seed for every size."""
    mean_t, second_t, third_t = _moments(spread, treated, 1)
    mean_c, second_c, third_c = _moments(spread, control, 2)
    n, base = treated + control, spread.mean

    def share_found(lift: float) -> float:
        f = 1 + lift
        effect = f * base + math.sqrt(f) * (mean_t - base) - mean_c
        squared = (treated * f * second_t + control * second_c) / (n - 1) * (1 / treated + 1 / control)
        third = (treated * f * third_t + control * third_c) / n
        squared = np.maximum(squared, 1e-30 * base**2)
        skewness = third * (1 / treated**2 - 1 / control**2) / squared**1.5
        critical = np.interp(skewness, _SKEWNESSES, _CRITICAL)
        return float(np.mean(effect > np.sqrt(squared) * critical))

    return share_found


def _moments(spread: Spread, customers: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Mean and second and third central moment of an arm without effect, one a drawn campaign."""
    random = np.random.default_rng(seed)
    counts = random.multinomial(customers, spread.share / spread.share.sum(), size=_CAMPAIGNS)
    mean, square, cube = (counts @ spread.powers / customers).T
    return mean, np.maximum(square - mean**2, 0), cube - 3 * mean * square + 2 * mean**3
