"""What to hold against the back office: each month's receipts and money, and what is left out; as CSV too."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from pipelines.report.page import LISTED, Section, Table, Warehouse
from pipelines.report.words import MONTHS, Row, counted, number, percent, ratio

SHOWN_MONTHS = 13
FILES = ("reconciliation", "reconciliation_rejected")

_EVERY_MONTH = "FROM reconciliation ORDER BY business_month NULLS LAST"

_REASONS = """
SELECT source AS "Source", rule AS "Rule that was broken", CAST(SUM(lost_rows) AS BIGINT) AS "Rows lost",
    CAST(SUM(estimated_rows) AS BIGINT) AS "Amount not read", SUM(lost_amount) AS "Money lost",
    CAST(SUM(recovered_rows) AS BIGINT) AS "Came otherwise"
FROM reconciliation_rejected
GROUP BY source, rule
ORDER BY "Rows lost" DESC, source, rule
"""

# What is left out or does not fit: in words, its count, its amount (none: there is no sum of money), what it means.
_LEFT_OUT = (
    (
        "Receipts rejected",
        "rejected_receipts",
        "rejected_amount",
        "They broke a rule and count nowhere; see why below.",
    ),
    ("Lines rejected", "rejected_lines", "rejected_line_amount", "Margin and categories lack them, revenue does not."),
    (
        "Receipts whose lines do not add up",
        "receipts_off_lines",
        "line_gap",
        "Shipping, tips, a discount of the order, or lines that are missing. Revenue is the receipts' totals.",
    ),
    ("Receipts without lines", "receipts_without_lines", "", "Their margin and categories are not known."),
    ("Lines without their receipt", "lines_without_receipt", "amount_without_receipt", "They count nowhere."),
    ("Receipts after this night", "receipts_after_night", "amount_after_night", "They count from their day on."),
    (
        "Returns dated by their sale",
        "undated_returns",
        "undated_return_amount",
        "The source gives no date of the refund, so months that were closed may change.",
    ),
    ("Receipts taken back", "void_receipts", "", "A void took them back; they count nowhere."),
    ("Sales of 0", "zero_sale_receipts", "", "They are orders if the customer is known."),
    ("Customers registered after their first order", "late_registered_customers", "", "They count from that order on."),
)


def reconciliation(warehouse: Warehouse) -> Section:
    rows = warehouse.rows(_EVERY_MONTH)
    whole = _sum(rows, "All")
    revenue, lost = whole["revenue"], whole["rejected_amount"]
    takeaways = [
        f"{counted(whole['receipts'], 'receipt')} bring {warehouse.cents(revenue)}: sales of "
        f"{warehouse.cents(whole['sales_amount'])} less returns of {warehouse.cents(whole['return_amount'])}.",
        "Hold each month against the back office. reconciliation.csv, beside this page, has every month and column.",
    ]
    if whole["gift_card_amount"]:
        takeaways.append(
            f"Gift cards sold ({warehouse.cents(whole['gift_card_amount'])}) are no revenue; the receipts' totals have "
            "them."
        )
    if whole["rejected_receipts"]:
        share = percent(ratio(lost, lost + whole["sales_amount"] + whole["return_amount"]), 2)
        takeaways.append(
            f"{counted(whole['rejected_receipts'], 'receipt')} of {warehouse.cents(lost)} ({share} of the money) "
            "broke a rule and have not come otherwise."
        )
    section = Section(takeaways=takeaways, tables=[_months(warehouse, rows, whole), *_left_out(warehouse, whole)])
    if reasons := warehouse.rows(_REASONS):
        left = f", the {LISTED} most frequent of {number(len(reasons))}" if len(reasons) > LISTED else ""
        note = "An amount that can't be read counts at the mean of its night's rows."
        shapes = "name, name, count, count, hundredths, count"
        title = f"Why rows were rejected, in all nights{left}"
        section.tables.append(warehouse.table(title, shapes, reasons[:LISTED], note))
    return section


def _months(warehouse: Warehouse, rows: Sequence[Row], whole: Row) -> Table:
    """The last months, all others together, and all; every column but the buyers adds up."""
    known = [row for row in rows if row["business_month"] is not None and row["business_month"] <= warehouse.run_date]
    shown = known[-SHOWN_MONTHS:]
    others = [row for row in rows if row not in shown]
    lines = [row | {"name": f"{MONTHS[row['business_month'].month - 1]} {row['business_month'].year}"} for row in shown]
    if others:
        lines.append(_sum(others, "Other months"))
    cents = "hundredths, hundredths"
    cells = [
        {
            "Month": row["name"],
            "Receipts": row["receipts"],
            "Sales": row["sales_amount"],
            "Returns": row["return_amount"],
            "Revenue": row["revenue"],
            "Discount": row["discount_amount"],
            "Buyers": row["customers"],
            "New buyers": row["new_customers"],
            "Lines": row["line_count"],
            "Total less lines": row["line_gap"],
            "Rejected": row["rejected_amount"],
        }
        for row in [*lines, whole]
    ]
    note = (
        "Buyers count once in each month; in the last rows they are those who bought then for the first time."
        " Total less lines: what the lines do not account for. Rejected: money of receipts that broke a rule."
    )
    shapes = f"as is, count, {cents}, {cents}, count, count, count, {cents}"
    return warehouse.table(f"Month by month, amounts in {warehouse.currency}", shapes, cells, note)


def _left_out(warehouse: Warehouse, whole: Row) -> list[Table]:
    """What is left out or does not fit, over all months; nothing if there is nothing."""
    found = [
        {"What": what, "How many": whole[count], "Amount": whole[amount] if amount else None, "Meaning": meaning}
        for what, count, amount, meaning in _LEFT_OUT
        if whole[count]
    ]
    if not found:
        return []
    title = f"What is left out, or does not fit, in all months; amounts in {warehouse.currency}"
    return [warehouse.table(title, "as is, count, hundredths, long", found)]


def _sum(rows: Sequence[Row], name: str) -> Row:
    """Rows of months as one. Whoever bought in several months is one buyer, of the month of the first order."""

    def total(column: str) -> Any:
        values = [row[column] for row in rows if row[column] is not None]
        return sum(values) if values else None

    summed = {column: total(column) for column in rows[0] if column not in ("business_month", "run_date")}
    return summed | {"name": name, "customers": summed["new_customers"]}


def csv_file(warehouse: Warehouse, table: str) -> bytes:
    """A table of FILES as CSV: UTF-8 with a header, sorted, what has no month last and without one."""
    columns, rows = warehouse.columns_and_rows(
        "SELECT * EXCLUDE (run_date) FROM query_table($table) ORDER BY ALL NULLS LAST", table=table
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
