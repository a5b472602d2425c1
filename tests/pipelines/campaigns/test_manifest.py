"""What the manifests say: what is in the files, and who is not and why."""

import dataclasses
import json

import pytest
from campaign_shop import CampaignShop, campaign_on, sha

from pipelines.campaigns import files, manifest
from pipelines.campaigns.targets import export_target

# Customer, name, e-mail, phone, favourite category, points.
ANN = ("a", "Ann Mary Lee", "Ann.Lee+shop@Gmail.com", "(201) 555-0123", "=HYPERLINK(1)", "-5.00")
BOB = ("b", "Bob", None, "+44 20 7946 0958", "Tea; black, loose", "7.50")


def test_the_manifest_says_what_is_in_the_files_and_who_is_not_and_why(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB, ("c", None, "nobody", None, None, None))
    (file,) = shop.write(campaign_on("email", "unisender", name="Win back"))
    content = shop.text("win_back/email.csv")
    expected = {
        "run_date": "2025-03-10",
        "campaign_id": "win_back",
        "name": "Win back",
        "is_running": True,
        "priority": 1,
        "window_days": 30,
        "control_share": 0.0,
        "segments": {"lapsing": "Lapsing: not seen for long. One row per customer."},
        "channels": [
            {
                "channel": "email",
                "candidates": 3,
                "listed": 1,
                "left_out": {
                    "suppressed": 0,
                    "excluded_segment": 0,
                    "unsubscribed": 0,
                    "no_consent": 0,
                    "no_address": 1,
                    "bad_address": 1,
                    "same_address": 0,
                    "cap": 0,
                    "control_group": 0,
                },
                "bad_values": {"email": 1},
                "removed": 0,
                "warnings": [],
                "files": [
                    {
                        "path": "win_back/email.csv",
                        "kind": "list",
                        "target": "unisender",
                        "rows": 1,
                        "bytes": len(content),
                        "sha256": sha(content),
                    }
                ],
            }
        ],
    }
    assert json.loads(shop.text("win_back/manifest.json")) == expected
    assert shop.manifest() == {"run_date": "2025-03-10", "campaigns": [expected], "held": []}
    assert (file.campaign_id, file.channel, file.target, file.kind) == ("win_back", "email", "unisender", "list")


def test_a_list_below_the_targets_minimum_is_written_with_a_warning(shop: CampaignShop) -> None:
    shop.customers(ANN)
    (file,) = shop.write(campaign_on("ads", "meta"))
    assert file.rows == 1
    (channel,) = shop.manifest()["campaigns"][0]["channels"]
    assert channel["warnings"] == ["1 rows, but meta takes lists of 100 and more"]


def test_an_erased_person_is_removed_by_id_where_the_format_has_one_else_counted(shop: CampaignShop) -> None:
    shop.listed_before("ads", "yandex_api", "gone")
    shop.listed_before("email", "unisender", "gone")
    shop.write()
    assert shop.text("win_back/ads_removals.csv") == "email,phone,ext_id\n,,gone\n"
    assert shop.text("win_back/email_removals.csv") == "email,loyalty_win_back\n"
    ads, email = shop.manifest()["campaigns"][0]["channels"]
    assert (ads["removed"], ads["warnings"]) == (1, [])
    assert (email["removed"], email["warnings"]) == (
        1,
        ["1 removals are in no file: no address is known, or another customer's list entry has it"],
    )


def test_files_that_would_replace_each_other_in_the_tool_are_named(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ANN, BOB)
    small = dataclasses.replace(export_target("yandex"), maximum_bytes=200, minimum_rows=2)
    for module in (files, manifest):
        monkeypatch.setattr(module, "export_target", lambda name: small)
    shop.write(campaign_on("ads", "yandex"))
    (channel,) = shop.manifest()["campaigns"][0]["channels"]
    stays = "whoever left stays in the tool until then: delete its segment"
    assert channel["warnings"] == [
        f"ads.part-001.csv: 1 rows, but yandex takes lists of 2 and more; {stays}",
        f"ads.part-002.csv: 1 rows, but yandex takes lists of 2 and more; {stays}",
        "2 files, but yandex replaces its list by each: give each file a segment of its own",
    ]
