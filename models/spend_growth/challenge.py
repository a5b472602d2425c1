"""A new model of spend growth against the one in use: which gave the better probabilities, one cut-off ahead?"""

from models.evaluation.challenge import ChallengerResult, Wording, compare_probabilities
from models.types import Booleans, Floats

SEED = 7


_WORDING = Wording(
    metric="brier_less_last_model",
    difference="squared error of the new model less the last one's",
    alarm="alarm; the last growth model predicts better and stays",
    not_worse="not worse",
)


def compare_with_champion(challenger_scores: Floats, champion_scores: Floats, spent_more: Booleans) -> ChallengerResult:
    """The challenger is refused if its squared error is higher beyond chance (95 %).

    Args:
        challenger_scores: one per customer of the later cut-off, by a scorer that did not learn from them.
        champion_scores: of the same customers, likewise.
        spent_more: what they did.
    """
    return compare_probabilities(challenger_scores, champion_scores, spent_more, SEED, _WORDING)
