"""Erasure: who goes, what a broken-off erasure leaves, and when none may begin."""

import fcntl
from datetime import date

import pyarrow.parquet as pq
import pytest
from conftest import Retailer
from two_people import ANN, BOB, CRM, DAYS, RECEIPTS, contents, landing, run_day, warehouse

from pipelines.errors import LoyaltyError
from pipelines.privacy import erase as erasing
from pipelines.privacy.erase import erase
from pipelines.store.lake import Lake


def test_a_person_goes_with_all_accounts_and_a_search_finds_nothing(two_nights, erased, erasure):
    _, outcome = erasure
    assert outcome.found == ()
    assert outcome.ids == ["11", "12"]
    assert outcome.shared == 1
    assert outcome.files_searched > 100
    assert warehouse(erased, "SELECT DISTINCT customer_id FROM customer_360") == [("2",)]
    revenue = "SELECT SUM(revenue) FROM order_fact"
    assert warehouse(erased, revenue) == warehouse(Retailer(two_nights / "home"), revenue)
    assert not [name for name in contents(erased.home) if "open.json" in name]


def test_an_extract_that_brings_them_again_is_left_out_and_counted(erased):
    shop = erased
    shop.deliver(
        DAYS[2],
        crm_customers=CRM + BOB + ANN + "12,never,Ann Lee,ann.lee@example.org,,,,,\n",
        receipts=RECEIPTS + "r6,12,2017-12-03,4,k-ann-1\n",
    )
    run_day(DAYS[2])
    night = shop.open(DAYS[2])
    assert shop.counts(night, "crm_customers")[:3] == (3, 1, 2)
    assert shop.rejected(night, "crm_customers") == [
        ("crm_customers.csv", 2, "erased"),
        ("crm_customers.csv", 3, "registered_at_unreadable"),
    ]
    assert ("r6", None, None) in shop.rows(night, "receipts", "receipt_id, customer_id, card_id")
    found = [path for path in (shop.home / "lake").rglob("*.parquet") if b"ann.lee" in path.read_bytes()]
    assert found == []
    assert _customers_of_deliveries(shop) == {"2"}
    lists = [path.read_text() for path in (shop.home / "exports" / DAYS[2]).rglob("*.csv")]
    assert len(lists) >= 2
    assert not [text for text in lists if "ann" in text]
    again = erase("12", shop.settings, discard_open=True)  # the extract itself has to be cleaned once more
    assert again.found == ()
    assert landing(shop, DAYS[2], "crm_customers.csv") == [CRM.strip(), BOB.strip()]


def _customers_of_deliveries(shop) -> set[str]:
    """Everybody whom some delivery names."""
    paths = (shop.home / "lake" / "deliveries").glob("*/*/*.parquet")
    return {customer for path in paths for customer in pq.read_table(path)["customer_id"].to_pylist()}


def test_tickets_and_answers_go_and_web_events_stay_without_the_customer(erased):
    assert warehouse(erased, "SELECT ticket_id FROM support_ticket") == [("t1",)]
    assert warehouse(erased, "SELECT response_id, customer_id FROM survey_response") == [("s2", "2")]
    events = [("w1", None), ("w2", "2"), ("w3", None)]
    assert warehouse(erased, "SELECT event_id, customer_id FROM web_event ORDER BY ALL") == events
    of_bob = warehouse(erased, "SELECT last_visit_date, web_view_count, open_ticket_count, last_csi FROM customer_360")
    assert of_bob == [(date(2017, 11, 1), 0, 1, 1)]


def test_an_erasure_that_was_broken_off_again_and_again_is_finished_by_the_same_command(shop, monkeypatch):
    """Before each of its parts, and between two manifests."""

    def breaks_off(*_):
        raise KeyboardInterrupt

    def after_one(*arguments, replace=Lake.replace_manifest):
        patch.setattr(Lake, "replace_manifest", breaks_off)
        return replace(*arguments)

    for owner, step, instead in (
        (erasing, "add_erased", breaks_off),
        (erasing, "rewrite_deliveries", breaks_off),
        (erasing, "rewrite_lake", breaks_off),
        (Lake, "replace_manifest", after_one),
        (erasing, "write_record", breaks_off),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, instead)
            with pytest.raises(KeyboardInterrupt):
                erase("11", shop.settings)
    outcome = erase("11", shop.settings)
    assert (outcome.ids, outcome.found) == (["11", "12"], ())
    assert Lake(shop.home).stale_nights() == []
    assert warehouse(shop, "SELECT DISTINCT customer_id FROM customer_360") == [("2",)]


def test_a_dry_run_says_what_would_change_and_changes_nothing(shop):
    before = contents(shop.home)
    outcome = erase("12", shop.settings, dry_run=True)
    assert outcome.changes["landing/2017-12-01/receipts.csv"] == 2
    assert outcome.ids == ["11", "12"]
    assert contents(shop.home) == before


def test_an_unknown_id_is_an_error_and_changes_nothing(shop):
    erase("2", shop.settings, dry_run=True)
    before = contents(shop.home)
    with pytest.raises(LoyaltyError, match=r"no customer 99 in .*; nothing was changed"):
        erase("99", shop.settings)
    assert contents(shop.home).keys() <= before.keys()


def test_nobody_is_erased_while_a_night_is_open_or_another_run_works(shop):
    shop.deliver(DAYS[2])
    shop.open(DAYS[2])
    with pytest.raises(LoyaltyError, match="night 2017-12-03 was begun and is not finished"):
        erase("12", shop.settings)
    assert erase("12", shop.settings, discard_open=True).found == ()
    with (shop.home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # a task of a night, in another process
        with pytest.raises(LoyaltyError, match="another run works"):
            erase("2", shop.settings)
