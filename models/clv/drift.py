"""What drift of CLV is measured on: what its components learn from, and what they make of it."""

import numpy as np
import pyarrow as pa

from models.columns import floats
from models.types import Floats

# By the component that learns from a column or makes it.
DRIFT_COLUMNS = {
    "buying": ("days_between_purchases", "days_since_last_purchase", "p_alive", "expected_purchases"),
    "spend": ("mean_repeat_value", "expected_purchase_day_value"),
}


def drift_columns(customers: pa.Table, scored: pa.Table, active_days: int) -> dict[str, Floats]:
    """The columns of DRIFT_COLUMNS, of the active customers.

    Frequency, age and the days from the first to the last purchase grow by themselves, of each customer and, in a young
    programme, of all. The mean days between purchases and the days since the last one don't, among those who bought
    within active_days. A one-time buyer has no days between purchases and no repeat value: NaN, a bin of its own.

    Args:
        customers: as given to score_clv.
        scored: what it made of them.
        active_days: a customer who bought within so many days is active.
    """
    x, recency, age, revenue = (
        floats(customers[name]) for name in ("frequency", "recency_days", "age_days", "repeat_revenue")
    )
    repeats = np.where(x > 0, x, np.nan)
    scores = ("p_alive", "expected_purchases", "expected_purchase_day_value")
    columns = {
        "days_between_purchases": recency / repeats,
        "days_since_last_purchase": age - recency,
        "mean_repeat_value": revenue / repeats,
        **{name: floats(scored[name]) for name in scores},
    }
    active = age - recency < active_days
    return {name: values[active] for name, values in columns.items()}
