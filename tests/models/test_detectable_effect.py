"""The smallest effect that can be shown, against how often simulated campaigns show it."""

import numpy as np
import pytest

from models.campaign.difference import rate_difference
from models.detectable_effect import detectable_difference


def power_of_z_test(base_rate: float, difference: float, treated: int, control: int) -> float:
    """Share of simulated campaigns whose two-sided test at 5 % finds the difference."""
    random = np.random.default_rng(20250301)
    x = random.binomial(treated, base_rate + difference, 40_000) / treated
    y = random.binomial(control, base_rate, 40_000) / control
    pooled = (treated * x + control * y) / (treated + control)
    error = np.sqrt(pooled * (1 - pooled) * (1 / treated + 1 / control))
    found = np.abs(x - y) > 1.959964 * np.where(error > 0, error, np.inf)
    return float(found.mean())


@pytest.mark.parametrize(
    ("base_rate", "treated", "control"),
    [(0.3, 4_000, 1_000), (0.1, 9_000, 1_000), (0.5, 800, 800), (0.05, 3_000, 3_000)],
)
def test_eighty_of_a_hundred_campaigns_with_this_effect_show_it(base_rate, treated, control):
    difference = detectable_difference(base_rate, treated, control)
    assert difference is not None
    assert power_of_z_test(base_rate, difference, treated, control) == pytest.approx(0.8, abs=0.02)


def test_the_interval_that_campaign_effects_have_shows_it_as_often():
    treated, control, base_rate = 4_000, 1_000, 0.3
    difference = detectable_difference(base_rate, treated, control)
    random = np.random.default_rng(7)
    x, y = random.binomial(treated, base_rate + difference, 2_000), random.binomial(control, base_rate, 2_000)
    sizes = (np.full((2_000, 1), float(n)) for n in (treated, control))
    of_treated, of_control = zip((x[:, None], y[:, None]), sizes, strict=True)
    _, low, _ = rate_difference(*of_treated, *of_control, np.ones((2_000, 1)))
    assert np.mean(low > 0) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("base_rate", "share", "ratio"), [(0.6, 0.7, 1), (0.1, 0.12, 4), (0.3, 0.31, 0.5)])
def test_it_is_the_difference_whose_sample_size_these_customers_are(base_rate, share, ratio):
    z_level, z_power = 1.959964, 0.841621
    pooled = (base_rate + ratio * share) / (ratio + 1)
    at_zero = z_level * np.sqrt((ratio + 1) * pooled * (1 - pooled))
    at_effect = z_power * np.sqrt(ratio * base_rate * (1 - base_rate) + share * (1 - share))
    control = (at_zero + at_effect) ** 2 / (ratio * (share - base_rate) ** 2)
    found = detectable_difference(base_rate, round(ratio * control), round(control))
    assert found == pytest.approx(share - base_rate, rel=2e-3)


def test_more_customers_show_less_and_a_small_control_group_shows_little():
    assert detectable_difference(0.2, 8_000, 2_000) < detectable_difference(0.2, 800, 200)
    assert detectable_difference(0.2, 5_000, 5_000) < detectable_difference(0.2, 9_500, 500)


def test_where_nobody_bought_an_effect_can_still_be_shown():
    assert 0 < detectable_difference(0.0, 1_000, 1_000) < 0.02


@pytest.mark.parametrize(("base_rate", "treated", "control"), [(0.5, 3, 1), (1.0, 1_000, 1_000), (0.9, 10, 5)])
def test_so_few_that_no_effect_can_be_shown_have_none(base_rate, treated, control):
    assert detectable_difference(base_rate, treated, control) is None


@pytest.mark.parametrize(("base_rate", "treated", "control"), [(0.5, 100, 0), (0.5, 0, 100), (1.2, 10, 10)])
def test_what_is_no_comparison_is_refused(base_rate, treated, control):
    with pytest.raises(ValueError, match="both groups"):
        detectable_difference(base_rate, treated, control)
