"""New parameters of the next order against the last ones: worse beyond chance is refused, chance is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.challenge import no_comparison
from models.next_order.challenge import DIFFERENCE_METRIC, compare_with_champion, waiting_loss
from models.next_order.parameters import NextOrderParameters

TRUE = NextOrderParameters(k=1.4, r=1.3, alpha=12.0, a=0.6, b=5.0)
DAYS = 28


def outcomes(count: int, seed: int = 1) -> pd.DataFrame:
    """Customers of whom TRUE tells the truth, known for up to 300 days, and when they next ordered in 28 days."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        rate, leaves, age = random.gamma(TRUE.r, 1 / TRUE.alpha), random.beta(TRUE.a, TRUE.b), random.uniform(10, 300)
        days = [0.0]
        while random.random() >= leaves and days[-1] <= age + DAYS:
            days.append(days[-1] + random.gamma(TRUE.k, 1 / rate))
        whole = np.unique(np.ceil(days))
        known, later = whole[whole <= int(age)], whole[(whole > int(age)) & (whole <= int(age) + DAYS)]
        rows.append((len(known) - 1, known[-1], int(age), later[0] - int(age) if len(later) else np.nan))
    return pd.DataFrame(rows, columns=["frequency", "recency_days", "age_days", "next_days"])


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    return outcomes(3_000)


def one(frequency: int, recency: int, silent: int, following: list[float]) -> pd.DataFrame:
    """One customer, once for each outcome."""
    return pd.DataFrame(
        {"frequency": frequency, "recency_days": recency, "age_days": recency + silent, "next_days": following}
    )


def test_the_loss_is_minus_the_log_of_the_probability_of_what_came():
    """With k = 1 an interval of more than u days has the chance (base / (base + u))^(r + x)."""
    p = replace(TRUE, k=1.0)
    base, shape, gone = p.alpha + 30 - 1.5, p.r + 3, p.a / (p.b + 3)

    def longer(days: float) -> float:
        return (base / (base + days)) ** shape

    here = longer(7) + gone
    expected = [(longer(7) - longer(8)) / here, (longer(16) - longer(17)) / here, (longer(35) + gone) / here]
    found = waiting_loss(p, one(3, 30, 7, [1, 10, np.nan]), DAYS)
    assert found.tolist() == pytest.approx((-np.log(expected)).tolist())


@settings(max_examples=40, deadline=None)
@given(x=st.integers(0, 60), pace=st.integers(1, 60), silent=st.integers(0, 300), days=st.integers(1, 60))
def test_all_that_can_come_has_a_probability_of_one(x, pace, silent, days):
    found = waiting_loss(TRUE, one(x, x * pace, silent, [*range(1, days + 1), np.nan]), days)
    assert np.exp(-found).sum() == pytest.approx(1, abs=1e-7)


def test_who_orders_on_a_day_held_impossible_is_no_infinite_loss():
    regular = NextOrderParameters(k=20.0, r=50.0, alpha=60.0, a=0.1, b=50.0)
    assert waiting_loss(regular, one(90, 2_700, 0, [1]), DAYS).tolist() == [-np.log(1e-9)]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(TRUE, alpha=3 * TRUE.alpha),
        replace(TRUE, alpha=TRUE.alpha / 3),
        replace(TRUE, k=6.0, r=6.0 / TRUE.k * TRUE.r),
        replace(TRUE, a=1e-3),
        replace(TRUE, a=20 * TRUE.a),
    ],
    ids=["too late", "too early", "too sure", "nobody leaves", "all leave"],
)
def test_what_is_worse_beyond_chance_is_refused_and_never_the_other_way_round(customers, wrong):
    result = compare_with_champion(wrong, TRUE, customers, DAYS, seed=1)
    assert result.is_refused
    (metric, value, note), refusal = result.quality
    assert metric == "log_loss_less_last_model"
    assert value > 0
    assert note.startswith("minus log probability by the new model less that by the last one, of when 3,000 customers ")
    assert note.endswith("; the new one is worse beyond chance, so the last one stays")
    assert refusal == ("new_model_refused", 1.0, "alarm; the last model of the next order does better and stays")
    back = compare_with_champion(TRUE, wrong, customers, DAYS, seed=1)
    assert not back.is_refused
    assert [row[:2] for row in back.quality] == [(metric, pytest.approx(-value, abs=2e-6))]


def test_the_same_parameters_are_taken(customers):
    same = compare_with_champion(TRUE, TRUE, customers, DAYS, seed=1)
    [(_, value, note)] = same.quality
    assert (same.is_refused, value) == (False, 0.0)
    assert note.endswith("; the new one is not worse beyond chance, so it is published")


def test_chance_is_hardly_ever_refused():
    # New parameters off by about as much as a fit on some thousand customers is.
    refused = 0
    for seed in range(20):
        near = replace(TRUE, alpha=TRUE.alpha * (1 + 0.02 * (-1) ** seed))
        refused += compare_with_champion(near, TRUE, outcomes(250, seed), DAYS, seed).is_refused
    assert refused <= 3


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_trial_is_the_same_for_the_same_seed(customers, seed):
    few, other = customers.head(300), replace(TRUE, r=1.0)
    assert compare_with_champion(other, TRUE, few, DAYS, seed) == compare_with_champion(other, TRUE, few, DAYS, seed)


def test_too_few_to_tell_and_the_new_one_is_taken(customers):
    ordered = customers["next_days"].notna()
    silent, wrong = customers[~ordered], replace(TRUE, alpha=900.0)
    few = pd.concat([silent, customers[ordered].iloc[:29]])
    for known, count in ((few, 29), (silent, 0), (customers.iloc[:0], 0)):
        result = compare_with_champion(wrong, TRUE, known, DAYS, seed=1)
        assert result == no_comparison(
            DIFFERENCE_METRIC, f"{count} customers known before ordered in the last 28 days, and 30 are needed"
        )
        assert not result.is_refused
    enough = pd.concat([silent, customers[ordered].iloc[:30]])
    assert compare_with_champion(wrong, TRUE, enough, DAYS, seed=1).quality[0][1] is not None


def test_without_an_earlier_model_the_reason_is_told():
    note = "the new model is published without being held against an earlier one: there is no earlier one"
    assert no_comparison(DIFFERENCE_METRIC, "there is no earlier one").quality == [
        ("log_loss_less_last_model", None, note)
    ]
