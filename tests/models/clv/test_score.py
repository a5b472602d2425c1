"""Scores of customers: exact days, margin or revenue, NULL where nothing is known, and tiers."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from clv_customers import BUYING, SPEND, customers, simulated

from models.clv.fit import fit_clv
from models.clv.outlook import futures
from models.clv.parameters import ClvParameters
from models.clv.score import score_clv, tier_bounds


def test_p_alive_is_never_of_a_model_whose_one_time_buyers_can_not_be_gone(cdnow):
    parameters = fit_clv(cdnow, model="bg/nbd").parameters
    assert parameters.alive == fit_clv(cdnow, model="mbg/nbd").parameters
    rows = customers((0, 0, 39, 0), (3, 30, 39, 60))
    scored = score_clv(rows, parameters, SPEND, 39, 0.0, None)
    assert scored["p_alive"] == score_clv(rows, parameters.alive, SPEND, 39, 0.0, None)["p_alive"]
    assert scored["p_alive"][0].as_py() < 0.7
    # Purchases are what BG/NBD expects, by its own certainty that a one-time buyer is there.
    future, cell = futures(parameters, np.zeros(1), np.full(1, 39.0), 39, 0.0)
    assert scored["expected_purchases"][0].as_py() == pytest.approx(future.mean[cell[0]], abs=1e-6)
    alone = score_clv(rows, replace(parameters, alive=None), SPEND, 39, 0.0, None)
    assert alone["p_alive"].null_count == 2
    assert alone["clv"] == scored["clv"]


def test_value_is_discounted_in_exact_days():
    # Nobody leaves (a is next to nothing), so purchases are spread evenly over the year: r + x = 10 in alpha + age =
    # 200 days make 18.25 in 365. A euro a day for a year at 10 % is worth (1 - 1/1.1) / ln(1.1) = 0.953824 of a year's.
    stays = ClvParameters("mbg/nbd", r=2.0, alpha=40.0, a=1e-9, b=1.0)
    rows = customers((8, 150, 160, 160))
    scored = score_clv(rows, stays, SPEND, 365, 0.10, None).to_pylist()[0]
    assert scored["p_alive"] == 1.0
    assert scored["expected_purchases"] == pytest.approx(18.25, abs=1e-5)
    # (60 + 160) x 2 / (2 x 8 + 4 - 1) = 23.1579 on a purchase day.
    assert scored["expected_purchase_day_value"] == 23.16
    assert scored["clv"] == pytest.approx(18.25 * 440 / 19 * 0.953824, abs=0.01)
    half = score_clv(rows, stays, SPEND, 182, 0.10, None).to_pylist()[0]
    discount = (1 - 1.1 ** (-182 / 365)) / (np.log(1.1) * 182 / 365)
    assert half["clv"] == pytest.approx(182 * 10 / 200 * 440 / 19 * discount, abs=0.01)


def test_value_is_margin_where_known_and_revenue_elsewhere_for_all_customers():
    rows = customers((3, 50, 90, 60), (None, None, None, None))
    revenue = score_clv(rows, BUYING, SPEND, 365, 0.1, None).to_pylist()
    margin = score_clv(rows, BUYING, SPEND, 365, 0.1, 0.25).to_pylist()
    assert [row["clv_basis"] for row in revenue + margin] == ["revenue", "revenue", "margin", "margin"]
    for name in ("clv", "clv_low", "clv_high"):
        assert margin[0][name] == pytest.approx(revenue[0][name] / 4, abs=0.005)


def test_one_time_buyer_is_expected_to_spend_like_the_population():
    scored = score_clv(customers((0, 0, 30, 0)), BUYING, SPEND, 365, 0.1, None).to_pylist()[0]
    assert scored["expected_purchase_day_value"] == SPEND.population_mean == 40.0
    assert scored["p_alive"] == pytest.approx(1 / (1 + 0.5 / 4 * (60 / 30) ** 0.9), abs=1e-6)


def test_customer_without_a_purchase_day_has_no_value():
    scored = score_clv(customers((0, 0, 9, 0), (None, None, None, None)), BUYING, SPEND, 365, 0.1, None)
    known, unknown = scored.to_pylist()
    assert known["clv"] > 0
    assert unknown == {
        "customer_id": "c1", "frequency": None, "recency_days": None, "age_days": None, "p_alive": None,
        "expected_purchases": None, "expected_purchase_day_value": None, "clv": None, "clv_low": None,
        "clv_high": None, "clv_basis": "revenue", "horizon_days": 365,
    }  # fmt: skip


def test_without_parameters_all_is_null_and_without_spend_the_money_is():
    rows = customers((3, 50, 90, 60))
    (none,) = score_clv(rows, None, SPEND, 365, 0.1, None).to_pylist()
    assert [none[name] for name in ("p_alive", "expected_purchases", "clv", "clv_high")] == [None] * 4
    (no_money,) = score_clv(rows, BUYING, None, 365, 0.1, None).to_pylist()
    assert no_money["p_alive"] > 0
    assert no_money["expected_purchases"] > 0
    assert [no_money[name] for name in ("expected_purchase_day_value", "clv", "clv_low", "clv_high")] == [None] * 4


def test_arrow_table_with_decimal_money_scores_like_a_frame():
    rows = customers((3, 50, 90, 60.25), (0, 0, 5, 0))
    table = pa.Table.from_pandas(rows, preserve_index=False)
    money = table["repeat_revenue"].cast(pa.decimal128(38, 2))
    table = table.set_column(table.schema.get_field_index("repeat_revenue"), "repeat_revenue", money)
    assert score_clv(table, BUYING, SPEND, 365, 0.1, None) == score_clv(rows, BUYING, SPEND, 365, 0.1, None)


def test_no_customer_gives_no_row():
    assert score_clv(customers((1, 2, 3, 4)).iloc[:0], BUYING, SPEND, 365, 0.1, None).num_rows == 0


def test_score_depends_neither_on_row_order_nor_on_batches():
    rows, _ = simulated(BUYING, SPEND, 3000, 365, 0.1, seed=4)
    whole = score_clv(rows, BUYING, SPEND, 365, 0.1, None)
    batches = [
        score_clv(rows.iloc[start : start + 700], BUYING, SPEND, 365, 0.1, None) for start in range(0, 3000, 700)
    ]
    assert pa.concat_tables(batches).equals(whole)
    shuffled = score_clv(rows.sample(frac=1, random_state=2), BUYING, SPEND, 365, 0.1, None)
    assert shuffled.sort_by("customer_id") == whole.sort_by("customer_id")


def test_ties_share_a_tier_by_the_share_below():
    clv = [100.0] + [50.0] * 3 + [20.0] * 8 + [1.0] * 8
    assert tier_bounds(clv) == {"platinum": 100.0, "gold": 50.0, "silver": 50.0}
    assert tier_bounds([7.0, 7.0, np.nan]) == {"platinum": np.inf, "gold": np.inf, "silver": np.inf}
    assert tier_bounds([]) == {"platinum": np.inf, "gold": np.inf, "silver": np.inf}


def test_tiers_begin_at_5_20_and_50_percent():
    assert tier_bounds(np.arange(100.0)[::-1]) == {"platinum": 95.0, "gold": 80.0, "silver": 50.0}


def test_customers_who_never_leave_get_a_finite_value():
    rng = np.random.default_rng(3)
    age = rng.integers(200, 400, 500)
    frequency = rng.poisson(rng.gamma(2, 1 / 60, 500) * age)
    recency = np.where(frequency > 0, np.maximum(age - rng.integers(0, 20, 500), 1), 0)
    rows = customers(*zip(frequency, recency, age, frequency * 10.0, strict=True))
    scored = score_clv(rows, fit_clv(rows).parameters, SPEND, 365, 0.1, None).to_pandas()
    assert np.isfinite(scored[["clv", "clv_low", "clv_high"]]).all(axis=None)
