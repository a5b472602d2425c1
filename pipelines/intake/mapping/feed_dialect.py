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
    """A dialect that may give the order of dates alone: then a point, a slash and a hyphen are all read between."""

    date_order: str | None = None
