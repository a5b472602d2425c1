"""Stores like for like: the last whole month beside the month before and the same month a year earlier."""

from pipelines.report.page import Table, Warehouse
from pipelines.report.words import NONE, Row, day, name_of, number, percent, ratio, signed

_COMPARED = """
SELECT compared_with, reason, business_month, COUNT(*) AS stores, SUM(revenue) AS revenue,
    SUM(compared_revenue) AS compared_revenue, SUM(receipts) AS receipts, SUM(compared_receipts) AS compared_receipts
FROM store_like_for_like
WHERE business_month = (SELECT MAX(business_month) FROM store_like_for_like WHERE is_complete)
GROUP BY ALL
ORDER BY compared_with, reason NULLS FIRST
"""
_COMPARED_WITH = {"month_before": "the month before", "year_before": "a year earlier"}


def stores_table(warehouse: Warehouse) -> Table | None:
    """What stores that were open in both months sold, and why others are not compared; None without a comparison."""
    rows = warehouse.rows(_COMPARED)
    if not rows:
        return None
    columns = ("Compared with", "Stores", "How many", "Revenue", "Then", "Change", "Receipts", "Then")
    note = (
        "Like for like: stores that were open throughout both months. All rows of a comparison add up to its revenue."
    )
    caption = f"Stores like for like, month from {day(rows[0]['business_month'])}"
    return Table(caption, columns, "ttnnnnnn", [_cells(warehouse, row) for row in rows], note)


def _cells(warehouse: Warehouse, row: Row) -> tuple[str, ...]:
    """A row as the table shows it; only what is like for like has a change."""
    before = row["compared_revenue"]
    change = ratio(row["revenue"] - before, before) if row["reason"] is None and before > 0 else None
    return (
        _COMPARED_WITH.get(row["compared_with"], NONE),
        name_of((row["reason"] or "like_for_like").replace("_", " ")),
        number(row["stores"]),
        warehouse.money(row["revenue"]),
        warehouse.money(before),
        signed(percent, change),
        number(row["receipts"]),
        number(row["compared_receipts"]),
    )
