"""The published data of CDNOW's customers."""

import warnings

import pandas as pd
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifetimes.datasets import load_cdnow_summary, load_cdnow_summary_data_with_monetary_value


@pytest.fixture(scope="session")
def cdnow() -> pd.DataFrame:
    return load_cdnow_summary().rename(columns={"recency": "recency_days", "T": "age_days"})


@pytest.fixture(scope="session")
def cdnow_spend() -> pd.DataFrame:
    """With days as if each customer's were alike: the data have only their mean."""
    data = load_cdnow_summary_data_with_monetary_value().rename(columns={"monetary_value": "mean_repeat_value"})
    return data.assign(squared_value=data["frequency"] * data["mean_repeat_value"] ** 2)
