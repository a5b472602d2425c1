"""New CLV parameters against those in use: which would have forecast the last weeks better?

Each customer's history up to the first of these days is scored by both, and compared with what they then did. The
losses are deviances (McCullagh and Nelder 1989, table 2.1): the Poisson's for purchase days, the gamma distribution's
for the spend on a day. Whatever the true distribution, they are lowest for the forecast that is its mean (Gneiting
2011, theorem 7). An error counts relative to what was expected, so that a few heavy buyers do not outvote all others.

The challenger has learnt from these days, and the champion from most of them. That favours the challenger a little: a
handful of numbers, learnt from all history of all customers, hardly bend to some weeks. A refused one is worse even so.
"""

import numpy as np
import pandas as pd
from scipy.special import kl_div

from models.clv.parameters import ClvParameters, Spend
from models.clv.score import expected_spend, score_clv
from models.evaluation.challenge import MIN_BUYERS, ChallengerResult, Wording, compare_losses, no_comparison
from models.types import Floats

# A customer who is all but gone by a model may still come back: that is no infinite loss.
LEAST_PURCHASES = 1e-6


# Gamma-Gamma is fitted to mean values, not to a next day's spend, and real spend is not quite gamma: on a retailer's
# year of 2,469 households 20 of 26 weekly fits did worse than the one before, beyond chance and by .01 % to .6 %. Such
# a champion would stay for ever. A fit that is broken does worse by more than this share of the loss.
SPEND_MARGIN = 0.01


def compare_with_champion(
    challenger: ClvParameters | Spend,
    champion: ClvParameters | Spend,
    customers: pd.DataFrame,
    window_days: int,
    seed: int,
) -> ChallengerResult:
    """The challenger is refused if the champion did better beyond chance (95 %).

    Parameters of spend are refused if they did worse by more than SPEND_MARGIN of the loss, beyond chance.

    Args:
        challenger: parameters of buying, or of spend, as fitted tonight.
        champion: those in use, of any model of the same.
        customers: one row per customer: customer_id, frequency, recency_days, age_days and repeat_revenue as of the
            window's beginning; purchase_days and spend (above 0 where there are purchase days) in it.
        window_days: how long it is.
        seed: of the bootstrap.
    """
    buyers = int((customers["purchase_days"] > 0).sum())
    days = f"in the last {window_days} days"
    if buyers < MIN_BUYERS:
        reason = f"{buyers} customers known before bought {days}, and {MIN_BUYERS} are needed"
        return no_comparison(difference_metric(challenger), reason)
    if isinstance(challenger, ClvParameters):
        measured, margin = f"how often {len(customers):,} customers bought {days}", 0.0
    else:
        measured, margin = f"what {buyers:,} customers spent a day {days}", SPEND_MARGIN
    challenger_loss, champion_loss = (
        _loss(parameters, customers, window_days) for parameters in (challenger, champion)
    )
    return compare_losses(challenger_loss, champion_loss, seed, _wording(challenger, measured, margin), margin)


def difference_metric(challenger: ClvParameters | Spend) -> str:
    """The metric of a comparison: of buying or of spend."""
    return f"{_prefix(challenger)}deviance_less_last_model"


def purchase_deviance(parameters: ClvParameters, customers: pd.DataFrame, window_days: int) -> Floats:
    """Poisson deviance of the purchase days in the window, one per customer; customers as in compare_with_champion."""
    scored = score_clv(customers, parameters, None, window_days, 0.0, None)
    expected = scored["expected_purchases"].to_numpy().clip(LEAST_PURCHASES)
    return np.asarray(2 * kl_div(customers["purchase_days"].to_numpy(float), expected))


def spend_deviance(parameters: Spend, customers: pd.DataFrame) -> Floats:
    """Gamma deviance of the mean spend on a purchase day in the window, one per customer who bought in it."""
    buyers = customers[customers["purchase_days"] > 0]
    frequency, revenue = (buyers[name].to_numpy(float) for name in ("frequency", "repeat_revenue"))
    spent = (buyers["spend"] / buyers["purchase_days"]).to_numpy(float)
    relative = spent / expected_spend(parameters, frequency, revenue)
    return np.asarray(2 * (relative - 1 - np.log(relative)))


def _loss(parameters: ClvParameters | Spend, customers: pd.DataFrame, window_days: int) -> Floats:
    if isinstance(parameters, ClvParameters):
        return purchase_deviance(parameters, customers, window_days)
    return spend_deviance(parameters, customers)


def _wording(challenger: ClvParameters | Spend, measured: str, margin: float) -> Wording:
    worse = f"worse by {100 * margin:g} % of the loss, beyond chance" if margin else "worse beyond chance"
    component = "purchases" if isinstance(challenger, ClvParameters) else "spend"
    return Wording(
        metric=difference_metric(challenger),
        difference=f"deviance of the new model less the last one's, of {measured}",
        alarm=f"alarm; the last model of {component} does better and stays",
        worse=worse,
        not_worse=f"not {worse}",
        refused_metric=f"{_prefix(challenger)}new_model_refused",
    )


def _prefix(parameters: ClvParameters | Spend) -> str:
    """Of the metrics' names."""
    return "" if isinstance(parameters, ClvParameters) else "spend_"
