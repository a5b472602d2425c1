"""A change is split over its factors exactly."""

from decimal import Decimal
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.kpi.shares import change_by_factor, shapley_shares

FACTORS = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=5)
LEVELS = st.tuples(st.integers(0, 1000), st.integers(0, 5000), st.decimals(-(10**7), 10**7, places=2))


def test_two_factors_share_what_they_change_together():
    # 10 x 2 = 20 becomes 12 x 3 = 36: (12 - 10) x 2.5 by the first, (3 - 2) x 11 by the second.
    assert shapley_shares([10, 2], [12, 3]) == [5, 11]


@given(FACTORS)
def test_shares_add_up_to_the_change_and_an_unchanged_factor_has_none(factors):
    before, after = [a for a, _ in factors], [b for _, b in factors]
    size = prod(1 + max(abs(a), abs(b)) for a, b in factors)
    assert sum(shapley_shares(before, after)) == pytest.approx(prod(after) - prod(before), abs=1e-9 * size)
    assert shapley_shares([*before, 3.0], [*after, 3.0])[-1] == 0


@given(LEVELS, LEVELS)
def test_amounts_add_up_to_the_cent_whatever_the_levels(before, after):
    amounts = change_by_factor(before, after)
    assert sum(amounts) == after[-1] - before[-1]
    assert all(amount == amount.quantize(Decimal("0.01")) for amount in amounts)


def test_what_begins_is_all_of_its_buyers_and_what_ends_too():
    assert change_by_factor((0, 0, Decimal(0)), (5, 10, Decimal("99.90"))) == [Decimal("99.90"), 0, 0]
    assert change_by_factor((5, 10, Decimal("99.90")), (0, 0, Decimal(0))) == [Decimal("-99.90"), 0, 0]


def test_returns_without_a_buyer_go_to_the_last_factor():
    assert change_by_factor((0, 0, Decimal(0)), (0, 0, Decimal("-7.50"))) == [0, 0, Decimal("-7.50")]
