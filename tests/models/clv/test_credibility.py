"""Spend where Gamma-Gamma has no fit: exact moments, published ones, and who has no interval."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clv.credibility import shrunken_spend
from models.clv.parameters import SpendParameters
from models.clv.score import expected_spend


def patterns(*customers: list[float]) -> pd.DataFrame:
    """One row per customer, each with what their later purchase days brought."""
    days = [np.array(spent, float) for spent in customers]
    return pd.DataFrame(
        {
            "frequency": [len(spent) for spent in days],
            "mean_repeat_value": [spent.mean() for spent in days],
            "customer_count": 1,
            "squared_value": [(spent**2).sum() for spent in days],
        }
    )


# Average claims of five states in twelve quarters: Hachemeister 1975.
HACHEMEISTER = patterns(
    [1738, 1642, 1794, 2051, 2079, 2234, 2032, 2035, 2115, 2262, 2267, 2517],
    [1364, 1408, 1597, 1444, 1342, 1675, 1470, 1448, 1464, 1831, 1612, 1471],
    [1759, 1685, 1479, 1763, 1674, 2103, 1502, 1622, 1828, 2155, 2233, 2059],
    [1223, 1146, 1010, 1257, 1426, 1532, 1953, 1123, 1343, 1243, 1762, 1306],
    [1456, 1499, 1609, 1741, 1482, 1572, 1606, 1735, 1607, 1573, 1613, 1690],
)


def test_hachemeisters_claims_have_their_published_structure_and_premiums():
    # As the R package actuar has them: cm(~state, hachemeister, ratios = ratio.1:ratio.12).
    found = shrunken_spend(HACHEMEISTER, "")
    between = found.customer_variation * found.mean**2
    within = found.day_variation * (found.mean**2 + between)
    assert (found.mean, between, within) == pytest.approx((1671.017, 72310.02, 46040.47), rel=1e-6)
    assert found.credibility_days == pytest.approx(within / between)
    frequency, mean = (HACHEMEISTER[name].to_numpy(float) for name in ("frequency", "mean_repeat_value"))
    premiums = expected_spend(found, frequency, frequency * mean)
    assert list(premiums) == pytest.approx([2044.04, 1518.59, 1814.23, 1375.99, 1602.23], abs=0.01)


def test_moments_by_hand():
    # Days of a: 8 and 12, of b: 18 and 22; within 8 of 2 degrees of freedom each, between 2 x 2 x 25 - 8 of 4 - 2.
    found = shrunken_spend(patterns([8, 12], [18, 22]), "")
    assert (found.mean, found.credibility_days) == (15, pytest.approx(8 / 46))
    assert found.customer_variation == pytest.approx(46 / 15**2)
    assert found.day_variation == pytest.approx(8 / (15**2 + 46))
    expected = expected_spend(found, np.array([0.0, 2.0]), np.array([0.0, 20.0]))
    assert list(expected) == pytest.approx([15, 15 + (10 - 15) * 2 / (2 + 8 / 46)])


def test_customers_who_differ_no_more_than_their_days_are_all_expected_to_spend_the_mean():
    found = shrunken_spend(patterns([5, 15], [15, 5], [10, 10, 10]), "")
    assert (found.customer_variation, found.credibility_days) == (0.0, np.inf)
    assert list(expected_spend(found, np.array([0.0, 9.0]), np.array([0.0, 900.0]))) == [10.0, 10.0]


def test_customers_each_with_a_price_of_their_own_are_expected_to_pay_it():
    adults, children = [[10.0] * (2 + n % 3) for n in range(60)], [[7.0] * (1 + n % 3) for n in range(40)]
    found = shrunken_spend(patterns(*adults, *children), "")
    assert (found.day_variation, found.credibility_days) == (0.0, 0.0)
    assert found.mean == pytest.approx(0.6 * 10 + 0.4 * 7)
    spent = expected_spend(found, np.array([0.0, 1.0, 4.0]), np.array([0.0, 7.0, 40.0]))
    assert list(spent) == pytest.approx([found.mean, 7, 10])
    assert found.unknown_interval is None


def test_without_a_third_day_all_are_expected_to_spend_the_mean_and_there_is_no_interval():
    found = shrunken_spend(patterns(*[[10.0 + n] for n in range(41)]), "")
    assert (found.mean, found.credibility_days) == (pytest.approx(30), np.inf)
    assert "only 0 days after the second" in found.unknown_interval


def test_a_few_huge_spenders_leave_clv_without_an_interval_and_all_others_with_their_own_mean():
    found = shrunken_spend(patterns(*[[10.0, 12.0, 11.0]] * 500, [1e9, 1.1e9]), "no fit")
    assert "spend varies too much" in found.unknown_interval
    spent = expected_spend(found, np.array([3.0, 2.0]), np.array([33.0, 2.1e9]))
    assert spent[1] == pytest.approx(1.05e9, rel=0.01)
    note = f"shrunken mean: no fit; clv has no interval: {found.unknown_interval}"
    assert found.quality("fitted")[0] == ("spend_model", None, note)


@pytest.mark.parametrize(
    ("customers", "are_the_same"),
    [
        ([[9.99], [9.99, 9.99]] * 20, True),
        ([[9.99, 9.99, 10.0], [10.0, 10.0]] * 20, True),
        ([[10.0, 12.0]] * 40, False),
        ([[10.0]] * 20 + [[12.0]] * 20, False),
        ([[5.0, 15.0]] * 40, False),
    ],
    ids=["one price", "to the cent", "after a price rise", "a price of their own", "equal means"],
)
def test_spend_is_the_same_if_no_day_differs_by_more_than_rounding(customers, are_the_same):
    found = shrunken_spend(patterns(*customers), "no fit")
    assert found.is_the_same == are_the_same
    same = f"all customers spend the same on a purchase day, {found.mean:.2f}"
    assert found.reason == (same if are_the_same else "shrunken mean: no fit")
    if are_the_same:
        assert found.unknown_interval is None
        assert list(expected_spend(found, np.array([0.0, 5.0]), np.array([0.0, 49.95]))) == pytest.approx(
            [9.99] * 2, 1e-3
        )


def test_gamma_gamma_is_a_shrunken_mean():
    gamma_gamma = SpendParameters(2.5, 4.0, 30.0)
    mean, between = gamma_gamma.population_mean, 1 / (gamma_gamma.q - 2)
    same = replace(
        shrunken_spend(HACHEMEISTER, ""), mean=mean, day_variation=1 / gamma_gamma.p, customer_variation=between
    )
    x, revenue = np.arange(6.0), np.array([0, 9.0, 70, 31, 22, 300])
    assert list(expected_spend(same, x, revenue)) == pytest.approx(list(expected_spend(gamma_gamma, x, revenue)))
    assert list(same.mean_shape(x)) == pytest.approx(list(gamma_gamma.mean_shape(x)))


@given(
    st.lists(st.lists(st.floats(0.01, 1e12), min_size=1, max_size=6), min_size=1, max_size=12),
    st.floats(0.001, 1000),
)
def test_an_expectation_lies_between_the_least_and_the_most_and_knows_no_currency(customers, rate):
    rows = patterns(*customers)
    found, other = shrunken_spend(rows, ""), shrunken_spend(patterns(*[[rate * d for d in c] for c in customers]), "")
    frequency, revenue = rows["frequency"].to_numpy(float), rows["frequency"] * rows["mean_repeat_value"]
    expected = expected_spend(found, frequency, revenue.to_numpy(float))
    least, most = min(map(min, customers)), max(map(max, customers))
    assert ((expected >= least * (1 - 1e-9)) & (expected <= most * (1 + 1e-9))).all()
    assert min(found.day_variation, found.customer_variation) >= 0
    assert other.mean == pytest.approx(rate * found.mean, rel=1e-6)
