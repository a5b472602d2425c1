"""The smallest difference of two shares that a comparison of so many customers can show.

Source: Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, 3rd edition, chapter 4 (samples of
unequal size, without the correction for continuity). There sizes follow from a difference; here the difference is
solved for.
"""

import math

from scipy.optimize import brentq
from scipy.stats import norm

POWER = 0.8
LEVEL = 0.05  # of a two-sided test; an effect's 95 % interval leaves zero out as often


def detectable_difference(base_rate: float, treated: int, control: int) -> float | None:
    """How much larger the treated customers' share of buyers must be to be told from the control group's.

    It is found in 80 of 100 such comparisons by a two-sided test at 5 %.

    Args:
        base_rate: Share of buyers in the control group.
        treated: Customers who get the campaign.
        control: Customers who don't.

    Returns:
        The difference as a share; None if not even a share of 1 would be told from `base_rate`.

    Raises:
        ValueError: the share is none, or a group is empty.
    """
    if not 0 <= base_rate <= 1 or min(treated, control) < 1:
        raise ValueError(f"a share from 0 to 1 and customers in both groups: {base_rate}, {treated}, {control}")
    level, power = float(norm.ppf(1 - LEVEL / 2)), float(norm.ppf(POWER))

    def lack(share: float) -> float:
        """By how much a treated share is too small."""
        pooled = (treated * share + control * base_rate) / (treated + control)
        if_alike = math.sqrt(pooled * (1 - pooled) * (1 / treated + 1 / control))
        if_not = math.sqrt(share * (1 - share) / treated + base_rate * (1 - base_rate) / control)
        return level * if_alike + power * if_not - (share - base_rate)

    if lack(1) > 0 or base_rate == 1:
        return None
    if base_rate == 0:
        # Both groups without a buyer lack nothing, and differ in nothing: the root asked for is above that one.
        return float(brentq(lack, 1e-12, 1, xtol=1e-12))
    return float(brentq(lack, base_rate, 1, xtol=1e-12)) - base_rate
