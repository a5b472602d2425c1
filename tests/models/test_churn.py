"""Churn: judged one cut-off ahead against baselines, the same in any order, refused where it can't be honest."""

import hashlib
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from models.churn import (
    auc,
    brier,
    calibration_by_decile,
    churn_tier,
    fit_churn,
    fit_logistic,
    from_bytes,
    score_churn,
    to_bytes,
)

START = date(2023, 1, 1)


def simulated_orders(customers: int, days: int, seed: int) -> list[np.ndarray]:
    """Order days by customer: each joins on a day, buys at a rate of his own, and may leave after any order."""
    rng = np.random.default_rng(seed)
    orders = []
    for _ in range(customers):
        day, rate, leaves, history = rng.uniform(0, days), rng.gamma(1.2, 1 / 35), rng.beta(0.8, 6), []
        while day < days:
            history.append(int(day))
            if rng.random() < leaves:
                break
            day += rng.exponential(1 / rate)
        orders.append(np.array(history))
    return orders


def features_as_of(orders: list[np.ndarray], day: int, horizon: int = 90) -> pd.DataFrame:
    """Features from days up to the cut-off, label from the days after it: nothing leaks."""
    rows = []
    for number, history in enumerate(orders):
        past = history[(history <= day) & (history > day - 365)]
        if len(past):
            since = day - past[-1]
            rows.append(
                {
                    "customer_id": f"c{number:05d}",
                    "as_of_date": START + timedelta(days=day),
                    "is_active": bool(since < 90),
                    "has_churned": not ((history > day) & (history <= day + horizon)).any(),
                    "days_since_last_order": int(since),
                    "order_count": len(past),
                    "mean_gap_days": float(past[-1] - past[0]) / (len(past) - 1) if len(past) > 1 else None,
                    "spend": Decimal(int(len(past) * 1000 + number % 97)) / 100,
                    "region": "north",
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def cut_offs() -> tuple[pd.DataFrame, pd.DataFrame]:
    orders = simulated_orders(6000, 800, seed=5)
    return features_as_of(orders, 600), features_as_of(orders, 700)


@pytest.fixture(scope="module")
def fit(cut_offs):
    return fit_churn(*cut_offs, seed=1)


def quality(fit) -> dict[str, float]:
    return {metric: value for metric, value, _ in fit.quality}


# What is learnt, and how good it is


def test_every_other_numeric_column_is_a_feature(fit):
    assert fit.method == "gradient_boosting"
    assert fit.model.features == ("days_since_last_order", "mean_gap_days", "order_count", "spend")


def test_model_beats_the_baseline_and_chance_one_cut_off_ahead(fit):
    found = quality(fit)
    assert found["auc"] > found["auc_days_since_last_order"] > 0.55
    assert found["brier"] < found["brier_days_since_last_order"] < found["base_rate"] * (1 - found["base_rate"])
    assert found["top_decile_lift"] > 1.5


def test_probabilities_are_calibrated_one_cut_off_ahead(fit):
    found = quality(fit)
    assert found["calibration_slope"] == pytest.approx(1, abs=0.2)
    assert found["calibration_in_the_large"] == pytest.approx(0, abs=0.04)
    table = fit.calibration
    assert list(table["decile"]) == list(range(1, 11))
    off = (table["predicted"] - table["actual"]).abs() / table["standard_error"]
    assert (off < 4).all()


def test_only_the_active_of_the_later_cut_off_are_judged(fit, cut_offs):
    _, later = cut_offs
    active = later[later["is_active"]]
    assert quality(fit)["customers"] == len(active) == fit.calibration["customers"].sum()
    assert quality(fit)["base_rate"] == pytest.approx(active["has_churned"].mean(), abs=1e-6)
    assert quality(fit)["training_customers"] == len(later)


def test_note_names_both_dates_and_the_refit(fit):
    assert "learnt at 2024-08-23, judged at 2024-12-01" in fit.note
    assert "learnt again at the later date" in fit.note


def test_published_scorer_is_fitted_on_the_later_cut_off(fit, cut_offs):
    _, later = cut_offs
    p = score_churn(fit.model, later)
    # Calibrated on these very labels, so their mean is met far closer than any other cut-off's would be.
    assert p.mean() == pytest.approx(later["has_churned"].mean(), abs=0.01)


# The same scores, whatever the order, type or batch


def test_row_and_column_order_are_without_effect(fit, cut_offs):
    earlier, later = (frame.sample(frac=1, random_state=3)[frame.columns[::-1]] for frame in cut_offs)
    again = fit_churn(earlier, later, seed=1)
    assert again.quality == fit.quality
    assert (score_churn(again.model, cut_offs[1]) == score_churn(fit.model, cut_offs[1])).all()


def test_arrow_table_scores_like_a_frame_and_in_batches(fit, cut_offs, monkeypatch):
    frame = cut_offs[1]
    whole = score_churn(fit.model, frame)
    monkeypatch.setattr("models.churn.BATCH_ROWS", 999)
    assert (score_churn(fit.model, pa.Table.from_pandas(frame, preserve_index=False)) == whole).all()
    assert score_churn(fit.model, frame.iloc[:0]).shape == (0,)
    assert (np.round(whole, 6) == whole).all()
    assert whole.min() >= 0.001
    assert whole.max() <= 0.999


def test_artefact_round_trip_scores_the_same(fit, cut_offs):
    data = to_bytes(fit.model)
    restored = from_bytes(data)
    assert restored.features == fit.model.features
    assert (score_churn(restored, cut_offs[1]) == score_churn(fit.model, cut_offs[1])).all()


def test_sigmoid_and_isotonic_artefacts_hold_trusted_types_only(cut_offs, monkeypatch):
    for bound in (1, 10**9):
        monkeypatch.setattr("models.churn.ISOTONIC_FROM", bound)
        model = fit_churn(*(frame.head(1500) for frame in cut_offs), seed=1).model
        assert from_bytes(to_bytes(model)).features == model.features


def test_artefact_with_a_foreign_type_is_refused():
    data = skops.io.dumps({"features": [], "estimator": hashlib.sha256})
    with pytest.raises(UntrustedTypesFoundException):
        from_bytes(data)


def test_large_cut_off_is_sampled_by_customer_id(cut_offs, monkeypatch):
    monkeypatch.setattr("models.churn.MAX_TRAINING_ROWS", 800)
    earlier, later = cut_offs
    sampled = fit_churn(earlier, later, seed=1)
    shuffled = fit_churn(earlier.sample(frac=1, random_state=8), later.sample(frac=1, random_state=9), seed=1)
    assert quality(sampled)["training_customers"] == 800
    assert quality(sampled)["customers"] == later["is_active"].sum()
    assert (score_churn(sampled.model, later) == score_churn(shuffled.model, later)).all()


def test_missing_feature_is_named(fit, cut_offs):
    with pytest.raises(ValueError, match="features that are not there: order_count, spend"):
        score_churn(fit.model, cut_offs[1].drop(columns=["order_count", "spend"]))


# Refusals


def test_too_few_of_either_outcome_among_the_active_are_refused(cut_offs):
    earlier, later = cut_offs
    keep = later["is_active"] & later["has_churned"]
    few = pd.concat([later[~keep], later[keep].head(49)])
    refused = fit_churn(earlier, few, seed=1)
    assert (refused.method, refused.model, refused.quality, len(refused.calibration)) == ("none", None, [], 0)
    active = int(few["is_active"].sum())
    assert refused.note == (
        f"no churn forecast: at the later date {active} customers were active, of whom 49 left; "
        "50 of either outcome are needed"
    )
    enough = pd.concat([later[~keep], later[keep].head(50)])
    assert fit_churn(earlier, enough, seed=1).method == "gradient_boosting"


def test_no_labelled_cut_off_is_refused(cut_offs):
    earlier, later = cut_offs
    reason = "no churn forecast: the history is too short for the {} of two dates with a known outcome"
    assert fit_churn(None, None, seed=1).note == reason.format("earlier")
    unlabelled = later.assign(has_churned=pd.array([None] * len(later), dtype="boolean"))
    assert fit_churn(earlier, unlabelled, seed=1).note == reason.format("later")
    assert fit_churn(earlier.iloc[:0], later, seed=1).note == reason.format("earlier")


def test_one_outcome_and_no_feature_are_refused(cut_offs):
    earlier, later = cut_offs
    assert "of whom 0 left" in fit_churn(earlier.assign(has_churned=False), later, seed=1).note
    keys = ["customer_id", "as_of_date", "is_active", "has_churned"]
    assert fit_churn(earlier[keys], later[keys], seed=1).note.endswith("there is no numeric feature to learn from")


def test_without_a_model_nobody_has_a_probability(cut_offs):
    assert np.isnan(score_churn(None, cut_offs[1])).all()


def test_cut_offs_in_the_wrong_order_are_an_error(cut_offs):
    earlier, later = cut_offs
    with pytest.raises(ValueError, match="must be before"):
        fit_churn(later, earlier, seed=1)


def test_rows_whose_window_is_not_over_are_left_out(fit, cut_offs):
    earlier, later = cut_offs
    open_rows = later.head(20).assign(customer_id=[f"x{n}" for n in range(20)], has_churned=None)
    with_open = pd.concat([later.astype({"has_churned": object}), open_rows])
    assert fit_churn(earlier, with_open, seed=1).quality == fit.quality


# Numbers worked out by hand


def test_one_feature_with_two_values_gives_their_shares():
    x = np.array([10.0] * 10 + [80.0] * 10)
    y = np.array([True] * 2 + [False] * 8 + [True] * 6 + [False] * 4)
    line = fit_logistic(x, y)
    assert line.probability(np.array([10.0, 80.0])) == pytest.approx([0.2, 0.6], abs=1e-6)
    assert line.slope == pytest.approx((np.log(6 / 4) - np.log(2 / 8)) / 70, abs=1e-6)


def test_separable_and_constant_features_stay_finite():
    y = np.array([True, True, False, False])
    assert fit_logistic(np.array([1.0, 2.0, 8.0, 9.0]), y).probability(np.array([1.0]))[0] > 0.99
    assert fit_logistic(np.full(4, 7.0), y).probability(np.array([7.0]))[0] == pytest.approx(0.5)


def test_auc_and_brier_by_hand():
    churned, predicted = np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1])
    # Of four pairs three are ranked right and one ties: 3.5 / 4; squared errors .01, .36, .16, .01.
    assert auc(churned, predicted)[0] == 0.875
    assert brier(churned, predicted)[0] == pytest.approx(0.135)


def test_baselines_are_learnt_on_the_earlier_active_and_judged_on_the_later():
    def cut_off(day: int, shares: tuple[float, float]) -> pd.DataFrame:
        rows = [
            (f"c{since}-{number}", START + timedelta(days=day), True, number < 200 * share, since)
            for since, share in zip((10, 80), shares, strict=True)
            for number in range(200)
        ]
        names = ["customer_id", "as_of_date", "is_active", "has_churned", "days_since_last_order"]
        frame = pd.DataFrame(rows, columns=names)
        return frame.assign(p_alive=1 - frame["days_since_last_order"] / 100)

    found = quality(fit_churn(cut_off(400, (0.2, 0.6)), cut_off(500, (0.3, 0.5)), seed=1))
    # 160 left (60 + 100) and 240 stayed (140 + 100): right 100 x 140, ties 60 x 140 + 100 x 100, of 160 x 240 pairs.
    assert found["auc_days_since_last_order"] == pytest.approx((14_000 + 18_400 / 2) / 38_400, abs=1e-6)
    # .2 said of 30 % and .6 said of 50 %: (.3 x .64 + .7 x .04 + .5 x .16 + .5 x .36) / 2.
    assert found["brier_days_since_last_order"] == pytest.approx(0.24, abs=1e-6)
    assert found["auc_p_alive"] == found["auc_days_since_last_order"]
    assert found["brier_p_alive"] == pytest.approx(0.24, abs=1e-6)
    assert found["base_rate"] == 0.4


def test_equal_scores_share_a_decile():
    table = calibration_by_decile(np.array([True] * 3 + [False] * 17), np.array([0.8] * 4 + [0.2] * 16))
    assert table.to_dict("records") == [
        {"decile": 1, "customers": 4, "predicted": 0.8, "actual": 0.75, "standard_error": 0.216506},
        {"decile": 3, "customers": 16, "predicted": 0.2, "actual": 0.0, "standard_error": 0.0},
    ]


def test_tiers_are_absolute_and_for_the_active_only():
    p = [0.9, 0.6, 0.599999, 0.3, 0.299999, 0.001, np.nan, 0.9]
    active = [True, True, True, True, True, True, True, False]
    assert churn_tier(p, active) == ["high", "high", "medium", "medium", "low", "low", None, None]
