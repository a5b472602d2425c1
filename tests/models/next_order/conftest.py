"""A fit of the next order on simulated customers."""

import pytest
from next_order_customers import bought_days, patterns_of

from models.next_order.fit import fit_next_order, regularity


@pytest.fixture(scope="session")
def simulated():
    return patterns_of(bought_days(4000, k=2.0, seed=3))


@pytest.fixture(scope="session")
def fit(simulated):
    patterns, intervals, _ = simulated
    return fit_next_order(patterns, regularity(intervals))
