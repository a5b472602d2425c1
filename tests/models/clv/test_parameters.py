"""Parameters are kept as JSON."""

import pytest
from clv_customers import BUYING, SPEND

from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters, SpendMoments, spend_from_json


def test_parameters_survive_json(cdnow):
    assert ClvParameters.from_json(BUYING.to_json()) == BUYING
    fitted = fit_clv(cdnow, model="best", horizon_days=39).parameters
    assert (len(fitted.covariance), [len(values) for values in fitted.bounds]) == (4, [4, 4])
    assert (fitted.alive.model, [rival.model for rival in fitted.rivals]) == ("mbg/nbd", ["mbg/nbd"])
    assert ClvParameters.from_json(fitted.to_json()) == fitted
    with pytest.raises(ValueError, match="unknown buying model"):
        ClvParameters.from_json('{"model": "x", "r": 1, "alpha": 1, "a": 1, "b": 1}')


@pytest.mark.parametrize(
    "spend",
    [
        SPEND,
        SpendMoments(20.0, 0.5, 0.0, "no fit", unknown_interval="only 3 days"),
    ],
    ids=["gamma-gamma", "shrunken mean"],
)
def test_parameters_of_spend_of_any_kind_survive_json(spend):
    assert spend_from_json(spend.to_json()) == spend


def test_parameters_of_spend_as_earlier_versions_kept_them_are_gamma_gamma():
    assert spend_from_json('{"p": 2.0, "q": 4.0, "v": 60.0, "covariance": null}') == SPEND


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"p": 1, "q": -2, "v": 3}', "not a set of parameters"),
        ('{"mean": 0, "day_variation": 0, "customer_variation": 0, "reason": ""}', "not a set"),
        ('{"mean": 1, "day_variation": -1, "customer_variation": 0, "reason": ""}', "not a set"),
        ('{"mean": 1, "day_variation": NaN, "customer_variation": 0, "reason": ""}', "not a set"),
    ],
)
def test_what_are_no_parameters_of_spend_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        spend_from_json(text)
