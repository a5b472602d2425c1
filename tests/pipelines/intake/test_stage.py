"""Extracts into staging: which row of a key is kept, what lies apart, and that every record is accounted for."""

import csv
import io
import re

import pytest
from extracts import RECEIPTS, load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nights import make_tables

from pipelines.errors import BadDataError
from pipelines.intake.stage import check_extract_unchanged
from pipelines.settings import load_settings


def test_of_one_key_twice_in_an_extract_the_latest_update_stands_else_the_last_row(retailer):
    retailer.deliver(
        "2017-12-01",
        crm_customers="customer_id,registered_at,region,updated_at\n"
        "c1,2017-01-01,new,2017-06-02\nc1,2017-01-01,old,2017-06-01\n"
        "c2,2017-01-01,a,\nc2,2017-01-01,b,\nc2,2017-01-01,b,\n",
    )
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "crm_customers", "customer_id, region") == [("c1", "new"), ("c2", "b")]
    assert retailer.counts(night, "crm_customers") == (5, 2, 0, 3, 0)


def test_two_of_the_same_item_on_a_receipt_are_two_lines(retailer):
    night = load(retailer, "receipt_lines", "receipt_id,line_number,quantity,amount\nr1,1,1,5\nr1,2,1,5\n")
    assert retailer.counts(night, "receipt_lines") == (2, 2, 0, 0, 0)


def test_personal_columns_lie_apart(retailer):
    retailer.deliver("2017-12-01", crm_customers="customer_id,registered_at,email\nc1,2017-01-01,a@example.com\n")
    night = retailer.load("2017-12-01")
    assert "a@example.com" not in repr(retailer.rows(night, "crm_customers"))
    assert retailer.rows(night, "crm_customers_personal", "customer_id, email") == [("c1", "a@example.com")]


def test_addresses_are_normalised_beside_those_that_were_given(retailer):
    retailer.deliver(
        "2017-12-01",
        crm_customers="customer_id,registered_at,email,phone\n"
        "c1,2017-01-01,Ann@Example.com,(201) 555-0123\nc2,2017-01-01,nobody,12\nc3,2017-01-01,,\n",
    )
    night = retailer.load("2017-12-01")
    columns = "customer_id, email, email_normal, phone, phone_normal"
    assert retailer.rows(night, "crm_customers_personal", columns) == [
        ("c1", "Ann@Example.com", "ann@example.com", "(201) 555-0123", "+12015550123"),
        ("c2", "nobody", None, "12", None),
        ("c3", None, None, None, None),
    ]
    assert "ann@example.com" not in repr(retailer.rows(night, "crm_customers"))


def test_a_night_loaded_again_in_another_phone_region_reads_addresses_anew_and_nothing_else(retailer, monkeypatch):
    crm = "customer_id,registered_at,phone\nc1,2017-01-01,0171 1234567\n"
    retailer.deliver("2017-12-01", crm_customers=crm)
    before = retailer.load("2017-12-01").tables()
    monkeypatch.setenv("LOYALTY_PHONE_REGION", "DE")
    load_settings.cache_clear()
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "crm_customers_personal", "phone_normal") == [("+491711234567",)]
    changed = {name for name, state in night.tables().items() if state.data_files != before[name].data_files}
    assert changed == {"crm_customers", "crm_customers_personal"}


def test_an_extract_that_changed_after_the_night_had_read_it_is_noticed(retailer):
    folder = retailer.deliver("2017-12-01", stores="store_id\ns1\n")
    night = retailer.open("2017-12-01")
    for source in ("stores", "receipts", "surveys"):
        make_tables({source}, night, retailer.settings)
        check_extract_unchanged(source, night, retailer.settings)

    def assert_noticed(source: str, files: str) -> None:
        message = f"{folder}: {files} changed after the night had read {source}. Run the whole night again"
        with pytest.raises(BadDataError, match=re.escape(message)):
            check_extract_unchanged(source, night, retailer.settings)

    (folder / "stores.csv").write_text("store_id\ns2\n")  # no longer and no shorter
    assert_noticed("stores", "stores.csv")
    (folder / "stores.csv").unlink()
    assert_noticed("stores", "stores.csv")
    (folder / "receipts").mkdir()
    (folder / "receipts.csv").rename(folder / "receipts" / "a.csv")
    assert_noticed("receipts", "receipts.csv, receipts/a.csv")
    (folder / "surveys.csv").touch()  # nothing of it had come: a warning says so
    check_extract_unchanged("surveys", night, retailer.settings)


cell = st.one_of(
    st.sampled_from(["r1", "r2", "2017-12-01", "2017-12-01T10:00:00Z", "5", "5.005", "-1", "", "x", "NULL", "1e999"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=6),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cell, min_size=1, max_size=5), max_size=12))
def test_every_record_is_loaded_rejected_or_duplicate(retailer, rows):
    """Over well-quoted garbage of any width: read = loaded + rejected + duplicate."""

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows(rows)
    retailer.deliver("2017-12-01", receipts=RECEIPTS + out.getvalue())
    night = retailer.load("2017-12-01", only=frozenset({"receipts"}))
    read, loaded, rejected, duplicate, _ = retailer.counts(night, "receipts")
    assert read == loaded + rejected + duplicate
    assert len(retailer.rows(night, "receipts")) == loaded
    assert len(retailer.rejected(night, "receipts")) == rejected
    if not any("\n" in value for row in rows for value in row):
        assert read == len(rows)
