"""The churn model: what is kept of a fit."""

from dataclasses import dataclass
from typing import Any, Literal

from sklearn.calibration import CalibratedClassifierCV

from models.churn.reasons import Effects
from models.clv.parameters import ClvParameters
from models.evaluation.drift import Bins

# The simplest first: of equals it wins. base_rate competes with nobody: it is what is left without skill.
Method = Literal["base_rate", "days_since_last_order", "p_alive", "gradient_boosting"]


BASELINES: tuple[Method, ...] = ("days_since_last_order", "p_alive")


WINS_TO_SWITCH = 3


@dataclass(frozen=True)
class Curve:
    """A probability by one number: straight lines between points, level beyond the first and the last."""

    x: tuple[float, ...]
    p: tuple[float, ...]


@dataclass(frozen=True)
class Scorer:
    """Probabilities from features, in the order that the estimator takes them; shift is added to their log-odds."""

    features: tuple[str, ...]
    estimator: CalibratedClassifierCV | Curve
    shift: float = 0.0


@dataclass(frozen=True)
class ChampionState:
    """Which method is published, and the other one that has won the last fits in a row, if there is one."""

    published: Method
    challenger: Method | None = None
    wins: int = 0

    def after(self, winner: Method) -> "ChampionState":
        """The state after one more fit: a challenger takes over with its third win in a row."""
        if winner == self.published:
            return ChampionState(winner)
        wins = self.wins + 1 if winner == self.challenger else 1
        return ChampionState(winner) if wins >= WINS_TO_SWITCH else ChampionState(self.published, winner, wins)


@dataclass(frozen=True)
class ChurnModel:
    """What scores a night, and what comparisons, reasons and drift of later nights need.

    Attributes:
        method: which of the three; base_rate: none of them has skill, and all active customers get one probability.
        published: fitted on all cut-offs; gives the probabilities.
        holdout_scorer: the same recipe fitted without the last cut-off; what a later fit is compared with.
        buying: parameters of p_alive as of the night of the fit, None if it is not used.
        effects: of the features, for reasons.
        bins: of each feature and the score (named score), over the active of the last cut-off.
        target_definition: settings that say what is forecast; models with different ones are not compared.
        training: first and last cut-off, rows, fingerprint of the data, versions of the libraries.
        champion_state: which methods won the last fits.
    """

    method: Method
    published: Scorer
    holdout_scorer: Scorer
    buying: ClvParameters | None
    effects: Effects
    bins: dict[str, Bins]
    target_definition: dict[str, Any]
    training: dict[str, Any]
    champion_state: ChampionState
