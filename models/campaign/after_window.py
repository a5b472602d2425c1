"""campaign_pull_forward: what a campaign took from the time after it, and what is left of its effect."""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd

from models.campaign.comparison import BEFORE, Comparisons, at, expected_buyers, find_comparisons
from models.campaign.difference import MeanDifference
from models.campaign.margin import is_margin_known
from models.campaign.moments import LEAST_CONTROLS, LEAST_EXPLAINED, Moments, Slopes, arms
from models.campaign.randomisation import randomisations
from models.campaign.verdict import MIN_BUYERS
from models.types import Booleans, Floats

WINDOW, AFTER, NET = "window", "after", "net"
_MARGIN = "margin_per_customer"
_KEY = ["campaign_id", "metric", "arm", "compared_with"]
_ENDS = ["effect", "low", "high"]
_TYPES = {
    "campaign_id": "string",
    "metric": "string",
    "arm": "string",
    "compared_with": "string",
    "treated_customers": "int64",
    "control_customers": "int64",
    "pending_customers": "int64",
    "expected_control_buyers": "float64",
    "is_adjusted": "bool",
    **{f"{part}_{end}": "float64" for part in (WINDOW, AFTER, NET) for end in _ENDS},
    "reason": "string",
}


def pulled_forward(sums: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row per campaign, metric (revenue or margin) and pair of arms: sales that a campaign only brought forward.

    Of customers whose window after the window is over, as long as the window: the difference treated less control in
    the window, after it, and in both together (net), each with its own 95 % interval. The net one turns over one test
    on the sums of both windows, as what a customer buys in one tells of the other. All three are adjusted for the
    pre-period alike, so that the first two add up to the third.

    Args:
        sums: campaign_after_outcome: exact sums per campaign_id, metric, part, arm and stratum.
        outcomes: campaign_outcome, from which it is known whether a campaign is over and its arms were drawn at random.

    Returns:
        Effects per customer in currency; NaN with a reason.
    """
    if sums.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _TYPES.items()})
    rows = sums.rename(columns={"part": "segment"}).assign(segment_family="all").reset_index(drop=True)
    for power in (1, 2, 3):
        for letters in combinations_with_replacement("vpt", power):
            if "t" in letters:  # tenure is not adjusted for
                rows[f"sum_{''.join(letters)}"] = 0
    found = find_comparisons(rows)
    table = pd.DataFrame([row._asdict() for row in found.rows])
    t, c = found.treated, found.control
    both = (at(rows["customers"], t) > 0) & (at(rows["customers"], c) > 0)
    table["treated_customers"] = np.where(both, at(rows["customers"], t), 0).sum(axis=1)
    table["control_customers"] = np.where(both, at(rows["customers"], c), 0).sum(axis=1)
    table["pending_customers"] = (at(rows["pending_customers"], t) + at(rows["pending_customers"], c)).sum(axis=1)
    table["expected_control_buyers"] = expected_buyers(rows, t, c, both)
    _give_effects(table, rows, found)
    revenue = (at(rows[name], places).sum(axis=1) for name in ("revenue", "uncosted_revenue") for places in (t, c))
    unknown = (table["metric"] == _MARGIN).to_numpy() & ~np.asarray(is_margin_known(*revenue), bool)
    table["reason"] = _reasons(table, outcomes, unknown)
    return _wide(table)


def _give_effects(table: pd.DataFrame, rows: pd.DataFrame, found: Comparisons) -> None:
    """Effects and intervals of each part; a part is adjusted where that pays for the net one."""
    moments = Moments.of(rows)
    set_count = int(found.sets.max()) + 1
    slopes = Slopes.of(moments, found.sets, set_count)
    table["explained"] = slopes.explained[table["group_set"]]
    pays = (table["explained"] >= LEAST_EXPLAINED) & (table["control_customers"] >= LEAST_CONTROLS)
    net = table["segment"] == NET
    campaigns = table["campaign_id"] + "\0" + table["metric"]
    table["is_adjusted"] = campaigns.isin(campaigns[net & pays])
    is_adjusted = np.zeros(set_count, bool)
    is_adjusted[table.loc[table["is_adjusted"], "group_set"]] = True
    by_row = slopes.coefficients(is_adjusted)[found.sets]
    difference = MeanDifference(arms(moments, by_row, found.treated), arms(moments, by_row, found.control))
    low, high = difference.interval()
    for name, values in zip(_ENDS, (difference.effect, low, high), strict=True):
        table[name] = values


def _reasons(table: pd.DataFrame, outcomes: pd.DataFrame, unknown: Booleans) -> pd.Series:
    """Why a row has no effect: the first that holds, else None."""
    drawn = randomisations(outcomes)
    damaged = [name for name, known in drawn.items() if known.is_damaged]
    ended = outcomes.loc[outcomes["has_end"].astype(bool), "campaign_id"]
    not_over = outcomes.loc[outcomes["has_end"].astype(bool) & ~outcomes["is_over"].astype(bool), "campaign_id"]
    is_open = table["campaign_id"].isin(not_over) | (
        table["campaign_id"].isin(ended) & (table["pending_customers"] > 0)
    )
    few = ~(table["expected_control_buyers"] >= MIN_BUYERS)
    cases: list[tuple[pd.Series | Booleans, str]] = [
        (table["compared_with"] == BEFORE, "no control group"),
        (table["campaign_id"].isin(damaged), "assignment damaged"),
        (is_open, "the window after the window is not over"),
        (table["control_customers"] == 0, "the window after the window is over of nobody in one of the arms"),
        (few, f"under {MIN_BUYERS} buyers expected in control"),
        (unknown, "cost is not known of so much revenue in both arms"),
        (table["low"].isna() | table["high"].isna(), "an arm has fewer than two customers"),
    ]
    reasons = np.full(len(table), None, object)
    for holds, words in reversed(cases):
        reasons[np.asarray(holds, bool)] = words
    return pd.Series(reasons, index=table.index, dtype=object)


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """One row with all parts, and the reason of the first part that has one."""
    parts = {part: table[table["segment"] == part].set_index(_KEY) for part in (WINDOW, AFTER, NET)}
    net = parts[NET]
    wide = net[
        ["treated_customers", "control_customers", "pending_customers", "expected_control_buyers", "is_adjusted"]
    ]
    wide = wide.assign(reason=net["reason"])
    for part in (WINDOW, AFTER):
        wide["reason"] = wide["reason"].where(wide["reason"].notna(), parts[part]["reason"])
    for part, rows in parts.items():
        for end in _ENDS:
            values: Floats = rows[end].reindex(wide.index).to_numpy(float)
            wide[f"{part}_{end}"] = np.where(wide["reason"].isna(), values, np.nan)
    return wide.reset_index()[list(_TYPES)].astype(_TYPES)
