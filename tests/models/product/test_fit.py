"""Related products: planted relations are found, keen customers make none, and intervals hold."""

import numpy as np
import numpy.typing as npt
import pytest

from models.product.fit import fit_relations, held_out_gain, refusal, related_pairs

Drawn = npt.NDArray[np.float64]


def world(seed: int, spread: float, customers: int = 3_000, products: int = 40) -> tuple[Drawn, Drawn, Drawn, Drawn]:
    """Purchases before and in two months: keen customers buy more of all; pairs differ by a spread of log-odds."""
    random = np.random.default_rng(seed)
    keen = random.gamma(2.0, 0.5, customers)[:, None]
    popular = random.uniform(0.02, 0.2, products)[None, :]
    relation = random.normal(0, spread, (products, products))
    before = (random.random((customers, products)) < np.minimum(keen * popular * 1.5, 0.9)).astype(float)

    def month() -> Drawn:
        rate = keen * popular * np.exp(before @ relation / np.sqrt(1 + before.sum(axis=1, keepdims=True)))
        return (random.random((customers, products)) < np.minimum(rate, 0.9)).astype(float)

    return before, month(), before, month()


@pytest.mark.parametrize("seed", range(4))
def test_planted_relations_show_skill_in_the_month_held_out(seed: int) -> None:
    before, after, next_before, next_after = world(seed, 0.8)
    gains = held_out_gain(fit_relations(before, after), next_before, next_after)
    assert refusal(gains, len(before)) is None


def test_keen_customers_alone_make_no_products_related() -> None:
    refused = 0
    for seed in range(20):
        before, after, next_before, next_after = world(seed, 0.0)
        gains = held_out_gain(fit_relations(before, after), next_before, next_after)
        refused += refusal(gains, len(before)) == "no_skill"
    assert refused >= 17


def test_a_pair_has_its_counts_and_its_measures() -> None:
    before = np.zeros((400, 3))
    after = np.zeros((400, 3))
    before[:100, 0] = before[100:, 2] = 1
    after[:60, 1] = after[100:115, 1] = after[:200, 2] = 1
    pairs = related_pairs(fit_relations(before, after))
    rows = {(int(a), int(b)): i for i, (a, b) in enumerate(zip(pairs["product"], pairs["related"], strict=True))}
    at = rows[(0, 1)]
    found = [float(pairs[name][at]) for name in ("buyers", "both", "support", "confidence", "lift")]
    assert found == pytest.approx([100, 60, 0.15, 0.6, 0.6 / (75 / 400)])
    assert pairs["low"][at] > pairs["expected"][at]
    assert pairs["low"][at] < pairs["probability"][at] < pairs["high"][at]
    assert (0, 0) not in rows


def test_too_few_customers_are_said() -> None:
    assert refusal(None, 0) == refusal({}, 199) == "too_few_customers"
