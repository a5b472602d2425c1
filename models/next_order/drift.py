"""What drift of the next order is measured on: what the model learns from, and what it makes of it."""

import numpy as np
import pyarrow as pa

from models.columns import floats
from models.types import Floats

# Of the forecast; the others are what it is made from.
PUBLISHED = ("p_order_again", "next_order_days")

DRIFT_COLUMNS = ("days_between_purchases", "days_since_last_purchase", *PUBLISHED)


def drift_columns(customers: pa.Table, scored: pa.Table, active_days: int) -> dict[str, Floats]:
    """The columns of DRIFT_COLUMNS, of the active customers.

    As with CLV, what grows by itself with a customer's years (frequency, recency_days, age_days) is left out. Days
    between purchases are NaN for customers who bought on one day only, days to the next order for those without a date:
    bins of their own.

    Args:
        customers: as given to score_next_order.
        scored: what it made of them.
        active_days: a customer who bought within so many days is active.
    """
    x, recency, age = (floats(customers[name]) for name in ("frequency", "recency_days", "age_days"))
    active = age - recency < active_days
    columns = {
        "days_between_purchases": recency / np.where(x > 0, x, np.nan),
        "days_since_last_purchase": age - recency,
        "p_order_again": floats(scored["p_order_again"]),
        "next_order_days": floats(scored["next_days"]),
    }
    return {name: values[active] for name, values in columns.items()}
