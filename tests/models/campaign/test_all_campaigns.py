"""all_campaigns_effect: everybody less the global control group, by customer and month."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.campaign.all_campaigns import METRICS, Told, all_campaigns_effects
from models.campaign.difference import Arm, MeanDifference
from models.campaign.global_control import Month
from models.types import Floats

PERIOD = (date(2023, 7, 1), date(2024, 6, 30))
OF_THE_FIRST = [Month(0, date(2023, month, 1), date(2023, month, 30)) for month in (10, 11)]
OF_THE_SECOND = [Month(1, date(2024, month, 1), date(2024, month, 28)) for month in (2, 3, 4, 5)]
Months = dict[tuple[int, str], Floats]  # of a draw and an arm: customers x months


def values(customers: int, months: int, seed: int, lift: float = 1.0) -> Floats:
    random = np.random.default_rng(seed)
    return np.round(random.gamma(0.5, 20 * lift, (customers, months)) * (random.random((customers, months)) < 0.4), 2)


def told(by_arm: Months, *, uncosted: float = 0.0, recent: float = 0.5, horizon: int = 90) -> Told:
    """What nights tell of arms whose customers have these values by month, of each metric."""
    months = {0: OF_THE_FIRST, 1: OF_THE_SECOND}
    sums, arms = [], []
    for (draw, arm), of in by_arm.items():
        n = len(of)
        arms.append((draw, arm, n, int(n * recent), n, int((of[:, -2:].sum(axis=1) == 0).sum())))
        stretches = [(None, of.sum(axis=1)), *((m.from_date, of[:, i]) for i, m in enumerate(months[draw]))]
        for metric in METRICS[1:]:
            for month, v in stretches:
                powers = (np.sum(v**power) for power in (1, 2, 3))
                sums.append((draw, arm, metric, month, v.sum(), v.sum() * uncosted, *powers))
    names = ["draw_number", "arm", "metric", "month_date", "revenue", "uncosted_revenue", "sum_v", "sum_vv", "sum_vvv"]
    sizes = ["draw_number", "arm", "customers", "recent_buyers", "active_customers", "churned_customers"]
    kept = [month for draw in sorted({draw for draw, _ in by_arm}) for month in months[draw]]
    frames = pd.DataFrame(sums, columns=names), pd.DataFrame(arms, columns=sizes)
    return Told(*frames, kept, PERIOD, horizon, "no month")


def row(table: pd.DataFrame, metric: str, start: date = PERIOD[0]) -> pd.Series:
    found = table[(table["metric"] == metric) & (table["from_date"] == start)]
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture
def two_draws() -> Months:
    return {
        (0, "treated"): values(900, 2, 1, 1.3),
        (0, "control"): values(300, 2, 2),
        (1, "treated"): values(800, 4, 3, 1.3),
        (1, "control"): values(400, 4, 4),
    }


def test_of_one_draw_it_is_the_difference_of_means_per_customer_and_month(two_draws: Months) -> None:
    one = {key: of for key, of in two_draws.items() if key[0] == 1}
    found = row(all_campaigns_effects(told(one)), "revenue_per_customer")
    means = [one[1, arm].mean(axis=1) for arm in ("treated", "control")]
    difference = MeanDifference(*(Arm.of([of]) for of in means))
    low, high = difference.interval()
    expected = [*(of.mean() for of in means), difference.effect[0], low[0], high[0]]
    assert found[["treated_mean", "control_mean", "effect", "ci_low", "ci_high"]].tolist() == pytest.approx(expected)
    assert (found["month_count"], found["draw_count"], found["treated_customer_months"]) == (4, 1, 3200)
    amounts = found[["incremental_amount", "incremental_low", "incremental_high"]].tolist()
    assert amounts == pytest.approx([3200 * end for end in expected[2:]])


def test_draws_count_by_treated_customers_times_months(two_draws: Months) -> None:
    found = row(all_campaigns_effects(told(two_draws)), "revenue_per_customer")
    effects = [two_draws[draw, "treated"].mean() - two_draws[draw, "control"].mean() for draw in (0, 1)]
    assert found["effect"] == pytest.approx((1800 * effects[0] + 3200 * effects[1]) / 5000)
    assert (found["month_count"], found["draw_count"], found["treated_customers"]) == (6, 2, 800)


def test_each_month_has_its_difference_and_no_verdict(two_draws: Months) -> None:
    table = all_campaigns_effects(told(two_draws))
    march = row(table, "revenue_per_customer", date(2024, 3, 1))
    expected = two_draws[1, "treated"][:, 1].mean() - two_draws[1, "control"][:, 1].mean()
    assert march["effect"] == pytest.approx(expected)
    assert march["ci_low"] < march["effect"] < march["ci_high"]
    assert table["verdict"].notna().sum() == 1
    assert pd.notna(row(table, "margin_per_customer")["verdict"])


def test_churn_is_of_the_active_over_the_draws_that_last_as_long_as_the_horizon(two_draws: Months) -> None:
    table = all_campaigns_effects(told(two_draws))
    churned = [float((two_draws[1, arm][:, -2:].sum(axis=1) == 0).mean()) for arm in ("treated", "control")]
    assert row(table, "churn_rate")["effect"] == pytest.approx(churned[0] - churned[1])
    assert (table["metric"] == "churn_rate").sum() == 1
    short = row(all_campaigns_effects(told(two_draws, horizon=365)), "churn_rate")
    assert pd.isna(short["effect"]) and "365 days" in short["reason"]


def test_without_a_cost_margin_is_unknown_and_revenue_is_judged(two_draws: Months) -> None:
    table = all_campaigns_effects(told(two_draws, uncosted=0.03))
    margin = row(table, "margin_per_customer")
    assert margin[["treated_mean", "effect", "ci_low", "incremental_amount", "verdict"]].isna().all()
    assert margin["reason"] == "cost is not known of so much revenue in both arms"
    assert pd.notna(row(table, "revenue_per_customer")["verdict"])


def test_under_twenty_expected_buyers_there_is_no_effect_whatever_was_bought(two_draws: Months) -> None:
    table = all_campaigns_effects(told(two_draws, recent=0.05))
    assert row(table, "revenue_per_customer")["expected_control_buyers"] == pytest.approx(15, abs=0.1)
    few = table[(table["metric"] != "churn_rate") & (table["expected_control_buyers"] < 20)]
    assert len(few) == 3 + 2 * 3
    assert few["effect"].isna().all()
    assert set(few["reason"]) == {"under 20 buyers expected in control"}


def test_without_a_month_that_counts_each_metric_says_why() -> None:
    table = all_campaigns_effects(told({}))
    assert table["metric"].tolist() == list(METRICS)
    assert set(table["reason"]) == {"no month"}
    assert table[["effect", "ci_low", "verdict", "programme_roi"]].isna().all(axis=None)
    assert set(table["programme_roi_reason"]) == {"neither enrolment nor the offer of points was assigned at random"}


def test_a_group_that_bought_nothing_counts_with_nothing() -> None:
    by_arm = {(1, "treated"): values(900, 4, 1), (1, "control"): np.zeros((300, 4))}
    found = row(all_campaigns_effects(told(by_arm)), "revenue_per_customer")
    assert (found["control_mean"], found["effect"]) == (0, pytest.approx(by_arm[1, "treated"].mean()))
