"""A retailer's own files through the mapping: what is used, left out and rejected, row by row."""

import hmac

import pyarrow.parquet as pq
import pytest
from conftest import Retailer, needed
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from mapped_files import CHECKS, HEADER, ORDERS, SHOP, STAGED, TILL, deliver
from typer.testing import CliRunner

from pipelines.errors import BadDataError
from pipelines.ops.cli import app


def test_a_shop_export_gives_receipts_lines_and_customers(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS)
    night = home.load("2023-06-10", only=STAGED)
    receipts = home.rows(
        night, "receipts", "receipt_id, issued_at::VARCHAR, operation, total_amount::VARCHAR, customer_id IS NULL"
    )
    assert receipts == [
        ("#1001", "2023-05-31 02:21:57-04", "sale", "25.00", False),
        ("#1002", "2023-05-31 13:00:00-04", "return", "5.00", False),
        ("#1006", "2023-06-01 16:00:00-04", "sale", "4.00", True),
    ]
    assert home.rows(night, "receipt_lines", "receipt_id, line_number, amount::VARCHAR") == [
        ("#1001", 1, "10.00"),
        ("#1001", 2, "15.00"),
        ("#1002", 1, "5.00"),
    ]
    (same,) = home.rows(night, "receipts", "COUNT(DISTINCT customer_id)")
    assert same == (1,)
    customers = home.rows(night, "crm_customers", "customer_id, registered_at::VARCHAR")
    (quality,) = night.lake.manifest(night.run_date).tables["crm_customers"].info["feed_quality"]
    assert quality["filtered"]["without_email"] == 1  # guests are nobody, and nothing that is wrong
    assert [registered for _, registered in customers] == ["2023-05-31 02:21:57-04"]
    assert len(customers[0][0]) == 64


def test_what_is_rejected_has_file_row_and_rule(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS)
    night = home.load("2023-06-10", only=STAGED)
    assert home.rejected(night, "receipts") == [
        ("orders_export_1.csv", 6, "order_differs_in_total"),
        ("orders_export_1.csv", 7, "order_differs_in_total"),
    ]
    assert ("orders_export_1.csv", 8, "quantity_unreadable") in home.rejected(night, "receipt_lines")
    info = night.lake.manifest(night.run_date).tables["receipts"].info
    assert info["feed_quality"] == [
        {
            "feed": "orders",
            "read": 8,
            "used": 4,
            "filtered": {"cancelled": 1, "unpaid": 1},
            "rejected": {"order_differs_in_total": 2},
            "amounts": [
                {"outcome": "filtered", "reason": "cancelled", "amount": "7.00", "without_amount": 0},
                {"outcome": "filtered", "reason": "unpaid", "amount": "7.00", "without_amount": 0},
                {"outcome": "rejected", "reason": "order_differs_in_total", "amount": "9.00", "without_amount": 0},
                {"outcome": "used", "reason": "used", "amount": "34.00", "without_amount": 0},
            ],
        }
    ]
    assert home.counts(night, "receipts")[:3] == (4, 3, 1)


def test_feed_quality_is_a_table_and_a_source_that_nobody_names_needs_no_header_file(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS)
    night = home.load("2023-06-10", upto=("staging", "marts"), only=needed("feed_quality"))
    columns = "source, part, outcome, reason, feed, feed_rows, amount::VARCHAR, without_amount"
    found = home.rows(night, "feed_quality", columns)
    assert [row for row in found if row[0] == "receipts"] == [
        ("receipts", 1, "filtered", "cancelled", "orders", 1, "7.00", 0),
        ("receipts", 1, "filtered", "unpaid", "orders", 1, "7.00", 0),
        ("receipts", 1, "rejected", "order_differs_in_total", "orders", 2, "9.00", 0),
        ("receipts", 1, "used", "used", "orders", 4, "34.00", 0),
    ]
    assert {row[-2:] for row in found if row[0] == "crm_customers"} == {(None, None)}
    assert home.counts(night, "promo_codes")[0] == 0


REFUNDS = """
feeds:
  orders: &orders
    files: ["orders_export*.csv"]
    filters: {header_only: "Total IS NULL"}
  refunds:
    <<: *orders
    filters:
      header_only: "Total IS NULL"
      not_refunded: 'coalesce(number("Refunded Amount"), 0) = 0'
sources:
  receipts:
  - feed: orders
    columns: &columns
      receipt_id: {column: "Name"}
      issued_at: {expression: 'time("Paid at")'}
      total_amount: {column: "Total"}
  - feed: refunds
    columns:
      receipt_id: {expression: "Name || '-refund'"}
      original_receipt_id: {column: "Name"}
      operation: {constant: return}
      issued_at: {expression: 'coalesce(time("Refunded at"), time("Paid at"))'}
      total_amount: {column: "Refunded Amount"}
"""


def test_a_refund_in_a_column_of_the_order_becomes_a_return_of_its_own(home: Retailer) -> None:
    orders = """Name,Paid at,Total,Refunded Amount,Refunded at
#1,2023-05-30 12:00:00 Z,25.00,0.00,
#2,2023-05-31 12:00:00 Z,30.00,12.50,
#3,2023-05-31 12:00:00 Z,30.00,x,
"""
    deliver(home, REFUNDS, "2023-06-10", orders_export__csv=orders)
    night = home.load("2023-06-10", only=STAGED)
    columns = "receipt_id, operation, original_receipt_id, issued_date::VARCHAR, total_amount::VARCHAR"
    assert home.rows(night, "receipts", columns) == [
        ("#1", None, None, "2023-05-30", "25.00"),
        ("#2", None, None, "2023-05-31", "30.00"),
        ("#2-refund", "return", "#2", "2023-05-31", "12.50"),
        ("#3", None, None, "2023-05-31", "30.00"),
    ]
    assert home.rejected(night, "receipts") == [("orders_export.csv", 3, "filter_not_refunded_unreadable")]


def test_a_rejected_row_shows_its_raw_text(home: Retailer) -> None:
    deliver(home, TILL, "2024-01-10", **{"касса/июнь__csv": CHECKS.encode("windows-1251")})
    night = home.load("2024-01-10", only=frozenset({"receipts"}))
    (file,) = night.lake.manifest(night.run_date).tables["rejected_receipts"].data_files
    values = pq.read_table(night.lake.path(file.path)).column("row_values").to_pylist()
    assert values[0] == '["0003", "06.06.2023 11:00", "Сыр", "12.5.1", "-"]'


cells = st.sampled_from(
    ["#1", "#2", "#3", "", "1", "2,5", "x", "-", "05.06.2023", "99.99.2023", "итого", "Чек", "\x00", '"']
)
rows_of_cells = st.lists(st.lists(cells, min_size=4, max_size=6), max_size=12)


@given(rows_of_cells, rows_of_cells)
@examples(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_of_a_feed_is_used_filtered_or_rejected(
    home: Retailer, first: list[list[str]], second: list[list[str]]
) -> None:
    files = {
        f"касса/{n}__csv": ("Чек;Дата;Товар;Сумма;Карта\n" + "".join(";".join(row) + "\n" for row in rows)).encode(
            "cp1251"
        )
        for n, rows in enumerate((first, second))
    }
    deliver(home, TILL, "2024-01-10", **files)
    night = home.load("2024-01-10", only=frozenset({"receipts"}))
    info = night.lake.manifest(night.run_date).tables["receipts"].info
    (quality,) = info["feed_quality"]
    rejected = home.rejected(night, "receipts")
    assert len(rejected) == sum(quality["rejected"].values()) == len({row[:2] for row in rejected})
    assert quality["read"] == quality["used"] + sum(quality["filtered"].values()) + len(rejected)
    if not any('"' in cell for row in first + second for cell in row):
        assert quality["read"] == len(first) + len(second)
    assert len(home.rows(night, "receipts")) <= quality["used"]


def test_the_command_prints_the_selects_and_the_functions(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10")
    shown = CliRunner().invoke(app, ["mapping", "--home", f"{home.home}", "--source", "receipts"])
    assert shown.exit_code == 0
    assert "--   c1: Name" in shown.output
    assert "WHEN filter_0 THEN 'cancelled'" in shown.output
    assert "receipt_lines" not in shown.output
    assert "split_part" in CliRunner().invoke(app, ["mapping", "--functions"]).output


def test_a_till_export_in_windows_1251_is_read_by_its_marks(home: Retailer) -> None:
    deliver(home, TILL, "2024-01-10", **{"касса/июнь__csv": CHECKS.encode("windows-1251")})
    night = home.load("2024-01-10", only=frozenset({"receipts"}))
    assert home.rows(night, "receipts", "receipt_id, issued_at::VARCHAR, total_amount::VARCHAR, customer_id") == [
        ("0001", "2023-06-05 03:15:00-04", "1725.00", "K7"),
        ("0002", "2023-12-31 15:59:00-05", "12.50", None),
    ]
    assert home.rejected(night, "receipts") == [
        ("касса/июнь.csv", 4, "total_amount_unreadable"),
        ("касса/июнь.csv", 5, "issued_at_differs"),
        ("касса/июнь.csv", 6, "issued_at_differs"),
    ]


def test_a_receipt_in_two_files_is_taken_whole_from_the_last(home: Retailer) -> None:
    later = HEADER + "#1001,ann@example.com,paid,2023-05-30 23:21:57 -0700,10.00,1,10.00,A-1,\n"
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS, orders_export_2__csv=later)
    night = home.load("2023-06-10", only=STAGED)
    assert ("#1001", "10.00") in home.rows(night, "receipts", "receipt_id, total_amount::VARCHAR")
    lines = home.rows(night, "receipt_lines", "receipt_id, line_number")
    assert [line for line in lines if line[0] == "#1001"] == [("#1001", 1)]
    (quality,) = night.lake.manifest(night.run_date).tables["receipt_lines"].info["feed_quality"]
    assert quality["filtered"]["in_a_later_file"] == 2
    assert quality["read"] == quality["used"] + sum(quality["filtered"].values()) + sum(quality["rejected"].values())


LINES_BY_TILL = """
feeds:
  till: {files: ["till*.csv"]}
sources:
  receipt_lines:
  - feed: till
    columns:
      receipt_id: {expression: "Till || '/' || No"}
      line_number: {number_within: "No"}
      quantity: {constant: 1}
      amount: {column: "Sum"}
every_night: [receipt_lines]
"""


def test_lines_whose_receipt_is_an_expression_come_whole_from_the_last_file(home: Retailer) -> None:
    first, later = "Till,No,Sum\nA,1,1\nA,1,2\nB,1,3\n", "Till,No,Sum\nA,1,5\n"
    deliver(home, LINES_BY_TILL, "2023-06-10", till1__csv=first, till2__csv=later)
    night = home.load("2023-06-10", only=frozenset({"receipt_lines"}))
    assert home.rows(night, "receipt_lines", "receipt_id, amount::VARCHAR") == [("A/1", "5.00"), ("B/1", "3.00")]


def test_damaged_lines_keep_their_row_number_and_text(home: Retailer) -> None:
    broken = ORDERS.replace("#1003,bob@example.com,paid,", "#1003,paid,").replace(
        "#1002,ann@example.com ", '#1002,"ann@\nexample.com"'
    )
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=broken)
    night = home.load("2023-06-10", only=STAGED)
    assert ("orders_export_1.csv", 4, "too_few_fields") in home.rejected(night, "receipts")
    assert {r for (r,) in home.rows(night, "receipts", "receipt_id")} == {"#1001", "#1002", "#1006"}


def test_a_missing_column_names_file_column_and_nearest(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS.replace("Paid at", "Paid on"))
    with pytest.raises(
        BadDataError, match=r"orders_export_1.csv: the column 'Paid at'.*missing; the nearest is 'Paid on'"
    ):
        home.load("2023-06-10", only=STAGED)


def test_a_changed_id_rule_wants_a_new_home(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS)
    home.load("2023-06-10", only=STAGED)
    deliver(
        home,
        SHOP.replace('receipt_id: {column: "Name"}', 'receipt_id: {column: "Paid at"}'),
        "2023-06-11",
        orders_export_1__csv=ORDERS,
    )
    with pytest.raises(BadDataError, match="into a new home"):
        home.load("2023-06-11", only=STAGED)


def test_a_part_of_the_mapping_may_be_added_later(home: Retailer) -> None:
    first, _, _ = REFUNDS.partition("  - feed: refunds")
    orders = "Name,Paid at,Total,Refunded Amount,Refunded at\n#2,2023-05-31 12:00:00 Z,30.00,12.50,\n"
    feeds, _, rest = first.partition("  refunds:")
    deliver(home, f"{feeds}sources:{rest.partition('sources:')[2]}", "2023-06-10", orders_export__csv=orders)
    home.load("2023-06-10", only=STAGED)
    deliver(home, REFUNDS, "2023-06-11", orders_export__csv=orders)
    night = home.load("2023-06-11", only=STAGED)
    assert home.rows(night, "receipts", "receipt_id") == [("#2",), ("#2-refund",)]


def test_what_is_due_every_night_stops_it_when_missing(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", other__csv="a\n1\n")
    with pytest.raises(BadDataError, match=r"receipts is to come every night .* orders_export\*.csv"):
        home.open("2023-06-10")


def test_a_file_of_the_sources_own_name_beside_its_mapping_is_refused(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS, receipts__csv="receipt_id\n")
    with pytest.raises(BadDataError, match="this file would not be read"):
        home.load("2023-06-10", only=STAGED)


def test_an_id_of_an_email_is_an_hmac_with_a_salt_that_only_the_home_has(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS)
    night = home.load("2023-06-10", only=STAGED)
    salt = home.home / "lake" / "mapping_salt"
    assert salt.stat().st_mode & 0o777 == 0o600
    expected = hmac.new(salt.read_bytes(), b"ann@example.com", "sha256").hexdigest()
    assert ("#1001", expected) in home.rows(night, "receipts", "receipt_id, customer_id")


def test_a_run_again_reads_anew_only_what_another_mapping_reads(home: Retailer) -> None:
    deliver(home, SHOP, "2023-06-10", orders_export_1__csv=ORDERS)
    first = home.load("2023-06-10", only=STAGED)
    files = first.lake.manifest(first.run_date).tables
    again = home.load("2023-06-10", only=STAGED)
    assert again.lake.manifest(again.run_date).tables["receipts"].data_files == files["receipts"].data_files
    deliver(home, SHOP.replace("'voided')", "'paid')"), "2023-06-10", orders_export_1__csv=ORDERS)
    other = home.load("2023-06-10", only=STAGED)
    assert home.rows(other, "receipts", "receipt_id") == [("#1002",)]
