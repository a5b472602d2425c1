"""New parameters of the next order against those in use: which found what customers then did more probable?

Each customer's history up to a day some weeks ago is scored by both. What followed is the day of their next order, or
that none came until tonight. Days are whole and the follow-up is the same for all, so there are no other outcomes. The
loss is minus the logarithm of the probability of the outcome that came (Good 1952): the likelihood of a waiting time
that is censored at the follow-up. On average it is lowest for a model that gives every outcome its true probability
(Gneiting and Raftery 2007, section 3). So it judges the dates, how sure they are, and who is presumed gone, all at
once.

As with CLV, the challenger has learnt from these days and the champion from most of them: a refused one is worse even
so.
"""

import numpy as np
import pandas as pd
from scipy.special import betaincc

from models.evaluation.challenge import MIN_BUYERS, ChallengerResult, Wording, compare_losses, no_comparison
from models.next_order.parameters import HALF_A_DAY, NextOrderParameters
from models.types import Floats

DIFFERENCE_METRIC = "log_loss_less_last_model"


# An order on a day held next to impossible is no infinite loss.
LEAST_PROBABILITY = 1e-9


def compare_with_champion(
    challenger: NextOrderParameters,
    champion: NextOrderParameters,
    customers: pd.DataFrame,
    follow_up_days: int,
    seed: int,
) -> ChallengerResult:
    """The challenger is refused if the champion did better beyond chance (95 %).

    Args:
        challenger: parameters as fitted tonight.
        champion: those in use.
        customers: as of follow_up_days ago, see waiting_loss.
        follow_up_days: days from then to tonight.
        seed: of the bootstrap.
    """
    ordered = int(customers["next_days"].notna().sum())
    days = f"in the last {follow_up_days} days"
    if ordered < MIN_BUYERS:
        reason = f"{ordered} customers known before ordered {days}, and {MIN_BUYERS} are needed"
        return no_comparison(DIFFERENCE_METRIC, reason)
    challenger_loss, champion_loss = (
        waiting_loss(parameters, customers, follow_up_days) for parameters in (challenger, champion)
    )
    wording = Wording(
        metric=DIFFERENCE_METRIC,
        difference="minus log probability by the new model less that by the last one, "
        f"of when {len(customers):,} customers next ordered {days}",
        alarm="alarm; the last model of the next order does better and stays",
    )
    return compare_losses(challenger_loss, champion_loss, seed, wording)


def waiting_loss(parameters: NextOrderParameters, customers: pd.DataFrame, follow_up_days: int) -> Floats:
    """Minus the log of the probability of each customer's next purchase day, or of none within the follow-up.

    Args:
        parameters: of the forecast.
        customers: grain customer: frequency, recency_days and age_days on the day of the forecast, and next_days from
            it to the next purchase day (1: the next day), NaN for none within follow_up_days.
        follow_up_days: how long customers were followed.
    """
    names = ("frequency", "recency_days", "age_days", "next_days")
    x, recency, age, following = (customers[name].to_numpy(dtype=float) for name in names)
    p, silent = parameters, age - recency
    base, gone = p.alpha + recency - HALF_A_DAY * x, p.a / (p.b + x)

    def longer(days: Floats) -> Floats:
        """The chance of an interval of more than so many days."""
        return np.asarray(betaincc(p.k, p.r + p.k * x, days / (base + days)))

    ordered = np.isfinite(following)
    until = silent + np.where(ordered, following, follow_up_days)
    # Days are whole: an order on a day comes up to a day before its end.
    likely = np.where(ordered, longer(until - 1) - longer(until), longer(until) + gone) / (longer(silent) + gone)
    return np.asarray(-np.log(np.maximum(likely, LEAST_PROBABILITY)))
