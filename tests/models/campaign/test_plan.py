import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.campaign.plan import METRICS, Planned, plan_rows
from models.campaign.power import detectable_lift, spread_of
from models.detectable_effect import detectable_difference

NAN = math.nan


def values(buyers: int, customers: int, margin: float = 0.4) -> dict[str, np.ndarray]:
    """What customers bought: so many one order each, the others nothing."""
    revenue = np.append(np.random.default_rng(1).lognormal(3, 0.6, buyers), np.zeros(customers - buyers))
    bought = (revenue > 0).astype(float)
    return dict(zip(METRICS, (bought, bought, revenue, margin * revenue), strict=True))


PLANNED = Planned(
    campaign_id="c",
    window_days=30,
    control_share=0.2,
    candidates=4000,
    per_day=50.0,
    days=28,
    values=values(600, 3000),
    basis="them",
    contact_cost=0.05,
)


def rows(**changes: Any) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in plan_rows(replace(PLANNED, **changes))}


def test_a_plan_has_a_row_for_each_metric_of_an_effect() -> None:
    assert list(rows()) == list(METRICS)


def test_customers_are_tonights_and_those_who_enter_until_the_last_day() -> None:
    assert rows()["buyer_rate"]["customer_count"] == 4000 + 27 * 50


def test_the_smallest_effect_is_that_of_all_customers() -> None:
    found = rows()
    spread, mean = spread_of(PLANNED.values["revenue_per_customer"]), PLANNED.values["revenue_per_customer"].mean()
    lift = detectable_lift(spread, 5350, 0.2)
    assert found["revenue_per_customer"]["detectable_lift"] == lift
    assert found["revenue_per_customer"]["detectable_effect"] == pytest.approx(lift * mean)
    assert found["revenue_per_customer"]["expected_mean"] == pytest.approx(mean)
    assert found["buyer_rate"]["detectable_effect"] == pytest.approx(detectable_difference(0.2, 4280, 1070))
    assert found["buyer_rate"]["expected_control_buyers"] == pytest.approx(214)


def test_break_even_is_what_a_treated_customer_costs_and_stands_with_margin() -> None:
    found = rows(fixed_cost=428.0)
    assert found["margin_per_customer"]["break_even_effect"] == pytest.approx(0.05 + 428 / 4280)
    assert [found[metric]["break_even_effect"] for metric in METRICS[:3]] == [None, None, None]


def test_one_wants_to_find_what_pays_if_that_is_more_than_a_tenth() -> None:
    mean = PLANNED.values["margin_per_customer"].mean()
    assert rows()["margin_per_customer"]["wanted_effect"] == pytest.approx(0.1 * mean)
    assert rows(contact_cost=mean)["margin_per_customer"]["wanted_effect"] == pytest.approx(mean)


def test_of_a_share_one_wants_no_more_than_half_of_those_who_buy_nothing() -> None:
    assert rows(values=values(2850, 3000))["buyer_rate"]["wanted_effect"] == pytest.approx(0.025)


def test_days_are_those_of_entering_and_the_last_ones_window() -> None:
    row = rows()["revenue_per_customer"]
    assert row["needed_customers"] > 4000
    assert row["needed_days"] == math.ceil((row["needed_customers"] - 4000) / 50) + 30
    assert rows(candidates=1_000_000)["revenue_per_customer"]["needed_days"] == 30


@pytest.mark.parametrize(
    ("per_day", "why"),
    [
        (NAN, "needed_days: more customers are needed, and how many enter a day is not known yet"),
        (0.0, "needed_days: more customers are needed than enter in two years"),
    ],
)
def test_days_are_unknown_where_not_enough_enter(per_day: float, why: str) -> None:
    row = rows(per_day=per_day)["revenue_per_customer"]
    assert (row["needed_days"], row["reason"]) == (None, why)
    assert row["entrants_per_day"] == (None if math.isnan(per_day) else 0)


def test_the_control_share_is_the_smallest_that_shows_what_is_wanted() -> None:
    assert rows(candidates=200_000)["revenue_per_customer"]["needed_control_share"] == 0.1
    assert rows(candidates=20)["revenue_per_customer"]["needed_control_share"] is None


def test_too_few_buyers_show_no_effect_but_what_it_takes_is_said() -> None:
    row = rows(candidates=500, per_day=1.0)["margin_per_customer"]
    assert (row["detectable_effect"], row["detectable_lift"]) == (None, None)
    assert row["reason"].startswith(
        "detectable_effect: too few buyers: 21 are expected in the control group, 30 are needed"
    )
    assert row["needed_customers"] > 1000


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"candidates": 0, "per_day": 0.0}, "nobody in its segments can be written to"),
        ({"control_share": 0.0}, "without a control group no effect can be shown"),
        ({"values": {}, "why_unknown": "the data begin today"}, "the data begin today"),
        ({"values": {}}, "what they buy is unknown"),
    ],
)
def test_a_reason_stands_where_no_effect_can_be_shown(changes: dict[str, Any], why: str) -> None:
    row = rows(**changes)["revenue_per_customer"]
    assert (row["detectable_effect"], row["needed_days"]) == (None, None)
    assert f"detectable_effect: {why}" in row["reason"]


def test_without_a_control_group_the_share_that_would_do_is_said() -> None:
    row = rows(control_share=0.0, candidates=200_000)["revenue_per_customer"]
    assert (row["needed_customers"], row["needed_control_share"]) == (None, 0.1)


def test_unknown_margin_leaves_the_other_metrics() -> None:
    unknown = PLANNED.values["margin_per_customer"].copy()
    unknown[0] = NAN
    found = rows(values={**PLANNED.values, "margin_per_customer": unknown})
    margin = found["margin_per_customer"]
    assert (margin["expected_mean"], margin["detectable_effect"], margin["wanted_effect"]) == (None, None, 0.05)
    assert margin["reason"] == "detectable_effect: margin unknown"
    assert found["revenue_per_customer"]["detectable_effect"] > 0


def test_unknown_cost_leaves_break_even_unknown() -> None:
    row = rows(contact_cost=NAN, why_no_cost="no cost is on record: sms")["margin_per_customer"]
    assert row["break_even_effect"] is None
    assert "break_even_effect: no cost is on record: sms" in row["reason"]
    assert row["wanted_effect"] == pytest.approx(0.1 * row["expected_mean"])


def test_where_nobody_buys_there_is_nothing_to_compare_with() -> None:
    row = rows(values=values(0, 3000))["revenue_per_customer"]
    assert row["reason"] == ("detectable_effect: too few buyers: 0 are expected in the control group, 30 are needed")
