"""Whether what happened strays from probabilities beyond chance, and whether they tell customers apart."""

import numpy as np
from scipy.stats import chi2

from models.evaluation.probability import decile
from models.evaluation.skill import CHANCE, probability_skill
from models.types import Booleans, Floats, QualityRow

# A tenth in which fewer are expected to come, or not to come, has no chi-squared share: it joins its neighbours.
LEAST_EXPECTED = 5.0


def calibration_quality(happened: Booleans, predicted: Floats) -> list[QualityRow]:
    """(metric, value, note): the chance of tenths that stray so far, and the skill against the same for all.

    The statistic is the sum over the tenths of (came - expected)^2 / variance, each a sum of independent events (Hosmer
    and Lemeshow 1980; for a forecast that was not fitted to these customers it has a degree of freedom a tenth).
    Neighbours are put together until enough are expected. Nothing can be said of fewer than two such groups.
    """
    groups = _groups(predicted)
    if len(groups) < 2:
        return []
    gaps = [(happened[rows].sum() - predicted[rows].sum()) ** 2 / _variance(predicted[rows]) for rows in groups]
    p_value = float(chi2.sf(sum(gaps), len(gaps)))
    gap = float(happened.mean() - predicted.mean())
    words = (
        f"chance that {len(groups)} groups by forecast stray so far from it if it is right; in all "
        f"{happened.mean():.1%} came instead of {predicted.mean():.1%} ({gap:+.1%})"
    )
    alarm = "alarm; the forecast is off by more than chance; " if p_value < CHANCE else ""
    skill = probability_skill(happened, predicted)
    note = f"chance of ranking {len(happened):,} customers so well without skill"
    improvement = "squared error of the same probability for all, less the forecast's; above 0 the forecast is better"
    return [
        ("calibration_p_value", round(p_value, 6), alarm + words),
        ("skill_p_value", round(skill.p_value, 6), note),
        ("skill_brier_improvement", round(skill.improvement or 0.0, 6), improvement),
    ]


def _variance(predicted: Floats) -> float:
    return float((predicted * (1 - predicted)).sum())


def _groups(predicted: Floats) -> list[Booleans]:
    """Tenths by the forecast, from the highest; put together until enough are expected to come and not to come."""
    tenth = decile(predicted)
    groups, waiting = [], np.zeros(len(predicted), dtype=bool)
    for number in range(1, 11):
        waiting = waiting | (tenth == number)
        expected = predicted[waiting].sum()
        if min(expected, waiting.sum() - expected) >= LEAST_EXPECTED:
            groups.append(waiting)
            waiting = np.zeros(len(predicted), dtype=bool)
    if waiting.any() and groups:
        groups[-1] = groups[-1] | waiting
    return groups
