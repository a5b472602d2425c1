"""A challenger (a newly fitted model) against the champion (the one in use): may the challenger take over?

Both forecast the same outcomes; a loss per customer says how far off each was. A challenger is refused only if it did
worse beyond chance: it has newer data, and a champion that stays grows old.
"""

from dataclasses import dataclass

import numpy as np

from models.evaluation.compare import paired_bootstrap
from models.types import Booleans, Floats, QualityRow

# With fewer customers who bought in the days of the comparison, it says nothing of either model.
MIN_BUYERS = 30


@dataclass(frozen=True)
class ChallengerResult:
    """Whether a challenger is refused; quality: (metric, value, note) for model_quality."""

    is_refused: bool
    quality: list[QualityRow]


@dataclass(frozen=True)
class Wording:
    """How a comparison is written into model_quality.

    Attributes:
        metric: of the mean difference of the losses, the challenger's less the champion's.
        difference: what that is, in words.
        alarm: the note of a refusal.
        worse: what a refused challenger is.
        not_worse: what one that is published is.
        refused_metric: of a refusal.
    """

    metric: str
    difference: str
    alarm: str
    worse: str = "worse beyond chance"
    not_worse: str = "not worse beyond chance"
    refused_metric: str = "new_model_refused"


def compare_losses(
    challenger_loss: Floats, champion_loss: Floats, seed: int, wording: Wording, margin: float = 0.0
) -> ChallengerResult:
    """The challenger is refused if its loss is higher beyond chance (95 %), and by more than the margin.

    Args:
        challenger_loss: one per customer.
        champion_loss: of the same customers, in the same order.
        seed: of the bootstrap.
        wording: of the rows.
        margin: share of the champion's loss.
    """
    difference = paired_bootstrap(challenger_loss, champion_loss, seed)
    is_refused = bool(difference.low > margin * champion_loss.mean())
    verdict = f"{wording.worse}, so the last one stays" if is_refused else f"{wording.not_worse}, so it is published"
    note = f"{wording.difference}: {difference}; the new one is {verdict}"
    quality: list[QualityRow] = [(wording.metric, round(difference.mean, 6), note)]
    if is_refused:
        quality.append((wording.refused_metric, 1.0, wording.alarm))
    return ChallengerResult(is_refused, quality)


def compare_probabilities(
    challenger_scores: Floats, champion_scores: Floats, happened: Booleans, seed: int, wording: Wording
) -> ChallengerResult:
    """As compare_losses, by the squared errors of two models' probabilities (Brier 1950)."""
    challenger_loss, champion_loss = (np.asarray((p - happened) ** 2) for p in (challenger_scores, champion_scores))
    return compare_losses(challenger_loss, champion_loss, seed, wording)


def no_comparison(metric: str, reason: str) -> ChallengerResult:
    """The challenger is published, as there is nothing to compare it with."""
    note = f"the new model is published without being held against an earlier one: {reason}"
    return ChallengerResult(False, [(metric, None, note)])
