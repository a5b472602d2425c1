import math

import numpy as np
import pytest
from power_coverage import power, rate_power

from models.campaign.power import MAXIMUM_LIFT, detectable_lift, needed_customers, spread_of

NAN = math.nan


def spend(buyers: int, customers: int, log_sd: float = 0.6, seed: int = 1) -> np.ndarray:
    """What customers spent: so many something, the others nothing."""
    return np.append(np.random.default_rng(seed).lognormal(3, log_sd, buyers), np.zeros(customers - buyers))


def test_a_spread_keeps_the_mean_and_all_customers() -> None:
    values = np.append(np.random.default_rng(1).integers(1, 40, 900), np.zeros(2100)) / 4
    spread = spread_of(values)
    assert spread.share.sum() == pytest.approx(1)
    assert spread.mean == pytest.approx(values.mean())
    assert spread.share @ spread.powers[:, 1] == pytest.approx(np.mean(values**2), rel=1e-9)


def test_few_values_met_often_have_no_tail_beyond_them() -> None:
    values = np.repeat([0.0, 5.0, 20.0], [800, 150, 50])
    assert spread_of(values).powers[:, 0].max() == 20


def test_the_tail_goes_on_beyond_the_largest_value_met() -> None:
    values = spend(200, 2000, log_sd=1.3, seed=3)
    spread = spread_of(np.minimum(values, np.sort(values)[-15] * (1 + np.arange(2000) * 1e-6)))
    assert spread.powers[:, 0].max() > values.max() / 4
    assert spread.share.sum() == pytest.approx(1)


def test_returns_count_below_zero() -> None:
    values = np.append(spend(100, 1000), [-500.0] * 3)
    assert spread_of(values).powers[:, 0].min() == pytest.approx(-500)


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0, 0.0], [-3.0, 0.0]])
def test_where_nobody_brings_anything_no_lift_can_be_found(values: list[float]) -> None:
    assert math.isnan(detectable_lift(spread_of(values), 10_000, 0.5))


@pytest.mark.parametrize(("customers", "share"), [(0, 0.5), (10, 0.1), (10_000, 0.0), (10_000, 1.0)])
def test_both_arms_have_customers(customers: int, share: float) -> None:
    assert math.isnan(detectable_lift(spread_of(spend(100, 1000)), customers, share))


def test_too_few_customers_show_not_even_four_times_the_purchases() -> None:
    assert math.isnan(detectable_lift(spread_of(spend(12, 100)), 60, 0.1))
    assert detectable_lift(spread_of(spend(120, 1000)), 1000, 0.1) < MAXIMUM_LIFT


def test_a_lift_is_the_same_each_time_and_in_every_currency() -> None:
    lift = detectable_lift(spread_of(spend(120, 1000)), 5000, 0.1)
    assert detectable_lift(spread_of(spend(120, 1000)), 5000, 0.1) == lift
    assert detectable_lift(spread_of(100 * spend(120, 1000)), 5000, 0.1) == pytest.approx(lift, rel=1e-3)


def test_four_times_the_customers_show_half_the_lift_and_even_arms_show_less() -> None:
    spread = spread_of(spend(1200, 10_000))
    small, large = (detectable_lift(spread, customers, 0.1) for customers in (20_000, 80_000))
    assert large / small == pytest.approx(0.5, abs=0.05)
    assert detectable_lift(spread, 20_000, 0.5) < small


def test_needed_customers_are_those_of_whom_the_lift_is_found() -> None:
    spread = spread_of(spend(1200, 10_000))
    needed = needed_customers(lambda n: detectable_lift(spread, n, 0.2), 0.1, 1250, 3000)
    assert needed is not None
    assert detectable_lift(spread, needed, 0.2) == pytest.approx(0.1, rel=0.03)


def test_needed_customers_are_no_fewer_than_are_judged() -> None:
    assert needed_customers(lambda n: 3 / math.sqrt(n), 2.0, 1000, 5000) == 1000


def test_needed_customers_grow_until_anything_is_found() -> None:
    assert needed_customers(lambda n: NAN if n < 4000 else 1 / math.sqrt(n), 0.01, 1, 10) == pytest.approx(
        10_000, rel=0.06
    )


@pytest.mark.parametrize("lift", [0.0, -0.1, NAN])
def test_no_number_of_customers_finds_no_lift(lift: float) -> None:
    assert needed_customers(lambda n: 1 / math.sqrt(n), lift, 1, 10) is None


def test_needed_customers_are_unknown_if_no_number_finds_the_lift() -> None:
    assert needed_customers(lambda _: NAN, 0.1, 1, 10) is None


@pytest.mark.parametrize(
    ("buyers", "control_share", "shape"),
    [(50, 0.1, "lognormal, log-sd 1.3"), (50, 0.5, "lognormal, log-sd 0.6"), (250, 0.5, "lognormal, log-sd 1.3")],
)
def test_eighty_of_a_hundred_campaigns_find_the_planned_effect(buyers: int, control_share: float, shape: str) -> None:
    assert 0.72 < power(800, buyers, control_share, shape).found < 0.9


def test_eighty_of_a_hundred_campaigns_find_the_planned_share_of_buyers() -> None:
    assert 0.76 < rate_power(2000, 100, 0.1, 0.12) < 0.86
