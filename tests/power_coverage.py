"""How many campaigns find the effect that was planned for: a table of docs/COVERAGE.md.

A retailer's customers buy before the campaign, the plan is made of that, and new customers of the same kind are put
into a campaign that has the planned effect. Run by `make verify`, with the number of campaigns a row.
"""

import math
import sys
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from coverage_page import write_measured
from effect_coverage import DENSE, SPARSE

from models.campaign.difference import Arm, MeanDifference, rate_difference
from models.campaign.power import detectable_lift, spread_of
from models.detectable_effect import detectable_difference
from models.types import Floats

Amounts = Callable[[np.random.Generator, int], Floats]

SEED = 20261130
PER_PLAN = 8  # campaigns that follow one plan
SHAPES: dict[str, Amounts] = {
    "lognormal, log-sd 0.6": lambda random, n: random.lognormal(0, 0.6, n),
    "lognormal, log-sd 1.3": lambda random, n: random.lognormal(0, 1.3, n),
    "gamma, shape 0.7": lambda random, n: random.gamma(0.7, 1, n),
    "few prices": lambda random, n: random.choice([1.0, 2.0, 20.0], n, p=[0.6, 0.35, 0.05]),
}


class Power(NamedTuple):
    """Share of campaigns that find the planned effect; of those that find 2.8 standard errors; the mean planned lift.

    `unplanned` is the share of plans without a lift; one plan in four is followed by the formula.
    """

    found: float
    by_formula: float
    lift: float
    unplanned: float


def power(
    campaigns: int,
    buyers: int,
    control_share: float,
    shape: str,
    rate: float = SPARSE,
    is_of_receipts: bool = False,
) -> Power:
    """Campaigns in which `buyers` control customers buy if nothing changes; each customer's purchases are Poisson.

    The treated buy more often by the lift, or have receipts larger by it (`is_of_receipts`).
    """
    random = np.random.default_rng([SEED, buyers, int(100 * control_share)])
    control = round(buyers / (1 - np.exp(-rate)))
    customers = round(control / control_share)
    amounts = SHAPES[shape]
    planned, by_formula, lifts, unplanned = [], [], [], 0
    for number in range(math.ceil(campaigns / PER_PLAN)):
        before = _arm(random, customers, rate, amounts)
        lift = detectable_lift(spread_of(before), customers, control_share)
        error = float(np.std(before)) * (1 / (customers - control) + 1 / control) ** 0.5
        if math.isnan(lift):
            unplanned += 1
            continue
        lifts.append(lift)
        for each, found in ((lift, planned), (2.8 * error / float(np.mean(before)), by_formula)):
            if found is by_formula and (number % 4 or is_of_receipts):
                continue
            often, large = (1.0, 1 + each) if is_of_receipts else (1 + each, 1.0)
            treated = [large * _arm(random, customers - control, rate * often, amounts) for _ in range(PER_PLAN)]
            held = [_arm(random, control, rate, amounts) for _ in range(PER_PLAN)]
            found.extend(MeanDifference(Arm.of(treated), Arm.of(held)).interval()[0] > 0)
    plans = len(lifts) + unplanned
    formula = float(np.mean(by_formula)) if by_formula else math.nan
    return Power(float(np.mean(planned)), formula, float(np.mean(lifts)), unplanned / plans)


def _arm(random: np.random.Generator, customers: int, rate: float, amounts: Amounts) -> Floats:
    orders = random.poisson(rate * customers)
    return np.bincount(random.integers(0, customers, orders), amounts(random, orders), customers)


def rate_power(campaigns: int, buyers: int, control_share: float, base_rate: float) -> float:
    """Share of campaigns that find the planned difference of the share of buyers."""
    random = np.random.default_rng([SEED, buyers, int(100 * control_share), int(1000 * base_rate)])
    control = round(buyers / base_rate)
    treated = round(control / control_share) - control
    found = []
    for _ in range(campaigns):
        before = random.binomial(treated + control, base_rate) / (treated + control)
        difference = detectable_difference(before, treated, control)
        assert difference is not None
        of_treated = random.binomial(treated, min(base_rate + difference, 1)), treated
        counts = (*of_treated, random.binomial(control, base_rate), control)
        _, low, _ = rate_difference(*(np.array([[float(count)]]) for count in counts), np.ones((1, 1)))
        found.append(low[0] > 0)
    return float(np.mean(found))


def money_table(campaigns: int) -> Iterator[str]:
    yield f"**Money**, {campaigns:,} campaigns a row, planned anew for every {PER_PLAN}."
    yield ""
    yield (
        "| purchases a customer | expected control buyers | control | amounts | planned lift | campaigns that find it "
        "| that find 2.8 standard errors |"
    )
    yield "|---|---|---|---|---|---|---|"
    shapes = list(SHAPES)
    cells = [*product((SPARSE,), (50, 100, 250, 1000), (0.1, 0.5), shapes[:2])]
    cells += [*product((SPARSE,), (50, 250), (0.1, 0.5), shapes[2:]), *product((DENSE,), (50,), (0.1, 0.5), shapes[:2])]
    for rate, buyers, share, shape in cells:
        found = power(campaigns, buyers, share, shape, rate)
        assert found.unplanned < 0.05, found
        yield (
            f"| {rate:g} | {buyers} | {share:.0%} | {shape} | {found.lift:.0%} | {found.found:.1%} "
            f"| {found.by_formula:.1%} |"
        )


def receipts_table(campaigns: int) -> Iterator[str]:
    yield f"**Larger receipts** instead of more of them: {campaigns:,} campaigns a row, in which treated customers buy"
    yield "as often and each receipt is larger by the planned lift."
    yield ""
    yield "| expected control buyers | control | amounts | planned lift | campaigns that find it |"
    yield "|---|---|---|---|---|"
    for buyers, share, shape in product((50, 250), (0.1, 0.5), list(SHAPES)[:2]):
        found = power(campaigns, buyers, share, shape, is_of_receipts=True)
        yield f"| {buyers} | {share:.0%} | {shape} | {found.lift:.0%} | {found.found:.1%} |"


def rate_table(campaigns: int) -> Iterator[str]:
    yield f"**Share of buyers**, {campaigns:,} campaigns a row."
    yield ""
    yield "| share that buys | expected control buyers | control | campaigns that find the planned difference |"
    yield "|---|---|---|---|"
    for base_rate, buyers, share in product((0.02, 0.12, 0.5), (50, 250), (0.1, 0.5)):
        yield f"| {base_rate:.0%} | {buyers} | {share:.0%} | {rate_power(campaigns, buyers, share, base_rate):.1%} |"


if __name__ == "__main__":
    count = int(sys.argv[1])
    tables = (money_table(count), receipts_table(max(count // 4, 1)), rate_table(count))
    write_measured("power", ["\n".join(table) for table in tables])
