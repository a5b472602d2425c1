"""How good the dates of an earlier fit were."""

import numpy as np
import pyarrow as pa
import pytest
from next_order_customers import customers

from models.next_order.holdout import MIN_ENDED, evaluate_next_order, next_order_skill
from models.next_order.score import score_next_order


def test_judged_is_who_ordered_after_an_interval_that_has_ended():
    count = MIN_ENDED
    columns = {"p_order_again": 0.8, "low_days": 2, "next_days": 5, "high_days": 10}
    rows = {name: pa.array([value] * (3 * count)) for name, value in columns.items()}
    rows["high_days"] = pa.array([10] * (2 * count) + [31] * count)
    # A quarter comes too early, three in ten never, of the last third the interval is still open.
    half = np.where(np.arange(2 * count) % 4 == 0, 1.0, 7.0)
    half[np.arange(2 * count) % 10 > 6] = np.nan
    found = {
        name: (value, note)
        for name, value, note in evaluate_next_order(
            pa.table(rows), np.concatenate([half, np.full(count, 7.0)]), follow_up_days=30
        )
    }
    came = np.isfinite(half)
    assert found["coverage"][0] == pytest.approx((half[came] == 7).mean())
    assert found["coverage_of_all"][0] == pytest.approx((half == 7).mean())
    assert found["ordered_again"][0] == pytest.approx(came.mean())
    assert "stated 0.640" in found["coverage_of_all"][1]
    assert found["median_error_days"][0] == 2
    assert found["late_share"][0] == pytest.approx((half[came] == 7).mean())


def test_too_few_to_judge_is_said_and_nothing_measured():
    forecast = score_next_order(customers((3, 30, 40)), None)
    [(metric, value, note)] = evaluate_next_order(forecast, [4.0], 180)
    assert (metric, value) == ("coverage", None)
    assert note == "0 intervals of 180 days ago can be judged; 100 are needed"


def test_skill_is_seen_where_customers_differ_and_not_where_their_days_are_drawn_by_lot(simulated, fit):
    patterns, _, following = simulated
    own = patterns.assign(next_days=np.where(following <= 150, following, np.nan))
    assert next_order_skill(own, fit.parameters, 150).p_value < 1e-6
    drawn = own.assign(next_days=np.random.default_rng(1).permutation(own["next_days"]))
    assert next_order_skill(drawn, fit.parameters, 150).p_value > 0.025


def test_skill_that_cannot_be_judged_is_none(simulated, fit):
    patterns, _, _ = simulated
    nobody = patterns.assign(next_days=np.nan)
    assert next_order_skill(nobody, fit.parameters, 150) is None
    assert next_order_skill(patterns.assign(next_days=5.0), None, 150) is None
