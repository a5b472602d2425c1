"""New CLV parameters on trial: what they and the last ones would have expected of the same customers in days now over.

Each customer's history up to the first of these days is scored by both, and held against what he then did. The losses
are deviances (McCullagh and Nelder 1989, table 2.1): of purchase days that of the Poisson, of a day's spend that of the
gamma distribution. Whatever the true distribution, they are lowest for who expects its mean (Gneiting 2011, theorem 7),
and an error counts relative to what was to be expected, so that a few heavy buyers do not outvote all others.

The new parameters know these days, and the last ones most of them. That favours the new ones a little (a handful of
numbers, learnt from all history of all customers, hardly bend to some weeks), so that what is refused is worse even so.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import kl_div

from models.clv.parameters import ClvParameters, QualityRow, SpendParameters
from models.clv.score import expected_spend, score_clv
from models.evaluation.compare import paired_bootstrap

Floats = npt.NDArray[np.float64]


# Fewer who bought in the days of the trial say nothing of either model.
MIN_BUYERS = 30


# Who is all but gone by a model may still come back: it is not infinitely wrong then.
LEAST_PURCHASES = 1e-6


# Gamma-Gamma is fitted to mean values, not to a next day's spend, and real spend is not quite gamma: on a retailer's
# year of 2,469 households 20 of 26 weekly fits did worse than the one before, beyond chance and by .01 % to .6 %. Such
# a model would stay for ever. A fit that is broken does worse by more than this share of the loss.
SPEND_MARGIN = 0.01


@dataclass(frozen=True)
class ChallengerResult:
    """What came of a trial; quality: (metric, value, note) for model_quality."""

    is_refused: bool
    quality: list[QualityRow]


def compare_with_champion(
    new: ClvParameters | SpendParameters,
    last: ClvParameters | SpendParameters,
    customers: pd.DataFrame,
    window_days: int,
    seed: int,
) -> ChallengerResult:
    """Whether the last parameters did better than the new ones, beyond chance (95 %): then the new ones are refused.

    Parameters of spend are refused if they did worse by more than SPEND_MARGIN of the loss, beyond chance.

    Args:
        new: parameters of buying, or of spend, as fitted tonight.
        last: those in use.
        customers: one row per customer: customer_id, frequency, recency_days, age_days and repeat_revenue as of the
            window's beginning; purchase_days and spend (above 0 where there are purchase days) in it.
        window_days: how long it is.
        seed: of the bootstrap.
    """
    buyers = int((customers["purchase_days"] > 0).sum())
    days = f"in the last {window_days} days"
    if buyers < MIN_BUYERS:
        return no_comparison(new, f"{buyers} customers known before bought {days}, and {MIN_BUYERS} are needed")
    if isinstance(new, SpendParameters):
        what, of, margin = "spend", f"what {buyers:,} customers spent a day", SPEND_MARGIN
    else:
        what, of, margin = "purchases", f"how often {len(customers):,} customers bought", 0.0
    loss, last_loss = (_loss(parameters, customers, window_days) for parameters in (new, last))
    found = paired_bootstrap(loss, last_loss, seed)
    refused = bool(found.low > margin * last_loss.mean())
    worse = f"worse by {100 * margin:g} % of the loss, beyond chance" if margin else "worse beyond chance"
    told = f"{worse}, so the last one stays" if refused else f"not {worse}, so it is published"
    note = f"deviance of the new model less the last one's, of {of} {days}: {found}; the new one is {told}"
    quality: list[QualityRow] = [(f"{_prefix(new)}deviance_less_last_model", round(found.mean, 6), note)]
    if refused:
        note = f"alarm; the last model of {what} does better and stays"
        quality.append((f"{_prefix(new)}new_model_refused", 1.0, note))
    return ChallengerResult(refused, quality)


def no_comparison(new: ClvParameters | SpendParameters, reason: str) -> ChallengerResult:
    """The new parameters are taken, as there is nothing to hold them against."""
    note = f"the new model is published without being held against an earlier one: {reason}"
    return ChallengerResult(False, [(f"{_prefix(new)}deviance_less_last_model", None, note)])


def purchase_deviance(parameters: ClvParameters, customers: pd.DataFrame, window_days: int) -> Floats:
    """Poisson deviance of the purchase days in the window, one per customer; customers as in compare_with_champion."""
    scored = score_clv(customers, parameters, None, window_days, 0.0, None)
    expected = scored["expected_purchases"].to_numpy().clip(LEAST_PURCHASES)
    return np.asarray(2 * kl_div(customers["purchase_days"].to_numpy(float), expected))


def spend_deviance(parameters: SpendParameters, customers: pd.DataFrame) -> Floats:
    """Gamma deviance of the mean spend on a purchase day in the window, one per customer who bought in it."""
    buyers = customers[customers["purchase_days"] > 0]
    frequency, revenue = (buyers[name].to_numpy(float) for name in ("frequency", "repeat_revenue"))
    spent = (buyers["spend"] / buyers["purchase_days"]).to_numpy(float)
    relative = spent / expected_spend(parameters, frequency, revenue)
    return np.asarray(2 * (relative - 1 - np.log(relative)))


def _loss(parameters: ClvParameters | SpendParameters, customers: pd.DataFrame, window_days: int) -> Floats:
    if isinstance(parameters, SpendParameters):
        return spend_deviance(parameters, customers)
    return purchase_deviance(parameters, customers, window_days)


def _prefix(parameters: ClvParameters | SpendParameters) -> str:
    """Of the metrics' names."""
    return "spend_" if isinstance(parameters, SpendParameters) else ""
