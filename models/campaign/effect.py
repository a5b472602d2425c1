"""campaign_effect: every comparison of a campaign's arms, with its interval, its verdict and what it earned."""

from typing import Any

import numpy as np
import pandas as pd

from models.campaign.comparison import BEFORE, Comparisons, at, expected_buyers, find_comparisons
from models.campaign.difference import COVERAGE, MeanDifference, rate_difference
from models.campaign.many_looks import LEVEL, always_valid, holm
from models.campaign.margin import COSTED, covered, is_margin_known
from models.campaign.moments import LEAST_CONTROLS, LEAST_EXPLAINED, Moments, Slopes, arms
from models.campaign.randomisation import CONTROL, UNKNOWN, randomisations
from models.campaign.shrunken import RAW_WIDTH, shrunken
from models.campaign.verdict import MIN_BUYERS, Evidence, verdict
from models.types import Floats, Indices

_MARGIN, _REVENUE, _BUYERS = "margin_per_customer", "revenue_per_customer", "buyer_rate"

# A campaign without an end is looked at every night: its interval is narrowest with so many control buyers.
_BUYERS_AT_END = 250

_TYPES = {
    "campaign_id": "string",
    "metric": "string",
    "segment": "string",
    "arm": "string",
    "compared_with": "string",
    "segment_family": "string",
    "is_primary": "bool",
    "treated_customers": "int64",
    "control_customers": "int64",
    "uncompared_customers": "int64",
    "pending_customers": "int64",
    "control_buyers": "int64",
    "expected_control_buyers": "float64",
    "treated_mean": "float64",
    "control_mean": "float64",
    "effect": "float64",
    "change": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "explained_share": "float64",
    "is_adjusted": "bool",
    "running_low": "float64",
    "running_high": "float64",
    "shrunken_effect": "float64",
    "shrunken_low": "float64",
    "shrunken_high": "float64",
    "window_days": "int64",
    "is_complete": "bool",
    "method": "string",
    "size_p_value": "float64",
    "balance_p_value": "float64",
    "costed_share": "float64",
    "cost_amount": "float64",
    "break_even_effect": "float64",
    "incremental_profit": "float64",
    "roi": "float64",
    "roi_low": "float64",
    "roi_high": "float64",
    "delivered_share": "float64",
    "effect_per_delivered": "float64",
    "effect_per_delivered_low": "float64",
    "effect_per_delivered_high": "float64",
    "top_share": "float64",
    "control_code_customers": "Int64",
    "campaigns_at_once": "Int64",
    "verdict": "string",
}

_BY_ARM = ["customers", "delivered_customers", "code_customers", "top_revenue", "top_margin", "campaigns_at_once"]


def campaign_effects(outcomes: pd.DataFrame, by_arm: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per campaign, metric, segment and pair of arms: what the campaign caused, and whether that can be known.

    With a control arm (method `randomised`) effect = treated mean - control mean, each stratum for itself (who were
    assigned with the same share of control), weighed by treated customers; where the pre-period explains 2 % of the
    variance and control has 100 customers, of values adjusted for it. Without one (`before_after`) it is the treated in
    the window less the same customers in as many days right before. That has season and all else in it, so it is a
    `change` and no effect: it has no interval, profit or ROI, and is known only once the campaign is over and if the
    data reach back.

    One row a pair of arms is primary and has a verdict: of everyone, and of each segment, by the campaign's one metric.
    It goes by the interval; in segments, and where there are several offers, by one that Holm's procedure has made as
    wide as their number asks for; of a campaign without an end by one that holds however often it is looked at.

    incremental_profit = effect on margin x treated customers, and roi = effect / break_even_effect - 1, where
    break_even_effect = cost_amount / everybody treated. They stand in rows of margin_per_customer for everyone only, so
    that nobody adds them up; NaN where margin or cost is unknown or the assignment is damaged.

    Args:
        outcomes: campaign_outcome: exact sums per campaign_id, metric, segment, arm and stratum.
        by_arm: Per campaign_id and arm, what else is known (the columns of _BY_ARM), of everyone.

    Returns:
        campaign_effect, in order of campaign_id, metric and segment: means and effects per customer, in the metric's
        unit (share, orders or currency); NaN where unknown.
    """
    if outcomes.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _TYPES.items()})
    outcomes = _told_apart(outcomes).reset_index(drop=True)
    found = find_comparisons(outcomes)
    table = _described(outcomes, found)
    difference = _give_differences(table, outcomes, found)
    _give_running(table, difference)
    _give_shrunken(table)
    _give_profit(table)
    _give_details(table, by_arm)
    table["verdict"] = _verdicts(table, difference)
    return table[list(_TYPES)].astype(_TYPES)


def _told_apart(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Without families of one segment, which is everyone: before segments were recorded all are in the unknown one."""
    segments = outcomes.groupby(["campaign_id", "segment_family"])["segment"].transform("nunique")
    return outcomes[(outcomes["segment"] == "all") | (segments > 1)]


def _described(outcomes: pd.DataFrame, found: Comparisons) -> pd.DataFrame:
    """What is known of each comparison but for its effect."""
    table = pd.DataFrame([row._asdict() for row in found.rows]).rename(columns={"family": "segment_family"})
    t, c = found.treated, found.control
    both = (at(outcomes["customers"], t) > 0) & (at(outcomes["customers"], c) > 0)
    is_before = (table["compared_with"] == BEFORE).to_numpy()
    compared = both | is_before[:, None]
    customers = at(outcomes["customers"], t)
    table["method"] = np.where(is_before, "before_after", "randomised")
    table["treated_customers"] = np.where(compared, customers, 0).sum(axis=1)
    table["uncompared_customers"] = np.where(compared, 0, customers).sum(axis=1)
    table["control_customers"] = np.where(both, at(outcomes["customers"], c), 0).sum(axis=1)
    table["control_buyers"] = np.where(both, at(outcomes["buyers"], c), 0).sum(axis=1)
    table["pending_customers"] = (at(outcomes["pending_customers"], t) + at(outcomes["pending_customers"], c)).sum(1)
    table["expected_control_buyers"] = expected_buyers(outcomes, t, c, both)
    campaigns = _campaigns(outcomes)
    columns = ["is_complete", "is_endless", "window_days", "cost_amount", "break_even_effect", "primary_metric"]
    for column in (*columns, "is_damaged", "size_p_value", "balance_p_value"):
        table[column] = table["campaign_id"].map(campaigns[column])
    table["is_primary"] = table["metric"] == table["primary_metric"]
    return table


def _campaigns(outcomes: pd.DataFrame) -> pd.DataFrame:
    """By campaign, what holds for all of its comparisons."""
    everyone = outcomes[(outcomes["segment"] == "all") & (outcomes["metric"] == _REVENUE)]
    drawn = randomisations(outcomes)
    rows = {}
    for campaign_id, arms_ in everyone.groupby("campaign_id", sort=True):
        treated = arms_[arms_["arm"] != CONTROL]
        assigned = float((treated["customers"] + treated["pending_customers"]).sum())
        cost = float(arms_["cost_amount"].astype(float).iloc[0])
        is_endless = not arms_["has_end"].iloc[0]
        has_some = bool((arms_.groupby("arm")["customers"].sum() > 0).all())
        named = arms_["primary_metric"].iloc[0]
        before, uncosted = (arms_[name].astype(float).sum() for name in ("pre_revenue", "pre_uncosted_revenue"))
        is_costed = before > 0 and covered(before, uncosted) >= COSTED
        is_by_margin = is_costed if pd.isna(named) else named == "margin"
        size_p_value, balance_p_value, is_damaged = drawn.get(str(campaign_id), UNKNOWN)
        rows[campaign_id] = {
            "is_complete": bool(arms_["is_over"].all()) or (is_endless and has_some),
            "is_endless": is_endless,
            "window_days": int(arms_["window_days"].max()),
            "cost_amount": cost,
            "break_even_effect": cost / assigned if assigned else np.nan,
            "primary_metric": _MARGIN if is_by_margin else _REVENUE,
            "size_p_value": size_p_value,
            "balance_p_value": balance_p_value,
            "is_damaged": is_damaged,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _give_differences(table: pd.DataFrame, outcomes: pd.DataFrame, found: Comparisons) -> MeanDifference:
    """Means, effect and interval of each comparison, and of what share of revenue the cost is known."""
    t, c = found.treated, found.control
    moments = Moments.of(outcomes)
    set_count = int(found.sets.max()) + 1
    slopes = Slopes.of(moments, found.sets, set_count)
    sets = table["group_set"].to_numpy()
    is_rate, is_before = ((table[k] == v).to_numpy() for k, v in (("metric", _BUYERS), ("method", "before_after")))
    table["explained_share"] = np.where(is_rate | is_before, np.nan, slopes.explained[sets])
    fit_for = (table["explained_share"] >= LEAST_EXPLAINED) & (table["control_customers"] >= LEAST_CONTROLS)
    table["is_adjusted"] = fit_for
    is_adjusted = np.zeros(set_count, bool)
    is_adjusted[sets[fit_for.to_numpy()]] = True
    difference, plain = (
        MeanDifference(arms(moments, by_row, t), arms(moments, by_row, c))
        for by_row in (slopes.coefficients(is_adjusted)[found.sets], np.tile([1.0, 0.0, 0.0], (len(moments.n), 1)))
    )
    low, high = difference.interval()
    effect = difference.effect
    rate = rate_difference(
        at(outcomes["buyers"], t),
        at(outcomes["customers"], t),
        at(outcomes["buyers"], c),
        at(outcomes["customers"], c),
        plain.weights,
    )
    both = zip(rate, (effect, low, high), strict=True)
    effect, low, high = (np.where(is_rate, of_rate, of_mean) for of_rate, of_mean in both)
    costed = _costed(outcomes, t, c)
    is_known = (table["metric"] != _MARGIN).to_numpy() | costed["is_known"]
    table["costed_share"] = np.where(table["metric"] == _MARGIN, costed["share"], np.nan)
    table["treated_mean"], table["control_mean"] = (np.where(is_known, _pooled(plain, side), np.nan) for side in (0, 1))
    enough = is_rate | (table["expected_control_buyers"] >= MIN_BUYERS).to_numpy()
    shown = is_known & enough & ~table["is_damaged"].to_numpy(bool) & ~is_before
    change = np.where(is_known & table["is_complete"].to_numpy(bool), _change(outcomes, t), np.nan)
    table["effect"], table["change"] = np.where(shown, effect, np.nan), np.where(is_before, change, np.nan)
    table["ci_low"], table["ci_high"] = (np.where(shown, end, np.nan) for end in (low, high))
    return difference


def _pooled(difference: MeanDifference, side: int) -> Floats:
    """Mean of an arm, its strata weighed as in the difference; without one, of all its customers."""
    arm = (difference.treated, difference.control)[side]
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = (arm.n * arm.level).sum(axis=1) / arm.n.sum(axis=1)
    weighed = np.where(difference.weights > 0, difference.weights * arm.level, 0).sum(axis=1)
    return np.asarray(np.where(np.isnan(difference.weights).all(axis=1), plain, weighed))


def _change(outcomes: pd.DataFrame, t: Indices) -> Floats:
    """What customers' values in the window are above those right before it, in the mean; NaN where one is unknown."""
    values = [outcomes[name].astype(float).to_numpy() for name in ("sum_v", "before_sum", "customers")]
    during, before, customers = (np.where(t >= 0, column[t], 0.0).sum(axis=1) for column in values)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((during - before) / customers)


def _costed(outcomes: pd.DataFrame, t: Indices, c: Indices) -> dict[str, Any]:
    """Of both arms the share of revenue whose cost is known, and whether margin counts as known."""
    sums = [[at(outcomes[name], places).sum(axis=1) for places in (t, c)] for name in ("revenue", "uncosted_revenue")]
    (revenue_t, revenue_c), (uncosted_t, uncosted_c) = sums
    share = covered(revenue_t + revenue_c, uncosted_t + uncosted_c)
    return {"share": share, "is_known": is_margin_known(revenue_t, revenue_c, uncosted_t, uncosted_c)}


def _give_running(table: pd.DataFrame, difference: MeanDifference) -> None:
    """An interval that holds on all days together, while windows are open."""
    error = difference.standard_error()
    done = (table["treated_customers"] + table["control_customers"]).to_numpy(float)
    pending = table["pending_customers"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_end = np.where(
            table["is_endless"], table["expected_control_buyers"] / _BUYERS_AT_END, done / (done + pending)
        )
    shown = (pending > 0) & table["ci_low"].notna().to_numpy() & (table["metric"] != _BUYERS).to_numpy()
    ends = [
        always_valid(effect, e**2, e**2 * share) if is_shown else (np.nan, np.nan)
        for effect, e, share, is_shown in zip(table["effect"], error, to_end, shown, strict=True)
    ]
    table[["running_low", "running_high"]] = np.array(ends, float).reshape(len(table), 2)


def _give_shrunken(table: pd.DataFrame) -> None:
    """Effects to rank by, of complete primary rows: segments among their family, whole campaigns among each other."""
    for column in ("shrunken_effect", "shrunken_low", "shrunken_high"):
        table[column] = np.nan
    usable = table["is_complete"].astype(bool) & table["ci_low"].notna() & table["is_primary"]
    rows = table[usable & (table["compared_with"] == CONTROL)]
    within = rows["campaign_id"] + "\0" + rows["segment_family"] + "\0" + rows["arm"]
    keys = [rows["metric"], within.where(rows["segment"] != "all", "")]
    for _, unit in rows.groupby(keys):
        error = (unit["ci_high"] - unit["ci_low"]) / (2 * RAW_WIDTH)
        found = shrunken(unit["effect"].to_numpy(float), error.to_numpy(float))
        table.loc[unit.index, ["shrunken_effect", "shrunken_low", "shrunken_high"]] = np.column_stack(found)


def _give_profit(table: pd.DataFrame) -> None:
    """Profit and ROI, in rows of margin for everyone, once no window is open that the cost belongs to."""
    is_margin = (table["metric"] == _MARGIN) & (table["segment"] == "all") & (table["compared_with"] == CONTROL)
    is_done = table["is_complete"].astype(bool) & (table["is_endless"].astype(bool) | (table["pending_customers"] == 0))
    pays_by_it = (table["metric"] == _MARGIN) & (table["compared_with"] == CONTROL)
    table["break_even_effect"] = table["break_even_effect"].where(pays_by_it)
    effect = table["effect"].where(is_margin & is_done)
    table["incremental_profit"] = effect * table["treated_customers"]
    break_even = table["break_even_effect"].where(table["break_even_effect"] > 0)
    for column, of in (("roi", "effect"), ("roi_low", "ci_low"), ("roi_high", "ci_high")):
        table[column] = table[of].where(is_margin & is_done) / break_even - 1


def _give_details(table: pd.DataFrame, by_arm: pd.DataFrame | None) -> None:
    """How many got the message, the effect on them, and what may lie behind an effect; of everyone alone.

    effect_per_delivered = effect / (share delivered of the treated less that of control): the effect on those whom the
    assignment made get it (Imbens and Angrist 1994). top_share is the part of the effect that the hundredth of each arm
    with the largest values makes; NaN where the interval has 0 in it.
    """
    known = pd.DataFrame(columns=["campaign_id", "arm", *_BY_ARM]) if by_arm is None else by_arm
    known = known.set_index(["campaign_id", "arm"])[_BY_ARM].astype(float)
    sides = [
        known.reindex(pd.MultiIndex.from_frame(table[["campaign_id", arm]])).reset_index(drop=True)
        for arm in ("arm", "compared_with")
    ]
    for side in sides:
        side.loc[table["segment"] != "all"] = np.nan
    treated, control = sides
    delivered = [side["delivered_customers"] / side["customers"] for side in (treated, control)]
    more = (delivered[0] - delivered[1]).where(lambda share: share > 0)
    table["delivered_share"] = delivered[0]
    for column, of in (("", "effect"), ("_low", "ci_low"), ("_high", "ci_high")):
        table[f"effect_per_delivered{column}"] = table[of] / more
    is_shown = (table["ci_low"] > 0) | (table["ci_high"] < 0)
    raw = (table["treated_mean"] - table["control_mean"]).where(is_shown)
    tops = [
        side["top_margin"].where(table["metric"] == _MARGIN, side["top_revenue"]) / side["customers"]
        for side in (treated, control)
    ]
    table["top_share"] = ((tops[0] - tops[1]) / raw).where(table["metric"].isin([_MARGIN, _REVENUE]))
    table["control_code_customers"] = control["code_customers"]
    table["campaigns_at_once"] = treated["campaigns_at_once"]


def _verdicts(table: pd.DataFrame, difference: MeanDifference) -> pd.Series:
    """One a primary row, else None."""
    low, high = _judged_ends(table, difference)
    words: list[str | None] = []
    for row, low_end, high_end in zip(table.to_dict("records"), low, high, strict=True):
        is_running = not row["is_complete"]
        if not row["is_primary"]:
            words.append(None)
        elif row["method"] == "before_after" and not row["is_damaged"]:
            words.append("running" if is_running else "before and after only: no evidence of an effect")
        else:
            words.append(
                verdict(
                    Evidence(
                        bool(row["is_damaged"]),
                        is_running,
                        row["expected_control_buyers"],
                        low_end,
                        high_end,
                        row["break_even_effect"],
                    )
                )
            )
    return pd.Series(words, index=table.index, dtype=object)


def _judged_ends(table: pd.DataFrame, difference: MeanDifference) -> tuple[Floats, Floats]:
    """The interval that each verdict goes by."""
    low, high = (table[name].to_numpy(float).copy() for name in ("ci_low", "ci_high"))
    is_looked_at = (table["is_endless"].astype(bool) & table["running_low"].notna()).to_numpy()
    low[is_looked_at], high[is_looked_at] = table["running_low"][is_looked_at], table["running_high"][is_looked_at]
    coverage = _coverages(table, difference.p_value())
    rows = np.flatnonzero((coverage > COVERAGE) & table["ci_low"].notna().to_numpy() & ~is_looked_at)
    if len(rows):
        low[rows], high[rows] = difference.take(rows).interval(coverage[rows])
    return low, high


def _coverages(table: pd.DataFrame, p_values: Floats) -> Floats:
    """How wide each primary row's interval has to be, as Holm's steps ask for: COVERAGE where nothing else is judged.

    Where the family's smallest p-values are beyond chance, each has the level of its step; all others that at which
    the steps ended.
    """
    coverage = np.full(len(table), COVERAGE)
    judged = table[table["is_primary"].to_numpy(bool) & table["ci_low"].notna().to_numpy()]
    family_of_arm = judged["segment_family"] + "\0" + judged["arm"] + "\0" + judged["compared_with"]
    families = judged["segment_family"].where(judged["segment"] == "all", family_of_arm)
    for _, family in judged.groupby([judged["campaign_id"], families]):
        p = p_values[family.index]
        found = holm(p) < LEVEL
        steps = np.arange(len(p), 0, -1)
        levels = np.full(len(p), LEVEL / max(len(p) - int(found.sum()), 1))
        order = np.argsort(p, kind="stable")
        ranked = np.empty(len(p))
        ranked[order] = LEVEL / steps
        coverage[family.index] = 1 - np.where(found, ranked, levels)
    return coverage
