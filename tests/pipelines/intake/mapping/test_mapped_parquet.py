"""Parquet files as a feed."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Retailer
from mapped_files import STAGED, deliver

from pipelines.errors import BadDataError

PARQUET = """
feeds:
  orders: {files: [orders.parquet]}
sources:
  receipts:
  - feed: orders
    columns:
      receipt_id: {column: id}
      issued_at: {column: at}
      total_amount: {expression: 'number(paid) + number(points)'}
"""


def parquet(**columns: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def test_parquet_is_read_as_the_text_of_its_values(home: Retailer) -> None:
    moment = pa.array([datetime(2023, 5, 30, 12, tzinfo=UTC), None])
    amounts = pa.array([Decimal("10.25"), Decimal("3.00")])
    content = parquet(id=pa.array([17.0, 18.0]), at=moment, paid=amounts, points=pa.array([1.5, 2]))
    deliver(home, PARQUET, "2023-06-10", orders__parquet=content)
    night = home.load("2023-06-10", only=STAGED)
    columns = "receipt_id, issued_at::VARCHAR, total_amount::VARCHAR"
    assert home.rows(night, "receipts", columns) == [("17", "2023-05-30 08:00:00-04", "11.75")]
    assert home.rejected(night, "receipts") == [("orders.parquet", 2, "issued_at_missing")]


def test_parquet_with_lists_or_in_a_feed_with_marks_of_text_is_refused(home: Retailer) -> None:
    lists = parquet(id=pa.array([["1"]]), at=pa.array(["x"]), paid=pa.array([1]), points=pa.array([1]))
    deliver(home, PARQUET, "2023-06-10", orders__parquet=lists)
    with pytest.raises(BadDataError, match="column 'id' is of type list"):
        home.load("2023-06-10", only=STAGED)
    marks = PARQUET.replace("[orders.parquet]", '[orders.parquet], dialect: {decimal_mark: ","}')
    plain = parquet(id=pa.array(["1"]), at=pa.array(["x"]), paid=pa.array([1]), points=pa.array([1]))
    deliver(home, marks, "2023-06-10", orders__parquet=plain)
    with pytest.raises(BadDataError, match="Parquet, whose numbers and dates have no marks"):
        home.load("2023-06-10", only=STAGED)
