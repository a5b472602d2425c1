"""The landing folder: which files are a source's, and whether a night can begin."""

import gzip
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from extracts import RECEIPTS

from pipelines.errors import BadDataError


def test_a_missing_required_source_or_folder_stops_the_night_before_it_begins(retailer):
    with pytest.raises(BadDataError, match=r"2017-12-01: no such landing folder"):
        retailer.open("2017-12-01")
    folder = retailer.deliver("2017-12-01")
    (folder / "receipts.csv").unlink()
    with pytest.raises(BadDataError, match=r"2017-12-01: the required source receipts is missing"):
        retailer.open("2017-12-01")


def test_a_source_that_is_there_twice_is_refused(retailer):
    retailer.deliver("2017-12-01", stores="store_id\n1\n", stores__csv_gz=gzip.compress(b"store_id\n1\n"))
    with pytest.raises(BadDataError, match=r"stores is there more than once, as stores\.csv and stores\.csv\.gz"):
        retailer.load("2017-12-01")


def test_parts_and_parquet_are_read_like_csv(retailer):
    folder = retailer.deliver("2017-12-01")
    (folder / "receipts.csv").unlink()
    (folder / "receipts").mkdir()
    (folder / "receipts" / "part-0.csv").write_text(RECEIPTS + "r1,17850,2017-12-01,1\n")
    table = {
        "receipt_id": [2.0],
        "customer_id": [17850.0],
        "issued_at": [date(2017, 12, 1)],
        "total_amount": [0.1 + 0.2],
    }
    pq.write_table(pa.table(table), folder / "receipts" / "part-1.parquet")
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "receipts", "receipt_id, customer_id, total_amount") == [
        ("2", "17850", Decimal("0.30")),
        ("r1", "17850", Decimal("1.00")),
    ]
