"""The contract liability of points: the published example, and that nothing is lost."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from models.points.liability import allocated_amount, liability


def test_illustrative_example_52_comes_out_to_the_unit() -> None:
    allocated = allocated_amount(Decimal(100_000), Decimal(10_000), Decimal(1), 0.95)
    first = liability(allocated, Decimal(4_500), Decimal(5_000))
    second = liability(allocated, Decimal(8_500), Decimal(1_200))
    found = (allocated, first.recognised, first.liability, second.recognised - first.recognised, second.liability)
    assert [round(amount) for amount in found] == [8_676, 4_110, 4_566, 3_493, 1_073]


amounts = st.decimals(0, 10**9, places=2)
points = st.decimals(0, 10**9, places=3)


@given(amounts, points, st.decimals(0, 10, places=4), st.floats(0, 1), points, points)
def test_recognised_and_liability_are_what_was_allocated_to_the_cent(
    revenue: Decimal, granted: Decimal, value: Decimal, share: float, spent: Decimal, to_be_spent: Decimal
) -> None:
    allocated = allocated_amount(revenue, granted, value, share)
    found = liability(allocated, spent, to_be_spent)
    assert found.recognised + found.liability == allocated
    assert allocated == round(allocated, 2) and found.recognised == round(found.recognised, 2)
    assert 0 <= found.recognised <= allocated <= revenue


def test_what_nobody_will_spend_any_more_is_recognised() -> None:
    assert liability(Decimal("8.68"), Decimal(4), Decimal(0)).liability == 0
    assert liability(Decimal("8.68"), Decimal(0), Decimal(0)).liability == 0
    assert liability(Decimal("8.68"), Decimal(0), Decimal(5)).recognised == 0
