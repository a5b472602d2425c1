"""all_campaigns_effect: what all campaigns together changed, from the global control group, which none writes to."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from models.campaign.difference import Arm, MeanDifference, rate_difference
from models.campaign.global_control import Month
from models.campaign.margin import is_margin_known
from models.campaign.randomisation import CONTROL
from models.campaign.verdict import MIN_BUYERS, Evidence, verdict
from models.types import Booleans, Floats

CHURN, ORDERS = "churn_rate", "orders_per_customer"
REVENUE, MARGIN = "revenue_per_customer", "margin_per_customer"
METRICS = (CHURN, ORDERS, REVENUE, MARGIN)
ROLLING, MONTH = "12 months", "month"
NO_PROGRAMME_ROI = "neither enrolment nor the offer of points was assigned at random"

_ARMS = ("treated", CONTROL)
_ENDS = ["effect", "ci_low", "ci_high"]
_MEANS = ["treated_mean", "control_mean"]
_TYPES = {
    "period": "string",
    "from_date": "object",
    "to_date": "object",
    "metric": "string",
    "month_count": "int64",
    "draw_count": "int64",
    "treated_customers": "int64",
    "control_customers": "int64",
    "treated_customer_months": "int64",
    "expected_control_buyers": "float64",
    "treated_mean": "float64",
    "control_mean": "float64",
    "effect": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "incremental_amount": "float64",
    "incremental_low": "float64",
    "incremental_high": "float64",
    "method": "string",
    "reason": "string",
    "verdict": "string",
    "programme_roi": "float64",
    "programme_roi_reason": "string",
}


class Told(NamedTuple):
    """What nights tell of the draws of the group.

    Attributes:
        sums: Exact sums per draw_number, arm, metric and month_date (fits/drawn_sum); NULL: all months of the draw.
        arms: Customers per draw_number and arm (fits/drawn_arm).
        months: The months that count, of global_control.
        period: First and last day of the twelve months before the night.
        horizon_days: Of churn.
        without: Why no month counts, where none does.
    """

    sums: pd.DataFrame
    arms: pd.DataFrame
    months: Sequence[Month]
    period: tuple[date, date]
    horizon_days: int
    without: str

    @property
    def draws(self) -> list[int]:
        return sorted({month.draw_number for month in self.months})

    def by_arm(self, column: str) -> list[Floats]:
        """A column of arms, of the treated and of control, by draw; 0 where an arm has nobody."""
        found = {
            (draw, arm): value for draw, arm, value in self.arms[["draw_number", "arm", column]].itertuples(index=False)
        }
        return [np.array([found.get((draw, arm), 0) for draw in self.draws], float) for arm in _ARMS]


def all_campaigns_effects(told: Told) -> pd.DataFrame:
    """One row per period and metric: of the twelve whole months before the night, and of each of them that counts.

    effect = treated mean - control mean, per customer and month. Each draw of the group is a stratum of its own: draws
    are independent, so the variances of their differences add up. Strata count by treated customers times months.
    churn_rate is the share of customers active before the draw who had no order in the last horizon of its months; it
    has no row for a single month. Only the twelve months have a verdict, by margin, or by revenue without a cost.

    Returns:
        all_campaigns_effect: means and effects in the metric's unit (orders, currency, share), NaN with a reason.
    """
    rows = [(ROLLING, *told.period, metric) for metric in METRICS]
    for days in sorted({month[1:] for month in told.months}):
        rows += [(MONTH, *days, metric) for metric in METRICS if metric != CHURN]
    table = pd.DataFrame(rows, columns=["period", "from_date", "to_date", "metric"])
    counted = _months_by_draw(table, told)
    is_churn = (table["metric"] == CHURN).to_numpy()
    _give_sizes(table, told, counted, is_churn)
    _give_means(table, told, counted, ~is_churn)
    _give_churn(table, told, is_churn)
    unknown = _margin_unknown(table, told)
    table["reason"] = _reasons(table, told, unknown)
    table.loc[table["reason"].notna(), _ENDS] = np.nan
    table.loc[unknown, _MEANS] = np.nan
    _give_amounts(table)
    table["method"] = "randomised"
    table["verdict"] = _verdicts(table)
    table["programme_roi"] = np.nan
    table["programme_roi_reason"] = NO_PROGRAMME_ROI
    return table[list(_TYPES)].astype(_TYPES)


def _months_by_draw(table: pd.DataFrame, told: Told) -> Floats:
    """Rows x draws: how many of a draw's months lie in the row's period."""
    counts = [
        [sum(m.draw_number == draw and start <= m.from_date <= end for m in told.months) for draw in told.draws]
        for start, end in zip(table["from_date"], table["to_date"], strict=True)
    ]
    return np.array(counts, float).reshape(len(table), len(told.draws))


def _give_sizes(table: pd.DataFrame, told: Told, counted: Floats, is_churn: Booleans) -> None:
    """Customers of each period's latest draw, treated customers times months, and buyers to expect in control."""
    customers, active, recent = (told.by_arm(f"{kind}") for kind in ("customers", "active_customers", "recent_buyers"))
    latest = np.where(counted > 0, np.arange(counted.shape[1]), -1).max(axis=1, initial=-1)
    for side, name in enumerate(("treated_customers", "control_customers")):
        of_all, of_active = (np.append(values[side], 0.0)[latest] for values in (customers, active))
        table[name] = np.where(is_churn, of_active, of_all)
    table["month_count"], table["draw_count"] = counted.sum(axis=1), (counted > 0).sum(axis=1)
    table["treated_customer_months"] = (counted * customers[0]).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = customers[1] * (recent[0] + recent[1]) / (customers[0] + customers[1])
    fewest = np.where(counted > 0, np.nan_to_num(expected), np.inf).min(axis=1, initial=np.inf)
    table["expected_control_buyers"] = np.where(np.isfinite(fewest), fewest, np.nan)


def _give_means(table: pd.DataFrame, told: Told, counted: Floats, wanted: Booleans) -> None:
    """Differences of means per customer and month, with intervals that a test turned over gives."""
    table[[*_MEANS, *_ENDS]] = np.nan
    if not told.months:
        return
    customers = told.by_arm("customers")
    treated, control = (_arm(table, told, counted, side, customers[side]) for side in (0, 1))
    difference = MeanDifference(treated, control, counted * customers[0])
    low, high = difference.interval()
    means = [np.where(counted > 0, difference.weights * arm.level, 0).sum(axis=1) for arm in (treated, control)]
    values = np.column_stack([*means, difference.effect, low, high])
    table.loc[wanted, [*_MEANS, *_ENDS]] = values[wanted]


def _arm(table: pd.DataFrame, told: Told, counted: Floats, side: int, customers: Floats) -> Arm:
    """One arm of every row, by draw: moments of customers' values a month; who bought nothing has 0."""
    columns = ["draw_number", "arm", "metric", "month_date"]
    exact = {
        (draw, arm, metric, None if pd.isna(month) else month): [np.longdouble(str(value)) for value in sums]
        for (draw, arm, metric, month), sums in zip(
            told.sums[columns].itertuples(index=False, name=None),
            told.sums[["sum_v", "sum_vv", "sum_vvv"]].itertuples(index=False, name=None),
            strict=True,
        )
    }
    sums: Any = np.zeros((3, *counted.shape), np.longdouble)
    for row, (period, start, metric) in enumerate(table[["period", "from_date", "metric"]].itertuples(index=False)):
        for place, draw in enumerate(told.draws):
            key = (draw, _ARMS[side], metric, None if period == ROLLING else start)
            sums[:, row, place] = exact.get(key, [np.longdouble(0)] * 3)
    n = np.where(counted > 0, customers, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, square, cube = (sums[power] / n / counted ** (power + 1) for power in range(3))
        second, third = square - first**2, cube - 3 * first * square + 2 * first**3
    mean, second, third = (np.nan_to_num(values.astype(float)) for values in (first, second, third))
    return Arm(n, mean, np.maximum(second, 0.0), third, mean)


def _give_churn(table: pd.DataFrame, told: Told, wanted: Booleans) -> None:
    """Difference of shares, over the draws that have as many days as the horizon."""
    if not told.months:
        return
    days = [
        sum((month.to_date - month.from_date).days + 1 for month in told.months if month.draw_number == draw)
        for draw in told.draws
    ]
    long_enough = np.array(days) >= told.horizon_days
    active, churned = told.by_arm("active_customers"), told.by_arm("churned_customers")
    compared = long_enough & (active[0] > 0) & (active[1] > 0)
    total = (active[0] * compared).sum()
    if not total:
        return
    weights = (active[0] * compared / total)[None, :]
    of = [np.where(compared, values, 1.0)[None, :] for values in (churned[0], active[0], churned[1], active[1])]
    with np.errstate(divide="ignore", invalid="ignore"):
        means = [np.nansum(weights * of[place] / of[place + 1]) for place in (0, 2)]
    values = [*means, *(float(value[0]) for value in rate_difference(of[0], of[1], of[2], of[3], weights))]
    table.loc[wanted, [*_MEANS, *_ENDS]] = values


def _margin_unknown(table: pd.DataFrame, told: Told) -> Booleans:
    """Rows of margin in whose period cost is known of too little revenue, or not of as much in both arms."""
    is_unknown = (table["metric"] == MARGIN).to_numpy().copy()
    sums = told.sums[told.sums["metric"] == MARGIN]
    for row in np.flatnonzero(is_unknown):
        is_all = table["period"][row] == ROLLING
        within = sums["month_date"].isna() if is_all else sums["month_date"] == table["from_date"][row]
        money = [
            [float(sums.loc[within & (sums["arm"] == arm), name].astype(float).sum()) for arm in _ARMS]
            for name in ("revenue", "uncosted_revenue")
        ]
        is_unknown[row] = not is_margin_known(*money[0], *money[1])
    return np.asarray(is_unknown, bool)


def _reasons(table: pd.DataFrame, told: Told, unknown: Booleans) -> pd.Series:
    """Why a row has no effect: the first that holds, else None."""
    few = ~(table["expected_control_buyers"] >= MIN_BUYERS).to_numpy()
    short = ((table["metric"] == CHURN) & table["effect"].isna()).to_numpy()
    cases = [
        ((table["month_count"] == 0).to_numpy(), told.without),
        (short, f"no draw has months of {told.horizon_days} days, the horizon of churn, and active customers"),
        (few & (table["metric"] != CHURN).to_numpy(), f"under {MIN_BUYERS} buyers expected in control"),
        (unknown, "cost is not known of so much revenue in both arms"),
        (table["ci_low"].isna().to_numpy(), "an arm has fewer than two customers"),
    ]
    found = np.full(len(table), None, object)
    for holds, words in reversed(cases):
        found[holds] = words
    return pd.Series(found, index=table.index, dtype=object)


def _give_amounts(table: pd.DataFrame) -> None:
    """Revenue and margin that the treated brought more, with the interval."""
    is_money = table["metric"].isin([REVENUE, MARGIN])
    for column, of in (
        ("incremental_amount", "effect"),
        ("incremental_low", "ci_low"),
        ("incremental_high", "ci_high"),
    ):
        table[column] = (table[of] * table["treated_customer_months"]).where(is_money)


def _verdicts(table: pd.DataFrame) -> pd.Series:
    """In one row: of the twelve months by margin, else by revenue; no cost is set against it."""
    words = pd.Series(None, index=table.index, dtype=object)
    is_money = (table["period"] == ROLLING) & table["metric"].isin([REVENUE, MARGIN])
    known = np.flatnonzero(is_money & table["effect"].notna())
    for place in known[-1:]:  # margin comes last
        names = ("expected_control_buyers", "ci_low", "ci_high")
        expected, low, high = (float(table[name].to_numpy()[place]) for name in names)
        words.iloc[place] = verdict(Evidence(False, False, expected, low, high, np.nan))
    return words
