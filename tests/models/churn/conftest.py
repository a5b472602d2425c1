"""A fit of churn on simulated customers, and what it rests on."""

import pandas as pd
import pytest
from churn_customers import cut_offs, fitted

from models.churn.fit import ChurnFit


@pytest.fixture(scope="session")
def features() -> pd.DataFrame:
    return cut_offs(6000, seed=5)


@pytest.fixture(scope="session")
def fit(features) -> ChurnFit:
    return fitted(features)


@pytest.fixture(scope="session")
def later(features) -> pd.DataFrame:
    return features[features["as_of_date"] == features["as_of_date"].max()]


@pytest.fixture(scope="session")
def small() -> pd.DataFrame:
    return cut_offs(2000, seed=7)
