"""A fit of spend growth on simulated customers."""

import pytest
from spend_customers import HORIZON, spends

from models.spend_growth.fit import fit_spend_growth


@pytest.fixture(scope="session")
def fit():
    return fit_spend_growth(spends(4000, 1), spends(4000, 2), HORIZON)
