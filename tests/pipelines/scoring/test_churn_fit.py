"""Churn from fit to fit: what one fit leaves to the next, scores in batches, drift, and small data."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from churn_shop import CUT_OFFS, NIGHT, customer_days, metrics

from models.churn.artefact import from_artefact, to_artefact
from models.churn.model import ChampionState, Curve, Scorer
from models.churn.score import score_churn
from models.evaluation.compare import LossDifference
from pipelines.publishing.night_warnings import model_warnings
from pipelines.scoring import churn as score
from pipelines.scoring.fitting import quality_rows
from pipelines.store.manifest import Manifest, TableState
from pipelines.tables.inputs import contract_of


def test_a_fit_and_its_scores_come_out_and_the_next_fit_knows_them(shop, days):
    shop.give("customer_day", days)
    first = shop.fit()
    found = metrics(first["churn_fit"])
    assert found["method"][1].startswith(
        "gradient_boosting: learnt at 2024-01-06, 2024-04-05, 2024-07-04, judged at 2024-10-02"
    )
    assert {"auc", "auc_p_alive", "auc_days_since_last_order", "calibration_slope", "top_decile_lift"} <= found.keys()
    shop.give("churn_model", first["churn_model"])
    made = shop.scored()
    scored = made["customer_churn"]
    assert len(scored) > 800
    assert scored.column_names == [column.name for column in contract_of("customer_churn").columns]
    assert scored["customer_id"].to_pylist() == sorted(scored["customer_id"].to_pylist())
    assert set(scored["method"].to_pylist()) == {"gradient_boosting"}
    assert metrics(made["churn_drift"])["model_age_days"] == (
        0,
        "days since the last day that the model learnt from",
    )
    assert metrics(made["churn_drift"])["psi_score"][0] is None  # fewer than 2,000 active customers

    # The next fit, a baseline having been published before: one win is not yet a switch.
    model = from_artefact(*(first["churn_model"][name][0].as_py() for name in ("artefact", "parameters")))
    curve = Scorer(("p_alive",), Curve((0.0, 1.0), (0.9, 0.1)))
    standing = ChampionState("p_alive", "gradient_boosting", 1)
    other = to_artefact(
        replace(model, method="p_alive", published=curve, holdout_scorer=curve, champion_state=standing)
    )
    shop.give("history.churn_fit", first["churn_fit"])
    shop.give("history.churn_model", pa.table({"artefact": [other[0]], "parameters": [other[1]]}))
    again = shop.fit()
    assert metrics(again["churn_fit"])["method"][1].startswith("p_alive: ")
    assert metrics(again["churn_fit"])["wins_in_a_row"][0] == 2
    assert "brier_less_last_model" in metrics(again["churn_fit"])
    # A rerun of the same night reads the same history.
    assert shop.fit()["churn_fit"].equals(again["churn_fit"])
    assert shop.fit()["churn_model"]["parameters"].equals(again["churn_model"]["parameters"])


def test_a_kept_models_numbers_have_its_own_day_and_the_attempts_have_tonights(shop, days, monkeypatch):
    shop.give("customer_day", days)
    first = shop.fit()
    assert set(first["churn_fit"]["trained_through"].to_pylist()) == {CUT_OFFS[-1]}
    model = from_artefact(*(first["churn_model"][name][0].as_py() for name in ("artefact", "parameters")))
    before = date(2024, 9, 25)
    last = to_artefact(replace(model, training=model.training | {"last_cut_off": f"{before}"}))
    shop.give("history.churn_fit", first["churn_fit"])
    shop.give("history.churn_model", pa.table({"artefact": [last[0]], "parameters": [last[1]]}))

    def days_of(fit: dict[str, pa.Table]) -> dict[date, set[str]]:
        (kept,) = fit["churn_model"]["parameters"].to_pylist()
        assert json.loads(kept)["training"] == json.loads(last[1])["training"]
        found: dict[date, set[str]] = {}
        for row in fit["churn_fit"].to_pylist():
            found.setdefault(row["trained_through"], set()).add(row["metric"])
        return found

    with monkeypatch.context() as patch:
        patch.setattr("models.evaluation.challenge.paired_bootstrap", lambda *_: LossDifference(0.2, 0.1, 0.3))
        refused = days_of(shop.fit())
    assert refused.keys() == {before, CUT_OFFS[-1]}
    assert {"training_rows", "reasons_explain", "auc", "brier", "calibration_slope", "customers"} <= refused[before]
    attempt = {"method", "winner", "new_model_refused", "brier_less_last_model", "auc_gradient_boosting"}
    assert attempt <= refused[CUT_OFFS[-1]]

    shop.give("customer_day", days.filter(pc.less(days["customer_id"], "c0030")))
    failed = shop.fit()
    assert "the last one stays" in metrics(failed["churn_fit"])["method"][1]
    assert days_of(failed) == {before: {"training_rows", "reasons_explain", "season_shift"}, CUT_OFFS[-1]: {"method"}}


def test_scores_and_drift_are_the_same_in_batches_of_any_size(shop, days, monkeypatch):
    monkeypatch.setattr("models.evaluation.drift.MIN_CUSTOMERS", 100)
    shop.give("customer_day", days)
    shop.give("churn_model", shop.fit()["churn_model"])
    whole = shop.scored()
    monkeypatch.setattr(score, "BATCH_ROWS", 97)
    parts = shop.scored()
    assert parts["customer_churn"].equals(whole["customer_churn"])
    assert parts["churn_drift"].equals(whole["churn_drift"])
    drift = metrics(whole["churn_drift"])
    assert drift["psi_days_since_last_order"][1].startswith("stable; ")
    assert 0 < drift["psi_score"][0] < 0.25
    model = score._model(shop.engine, "churn_model")
    features = shop.engine.arrow("SELECT * FROM customer_features ORDER BY customer_id")
    assert score_churn(model, features)[0].tolist() == whole["customer_churn"]["p_churn"].to_pylist()


def test_a_model_older_than_35_days_is_flagged(shop, days):
    shop.give("customer_day", days)
    model = from_artefact(*(shop.fit()["churn_model"][name][0].as_py() for name in ("artefact", "parameters")))
    for age, flagged in ((35, False), (36, True)):
        rows = score._drift(model, {}, NIGHT + timedelta(age), shop.settings)
        assert [(metric, value, "alarm" in note) for metric, value, note in rows] == [
            ("model_age_days", float(age), flagged)
        ]


def test_the_summary_names_a_refused_an_old_and_a_drifted_model_and_no_other(shop):
    drift = [("psi_score", 0.3, "alarm; moved"), ("psi_p_alive", 0.3, "alarm; moved"), ("model_age_days", 7.0, "")]
    fits = [("new_model_refused", 1.0, "alarm; the last one stays"), ("auc", 0.7, "")]
    old = [("model_age_days", 36.0, "alarm; too old"), ("psi_score", 0.2, "warning; moved")]
    states = {}
    clv_drift = [("psi_p_alive", 0.3, "alarm; moved"), ("psi_mean_repeat_value", 0.3, "alarm; moved")]
    clv_drift += [("model_age_days", 36.0, "alarm; old"), ("spend_model_age_days", 1.0, "days")]
    clv_fits = [("new_model_refused", 1.0, "alarm; the last one stays"), ("r", 0.7, "last_good")]
    clv_fits += [("spend_new_model_refused", 1.0, "alarm; the last one stays")]
    due_drift = [("psi_next_order_days", 0.4, "alarm; moved"), ("psi_days_between_purchases", 0.4, "alarm; moved")]
    due_drift += [("psi_p_order_again", 0.2, "warning; moved"), ("model_age_days", 36.0, "alarm; old")]
    of_models = {"churn": (drift, fits), "clv": (clv_drift, clv_fits), "spend_growth": (old, fits)}
    tables_of = [
        ("growth" if model == "spend_growth" else model, f"{model}_{kind}", of)
        for model, both in of_models.items()
        for kind, of in zip(("drift", "fit"), both, strict=True)
    ]
    tables_of.append(("next_order", "next_order_drift", due_drift))
    for model, name, rows in tables_of:
        shop.give(name, quality_rows(model, rows, NIGHT))
        states[name] = TableState(data_files=shop.engine.write(f"SELECT * FROM {name}", name))
    manifest = Manifest(run_date=NIGHT, code_version="x", settings={}, tables=states)
    assert model_warnings(shop.night.lake, manifest) == [
        "model churn, new_model_refused 1: the last one stays",
        "model churn, psi_score 0.3: moved",
        "model clv, model_age_days 36: old",
        "model clv, new_model_refused 1: the last one stays",
        "model clv, psi_p_alive 0.3: moved",
        "model clv, spend_new_model_refused 1: the last one stays",
        "model growth, model_age_days 36: too old",
        "model growth, new_model_refused 1: the last one stays",
        "model next_order, model_age_days 36: old",
        "model next_order, psi_next_order_days 0.4: moved",
    ]
    assert model_warnings(shop.night.lake, manifest.model_copy(update={"tables": {}})) == []


# Small data


@pytest.mark.parametrize("customers", [0, 1, 30])
def test_few_customers_get_a_row_each_without_a_forecast_and_the_reason_is_noted(shop, customers):
    days = [(f"c{n}", NIGHT - timedelta(n), 1, 10.0) for n in range(customers)]
    if days:
        shop.give("customer_day", customer_days(days))
    fit = shop.fit()
    assert metrics(fit["churn_fit"])["method"] == (
        None,
        "none: no churn forecast: the history is too short for two dates with a known outcome",
    )
    assert (len(fit["churn_model"]), len(fit["churn_calibration"])) == (0, 0)
    made = shop.scored()
    assert len(made["customer_churn"]) == customers
    assert len(made["churn_drift"]) == 0
    for name in ("p_churn", "churn_tier", "method", "reason_1", "reason_2", "reason_3"):
        assert made["customer_churn"][name].null_count == customers
