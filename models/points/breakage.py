"""Breakage: a chain ladder on the points that remain of each issue month, with shocks that months share."""

from dataclasses import dataclass

import numpy as np

from models.points.change import RECENT_MONTHS, expiry_changed, spending_changed
from models.types import Floats

# Fewer months tell nothing of how months differ, and half a month's factor wants two years.
MINIMUM_MONTHS = 12
SEASON_MONTHS = 24
# A month's points are seen through to their end if of the oldest months no more than this is left.
END_SHARE = 0.02
# An issue month younger than this has no rate of its own.
OLD_ENOUGH_MONTHS = 3
DRAWS = 1000
# Months' spread understates how the total varies, since few customers hold much of what is there; simulated ledgers
# (docs/COVERAGE.md) say by how much.
WIDER = 1.3
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Ledger:
    """Points by issue month and complete calendar month, both consecutive, of equal number and the same months.

    Attributes:
        granted: points granted by issue month.
        spent: points spent, issue month x calendar month; 0 before the issue month.
        expired: the same of points that expired.
        corrected: the same of points taken back.
        first_month: month of the year of the first month, 1 to 12.
    """

    granted: Floats
    spent: Floats
    expired: Floats
    corrected: Floats
    first_month: int

    @property
    def remaining(self) -> Floats:
        """Points there at the beginning of each calendar month, or granted in it; issue month x calendar month."""
        gone = np.cumsum(self.spent + self.expired + self.corrected, axis=1)
        before = np.hstack([np.zeros((len(self.granted), 1)), gone[:, :-1]])
        return np.triu(np.maximum(self.granted[:, None] - before, 0))

    @property
    def left(self) -> Floats:
        """Points there at the end of the last month, by issue month."""
        gone = (self.spent + self.expired + self.corrected).sum(axis=1)
        return np.asarray(np.maximum(self.granted - gone, 0))


@dataclass(frozen=True)
class Breakage:
    """What will be spent of the points that are there.

    Attributes:
        to_be_spent: points, by issue month.
        total: their sum; None: unknown.
        total_low, total_high: 95 % interval of the total.
        rates: by issue month, the share of the points granted that will never be spent; NaN: too young, or unknown.
        rate_low, rate_high: 95 % intervals of the rates.
        why_unknown: why the total is unknown; None: it is not.
    """

    to_be_spent: Floats
    total: float | None
    total_low: float | None
    total_high: float | None
    rates: Floats
    rate_low: Floats
    rate_high: Floats
    why_unknown: str | None


def by_age(cells: Floats) -> Floats:
    """Issue month x age in months, of issue month x calendar month."""
    months = len(cells)
    return np.array([np.append(cells[i, i:], np.zeros(i)) for i in range(months)])


def hazard(cells: Floats, remaining: Floats) -> Floats:
    """By age, the share of the points then remaining that go: sums over issue months, as chain ladders weigh them."""
    there = by_age(remaining).sum(axis=0)
    return np.asarray(by_age(cells).sum(axis=0) / np.where(there > 0, there, 1))


def season(ratios: Floats, first_month: int) -> Floats:
    """By month of the year, from January: how much more is spent in it than the ages say; ones below two years."""
    if len(ratios) < SEASON_MONTHS:
        return np.ones(12)
    month = (np.arange(len(ratios)) + first_month - 1) % 12
    means = np.array([ratios[month == m].mean() for m in range(12)])
    within = sum(((ratios[month == m] - means[m]) ** 2).sum() for m in range(12)) / (len(ratios) - 12)
    noise = within * 12 / len(ratios)
    shrunken = max(1 - noise / max(means.var(ddof=1), 1e-12), 0.0)  # James and Stein: without a season, no factors
    return np.asarray(1 + shrunken * (means / means.mean() - 1))


def expected(ledger: Ledger, factors: Floats) -> tuple[Floats, Floats]:
    """Points spent by calendar month as ages and months of the year say, and the hazards by age behind them."""
    months = len(ledger.granted)
    factor = factors[(np.arange(months) + ledger.first_month - 1) % 12]
    hazards = hazard(ledger.spent, ledger.remaining * factor)
    age = np.maximum(np.arange(months)[None, :] - np.arange(months)[:, None], 0)
    return (ledger.remaining * hazards[age]).sum(axis=0) * factor, hazards


def fit(ledger: Ledger) -> tuple[Floats, Floats, Floats]:
    """Hazards by age, factors by month of the year and ratios of spent to expected by calendar month."""
    factors = np.ones(12)
    spent = ledger.spent.sum(axis=0)
    for _ in range(5):  # ages and months of the year are fitted in turn
        plain, hazards = expected(ledger, factors)
        ratios = spent / np.where(plain > 0, plain, 1)
        month = (np.arange(len(spent)) + ledger.first_month - 1) % 12
        factors = season(ratios * factors[month], ledger.first_month)
    plain, hazards = expected(ledger, factors)
    return hazards, factors, spent / np.where(plain > 0, plain, 1)


def why_unknown(ledger: Ledger) -> str | None:
    """Why nothing can be said of what will be spent; None: it can."""
    months = len(ledger.granted)
    if months < MINIMUM_MONTHS:
        return f"a history of {months} complete months is too short, less than {MINIMUM_MONTHS}"
    oldest = slice(0, max(months // 12, 1))
    share = ledger.left[oldest].sum() / max(ledger.granted[oldest].sum(), 1e-9)
    if share > END_SHARE:
        return f"{share:.0%} of the points of the oldest months are still there: nothing tells how they end"
    if expiry_changed(ledger.expired):
        return "points expire at other ages than before"
    return None


def breakage(ledger: Ledger, seed: int = 7) -> Breakage:
    """What will be spent of the points that are there, with a predictive interval."""
    months = len(ledger.granted)
    unknown = np.full(months, np.nan)
    if reason := why_unknown(ledger):
        return Breakage(unknown, None, None, None, unknown, unknown, unknown, reason)
    hazards, factors, ratios = fit(ledger)
    point = _future(ledger, hazards[:, None], factors[:, None], np.ones((months, 1)))[:, 0]
    random = np.random.default_rng(seed)
    drawn = _future(ledger, *_draws(ledger, hazards, factors, ratios, random))
    total_low, total_high = np.quantile(drawn.sum(axis=0), INTERVAL)
    past = ledger.spent.sum(axis=1) + 0.0
    granted = np.where(ledger.granted > 0, ledger.granted, np.nan)
    old_enough = months - np.arange(months) >= OLD_ENOUGH_MONTHS
    rates = np.where(old_enough, 1 - (past + point) / granted, np.nan)
    own = np.sqrt(_dispersion(ledger, hazards, factors, ratios) * point)[:, None] * random.standard_normal(drawn.shape)
    of_month = np.clip(drawn + own, 0, ledger.left[:, None])
    high, low = (
        np.where(old_enough, 1 - (past + np.quantile(of_month, share, axis=1)) / granted, np.nan) for share in INTERVAL
    )
    return Breakage(point, float(point.sum()), float(total_low), float(total_high), rates, low, high, None)


def _draws(
    ledger: Ledger, hazards: Floats, factors: Floats, ratios: Floats, random: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Hazards, factors and shocks of coming months, drawn: a month's shock is shared by all that is spent in it.

    What the past months' shocks did to the estimates is drawn with them (parametric bootstrap); the shocks' variance is
    known as well only as the months behind it allow.
    """
    months = len(ratios)
    month = (np.arange(months) + ledger.first_month - 1) % 12
    has_season = months >= SEASON_MONTHS
    freedom = months - (12 if has_season else 1)
    used = ledger.spent.sum(axis=0) > 0
    variance = ((ratios[used] - 1) ** 2).sum() / freedom
    spread = WIDER * np.sqrt(variance * freedom / random.chisquare(freedom, DRAWS))
    past, coming = (np.exp(spread * random.standard_normal((months, DRAWS)) - spread**2 / 2) for _ in range(2))
    weights = by_age(ledger.remaining * factors[month]).T  # age x issue month
    calendar = np.zeros((months, months))
    for age in range(months):
        calendar[age, age:] = weights[age, : months - age]
    calendar /= np.maximum(calendar.sum(axis=1, keepdims=True), 1e-9)
    of_month = np.ones((12, DRAWS))
    if has_season:
        of_month = np.array([past[month == m].mean(axis=0) for m in range(12)])
        of_month /= of_month.mean(axis=0)
        of_month = 1 + (of_month - 1) * (factors.std() > 0)
    return hazards[:, None] * (calendar @ past), factors[:, None] * of_month, coming


def _dispersion(ledger: Ledger, hazards: Floats, factors: Floats, ratios: Floats) -> float:
    """Variance of what is spent of one issue month, in points spent, beyond the shocks that all months share.

    As of an over-dispersed Poisson chain ladder (Renshaw and Verrall 1998): Pearson's statistic per degree of freedom.
    """
    months = len(ledger.granted)
    age = np.arange(months)[None, :] - np.arange(months)[:, None]
    factor = factors[(np.arange(months) + ledger.first_month - 1) % 12] * ratios
    mean = np.where(age >= 0, ledger.remaining * hazards[np.maximum(age, 0)] * factor, 0)
    some = mean > 0
    freedom = max(int(some.sum()) - 2 * months, 1)
    return float(((ledger.spent - mean)[some] ** 2 / mean[some]).sum() / freedom)


def _future(ledger: Ledger, hazards: Floats, factors: Floats, shocks: Floats) -> Floats:
    """Points spent from now on, issue month x draw: what remains goes on aging until nothing is left or known."""
    months = len(ledger.granted)
    left = np.repeat(ledger.left[:, None], shocks.shape[1], axis=1)
    expires = hazard(ledger.expired, ledger.remaining)
    corrects = hazard(ledger.corrected, ledger.remaining)
    spent = np.zeros_like(left)
    for step in range(months):
        age = months - np.arange(months) + step
        known = age < months
        at = np.where(known, age, 0)
        factor = factors[(months + step + ledger.first_month - 1) % 12] * shocks[step]
        share = np.minimum(hazards[at] * factor, 1 - np.minimum(expires[at] + corrects[at], 1)[:, None])
        share = np.where(known[:, None], share, 0)
        spent += left * share
        left *= 1 - share - np.where(known, np.minimum(expires[at] + corrects[at], 1), 0)[:, None]
        left = np.maximum(left, 0)
    return spent


def has_spending_changed(ledger: Ledger) -> bool:
    """Whether the last four months' spending is other than the months before them lead to expect."""
    months = len(ledger.granted)
    early = months - RECENT_MONTHS
    if early < MINIMUM_MONTHS:
        return False
    spent, expired, corrected = (cells[:early, :early] for cells in (ledger.spent, ledger.expired, ledger.corrected))
    hazards, factors, ratios = fit(Ledger(ledger.granted[:early], spent, expired, corrected, ledger.first_month))
    month = (np.arange(months) + ledger.first_month - 1) % 12
    age = np.maximum(np.arange(months)[None, :] - np.arange(months)[:, None], 0)
    known = age < early
    expects = (ledger.remaining * known * np.append(hazards, np.zeros(months - early))[age]).sum(axis=0) * factors[
        month
    ]
    recent = (ledger.spent * known).sum(axis=0)[early:] / np.maximum(expects[early:], 1e-9)
    has_season = early >= SEASON_MONTHS
    return spending_changed(np.append(ratios, recent), 12 if has_season else 1)
