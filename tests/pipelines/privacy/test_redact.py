"""Extracts without a person: text, packed and Parquet; the rest as it was received."""

import gzip
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Retailer
from two_people import BOB, CRM, DAYS, OLD_ANN, RECEIPTS, landing, warehouse

from pipelines.privacy.erase import erase


def test_receipts_stay_without_their_customer_and_everything_else_as_it_was_received(erased):
    assert landing(erased, DAYS[0], "receipts.csv") == [
        RECEIPTS.strip(), "12,2,2017-12-01,5,", "r2,,2017-12-01,7.50,", "r3,,2017-11-30,8,"
    ]  # fmt: skip
    assert landing(erased, DAYS[0], "crm_customers.csv") == [CRM.strip(), BOB.strip()]
    assert landing(erased, DAYS[0], "contacts.csv")[1:] == ["m2,2,email,2017-11-01"]
    assert landing(erased, DAYS[0], "loyalty_cards.csv") == ["card_id,customer_id"]
    assert landing(erased, DAYS[0], "receipt_lines.csv")[1:] == ["r2,1,12,7.50"]


def test_a_name_in_another_customers_text_is_blanked(erased):
    assert landing(erased, DAYS[0], "support_tickets.csv")[1:] == ["t1,2,2017-11-01,"]


def test_a_promo_code_that_is_their_phone_or_email_becomes_a_mark_that_still_joins(two_nights, erased):
    performance = "SELECT kind, redemptions, revenue FROM promo_performance ORDER BY ALL"
    before = warehouse(Retailer(two_nights / "home"), performance)
    assert before == [("percent", 1, 5), ("percent", 1, 8), ("points", 1, 7.5), (None, 1, 8)]
    _, *codes = (line.split(",")[0] for line in landing(erased, DAYS[0], "promo_codes.csv"))
    _, *used = (line.split(",")[0] for line in landing(erased, DAYS[0], "promo_redemptions.csv"))
    assert [re.sub("[0-9A-F]{12}$", "x", code) for code in used] == ["ERASED-x", "ERASED-x", "ERASED-x", "TEA"]
    assert (used[:2], len(set(used))) == (codes[:2], 4)
    assert warehouse(erased, performance) == before
    found = warehouse(erased, "SELECT promo_code FROM promo_performance")
    assert {code for (code,) in found} == {*codes, *used}


@pytest.mark.parametrize("number", [2015550177, 2015550177.0])
def test_a_promo_code_that_is_their_phone_as_a_number_is_named(retailer, number):
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table({"promo_code": [number, 1], "receipt_id": ["r1", "r2"]}), buffer)
    retailer.deliver(DAYS[0], crm_customers=CRM + OLD_ANN, promo_redemptions__parquet=buffer.getvalue().to_pybytes())
    outcome = erase("11", retailer.settings)
    assert [(find.path.name, find.what) for find in outcome.found] == [
        ("promo_redemptions.parquet", "in column promo_code")
    ]


@pytest.mark.parametrize(
    "code",
    ["2015550177", "2015550177.0", '"=""2015550177"""', "'2015550177", "+1 (201) 555-0177", "12015550177",
     "201\u00a0555\u00a00177", " ann@OLD.example.org", "ann%40old.example.org"],
)  # fmt: skip
def test_a_promo_code_is_cleaned_in_any_spelling(retailer, code):
    retailer.deliver(
        DAYS[0],
        crm_customers=CRM + OLD_ANN + BOB,
        promo_redemptions=f"promo_code,receipt_id\n{code},r1\nother,r2\n",
        receipts=f"receipt_id,customer_id,issued_at,total_amount,promo_code\nr1,2,2017-12-01,5,{code}\n",
    )
    assert erase("11", retailer.settings).found == ()
    _, mark, other = landing(retailer, DAYS[0], "promo_redemptions.csv")
    assert re.fullmatch("ERASED-[0-9A-F]{12},r1", mark)
    assert other == "other,r2"
    assert landing(retailer, DAYS[0], "receipts.csv")[1] == "r1,2,2017-12-01,5,"


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
