"""The business date that a person gives a night."""

from datetime import date

from pipelines.errors import LoyaltyError

# Models look years back, and forecasts years ahead; within these every such day is a date.
FIRST, LAST = date(1970, 1, 1), date(2199, 12, 31)


def read_date(text: str) -> date:
    """A business date from its text.

    Raises:
        LoyaltyError: the text is no date, or no night can have that date.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise LoyaltyError(f"{text!r} is no date; write it like 2017-11-30") from None
    if not FIRST <= day <= LAST:
        raise LoyaltyError(f"{text!r} can't be the date of a night: nights are from {FIRST} to {LAST}")
    return day
