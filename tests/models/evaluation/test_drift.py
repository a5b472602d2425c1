"""Population stability: nothing moved is 0, bins stay those of the training, batches add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.evaluation.drift import Bins, bin_counts, bin_of, fixed_bins, stability_index, stability_level

NUMBERS = arrays(float, st.integers(1, 60), elements=st.floats(-1e6, 1e6) | st.just(np.nan))


def test_index_by_hand():
    bins = Bins((10.0,), (0.5, 0.5, 0.0))
    # 1,600 and 400 of 2,000: (.8 - .5) ln(.8 / .5) + (.2 - .5) ln(.2 / .5) = .141 + .275; NULL there as here.
    assert stability_index(bins, np.array([1_600, 400, 0])) == pytest.approx(0.41589, abs=1e-5)


def test_fewer_than_2000_customers_have_no_index():
    bins = Bins((10.0,), (0.5, 0.5, 0.0))
    assert stability_index(bins, np.array([1_000, 999, 0])) is None
    assert stability_index(bins, np.array([1_000, 1_000, 0])) == 0


def test_a_bin_that_training_lacks_is_large_and_finite():
    bins = fixed_bins(np.arange(100.0))
    assert bins.shares[-1] == 0
    index = stability_index(bins, bin_counts(bins, np.full(2_000, np.nan)))
    assert index is not None
    assert 0.25 < index < 100


def test_tenths_are_of_one_size_and_equal_values_share_a_bin():
    assert fixed_bins(np.arange(1_000.0)).shares == pytest.approx((*[0.1] * 10, 0.0), abs=0.002)
    bins = fixed_bins(np.array([0.0] * 80 + [1.0] * 20))
    assert (bins.edges, bins.shares) == ((0.0,), (0.8, 0.2, 0.0))
    assert fixed_bins(np.full(5, 7.0)).shares == (1.0, 0.0)
    assert fixed_bins(np.full(5, np.nan)).shares == (0.0, 1.0)


def test_an_edge_belongs_to_the_bin_below():
    assert bin_of((1.0, 2.0), np.array([0.5, 1.0, 1.5, 2.0, 9.0, np.nan])).tolist() == [0, 0, 1, 1, 2, 3]


@given(NUMBERS, NUMBERS)
def test_batches_add_up_and_nothing_moved_is_zero(training, tonight):
    bins = fixed_bins(training)
    assert sum(bins.shares) == pytest.approx(1)
    whole = bin_counts(bins, np.concatenate([training, tonight]))
    assert (bin_counts(bins, training) + bin_counts(bins, tonight) == whole).all()
    assert stability_index(bins, bin_counts(bins, np.tile(training, 2_000))) == pytest.approx(0)
    moved = stability_index(bins, bin_counts(bins, np.tile(tonight, 2_000)))
    assert moved is not None
    assert moved >= 0


def test_bounds_of_warning_and_alarm():
    assert [stability_level(index) for index in (0.0999, 0.1, 0.2499, 0.25)] == [
        "stable",
        "warning",
        "warning",
        "alarm",
    ]
