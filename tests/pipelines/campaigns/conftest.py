"""A shop of three segments, whose definitions are the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from campaign_shop import CampaignShop

from pipelines.campaigns import holds, manifest


@pytest.fixture
def segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the segments' SQL."""
    folder = tmp_path / "segments"
    folder.mkdir()
    for name in ("lapsing", "at_risk", "champions"):
        said = f"-- {name.capitalize()}: not seen for long.\n-- One row per customer.\n"
        (folder / f"{name}.sql").write_text(f"{said}SELECT customer_id FROM customer_360 -- no\n")
    for module in (holds, manifest):
        monkeypatch.setattr(module, "segment_path", lambda name: folder / f"{name}.sql")
    return folder


@pytest.fixture
def shop(tmp_path: Path, segments: Path) -> Iterator[CampaignShop]:
    found = CampaignShop(tmp_path / "exports")
    yield found
    found.con.close()
