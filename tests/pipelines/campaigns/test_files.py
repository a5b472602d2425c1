"""Campaign files: each target's format, hashing, protection, parts and manifests, byte for byte."""

import csv
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.campaigns import files as export
from pipelines.campaigns.config import Campaigns
from pipelines.campaigns.files import ExportFile, split_file, write_exports
from pipelines.campaigns.selection import campaign_lists
from pipelines.campaigns.targets import export_target, target_names
from pipelines.errors import LoyaltyError
from pipelines.intake.addresses import register_functions
from pipelines.settings import Settings

NIGHT = date(2025, 3, 10)
SETTINGS = Settings(control_salt="salt")
TABLES = """
CREATE SCHEMA history;
CREATE TABLE customer (customer_id VARCHAR, is_deleted BOOLEAN, email_consent BOOLEAN, sms_consent BOOLEAN,
    push_consent BOOLEAN, messenger_consent BOOLEAN, call_consent BOOLEAN, ads_consent BOOLEAN);
CREATE TABLE extract (customer_id VARCHAR, name VARCHAR, email VARCHAR, phone VARCHAR, push_token VARCHAR,
    messenger_id VARCHAR);
CREATE VIEW crm_customers_personal AS
SELECT *, normal_email(email) AS email_normal, normal_phone(phone) AS phone_normal FROM extract;
CREATE TABLE customer_identity (source_customer_id VARCHAR, customer_id VARCHAR);
CREATE TABLE customer_segment (customer_id VARCHAR, segment VARCHAR);
CREATE TABLE customer_360 (customer_id VARCHAR, favourite_category VARCHAR, points_balance DECIMAL(18,2),
    region VARCHAR, last_order_date DATE);
CREATE TABLE campaigns (campaign_id VARCHAR, starts_on DATE, window_days BIGINT);
CREATE TABLE campaign_members (campaign_id VARCHAR, customer_id VARCHAR, channel VARCHAR, arm VARCHAR,
    assigned_at TIMESTAMPTZ, assigned_date DATE, landing_date DATE);
CREATE TABLE history.campaign_assignment (campaign_id VARCHAR, customer_id VARCHAR, channel VARCHAR, arm VARCHAR,
    assigned_at TIMESTAMPTZ, assigned_date DATE, window_days BIGINT, source VARCHAR);
CREATE TABLE history.campaign_list (campaign_id VARCHAR, channel VARCHAR, target VARCHAR, customer_id VARCHAR);
CREATE TABLE history.crm_customers_personal AS FROM crm_customers_personal;
"""
# Customer, name, e-mail, phone, favourite category, points.
ANN = ("a", "Ann Mary Lee", "Ann.Lee+shop@Gmail.com", "(201) 555-0123", "=HYPERLINK(1)", "-5.00")
BOB = ("b", "Bob", None, "+44 20 7946 0958", "Tea; black, loose", "7.50")


class Shop:
    """A night in memory, and the folder that it is exported to."""

    def __init__(self, out_dir: Path) -> None:
        self.con = duckdb.connect()
        register_functions(self.con, "US")
        self.con.execute(TABLES)
        self.out_dir = out_dir

    def customers(self, *rows: tuple[Any, ...]) -> None:
        """Customers of segment 'lapsing' who consent to everything."""
        for customer_id, name, email, phone, category, points in rows:
            self.con.execute("INSERT INTO customer SELECT $1, FALSE, TRUE, TRUE, TRUE, TRUE, TRUE, TRUE", [customer_id])
            self.con.execute(
                "INSERT INTO extract VALUES (?, ?, ?, ?, ?, ?)",
                [customer_id, name, email, phone, f"token-{customer_id}", f"m-{customer_id}"],
            )
            self.con.execute(
                "INSERT INTO customer_360 VALUES (?, ?, ?, 'East', '2025-01-31')", [customer_id, category, points]
            )
            self.con.execute("INSERT INTO customer_segment VALUES (?, 'lapsing')", [customer_id])

    def listed_before(self, channel: str, target: str, *customer_ids: str) -> None:
        """Customers were on the last list, with the addresses that they have now."""
        self.con.execute("CREATE OR REPLACE TABLE history.crm_customers_personal AS FROM crm_customers_personal")
        for customer_id in customer_ids:
            self.con.execute(
                "INSERT INTO history.campaign_list VALUES ('win_back', ?, ?, ?)", [channel, target, customer_id]
            )

    def write(self, *campaigns: dict[str, Any]) -> list[ExportFile]:
        config = Campaigns.model_validate({"campaigns": campaigns})
        lists = campaign_lists(self.con, config, SETTINGS, NIGHT)
        return write_exports(self.con, lists, config, SETTINGS, NIGHT, self.out_dir)

    def text(self, name: str) -> str:
        return (self.out_dir / "2025-03-10" / name).read_bytes().decode()

    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text("manifest.json"))
        return found


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    segments = tmp_path / "segments"
    segments.mkdir()
    (segments / "lapsing.sql").write_text("-- Lapsing: not seen for long.\n-- One row per customer.\nSELECT 1 -- no\n")
    monkeypatch.setattr(export, "SEGMENTS", segments)
    found = Shop(tmp_path / "exports")
    yield found
    found.con.close()


def campaign(channel: str, target: str, fields: dict[str, str] | None = None, **values: Any) -> dict[str, Any]:
    return {
        "id": "win_back",
        "name": "Win back",
        "segment": "lapsing",
        "priority": 1,
        "window_days": 30,
        "control_share": 0,
        "channels": [{"channel": channel, "target": target, "fields": fields or {}}],
    } | values


def sha(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


# --- formats ---


def test_google_ads_hashes_gmail_without_dots_and_suffix_and_names_in_lower_case(shop: Shop) -> None:
    shop.customers(ANN, ("c", None, "C.D+e@Example.org", None, None, None))
    shop.write(campaign("ads", "google_ads"))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "Email,Phone,First Name,Last Name",
        f"{sha('annlee@gmail.com')},{sha('+12015550123')},{sha('ann')},{sha('lee')}",
        f"{sha('c.d+e@example.org')},,,",
    ]


def test_hashes_are_plain_sha256_in_lower_case_hex(shop: Shop) -> None:
    shop.customers(("t", None, " Test@Example.com", None, None, None))
    shop.write(campaign("ads", "google_ads"))
    # echo -n test@example.com | sha256sum
    assert "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b" in shop.text("win_back/ads.csv")


def test_google_ads_takes_country_and_zip_unhashed_from_the_campaign(shop: Shop) -> None:
    shop.customers(BOB)
    shop.write(campaign("ads", "google_ads", {"Country": "region"}))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "Email,Phone,First Name,Last Name,Country",
        f",{sha('+442079460958')},{sha('bob')},,East",
    ]


def test_meta_has_all_headers_and_hashes_the_phones_digits_without_plus(shop: Shop) -> None:
    shop.customers(ANN, BOB)
    shop.write(campaign("ads", "meta", {"st": "region"}))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "email,phone,madid,fn,ln,ct,st,country,uid",
        f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},,{sha('ann')},{sha('lee')},,{sha('east')},,",
        f",{sha('442079460958')},,{sha('bob')},,,{sha('east')},,",
    ]


def test_tiktok_hashes_email_and_e164(shop: Shop) -> None:
    shop.customers(ANN)
    shop.write(campaign("ads", "tiktok"))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "Email_SHA256,Phone_SHA256",
        f"{sha('ann.lee+shop@gmail.com')},{sha('+12015550123')}",
    ]


def test_yandex_hashes_email_and_digits_and_names_the_customer(shop: Shop) -> None:
    shop.customers(ANN)
    shop.write(campaign("ads", "yandex"))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "email,phone,ext_id",
        f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},a",
    ]


def test_unisender_gets_the_channels_address_and_the_merge_fields(shop: Shop) -> None:
    shop.customers(ANN)
    fields = {"Name": "first_name", "category": "favourite_category", "points": "points_balance"}
    shop.write(campaign("email", "unisender", {**fields, "last": "last_order_date"}))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,Name,category,points,last",
        "ann.lee+shop@gmail.com,Ann,'=HYPERLINK(1),-5.00,2025-01-31",
    ]


def test_esputnik_takes_a_phone_instead(shop: Shop) -> None:
    shop.customers(BOB)
    shop.write(campaign("sms", "esputnik"))
    assert shop.text("win_back/sms.csv") == "phone\n+442079460958\n"


def test_mautic_gets_aliases_and_who_does_not_want_email(shop: Shop) -> None:
    shop.customers(ANN)
    shop.write(campaign("email", "mautic"))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,firstname,lastname,doNotEmail",
        "ann.lee+shop@gmail.com,Ann,Lee,0",
    ]


def test_mindbox_headers_are_the_campaigns(shop: Shop) -> None:
    shop.customers(BOB)
    shop.write(campaign("sms", "mindbox", {"Phone": "phone", "Category": "favourite_category"}))
    assert list(csv.reader(shop.text("win_back/sms.csv").splitlines(), delimiter=";")) == [
        ["CustomerId", "Phone", "Category"],
        ["b", "+442079460958", "Tea; black, loose"],
    ]


@pytest.mark.parametrize("channel", ["sms", "call"])
def test_gateways_get_e164(shop: Shop, channel: str) -> None:
    shop.customers(ANN, BOB)
    shop.write(campaign(channel, "sms", {"points": "points_balance"}))
    assert shop.text(f"win_back/{channel}.csv") == "phone,points\n+12015550123,-5.00\n+442079460958,7.50\n"


def test_push_and_messenger_are_json_lines(shop: Shop) -> None:
    shop.customers(ANN)
    both = [
        {"channel": "push", "target": "push", "fields": {"category": "favourite_category", "points": "points_balance"}},
        {"channel": "messenger", "target": "messenger"},
    ]
    shop.write(campaign("push", "push", channels=both))
    assert [json.loads(line) for line in shop.text("win_back/push.jsonl").splitlines()] == [
        {"token": "token-a", "customer_id": "a", "category": "=HYPERLINK(1)", "points": -5.0}
    ]
    assert shop.text("win_back/messenger.jsonl") == '{"messenger_id":"m-a","customer_id":"a"}\n'


@pytest.mark.parametrize("name", target_names())
def test_every_target_has_a_valid_contract_with_an_identifier(name: str) -> None:
    target = export_target(name)
    sources = {column.source for column in target.columns}
    for channel in target.channels:
        assert sources & set(export.CHANNELS[channel])


def test_a_contract_with_an_unknown_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (export.CONTRACTS / "exports" / "sms.yaml").read_text().replace("value: phone", "value: telephone")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "fax.yaml").write_text(text)
    monkeypatch.setattr(export, "CONTRACTS", tmp_path)
    with pytest.raises(ValueError, match=r"fax.yaml: .*column phone: unknown source 'telephone'"):
        export_target("fax")


# --- protection ---


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "' =1"),
        ("Tea=1", "Tea=1"),
        ('say "hi"', 'say "hi"'),
        ("two\r\nlines", "two lines"),
        ("Чай", "Чай"),
    ],
)
def test_text_is_no_formula_and_a_record_is_one_line(shop: Shop, given: str, written: str) -> None:
    shop.customers(("a", None, None, "(201) 555-0123", given, 1))
    shop.write(campaign("sms", "sms", {"category": "favourite_category"}))
    assert list(csv.reader(shop.text("win_back/sms.csv").split("\n")))[1] == ["+12015550123", written]


def test_names_are_protected_too(shop: Shop) -> None:
    shop.customers(("a", "=cmd() -x", "a@example.org", None, None, None))
    shop.write(campaign("email", "mautic"))
    assert shop.text("win_back/email.csv").splitlines()[1] == "a@example.org,'=cmd(),'-x,0"


def test_files_and_folders_are_closed_to_others(shop: Shop) -> None:
    shop.customers(ANN)
    shop.write(campaign("email", "unisender"))
    night = shop.out_dir / "2025-03-10"
    modes = {path.relative_to(night).as_posix(): path.stat().st_mode & 0o777 for path in [night, *night.rglob("*")]}
    assert modes == {
        ".": 0o700,
        "win_back": 0o700,
        "manifest.json": 0o600,
        "win_back/email.csv": 0o600,
        "win_back/manifest.json": 0o600,
    }


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


def test_parts_are_in_the_manifest_with_their_own_rows_and_hash(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.customers(ANN, BOB)
    small = dataclasses.replace(export_target("sms"), maximum_bytes=30)
    monkeypatch.setattr(export, "export_target", lambda name: small)
    files = shop.write(campaign("sms", "sms"))
    assert [(file.path, file.rows) for file in files] == [
        ("win_back/sms.part-001.csv", 1),
        ("win_back/sms.part-002.csv", 1),
    ]
    assert [file.sha256 for file in files] == [sha("phone\n+12015550123\n"), sha("phone\n+442079460958\n")]
    (channel,) = shop.manifest()["campaigns"][0]["channels"]
    assert (channel["listed"], [part["rows"] for part in channel["files"]]) == (2, [1, 1])


# --- removals ---


def test_removals_name_the_person_and_nothing_else(shop: Shop) -> None:
    shop.customers(ANN)
    shop.listed_before("email", "unisender", "a")
    shop.con.execute("UPDATE customer SET email_consent = FALSE")
    shop.write(campaign("email", "unisender", {"Name": "first_name", "points": "points_balance"}))
    assert shop.text("win_back/email.csv") == "email,Name,points\n"
    assert shop.text("win_back/email_removals.csv") == "email\nann.lee+shop@gmail.com\n"


def test_removals_to_meta_keep_its_headers_and_hashing(shop: Shop) -> None:
    shop.customers(ANN)
    shop.listed_before("ads", "meta", "a")
    shop.con.execute("UPDATE customer SET ads_consent = FALSE")
    shop.write(campaign("ads", "meta"))
    row = f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},,,,,,,"
    assert shop.text("win_back/ads_removals.csv").splitlines()[1:] == [row]


def test_mautic_is_told_who_withdrew_consent_but_not_who_only_left_the_segment(shop: Shop) -> None:
    shop.customers(("a", None, "a@example.org", None, None, None), ("b", None, "b@example.org", None, None, None))
    shop.listed_before("email", "mautic", "a", "b")
    shop.con.execute("DELETE FROM customer_segment")
    shop.con.execute("UPDATE customer SET email_consent = FALSE WHERE customer_id = 'a'")
    shop.write(campaign("email", "mautic"))
    assert shop.text("win_back/email_removals.csv") == "email,doNotEmail\na@example.org,1\nb@example.org,0\n"


def test_an_erased_person_is_removed_by_the_address_that_was_listed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.listed_before("ads", "yandex", "a")
    shop.listed_before("email", "unisender", "a")
    for table in ("customer", "extract", "customer_segment", "customer_360"):
        shop.con.execute(f"DELETE FROM {table}")
    shop.write()
    row = f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},a"
    assert shop.text("win_back/ads_removals.csv") == f"email,phone,ext_id\n{row}\n"
    assert shop.text("win_back/email_removals.csv") == "email\nann.lee+shop@gmail.com\n"


@pytest.mark.parametrize(
    ("channel", "target", "fields", "expected"),
    [
        ("ads", "yandex", {}, f"email,phone,ext_id\n,{sha('442079460958')},\n"),
        (
            "ads",
            "meta",
            {"uid": "customer_id"},
            f"email,phone,madid,fn,ln,ct,st,country,uid\n,{sha('442079460958')},,,,,,,\n",
        ),
        ("sms", "mindbox", {"Phone": "phone"}, "CustomerId;Phone\n;+442079460958\n"),
        ("sms", "mautic", {"id": "customer_id"}, "phone,doNotEmail,id\n+442079460958,1,\n"),
        ("push", "push", {}, '{"token":"token-b","customer_id":null}\n'),
    ],
)
def test_a_changed_address_is_removed_without_the_id_of_the_person_who_stays(
    shop: Shop, channel: str, target: str, fields: dict[str, str], expected: str
) -> None:
    shop.customers(BOB)
    shop.listed_before(channel, target, "b")
    shop.con.execute("UPDATE extract SET phone = '(201) 555-0100', push_token = 'new'")
    list_file, removals = shop.write(campaign(channel, target, fields))
    assert (list_file.rows, removals.rows) == (1, 1)
    assert shop.text(removals.path) == expected
    (told,) = shop.manifest()["campaigns"][0]["channels"]
    assert (told["listed"], told["removed"], [w for w in told["warnings"] if "removals" in w]) == (1, 1, [])


def test_an_erased_person_is_removed_by_id_where_the_format_has_one_else_counted(shop: Shop) -> None:
    shop.listed_before("ads", "yandex", "gone")
    shop.listed_before("email", "unisender", "gone")
    shop.write()
    assert shop.text("win_back/ads_removals.csv") == "email,phone,ext_id\n,,gone\n"
    assert shop.text("win_back/email_removals.csv") == "email\n"
    ads, email = shop.manifest()["campaigns"][0]["channels"]
    assert (ads["removed"], ads["warnings"]) == (1, [])
    assert (email["removed"], email["warnings"]) == (
        1,
        ["1 removals are in no file: no address is known, or another customer's list entry has it"],
    )


# --- the night's folder ---


def test_the_manifest_says_what_is_in_the_files_and_who_is_not_and_why(shop: Shop) -> None:
    shop.customers(ANN, BOB, ("c", None, "nobody", None, None, None))
    (file,) = shop.write(campaign("email", "unisender"))
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
    assert shop.manifest() == {"run_date": "2025-03-10", "campaigns": [expected]}
    assert (file.campaign_id, file.channel, file.target, file.kind) == ("win_back", "email", "unisender", "list")


def test_a_list_below_the_targets_minimum_is_written_with_a_warning(shop: Shop) -> None:
    shop.customers(ANN)
    (file,) = shop.write(campaign("ads", "meta"))
    assert file.rows == 1
    (channel,) = shop.manifest()["campaigns"][0]["channels"]
    assert channel["warnings"] == ["1 rows, but meta takes lists of 100 and more"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_runs_are_the_same_byte_for_byte_sorted_by_customer(shop: Shop) -> None:
    rows = [(f"{i:05d}", "Ann Lee", f"{i}@example.org", None, "Tea", i) for i in range(300)]
    shop.customers(*reversed(rows))
    shop.write(campaign("email", "unisender", {"id": "customer_id"}))
    first = contents(shop.out_dir)
    shop.write(campaign("email", "unisender", {"id": "customer_id"}))
    assert contents(shop.out_dir) == first
    ids = [line.split(",")[1] for line in shop.text("win_back/email.csv").splitlines()[1:]]
    assert ids == sorted(ids)


def test_a_rerun_replaces_the_whole_folder_and_leaves_nothing_beside_it(shop: Shop) -> None:
    shop.customers(ANN)
    shop.write(campaign("email", "unisender"), campaign("sms", "sms", id="other", priority=2))
    (shop.out_dir / ".2025-03-10.new" / "win_back").mkdir(parents=True)
    shop.write(campaign("sms", "sms"))
    assert sorted(contents(shop.out_dir)) == [
        "2025-03-10/manifest.json",
        "2025-03-10/win_back/manifest.json",
        "2025-03-10/win_back/sms.csv",
    ]
    assert [path.name for path in shop.out_dir.iterdir()] == ["2025-03-10"]


def test_a_run_that_fails_leaves_the_last_files_as_they_were(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.customers(ANN)
    shop.write(campaign("email", "unisender"))
    before = contents(shop.out_dir / "2025-03-10")
    (shop.out_dir.parent / "segments" / "lapsing.sql").unlink()
    with pytest.raises(FileNotFoundError):
        shop.write(campaign("sms", "sms"))
    assert contents(shop.out_dir / "2025-03-10") == before


def test_a_night_without_campaigns_has_an_empty_manifest(shop: Shop) -> None:
    assert shop.write() == []
    assert shop.manifest() == {"run_date": "2025-03-10", "campaigns": []}
