"""Reasons: what the model's risk is made of, said in words that are true of the customer."""

import json

import numpy as np
import pyarrow as pa
import pytest

from models.churn.reasons import Effects, fit_effects, reasons

CUSTOMER = {
    "days_since_last_order": [74, 74, 10, 300, 20],
    "mean_days_between_orders": [21.4, None, 21.4, 0.3, 1.0],
    "order_count_180d": [1, 2, 9, 0, 9],
    "spend_90d": [5.0, 5.0, 50.0, 0.0, -4.0],
    "spend_365d": [100.0, 10.0, 100.0, 0.0, 100.0],
    "days_since_first_order": [400, 74, 400, 301, 20],
    "return_count": [1, 0, 2, 0, 3],
}


def effects(**values: float) -> Effects:
    """Each feature adds a constant to everybody's log-odds."""
    return Effects(
        tuple(values),
        tuple(() for _ in values),
        tuple((value, 0.0) for value in values.values()),
        tuple(float(np.median([v for v in CUSTOMER[name] if v is not None])) for name in values),
        1.0,
    )


def words(of: Effects, columns: dict[str, list] = CUSTOMER) -> list[tuple[str | None, ...]]:
    return list(zip(*(column.to_pylist() for column in reasons(of, pa.table(columns))), strict=True))


def test_the_strongest_topic_comes_first_and_three_at_most():
    of = effects(return_count=0.2, days_since_last_order=0.9, spend_90d=0.4, order_count_180d=0.5)
    assert words(of)[0] == (
        "no order for 74 days (usually every 21)",
        "only 1 order in the last 180 days",
        "spends less: 5% of the year's spend in the last 90 days",
    )


def test_words_are_given_only_where_they_are_true():
    assert [row[0] for row in words(effects(days_since_last_order=1.0))] == [
        "no order for 74 days (usually every 21)",
        None,  # without mean days yet, and 74 days are no more than others' median
        None,  # 10 days are no silence for who orders every 21
        "no order for 300 days (usually every 1)",
        "no order for 20 days (usually every 1)",
    ]
    assert [row[0] for row in words(effects(spend_365d=1.0))] == [
        "spends less: 5% of the year's spend in the last 90 days",
        None,  # half of the year's spend lies in its last quarter
        None,
        None,
        "spends less: 0% of the year's spend in the last 90 days",
    ]
    assert [row[0] for row in words(effects(return_count=1.0))] == ["1 return", None, "2 returns", None, "3 returns"]
    assert [row[0] for row in words(effects(days_since_first_order=1.0))] == [
        None,
        "a customer for only 74 days",
        None,
        None,
        "a customer for only 20 days",
    ]


def test_features_of_one_topic_are_one_reason():
    of = effects(days_since_last_order=0.8, order_count_180d=0.3)
    assert words(of)[3] == ("no order for 300 days (usually every 1)", None, None)  # no order is no "only 0 orders"
    assert words(of)[0][1:] == ("only 1 order in the last 180 days", None)
    cancelled = Effects(("days_since_last_order", "recency_ratio"), ((), ()), ((0.8, 0), (-0.8, 0)), (50.0, 2.0), 1.0)
    assert words(cancelled, CUSTOMER | {"recency_ratio": [3.0] * 5})[0] == (None, None, None)


def test_what_lowers_the_risk_or_hardly_raises_it_is_no_reason():
    assert words(effects(days_since_last_order=-1.0, return_count=0.04)) == [(None, None, None)] * 5


def test_a_feature_without_words_of_its_own_is_named():
    of = Effects(("visits_lately", "known"), ((), ()), ((0.5, 0.7), (0.0, 0.0)), (1.0, 1.0), 1.0)
    columns = {"visits_lately": [2.0, None], "known": [True, False]}
    assert [row[0] for row in words(of, columns)] == ["visits lately 2", "visits lately unknown"]


def test_a_sum_of_steps_is_found_again():
    random = np.random.default_rng(4)
    matrix = random.normal(size=(20_000, 3))
    matrix[random.random(20_000) < 0.1, 1] = np.nan
    log_odds = 2.0 * (matrix[:, 0] > 0) - 1.0 * np.isnan(matrix[:, 1])
    found = fit_effects(("step", "missing", "nothing"), matrix, 1 / (1 + np.exp(-log_odds)))
    assert found.explained > 0.97
    assert found.values[0][-2] - found.values[0][0] == pytest.approx(2, abs=0.05)
    assert found.values[1][-1] - found.values[1][0] == pytest.approx(-1, abs=0.05)
    assert np.abs(found.values[2][:-1]).max() < 0.05
    # Relative to the average customer: what the values add to all of them is nothing on average.
    assert np.mean([found.values[0][k] for k in np.searchsorted(found.edges[0], matrix[:, 0])]) == pytest.approx(
        0, abs=1e-9
    )


def test_effects_outlive_json():
    matrix = np.column_stack([np.arange(100.0), np.full(100, np.nan)])
    found = fit_effects(("a", "b"), matrix, np.linspace(0.1, 0.9, 100))
    again = Effects.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert (again.edges, again.values, again.explained) == (found.edges, found.values, found.explained)
    assert again.typical[0] == found.typical[0]
    assert np.isnan(again.typical[1])


def test_batches_and_no_rows_give_the_same():
    of = effects(days_since_last_order=0.9, return_count=0.2)
    table = pa.table(CUSTOMER)
    parts = [reasons(of, table.slice(start, 2))[0].to_pylist() for start in (0, 2, 4)]
    assert [word for part in parts for word in part] == reasons(of, table)[0].to_pylist()
    assert [len(column) for column in reasons(of, table.slice(0, 0))] == [0, 0, 0]
