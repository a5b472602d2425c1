"""Campaign files after an erasure: removals for every tool that had the person, and lists without them."""

import json

from two_people import DAYS

from pipelines.privacy.erase import erase, summary


def test_every_list_that_they_were_on_is_told_and_the_lists_on_disk_are_without_them(shop):
    path = shop.home / "exports" / DAYS[1] / "hello" / "email.csv"
    assert len(path.read_text().splitlines()) == 3
    outcome = erase("12", shop.settings)
    (removals,) = outcome.removals.glob("hello/*.csv")
    assert removals.stat().st_mode & 0o777 == 0o600
    assert removals.read_text().splitlines() == ["email,id,loyalty_hello", "ann.lee@example.org,12,0"]
    to_do = "delete the contact; the removals only take it off the list"
    assert json.loads((outcome.removals / "manifest.json").read_text())["by_hand"] == [
        {"campaign_id": "hello", "channel": "email", "target": "unisender", "to_do": to_do}
    ]
    assert any("by_hand" in line for line in summary(outcome))
    assert path.read_text().splitlines() == ["email,id,loyalty_hello", "bob@example.org,2,1"]
    manifest = json.loads((shop.home / "exports" / DAYS[1] / "manifest.json").read_text())
    (channel,) = manifest["campaigns"][0]["channels"]
    assert (channel["listed"], channel["files"][0]["rows"]) == (1, 1)
    assert channel["files"][0]["bytes"] == path.stat().st_size
