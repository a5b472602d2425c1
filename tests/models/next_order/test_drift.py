"""What drift of the next order is measured on."""

import numpy as np
from next_order_customers import POPULATION, customers

from models.next_order.drift import DRIFT_COLUMNS, drift_columns
from models.next_order.score import score_next_order


def test_drift_is_watched_of_the_active_on_what_does_not_grow_by_itself():
    known = customers((4, 60, 65), (0, 0, 9), (3, 30, 120), (None, None, None), (20, 60, 140))
    scored = score_next_order(known, POPULATION)
    found = drift_columns(known, scored, active_days=90)
    p, days = (np.array(scored[name].to_pylist(), dtype=float)[[0, 1, 4]] for name in ("p_order_again", "next_days"))
    expected = {
        "days_between_purchases": [15, np.nan, 3],
        "days_since_last_purchase": [5, 9, 80],
        "p_order_again": p,
        "next_order_days": days,
    }
    assert tuple(found) == DRIFT_COLUMNS
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert np.isnan(days).tolist() == [False, False, True]
