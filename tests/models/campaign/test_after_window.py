"""campaign_pull_forward: what a campaign took from the window after the window, and what is left."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from after_coverage import SPARSE, Shop, coverage
from campaign_sums import campaign, outcome

from models.campaign.after_window import pulled_forward
from models.campaign.difference import Arm, MeanDifference
from models.types import Floats

REVENUE, MARGIN = "revenue_per_customer", "margin_per_customer"
Given = dict[str, tuple[Floats, Floats, Floats]]  # by arm: values in the window, after it, in the pre-period


def told(by_arm: Given, **columns: Any) -> pd.DataFrame:
    """campaign_after_outcome of arms with these values, alike for revenue and margin."""
    rows = [
        outcome(arm, metric, values, before) | {"part": part} | columns
        for arm, (during, after, before) in by_arm.items()
        for part, values in (("window", during), ("after", after), ("net", during + after))
        for metric in (REVENUE, MARGIN)
    ]
    return pd.DataFrame(rows).drop(columns=["segment", "segment_family"])


def over(by_arm: Given, **columns: Any) -> pd.DataFrame:
    """campaign_outcome of these arms."""
    return campaign([outcome(arm, REVENUE, during, before, **columns) for arm, (during, _, before) in by_arm.items()])


def only(table: pd.DataFrame, metric: str = REVENUE) -> pd.Series:
    found = table[table["metric"] == metric]
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture
def arms() -> Given:
    random = np.random.default_rng(5)

    def values(n: int, lift: float) -> tuple[Floats, Floats, Floats]:
        during, after, before = (
            np.round(random.gamma(0.5, 20 * by, n) * (random.random(n) < 0.5), 2)
            for by in (1 + lift, 1 - 0.3 * lift, 4)
        )
        return during, after, before

    return {"treated": values(900, 0.5), "control": values(300, 0.0)}


def test_each_part_has_the_interval_of_its_own_values_and_net_that_of_their_sum(arms: Given) -> None:
    found = only(pulled_forward(told(arms), over(arms)))
    assert not found["is_adjusted"]
    for part, of in (("window", lambda d, a: d), ("after", lambda d, a: a), ("net", lambda d, a: d + a)):
        treated, control = (Arm.of([of(*arms[arm][:2])]) for arm in ("treated", "control"))
        difference = MeanDifference(treated, control)
        low, high = difference.interval()
        expected = [difference.effect[0], low[0], high[0]]
        assert found[[f"{part}_effect", f"{part}_low", f"{part}_high"]].tolist() == pytest.approx(expected)
    assert found["net_effect"] == pytest.approx(found["window_effect"] + found["after_effect"])
    assert (found["treated_customers"], found["control_customers"]) == (900, 300)


def test_adjusted_all_parts_are_and_add_up(arms: Given) -> None:
    alike = {arm: (d + before / 4, a, before) for arm, (d, a, before) in arms.items()}
    found = only(pulled_forward(told(alike), over(alike)))
    assert found["is_adjusted"]
    assert found["net_effect"] == pytest.approx(found["window_effect"] + found["after_effect"])
    treated, control = (alike[arm] for arm in ("treated", "control"))
    assert found["window_effect"] != pytest.approx(treated[0].mean() - control[0].mean())


@pytest.mark.parametrize(
    ("given", "outcomes", "reason"),
    [
        ({"pending_customers": 1}, {}, "the window after the window is not over"),
        ({}, {"is_over": False}, "the window after the window is not over"),
        ({"pre_bought_window_count": 10}, {}, "under 20 buyers expected in control"),
        ({}, {"control_share": 0.5}, "assignment damaged"),
    ],
)
def test_without_what_it_needs_there_is_a_reason_and_no_figure(
    arms: Given, given: dict[str, Any], outcomes: dict[str, Any], reason: str
) -> None:
    found = pulled_forward(told(arms, **given), over(arms, **outcomes))
    assert set(found["reason"]) == {reason}
    columns = [f"{part}_{end}" for part in ("window", "after", "net") for end in ("effect", "low", "high")]
    assert found[columns].isna().all(axis=None)


def test_a_campaign_without_an_end_is_measured_of_those_who_are_done(arms: Given) -> None:
    found = only(pulled_forward(told(arms, pending_customers=5), over(arms, has_end=False)))
    assert pd.isna(found["reason"]) and pd.notna(found["net_low"])
    assert found["pending_customers"] == 10


def test_without_control_there_is_none_and_without_a_cost_none_of_margin(arms: Given) -> None:
    alone = {"treated": arms["treated"]}
    assert set(pulled_forward(told(alone), over(alone))["reason"]) == {"no control group"}
    costly = told(arms, uncosted_revenue=5)
    costly.loc[costly["arm"] == "control", "revenue"] = 100
    table = pulled_forward(costly, over(arms))
    assert only(table, MARGIN)["reason"] == "cost is not known of so much revenue in both arms"
    assert pd.isna(only(table)["reason"])


def test_nothing_told_is_an_empty_table() -> None:
    assert pulled_forward(pd.DataFrame(), pd.DataFrame()).empty


def test_where_three_tenths_are_borrowed_the_intervals_hold_the_truth_on_both_sides() -> None:
    for held in coverage(1000, Shop(SPARSE, 0.6), 100, 0.5, 0.2).values():
        assert 0.93 <= 1 - held.above - held.below <= 0.97
        assert max(held.above, held.below) <= 0.04
        assert held.width <= 1.25
