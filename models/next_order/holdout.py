"""The holdout: how good the dates were that a fit of some time ago would have named, and whether they had skill."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.columns import floats
from models.evaluation.challenge import MIN_BUYERS
from models.evaluation.skill import Skill, rank_p_value
from models.next_order.parameters import COVERAGE, NextOrderParameters
from models.next_order.score import interval_probability
from models.types import QualityRow

MIN_ENDED = 100


def evaluate_next_order(forecast: pa.Table, next_days: npt.ArrayLike, follow_up_days: int) -> list[QualityRow]:
    """(metric, value, note) of a forecast made follow_up_days ago.

    Args:
        forecast: score_next_order's rows.
        next_days: days from that night to each customer's next purchase day; NaN for none until tonight.
        follow_up_days: days from that night to tonight. Customers count whose interval has ended since.
    """
    actual = np.asarray(next_days, dtype=float)
    p, low, middle, high = (floats(forecast[name]) for name in ("p_order_again", "low_days", "next_days", "high_days"))
    ended = high <= follow_up_days
    ordered = ended & np.isfinite(actual)
    if ordered.sum() < MIN_ENDED:
        note = f"{int(ordered.sum())} intervals of {follow_up_days} days ago can be judged; {MIN_ENDED} are needed"
        return [("coverage", None, note)]
    inside = (actual >= low) & (actual <= high)
    share = float(inside[ordered].mean())
    error = float(np.sqrt(share * (1 - share) / ordered.sum()))
    expected = float((COVERAGE * p[ended]).mean())
    again = f"forecast {float(p[ended].mean()):.3f}; who comes after tonight is not in it"
    return [
        (
            "coverage",
            share,
            f"orders within their interval, of {int(ordered.sum())} that came; stated 0.8 or, as days are "
            f"whole, somewhat more; standard error {error:.4f}",
        ),
        (
            "coverage_of_all",
            float(inside[ended].mean()),
            f"the same of all {int(ended.sum())} whose interval ended, also "
            f"who did not come; stated {expected:.3f} or somewhat more",
        ),
        ("ordered_again", float(ordered.sum() / ended.sum()), again),
        (
            "median_error_days",
            float(np.median(np.abs(actual - middle)[ordered])),
            "days between date and order, either way",
        ),
        (
            "late_share",
            float((actual > middle)[ordered].mean()),
            "orders after their date, of those that came; .5 is right, as days are whole somewhat less",
        ),
    ]


def next_order_skill(
    customers: pd.DataFrame, parameters: NextOrderParameters | None, follow_up_days: int
) -> Skill | None:
    """Whether a forecast made follow_up_days ago told who comes sooner; None: that can't be judged.

    The forecast is the mean probability of an order within 1, 2, 4, … days, up to all of them. Its ranks are held
    against those of the days that customers took; who did not come is last. How far off dates are, the rows of
    evaluate_next_order say.

    Args:
        customers: grain customer: frequency, recency_days and age_days then, and next_days since (NaN: none yet).
        parameters: as fitted then; None: refused.
        follow_up_days: days from then to tonight.
    """
    taken = customers["next_days"].to_numpy(dtype=float)
    if parameters is None or follow_up_days < 1 or np.isfinite(taken).sum() < MIN_BUYERS:
        return None
    within = np.unique(np.append(2.0 ** np.arange(np.floor(np.log2(follow_up_days)) + 1), follow_up_days))
    history = customers[["frequency", "recency_days", "age_days"]]
    windows = (history.assign(low_days=1.0, high_days=days) for days in within)
    forecasts = [
        interval_probability(pa.Table.from_pandas(window, preserve_index=False), parameters) for window in windows
    ]
    soon = np.mean(forecasts, axis=0)
    return Skill(rank_p_value(-np.nan_to_num(taken, nan=np.inf), soon), None, 1, len(taken))
