"""Erasure: what goes, what stays without its owner, who is told, and that a search finds nothing."""

import fcntl
import gzip
import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Retailer

from pipelines.catalog import segment_files, tables
from pipelines.errors import LoyaltyError
from pipelines.ops import nightly
from pipelines.privacy import erase as erasing
from pipelines.privacy.erase import erase
from pipelines.settings import load_settings
from pipelines.store.lake import Lake
from pipelines.tables.build import make_table

DAYS = ("2017-12-01", "2017-12-02", "2017-12-03")
CRM = "customer_id,registered_at,name,email,phone,push_token,email_consent,merged_into_customer_id,birth_date\n"
ANN = "12,2017-01-01,Ann Lee,Ann.Lee@Example.org,(201) 555-0123,token-ann,true,,1980-12-05\n"
OLD_ANN = "11,2016-01-01,Ann Leigh,ann@old.example.org,,,true,12,1980-12-05\n"
BOB = "2,2017-01-01,Bob Roe,bob@example.org,(201) 555-0123,token-bob,true,,1981-12-06\n"
RECEIPTS = "receipt_id,customer_id,issued_at,total_amount,card_id\n"
CAMPAIGNS = """
max_campaigns_per_night: 9
campaigns:
- {id: hello, name: Hello, segment: everybody, priority: 1, window_days: 30, control_share: 0, channels: [
    {channel: email, target: unisender, fields: {id: customer_id}}]}
"""


def run_night(day: str) -> None:
    """Everything of a night but Airflow and the report."""
    night, run_id = date.fromisoformat(day), f"test {day}"
    nightly.open_night(night, run_id)
    draft = Lake(load_settings().home).night(night, run_id)
    for table in tables().values():
        if table.kind != "split":
            make_table(table.name, draft, load_settings())
    nightly.commit(night, run_id)
    nightly.publish(night, run_id)
    nightly.export(night, run_id)
    nightly.finish(night, run_id)


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two nights of two people, one of whom has two accounts, and a list that both are on."""
    folder = tmp_path_factory.mktemp("two_nights")
    everybody = ", ".join(path.stem for path in segment_files())
    (folder / "campaigns.yaml").write_text(CAMPAIGNS.replace("everybody", f"[{everybody}]"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(folder / "home"))
        patch.setenv("LOYALTY_TIMEZONE", "America/New_York")
        patch.setenv("LOYALTY_CAMPAIGNS", str(folder / "campaigns.yaml"))
        load_settings.cache_clear()
        retailer = Retailer(folder / "home")
        retailer.deliver(
            DAYS[0],
            crm_customers=CRM + ANN + OLD_ANN + BOB + '12,never,Ann Lee,"ann.lee@example.org",,,,,\n',
            receipts=RECEIPTS + "12,2,2017-12-01,5,\nr2,12.0,2017-12-01,7.50,k-ann-1\nr3,11,2017-11-30,8,\n",
            receipt_lines="receipt_id,line_number,quantity,amount\nr2,1,12,7.50\n",
            loyalty_cards="card_id,customer_id\nk-ann-1,12\n",
            contacts="contact_id,customer_id,channel,sent_at\nm1,12,email,2017-11-01\nm2,2,email,2017-11-01\n",
            support_tickets="ticket_id,customer_id,opened_at,topic\nt1,2,2017-11-01,Ann Lee sent me here\n",
        )
        retailer.deliver(DAYS[1], receipts=RECEIPTS + "r4,12,2017-12-02,9,k-ann-1\n")
        run_night(DAYS[0])
        run_night(DAYS[1])
        yield folder
    load_settings.cache_clear()


@pytest.fixture
def shop(retailer: Retailer, two_nights: Path, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    """A copy of those nights, to be changed."""
    shutil.copytree(two_nights / "home", retailer.home)
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(two_nights / "campaigns.yaml"))
    load_settings.cache_clear()
    return retailer


def landing(shop: Retailer, day: str, name: str) -> list[str]:
    return (shop.home / "landing" / day / name).read_text().splitlines()


def warehouse(shop: Retailer, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(shop.home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def contents(home: Path) -> dict[str, bytes]:
    return {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file() and p.name != ".lock"}


def test_a_person_goes_with_all_accounts_and_a_search_finds_nothing(shop):
    before = warehouse(shop, "SELECT SUM(revenue) FROM order_fact")
    outcome = erase("11", shop.settings)
    assert outcome.found == ()
    assert outcome.ids == ["11", "12"]
    assert outcome.shared == 1
    assert outcome.files_searched > 100
    assert warehouse(shop, "SELECT DISTINCT customer_id FROM customer_360") == [("2",)]
    assert warehouse(shop, "SELECT SUM(revenue) FROM order_fact") == before
    assert not [name for name in contents(shop.home) if "open.json" in name]


def test_receipts_stay_without_their_customer_and_everything_else_as_it_was_received(shop):
    erase("12", shop.settings)
    assert landing(shop, DAYS[0], "receipts.csv") == [
        RECEIPTS.strip(), "12,2,2017-12-01,5,", "r2,,2017-12-01,7.50,", "r3,,2017-11-30,8,"
    ]  # fmt: skip
    assert landing(shop, DAYS[0], "crm_customers.csv") == [CRM.strip(), BOB.strip()]
    assert landing(shop, DAYS[0], "contacts.csv")[1:] == ["m2,2,email,2017-11-01"]
    assert landing(shop, DAYS[0], "loyalty_cards.csv") == ["card_id,customer_id"]
    assert landing(shop, DAYS[0], "receipt_lines.csv")[1:] == ["r2,1,12,7.50"]


def test_what_another_customer_has_too_stays_with_them(shop):
    erase("12", shop.settings)
    assert "(201) 555-0123" in landing(shop, DAYS[0], "crm_customers.csv")[1]


def test_a_name_in_another_customers_text_is_blanked(shop):
    erase("12", shop.settings)
    assert landing(shop, DAYS[0], "support_tickets.csv")[1:] == ["t1,2,2017-11-01,"]


def test_a_night_run_again_reads_nothing_anew_and_comes_out_the_same(shop):
    erase("12", shop.settings)
    lake = Lake(shop.home)
    before = lake.manifest(date(2017, 12, 2)).tables
    rows = warehouse(shop, "SELECT * FROM customer_360"), warehouse(shop, "SELECT * FROM data_quality ORDER BY ALL")
    run_night(DAYS[1])
    after = lake.manifest(date(2017, 12, 2)).tables
    assert [after[name].data_files for name in ("receipts", "crm_customers", "contacts")] == [
        before[name].data_files for name in ("receipts", "crm_customers", "contacts")
    ]
    assert lake.stale_nights() == []
    assert warehouse(shop, "SELECT * FROM customer_360") == rows[0]
    assert warehouse(shop, "SELECT * FROM data_quality ORDER BY ALL") == rows[1]


def test_the_next_night_is_as_if_the_person_had_never_been_known(shop, tmp_path, monkeypatch):
    erase("12", shop.settings)
    shop.deliver(DAYS[2], receipts=RECEIPTS + "r5,2,2017-12-03,4,\n")
    run_night(DAYS[2])
    query = "SELECT * EXCLUDE (run_date) FROM {} ORDER BY ALL"
    names = ("customer_360", "order_fact", "kpi_daily", "customer_rfm", "customer_segment", "contact")
    found = {name: warehouse(shop, query.format(name)) for name in names}
    other = Retailer(tmp_path / "other")
    (other.home).mkdir()
    (shop.home / "landing").rename(other.home / "landing")
    monkeypatch.setenv("LOYALTY_HOME", str(other.home))
    load_settings.cache_clear()
    for day in DAYS:
        run_night(day)
    assert {name: warehouse(other, query.format(name)) for name in names} == found


def test_every_list_that_they_were_on_is_told_and_the_lists_on_disk_are_without_them(shop):
    path = shop.home / "exports" / DAYS[1] / "hello" / "email.csv"
    assert len(path.read_text().splitlines()) == 3
    outcome = erase("12", shop.settings)
    (removals,) = outcome.removals.glob("hello/*.csv")
    assert removals.stat().st_mode & 0o777 == 0o600
    assert removals.read_text().splitlines() == ["email,id", "ann.lee@example.org,12"]
    assert path.read_text().splitlines() == ["email,id", "bob@example.org,2"]
    manifest = json.loads((shop.home / "exports" / DAYS[1] / "manifest.json").read_text())
    (channel,) = manifest["campaigns"][0]["channels"]
    assert (channel["listed"], channel["files"][0]["rows"]) == (1, 1)
    assert channel["files"][0]["bytes"] == path.stat().st_size


def test_the_record_says_what_was_changed_and_holds_nothing_personal(shop):
    erase("12", shop.settings)
    (record,) = (shop.home / "lake" / "erasures").glob("2017-12-02.*.json")
    kept = json.loads(record.read_text())
    assert kept["landing"]["2017-12-01/crm_customers.csv"]["records"] == 1
    assert len(kept["customers"]) == 2
    assert record.stat().st_mode & 0o777 == 0o600
    assert "ann" not in record.read_text().replace("scanned", "").replace("channel", "").lower().replace("2017", "")


def test_an_extract_that_brings_them_again_is_left_out_and_counted(shop):
    erase("12", shop.settings)
    shop.deliver(
        DAYS[2],
        crm_customers=CRM + BOB + ANN + "12,never,Ann Lee,ann.lee@example.org,,,,,\n",
        receipts=RECEIPTS + "r6,12,2017-12-03,4,k-ann-1\n",
    )
    run_night(DAYS[2])
    night = shop.open(DAYS[2])
    assert shop.counts(night, "crm_customers")[:3] == (3, 1, 2)
    assert shop.rejected(night, "crm_customers") == [
        ("crm_customers.csv", 2, "erased"),
        ("crm_customers.csv", 3, "registered_at_unreadable"),
    ]
    assert ("r6", None, None) in shop.rows(night, "receipts", "receipt_id, customer_id, card_id")
    found = [path for path in (shop.home / "lake").rglob("*.parquet") if b"ann.lee" in path.read_bytes()]
    assert found == []
    again = erase("12", shop.settings, discard_open=True)  # the extract itself has to be cleaned once more
    assert again.found == ()
    assert landing(shop, DAYS[2], "crm_customers.csv") == [CRM.strip(), BOB.strip()]


@pytest.mark.parametrize("step", ["add_erased", "_rewrite_lake", "rebuild_warehouses", "read_erased"])
def test_an_erasure_that_was_broken_off_is_finished_by_the_same_command(shop, monkeypatch, step):
    with monkeypatch.context() as patch:
        calls = iter([False, True]) if step == "read_erased" else iter([True])

        def fail(*arguments):
            if next(calls):
                raise KeyboardInterrupt
            return original(*arguments)

        original = getattr(erasing, step)
        patch.setattr(erasing, step, fail)
        with pytest.raises(KeyboardInterrupt):
            erase("11", shop.settings)
    outcome = erase("11", shop.settings)
    assert (outcome.ids, outcome.found) == (["11", "12"], ())
    assert Lake(shop.home).stale_nights() == []
    run_night(DAYS[1])
    assert warehouse(shop, "SELECT DISTINCT customer_id FROM customer_360") == [("2",)]


def test_a_break_between_two_manifests_leaves_them_in_agreement(shop, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "replace_manifest", _only_once(Lake.replace_manifest))
        with pytest.raises(KeyboardInterrupt):
            erase("12", shop.settings)
    assert erase("12", shop.settings).found == ()
    assert Lake(shop.home).stale_nights() == []


def _only_once(function):
    calls = []

    def once(*arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return function(*arguments)

    return once


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


def test_packed_and_parquet_extracts_are_cleaned_too(retailer):
    crm = pa.table(
        {"customer_id": [12.0, 2.0], "registered_at": ["2017-01-01"] * 2, "email": ["a.nn@example.org", "b@c.de"]}
    )
    buffer = pa.BufferOutputStream()
    pq.write_table(crm, buffer)
    folder = retailer.deliver(
        DAYS[0],
        crm_customers__parquet=buffer.getvalue().to_pybytes(),
        receipts__csv_gz=gzip.compress((RECEIPTS + "r1,12,2017-12-01,5,\r\nr2,2,2017-12-01,5,\r\n").encode()),
    )
    for name in ("crm_customers.csv", "receipts.csv"):
        (folder / name).unlink()
    retailer.load(DAYS[0], upto=("staging",))
    assert erase("12", retailer.settings).found == ()
    assert pq.read_table(folder / "crm_customers.parquet").to_pydict() == {
        "customer_id": [2.0], "registered_at": ["2017-01-01"], "email": ["b@c.de"]
    }  # fmt: skip
    assert gzip.decompress((folder / "receipts.csv.gz").read_bytes()).decode() == (
        RECEIPTS + "r1,,2017-12-01,5,\r\nr2,2,2017-12-01,5,\r\n"
    )


def test_the_search_finds_what_is_left_anywhere(shop):
    (shop.home / "notes.txt").write_text("call ann.lee@example.org")
    (shop.home / "reports").mkdir(exist_ok=True)
    with gzip.open(shop.home / "old.csv.gz", "wt") as file:
        file.write("customer_id,note\n12,x\n")
    pq.write_table(pa.table({"customer_id": ["12"]}), shop.home / "copy.parquet")
    outcome = erase("12", shop.settings)
    assert {(find.path.name, find.what) for find in outcome.found} == {
        ("notes.txt", "in the file's bytes"),
        ("old.csv.gz", "in column customer_id"),
        ("copy.parquet", "in column customer_id"),
    }
