"""New parameters of the next order on trial: how likely they and the last ones held what customers then did.

Each customer's history up to a day some weeks ago is scored by both. What followed is the day of his next order, or
that none came until tonight: days are whole and the follow-up is the same for all, so these are all outcomes there are.
The loss is minus the logarithm of the probability that was given to the one that came (Good 1952), which is the
likelihood of a waiting time that is censored at the follow-up. On average it is lowest for who gives every outcome its
true probability (Gneiting and Raftery 2007, section 3): it judges the dates, how sure they are, and who is presumed
gone, all at once.

As with CLV, the new parameters know these days and the last ones most of them: what is refused is worse even so.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import betaincc

from models.clv.challenge import MIN_BUYERS, ChallengerResult
from models.evaluation.compare import paired_bootstrap
from models.next_order.parameters import HALF_A_DAY, NextOrderParameters, QualityRow

Floats = npt.NDArray[np.float64]


# Who orders on a day that was held next to impossible is not infinitely much of a loss.
LEAST_PROBABILITY = 1e-9


def compare_with_champion(
    new: NextOrderParameters, last: NextOrderParameters, customers: pd.DataFrame, follow_up_days: int, seed: int
) -> ChallengerResult:
    """Whether the last parameters did better than the new ones, beyond chance (95 %): then the new ones are refused.

    Args:
        new: parameters as fitted tonight.
        last: those in use.
        customers: as of follow_up_days ago, see waiting_loss.
        follow_up_days: days from then to tonight.
        seed: of the bootstrap.
    """
    ordered = int(customers["next_days"].notna().sum())
    days = f"in the last {follow_up_days} days"
    if ordered < MIN_BUYERS:
        return no_comparison(f"{ordered} customers known before ordered {days}, and {MIN_BUYERS} are needed")
    loss, last_loss = (waiting_loss(parameters, customers, follow_up_days) for parameters in (new, last))
    found = paired_bootstrap(loss, last_loss, seed)
    told = (
        "worse beyond chance, so the last one stays"
        if found.is_worse
        else "not worse beyond chance, so it is published"
    )
    note = (
        f"minus log probability by the new model less that by the last one, of when {len(customers):,} customers next "
        f"ordered {days}: {found}; the new one is {told}"
    )
    quality: list[QualityRow] = [("log_loss_less_last_model", round(found.mean, 6), note)]
    if found.is_worse:
        quality.append(("new_model_refused", 1.0, "alarm; the last model of the next order does better and stays"))
    return ChallengerResult(found.is_worse, quality)


def no_comparison(reason: str) -> ChallengerResult:
    """The new parameters are taken, as there is nothing to hold them against."""
    note = f"the new model is published without being held against an earlier one: {reason}"
    return ChallengerResult(False, [("log_loss_less_last_model", None, note)])


def waiting_loss(parameters: NextOrderParameters, customers: pd.DataFrame, follow_up_days: int) -> Floats:
    """Minus the log of the probability of each customer's next purchase day, or of none within the follow-up.

    Args:
        parameters: of the forecast.
        customers: grain customer: frequency, recency_days and age_days on the day of the forecast, and next_days from
            it to his next purchase day (1: the next day), NaN for none within follow_up_days.
        follow_up_days: how long he was followed.
    """
    names = ("frequency", "recency_days", "age_days", "next_days")
    x, recency, age, following = (customers[name].to_numpy(dtype=float) for name in names)
    p, silent = parameters, age - recency
    base, gone = p.alpha + recency - HALF_A_DAY * x, p.a / (p.b + x)

    def longer(days: Floats) -> Floats:
        """The chance of an interval of more than so many days."""
        return np.asarray(betaincc(p.k, p.r + p.k * x, days / (base + days)))

    came = np.isfinite(following)
    until = silent + np.where(came, following, follow_up_days)
    # Days are whole: an order on a day comes up to a day before its end.
    likely = np.where(came, longer(until - 1) - longer(until), longer(until) + gone) / (longer(silent) + gone)
    return np.asarray(-np.log(np.maximum(likely, LEAST_PROBABILITY)))
