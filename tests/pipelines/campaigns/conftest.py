"""A shop of one segment, whose definition is the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from campaign_shop import CampaignShop

from pipelines.campaigns import manifest


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CampaignShop]:
    segments = tmp_path / "segments"
    segments.mkdir()
    (segments / "lapsing.sql").write_text("-- Lapsing: not seen for long.\n-- One row per customer.\nSELECT 1 -- no\n")
    monkeypatch.setattr(manifest, "SEGMENTS", segments)
    found = CampaignShop(tmp_path / "exports")
    yield found
    found.con.close()
