"""Churn: measured one cut-off ahead, the baselines beside it, the same in any order."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from churn_customers import START, fitted, quality

from models.churn.artefact import from_artefact, to_artefact
from models.churn.fit import fit_churn
from models.churn.model import BASELINES
from models.churn.score import churn_reasons, churn_tier, score_churn

MEASURES = ("auc", "brier", "calibration_slope", "calibration_in_the_large", "top_decile_lift")


def test_every_other_numeric_column_that_is_known_is_a_feature(fit):
    assert fit.method == "gradient_boosting"
    assert fit.model.published.features == (
        "days_since_first_order",
        "days_since_last_order",
        "mean_days_between_orders",
        "order_count_180d",
        "order_day_count",
        "p_alive",
        "spend",
    )


def test_model_beats_both_baselines_and_chance_one_cut_off_ahead(fit):
    found = quality(fit)
    chance = found["base_rate"] * (1 - found["base_rate"])
    for name in BASELINES:
        assert found["auc"] > found[f"auc_{name}"] > 0.55
        assert found["brier"] < found[f"brier_{name}"] < chance
    assert found["brier_less_baseline"] < 0
    assert found["top_decile_lift"] > 1.5


def test_every_measure_is_there_for_the_published_and_for_each_method(fit):
    found = quality(fit)
    for method in (*BASELINES, "gradient_boosting"):
        assert {f"{measure}_{method}" for measure in MEASURES} <= found.keys()
    assert all(found[name] == found[f"{name}_gradient_boosting"] for name in MEASURES)


def test_probabilities_are_calibrated_within_3_points_and_two_standard_errors_by_decile(fit):
    table = fit.calibration
    assert list(table["decile"]) == list(range(1, 11))
    assert ((table["predicted"] - table["actual"]).abs() <= 0.03 + 2 * table["standard_error"]).all()
    assert quality(fit)["calibration_slope"] == pytest.approx(1, abs=0.2)


def test_only_the_active_of_the_last_cut_off_are_judged(fit, features, later):
    active = later[later["is_active"]]
    assert quality(fit)["customers"] == len(active) == fit.calibration["customers"].sum()
    assert quality(fit)["base_rate"] == pytest.approx(active["has_churned"].mean(), abs=1e-6)
    assert quality(fit)["training_rows"] == len(features)


def test_note_names_the_dates_and_the_refit(fit):
    assert "learnt at 2024-05-25, 2024-08-23, judged at 2024-11-21" in fit.note
    assert "published is the same recipe, learnt with that date too" in fit.note


def test_the_judged_scorer_never_saw_the_last_cut_off_and_the_published_did(fit, features, later):
    other = features.copy()
    other.loc[later.index, "has_churned"] = ~later["has_churned"]
    again = fitted(other)
    for name in (*BASELINES, "gradient_boosting"):
        # The same predictions, held against the opposite.
        assert quality(again)[f"auc_{name}"] == pytest.approx(1 - quality(fit)[f"auc_{name}"], abs=2e-6)
    at_holdout = replace(fit.model, published=fit.model.holdout_scorer)
    assert not np.allclose(score_churn(at_holdout, later)[0], score_churn(fit.model, later)[0])


def test_row_and_column_order_are_without_effect(fit, features):
    shuffled = features.sample(frac=1, random_state=3)[features.columns[::-1]]
    again = fitted(shuffled)
    assert (again.quality, again.fit_diagnostics) == (fit.quality, fit.fit_diagnostics)
    assert again.model.training == fit.model.training
    assert again.model.effects == fit.model.effects
    assert (score_churn(again.model, features)[0] == score_churn(fit.model, features)[0]).all()


@pytest.mark.parametrize("isotonic_from", [1, 10**9])
def test_baselines_are_learnt_on_the_earlier_active_and_judged_on_the_later(isotonic_from, monkeypatch):
    monkeypatch.setattr("models.churn.methods.CURVE_ISOTONIC_FROM", isotonic_from)

    def cut_off(day: int, shares: tuple[float, float]) -> pd.DataFrame:
        rows = [
            (f"c{since}-{number}", START + timedelta(days=day), True, number < 200 * share, since)
            for since, share in zip((10, 80), shares, strict=True)
            for number in range(200)
        ]
        names = ["customer_id", "as_of_date", "is_active", "has_churned", "days_since_last_order"]
        frame = pd.DataFrame(rows, columns=names)
        return frame.assign(p_alive=1 - frame["days_since_last_order"] / 100)

    fit = fit_churn(pd.concat([cut_off(400, (0.2, 0.6)), cut_off(500, (0.3, 0.5))]), seed=1)
    found = quality(fit)
    # 160 left (60 + 100) and 240 stayed (140 + 100): right 100 x 140, ties 60 x 140 + 100 x 100, of 160 x 240 pairs.
    assert found["auc_days_since_last_order"] == pytest.approx((14_000 + 18_400 / 2) / 38_400, abs=1e-6)
    # .2 said of 30 % and .6 said of 50 %: (.3 x .64 + .7 x .04 + .5 x .16 + .5 x .36) / 2.
    assert found["brier_days_since_last_order"] == pytest.approx(0.24, abs=1e-6)
    assert found["auc_p_alive"] == found["auc_days_since_last_order"]
    assert found["brier_p_alive"] == pytest.approx(0.24, abs=1e-6)
    assert found["base_rate"] == 0.4


def without_skill(features: pd.DataFrame) -> pd.DataFrame:
    """The same customers, but who left is drawn by lot, a third of the active and half of the others."""
    draw = np.random.default_rng(5).random(len(features))
    return features.assign(has_churned=draw < np.where(features["is_active"], 1 / 3, 1 / 2))


def test_without_skill_the_base_rate_is_published_without_tiers_and_reasons(features):
    drawn = without_skill(features)
    fit = fitted(drawn)
    assert fit.method == "base_rate"
    p, _ = score_churn(fit.model, drawn)
    rates = drawn.groupby("is_active")["has_churned"].mean()
    assert p == pytest.approx(drawn["is_active"].map(rates), abs=1e-6)
    assert churn_tier(p, drawn["is_active"], fit.method) == [None] * len(drawn)
    assert [reason.null_count for reason in churn_reasons(fit.model, drawn)] == [len(drawn)] * 3
    note = next(note for metric, _, note in fit.fit_diagnostics if metric == "skill_p_value")
    assert note.startswith("alarm; the forecast has no skill, so everybody gets the base rate, and tiers, reasons")
    assert "calibration_slope" not in quality(fit)
    assert quality(fit)["auc"] == 0.5
    assert from_artefact(*to_artefact(fit.model)) == fit.model


def test_a_base_rate_gives_way_to_the_first_forecast_with_skill_and_comes_back_without(fit, features):
    base = fitted(without_skill(features)).model
    assert fitted(features, base).method == fit.method
    assert fitted(without_skill(features), fit.model).method == "base_rate"


def test_forecast_with_skill_says_so(fit):
    note = next(note for metric, _, note in fit.fit_diagnostics if metric == "skill_p_value")
    assert note.startswith("chance of ranking")
    assert quality(fit)["skill_brier_improvement"] > 0
