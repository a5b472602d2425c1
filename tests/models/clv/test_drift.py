"""What drift of CLV is measured on."""

import numpy as np
import pyarrow as pa
import pytest
from clv_customers import BUYING, SPEND, customers

from models.clv.drift import DRIFT_COLUMNS, drift_columns
from models.clv.score import score_clv


def test_what_is_watched_is_of_the_active_and_does_not_grow_with_age():
    rows = customers((4, 40, 60, 90), (0, 0, 29, None), (2, 10, 41, 50), (0, 0, 30, None), (None, None, None, None))
    table = pa.Table.from_pandas(rows, preserve_index=False)
    columns = drift_columns(table, score_clv(table, BUYING, SPEND, 365, 0.1, None), active_days=30)
    assert set(columns) == {*DRIFT_COLUMNS["buying"], *DRIFT_COLUMNS["spend"]}
    expected = {
        "days_between_purchases": [10, None],
        "days_since_last_purchase": [20, 29],
        "mean_repeat_value": [22.5, None],
    }
    for name, values in expected.items():
        assert pa.array(columns[name], from_pandas=True).to_pylist() == values, name
    scored = score_clv(rows.iloc[:2], BUYING, SPEND, 365, 0.1, None)
    for name in ("p_alive", "expected_purchases", "expected_purchase_day_value"):
        assert columns[name].tolist() == scored[name].to_pylist()
    # Eight years on, who goes on as before is the same to them.
    later = pa.Table.from_pandas(customers((292, 2960, 2980, 90)), preserve_index=False)
    grown = drift_columns(later, score_clv(later, BUYING, SPEND, 365, 0.1, None), active_days=30)
    assert grown["days_between_purchases"][0] == pytest.approx(10, abs=0.2)
    assert grown["days_since_last_purchase"][0] == 20


def test_without_a_model_only_what_customers_do_is_known():
    table = pa.Table.from_pandas(customers((4, 40, 60, 90)), preserve_index=False)
    columns = drift_columns(table, score_clv(table, None, None, 365, 0.1, None), active_days=30)
    assert columns["mean_repeat_value"].tolist() == [22.5]
    assert np.isnan(columns["p_alive"]).all()
