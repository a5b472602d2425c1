"""The pages of a full night and of one with hostile names."""

import pytest
from report_nights import full_night, hostile_night
from report_warehouse import written


@pytest.fixture(scope="session")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("full"), full_night())


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("hostile"), hostile_night())
