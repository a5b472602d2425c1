"""A home with two people in it, to be erased from."""

import shutil
from pathlib import Path

import pytest
from conftest import Retailer
from two_people import CAMPAIGNS, DAYS, deliver_two_nights, run_day

from pipelines.catalog import segment_files
from pipelines.settings import load_settings


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of two people, one of whom has two accounts, and lists of both, one of which waits."""
    folder = tmp_path_factory.mktemp("two_nights")
    everybody = ", ".join(path.stem for path in segment_files())
    (folder / "campaigns.yaml").write_text(CAMPAIGNS.replace("everybody", f"[{everybody}]"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(folder / "home"))
        patch.setenv("LOYALTY_TIMEZONE", "America/New_York")
        patch.setenv("LOYALTY_CAMPAIGNS", str(folder / "campaigns.yaml"))
        load_settings.cache_clear()
        deliver_two_nights(Retailer(folder / "home"))
        for day in DAYS[:2]:
            run_day(day)
    load_settings.cache_clear()
    return folder


@pytest.fixture
def shop(retailer: Retailer, two_nights: Path, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    """A copy of those nights, to be changed."""
    shutil.copytree(two_nights / "home", retailer.home)
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(two_nights / "campaigns.yaml"))
    load_settings.cache_clear()
    return retailer
