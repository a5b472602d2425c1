"""Paired bootstrap: the same forecasts do not differ, a real difference shows, chance does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.compare import paired_bootstrap


def losses(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=size)


def test_the_same_losses_do_not_differ():
    found = paired_bootstrap(losses(5_000), losses(5_000), seed=1)
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.is_better
    assert not found.is_worse


@pytest.mark.parametrize("size", [50, 999, 1_001, 20_000])
def test_interval_is_that_of_a_mean(size):
    difference = losses(size)
    found = paired_bootstrap(difference, np.zeros(size), seed=2)
    error = difference.std() / np.sqrt(size)
    assert found.mean == pytest.approx(difference.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.12)
    assert found.low < found.mean < found.high
    assert found.is_worse


def test_what_is_lower_beyond_chance_is_better():
    old = losses(2_000)
    found = paired_bootstrap(old - 0.1 + 0.5 * np.random.default_rng(3).normal(size=2_000), old, seed=3)
    assert found.is_better
    assert not paired_bootstrap(old + np.random.default_rng(4).normal(size=2_000), old, seed=3).is_worse


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 1_500))
def test_the_same_seed_gives_the_same_interval_and_sides_mirror(seed, size):
    new, old = losses(size, 5), losses(size, 6)
    there, back = paired_bootstrap(new, old, seed), paired_bootstrap(old, new, seed)
    assert there == paired_bootstrap(new, old, seed)
    assert (there.mean, there.low, there.high) == pytest.approx((-back.mean, -back.high, -back.low))


@pytest.mark.parametrize(
    ("new", "old", "words"),
    [([1.0], [1.0, 2.0], "same customers"), ([], [], "same customers"), ([np.nan], [1.0], "no number")],
)
def test_losses_that_do_not_pair_are_refused(new, old, words):
    with pytest.raises(ValueError, match=words):
        paired_bootstrap(new, old, seed=1)
