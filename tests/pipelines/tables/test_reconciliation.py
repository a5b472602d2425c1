"""Nights that are reconciled: what is rejected, comes later, or is taken back, to the cent."""

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
from conftest import needed
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalog import tables
from pipelines.tables.inputs import contract_of

COLUMNS = (
    "business_month, receipts, sales_amount, return_amount, revenue, discount_amount, customers, new_customers, "
    "line_count, line_gap, receipts_off_lines, lines_without_receipt, amount_without_receipt, receipts_after_night, "
    "rejected_receipts, rejected_amount, rejected_lines, rejected_line_amount"
)
CRM = "customer_id,registered_at\nann,2025-06-02T12:00:00\n"
RECEIPTS = "receipt_id,customer_id,issued_at,operation,total_amount,discount_amount\n"
LINES = "receipt_id,line_number,quantity,amount\n"


def reconciled(retailer: Any, night: str, **files: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    retailer.deliver(night, crm_customers=CRM, **files)
    only = needed("reconciliation")
    loaded = retailer.load(night, upto=("staging", "facts", "marts"), only=only)
    months = retailer.rows(loaded, "reconciliation", COLUMNS)
    return (
        sorted((f"{month}"[:7], *map(_plain, row)) for month, *row in months),
        sorted((f"{month}"[:7], *map(_plain, row)) for month, *row in retailer.rows(loaded, "reconciliation_rejected")),
    )


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.dates(date(2024, 1, 30), date(2024, 4, 2)),
            st.booleans(),
            st.decimals(0, 1000, places=2),
            st.none() | st.decimals(-10, 10, places=2),
            st.integers(0, 3),
        ),
        max_size=12,
    )
)
def test_the_months_of_any_receipts_add_up_to_them(receipts):
    con = duckdb.connect()
    select = tables()["reconciliation"].sql
    for name in tables()["reconciliation"].inputs:
        columns = ", ".join(f"{column.name} {column.type}" for column in contract_of(name).columns)
        con.execute(f"CREATE TABLE {name} ({columns})")
    con.execute("CREATE TABLE night AS SELECT DATE '2024-06-30' AS run_date")
    for n, (day, is_return, amount, gap, lines) in enumerate(receipts):
        con.execute(
            "INSERT INTO receipt_fact (receipt_id, business_date, is_return, revenue, gift_card_amount, line_gap, "
            "line_count) VALUES (?, ?, ?, ?, 0, ?, ?)",
            [f"{n}", day, is_return, -amount if is_return else amount, gap, lines],
        )
    found = con.execute(
        "SELECT COUNT(*), COUNT(DISTINCT business_month), COALESCE(SUM(receipts), 0), COALESCE(SUM(revenue), 0), "
        f"COALESCE(SUM(line_gap), 0), COALESCE(SUM(line_count), 0) FROM ({select}\n)"
    ).fetchone()
    months = len({(day.year, day.month) for day, *_ in receipts})
    revenue = sum((-amount if is_return else amount for _, is_return, amount, *_ in receipts), Decimal(0))
    gaps = sum((gap for *_, gap, _ in receipts if gap is not None), Decimal(0))
    assert found == (months, months, len(receipts), revenue, gaps, sum(lines for *_, lines in receipts))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | date) else value


def test_what_was_rejected_and_comes_later_moves_into_the_months_and_the_sums_stay_whole(retailer):
    first, rejected = reconciled(
        retailer,
        "2025-06-30",
        receipts=f"{RECEIPTS}a,ann,2025-05-31T12:00:00,sale,10.10,1.00\nb,,2025-06-01T12:00:00,sale,?,\n"
        "c,ann,soon,sale,7.70,\nd,ann,2025-06-03T12:00:00,return,4.05,\ne,,2025-07-02T12:00:00,sale,1,\n",
        receipt_lines=f"{LINES}a,1,1,10.10\nb,1,1,20.20\nc,1,1,7.70\nd,1,1,3.00\nd,2,1,?\ne,1,1,1\n",
    )
    assert first == [
        ("2025-05", 1, "10.10", "0.00", "10.10", "1.00", 1, 1, 1, "0.00", 0, 0, "0.00", 0, 0, "0.00", 0, "0.00"),
        # Of the amounts that can be read, 10.10, 7.70, 4.05 and 1.00, the mean is 5.71; of the lines it is 8.40.
        ("2025-06", 1, "0.00", "4.05", "-4.05", None, 0, 0, 1, "-1.05", 1, 0, "0.00", 0, 1, "5.71", 1, "8.40"),
        ("2025-07", 0, "0.00", "0.00", "0.00", None, 0, 0, 0, "0.00", 0, 0, "0.00", 1, 0, "0.00", 0, "0.00"),
        ("None", 0, "0.00", "0.00", "0.00", None, 0, 0, 0, "0.00", 0, 2, "27.90", 0, 1, "7.70", 0, "0.00"),
    ]
    assert rejected == [
        ("2025-06", "receipt_lines", "amount_unreadable", 1, 0, 1, "8.40"),
        ("2025-06", "receipts", "total_amount_unreadable", 1, 0, 1, "5.71"),
        ("None", "receipts", "issued_at_unreadable", 1, 0, 0, "7.70"),
    ]
    second, rejected = reconciled(
        retailer,
        "2025-07-02",
        receipts=f"{RECEIPTS}b,,2025-06-01T12:00:00,sale,20.20,\nc,ann,2025-05-30T12:00:00,sale,7.70,\n",
    )
    assert second == [
        ("2025-05", 2, "17.80", "0.00", "17.80", "1.00", 1, 1, 2, "0.00", 0, 0, "0.00", 0, 0, "0.00", 0, "0.00"),
        ("2025-06", 2, "20.20", "4.05", "16.15", None, 0, 0, 2, "-1.05", 1, 0, "0.00", 0, 0, "0.00", 1, "8.40"),
        ("2025-07", 1, "1.00", "0.00", "1.00", None, 0, 0, 1, "0.00", 0, 0, "0.00", 0, 0, "0.00", 0, "0.00"),
    ]
    assert rejected == [
        ("2025-06", "receipt_lines", "amount_unreadable", 1, 0, 1, "8.40"),
        ("2025-06", "receipts", "total_amount_unreadable", 0, 1, 0, None),
        ("None", "receipts", "issued_at_unreadable", 0, 1, 0, None),
    ]
