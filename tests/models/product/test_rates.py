"""Rates of products: exact intervals hold what they state, and differences by chance are shrunken away."""

import numpy as np
import pytest
from scipy.stats import binom

from models.product.rates import exact_interval, likeliest_strength, shrunken_share


@pytest.mark.parametrize("customers", [30, 100, 400])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5, 0.8, 0.97])
def test_an_exact_interval_holds_at_least_what_it_states(customers: int, share: float) -> None:
    successes = np.arange(customers + 1, dtype=float)
    low, high = exact_interval(successes, np.full(customers + 1, float(customers)))
    holds = binom.pmf(successes, customers, share)[(low <= share) & (share <= high)].sum()
    assert 0.95 <= holds <= 1


def test_none_and_all_have_an_interval_too() -> None:
    low, high = exact_interval(np.array([0.0, 30.0]), np.array([30.0, 30.0]))
    assert (low[0], high[1]) == (0.0, 1.0)
    assert high[0] == pytest.approx(1 - 0.025 ** (1 / 30))


def test_products_that_differ_by_chance_alone_are_drawn_together() -> None:
    random = np.random.default_rng(5)
    customers, expected = np.full(300, 100.0), np.full(300, 0.3)
    alike = random.binomial(100, 0.3, 300).astype(float)
    unlike = random.binomial(100, random.beta(6, 14, 300)).astype(float)
    assert likeliest_strength(alike, customers, expected) > 300
    assert 12 < likeliest_strength(unlike, customers, expected) < 33
    strength = likeliest_strength(alike, customers, expected)
    assert np.ptp(shrunken_share(alike, customers, expected, strength)) < 0.05
