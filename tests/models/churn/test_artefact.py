"""Artefacts: the same scores to the byte, data and no code."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import pytest
import skops.io
from churn_customers import (
    fitted,
)
from skops.io.exceptions import UntrustedTypesFoundException

from models.churn.artefact import from_artefact, to_artefact
from models.churn.fit import fit_churn
from models.churn.model import BASELINES
from models.churn.score import churn_reasons, score_churn


def test_an_artefact_keeps_the_shift_and_one_from_before_there_were_seasons_has_none(fit, later):
    shifted = replace(fit.model, published=replace(fit.model.published, shift=0.25))
    trees, parameters = to_artefact(shifted)
    assert score_churn(from_artefact(trees, parameters), later)[0].tobytes() == score_churn(shifted, later)[0].tobytes()
    content = json.loads(parameters)
    for name in ("published", "holdout_scorer"):
        del content[name]["shift"]
    assert from_artefact(trees, json.dumps(content)).published.shift == 0


@pytest.mark.parametrize("customers", [6000, 300])
def test_an_old_night_scored_with_its_own_artefact_is_the_same_to_the_byte(fit, features, small, customers):
    found = fit if customers == 6000 else fitted(small[small["customer_id"] < "c00300"])
    trees, parameters = to_artefact(found.model)
    assert (trees is None) == (found.method in BASELINES)
    restored = from_artefact(trees, parameters)
    assert restored.champion_state == found.model.champion_state
    assert score_churn(restored, features)[0].tobytes() == score_churn(found.model, features)[0].tobytes()
    assert churn_reasons(restored, features) == churn_reasons(found.model, features)
    assert restored.bins == found.model.bins
    assert to_artefact(restored)[1] == parameters


def test_artefact_says_what_it_was_learnt_from_and_holds_no_code(fit, small):
    trees, parameters = to_artefact(fit.model)
    training = json.loads(parameters)["training"]
    assert training["cut_offs"] == ["2024-05-25", "2024-08-23", "2024-11-21"]
    assert training["versions"].keys() == {"lifetimes", "numpy", "pyarrow", "scikit-learn", "skops"}
    assert training["fingerprint"] != fitted(small).model.training["fingerprint"]
    with zipfile.ZipFile(io.BytesIO(trees)) as archive:
        assert {name.rsplit(".", 1)[-1] for name in archive.namelist()} == {"json", "npy"}


def test_sigmoid_and_isotonic_artefacts_hold_trusted_types_only(small, monkeypatch):
    for bound in (1, 10**9):
        monkeypatch.setattr("models.churn.methods.ISOTONIC_FROM", bound)
        model = fit_churn(small.drop(columns="days_since_last_order"), seed=1).model
        assert model.method == "gradient_boosting"  # without its rivals
        assert from_artefact(*to_artefact(model)).published.features == model.published.features


def test_artefact_with_a_foreign_type_is_refused(fit):
    data = skops.io.dumps({"published": hashlib.sha256, "holdout_scorer": hashlib.sha256})
    with pytest.raises(UntrustedTypesFoundException):
        from_artefact(data, to_artefact(fit.model)[1])


def test_an_artefact_with_the_keys_of_earlier_versions_is_the_same_model(fit, later):
    _, parameters = to_artefact(fit.model)
    content = json.loads(parameters)
    former = {"holdout_scorer": "judged", "target_definition": "question", "champion_state": "standing"}
    old = json.dumps({former.get(name, name): value for name, value in content.items()})
    estimators = {"published": fit.model.published.estimator, "judged": fit.model.holdout_scorer.estimator}
    restored = from_artefact(skops.io.dumps(estimators), old)
    assert to_artefact(restored)[1] == parameters
    for model in (restored, replace(restored, published=restored.holdout_scorer)):
        same = fit.model if model is restored else replace(fit.model, published=fit.model.holdout_scorer)
        assert score_churn(model, later)[0].tobytes() == score_churn(same, later)[0].tobytes()
