"""Drift: how far tonight's customers and scores have moved from those that a model learnt from.

The population stability index over bins fixed at training: the sum over bins of (tonight - training) x ln(tonight /
training), shares each (Siddiqi 2006, Credit Risk Scorecards). Integers per bin add up over batches, so memory does not
grow with the number of customers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.types import Floats, Indices, Integers, QualityRow

BINS = 10


MIN_CUSTOMERS = 2_000


WARNING, ALARM = 0.1, 0.25


# A bin that one side lacks counts as holding this share, else the index would be infinite.
LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class Bins:
    """Bins fixed at training: bin k holds values above edges[k - 1] and up to edges[k]; the last bin holds NaN.

    shares: of the training's customers in each bin, len(edges) + 2 of them.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]


def quantile_edges(values: Floats, bins: int) -> tuple[float, ...]:
    """At most bins - 1 values that cut all into bins of almost one size; equal values stay in one bin."""
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return ()
    ranks = np.arange(1, bins) * len(known) // bins
    edges = np.unique(known[ranks])
    return tuple(float(edge) for edge in edges[edges < known[-1]])


def bin_of(edges: tuple[float, ...], values: Floats) -> Indices:
    """The bin of each value, len(edges) + 1 for NaN."""
    number = np.searchsorted(np.asarray(edges, dtype=float), values, side="left")
    return np.where(np.isnan(values), len(edges) + 1, number)


def fixed_bins(values: Floats) -> Bins:
    """Ten bins of almost one size (fewer where values repeat), with the shares of these values in them."""
    edges = quantile_edges(values, BINS)
    counts = np.bincount(bin_of(edges, values), minlength=len(edges) + 2)
    return Bins(edges, tuple(float(share) for share in counts / max(len(values), 1)))


def bin_counts(bins: Bins, values: Floats) -> Integers:
    """How many of the values lie in each bin; of several batches these add up."""
    return np.bincount(bin_of(bins.edges, values), minlength=len(bins.shares)).astype(np.int64)


def stability_index(bins: Bins, counts: Integers) -> float | None:
    """Population stability index of tonight's counts against the training's shares; None for fewer than 2,000."""
    if counts.sum() < MIN_CUSTOMERS:
        return None
    expected = np.maximum(bins.shares, LEAST_SHARE)
    actual = np.maximum(counts / counts.sum(), LEAST_SHARE)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def stability_level(index: float) -> Literal["stable", "warning", "alarm"]:
    """Warning from .1, alarm from .25."""
    if index >= ALARM:
        return "alarm"
    return "warning" if index >= WARNING else "stable"


def drift_rows(
    bins: Mapping[str, Bins], counts: Mapping[str, Integers], customers: str, training: str
) -> list[QualityRow]:
    """(metric, value, note) for model_quality, one row per name of the counts: how far tonight's customers have moved.

    Args:
        bins: of the training, by name.
        counts: of tonight's customers, by name.
        customers: who is counted, in words.
        training: what the bins were made on, in words.
    """
    rows: list[QualityRow] = []
    for name, bin_count in sorted(counts.items()):
        index = stability_index(bins[name], bin_count)
        if index is None:
            rows.append((f"psi_{name}", None, f"{bin_count.sum():,} {customers} tonight; {MIN_CUSTOMERS:,} are needed"))
        else:
            note = f"population stability index of {customers} against {training}"
            rows.append((f"psi_{name}", round(index, 6), f"{stability_level(index)}; {note}"))
    return rows
