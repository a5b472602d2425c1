"""The model of spend growth as it is kept: JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from models.evaluation.drift import Bins
from models.spend_growth.features import FEATURES

Method = Literal["logistic", "spend_against_usual", "base_rate"]


# How many of the features each method knows, the simplest first.
METHODS: dict[Method, int] = {"base_rate": 0, "spend_against_usual": 1, "logistic": len(FEATURES)}


# Keys of artefacts that were written before their parts had today's names.
_FORMER_KEYS = {"judged": "holdout_scorer", "question": "target_definition"}


# The same of bins: a year's revenue had returns on their own dates.
_FORMER_BINS = {"revenue_365d": "spend_365d"}


@dataclass(frozen=True)
class Regression:
    """A logistic regression on the first features of FEATURES; cushion in currency."""

    cushion: float
    intercept: float
    weights: tuple[float, ...]


@dataclass(frozen=True)
class SpendGrowthModel:
    """What scores a night, and what later fits and nights are compared with.

    Attributes:
        method: which of the three.
        horizon_days: length of the horizons that are compared.
        published: fitted at the later cut-off; gives the probabilities.
        holdout_scorer: the same method fitted at the earlier cut-off; what a later fit is compared with.
        bins: of the inputs and of the probability (named score), over the customers of the later cut-off.
        target_definition: settings that say what is forecast; models with different ones are not compared.
    """

    method: Method
    horizon_days: int
    published: Regression
    holdout_scorer: Regression
    bins: dict[str, Bins]
    target_definition: dict[str, Any]

    def to_json(self) -> str:
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "SpendGrowthModel":
        """The model that to_json wrote.

        Raises:
            ValueError: a number is not finite, or there are more weights than features.
        """
        content = {_FORMER_KEYS.get(key, key): value for key, value in json.loads(text).items()}
        scorers = {name: _regression(content[name]) for name in ("published", "holdout_scorer")}
        bins = {
            _FORMER_BINS.get(name, name): Bins(tuple(kept["edges"]), tuple(kept["shares"]))
            for name, kept in content["bins"].items()
        }
        return cls(**content | scorers | {"bins": bins})


def _regression(content: Mapping[str, Any]) -> Regression:
    regression = Regression(content["cushion"], content["intercept"], tuple(content["weights"]))
    finite = np.isfinite([regression.cushion, regression.intercept, *regression.weights]).all()
    if not finite or regression.cushion <= 0 or len(regression.weights) > len(FEATURES):
        raise ValueError(f"not a model of spend growth: {regression}")
    return regression
