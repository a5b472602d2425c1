"""Extracts without a person: text, packed and Parquet; the rest as it was received."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
from two_people import BOB, CRM, DAYS, RECEIPTS, landing

from pipelines.privacy.erase import erase


def test_receipts_stay_without_their_customer_and_everything_else_as_it_was_received(shop):
    erase("12", shop.settings)
    assert landing(shop, DAYS[0], "receipts.csv") == [
        RECEIPTS.strip(), "12,2,2017-12-01,5,", "r2,,2017-12-01,7.50,", "r3,,2017-11-30,8,"
    ]  # fmt: skip
    assert landing(shop, DAYS[0], "crm_customers.csv") == [CRM.strip(), BOB.strip()]
    assert landing(shop, DAYS[0], "contacts.csv")[1:] == ["m2,2,email,2017-11-01"]
    assert landing(shop, DAYS[0], "loyalty_cards.csv") == ["card_id,customer_id"]
    assert landing(shop, DAYS[0], "receipt_lines.csv")[1:] == ["r2,1,12,7.50"]


def test_a_name_in_another_customers_text_is_blanked(shop):
    erase("12", shop.settings)
    assert landing(shop, DAYS[0], "support_tickets.csv")[1:] == ["t1,2,2017-11-01,"]


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
