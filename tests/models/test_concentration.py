"""Concentration: Pareto shares and Gini, by hand and against their definitions."""

import numpy as np
import pytest

from models.concentration import concentration


def of(*amounts: int):
    return concentration(np.array(amounts, np.int64), np.ones(len(amounts), np.int64))


def test_all_alike_are_not_concentrated() -> None:
    found = concentration(np.array([500]), np.array([200]))
    assert (found.unit_count, found.gini) == (200, 0.0)
    assert found.top_shares == (0.01, 0.05, 0.1, 0.2)


def test_one_of_ten_has_nearly_all() -> None:
    found = of(*[1] * 9, 991)
    assert found.top_shares == (None, None, 0.991, 0.992)
    assert found.gini == pytest.approx((9 * 991 - 9) / (10 * 1000))


def test_a_part_of_a_unit_counts_as_one() -> None:
    assert of(*[1] * 10, 90).top_shares[2] == pytest.approx(0.91)  # 10 % of 11 are two


def test_nobody_is_no_figure() -> None:
    found = of()
    assert (found.unit_count, found.gini, set(found.top_shares)) == (0, None, {None})


def test_gini_is_half_the_mean_difference_over_the_mean_however_rows_are_grouped() -> None:
    amounts = np.random.default_rng(3).integers(1, 40, 150)
    differences = np.abs(amounts[:, None] - amounts[None, :]).mean()
    values, counts = np.unique(amounts, return_counts=True)
    found = concentration(values, counts)
    assert found.gini == pytest.approx(differences / (2 * amounts.mean()), abs=1e-6)
    assert found == of(*amounts.tolist())
    assert found.top_shares[3] == pytest.approx(np.sort(amounts)[-30:].sum() / amounts.sum(), abs=1e-6)
