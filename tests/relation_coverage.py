"""How often relations of products hold what they state, in made-up shops: run by hand, as it takes a minute or two.

PYTHONPATH=. .venv/bin/python tests/relation_coverage.py [shops]
Shares of each pair are drawn around what is expected of it (spread: the strength of that prior; None: no relations).
"""

import sys

import numpy as np

from models.product.fit import fit_relations, held_out_gain, refusal, related_pairs

PRODUCTS, CUSTOMERS = 60, 4_000


def shop(seed: int, strength: float | None) -> tuple[float, float, bool]:
    """Pairs listed, those of which the true share lies in the interval, and whether the held-out month refused them."""
    random = np.random.default_rng(seed)
    popular = random.uniform(0.01, 0.2, PRODUCTS)
    before = (random.random((CUSTOMERS, PRODUCTS)) < random.uniform(0.02, 0.2, PRODUCTS)).astype(float)
    share = np.broadcast_to(popular, (PRODUCTS, PRODUCTS)).copy()
    if strength is not None:
        share = random.beta(strength * share, strength * (1 - share))
    # A buyer of several products is of one of them, drawn for each other product: so the share of each pair is known.
    weight = before / np.maximum(before.sum(axis=1, keepdims=True), 1)
    rate = weight @ share + (before.sum(axis=1, keepdims=True) == 0) * popular
    truth = before.T @ rate / before.sum(axis=0)[:, None]
    months = [(random.random(rate.shape) < rate).astype(float) for _ in range(2)]
    fits = fit_relations(before, months[0])
    refused = refusal(held_out_gain(fits, before, months[1]), CUSTOMERS) is not None
    pairs = related_pairs(fits)
    true = truth[pairs["product"].astype(int), pairs["related"].astype(int)]
    return float(len(true)), float(((pairs["low"] <= true) & (true <= pairs["high"])).sum()), refused


if __name__ == "__main__":
    shops = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    for strength in (None, 50.0, 20.0, 5.0):
        found = np.array([shop(seed, strength) for seed in range(shops)])
        pairs, holds, refused = found.sum(axis=0)
        sys.stdout.write(
            f"strength {strength}: refused {refused:.0f} of {shops}; {holds:.0f} of {pairs:.0f} intervals hold"
            f" ({holds / max(pairs, 1):.3f})\n"
        )
