"""The interval of all campaigns' effect holds the truth as often as it says: the short form of make verify's table."""

import pytest
from all_campaigns_coverage import coverage


@pytest.mark.parametrize(("share", "lift"), [(0.1, 0.0), (0.05, 0.1)])
def test_the_interval_over_two_draws_holds_the_truth(share: float, lift: float) -> None:
    above, below, width = coverage(1000, 1000, share, lift, 0.6)
    assert 0.93 <= 1 - above - below <= 0.97
    assert max(above, below) <= 0.04
    assert width <= 1.25
