"""What a campaign's effect means, in words: one verdict a comparison."""

from typing import NamedTuple

import numpy as np

# Expected in the control group, by what both arms did before: with fewer no interval of skewed spend holds. So low that
# a campaign with 30 of them is not left out because the pre-period happens to show fewer.
MIN_BUYERS = 20


class Evidence(NamedTuple):
    """What a verdict goes by.

    Attributes:
        is_damaged: The arms were not drawn at random, or did not come whole.
        is_running: Windows are open that belong to the effect.
        expected_control_buyers: By what both arms did before; NaN where that is unknown.
        low: Lower end of the interval of the effect; NaN where it is unknown.
        high: Its upper end.
        break_even: Effect per treated customer that pays for the campaign; NaN where cost or margin is unknown.
    """

    is_damaged: bool
    is_running: bool
    expected_control_buyers: float
    low: float
    high: float
    break_even: float


def verdict(evidence: Evidence) -> str:
    """The first that holds, from `assignment damaged` to `can't tell`; bounds in the metric's unit, to the cent."""
    if evidence.is_damaged:
        return "assignment damaged"
    if evidence.is_running:
        return "running"
    if not evidence.expected_control_buyers >= MIN_BUYERS:
        return "too few to tell"
    if np.isnan(evidence.low) or np.isnan(evidence.high):
        return "can't tell: margin unknown"
    if evidence.high < 0:
        return "sells less"
    if evidence.high < evidence.break_even:
        return "does not pay"
    if evidence.low > evidence.break_even:
        return "pays"
    if evidence.low > 0:
        return "sells more, not shown to pay"
    return f"can't tell: between {evidence.low:.2f} and {evidence.high:.2f}"
