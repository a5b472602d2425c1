"""Spend growth from fit to fit: a new model against the one in use, what stays when it is refused, and drift."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from order_days import metrics
from regulars import NIGHT, load

from models.spend_growth.artefact import Regression, SpendGrowthModel
from pipelines.scoring import fitting
from pipelines.scoring import spend_growth as growth

FIT, MODEL = "spend_growth_fit", "spend_growth_model"


def artefact(made: dict[str, pa.Table]) -> dict:
    (row,) = made[MODEL].to_pylist()
    return row


def test_a_fit_says_what_it_was_learnt_on_and_the_next_is_held_against_it(made_up):
    first = made_up.fit(FIT)
    assert "brier_less_last_model" not in metrics(first[FIT])
    row = artefact(first)
    assert row["component"] == "spend_more"
    assert (row["trained_from"], row["trained_through"]) == (NIGHT - timedelta(1095), NIGHT)
    assert set(json.loads(row["libraries"])) == {"numpy", "scikit-learn", "scipy"}
    fingerprint = artefact(first)["data_fingerprint"]
    made_up.history = {}
    assert artefact(made_up.fit(FIT))["data_fingerprint"] == fingerprint

    later = made_up.on(NIGHT + timedelta(7))
    second = later.fit(FIT)
    value, note, _ = metrics(second[FIT])["brier_less_last_model"]
    assert abs(value) < 0.02
    assert "the new one is not worse, so it is published" in note
    assert artefact(second)["trained_through"] == NIGHT + timedelta(7)
    assert artefact(second)["data_fingerprint"] != fingerprint
    drift = metrics(later.spend()["spend_growth_drift"])
    assert drift["model_age_days"] == (
        0.0,
        "days since the last day that the model learnt from",
        NIGHT + timedelta(7),
    )
    count = len(later.spend()["customer_spend_more"])
    needed = f"{count} buyers of the last year tonight; 2,000 are needed"
    assert drift["psi_score"][:2] == drift["psi_spend_last"][:2] == (None, needed)


def test_a_new_model_that_is_worse_beyond_chance_leaves_the_last_one_which_grows_old(made_up, monkeypatch):
    first = artefact(made_up.fit(FIT))
    real = growth.fit_spend_growth

    def badly_learnt(train, test, *rest):
        """Of customers whose outcomes tell nothing."""
        mixed = np.random.default_rng(1).permutation(train["spend_next"]) * 40
        return real(train.assign(spend_next=mixed), test, *rest)

    monkeypatch.setattr(growth, "fit_spend_growth", badly_learnt)
    later = made_up.on(NIGHT + timedelta(36))
    second = later.fit(FIT)
    assert artefact(second) == first
    found = metrics(second[FIT])
    assert found["new_model_refused"] == (1.0, "alarm; the last growth model predicts better and stays", NIGHT)
    assert second[FIT]["fitted_on"].unique().to_pylist() == [NIGHT + timedelta(36)]
    scored = later.spend()
    assert set(scored["customer_spend_more"]["method"].to_pylist()) == {json.loads(first["parameters"])["method"]}
    age, note, through = metrics(scored["spend_growth_drift"])["model_age_days"]
    assert (age, through) == (36.0, NIGHT)
    assert note.startswith("alarm; ")
    made_up.history = later.history
    assert metrics(made_up.on(NIGHT + timedelta(35)).spend()["spend_growth_drift"])["model_age_days"][1].startswith(
        "days since"
    )

    asked = []
    monkeypatch.setattr(fitting, "is_fitted", lambda _table, _night, _settings, fitted_on: not asked.append(fitted_on))
    assert made_up.on(NIGHT + timedelta(37)).fit(FIT)[MODEL].equals(second[MODEL])
    assert asked == [NIGHT + timedelta(36)]  # a week from the refusal, not from the model that stayed


def test_drift_is_counted_over_batches_and_against_the_customers_of_the_fit(made_up, monkeypatch):
    monkeypatch.setattr("models.evaluation.drift.MIN_CUSTOMERS", 100)
    made_up.fit(FIT)
    whole = made_up.spend()
    monkeypatch.setattr(growth, "BATCH_ROWS", 97)
    parts = made_up.spend()
    assert parts["customer_spend_more"].equals(whole["customer_spend_more"])
    assert parts["spend_growth_drift"].equals(whole["spend_growth_drift"])
    drift = metrics(whole["spend_growth_drift"])
    assert {name for name in drift if name.startswith("psi_")} == {
        f"psi_{name}"
        for name in (
            *("days_since_last_order", "days_since_first_order", "order_day_count_365d", "spend_365d"),
            *("spend_last", "spend_before", "score"),
        )
    }
    assert drift["psi_spend_last"][1].startswith("stable; ")
    model = SpendGrowthModel.from_json(artefact(made_up.history)["parameters"])
    level = replace(model, published=Regression(1.0, 3.0, ()))  # a score that moved for everybody
    rows = [artefact(made_up.history) | {"parameters": level.to_json()}]
    made_up.history[MODEL] = pa.Table.from_pylist(rows, schema=fitting.ARTEFACT)
    index, note, _ = metrics(made_up.spend()["spend_growth_drift"])["psi_score"]
    assert index > 0.25
    assert note.startswith("alarm; ")


def test_a_model_that_was_written_without_its_dates_is_not_used(made_up):
    made = made_up.fit(FIT)
    old = pa.table({"component": ["spend_more"], "parameters": ['{"method": "logistic"}']})
    made_up.history = {FIT: made[FIT], MODEL: old}
    again = made_up.fit(FIT)
    assert "brier_less_last_model" not in metrics(again[FIT])
    assert again[MODEL].equals(made[MODEL])


@pytest.mark.parametrize("customers", [0, 1, 30])
def test_of_few_customers_there_is_no_drift_and_the_fit_says_why(made_up, customers):
    few = f"SELECT * FROM bought WHERE customer_id < 'c{customers:03d}'"
    made_up.engine.materialise("given_day", few)
    fit = made_up.fit(FIT)
    assert metrics(fit[FIT])["method"][1].startswith("none: at the earlier of two dates with a known outcome ")
    made = made_up.spend()
    assert len(made["spend_growth_drift"]) == 0
    assert made["customer_spend_more"]["p_spend_more"].null_count == len(made["customer_spend_more"])


def test_what_was_refused_is_tried_again_the_next_night_and_no_other_fit_is(regulars):
    shop, night = regulars
    assert ("method", None, NIGHT) in shop.rows(night, FIT, "metric, value, trained_through")
    assert shop.rows(night, MODEL) == []
    tomorrow = NIGHT + timedelta(1)
    shop.deliver(f"{tomorrow}")
    later = load(shop, tomorrow)
    assert set(shop.rows(later, FIT, "trained_through, fitted_on")) == {(tomorrow, tomorrow)}
    for other in ("next_order_fit", "headroom_fit"):
        assert shop.rows(later, other) == shop.rows(night, other)
