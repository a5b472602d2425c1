"""Whether a forecast tells customers apart, or says no more of each than the base rate: judged on what it did not see.

The rule, for every forecast that is published of single customers. On held-out customers, one row each, two things must
hold. First, who was forecast higher came to it more often (or sooner) beyond chance: the rank correlation of forecast
and outcome has a one-sided p-value below 2.5 %, divided by the number of methods of which the best was taken
(Bonferroni). If a forecast has no skill, its ranks are in random order, whatever its calibration and however outcomes
are spread; so at most 2.5 % of such forecasts pass. For an event that happened or not, it is the test of the AUC (Mann
and Whitney 1947). Second, of probabilities, the squared error is below that of the same probability for all, so that a
forecast that ranks right but exaggerates is not published either. A forecast that fails gives the base rate.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import rankdata

from models.types import Booleans, Floats, QualityRow

# The share of forecasts without skill that are taken to have some, at most.
CHANCE = 0.025


@dataclass(frozen=True)
class Skill:
    """What held-out customers say of a forecast.

    Attributes:
        p_value: the chance of ranks at least as good without any skill; one-sided.
        improvement: squared error of the same probability for all, less that of the forecast; None: not compared.
        tried: methods of which the best was taken.
        customers: held out.
    """

    p_value: float
    improvement: float | None
    tried: int
    customers: int

    @property
    def is_beyond_chance(self) -> bool:
        better = self.improvement is None or self.improvement > 0
        return better and self.p_value * self.tried < CHANCE

    def quality(self, without: str = "") -> list[QualityRow]:
        """(metric, value, note) for model_quality; without: what there is not without skill, in words."""
        limit = f"under {CHANCE:.1%}" + (f" / {self.tried} methods" if self.tried > 1 else "")
        note = f"chance of ranking {self.customers:,} held-out customers so well without skill; skill is {limit}"
        if not self.is_beyond_chance:
            note = f"alarm; the forecast has no skill, so everybody gets the base rate{without}; {note}"
        rows: list[QualityRow] = [("skill_p_value", round(self.p_value, 6), note)]
        if self.improvement is not None:
            note = "squared error of the same probability for all, less the forecast's; above 0 the forecast is better"
            rows.append(("skill_brier_improvement", round(self.improvement, 6), note))
        return rows


def probability_skill(happened: Booleans, predicted: Floats, tried: int = 1) -> Skill:
    """Skill of probabilities of an event, one per held-out customer.

    They are compared with their own mean for all, so that a level that drifted between cut-offs does not count.
    """
    base = float(predicted.mean())
    improvement = float(np.mean((base - happened) ** 2 - (predicted - happened) ** 2))
    return Skill(rank_p_value(happened, predicted), improvement, tried, len(happened))


def rank_p_value(outcome: npt.ArrayLike, forecast: npt.ArrayLike) -> float:
    """One-sided p-value of the rank correlation (Spearman 1904), normal under all orders of the ranks; 1 for constants.

    Args:
        outcome: one per customer; ties share a rank.
        forecast: of the same customers: higher where a higher outcome is expected.
    """
    x, y = (rankdata(values) for values in (outcome, forecast))
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 1.0
    return float(ndtr(-np.corrcoef(x, y)[0, 1] * np.sqrt(len(x) - 1)))
