"""One file of an extract: its good rows go on, the others are rejected by a rule."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from extracts import load

from pipelines.errors import BadDataError


def test_bad_rows_are_rejected_with_row_number_and_rule_and_the_good_go_on(retailer):
    retailer.deliver(
        "2017-12-01",
        receipts="receipt_id,issued_at,total_amount,operation\n"
        "r1,2017-12-01,5,sale\n"
        "r2,yesterday,5,sale\n"
        "r3,2017-12-01,five,SALE\n"
        ",2017-12-01,5,sale\n"
        "r5,2017-12-01,,sale\n"
        "r6,2017-12-01,5,refund\n"
        "r7,2017-12-01,5\n"
        "r8,infinity,5,sale\n"
        "r9,2017-12-01,5,Sale\n",
    )
    night = retailer.load("2017-12-01")
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r1", "r9"]
    assert retailer.rejected(night, "receipts") == [
        ("receipts.csv", 2, "issued_at_unreadable"),
        ("receipts.csv", 3, "total_amount_unreadable"),
        ("receipts.csv", 4, "receipt_id_missing"),
        ("receipts.csv", 5, "total_amount_missing"),
        ("receipts.csv", 6, "operation_unknown_value"),
        ("receipts.csv", 7, "too_few_fields"),
        ("receipts.csv", 8, "issued_at_unreadable"),
    ]
    assert retailer.counts(night, "receipts") == (9, 2, 7, 0, 0)


def test_another_currency_is_an_error(retailer):
    retailer.deliver(
        "2017-12-01", receipts="receipt_id,issued_at,total_amount,currency\nr1,2017-12-01,5,USD\nr2,2017-12-01,5,EUR\n"
    )
    with pytest.raises(BadDataError, match=r"receipts\.csv: 1 rows have currency 'EUR', the home is kept in USD"):
        retailer.load("2017-12-01")


def test_a_damaged_parquet_file_is_an_error_that_names_it(retailer):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"product_id": [f"p{i}" for i in range(5000)]}), buffer)
    whole = buffer.getvalue()
    for broken in (whole[:-200], whole[:40] + b"\xff" * 2000 + whole[2040:]):
        with pytest.raises(BadDataError, match=r"products\.parquet: not a whole Parquet file"):
            load(retailer, "products", None, **{"products.parquet": broken})
