"""Shops that several tests of scoring look at."""

from collections.abc import Iterator
from pathlib import Path

import churn_shop
import order_days
import pyarrow as pa
import pytest
import regulars as regular_shop
from conftest import Retailer

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings, load_settings
from pipelines.store.lake import Lake, Night


@pytest.fixture(scope="session")
def bought() -> pa.Table:
    """Days of 900 customers who join, buy at a rate of their own, and may leave."""
    return order_days.bought_days()


@pytest.fixture
def made_up(tmp_path: Path, bought: pa.Table) -> Iterator[order_days.Shop]:
    with order_days.opened_shop(tmp_path, bought) as shop:
        yield shop


@pytest.fixture(scope="module")
def regulars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Retailer, Night]]:
    """A shop of which nothing changes, and its night."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(tmp_path_factory.mktemp("regulars")))
        load_settings.cache_clear()
        shop = regular_shop.opened(Retailer(load_settings().home))
        yield shop, regular_shop.load(shop, regular_shop.NIGHT)
    load_settings.cache_clear()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[churn_shop.Shop]:
    """An engine for churn."""
    settings = Settings(_env_file=None, home=tmp_path, memory_limit="1GB", threads=1)
    night = Lake(tmp_path).open_night(churn_shop.NIGHT, "case")
    with DuckDBEngine(night, settings) as engine:
        yield churn_shop.Shop(engine, night, settings)


@pytest.fixture(scope="session")
def days() -> pa.Table:
    return churn_shop.order_days()
