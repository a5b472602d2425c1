"""Whether points are spent or expire otherwise than before."""

import numpy as np
from scipy import stats

from models.types import Floats

RECENT_MONTHS = 4
ALARM = 0.01  # of unchanged ledgers, if months were as their spread says
# Points expire at another age than before if hardly any (1 %) did at that age until a year ago.
RARE, MANY = 0.01, 0.10
EXPIRY_MONTHS, LATELY_MONTHS = 3, 12


def spending_changed(ratios: Floats, freedom_lost: int = 1) -> bool:
    """Whether the last four months' spending differs from what earlier months lead to expect, beyond their spread.

    Args:
        ratios: by calendar month, points spent by points expected from the earlier months alone.
        freedom_lost: parameters of the calendar that the expectation was fitted with.
    """
    before, recent = ratios[:-RECENT_MONTHS], ratios[-RECENT_MONTHS:]
    freedom = len(before) - freedom_lost
    if freedom < 2:
        return False
    spread = np.sqrt(((before - 1) ** 2).sum() / freedom)
    error = spread * np.sqrt(1 / RECENT_MONTHS + 1 / len(before))
    return bool(abs(recent.mean() - 1) > stats.t.ppf(1 - ALARM / 2, freedom) * error)


def expiry_changed(by_month: Floats) -> bool:
    """Whether a tenth of what expired in the last three months did so at ages at which hardly any had a year before.

    Args:
        by_month: points expired, issue month x calendar month.
    """
    months = len(by_month)
    before = _by_age(by_month, range(months - LATELY_MONTHS))
    recent = _by_age(by_month, range(max(months - EXPIRY_MONTHS, 0), months))
    if before.sum() <= 0 or recent.sum() <= 0:
        return False
    rare = before / before.sum() < RARE
    return bool(recent[rare].sum() / recent.sum() > MANY)


def _by_age(cells: Floats, calendar: range) -> Floats:
    """Sums by age in months over some calendar months, of issue month x calendar month."""
    sums = np.zeros(len(cells))
    for month in calendar:
        sums[: month + 1] += cells[month::-1, month] if month else cells[:1, 0]
    return sums
