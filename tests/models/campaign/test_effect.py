from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from campaign_sums import campaign, outcome
from scipy import stats

from models.campaign.difference import Arm, MeanDifference
from models.campaign.effect import campaign_effects

MARGIN, REVENUE, ORDERS, BUYERS = "margin_per_customer", "revenue_per_customer", "orders_per_customer", "buyer_rate"
MONEY = ("incremental_profit", "roi", "roi_low", "roi_high")


def effects(*rows: dict[str, Any], by_arm: list[dict[str, Any]] | None = None) -> pd.DataFrame:
    return campaign_effects(campaign(list(rows)), None if by_arm is None else pd.DataFrame(by_arm))


def effect(*rows: dict[str, Any], by_arm: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The row of everyone by the metric of these outcomes."""
    found = effects(*rows, by_arm=by_arm)
    (row,) = found[(found["metric"] == rows[0]["metric"]) & (found["segment"] == "all")].to_dict("records")
    return {str(name): value for name, value in row.items()}


def arms(metric: str, treated: Any, control: Any, **columns: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return outcome("treated", metric, treated, **columns), outcome("control", metric, control, **columns)


def spends(seed: int, buyers: int, n: int, mean: float) -> np.ndarray:
    """Zero-inflated spend: `buyers` of n customers spend around `mean`."""
    random = np.random.default_rng(seed)
    return np.concatenate([np.round(random.gamma(2, mean / 2, buyers), 2), np.zeros(n - buyers)])


def test_interval_is_of_the_exact_moments_of_both_arms() -> None:
    treated, control = spends(1, 60, 400, 30), spends(2, 25, 90, 25)
    low, high = MeanDifference(Arm.of([treated]), Arm.of([control])).interval()
    row = effect(*arms(REVENUE, treated, control))
    assert row["effect"] == pytest.approx(treated.mean() - control.mean(), rel=1e-12)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low[0], high[0]), rel=1e-6)
    assert (row["treated_mean"], row["control_mean"]) == pytest.approx((treated.mean(), control.mean()))
    assert (row["is_adjusted"], row["method"]) == (False, "randomised")


def test_what_the_pre_period_explains_is_taken_off_with_one_slope_for_both_arms() -> None:
    random = np.random.default_rng(4)
    before = [random.gamma(1, 20, n) for n in (900, 150)]
    during = [b / 4 + random.gamma(1, 2, len(b)) + 1 * is_treated for b, is_treated in zip(before, (1, 0), strict=True)]
    rows = [outcome(arm, REVENUE, v, p) for arm, v, p in zip(("treated", "control"), during, before, strict=True)]
    row = effect(*rows)
    centred = [(v - v.mean(), p - p.mean()) for v, p in zip(during, before, strict=True)]
    slope = sum((v * p).sum() for v, p in centred) / sum((p * p).sum() for _, p in centred)
    raw, shift = during[0].mean() - during[1].mean(), before[0].mean() - before[1].mean()
    assert row["is_adjusted"] and row["explained_share"] > 0.8
    assert row["effect"] == pytest.approx(raw - slope * shift, rel=1e-6)
    plain = MeanDifference(Arm.of([during[0]]), Arm.of([during[1]])).interval()
    assert row["ci_high"] - row["ci_low"] < 0.5 * float(plain[1][0] - plain[0][0])


@pytest.mark.parametrize("control", [99, 100])
def test_under_100_control_customers_nothing_is_adjusted(control: int) -> None:
    random = np.random.default_rng(4)
    before = [random.gamma(1, 20, n) for n in (900, control)]
    rows = [outcome(arm, REVENUE, p / 4, p) for arm, p in zip(("treated", "control"), before, strict=True)]
    assert effect(*rows)["is_adjusted"] == (control == 100)


def test_buyer_rate_is_compared_by_its_counts() -> None:
    row = effect(*arms(BUYERS, [1] * 56 + [0] * 14, [1] * 48 + [0] * 32))
    assert (row["treated_mean"], row["control_mean"], row["effect"]) == pytest.approx((0.8, 0.6, 0.2))
    assert (round(row["ci_low"], 4), round(row["ci_high"], 4)) == (0.0524, 0.3339)


def test_profit_and_roi_of_a_margin_campaign() -> None:
    row = effect(*arms(MARGIN, [2] * 50 + [4] * 50, [1] * 25 + [3] * 25, cost_amount=50))
    assert (row["effect"], row["break_even_effect"], row["incremental_profit"], row["roi"]) == (1.0, 0.5, 100.0, 1.0)
    assert row["roi_low"] == pytest.approx(row["ci_low"] / 0.5 - 1)
    assert row["roi_high"] == pytest.approx(row["ci_high"] / 0.5 - 1)
    assert (row["expected_control_buyers"], row["control_buyers"], row["costed_share"]) == (50, 50, 1.0)


HIGH, LOW, WIDE = [10] * 30 + [12] * 30, [1] * 15 + [3] * 15, [0, 30] * 15


@pytest.mark.parametrize(
    ("treated", "control", "cost", "verdict"),
    [
        (LOW, HIGH, 1, "sells less"),
        (HIGH, LOW, 60 * 20, "does not pay"),
        (HIGH, LOW, 60 * 5, "pays"),
        (HIGH, LOW, 0, "pays"),
        (HIGH, LOW, None, "sells more, not shown to pay"),
        (HIGH, LOW, 60 * 9, "sells more, not shown to pay"),
        (HIGH, LOW[:15], None, "too few to tell"),
    ],
)
def test_verdict_in_words(treated: list[float], control: list[float], cost: float | None, verdict: str) -> None:
    found = effects(*arms(MARGIN, treated, control, cost_amount=cost))
    assert found[found["is_primary"]]["verdict"].tolist() == [verdict]
    assert found[~found["is_primary"]]["verdict"].isna().all()


def test_where_the_interval_says_nothing_the_verdict_says_between_what() -> None:
    row = effect(*arms(MARGIN, WIDE, WIDE))
    assert row["verdict"] == f"can't tell: between {row['ci_low']:.2f} and {row['ci_high']:.2f}"
    assert row["ci_low"] < 0 < row["ci_high"]


@pytest.mark.parametrize(("bought", "is_enough"), [(160, True), (158, False)])
def test_whether_control_is_large_enough_is_judged_by_what_was_before_alone(bought: int, is_enough: bool) -> None:
    """80 control customers, 200 in all with 4 windows each: 80 x 200 / 800 = 20 bought windows expected."""
    rows = arms(MARGIN, [10, 12] * 60, [1] + [0] * 79)
    rows[0].update(pre_window_count=480, pre_bought_window_count=bought)
    rows[1].update(pre_window_count=320, pre_bought_window_count=40)
    row = effect(*rows)
    assert row["expected_control_buyers"] == pytest.approx(80 * (bought + 40) / 800)
    assert pd.notna(row["ci_low"]) == is_enough
    assert (row["verdict"] == "too few to tell") != is_enough
    assert effects(*rows).set_index("metric")["ci_low"].notna()[BUYERS]


def test_where_what_was_before_is_unknown_nobody_can_tell_how_many_would_buy() -> None:
    unknown = {"pre_window_count": 0, "pre_bought_window_count": 0}
    row = effect(*arms(MARGIN, [1, 2] * 100, [1, 2] * 100, **unknown))
    assert pd.isna(row["expected_control_buyers"]) and pd.isna(row["effect"])
    assert row["verdict"] == "too few to tell"


def test_while_a_campaign_runs_it_has_no_verdict_and_an_interval_that_holds_every_day() -> None:
    row = effect(*arms(MARGIN, HIGH * 2, LOW * 3, is_over=False, pending_customers=30, cost_amount=10))
    assert (row["is_complete"], row["verdict"], row["effect"]) == (False, "running", 9.0)
    assert row["running_low"] < row["ci_low"] < row["ci_high"] < row["running_high"]
    assert all(pd.isna(row[name]) for name in MONEY)


def test_a_campaign_without_an_end_is_judged_by_an_interval_that_holds_every_day() -> None:
    treated, control = np.tile([3.2, 43.2], 1000), np.tile([0.0, 40.0], 130)
    row = effect(*arms(MARGIN, treated, control, is_over=False, has_end=False, pending_customers=30, cost_amount=10))
    assert row["is_complete"]
    assert row["ci_low"] > 0 and row["running_low"] < 0
    assert row["verdict"] == f"can't tell: between {row['running_low']:.2f} and {row['running_high']:.2f}"
    assert pd.notna(row["roi"])


def test_before_any_window_is_over_nothing_is_known() -> None:
    none = {name: None for name in outcome("a", BUYERS, [1]) if name.startswith("sum_")}
    rows = arms(MARGIN, [1], [1], **none, customers=0, buyers=0, pending_customers=9, is_over=False)
    row = effect(*rows)
    found = effects(*rows)
    assert found[found["is_primary"]]["verdict"].tolist() == ["running"]
    assert row["pending_customers"] == 18
    assert all(pd.isna(row[name]) for name in ("effect", "ci_low", "treated_mean", "control_mean"))


def test_before_and_after_is_a_change_without_interval_profit_and_roi() -> None:
    during, before = spends(3, 80, 200, 30), spends(4, 90, 200, 20)
    row = effect(outcome("treated", MARGIN, during, before, cost_amount=100))
    assert row["change"] == pytest.approx(np.mean(during) - np.mean(before))
    assert (row["method"], row["compared_with"], row["control_customers"]) == ("before_after", "before", 0)
    assert all(pd.isna(row[name]) for name in ("control_mean", "effect", "ci_low", "ci_high", *MONEY))
    assert row["verdict"] == "before and after only: no evidence of an effect"


def test_without_data_of_the_days_before_or_with_an_open_window_there_is_no_change() -> None:
    unknown = effect(outcome("treated", REVENUE, [10, 12] * 30, before_sum=None))
    assert (unknown["treated_mean"], pd.isna(unknown["change"])) == (11, True)
    running = effect(outcome("treated", MARGIN, [10, 12] * 30, is_over=False))
    assert (pd.isna(running["change"]), running["verdict"]) == (True, "running")


@pytest.mark.parametrize(
    ("treated", "control", "is_known"),
    [(0, 0, True), (2, 2, True), (2, 1.01, True), (2, 0.5, False), (2.1, 2.1, False), (100, 100, False)],
)
def test_margin_is_known_where_cost_covers_98_percent_in_each_arm_and_nearly_alike(
    treated: float, control: float, is_known: bool
) -> None:
    rows = arms(MARGIN, HIGH, LOW, revenue=100)
    rows[0]["uncosted_revenue"], rows[1]["uncosted_revenue"] = treated, control
    row = effect(*rows, outcome("treated", REVENUE, HIGH), outcome("control", REVENUE, LOW))
    assert row["costed_share"] == pytest.approx(1 - (treated + control) / 200)
    assert (pd.notna(row["effect"]), row["verdict"].startswith("can't tell: margin unknown")) == (
        is_known,
        not is_known,
    )


def test_the_verdict_is_of_the_named_metric_else_of_margin_if_cost_was_known_before() -> None:
    def primary(**columns: Any) -> list[str]:
        found = effects(*arms(REVENUE, HIGH, LOW, **columns), *arms(MARGIN, HIGH, LOW, **columns))
        return found[found["is_primary"]]["metric"].tolist()

    assert primary() == [MARGIN]
    assert primary(pre_uncosted_revenue=3, pre_revenue=100) == [REVENUE]
    assert primary(uncosted_revenue=3, revenue=100) == [MARGIN]
    assert primary(primary_metric="revenue") == [REVENUE]
    assert primary(primary_metric="margin", pre_uncosted_revenue=3, pre_revenue=100) == [MARGIN]
    assert primary(pre_revenue=0) == [REVENUE]


def test_a_damaged_assignment_has_no_effect_and_no_roi() -> None:
    rows = arms(MARGIN, [1, 3] * 450, [1, 3] * 25, cost_amount=10, control_share=0.1, stratum="0.1")
    row = effect(*rows)
    assert (row["verdict"], row["size_p_value"] < 0.001) == ("assignment damaged", True)
    assert all(pd.isna(row[name]) for name in ("effect", "ci_low", *MONEY))
    assert (row["treated_mean"], row["control_mean"]) == (2.0, 2.0)


def test_who_was_assigned_while_there_was_no_control_is_counted_and_not_compared() -> None:
    rows = [
        outcome("treated", MARGIN, [10, 12] * 30, stratum="0.0", control_share=0.0),
        outcome("treated", MARGIN, [4, 6] * 30, stratum="0.5", control_share=0.5, cost_amount=120),
        outcome("control", MARGIN, [1, 3] * 30, stratum="0.5", control_share=0.5),
    ]
    for row in rows:
        row["cost_amount"] = 120
    row = effect(*rows)
    assert (row["treated_customers"], row["uncompared_customers"], row["effect"]) == (60, 60, 3.0)
    assert (row["break_even_effect"], row["incremental_profit"], row["roi"]) == (1.0, 180.0, 2.0)


def test_offers_are_compared_with_control_and_with_each_other_and_share_one_chance() -> None:
    random = np.random.default_rng(2)
    values = {name: random.gamma(2, mean / 2, 300) for name, mean in (("a", 10.0), ("b", 10.9), ("control", 9.0))}
    found = effects(*(outcome(name, REVENUE, v) for name, v in values.items()))
    found = found[found["metric"] == REVENUE].set_index(["arm", "compared_with"])
    assert list(found.index) == [("a", "control"), ("b", "control"), ("a", "b")]
    assert found["effect"][("a", "b")] == pytest.approx(values["a"].mean() - values["b"].mean())
    assert found["is_primary"].sum() == 0  # by margin, of which nothing differs


def test_no_offer_pays_against_another_as_the_cost_is_against_control() -> None:
    found = effects(
        *(outcome(name, MARGIN, v, cost_amount=6) for name, v in (("a", HIGH), ("b", LOW), ("control", LOW)))
    )
    judged = found[found["is_primary"]].set_index(["arm", "compared_with"])
    assert judged["verdict"][("a", "control")] == "pays"
    assert judged["verdict"][("a", "b")] == "sells more, not shown to pay"
    assert pd.isna(judged["break_even_effect"][("a", "b")])


def segment_rows(means: list[float], n: int = 400, metric: str = MARGIN) -> list[dict[str, Any]]:
    """Segments whose treated customers spend so much in the mean, control ones 10; the standard error is .35."""
    rows = []
    for number, mean in enumerate(means):
        for arm, more in (("treated", mean), ("control", 10.0)):
            values = np.tile([more - 5, more + 5], n // 2)
            rows.append(outcome(arm, metric, values, segment=f"s{number:02}", segment_family="rfm_segment"))
    return rows


def test_a_segments_verdict_goes_by_holm_among_its_family() -> None:
    everyone = arms(MARGIN, [10, 12] * 200, [10, 12] * 200)
    alone = effects(*everyone, *segment_rows([10.9, 10.0]))
    many = effects(*everyone, *segment_rows([10.9] + [10.0] * 11))
    of_first = [found[(found["segment"] == "s00") & (found["metric"] == MARGIN)].iloc[0] for found in (alone, many)]
    assert of_first[0]["ci_low"] == of_first[1]["ci_low"] > 0
    assert of_first[0]["verdict"] == "sells more, not shown to pay"
    assert of_first[1]["verdict"].startswith("can't tell: between -")


def test_a_family_of_one_segment_is_left_out() -> None:
    everyone = arms(MARGIN, [10, 12] * 200, [10, 12] * 200)
    assert set(effects(*everyone, *segment_rows([10.9]))["segment"]) == {"all"}
    assert set(effects(*everyone, *segment_rows([10.9, 10.0]))["segment"]) == {"all", "s00", "s01"}


def test_shrunken_effects_of_segments_lie_nearer_to_each_other_and_need_three() -> None:
    everyone = arms(MARGIN, [10, 12] * 200, [10, 12] * 200)
    found = effects(*everyone, *segment_rows([10.5, 10.0, 9.8, 10.2]))
    rows = found[(found["segment"] != "all") & (found["metric"] == MARGIN)]
    assert np.ptp(rows["shrunken_effect"]) < np.ptp(rows["effect"])
    assert ((rows["shrunken_high"] - rows["shrunken_low"]) <= (rows["ci_high"] - rows["ci_low"]) * 1.001).all()
    two = effects(*everyone, *segment_rows([10.5, 10.0]))
    assert two["shrunken_effect"].isna().all()


def test_effect_per_delivered_what_the_top_makes_and_who_got_the_code_all_the_same() -> None:
    by_arm = [
        {"campaign_id": "c", "arm": "treated", "customers": 60, "delivered_customers": 45, "code_customers": 9,
         "top_revenue": 100, "top_margin": 60, "campaigns_at_once": 2},
        {"campaign_id": "c", "arm": "control", "customers": 30, "delivered_customers": 0, "code_customers": 1,
         "top_revenue": 10, "top_margin": 3, "campaigns_at_once": 2},
    ]  # fmt: skip
    row = effect(*arms(MARGIN, HIGH, LOW), by_arm=by_arm)
    assert (row["delivered_share"], row["effect_per_delivered"]) == (0.75, 12.0)
    assert row["effect_per_delivered_low"] == pytest.approx(row["ci_low"] / 0.75)
    assert row["top_share"] == pytest.approx((60 / 60 - 3 / 30) / 9)
    assert (row["control_code_customers"], row["campaigns_at_once"]) == (1, 2)


def test_sums_of_large_amounts_lose_nothing() -> None:
    values = [Decimal("1000000.01"), Decimal("1000000.02")] * 40
    rows = []
    for arm in ("treated", "control"):
        row = outcome(arm, REVENUE, [float(value) for value in values])
        row |= {f"sum_{'v' * power}": sum(value**power for value in values) for power in (1, 2, 3)}
        rows.append(row)
    found = effect(*rows)
    half = stats.norm.ppf(0.975) * np.sqrt(2 * (0.005**2 * 160 / 159) / 80)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((-half, half), rel=1e-3)


def test_campaigns_and_segments_are_kept_apart() -> None:
    rows = [
        outcome(arm, ORDERS, [n], campaign_id=campaign_id, segment=segment)
        for n, (campaign_id, segment) in enumerate([("d", "all"), ("c", "new"), ("c", "all"), ("c", "lost")])
        for arm in ("treated", "control")
    ]
    found = effects(*rows)
    assert found[found["metric"] == ORDERS][["campaign_id", "segment", "treated_mean"]].values.tolist() == [
        ["c", "all", 2.0],
        ["c", "lost", 3.0],
        ["c", "new", 1.0],
        ["d", "all", 0.0],
    ]


def test_a_control_group_alone_has_no_effect() -> None:
    row = effect(outcome("control", MARGIN, [1, 2] * 30))
    assert (row["arm"], row["treated_customers"], pd.isna(row["effect"])) == ("treated", 0, True)


def test_no_campaigns_no_effects() -> None:
    found = campaign_effects(campaign([outcome("treated", BUYERS, [1])]).iloc[:0])
    assert found.empty
    assert {"campaign_id", "verdict", "running_low"} <= set(found)
