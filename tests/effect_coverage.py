"""How often a campaign's interval holds the true effect, in simulated campaigns: a table of docs/COVERAGE.md.

Run by `make verify`, with the number of campaigns a row.
"""

import sys
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from coverage_page import write_measured

from models.campaign.difference import MeanDifference
from models.campaign.moments import LEAST_CONTROLS, LEAST_EXPLAINED, Moments, Slopes, arms
from models.types import Floats

CONTROL_BUYERS, TREATED_SHARES, LOG_SDS, LIFTS = (30, 50, 100, 250, 1000), (0.5, 0.8, 0.9), (0.6, 1.3), (0.0, 0.2)
SPARSE = 0.12  # purchases a customer in the window, as of most campaigns
DENSE = 8.0  # as of weekly shoppers in two months
PRE_WINDOWS = 4
SEED = 20261130
_AT_ONCE = 4_000_000  # customers


class Shop(NamedTuple):
    """How customers buy.

    Attributes:
        rate: Purchases a customer in the window, in the mean.
        log_sd: Of the amounts, which are lognormal.
        alike: Shape of the gamma that customers' rates follow; None: all have the same.
    """

    rate: float
    log_sd: float
    alike: float | None = None

    def sizes(self, buyers: float, treated_share: float) -> tuple[int, int]:
        """Treated and control customers, of whom so many are expected to buy in control."""
        never = np.exp(-self.rate) if self.alike is None else (1 + self.rate / self.alike) ** -self.alike
        control = round(buyers / (1 - never))
        return round(control * treated_share / (1 - treated_share)), control

    def drawn(self, random: np.random.Generator, shape: tuple[int, int], lift: float) -> Floats:
        """Campaigns x customers x (value in the window, value in the pre-period, tenure)."""
        size = int(np.prod(shape))
        rates = (
            np.full(size, self.rate) if self.alike is None else random.gamma(self.alike, self.rate / self.alike, size)
        )
        tenure = random.integers(1, 730, size)
        during = self.spend(random, rates * (1 + lift))
        before = during * 0 if self.alike is None else self.spend(random, rates * PRE_WINDOWS)
        return np.stack([during, before, tenure], axis=-1).reshape(*shape, 3)

    def spend(self, random: np.random.Generator, rates: Floats) -> Floats:
        orders = random.poisson(rates)
        owners = np.repeat(np.arange(len(rates)), orders)
        return np.bincount(owners, random.lognormal(0, self.log_sd, len(owners)), len(rates))

    def truth(self, lift: float) -> float:
        return float(self.rate * lift * np.exp(self.log_sd**2 / 2))


def moments_of(customers: Floats) -> Moments:
    """Moments of groups, from groups x customers x 3."""
    n = customers.shape[1]
    mean = customers.mean(axis=1)
    about = customers - mean[:, None, :]
    second = np.einsum("gni,gnj->gij", about, about) / n
    third = np.einsum("gni,gnj,gnk->gijk", about, about, about, optimize=True) / n
    return Moments(np.full(len(customers), float(n)), mean, second, third)


def both(treated: Moments, control: Moments) -> Moments:
    return Moments(*(np.concatenate(pair) for pair in zip(_parts(treated), _parts(control), strict=True)))


def _parts(moments: Moments) -> tuple[Floats, ...]:
    return moments.n, moments.mean, moments.second, moments.third


def differences(
    campaigns: int, shop: Shop, buyers: float, treated_share: float, lift: float, seed: int = SEED
) -> Iterator[tuple[MeanDifference, MeanDifference]]:
    """As published, adjusted where that pays, and of the same campaigns without adjusting."""
    random = np.random.default_rng([seed, round(buyers)])
    n_t, n_c = shop.sizes(buyers, treated_share)
    for count in batches(campaigns, n_t + n_c):
        drawn = (moments_of(shop.drawn(random, (count, n), of)) for n, of in ((n_t, lift), (n_c, 0.0)))
        moments = both(*drawn)
        sets = np.tile(np.arange(count), 2)
        slopes = Slopes.of(moments, sets, count)
        pays = (slopes.explained >= LEAST_EXPLAINED) & (n_c >= LEAST_CONTROLS)
        places = np.arange(count)[:, None]
        yield tuple(
            MeanDifference(arms(moments, by, places), arms(moments, by, places + count))
            for by in (slopes.coefficients(pays)[sets], slopes.coefficients(pays & False)[sets])
        )


def batches(campaigns: int, customers: int) -> Iterator[int]:
    size = max(1, min(campaigns, _AT_ONCE // customers))
    yield from (min(size, campaigns - start) for start in range(0, campaigns, size))


def welch(difference: MeanDifference) -> Floats:
    """Widths of Welch's intervals."""
    t, c = difference.treated, difference.control
    return np.asarray(3.92 * np.sqrt(t.second / t.n + c.second / c.n)[:, 0])


def coverage(
    campaigns: int, shop: Shop, buyers: float, treated_share: float, lift: float, seed: int = SEED
) -> tuple[float, float, float, float]:
    """Shares of campaigns whose interval lies above the truth and below it; its median width by Welch's, unadjusted."""
    truth = shop.truth(lift)
    above, below, by_welch, by_plain = [], [], [], []
    for found, plain in differences(campaigns, shop, buyers, treated_share, lift, seed):
        low, high = found.interval()
        assert np.isfinite(low).all() and np.isfinite(high).all(), "an interval is missing"
        plain_low, plain_high = plain.interval()
        above.append(low > truth)
        below.append(high < truth)
        by_welch.append((high - low) / welch(plain))
        by_plain.append((high - low) / (plain_high - plain_low))
    means = (float(np.mean(np.concatenate(values))) for values in (above, below))
    medians = (float(np.median(np.concatenate(values))) for values in (by_welch, by_plain))
    return (*means, *medians)  # type: ignore[return-value]


def explained(shop: Shop, customers: int = 1_000_000) -> float:
    """Share of the variance that pre-period and tenure explain, of many customers."""
    moments = moments_of(shop.drawn(np.random.default_rng(SEED), (1, customers), 0.0))
    return float(Slopes.of(moments, np.zeros(1, int), 1).explained[0])


def verdicts(campaigns: int, shop: Shop, buyers: float, treated_share: float) -> tuple[float, float, float, float]:
    """Shares of A/A campaigns called `sells less`, `sells more` or `pays`, and `does not pay`; cost is 20 % of spend.

    The last is the share called `pays` of campaigns whose effect lies 3.3 standard errors above that cost.
    """
    spend = shop.truth(1.0)
    null = [found for found, _ in differences(campaigns, shop, buyers, treated_share, 0.0)]
    low, high = (np.concatenate(ends) for ends in zip(*(found.interval() for found in null), strict=True))
    lift = 1.0
    for _ in range(3):  # an effect widens its own standard error
        paying = [found for found, _ in differences(campaigns, shop, buyers, treated_share, lift)]
        error = float(np.std(np.concatenate([found.effect for found in paying])))
        judged, lift = lift, 0.2 + 3.3 * error / spend
    paid = np.concatenate([found.interval()[0] for found in paying]) > 0.2 * spend
    assert abs(judged - lift) < 0.1 * lift, "3.3 standard errors of these campaigns are another effect than theirs"
    return (
        float(np.mean(high < 0)),
        float(np.mean(low > 0)),
        float(np.mean((high >= 0) & (high < 0.2 * spend))),
        float(np.mean(paid)),
    )


def coverage_table(campaigns: int) -> Iterator[str]:
    yield f"**Intervals**, {campaigns:,} campaigns a row, seed {SEED}. A customer's purchases are Poisson, their"
    yield "amounts lognormal; a true lift is one of everybody's rate. None of the intervals is NULL."
    yield ""
    yield (
        "| purchases a customer | expected control buyers | treated | log-sd of amounts | true lift | inside "
        "| interval above the truth | below it | median width, Welch's is 1 |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    sparse = product((SPARSE,), CONTROL_BUYERS, TREATED_SHARES, LOG_SDS, LIFTS)
    for rate, buyers, share, log_sd, lift in (*sparse, *product((DENSE,), (50, 250), TREATED_SHARES, LOG_SDS, LIFTS)):
        above, below, width, _ = coverage(campaigns, Shop(rate, log_sd), buyers, share, lift)
        yield (
            f"| {rate:g} | {buyers:g} | {share:.0%} | {log_sd} | {lift:.0%} | {1 - above - below:.2%} | {above:.2%} | "
            f"{below:.2%} | {width:.2f} |"
        )


def adjusted_table(campaigns: int) -> Iterator[str]:
    yield f"**Adjusted for the pre-period**, {campaigns:,} campaigns a row: customers' rates follow a gamma."
    yield ""
    yield (
        "| purchases a customer | shape of the gamma | expected control buyers | treated | log-sd of amounts "
        "| true lift | inside | interval above the truth | below it | median width, unadjusted is 1 "
        "| √(1 - ρ²) of a million |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for rate, alike, log_sd in ((SPARSE, 0.5, 0.6), (1.0, 0.8, 0.6), (1.0, 0.8, 1.3), (4.0, 1.0, 0.6)):
        shop = Shop(rate, log_sd, alike)
        expected = (1 - explained(shop)) ** 0.5
        for buyers, share, lift in product((100, 250), (0.5, 0.9), LIFTS):
            above, below, _, width = coverage(campaigns, shop, buyers, share, lift)
            yield (
                f"| {rate:g} | {alike:g} | {buyers} | {share:.0%} | {log_sd} | {lift:.0%} | {1 - above - below:.2%} | "
                f"{above:.2%} | {below:.2%} | {width:.3f} | {expected:.3f} |"
            )


def verdict_table(campaigns: int) -> Iterator[str]:
    yield f"**Verdicts** at a cost of 20 % of spend, {campaigns:,} campaigns a row; the last column is of campaigns"
    yield "whose true effect lies 3.3 standard errors above the cost, the others of campaigns without effect."
    yield ""
    yield (
        "| expected control buyers | treated | log-sd of amounts | sells less | sells more or pays | does not pay "
        "| pays where it does |"
    )
    yield "|---|---|---|---|---|---|---|"
    for buyers, share, log_sd in product((30, 100, 250), (0.5, 0.9), LOG_SDS):
        found = " | ".join(f"{value:.2%}" for value in verdicts(campaigns, Shop(SPARSE, log_sd), buyers, share))
        yield f"| {buyers} | {share:.0%} | {log_sd} | {found} |"


if __name__ == "__main__":
    count = int(sys.argv[1])
    tables = (coverage_table(count), adjusted_table(max(count // 2, 1)), verdict_table(count))
    write_measured("effects", ["\n".join(table) for table in tables])
