"""Campaign files: parts below a tool's limit, bytes that stay the same, and folders that are closed to others."""

import dataclasses
from pathlib import Path

import pytest
from campaign_shop import CampaignShop, campaign_on, campaigns_of, files_of, sha

from pipelines.campaigns import files
from pipelines.campaigns.files import split_file
from pipelines.campaigns.targets import export_target
from pipelines.errors import LoyaltyError

# Customer, name, e-mail, phone, favourite category, points.
ANN = ("a", "Ann Mary Lee", "Ann.Lee+shop@Gmail.com", "(201) 555-0123", "=HYPERLINK(1)", "-5.00")
BOB = ("b", "Bob", None, "+44 20 7946 0958", "Tea; black, loose", "7.50")


# --- parts ---


def test_a_file_at_its_limit_is_split_below_it_and_each_part_has_the_header(tmp_path: Path) -> None:
    path = tmp_path / "email.csv"
    path.write_text("email\n" + "a@b.cd\n" * 5)
    parts = [(part.name, rows, part.read_text()) for part, rows in split_file(path, 21, header=True)]
    assert parts == [
        ("email.part-001.csv", 2, "email\na@b.cd\na@b.cd\n"),
        ("email.part-002.csv", 2, "email\na@b.cd\na@b.cd\n"),
        ("email.part-003.csv", 1, "email\na@b.cd\n"),
    ]
    assert not path.exists()


def test_a_file_below_the_limit_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "push.jsonl"
    path.write_text('{"token":"a"}\n')
    assert list(split_file(path, 15, header=False)) == [(path, 1)]


def test_a_record_over_the_limit_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "email.csv"
    path.write_text("email\nsomebody@example.org\n")
    with pytest.raises(LoyaltyError, match=r"email.csv: a record alone is over the limit of 20 bytes"):
        list(split_file(path, 20, header=True))


def test_parts_are_in_the_manifest_with_their_own_rows_and_hash(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ANN, BOB)
    small = dataclasses.replace(export_target("sms"), maximum_bytes=30)
    monkeypatch.setattr(files, "export_target", lambda name: small)
    written = files_of(shop.write(campaign_on("sms", "sms")))
    assert [(file.path, file.rows) for file in written] == [("sms.part-001.csv", 1), ("sms.part-002.csv", 1)]
    assert [file.sha256 for file in written] == [sha("phone\n+12015550123\n"), sha("phone\n+442079460958\n")]
    (channel,) = shop.manifest()["channels"]
    assert (channel["listed"], [part["rows"] for part in channel["files"]]) == (2, [1, 1])


# --- folders ---


def test_files_and_folders_are_closed_to_others(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.write(campaign_on("email", "unisender"))
    night = shop.out_dir / "2025-03-10" / "win_back"
    (delivery,) = shop.deliveries.of("win_back")
    found = [*(path for path in (night, *night.rglob("*"))), *delivery.folder.rglob("*"), delivery.folder]
    modes = {path.relative_to(shop.out_dir).as_posix(): path.stat().st_mode & 0o777 for path in found}
    assert modes == {
        "2025-03-10/win_back": 0o700,
        "2025-03-10/win_back/email.csv": 0o600,
        "2025-03-10/win_back/manifest.json": 0o600,
        "deliveries/win_back/1": 0o700,
        "deliveries/win_back/1/delivery.json": 0o600,
        "deliveries/win_back/1/members.parquet": 0o600,
        "deliveries/win_back/1/eligible.parquet": 0o600,
        "deliveries/win_back/1/assignments.parquet": 0o600,
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_runs_are_the_same_byte_for_byte_sorted_by_customer(shop: CampaignShop) -> None:
    rows = [(f"{i:05d}", "Ann Lee", f"{i}@example.org", None, "Tea", i) for i in range(300)]
    shop.customers(*reversed(rows))
    lists = shop.lists(campaigns_of(campaign_on("email", "unisender", {"id": "customer_id"})))
    first, second = (contents(made.delivery.files) for _ in range(2) for made in shop.make(lists))
    assert first == second
    ids = [line.split(",")[1] for line in first["email.csv"].decode().splitlines()[1:]]
    assert ids == sorted(ids)


def test_a_run_that_fails_leaves_what_was_sent_as_it_was_and_nothing_to_send(
    shop: CampaignShop, segments: Path
) -> None:
    shop.customers(ANN)
    shop.write(campaign_on("email", "unisender"))
    before = contents(shop.out_dir / "2025-03-10")
    (segments / "lapsing.sql").unlink()
    with pytest.raises(FileNotFoundError):
        shop.write(campaign_on("sms", "sms", id="other"))
    assert contents(shop.out_dir / "2025-03-10") == before
    assert [delivery.number for delivery in shop.deliveries.all()] == [1]
    shop.lists(campaigns_of())
    assert [*(shop.deliveries.root / "other").iterdir()] == [], "the next night removes what was begun"


def test_a_night_without_campaigns_makes_no_delivery(shop: CampaignShop) -> None:
    assert shop.write() == []
