from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from effect_coverage import DENSE, SPARSE, coverage, sample
from scipy import stats

from models.campaign_effect import Sample, campaign_effects, mean_difference, pearson_quantile, rate_difference

COLUMNS = [
    "campaign_id", "metric", "segment", "treated_customers", "control_customers", "pending_customers",
    "control_buyers", "expected_control_buyers", "treated_mean", "control_mean", "effect", "ci_low", "ci_high",
    "window_days", "is_complete", "method", "cost_amount", "incremental_profit", "roi", "roi_low", "roi_high",
    "verdict",
]  # fmt: skip


def outcome(
    arm: str, metric: str, values: Any, before: Any = None, buyers: int | None = None, **columns: Any
) -> dict[str, Any]:
    """A row of campaign_outcome for customers with these values in the window and before it."""
    x = [Decimal(str(value)) for value in values]
    y = [
        Decimal(str(int(value) if isinstance(value, bool) else value))
        for value in (before if before is not None else [metric == "buyer_rate"] * len(x))
    ]
    return {
        "campaign_id": "c",
        "arm": arm,
        "segment": "all",
        "metric": metric,
        "customers": len(x),
        "pending_customers": 0,
        "buyers": sum(value > 0 for value in x) if buyers is None else buyers,
        "value_sum": sum(x),
        "value_sum_of_squares": sum(value * value for value in x),
        "value_sum_of_cubes": sum(value**3 for value in x),
        "pre_value_sum": sum(y),
        "pre_value_sum_of_squares": sum(value * value for value in y),
        "product_sum": sum(a * b for a, b in zip(x, y, strict=True)),
        "window_days": 14,
        "is_complete": True,
        "cost_amount": None,
    } | columns


def effect(*rows: dict[str, Any]) -> dict[str, Any]:
    """The row of the metric of these outcomes, where everybody bought before."""
    others = [outcome(r["arm"], "buyer_rate", [1] * r["customers"]) for r in rows if r["metric"] != "buyer_rate"]
    found = campaign_effects(pd.DataFrame([*rows, *others]))
    (row,) = found[found["metric"] == rows[0]["metric"]].to_dict("records")
    return {str(name): value for name, value in row.items()}


def spends(seed: int, buyers: int, n: int, mean: float) -> list[float]:
    """Zero-inflated spend: `buyers` of n customers spend around `mean`."""
    random = np.random.default_rng(seed)
    return [round(value, 2) for value in random.gamma(2, mean / 2, buyers)] + [0.0] * (n - buyers)


def test_interval_is_of_the_exact_moments_of_both_arms() -> None:
    treated, control = spends(1, 60, 400, 30), spends(2, 25, 150, 25)
    expected = mean_difference(sample(treated), sample(control))
    row = effect(
        outcome("treated", "revenue_per_customer", treated), outcome("control", "revenue_per_customer", control)
    )
    assert row["effect"] == pytest.approx(np.mean(treated) - np.mean(control), rel=1e-12)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low, expected.high), rel=1e-6)
    assert (row["treated_mean"], row["control_mean"]) == pytest.approx((np.mean(treated), np.mean(control)))


def test_arms_alike_in_size_whose_spend_is_hardly_skewed_have_nearly_welchs_interval() -> None:
    random = np.random.default_rng(1)
    treated, control = (random.gamma(50, 1, 2000) for _ in range(2))
    welch = stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.95)
    found = mean_difference(sample(treated), sample(control))
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high), rel=0.03)


@pytest.mark.parametrize("skewness", [-3.0, -0.5, 1e-4, 0.7, 2.0, 8.0])
@pytest.mark.parametrize("share", [0.025, 0.5, 0.975])
def test_quantiles_are_of_a_pearson_iii(share: float, skewness: float) -> None:
    assert pearson_quantile(share, skewness) == pytest.approx(stats.pearson3.ppf(share, skewness), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("buyers", "log_sd", "lift", "rate"),
    [(50, 1.3, 0.0, SPARSE), (50, 1.3, 0.2, SPARSE), (100, 0.6, 0.2, SPARSE), (50, 0.6, 0.2, DENSE)],
    ids=str,
)
def test_the_truth_is_in_the_interval_of_a_small_control_arm_as_often_as_it_says(
    buyers: int, log_sd: float, lift: float, rate: float
) -> None:
    """90/10, as shipped; a short form of `make verify`. Welch's interval lies above the truth in up to 9 %."""
    campaigns = 1000
    above, below, width = coverage(campaigns, buyers, 0.9, log_sd, lift, rate)
    error = np.sqrt(0.025 * 0.975 / campaigns)
    assert abs(above - 0.025) < 4 * error
    assert abs(below - 0.025) < 4 * error
    assert width < 1.25


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((10, 10, 0, 20), (0.6791, 1.0000)),
    ],
)
def test_interval_of_buyer_rate_is_newcombes(counts: tuple[int, ...], interval: tuple[float, float]) -> None:
    estimate = rate_difference(*counts)  # published: Newcombe 1998, table II, method 10
    assert (round(estimate.low, 4), round(estimate.high, 4)) == interval


def test_buyer_rate_is_compared_by_its_counts() -> None:
    row = effect(
        outcome("treated", "buyer_rate", [1] * 56 + [0] * 14), outcome("control", "buyer_rate", [1] * 48 + [0] * 32)
    )
    assert (row["treated_mean"], row["control_mean"], row["effect"]) == pytest.approx((0.8, 0.6, 0.2))
    assert (round(row["ci_low"], 4), round(row["ci_high"], 4)) == (0.0524, 0.3339)
    assert row["verdict"] == "sells more"


def test_exact_row_of_a_randomised_campaign() -> None:
    treated, control = [2] * 50 + [4] * 50, [1] * 25 + [3] * 25
    row = effect(
        outcome("treated", "margin_per_customer", treated, cost_amount=Decimal("50.00")),
        outcome("control", "margin_per_customer", control, cost_amount=Decimal("50.00")),
    )
    interval = mean_difference(sample(treated), sample(control))
    assert list(row) == COLUMNS
    assert row == pytest.approx(
        {
            "campaign_id": "c",
            "metric": "margin_per_customer",
            "segment": "all",
            "treated_customers": 100,
            "control_customers": 50,
            "pending_customers": 0,
            "control_buyers": 50,
            "expected_control_buyers": 50.0,
            "treated_mean": 3.0,
            "control_mean": 2.0,
            "effect": 1.0,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "window_days": 14,
            "is_complete": True,
            "method": "randomised",
            "cost_amount": 50.0,
            "incremental_profit": 100.0,
            "roi": 1.0,
            "roi_low": (interval.low * 100 - 50) / 50,
            "roi_high": (interval.high * 100 - 50) / 50,
            "verdict": "sells more",
        }
    )


@pytest.mark.parametrize(
    ("treated", "control", "verdict"),
    [
        ([10] * 30 + [12] * 30, [1] * 15 + [3] * 15, "sells more"),
        ([1] * 15 + [3] * 15, [10] * 30 + [12] * 30, "sells less"),
        ([1, 2, 3] * 10, [1, 2, 3] * 20, "no measurable effect"),
        ([10] * 30 + [12] * 30, [1, 2] * 14, "too few to tell"),
    ],
)
def test_verdict_in_words(treated: list[float], control: list[float], verdict: str) -> None:
    row = effect(outcome("treated", "orders_per_customer", treated), outcome("control", "orders_per_customer", control))
    assert row["verdict"] == verdict


@pytest.mark.parametrize(
    ("control", "before", "verdict"),
    [
        ([1, 2] * 40, [1] * 30 + [0] * 50, "sells more"),  # 80 x (60 + 30) / (120 + 80) = 36
        ([1, 2] * 40, [1] * 14 + [0] * 66, "too few to tell"),  # 80 x (60 + 14) / (120 + 80) = 29.6
        ([1] + [0] * 79, [1] * 30 + [0] * 50, "sells more"),  # one bought in the window: no matter
    ],
)
def test_whether_control_is_large_enough_is_judged_by_what_was_before_alone(control, before, verdict) -> None:
    treated, treated_before = [10, 12] * 60, [1] * 60 + [0] * 60
    found = campaign_effects(
        pd.DataFrame(
            [
                outcome("treated", "orders_per_customer", treated),
                outcome("control", "orders_per_customer", control),
                outcome("treated", "buyer_rate", [1] * 120, treated_before),
                outcome("control", "buyer_rate", [1] * 80, before),
            ]
        )
    ).set_index("metric")
    assert found["verdict"]["orders_per_customer"] == verdict
    assert pd.isna(found["ci_low"]["orders_per_customer"]) == (verdict != "sells more")
    assert pd.notna(found["ci_low"]["buyer_rate"])


def test_where_what_was_before_is_unknown_nobody_can_tell_how_many_would_buy() -> None:
    unknown = dict.fromkeys(["pre_value_sum", "pre_value_sum_of_squares", "product_sum"])
    rows = [
        outcome(arm, metric, [1, 2] * 100, **unknown)
        for metric in ("buyer_rate", "orders_per_customer")
        for arm in ("treated", "control")
    ]
    found = campaign_effects(pd.DataFrame(rows)).set_index("metric")
    assert set(found["verdict"]) == {"too few to tell: what was before is unknown"}
    assert pd.isna(found["effect"]["orders_per_customer"])


def test_an_unfinished_campaign_gets_no_verdict() -> None:
    row = effect(
        outcome("treated", "orders_per_customer", [10, 12] * 30),
        outcome("control", "orders_per_customer", [1, 2] * 30, is_complete=False),
    )
    assert (row["is_complete"], row["verdict"]) == (False, "not finished yet")
    assert row["effect"] == 9.5


def test_while_customers_are_pending_there_is_an_effect_and_no_profit_as_the_cost_is_theirs_too() -> None:
    row = effect(
        outcome("treated", "margin_per_customer", [2] * 50 + [4] * 50, cost_amount=10, pending_customers=7),
        outcome("control", "margin_per_customer", [1] * 25 + [3] * 25, cost_amount=10, pending_customers=1),
    )
    assert (row["effect"], row["pending_customers"], row["verdict"]) == (1.0, 8, "sells more")
    assert all(pd.isna(row[name]) for name in ("incremental_profit", "roi", "roi_low", "roi_high"))


def test_before_any_window_is_over_nothing_is_known() -> None:
    none = {"customers": 0, "buyers": 0, "pending_customers": 9, "is_complete": False}
    unknown = dict.fromkeys(["value_sum", "value_sum_of_squares", "value_sum_of_cubes", "pre_value_sum", "product_sum"])
    rows = [
        outcome(arm, metric, [1, 2], **none, **unknown)
        for metric in ("buyer_rate", "orders_per_customer")
        for arm in ("treated", "control")
    ]
    for row in campaign_effects(pd.DataFrame(rows)).to_dict("records"):
        assert (row["pending_customers"], row["verdict"]) == (18, "not finished yet")
        assert all(pd.isna(row[name]) for name in ("effect", "ci_low", "treated_mean", "control_mean"))


def test_before_and_after_is_a_change_without_interval_profit_and_roi() -> None:
    during, before = spends(3, 80, 200, 30), spends(4, 90, 200, 20)
    row = effect(outcome("treated", "margin_per_customer", during, before, cost_amount=100))
    assert row["effect"] == pytest.approx(np.mean(during) - np.mean(before))
    assert (row["method"], row["control_customers"], row["control_buyers"]) == ("before_after", 0, 0)
    assert row["cost_amount"] == 100
    unknown = ("control_mean", "ci_low", "ci_high", "incremental_profit", "roi", "roi_low", "roi_high")
    assert all(pd.isna(row[name]) for name in unknown)
    assert row["verdict"] == "before and after only: no evidence of an effect"


@pytest.mark.parametrize(
    ("metric", "verdict"),
    [
        ("revenue_per_customer", "what was before is unknown"),
        ("margin_per_customer", "margin, or what was before, unknown"),
    ],
)
def test_without_data_of_the_days_before_there_is_no_change(metric: str, verdict: str) -> None:
    unknown = dict.fromkeys(["pre_value_sum", "pre_value_sum_of_squares", "product_sum"])
    row = effect(outcome("treated", metric, [10, 12] * 30, **unknown))
    assert (row["treated_mean"], row["verdict"]) == (11, verdict)
    assert pd.isna(row["effect"])


def test_an_open_window_has_neither_a_change_nor_a_profit() -> None:
    alone = effect(outcome("treated", "margin_per_customer", [10, 12] * 30, [1, 2] * 30, is_complete=False))
    assert (pd.isna(alone["effect"]), alone["verdict"]) == (True, "not finished yet")
    arms = (("treated", [10, 12] * 30), ("control", [1, 2] * 30))
    both = effect(*(outcome(a, "margin_per_customer", v, cost_amount=10, is_complete=False) for a, v in arms))
    assert both["effect"] == 9.5
    assert all(pd.isna(both[name]) for name in ("incremental_profit", "roi", "roi_low", "roi_high"))


def test_unknown_margin_is_never_a_guess() -> None:
    unknown = dict.fromkeys(["value_sum", "value_sum_of_squares", "value_sum_of_cubes", "product_sum"])
    row = effect(
        outcome("treated", "margin_per_customer", [1, 2] * 30, cost_amount=10, **unknown),
        outcome("control", "margin_per_customer", [1, 2] * 30, cost_amount=10),
    )
    names = ("treated_mean", "effect", "ci_low", "ci_high", "incremental_profit", "roi", "roi_low", "roi_high")
    assert all(pd.isna(row[name]) for name in names)
    assert (row["control_mean"], row["verdict"]) == (1.5, "margin unknown")


@pytest.mark.parametrize("cost", [None, 0])
def test_without_a_cost_there_is_no_roi(cost: float | None) -> None:
    row = effect(
        outcome("treated", "margin_per_customer", [3, 4] * 30, cost_amount=cost),
        outcome("control", "margin_per_customer", [1, 2] * 30, cost_amount=cost),
    )
    assert row["incremental_profit"] == 120
    assert all(pd.isna(row[name]) for name in ("roi", "roi_low", "roi_high"))


def test_profit_and_roi_stand_in_the_row_of_the_margin_only() -> None:
    rows = [
        outcome(arm, metric, values, cost_amount=10)
        for metric in ("buyer_rate", "orders_per_customer", "revenue_per_customer", "margin_per_customer")
        for arm, values in (("treated", [1] * 30), ("control", [1] * 20 + [0] * 10))
    ]
    effects = campaign_effects(pd.DataFrame(rows)).set_index("metric")
    assert effects["roi"].notna().to_dict() == {
        "buyer_rate": False,
        "margin_per_customer": True,
        "orders_per_customer": False,
        "revenue_per_customer": False,
    }


def test_campaigns_and_segments_are_kept_apart() -> None:
    rows = [
        outcome(arm, "orders_per_customer", [n], campaign_id=campaign, segment=segment)
        for n, (campaign, segment) in enumerate([("d", "all"), ("c", "new"), ("c", "all")])
        for arm in ("treated", "control")
    ]
    effects = campaign_effects(pd.DataFrame(rows))
    assert effects[["campaign_id", "segment", "treated_mean"]].values.tolist() == [
        ["c", "all", 2.0],
        ["c", "new", 1.0],
        ["d", "all", 0.0],
    ]


def test_arms_too_small_for_an_interval_have_none() -> None:
    row = effect(outcome("treated", "orders_per_customer", [2]), outcome("control", "orders_per_customer", [1]))
    assert row["verdict"] == "too few to tell"
    assert all(pd.isna(row[name]) for name in ("effect", "ci_low", "ci_high"))
    alone = effect(outcome("control", "orders_per_customer", [1, 2]))
    assert (alone["treated_customers"], alone["verdict"]) == (0, "too few to tell")
    assert pd.isna(alone["effect"])
    nobody_treated = effect(outcome("control", "buyer_rate", [1, 0]))
    assert pd.isna(nobody_treated["effect"])
    single = effect(outcome("treated", "orders_per_customer", [2], [1]))
    assert (single["effect"], pd.isna(single["ci_low"])) == (1.0, True)


def test_values_all_alike_have_an_interval_of_no_width() -> None:
    assert mean_difference(Sample(10, 3.0, 0.0, 0.0), Sample(5, 2.0, 0.0, 0.0)).__dict__ == {
        "effect": 1.0,
        "low": 1.0,
        "high": 1.0,
    }


def test_sums_of_large_amounts_lose_nothing() -> None:
    values = [Decimal("100000000.01"), Decimal("100000000.02")] * 50
    row = effect(outcome("treated", "revenue_per_customer", values), outcome("control", "revenue_per_customer", values))
    half = stats.norm.ppf(0.975) * np.sqrt(2 * (0.005**2 * 200 / 199) / 100)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((-half, half), rel=1e-6)


def test_no_campaigns_no_effects() -> None:
    effects = campaign_effects(pd.DataFrame([outcome("treated", "buyer_rate", [1])]).iloc[:0])
    assert list(effects) == COLUMNS
    assert effects.empty
