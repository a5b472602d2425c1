"""The night's steps: lists are decided and prepared before the commit, and moved after publishing."""

from datetime import date
from pathlib import Path

import pytest
from conftest import Retailer, needed

from pipelines.catalog import tables
from pipelines.errors import LoyaltyError
from pipelines.settings import load_settings
from pipelines.store.lake import Night
from pipelines.tables.build import make_table

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
    for table in tables().values():
        if table.name in NEEDED and table.kind != "split":
            make_table(table.name, night, shop.settings)
    return night


def commit(night: Night) -> None:
    night.commit("test", {}, night.tables())
    night.finish()


def test_lists_are_stored_and_their_files_prepared(shop: Retailer) -> None:
    night = make(shop, "2017-12-01")
    prepared = night.prepared_folder() / "2017-12-01" / "hello" / "email.csv"
    assert prepared.read_text() == "email,firstname,lastname,doNotEmail,loyalty_hello\nann@example.org,,,,1\n"
    assert not (shop.home / "exports").exists()
    commit(night)
    assert shop.rows(night, "campaign_list") == [("hello", "email", "mautic", "ann")]


def test_a_night_older_than_the_published_one_keeps_what_it_recorded_and_prepares_nothing(
    shop: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(shop, "2017-12-01")
    commit(first)
    recorded = shop.rows(first, "campaign_assignment")
    monkeypatch.setattr("pipelines.campaigns.night.published_night", lambda _home: date(2017, 12, 2))
    (shop.home.parent / "campaigns.yaml").write_text("campaigns: []")
    again = make(shop, "2017-12-01")
    assert not (again.prepared_folder() / "2017-12-01").exists()
    commit(again)
    assert shop.rows(again, "campaign_list") == [("hello", "email", "mautic", "ann")]
    assert shop.rows(again, "campaign_assignment") == recorded


def test_an_older_night_that_never_ran_lists_nobody(shop: Retailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.campaigns.night.published_night", lambda _home: date(2017, 12, 2))
    night = make(shop, "2017-12-01")
    commit(night)
    assert (shop.rows(night, "campaign_list"), shop.rows(night, "campaign_assignment")) == ([], [])


def test_prepared_files_take_the_place_of_the_nights_exports(retailer: Retailer) -> None:
    retailer.deliver("2017-12-01")
    night = retailer.open("2017-12-01")
    old, new = retailer.home / "exports" / "2017-12-01", night.prepared_folder() / "2017-12-01"
    for folder, name in ((old, "old.csv"), (new, "new.csv")):
        folder.mkdir(parents=True)
        (folder / name).write_text("email\n")
    move_exports(night, retailer.settings)
    assert [path.relative_to(retailer.home / "exports").as_posix() for path in old.parent.rglob("*.csv")] == [
        "2017-12-01/new.csv"
    ]
    assert not new.exists()


def test_a_night_without_prepared_files_says_to_run_it_again(retailer: Retailer) -> None:
    retailer.deliver("2017-12-01")
    with pytest.raises(LoyaltyError, match="Run the night again"):
        move_exports(retailer.open("2017-12-01"), retailer.settings)
