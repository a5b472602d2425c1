"""A change of a product of factors, split over the factors: exactly, to the cent, and whatever their order.

Source: Shapley 1953, A value for n-person games; Albrecht, François and Schoors 2002, A Shapley decomposition of carbon
emissions without residuals, Energy Policy 30. Unlike the logarithmic mean Divisia index it takes zeros and losses.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations, pairwise
from math import factorial, prod

CENT = Decimal("0.01")


def shapley_shares(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """What each factor adds to the change of the product, averaged over all orders in which they could have changed.

    Args:
        before: The factors of the earlier value.
        after: Those of the later one, in the same order.

    Returns:
        One share a factor; they add up to prod(after) - prod(before).
    """
    count = len(before)
    shares = []
    for factor in range(count):
        others = [other for other in range(count) if other != factor]
        share = 0.0
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for changed in combinations(others, size):
                rest = prod(after[other] if other in changed else before[other] for other in others)
                share += weight * rest * (after[factor] - before[factor])
        shares.append(share)
    return shares


def change_by_factor(before: Sequence[Decimal | int], after: Sequence[Decimal | int]) -> list[Decimal]:
    """The change of the last level, in cents, split over the factors that lead to it (buyers, orders, revenue: three).

    The factors are the first level, and each level over the one before. A ratio that one side lacks (nobody bought) is
    taken to be as on the other side, so that all of such a change is that of the level which began or ended. Where the
    product of the factors is not the last level (revenue without buyers: returns alone), what is left goes to the last.

    Args:
        before: The levels of the earlier value, as buyers, orders, revenue.
        after: Those of the later one.

    Returns:
        One amount a factor; they add up to the change of the last level exactly.
    """
    old, new = _factors(before), _factors(after)
    filled = [(_either(a, b), _either(b, a)) for a, b in zip(old, new, strict=True)]
    starts, ends = [a for a, _ in filled], [b for _, b in filled]
    amounts = [Decimal(repr(share)).quantize(CENT) for share in shapley_shares(starts, ends)]
    change = Decimal(after[-1]) - Decimal(before[-1])
    is_told = abs(prod(ends) - prod(starts) - float(change)) < float(CENT)
    largest = max(range(len(amounts)), key=lambda n: (abs(amounts[n]), -n))
    amounts[largest if is_told else -1] += change - sum(amounts, Decimal(0))
    return amounts


def _factors(levels: Sequence[Decimal | int]) -> list[float | None]:
    """The first level, then each level over the one before; None over 0, which says nothing."""
    ratios = [float(b) / float(a) if a else None for a, b in pairwise(levels)]
    return [float(levels[0]), *ratios]


def _either(own: float | None, other: float | None) -> float:
    return own if own is not None else other if other is not None else 0.0
