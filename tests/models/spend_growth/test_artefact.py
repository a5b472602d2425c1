"""Artefacts of spend growth are JSON."""

import json

import pytest

from models.spend_growth.artefact import SpendGrowthModel
from models.spend_growth.features import FEATURES


def test_models_are_kept_as_json(fit):
    assert SpendGrowthModel.from_json(fit.model.to_json()) == fit.model
    for wrong in ({"cushion": 0.0}, {"intercept": 1e999}, {"weights": [1.0] * (len(FEATURES) + 1)}):
        for component in ("published", "holdout_scorer"):
            content = json.loads(fit.model.to_json())
            content[component] |= wrong
            with pytest.raises(ValueError, match="not a model of spend growth"):
                SpendGrowthModel.from_json(json.dumps(content))


def test_an_artefact_with_the_keys_of_earlier_versions_is_the_same_model(fit):
    former = {"holdout_scorer": "judged", "target_definition": "question"}
    content = json.loads(fit.model.to_json())
    old = json.dumps({former.get(name, name): value for name, value in content.items()})
    assert SpendGrowthModel.from_json(old) == fit.model
