"""JSON and JSON Lines as feeds: an object is a row, or each part of a list in it is."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Retailer
from mapped_files import deliver

from pipelines.errors import BadDataError
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.tables import inspect_feed_file

NIGHT = "2023-06-10"
API = """
feeds:
  orders:
    files: ["orders*.json*"]
    dialect: {rows: line_items}
sources:
  receipts:
  - feed: orders
    group_by: [id]
    columns:
      receipt_id: {column: id}
      issued_at: {column: created_at}
      total_amount: {column: total_price}
      customer_id: {column: customer.id}
  receipt_lines:
  - feed: orders
    columns:
      receipt_id: {column: id}
      line_number: {number_within: id}
      product_id: {column: line_items.sku}
      quantity: {column: line_items.quantity}
      amount: {expression: 'number("line_items.price") * number("line_items.quantity")'}
"""
ONLY = frozenset({"receipts", "receipt_lines"})
ORDERS = [
    {
        "id": 5009876543210,
        "created_at": "2023-05-30T12:00:00-04:00",
        "total_price": "25.00",
        "customer": {"id": 7, "email": "ann@example.org", "address": {"city": "Kyiv"}},
        "line_items": [{"sku": "A-1", "quantity": 1, "price": "10.00"}, {"sku": "B", "quantity": 2.0, "price": 7.5}],
        "discount_codes": [],
    },
    {"id": 2, "created_at": "2023-05-31", "total_price": 1.1, "customer": None, "line_items": []},
    {"id": 3, "created_at": "2023-05-31", "total_price": 5, "line_items": [{"sku": None, "quantity": "x", "price": 5}]},
]


def load(home: Retailer, name: str, content: str | bytes):
    deliver(home, API, NIGHT, **{name: content})
    return home.load(NIGHT, only=ONLY)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders__json", json.dumps(ORDERS, indent=1)),
        ("orders__json", "\ufeff" + json.dumps({"orders": ORDERS, "next": None, "page": 1})),
        ("orders__jsonl", "\n".join(map(json.dumps, ORDERS)) + "\n"),
        ("orders.jsonl.gz", gzip.compress("\r\n".join(map(json.dumps, ORDERS)).encode(), mtime=0)),
    ],
    ids=["array", "wrapped", "lines", "packed"],
)
def test_orders_of_an_api_give_receipts_and_lines(home: Retailer, name: str, content: str | bytes) -> None:
    night = load(home, name, content)
    assert home.rows(night, "receipts", "receipt_id, total_amount::VARCHAR, customer_id") == [
        ("2", "1.10", None),
        ("3", "5.00", None),
        ("5009876543210", "25.00", "7"),
    ]
    lines = home.rows(night, "receipt_lines", "receipt_id, product_id, quantity::VARCHAR, amount::VARCHAR")
    assert lines == [("5009876543210", "A-1", "1.000", "10.00"), ("5009876543210", "B", "2.000", "15.00")]
    assert [row[1:] for row in home.rejected(night, "receipt_lines")] == [
        (3, "quantity_missing"),  # an order without lines is a row without a line
        (4, "quantity_unreadable"),
    ]


def test_a_rejected_row_shows_all_of_its_columns(home: Retailer) -> None:
    night = load(home, "orders__json", json.dumps(ORDERS))
    (file,) = night.lake.manifest(night.run_date).tables["rejected_receipt_lines"].data_files
    first, second = pq.read_table(night.lake.path(file.path)).column("row_values").to_pylist()
    assert json.loads(first) == ["2", "2023-05-31", "1.1", None, None, None, None, None, None, None, None]
    assert json.loads(second)[-3:] == ["x", "5", None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"id": 1}, {"id": ', r"element 2, which begins in line 1, can't be read as JSON: .* it may be cut off"),
        ('[{"id": 1}\n', r"element 2, which begins in line 2, .*the list does not end|there is no comma"),
        ('{"id": 1}\n{"id": 2', r"element 2, which begins in line 2"),
        ('[{"id": 1}] {"id": 2}', r"element 2, .*something stands behind the end of the list"),
        ('[{"id": 1}, 5]', r"element 2 is no object with names but a number\. Export one object a row"),
        ('[{"id": 1}, null]', r"element 2 is no object with names but null"),
        ('[{"id": NaN}]', r"element 1, .*NaN is no number"),
        ('[{"id": 1, "id": 2}]', r"element 1, .*an object has a name twice"),
        ('[{"id": 1, "line_items": {"sku": "A"}}]', r"line_items of element 1 is no list"),
        ('[{"id": 1, "lines": []}]', r"no object has a list 'line_items', whose parts are to be rows"),
        ('[{"a": {"b": 1}, "a.b": 2, "line_items": []}]', r"element 1: it has the column 'a.b' twice"),
        ("[" * 100_000, r"element 1, .*nested too deep"),
        ("", r"element 1, .*the file is empty"),
        (b'[{"id": "\xff"}]', r"no utf-8 text"),
    ],
    ids=map(str, range(14)),
)  # fmt: skip
def test_what_is_no_list_of_objects_is_named_with_its_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "orders.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadDataError, match=rf"orders\.json: .*{message}"):
        inspect_feed_file(path, path.name, FeedDialect(rows="line_items"))


def test_a_column_that_no_object_has_is_missing(home: Retailer) -> None:
    with pytest.raises(BadDataError, match=r"the column 'created_at', of which receipts is made, is missing"):
        load(home, "orders__json", json.dumps(ORDERS).replace("created_at", "made_at"))


def test_numbers_arrive_as_they_were_written(home: Retailer) -> None:
    content = '[{"id": 12345678901234567890, "created_at": "2023-05-31", "total_price": 1e2, "customer": {}, %s}]'
    content %= '"line_items": []'
    night = load(home, "orders__json", content)
    assert home.rows(night, "receipts", "receipt_id, total_amount::VARCHAR") == [("12345678901234567890", "100.00")]


@pytest.mark.parametrize("content", ["[]", '{"orders": [], "count": 0}'])
def test_a_day_without_orders_is_an_empty_list(home: Retailer, content: str) -> None:
    night = load(home, "orders__json", content)
    assert home.counts(night, "receipts")[:3] == (0, 0, 0)


def test_what_is_null_in_every_object_is_no_missing_column(home: Retailer) -> None:
    night = load(home, "orders__json", json.dumps([ORDERS[1]]))
    assert home.rows(night, "receipts", "receipt_id, customer_id") == [("2", None)]
