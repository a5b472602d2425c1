"""Deferred revenue of points by IFRS 15 (B39 to B43; Illustrative Example 52), to the cent."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Liability:
    """What of the revenue that earned a month's points is recognised, and what is owed in goods; in currency."""

    allocated: Decimal
    recognised: Decimal

    @property
    def liability(self) -> Decimal:
        return self.allocated - self.recognised


def allocated_amount(revenue: Decimal, points: Decimal, point_value: Decimal, spent_share: float) -> Decimal:
    """What of the revenue of receipts belongs to the points that they earned, by stand-alone selling prices.

    A point's stand-alone price is its value times the share of points expected to be spent when they were granted.
    """
    price = points * point_value * Decimal(repr(spent_share))
    if revenue <= 0 or price <= 0:
        return Decimal("0.00")
    return (revenue * price / (revenue + price)).quantize(CENT, ROUND_HALF_EVEN)


def recognised_amount(allocated: Decimal, spent: Decimal, to_be_spent: Decimal) -> Decimal:
    """What of it is recognised once so many points are spent and so many still expected to be.

    Where nothing is expected any more, all is recognised: the rest was breakage.
    """
    expected = spent + max(to_be_spent, Decimal(0))
    if expected <= 0 or to_be_spent <= 0:
        return allocated
    return (allocated * spent / expected).quantize(CENT, ROUND_HALF_EVEN)


def liability(allocated: Decimal, spent: Decimal, to_be_spent: Decimal) -> Liability:
    """Of one issue month: recognised and liability are together what was allocated."""
    return Liability(allocated, recognised_amount(allocated, spent, to_be_spent))
