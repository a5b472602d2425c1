"""Nights' campaign files after an erasure: removals for every tool that had the person, and lists without them."""

import json
import shutil
from datetime import date
from pathlib import Path

from two_people import DAYS

from pipelines.campaigns.sending import release
from pipelines.privacy.erase import summary
from pipelines.privacy.person import Person
from pipelines.privacy.removals import write_removals_of
from pipelines.store.lake import Lake

DELETE = "delete the contact; the removals only take it off the list"


def by_hand(removals: Path) -> list[tuple[str, str, str]]:
    manifest = json.loads((removals / "manifest.json").read_text())
    return [(entry["campaign_id"], entry["target"], entry["to_do"]) for entry in manifest["by_hand"]]


def test_every_list_that_they_were_on_is_told_and_lists_are_without_them_also_when_one_is_released_later(
    two_nights, erased, erasure
):
    path = Path("exports", DAYS[0], "hello", "email.csv")
    assert len((two_nights / "home" / path).read_text().splitlines()) == 3
    path, (_, outcome) = erased.home / path, erasure
    assert outcome.found == ()
    removals = sorted(outcome.removals.glob("*/*.csv"))
    assert [file.relative_to(outcome.removals).as_posix() for file in removals] == [
        "club/email_removals.mautic.csv",
        "hello/email_removals.unisender.csv",
    ]
    assert removals[0].stat().st_mode & 0o777 == 0o600
    assert removals[1].read_text().splitlines() == ["email,id,loyalty_hello", "ann.lee@example.org,12,0"]
    assert by_hand(outcome.removals) == [("club", "mautic", DELETE), ("hello", "unisender", DELETE)]
    assert any("by_hand" in line for line in summary(outcome))
    assert path.read_text().splitlines() == ["email,id,loyalty_hello", f"bob@example.org,2,{DAYS[0]}"]
    night = json.loads((erased.home / "exports" / DAYS[0] / "manifest.json").read_text())
    assert (night["held"], [campaign["folder"] for campaign in night["campaigns"]]) == (["later"], ["club", "hello"])
    own = json.loads((path.parent / "manifest.json").read_text())
    for manifest, name in ((own, "email.csv"), (night["campaigns"][1], "hello/email.csv")):
        (channel,) = manifest["channels"]
        (file,) = channel["files"]
        assert (channel["listed"], file["rows"], file["bytes"], file["path"]) == (1, 1, path.stat().st_size, name)
    folder = release(erased.settings, "later")
    assert (folder / "email.csv").read_text().splitlines() == ["email,loyalty_later", f"bob@example.org,{DAYS[1]}"]


def test_lists_of_a_version_without_deliveries_are_told_too(shop, tmp_path):
    """The tool of its earlier sendings is not known: a person has to look for it."""
    lake = Lake(shop.home)
    shutil.rmtree(lake.deliveries.root)
    manifest = lake.manifest(date.fromisoformat(DAYS[1]))
    tables = {name: state for name, state in manifest.tables.items() if name != "campaign_delivery"}
    lake.replace_manifest(manifest.model_copy(update={"tables": tables}))
    write_removals_of(Person(frozenset({"11", "12"})), lake, shop.settings, tmp_path / "removals")
    of_the_tool = "delete what the tool keeps of the person"
    assert by_hand(tmp_path / "removals") == [
        ("club", "mautic", DELETE),
        ("hello", "unknown", of_the_tool),
    ]
    (file,) = (tmp_path / "removals").glob("*/*.csv")
    assert file.read_text().splitlines() == ["email,doNotEmail,loyalty_club", "ann.lee@example.org,1,0"]
