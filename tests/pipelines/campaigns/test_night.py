"""The night's steps: lists are decided and deliveries made before the commit, and sent after publishing."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest
from conftest import Retailer, needed
from nights import make_tables

from pipelines.campaigns.sending import send_night
from pipelines.settings import load_settings
from pipelines.store.lake import Night

CAMPAIGNS = """
campaigns:
- {id: hello, name: Hello, segment: one_time_buyers, priority: 1, window_days: 30, control_share: 0, channels: [
    {channel: email, target: mautic}]}
"""
CRM = """customer_id,registered_at,email,email_consent
ann,2017-01-01,ann@example.org,true
"""
RECEIPTS = "receipt_id,customer_id,issued_at,operation,total_amount\n"
NEEDED = needed("campaign_list")


@pytest.fixture
def shop(retailer: Retailer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    """One campaign, for those who bought once, as Ann did."""
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(tmp_path / "campaigns.yaml"))
    load_settings.cache_clear()
    retailer.deliver("2017-12-01", crm_customers=CRM, receipts=f"{RECEIPTS}r1,ann,2017-11-30,sale,5\n")
    return retailer


def make(shop: Retailer, run_date: str) -> Night:
    """A night whose tables are made and not committed yet."""
    night = shop.open(run_date)
    make_tables(NEEDED, night, shop.settings)
    return night


def commit(night: Night) -> None:
    night.commit("test", {}, night.tables())
    night.finish()


def send(shop: Retailer, night: Night) -> list[str]:
    """Publish and send a committed night; the folders that are new in exports/."""
    for name in (f"warehouse.{night.run_date}.duckdb", "warehouse.duckdb"):
        (shop.home / name).touch()
    tables = night.lake.manifest(night.run_date).tables
    sent = send_night(night.lake, shop.settings, night.run_date, tables["campaign_delivery"], tables["campaign_hold"])
    return [path.relative_to(shop.home / "exports").as_posix() for path in sent]


def new_customer(shop: Retailer, customer: str, run_date: str = "2017-12-01") -> None:
    """The night's extracts again, with one more who bought once."""
    folder = shop.home / "landing" / run_date
    crm, receipts = folder / "crm_customers.csv", folder / "receipts.csv"
    crm.write_text(f"{crm.read_text()}{customer},2017-01-01,{customer}@example.org,true\n")
    receipts.write_text(f"{receipts.read_text()}{customer},{customer},2017-11-30,sale,5\n")


def exported(shop: Retailer) -> dict[str, str]:
    folder = shop.home / "exports"
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.csv"))}


HEADER = "email,firstname,lastname,doNotEmail,loyalty_hello\n"


def test_lists_are_stored_and_leave_only_when_they_are_sent(shop: Retailer) -> None:
    night = make(shop, "2017-12-01")
    commit(night)
    assert exported(shop) == {}
    assert shop.rows(night, "campaign_list") == [("hello", "email", "mautic", "ann")]
    assert send(shop, night) == ["2017-12-01/hello"]
    assert exported(shop) == {"2017-12-01/hello/email.csv": f"{HEADER}ann@example.org,,,,2017-12-01\n"}
    assert send(shop, night) == [], "what was sent is not sent again"


def test_a_night_that_is_run_again_sends_only_newcomers_to_a_folder_of_their_own(shop: Retailer) -> None:
    first = make(shop, "2017-12-01")
    commit(first)
    send(shop, first)
    new_customer(shop, "bob")
    second = make(shop, "2017-12-01")
    commit(second)
    assert send(shop, second) == ["2017-12-01/hello/2"]
    assert exported(shop) == {
        "2017-12-01/hello/2/email.csv": f"{HEADER}bob@example.org,,,,2017-12-01\n",
        "2017-12-01/hello/email.csv": f"{HEADER}ann@example.org,,,,2017-12-01\n",
    }
    assert shop.rows(second, "campaign_list") == [
        ("hello", "email", "mautic", "ann"),
        ("hello", "email", "mautic", "bob"),
    ]
    third = make(shop, "2017-12-01")
    commit(third)
    assert send(shop, third) == [], "nothing is new"
    said = json.loads((shop.home / "exports" / "2017-12-01" / "manifest.json").read_bytes())
    paths = [file["path"] for part in said["campaigns"] for c in part["channels"] for file in c["files"]]
    assert paths == ["hello/email.csv", "hello/2/email.csv"]


def test_a_night_that_broke_off_before_sending_leaves_nothing_assigned_and_the_next_sends(shop: Retailer) -> None:
    commit(make(shop, "2017-12-01"))
    shop.deliver("2017-12-02", crm_customers=CRM.splitlines()[0] + "\n", receipts=RECEIPTS)
    night = make(shop, "2017-12-02")
    commit(night)
    assert send(shop, night) == ["2017-12-02/hello"]
    assert exported(shop) == {"2017-12-02/hello/email.csv": f"{HEADER}ann@example.org,,,,2017-12-02\n"}
    assert shop.rows(night, "campaign_assignment", "customer_id, assigned_date") == [("ann", date(2017, 12, 2))]


def test_a_night_older_than_the_published_one_keeps_what_it_recorded_and_makes_no_delivery(
    shop: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(shop, "2017-12-01")
    commit(first)
    recorded = shop.rows(first, "campaign_assignment")
    monkeypatch.setattr("pipelines.campaigns.night.published_night", lambda _home: date(2017, 12, 2))
    (shop.home.parent / "campaigns.yaml").write_text("campaigns: []")
    again = make(shop, "2017-12-01")
    assert [*again.lake.deliveries.all()] == []
    commit(again)
    assert shop.rows(again, "campaign_list") == [("hello", "email", "mautic", "ann")]
    assert shop.rows(again, "campaign_assignment") == recorded


def test_an_older_night_that_never_ran_lists_nobody(shop: Retailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.campaigns.night.published_night", lambda _home: date(2017, 12, 2))
    night = make(shop, "2017-12-01")
    commit(night)
    assert (shop.rows(night, "campaign_list"), shop.rows(night, "campaign_assignment")) == ([], [])


def test_an_edit_of_the_campaign_file_while_the_night_runs_is_for_the_next_one(shop: Retailer) -> None:
    night = shop.open("2017-12-01")
    (shop.home.parent / "campaigns.yaml").write_text("campaigns: []")
    make_tables(NEEDED, night, shop.settings)
    commit(night)
    assert shop.rows(night, "campaign_list") == [("hello", "email", "mautic", "ann")]


def test_a_night_after_a_version_without_deliveries_writes_to_nobody_again(shop: Retailer) -> None:
    """Its lists are those that the earlier version had stored by the last night."""
    first = make(shop, "2017-12-01")
    commit(first)
    shutil.rmtree(first.lake.deliveries.root)
    path = shop.home / "lake" / "manifests" / "2017-12-01.json"
    manifest = json.loads(path.read_bytes())
    del manifest["tables"]["campaign_delivery"]
    path.write_text(json.dumps(manifest))
    shop.deliver("2017-12-02", crm_customers=CRM.splitlines()[0] + "\n", receipts=RECEIPTS)
    new_customer(shop, "bob", "2017-12-02")
    night = make(shop, "2017-12-02")
    commit(night)
    send(shop, night)
    assert exported(shop) == {"2017-12-02/hello/email.csv": f"{HEADER}bob@example.org,,,,2017-12-02\n"}
