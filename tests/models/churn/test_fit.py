"""Churn: judged one cut-off ahead, the baseline published where it isn't beaten, the same in any order, no leaks."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from skops.io.exceptions import UntrustedTypesFoundException

from models.churn.artefact import from_artefact, to_artefact
from models.churn.fit import ChurnFit, fit_churn
from models.churn.model import BASELINES, ChampionState, ChurnModel, Curve, Scorer
from models.churn.score import churn_reasons, churn_tier, score_churn, scored_columns, with_p_alive
from models.churn.season import Outcomes
from models.clv.parameters import ClvParameters
from models.clv.score import alive_probability
from models.evaluation.probability import auc, brier, calibration_by_decile, fit_logistic

START = date(2023, 1, 1)
QUESTION = {"churn_horizon_days": 90}
# How the simulated customers buy and leave: p_alive's parameters need no estimate.
BUYING = ClvParameters("mbg/nbd", 1.2, 35.0, 0.8, 6.0)
MEASURES = ("auc", "brier", "calibration_slope", "calibration_in_the_large", "top_decile_lift")


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
        past = np.unique(history[history <= day])
        if len(past) and past[-1] > day - 365:
            since = day - past[-1]
            rows.append(
                {
                    "customer_id": f"c{number:05d}",
                    "as_of_date": START + timedelta(days=day),
                    "is_active": bool(since < 90),
                    "has_churned": not ((history > day) & (history <= day + horizon)).any(),
                    "days_since_last_order": int(since),
                    "days_since_first_order": int(day - past[0]),
                    "order_day_count": len(past),
                    "order_count_180d": int((past > day - 180).sum()),
                    "mean_days_between_orders": (past[-1] - past[0]) / (len(past) - 1) if len(past) > 1 else None,
                    "spend": Decimal(int(len(past) * 1000 + number % 97)) / 100,
                    "unknown": None,
                    "region": "north",
                }
            )
    return pd.DataFrame(rows).astype({"unknown": "float64"})


def cut_offs(customers: int, seed: int, days: tuple[int, ...] = (510, 600, 690)) -> pd.DataFrame:
    orders = simulated_orders(customers, 800, seed)
    return pd.concat([features_as_of(orders, day) for day in days], ignore_index=True)


def fitted(features: pd.DataFrame, previous: ChurnModel | None = None, outcomes: Outcomes | None = None) -> ChurnFit:
    known = with_p_alive(features, BUYING)
    return fit_churn(known, 1, previous, buying=BUYING, question=QUESTION, outcomes=outcomes, threads=1)


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    return cut_offs(6000, seed=5)


@pytest.fixture(scope="module")
def fit(features) -> ChurnFit:
    return fitted(features)


@pytest.fixture(scope="module")
def later(features) -> pd.DataFrame:
    return features[features["as_of_date"] == features["as_of_date"].max()]


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    return cut_offs(2000, seed=7)


def quality(fit: ChurnFit) -> dict[str, float | None]:
    return {metric: value for metric, value, _ in (*fit.fit_diagnostics, *fit.quality)}


# What is learnt, and how good it is


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
    judged = replace(fit.model, published=fit.model.judged)
    assert not np.allclose(score_churn(judged, later)[0], score_churn(fit.model, later)[0])


def test_p_alive_is_worked_out_from_days_with_an_order():
    row = {"order_day_count": [3, 1], "days_since_first_order": [100, 50], "days_since_last_order": [10, 50]}
    found = with_p_alive(pa.table(row), BUYING)["p_alive"].to_pylist()
    expected = alive_probability(BUYING, *(np.array(v, dtype=float) for v in ([2, 0], [90, 0], [100, 50])))
    assert found == expected.tolist()
    assert with_p_alive(pa.table(row), None).column_names == list(row)


# Who is published


def test_where_boosting_does_not_beat_the_baselines_the_better_baseline_is_published(small):
    for frame in (small, small[small["customer_id"] < "c00300"]):
        found = fitted(frame)
        assert found.method in BASELINES
        assert quality(found)["brier"] == quality(found)[f"brier_{found.method}"]
        assert quality(found)["auc"] >= max(quality(found)[f"auc_{name}"] for name in BASELINES) - 0.01
        p = score_churn(found.model, frame)[0]
        assert ((p > 0) & (p < 1)).all()


@given(st.lists(st.sampled_from([*BASELINES, "gradient_boosting"]), max_size=12))
def test_a_switch_needs_three_wins_in_a_row(winners):
    standing = ChampionState("p_alive")
    for number, winner in enumerate(winners):
        before, standing = standing, standing.after(winner)
        if standing.published != before.published:
            assert winners[number - 2 : number + 1] == [winner] * 3
            assert standing == ChampionState(winner)
    for winner in ["gradient_boosting"] * 3:
        standing = standing.after(winner)
    assert standing.published == "gradient_boosting"


def test_the_first_winner_is_published_and_a_later_one_waits(fit, features):
    assert fit.model.standing == ChampionState("gradient_boosting")
    baseline = Scorer(("p_alive",), Curve((0.0, 1.0), (0.9, 0.1)))
    last = replace(fit.model, method="p_alive", published=baseline, judged=baseline, standing=ChampionState("p_alive"))
    second = fitted(features, last)
    assert second.method == "p_alive"
    assert second.model.standing == ChampionState("p_alive", "gradient_boosting", 1)
    assert quality(second)["wins_in_a_row"] == 1
    assert quality(second)["brier"] == quality(second)["brier_p_alive"]
    third = fitted(features, replace(last, standing=ChampionState("p_alive", "gradient_boosting", 2)))
    assert third.method == "gradient_boosting"
    assert third.model.standing == ChampionState("gradient_boosting")


def test_a_new_model_that_is_worse_beyond_chance_is_refused_and_the_last_one_stays(fit, features):
    # Too good to be learnt from (the leak test sees to that), so only the last model can have it.
    knowing = features.assign(oracle=features["has_churned"].astype(float))
    oracle = Scorer(("oracle",), Curve((0.0, 1.0), (0.05, 0.95)))
    last = replace(fit.model, published=oracle, judged=oracle)
    found = fitted(knowing, last)
    assert found.model.published is oracle
    assert quality(found)["brier_less_last_model"] > 0.05
    assert quality(found)["brier"] == pytest.approx(0.05**2)
    assert "the last model was better and stays" in found.note
    assert quality(found)["new_model_refused"] == 1
    again = fitted(features, fit.model)
    assert quality(again)["brier_less_last_model"] == 0
    assert "the last model" not in again.note


def test_a_model_of_another_question_or_of_lost_features_is_not_compared(fit, features):
    for last in (
        replace(fit.model, question={"churn_horizon_days": 30}),
        replace(fit.model, judged=Scorer(("lost",), Curve((0.0,), (0.5,)))),
    ):
        found = fitted(features, last)
        assert "brier_less_last_model" not in quality(found)
        assert found.model.question == QUESTION


# The season


def seasonal_outcomes(night: date, high: date) -> Outcomes:
    """Dates of three years, at which half leave; or four in five around one day of each year, by four weeks."""
    rows = [
        {
            "as_of_date": day,
            "days_since_last_order": 9,
            "customer_count": 1000,
            "churned_count": 800 if min((day - high).days % 364, (high - day).days % 364) <= 28 else 500,
        }
        for day in (night - timedelta(28 * n) for n in range(39, 0, -1))
        if (night - day).days >= 90
    ]
    return Outcomes(pd.DataFrame(rows), timedelta(90), night)


def moved(p: np.ndarray, shift: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(np.log(p / (1 - p)) + shift)))


def test_a_forecast_is_moved_to_its_season_and_nothing_else(fit, features, later):
    night = later["as_of_date"].iloc[0] + timedelta(90)
    found = fitted(features, outcomes=seasonal_outcomes(night, night))
    shift = found.model.published.shift
    assert shift > 0.5
    plain = score_churn(fit.model, later)[0]
    assert score_churn(found.model, later)[0] == pytest.approx(moved(plain, shift).clip(0.001, 0.999), abs=2e-6)
    assert churn_reasons(found.model, later) == churn_reasons(fit.model, later)
    assert quality(found)["season_shift"] == shift
    # A season is no drift: what is watched is the score before it was moved, in the bins of such scores.
    assert (score_churn(found.model, later)[1] == plain).all()
    assert found.model.bins["score"] == fit.model.bins["score"]
    assert 0.5 < quality(found)["season_slope"] < 1
    assert quality(fit)["season_shift"] == 0
    assert "season_slope" not in quality(fit)
    # The last cut-off was at another time of the year: it is judged as before, near enough.
    assert abs(found.model.judged.shift) < 0.2


def test_the_judged_forecast_is_moved_by_what_was_known_at_the_last_cut_off(fit, features, later):
    last = later["as_of_date"].iloc[0]
    known = seasonal_outcomes(last + timedelta(90), last)
    found = fitted(features, outcomes=known)
    shift = found.model.judged.shift
    assert shift > 0.5
    for name in (*BASELINES, "gradient_boosting"):
        assert quality(found)[f"auc_{name}"] == pytest.approx(quality(fit)[f"auc_{name}"], abs=1e-4)
    assert quality(found)["calibration_in_the_large"] < quality(fit)["calibration_in_the_large"] - 0.1
    # What came after it is without effect.
    rows = known.rows.copy()
    rows.loc[rows["as_of_date"] > last - timedelta(90), "churned_count"] = 100
    assert fitted(features, outcomes=replace(known, rows=rows)).model.judged.shift == shift


def test_a_model_that_stays_is_moved_to_the_season_of_now(fit, features, later):
    night = later["as_of_date"].iloc[0] + timedelta(90)
    last = fitted(features, outcomes=seasonal_outcomes(night, night)).model
    summer = seasonal_outcomes(night, night + timedelta(182))
    few = features.groupby("as_of_date").head(15)
    kept = fitted(few, last, summer)
    assert "the last one stays" in kept.note
    assert kept.model.published.shift < 0.1 < last.published.shift
    assert replace(kept.model, published=last.published, judged=last.judged) == last
    assert quality(kept)["season_shift"] == kept.model.published.shift
    assert fitted(few, last).model is last


def test_an_artefact_keeps_the_shift_and_one_from_before_there_were_seasons_has_none(fit, later):
    shifted = replace(fit.model, published=replace(fit.model.published, shift=0.25))
    trees, parameters = to_artefact(shifted)
    assert score_churn(from_artefact(trees, parameters), later)[0].tobytes() == score_churn(shifted, later)[0].tobytes()
    content = json.loads(parameters)
    for name in ("published", "judged"):
        del content[name]["shift"]
    assert from_artefact(trees, json.dumps(content)).published.shift == 0


# The same scores, whatever the order, type or batch


def test_row_and_column_order_are_without_effect(fit, features):
    shuffled = features.sample(frac=1, random_state=3)[features.columns[::-1]]
    again = fitted(shuffled)
    assert (again.quality, again.fit_diagnostics) == (fit.quality, fit.fit_diagnostics)
    assert again.model.training == fit.model.training
    assert again.model.effects == fit.model.effects
    assert (score_churn(again.model, features)[0] == score_churn(fit.model, features)[0]).all()


def test_arrow_table_scores_like_a_frame_and_in_batches(fit, later, monkeypatch):
    whole = score_churn(fit.model, later)[0]
    monkeypatch.setattr("models.churn.methods.BATCH_ROWS", 999)
    assert (score_churn(fit.model, pa.Table.from_pandas(later, preserve_index=False))[0] == whole).all()
    assert score_churn(fit.model, later.iloc[:0])[0].shape == (0,)
    assert (np.round(whole, 6) == whole).all()
    assert whole.min() >= 0.001
    assert whole.max() <= 0.999


@pytest.mark.parametrize("customers", [6000, 300])
def test_an_old_night_scored_with_its_own_artefact_is_the_same_to_the_byte(fit, features, small, customers):
    found = fit if customers == 6000 else fitted(small[small["customer_id"] < "c00300"])
    trees, parameters = to_artefact(found.model)
    assert (trees is None) == (found.method in BASELINES)
    restored = from_artefact(trees, parameters)
    assert restored.standing == found.model.standing
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
    data = skops.io.dumps({"published": hashlib.sha256, "judged": hashlib.sha256})
    with pytest.raises(UntrustedTypesFoundException):
        from_artefact(data, to_artefact(fit.model)[1])


def test_many_rows_are_sampled_by_customer(features, monkeypatch):
    for module in ("fit", "methods", "sample"):
        monkeypatch.setattr(f"models.churn.{module}.MAX_TRAINING_ROWS", 800)
    sampled = fitted(features)
    assert quality(sampled)["training_rows"] == 800
    assert quality(sampled)["customers"] == features[features["as_of_date"] == date(2024, 11, 21)]["is_active"].sum()
    assert fitted(features.sample(frac=1, random_state=8)).model.training == sampled.model.training


def test_missing_feature_is_named(fit, later):
    with pytest.raises(ValueError, match="features that are not there: order_count_180d, spend"):
        score_churn(fit.model, later.drop(columns=["order_count_180d", "spend"]))


# Reasons and drift


def test_reasons_are_of_those_at_risk_and_describe_them(fit, later):
    p = score_churn(fit.model, later)[0]
    words = pd.DataFrame({f"r{n}": column.to_pylist() for n, column in enumerate(churn_reasons(fit.model, later), 1)})
    at_risk = (p > 0.6) & later["is_active"].to_numpy()
    assert words["r1"][at_risk].notna().mean() > 0.95
    assert words["r1"][p < 0.15].notna().mean() < 0.3
    assert words["r1"][words["r2"].notna()].notna().all()
    assert quality(fit)["reasons_explain"] > 0.85
    for days, word in zip(later["days_since_last_order"], words["r1"], strict=True):
        if word and word.startswith("no order for"):
            assert word.startswith(f"no order for {days} days")


def test_reason_of_a_baseline_is_the_baselines(small):
    model = fitted(small).model
    first, *others = churn_reasons(model, small)
    said = {word for word in first.to_pylist() if word is not None}
    assert said
    assert all(word.startswith("no order for ") for word in said)
    assert [column.null_count for column in others] == [len(small)] * 2


def test_drift_is_watched_on_the_active_over_the_bins_of_the_last_cut_off(fit, later):
    active = int(later["is_active"].sum())
    columns = scored_columns(fit.model, later, score_churn(fit.model, later)[1])
    assert columns.keys() == {*fit.model.published.features, "score"} == fit.model.bins.keys()
    assert {len(values) for values in columns.values()} == {active}


# Leaks and refusals


def test_a_feature_that_knows_the_outcome_is_left_out_and_named(features, fit):
    random = np.random.default_rng(2)
    leak = features["has_churned"] + random.normal(0, 0.1, len(features))
    after = features["has_churned"].astype(float).where(features["has_churned"])  # NULL tells as well
    found = fitted(features.assign(orders_next_month=leak, orders_after=after))
    notes = {metric: note for metric, _, note in found.fit_diagnostics}
    assert notes["left_out_features"] == "they know the outcome: orders_after, orders_next_month"
    assert found.model.published.features == fit.model.published.features
    assert quality(found)["auc"] == quality(fit)["auc"]


def test_too_few_of_either_outcome_among_the_active_are_refused(small):
    last = small["as_of_date"] == small["as_of_date"].max()
    leavers = small.index[last & small["is_active"] & small["has_churned"]]
    refused = fitted(small.drop(leavers[19:]))
    assert (refused.method, refused.model, refused.quality, len(refused.calibration)) == ("none", None, [], 0)
    active = int((last & small["is_active"]).sum()) - len(leavers) + 19
    assert refused.note == (
        f"no churn forecast: at 2024-11-21 {active} customers were active, of whom 19 left; "
        "20 of either outcome are needed"
    )
    assert fitted(small.drop(leavers[20:])).model is not None


def test_when_nothing_new_can_be_learnt_the_last_model_stays(fit, small):
    few = small.head(30)
    found = fitted(few, fit.model)
    assert found.model is fit.model
    assert found.note.startswith("no new churn forecast: ")
    assert found.note.endswith("; the last one stays")
    assert fitted(few, replace(fit.model, question={})).model is None


@pytest.mark.parametrize("outcome", [True, False])
def test_all_churned_or_none_is_refused(small, outcome):
    found = fitted(small.assign(has_churned=outcome))
    assert found.model is None
    assert "20 of either outcome are needed" in found.note


def test_no_labelled_cut_off_and_no_feature_are_refused(small):
    short = "no churn forecast: the history is too short for two dates with a known outcome"
    assert fitted(small.iloc[:0]).note == short
    assert fitted(small[small["as_of_date"] == date(2024, 11, 21)]).note == short
    assert fitted(small.assign(has_churned=pd.array([None] * len(small), dtype="boolean"))).note == short
    keys = ["customer_id", "as_of_date", "is_active", "has_churned"]
    assert fit_churn(small[keys], seed=1).note == "no churn forecast: there is no numeric feature to learn from"


def test_earlier_dates_without_both_outcomes_are_left_out(small):
    first = small["as_of_date"] == date(2024, 5, 25)
    found = fitted(small.assign(has_churned=small["has_churned"] | first))
    assert "learnt at 2024-08-23, judged at 2024-11-21" in found.note
    before = fitted(small.assign(has_churned=small["has_churned"] | (small["as_of_date"] < date(2024, 11, 21))))
    assert before.note == "no churn forecast: at no date before 2024-11-21 20 active customers left and as many stayed"


def test_without_a_model_nobody_has_a_probability_or_a_reason(small):
    assert np.isnan(score_churn(None, small)[0]).all()
    assert [column.null_count for column in churn_reasons(None, small)] == [len(small)] * 3


def test_rows_whose_window_is_not_over_are_left_out(fit, features):
    tonight = features.tail(20).assign(as_of_date=date(2025, 2, 19), has_churned=None)
    with_open = pd.concat([features.astype({"has_churned": object}), tonight])
    assert quality(fitted(with_open)) == quality(fit)


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
