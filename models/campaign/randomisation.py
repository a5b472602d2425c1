"""Whether a campaign's arms were drawn at random and came whole: else what they differ in may be no effect.

Source: Fabijan and others 2019, Diagnosing sample ratio mismatch (observed against expected sizes of the arms). The
deviations of all strata are added up with their signs, as a fault takes from the same arm in each of them.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from models.campaign.difference import MeanDifference, pearson_tails
from models.campaign.moments import Moments, arms
from models.types import Floats

CONTROL = "control"

# P-values below which an assignment counts as damaged. The balance of the arms is judged beside their sizes where these
# are known, and by itself where not.
_SIZES, _BALANCE_BESIDE, _BALANCE_ALONE = 1e-3, 1e-4, 1e-3


class Randomisation(NamedTuple):
    """What is known of a campaign's assignment.

    Attributes:
        size_p_value: P of a control arm as far from its expected size; NaN where the share was not given.
        balance_p_value: P of arms as unlike as they were in orders of the pre-period; NaN where nobody ordered.
        is_damaged: Whether that is beyond chance.
    """

    size_p_value: float
    balance_p_value: float
    is_damaged: bool


UNKNOWN = Randomisation(np.nan, np.nan, False)


def randomisations(outcomes: pd.DataFrame) -> dict[str, Randomisation]:
    """What is known of each campaign's assignment, from campaign_outcome."""
    everyone = outcomes[(outcomes["metric"] == "orders_per_customer") & (outcomes["segment"] == "all")]
    everyone = everyone.reset_index(drop=True)
    if everyone.empty:
        return {}
    moments = Moments.of(everyone)
    found = {}
    for campaign_id, rows in everyone.groupby("campaign_id", sort=True):
        sizes = size_p_value(rows)
        balance = _balance_p_value(rows, moments)
        is_damaged = sizes < _SIZES or balance < (_BALANCE_ALONE if np.isnan(sizes) else _BALANCE_BESIDE)
        found[str(campaign_id)] = Randomisation(sizes, balance, bool(is_damaged))
    return found


def size_p_value(rows: pd.DataFrame) -> float:
    """P of a control arm that is as far from its expected size, one campaign.

    Args:
        rows: arm, stratum, control_share, customers and pending_customers: who was assigned counts from the first day.

    Returns:
        Two-sided p of the sum over strata of observed less expected control customers, one degree of freedom, with the
        skewness of binomials and a correction for continuity; NaN where no stratum's share is known.
    """
    known = rows[(rows["control_share"] > 0) & (rows["control_share"] < 1)]
    assigned = known["customers"] + known["pending_customers"]
    share = known["control_share"].astype(float)
    observed = float(assigned[known["arm"] == CONTROL].sum())
    expected, variance = float((assigned * share).sum()), float((assigned * share * (1 - share)).sum())
    if variance == 0:
        return np.nan
    skewness = float((assigned * share * (1 - share) * (1 - 2 * share)).sum()) / variance**1.5
    distance = observed - expected
    nearer = np.sign(distance) * max(abs(distance) - 0.5, 0.0)
    below, above = pearson_tails(np.array([nearer / np.sqrt(variance)]), np.array([skewness]))
    return float(min(1.0, 2 * min(below[0], above[0])))


def _balance_p_value(rows: pd.DataFrame, moments: Moments) -> float:
    """The smallest p over the offers of a test that an arm ordered as often as control before, times their number."""
    strata = {stratum: place for place, stratum in enumerate(sorted(rows["stratum"].unique()))}
    offers = sorted(set(rows["arm"]) - {CONTROL})
    if CONTROL not in set(rows["arm"]) or not offers:
        return np.nan
    places = np.full((len(offers) + 1, len(strata)), -1)
    for index, arm, stratum in zip(rows.index, rows["arm"], rows["stratum"], strict=True):
        places[len(offers) if arm == CONTROL else offers.index(arm), strata[stratum]] = index
    before: Floats = np.tile([0.0, 1.0, 0.0], (len(moments.n), 1))
    control = np.repeat(places[-1:], len(offers), axis=0)
    p_values = MeanDifference(arms(moments, before, places[:-1], 1), arms(moments, before, control, 1)).p_value()
    known = p_values[~np.isnan(p_values)]
    return float(min(known.min() * len(known), 1.0)) if len(known) else np.nan
