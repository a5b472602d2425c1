"""How a feed's files are written: a contract's dialect, and an order of dates with whatever separators they have."""

from dataclasses import dataclass

from pipelines.dialect import Dialect

DATE_ORDERS = {
    "day_first": ("DD", "MM", "YYYY"),
    "month_first": ("MM", "DD", "YYYY"),
    "year_first": ("YYYY", "MM", "DD"),
}


@dataclass(frozen=True)
class FeedDialect(Dialect):
    """A dialect that may give the order of dates alone: then a point, a slash and a hyphen are all read between.

    `sheet` (None: the first) and `header_row` are of workbooks, whose cells are written as text with the dialect's
    decimal mark and with dates in ISO 8601. `rows` is the path of the list in a JSON object whose parts are rows (None:
    the object is).
    """

    date_order: str | None = None
    sheet: str | None = None
    header_row: int = 1
    rows: str | None = None
