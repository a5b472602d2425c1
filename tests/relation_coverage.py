"""How often intervals of related products hold, in made-up shops: a table of docs/COVERAGE.md.

Run by `make verify`, with the number of shops a row. Shares of each pair are drawn around what is expected of it
(strength: of that prior; None: no relations).
"""

import sys

import numpy as np
from coverage_page import write_measured

from models.product.fit import fit_relations, held_out_gain, refusal, related_pairs

PRODUCTS, CUSTOMERS = 60, 4_000
SEED = 10_000


def shop(seed: int, strength: float | None) -> tuple[int, int, int, bool]:
    """Pairs listed, intervals above and below the true share, and whether the held-out month refused them all."""
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
    return len(true), int((pairs["low"] > true).sum()), int((pairs["high"] < true).sum()), refused


def table(shops: int) -> str:
    """The table as Markdown."""
    lines = [
        f"{shops:,} shops a row, of {PRODUCTS} products and {CUSTOMERS:,} customers, seeds from {SEED:,}.",
        "Pairs are of shops that were not refused.",
        "",
        "| strength of the prior | shops refused | pairs | inside | interval above the truth | below it |",
        "|---|---|---|---|---|---|",
    ]
    for strength in (None, 50.0, 20.0, 5.0):
        found = [shop(seed, strength) for seed in range(SEED, SEED + shops)]
        kept = [row for row in found if not row[3]]
        pairs, above, below = (sum(row[n] for row in kept) for n in range(3))
        shares = [f"{x / pairs:.1%}" for x in (pairs - above - below, above, below)] if pairs else ["-"] * 3
        name = "no relations" if strength is None else f"{strength:g}"
        lines.append(f"| {name} | {shops - len(kept)} | {pairs:,} | {' | '.join(shares)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_measured("relations", [table(int(sys.argv[1]))])
