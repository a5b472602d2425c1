"""What the manifests say: what is in the files, and who is not and why."""

import dataclasses
from datetime import date

import pytest
from campaign_shop import CampaignShop, campaign, campaign_on, files_of, sha

from pipelines.campaigns import files, manifest
from pipelines.campaigns.targets import export_target

# Customer, name, e-mail, phone, favourite category, points.
ANN = ("a", "Ann Mary Lee", "Ann.Lee+shop@Gmail.com", "(201) 555-0123", "=HYPERLINK(1)", "-5.00")
BOB = ("b", "Bob", None, "+44 20 7946 0958", "Tea; black, loose", "7.50")


def test_the_manifest_says_what_is_in_the_files_and_who_is_not_and_why(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB, ("c", None, "nobody", None, None, None))
    (file,) = files_of(shop.write(campaign_on("email", "unisender", name="Win back", exclude="champions")))
    content = shop.text("win_back/email.csv")
    assert shop.manifest() == {
        "run_date": "2025-03-10",
        "campaign_id": "win_back",
        "name": "Win back",
        "is_running": True,
        "priority": 1,
        "window_days": 30,
        "control_share": 0.0,
        "segments": {"lapsing": "Lapsing: not seen for long. One row per customer."},
        "exclude": {"champions": "Champions: not seen for long. One row per customer."},
        "channels": [
            {
                "channel": "email",
                "mode": "send",
                "candidates": 3,
                "listed": 1,
                "left_out": {
                    "deleted": 0,
                    "suppressed": 0,
                    "excluded_segment": 0,
                    "unsubscribed": 0,
                    "no_consent": 0,
                    "no_address": 1,
                    "bad_address": 1,
                    "same_address": 0,
                    "other_channel": 0,
                    "sent_before": 0,
                    "global_control_group": 0,
                    "cap": 0,
                    "priority": 0,
                    "control_group": 0,
                },
                "bad_values": {"email": 1},
                "removed": 0,
                "warnings": [],
                "files": [
                    {
                        "path": "email.csv",
                        "kind": "list",
                        "target": "unisender",
                        "rows": 1,
                        "bytes": len(content),
                        "sha256": sha(content),
                        "identifiers": {"email": "email"},
                    }
                ],
            }
        ],
    }
    assert (file.campaign_id, file.channel, file.target, file.kind) == ("win_back", "email", "unisender", "list")


def test_a_list_below_the_targets_minimum_is_written_with_a_warning(shop: CampaignShop) -> None:
    shop.customers(ANN)
    (file,) = files_of(shop.write(campaign_on("ads", "meta")))
    assert file.rows == 1
    (channel,) = shop.manifest()["channels"]
    assert channel["warnings"] == ["1 rows, but meta takes lists of 100 and more"]


def test_a_manifest_says_of_each_channel_whether_it_is_an_audience(shop: CampaignShop) -> None:
    shop.customers(ANN)
    three = [
        {"channel": "email", "target": "unisender"},
        {"channel": "ads", "target": "meta"},
        {"channel": "push", "target": "push"},
    ]
    shop.write(campaign("win_back", channels=three, use_channels="all"))
    modes = {channel["channel"]: channel["mode"] for channel in shop.manifest()["channels"]}
    assert modes == {"email": "send", "ads": "audience", "push": "send"}


def test_the_manifest_of_a_held_campaign_says_only_who_must_leave(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB)
    kept = campaign_on("email", "unisender", mode="audience")
    shop.write(kept, night=date(2025, 3, 9))
    shop.consent("email", False, "a")
    shop.write(kept, held={"win_back"})
    content = shop.text("win_back/email_removals.csv")
    assert shop.manifest()["channels"] == [
        {
            "channel": "email",
            "mode": None,
            "is_held": True,
            "removed": 1,
            "warnings": [],
            "files": [
                {
                    "path": "email_removals.csv",
                    "kind": "removals",
                    "target": "unisender",
                    "rows": 1,
                    "bytes": len(content),
                    "sha256": sha(content),
                    "identifiers": {"email": "email"},
                }
            ],
        }
    ]


def test_the_table_of_deliveries_counts_as_the_manifest_does(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB)
    kept = campaign_on("email", "unisender", mode="audience")
    shop.write(kept, night=date(2025, 3, 9))
    shop.consent("email", False, "a")
    held_back, waiting = shop.write(kept, held={"win_back"})
    same = {"campaign_id": "win_back", "channel": "email", "list_date": date(2025, 3, 10), "target": "unisender"}
    assert [*held_back.rows(), *waiting.rows()] == [
        same
        | {
            "delivery_number": 2,
            "mode": None,
            "eligible_count": None,
            "listed_count": 0,
            "removed_count": 1,
            "held_reason": None,
        },
        same
        | {
            "delivery_number": 3,
            "mode": "audience",
            "eligible_count": 0,
            "listed_count": 0,
            "removed_count": 1,
            "held_reason": "held",
        },
    ]


def test_files_that_would_replace_each_other_in_the_tool_are_named(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ANN, BOB)
    small = dataclasses.replace(export_target("yandex"), maximum_bytes=200, minimum_rows=2)
    for module in (files, manifest):
        monkeypatch.setattr(module, "export_target", lambda name: small)
    shop.write(campaign_on("ads", "yandex"))
    (channel,) = shop.manifest()["channels"]
    stays = "whoever left stays in the tool until then: delete its segment"
    assert channel["warnings"] == [
        f"ads.part-001.csv: 1 rows, but yandex takes lists of 2 and more; {stays}",
        f"ads.part-002.csv: 1 rows, but yandex takes lists of 2 and more; {stays}",
        "2 files, but yandex replaces its list by each: give each file a segment of its own",
    ]
