"""Which arms of which campaigns are compared, and where their sums stand in campaign_outcome."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.campaign.randomisation import CONTROL
from models.types import Booleans, Floats, Indices

# What a campaign without a control group is compared with: the same customers, in as many days right before.
BEFORE = "before"

_KEYS = ["campaign_id", "metric", "segment"]


class Comparison(NamedTuple):
    """Two arms of a campaign, by one metric, in one segment.

    Attributes:
        campaign_id: Campaign.
        metric: Metric.
        segment: Segment, 'all' for everyone.
        family: Segments of a family do not overlap.
        arm: Treated, or an offer.
        compared_with: control, another offer, or BEFORE.
        group_set: Number of the campaign, metric and segment.
    """

    campaign_id: str
    metric: str
    segment: str
    family: str
    arm: str
    compared_with: str
    group_set: int


class Comparisons(NamedTuple):
    """All comparisons, and where their arms stand: comparisons x strata of rows of campaign_outcome; -1: none."""

    rows: list[Comparison]
    treated: npt.NDArray[np.intp]
    control: npt.NDArray[np.intp]
    sets: npt.NDArray[np.intp]


def find_comparisons(outcomes: pd.DataFrame) -> Comparisons:
    """Every offer with control and with each other; without control and another offer, with what was before.

    Args:
        outcomes: campaign_outcome, in any order, with row numbers as index.
    """
    rows: list[Comparison] = []
    places: list[tuple[list[int], list[int]]] = []
    sets = np.zeros(len(outcomes), np.intp)
    columns = {name: outcomes[name].to_numpy() for name in (*_KEYS, "arm", "stratum", "segment_family")}
    for number, indices in enumerate(outcomes.groupby(_KEYS, sort=True).indices.values()):
        sets[indices] = number
        at: dict[str, dict[str, int]] = {}
        for index in indices:
            at.setdefault(columns["arm"][index], {})[columns["stratum"][index]] = int(index)
        strata = sorted({stratum for arm in at.values() for stratum in arm})
        keys = (f"{columns[name][indices[0]]}" for name in (*_KEYS, "segment_family"))
        campaign_id, metric, segment, family = keys
        for arm, other in _pairs(at):
            rows.append(Comparison(campaign_id, metric, segment, family, arm, other, number))
            treated_at, control_at = (
                [at.get(name, {}).get(stratum, -1) for stratum in strata] for name in (arm, other)
            )
            places.append((treated_at, control_at))
    width = max((len(treated) for treated, _ in places), default=0)
    treated, control = (
        np.array([row[side] + [-1] * (width - len(row[side])) for row in places], np.intp).reshape(len(rows), width)
        for side in (0, 1)
    )
    return Comparisons(rows, treated, control, sets)


def at(column: pd.Series, places: Indices) -> Floats:
    """Values of a column at comparisons x strata; 0 where nothing stands there or the value is unknown."""
    values = np.nan_to_num(column.astype(float).to_numpy())
    return np.where(places >= 0, values[places], 0.0)


def expected_buyers(outcomes: pd.DataFrame, t: Indices, c: Indices, both: Booleans) -> Floats:
    """Control customers who buy in the window if they do as both arms did in the windows before it; NaN if unknown."""
    windows, bought = (
        np.where(both, at(outcomes[name], t) + at(outcomes[name], c), 0)
        for name in ("pre_window_count", "pre_bought_window_count")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        overall = (bought.sum(axis=1) / windows.sum(axis=1))[:, None]
        rates = np.where(windows > 0, bought / windows, overall)
    return np.asarray(np.where(both, at(outcomes["customers"], c) * rates, 0).sum(axis=1) + 0 * overall[:, 0])


def _pairs(arms: dict[str, dict[str, int]]) -> Iterator[tuple[str, str]]:
    offers = sorted(set(arms) - {CONTROL})
    if CONTROL in arms:
        yield from ((offer, CONTROL) for offer in offers or ["treated"])
    yield from combinations(offers, 2)
    if CONTROL not in arms and len(offers) == 1:
        yield offers[0], BEFORE
