"""Which churn model is published: the best method of a fit, and the new model against the one in use.

The rule of methods. A method whose AUC is more than .01 below the better baseline's can't win a fit. Boosting wins if
its squared error is below that of either baseline beyond chance (paired bootstrap, 95 %). Else the baseline with the
lower squared error wins. The winner of the first fit is published. After that another method is published once it has
won three fits in a row (models.churn.model.ChampionState).
"""

from collections.abc import Mapping

from models.churn.methods import seasonal_scores
from models.churn.model import BASELINES, ChampionState, ChurnModel, Method, Scorer
from models.churn.sample import Sample
from models.evaluation.challenge import ChallengerResult, Wording, compare_probabilities
from models.evaluation.compare import LossDifference, paired_bootstrap
from models.evaluation.probability import auc
from models.types import Booleans, Floats

AUC_MARGIN = 0.01


_WORDING = Wording(
    metric="brier_less_last_model",
    difference="squared error of the new model less the last one's",
    alarm="alarm; the last churn model predicts better and stays",
)


def compare_with_champion(
    challenger_scores: Floats, champion_scores: Floats, churned: Booleans, seed: int
) -> ChallengerResult:
    """The challenger is refused if its squared error is higher beyond chance (95 %).

    Args:
        challenger_scores: one per held-out customer, by a scorer that did not learn from them.
        champion_scores: of the same customers, likewise.
        churned: what they did.
        seed: of the bootstrap.
    """
    return compare_probabilities(challenger_scores, champion_scores, churned, seed, _WORDING)


def champion_scores(champion: ChurnModel | None, holdout: Sample, threads: int | None) -> Floats | None:
    """The champion's scores of the held-out customers; None if there is none, or it can't score them any more.

    None of a base rate too: it holds no forecast back, as a forecast without skill gives way to it anyway.
    """
    if (
        champion is None
        or champion.method == "base_rate"
        or not set(champion.holdout_scorer.features) <= set(holdout.table.column_names)
    ):
        return None
    return seasonal_scores(champion.holdout_scorer, holdout.table, threads)


def best_method(
    churned: Booleans, predicted: Mapping[Method, Floats], seed: int
) -> tuple[Method, LossDifference | None]:
    """The method that wins this fit, and boosting's squared error less that of the better baseline."""
    losses = {method: (p - churned) ** 2 for method, p in predicted.items()}
    areas = {method: auc(churned, p)[0] for method, p in predicted.items()}
    baselines = [method for method in BASELINES if method in losses]
    if not baselines:
        return "gradient_boosting", None
    enough = max(areas[method] for method in baselines) - AUC_MARGIN
    best = min((method for method in baselines if areas[method] >= enough), key=lambda name: float(losses[name].mean()))
    if "gradient_boosting" not in losses:
        return best, None
    differences = {name: paired_bootstrap(losses["gradient_boosting"], losses[name], seed) for name in baselines}
    wins = areas["gradient_boosting"] >= enough and all(found.is_better for found in differences.values())
    return ("gradient_boosting" if wins else best), differences[best]


def champion_state(champion: ChurnModel | None, winner: Method, scorers: Mapping[Method, Scorer]) -> ChampionState:
    """The state after this fit; a base rate and a method that can't be fitted any more give way at once."""
    if champion is None or champion.method == "base_rate" or champion.champion_state.published not in scorers:
        return ChampionState(winner)
    return champion.champion_state.after(winner)
