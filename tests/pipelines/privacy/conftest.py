"""A home with two people in it, to be erased from."""

import shutil
from pathlib import Path

import pytest
from conftest import Retailer
from two_people import CAMPAIGNS, DAYS, deliver_two_nights, run_day

from pipelines.catalog import segment_files
from pipelines.privacy.erase import Outcome, erase
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


@pytest.fixture(scope="session")
def erasure(two_nights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A home of its own in which the person with two accounts is erased, and what came of it."""
    home = tmp_path_factory.mktemp("erasure") / "home"
    shutil.copytree(two_nights / "home", home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        patch.setenv("LOYALTY_TIMEZONE", "America/New_York")
        patch.setenv("LOYALTY_CAMPAIGNS", str(two_nights / "campaigns.yaml"))
        load_settings.cache_clear()
        outcome = erase("12", load_settings())
    load_settings.cache_clear()
    return home, outcome


@pytest.fixture
def erased(
    retailer: Retailer, two_nights: Path, erasure: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> Retailer:
    """A copy of that home, to be changed."""
    shutil.copytree(erasure[0], retailer.home)
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(two_nights / "campaigns.yaml"))
    load_settings.cache_clear()
    return retailer


@pytest.fixture
def shop(retailer: Retailer, two_nights: Path, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    """A copy of those nights, to be changed."""
    shutil.copytree(two_nights / "home", retailer.home)
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(two_nights / "campaigns.yaml"))
    load_settings.cache_clear()
    return retailer
