"""A home for files of a retailer's own."""

import pytest
from conftest import Retailer


@pytest.fixture
def home(retailer: Retailer) -> Retailer:
    retailer.home.mkdir()
    return retailer
