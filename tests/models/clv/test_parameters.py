"""Parameters are kept as JSON."""

import pytest
from clv_customers import BUYING, SPEND

from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters, SpendParameters


def test_parameters_survive_json(cdnow):
    assert ClvParameters.from_json(BUYING.to_json()) == BUYING
    fitted = fit_clv(cdnow, model="best", horizon_days=39).parameters
    assert (len(fitted.covariance), [len(values) for values in fitted.bounds]) == (4, [4, 4])
    assert (fitted.alive.model, [rival.model for rival in fitted.rivals]) == ("mbg/nbd", ["mbg/nbd"])
    assert ClvParameters.from_json(fitted.to_json()) == fitted
    assert SpendParameters.from_json(SPEND.to_json()) == SPEND
    with pytest.raises(ValueError, match="not a set of parameters"):
        SpendParameters.from_json('{"p": 1, "q": -2, "v": 3}')
    with pytest.raises(ValueError, match="unknown buying model"):
        ClvParameters.from_json('{"model": "x", "r": 1, "alpha": 1, "a": 1, "b": 1}')
