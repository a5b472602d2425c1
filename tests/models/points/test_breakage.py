"""Breakage by chain ladder on remaining points: small triangles by hand, a short form of tests/points_coverage.py."""

import numpy as np
import pytest
from points_coverage import measured
from simulated_points import simulated_ledger

from models.points.breakage import Ledger, breakage, has_spending_changed, hazard
from models.points.change import expiry_changed


def regular(months: int = 24, expires: int = 3) -> Ledger:
    """100 points a month: a tenth of what remains is spent each month, and what remains after three expires."""
    spent, expired = np.zeros((months, months)), np.zeros((months, months))
    for issue in range(months):
        left = 100.0
        for age in range(min(expires + 1, months - issue)):
            spent[issue, issue + age] = left / 10
            left *= 0.9
            expired[issue, issue + age] = left if age == expires else 0
    return Ledger(np.full(months, 100.0), spent, expired, np.zeros((months, months)), 1)


def test_hazards_are_shares_of_what_remains() -> None:
    ledger = regular()
    assert hazard(ledger.spent, ledger.remaining)[:4] == pytest.approx([0.1] * 4)
    assert hazard(ledger.expired, ledger.remaining)[:4] == pytest.approx([0, 0, 0, 0.9])


def test_a_regular_ledger_is_continued_exactly() -> None:
    found = breakage(regular())
    expected = [90 * (1 - 0.9**3), 81 * (1 - 0.9**2), 72.9 * 0.1]  # newest first
    assert found.to_be_spent[::-1][:3] == pytest.approx(expected)
    assert found.total == pytest.approx(sum(expected))
    assert found.rates[:-2] == pytest.approx(np.full(22, 0.9**4))


def test_young_months_have_no_rate_of_their_own() -> None:
    assert np.isnan(breakage(regular()).rates[-2:]).all()


def test_a_short_history_and_points_without_an_end_have_no_total() -> None:
    assert breakage(regular(11)).why_unknown == "a history of 11 complete months is too short, less than 12"
    endless = regular()
    never = Ledger(endless.granted, endless.spent, 0 * endless.expired, endless.corrected, 1)
    found = breakage(never)
    assert found.total is None and "nothing tells how they end" in str(found.why_unknown)


def test_points_taken_back_are_not_left() -> None:
    ledger = regular()
    corrected = np.zeros((24, 24))
    corrected[23, 23] = 50
    found = breakage(Ledger(ledger.granted, ledger.spent, ledger.expired, corrected, 1))
    assert found.to_be_spent[23] < 50


def test_an_expiry_at_other_ages_is_seen() -> None:
    changed = regular(30, 6)
    assert not expiry_changed(changed.expired)
    expired = changed.expired.copy()
    expired[26, 29] = expired[23, 29]  # points of three months expire beside those of six
    assert expiry_changed(expired)


@pytest.mark.parametrize("kind", ["steady", "december", "shocks"])
def test_the_total_of_simulated_ledgers_is_held(kind: str) -> None:
    found = measured(kind, 20)
    assert found.inside >= 0.8 and found.unknown == 0 and found.spending <= 2
    assert np.median(found.half_widths) <= 0.25
    assert max(found.months_above, found.months_below) <= 0.05 * found.months


def test_planted_changes_are_noticed() -> None:
    assert sum(has_spending_changed(simulated_ledger("spending", seed, 1000).ledger) for seed in range(10)) >= 8
    assert measured("expiry", 10).unknown >= 8
