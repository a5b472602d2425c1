"""New CLV parameters against the last ones: losses by hand, worse beyond chance is refused, chance is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance

from models.clv.challenge import compare_with_champion, difference_metric, purchase_deviance, spend_deviance
from models.clv.parameters import ClvParameters, SpendMoments, SpendParameters
from models.clv.score import expected_spend, score_clv
from models.evaluation.challenge import no_comparison

BUYING = ClvParameters("mbg/nbd", r=0.9, alpha=30.0, a=0.5, b=4.0)
SPEND = SpendParameters(p=2.0, q=4.0, v=60.0)
WINDOW = 28


def outcomes(count: int, seed: int = 1) -> pd.DataFrame:
    """Customers of whom BUYING and SPEND tell the truth, new or some months old, and the next 28 days."""
    rng = np.random.default_rng(seed)
    age = rng.integers(10, 121, count)
    rate, leaves = rng.gamma(BUYING.r, 1 / BUYING.alpha, count), rng.beta(BUYING.a, BUYING.b, count)
    scale = rng.gamma(SPEND.q, 1 / SPEND.v, count)
    rows = []
    for customer in range(count):
        days = [0.0]
        while rng.random() >= leaves[customer] and days[-1] <= age[customer] + WINDOW:
            days.append(days[-1] + rng.exponential(1 / rate[customer]))
        past = [day for day in days if day <= age[customer]]
        bought = len([day for day in days if age[customer] < day <= age[customer] + WINDOW])
        spend = rng.gamma(SPEND.p, 1 / scale[customer], len(past) - 1 + bought)
        known = (len(past) - 1, min(np.ceil(past[-1]), age[customer]), age[customer], spend[: len(past) - 1].sum())
        rows.append((f"c{customer:05d}", *known, bought, spend[len(past) - 1 :].sum()))
    names = ("customer_id", "frequency", "recency_days", "age_days", "repeat_revenue", "purchase_days", "spend")
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    return outcomes(4_000)


def test_losses_are_the_deviances_of_what_was_expected(customers):
    scored = score_clv(customers, BUYING, SPEND, WINDOW, 0.0, None)
    expected = scored["expected_purchases"].to_numpy().clip(1e-6)
    found = purchase_deviance(BUYING, customers, WINDOW)
    assert len(found) == len(customers)
    assert found.mean() == pytest.approx(mean_poisson_deviance(customers["purchase_days"], expected))
    buyers = customers[customers["purchase_days"] > 0]
    of_a_day = buyers["spend"] / buyers["purchase_days"]
    forecast = expected_spend(SPEND, buyers["frequency"].to_numpy(float), buyers["repeat_revenue"].to_numpy(float))
    found = spend_deviance(SPEND, customers)
    assert len(found) == len(buyers) < len(customers)
    assert found.mean() == pytest.approx(mean_gamma_deviance(of_a_day, forecast))


def test_who_was_all_but_gone_and_came_back_is_no_infinite_loss():
    gone = pd.DataFrame({"customer_id": ["a"], "frequency": 90, "recency_days": 100, "age_days": 3000})
    loss = purchase_deviance(BUYING, gone.assign(repeat_revenue=900.0, purchase_days=1, spend=9.0), WINDOW)
    assert loss.tolist() == pytest.approx([2 * (np.log(1e6) - 1)], rel=1e-5)


@pytest.mark.parametrize("field", ["alpha", "v"])
def test_what_expects_too_much_or_too_little_beyond_chance_is_refused(customers, field):
    true = BUYING if field == "alpha" else SPEND
    prefix = "" if field == "alpha" else "spend_"
    for factor in (0.4, 2.5):
        wrong = replace(true, **{field: factor * getattr(true, field)})
        result = compare_with_champion(wrong, true, customers, WINDOW, seed=1)
        assert result.is_refused
        (metric, value, note), refusal = result.quality
        assert metric == f"{prefix}deviance_less_last_model"
        assert value > 0
        by = " by 1 % of the loss," if prefix else ""
        assert note.endswith(f"the new one is worse{by} beyond chance, so the last one stays")
        what = "purchases" if field == "alpha" else "spend"
        assert refusal == (
            f"{prefix}new_model_refused",
            1.0,
            f"alarm; the last model of {what} does better and stays",
        )
        back = compare_with_champion(true, wrong, customers, WINDOW, seed=1)
        assert not back.is_refused
        assert [row[:2] for row in back.quality] == [(metric, pytest.approx(-value, abs=2e-6))]


def test_the_same_parameters_and_a_hairs_breadth_are_not_refused(customers):
    for true in (BUYING, SPEND):
        same = compare_with_champion(true, true, customers, WINDOW, seed=1)
        assert (same.is_refused, same.quality[0][1]) == (False, 0.0)
        by = " by 1 % of the loss," if true is SPEND else ""
        assert f"the new one is not worse{by} beyond chance" in same.quality[0][2]


def test_spend_that_is_worse_beyond_chance_by_less_than_a_hundredth_of_the_loss_is_published(customers):
    near = replace(SPEND, v=1.04 * SPEND.v, p=0.97 * SPEND.p)
    even = customers.assign(spend=expected_spend(SPEND, customers["frequency"], customers["repeat_revenue"]))
    even["spend"] *= even["purchase_days"] * np.where(np.arange(len(even)) % 2, 1.9, 0.1)  # no chance in it
    result = compare_with_champion(near, SPEND, even, WINDOW, seed=1)
    (_, value, note) = result.quality[0]
    assert not result.is_refused
    low = float(note.split("interval ")[1].split(" to ")[0])
    assert 0 < low < value < 0.01 * spend_deviance(SPEND, even).mean()


@pytest.mark.parametrize("true", [BUYING, SPEND])
def test_chance_is_hardly_ever_refused(true):
    # New parameters off by about as much as a fit on some thousand customers is.
    name = "alpha" if true is BUYING else "v"
    refused = 0
    for seed in range(20):
        near = replace(true, **{name: getattr(true, name) * (1 + 0.02 * (-1) ** seed)})
        refused += compare_with_champion(near, true, outcomes(250, seed), WINDOW, seed).is_refused
    assert refused <= 3


def test_another_model_of_buying_is_held_against_the_last_one(customers):
    other = ClvParameters("pareto/nbd", r=0.9, alpha=30.0, a=0.01, b=9_000.0)  # nobody ever leaves
    assert compare_with_champion(other, BUYING, customers, WINDOW, seed=1).is_refused
    assert not compare_with_champion(BUYING, other, customers, WINDOW, seed=1).is_refused


def test_where_all_spend_the_same_that_spend_takes_the_place_of_gamma_gamma_until_prices_rise(customers):
    constant = SpendMoments(12.0, 0.0, 0.0, "")
    same = customers.assign(repeat_revenue=12.0 * customers["frequency"], spend=12.0 * customers["purchase_days"])
    assert spend_deviance(constant, same).tolist() == pytest.approx([0.0] * int((same["purchase_days"] > 0).sum()))
    assert not compare_with_champion(constant, SPEND, same, WINDOW, seed=1).is_refused
    assert compare_with_champion(SPEND, constant, same, WINDOW, seed=1).is_refused
    risen = same.assign(spend=15.0 * same["purchase_days"])
    between = SpendMoments(12.5, 0.01, 0.0, "")
    assert not compare_with_champion(between, constant, risen, WINDOW, seed=1).is_refused


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_trial_is_the_same_for_the_same_seed(seed):
    few = outcomes(300, seed=2)
    other = replace(BUYING, r=1.0)
    assert compare_with_champion(other, BUYING, few, WINDOW, seed) == compare_with_champion(
        other, BUYING, few, WINDOW, seed
    )


def test_with_fewer_than_30_buyers_nothing_is_held_against_anything(customers):
    wrong = replace(BUYING, alpha=1.0)
    idle = customers[customers["purchase_days"] == 0]
    few = pd.concat([idle, customers[customers["purchase_days"] > 0].iloc[:29]])
    for nobody, count in ((few, 29), (idle, 0), (customers.iloc[:0], 0)):
        result = compare_with_champion(wrong, BUYING, nobody, WINDOW, seed=1)
        assert not result.is_refused
        assert result.quality == [
            (
                "deviance_less_last_model",
                None,
                "the new model is published without being held against an earlier one: "
                f"{count} customers known before bought in the last 28 days, and 30 are needed",
            )
        ]
    enough = pd.concat([idle, customers[customers["purchase_days"] > 0].iloc[:30]])
    assert compare_with_champion(wrong, BUYING, enough, WINDOW, seed=1).quality[0][1] is not None


def test_without_an_earlier_model_the_reason_is_told():
    result = no_comparison(difference_metric(SPEND), "there is no earlier one")
    assert not result.is_refused
    assert result.quality == [
        (
            "spend_deviance_less_last_model",
            None,
            "the new model is published without being held against an earlier one: there is no earlier one",
        )
    ]
