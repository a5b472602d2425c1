import numpy as np
import pytest
from promo_habit_coverage import PARTS, WHOLE, coverage
from scipy import stats

from models.promo_habit import MIN_CUSTOMERS, Days, fit, shares, throws


def days_of(spend: list[list[float]], share: list[list[float]]) -> Days:
    """Of each customer the spend of their days, and the share of each that was on offer."""
    s, x = ([np.array(row) for row in rows] for rows in (spend, share))
    pairs = list(zip(s, x, strict=True))
    sums = [(len(a), a.sum(), (a**2).sum(), (a * b).sum(), b.sum(), (b**2).sum()) for a, b in pairs]
    return Days(*np.array(sums, float).T)


@pytest.mark.parametrize(
    ("habit", "spread", "days", "shape"),
    [
        ("beta, mean .3", 1.0, 3.0, PARTS),
        ("beta, most never", 0.5, 25.0, WHOLE),
        ("two kinds, .1 and .8", 1.0, 3.0, WHOLE),
        ("a fifth always", 0.5, 3.0, PARTS),
    ],
)
def test_intervals_hold_the_share_whatever_habits_are_like(habit: str, spread: float, days: float, shape: str) -> None:
    found = coverage(2, habit, spread, days, shape, seed=7)
    assert 0.94 <= found.inside <= 0.99
    assert max(found.above, found.below) < 0.04


def test_equal_days_that_are_wholly_on_offer_or_not_count_as_so_many_throws() -> None:
    days = days_of([[10.0] * 4, [10.0] * 4, [5.0] * 4], [[1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 1]])
    assert throws(days) == pytest.approx([4, 4, 4])


def test_unequal_days_count_as_fewer_and_days_that_are_alike_as_more() -> None:
    whole = days_of([[90.0, 10.0], [50.0, 50.0]], [[1, 0], [0, 1]])
    assert throws(whole) == pytest.approx([100**2 / (90**2 + 10**2), 2])
    alike = days_of([[50.0] * 4] * 2, [[0.4, 0.6, 0.5, 0.5], [0.5, 0.4, 0.5, 0.6]])
    assert (throws(alike) == 4 * 20).all()


def test_shares_are_those_of_the_beta_distribution_given_what_was_seen() -> None:
    habit = fit(np.tile([0.0, 0.25, 0.5, 1.0], 50), np.full(200, 8.0))
    assert habit is not None
    found = shares(habit, np.array([0.25]), np.array([8.0]), np.array([True]))
    given = stats.beta(habit.a + 2, habit.b + 6)
    assert found.value[0] == pytest.approx(given.mean())
    assert (found.low[0], found.high[0]) == pytest.approx(tuple(given.ppf([0.025, 0.975])))


def test_who_bought_all_or_nothing_on_offer_may_always_do_so() -> None:
    habit = fit(np.tile([0.0, 0.25, 0.5, 1.0], 50), np.full(200, 8.0))
    found = shares(habit, np.array([0.0, 1.0]), np.array([8.0, 8.0]), np.array([True, True]))
    assert (found.low[0], found.high[1]) == (0.0, 1.0)
    assert found.high[0] < 0.5 < found.low[1]


def test_too_few_customers_or_orders_leave_it_unknown() -> None:
    assert fit(np.full(MIN_CUSTOMERS - 1, 0.5), np.full(MIN_CUSTOMERS - 1, 9.0)) is None
    none = shares(None, np.array([0.5]), np.array([9.0]), np.array([True]))
    assert np.isnan([none.value, none.low, none.high]).all()
    habit = fit(np.tile([0.2, 0.6], MIN_CUSTOMERS), np.full(2 * MIN_CUSTOMERS, 9.0))
    assert np.isnan(shares(habit, np.array([0.5]), np.array([9.0]), np.array([False])).low).all()
