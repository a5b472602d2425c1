"""The churn model as bytes and JSON, without pickle."""

import json
import zipfile
from dataclasses import asdict
from typing import Any

from models.churn.model import ChampionState, ChurnModel, Curve, Scorer
from models.churn.reasons import Effects
from models.clv.parameters import ClvParameters
from models.evaluation.drift import Bins

# Keys of artefacts that were written before their parts had today's names.
_FORMER_KEYS = {"judged": "holdout_scorer", "question": "target_definition", "standing": "champion_state"}


# What an artefact may hold beyond numbers, text and the estimators that skops trusts by itself.
_TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]


def to_artefact(model: ChurnModel) -> tuple[bytes | None, str]:
    """The model as a skops archive of its trees (None for a baseline) and JSON of everything else: data, no code."""
    scorers = {"published": model.published, "holdout_scorer": model.holdout_scorer}
    trees = {name: s.estimator for name, s in scorers.items() if not isinstance(s.estimator, Curve)}
    content = {
        "method": model.method,
        **{
            name: {
                "features": s.features,
                "curve": asdict(s.estimator) if isinstance(s.estimator, Curve) else None,
                "shift": s.shift,
            }
            for name, s in scorers.items()
        },
        "buying": json.loads(model.buying.to_json()) if model.buying else None,
        "effects": model.effects.to_dict(),
        "bins": {name: asdict(bins) for name, bins in model.bins.items()},
        "target_definition": model.target_definition,
        "training": model.training,
        "champion_state": asdict(model.champion_state),
    }
    data = None
    if trees:
        import skops.io  # slow: see from_artefact

        data = bytes(skops.io.dumps(trees, compression=zipfile.ZIP_DEFLATED))
    return data, json.dumps(content, allow_nan=False)


def from_artefact(trees: bytes | None, parameters: str) -> ChurnModel:
    """The model that to_artefact wrote.

    Raises:
        skops.io.exceptions.UntrustedTypesFoundException: it holds a type that such a model has no use for.
        KeyError: the two do not belong together.
    """
    content = _renamed(json.loads(parameters))
    estimators = {}
    if trees is not None:
        import skops.io  # slow: it imports all of scikit-learn, for its list of what can be trusted

        estimators = _renamed(skops.io.loads(trees, trusted=_TRUSTED))

    def scorer(name: str) -> Scorer:
        curve = content[name]["curve"]
        estimator = Curve(tuple(curve["x"]), tuple(curve["p"])) if curve else estimators[name]
        return Scorer(tuple(content[name]["features"]), estimator, content[name].get("shift", 0.0))

    return ChurnModel(
        content["method"],
        scorer("published"),
        scorer("holdout_scorer"),
        ClvParameters.from_json(json.dumps(content["buying"])) if content["buying"] else None,
        Effects.from_dict(content["effects"]),
        {name: Bins(tuple(bins["edges"]), tuple(bins["shares"])) for name, bins in content["bins"].items()},
        content["target_definition"],
        content["training"],
        ChampionState(**content["champion_state"]),
    )


def _renamed(content: dict[str, Any]) -> dict[str, Any]:
    return {_FORMER_KEYS.get(key, key): value for key, value in content.items()}
