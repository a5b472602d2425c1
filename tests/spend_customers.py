"""Customers who buy at their own rate, as spend growth sees them, for tests."""

import numpy as np
import pandas as pd

HORIZON = 90


def spends(customers: int, seed: int) -> pd.DataFrame:
    """Customers who buy at their own rate in four quarters and the next, unless they left after some order."""
    rng = np.random.default_rng(seed)
    rate, basket = rng.gamma(2, 2, customers), rng.gamma(4, 25, customers)
    gone_by = np.where(rng.random(customers) < 0.3, rng.integers(1, 5, customers), 9)
    orders = np.column_stack([np.where(quarter < gone_by, rng.poisson(rate), 0) for quarter in range(5)])
    spend = (orders * basket[:, None] * rng.gamma(20, 0.05, (customers, 5))).round(2)
    quarters_ago = np.where((orders[:, :4] > 0).any(axis=1), np.argmax(orders[:, 3::-1] > 0, axis=1), -1)
    frame = pd.DataFrame(
        {
            "days_since_last_order": quarters_ago * HORIZON + rng.integers(0, 90, customers),
            "days_since_first_order": rng.integers(360, 900, customers),
            "order_day_count_365d": orders[:, :4].sum(axis=1),
            "spend_365d": spend[:, :4].sum(axis=1),
            "spend_last": spend[:, 3],
            "spend_before": spend[:, 2],
            "spend_next": spend[:, 4],
            "spend_last_complete": spend[:, 3],
        }
    )
    return frame[quarters_ago >= 0].reset_index(drop=True)


def quality(fit) -> dict[str, float | None]:
    return {metric: value for metric, value, _ in fit.quality}
