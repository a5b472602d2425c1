"""Churn of young customers who buy unlike earlier ones: by the model of buying that was fitted on them alone.

The churn model learns from customers whose outcome is known, and of the young none is.
"""

import numpy as np

from models.clv.outlook import futures, still_there
from models.clv.parameters import ClvParameters
from models.columns import as_table, floats
from models.types import Floats, Rows

METHOD = "young_customers"


def young_churn(features: Rows, buying: ClvParameters, horizon_days: int) -> Floats:
    """Probability that a customer buys no more within the horizon, one per row, to 6 digits, within .001 and .999.

    Args:
        features: with order_day_count, days_since_first_order and days_since_last_order.
        buying: of the young.
        horizon_days: after the night.
    """
    table = as_table(features)
    days, first, last = (
        floats(table[name]) for name in ("order_day_count", "days_since_first_order", "days_since_last_order")
    )
    alive = still_there(buying, days - 1, first - last, first)
    future, cell = futures(buying, days - 1, first, horizon_days, 0.0)
    return np.asarray(np.round(np.clip(1 - alive * (1 - future.none[cell]), 0.001, 0.999), 6))
