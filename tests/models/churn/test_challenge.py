"""Who is published: the best method after three wins, and the champion where the challenger is worse."""

from dataclasses import replace

import pytest
from churn_customers import TARGET_DEFINITION, fitted, quality
from hypothesis import given
from hypothesis import strategies as st

from models.churn.model import BASELINES, ChampionState, Curve, Scorer
from models.churn.score import score_churn


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
    state = ChampionState("p_alive")
    for number, winner in enumerate(winners):
        before, state = state, state.after(winner)
        if state.published != before.published:
            assert winners[number - 2 : number + 1] == [winner] * 3
            assert state == ChampionState(winner)
    for winner in ["gradient_boosting"] * 3:
        state = state.after(winner)
    assert state.published == "gradient_boosting"


def test_the_first_winner_is_published_and_a_later_one_waits(fit, features):
    assert fit.model.champion_state == ChampionState("gradient_boosting")
    baseline = Scorer(("p_alive",), Curve((0.0, 1.0), (0.9, 0.1)))
    last = replace(
        fit.model,
        method="p_alive",
        published=baseline,
        holdout_scorer=baseline,
        champion_state=ChampionState("p_alive"),
    )
    second = fitted(features, last)
    assert second.method == "p_alive"
    assert second.model.champion_state == ChampionState("p_alive", "gradient_boosting", 1)
    assert quality(second)["wins_in_a_row"] == 1
    assert quality(second)["brier"] == quality(second)["brier_p_alive"]
    third = fitted(features, replace(last, champion_state=ChampionState("p_alive", "gradient_boosting", 2)))
    assert third.method == "gradient_boosting"
    assert third.model.champion_state == ChampionState("gradient_boosting")


def test_a_new_model_that_is_worse_beyond_chance_is_refused_and_the_last_one_stays(fit, features):
    # Too good to be learnt from (the leak test sees to that), so only the last model can have it.
    knowing = features.assign(oracle=features["has_churned"].astype(float))
    oracle = Scorer(("oracle",), Curve((0.0, 1.0), (0.05, 0.95)))
    last = replace(fit.model, published=oracle, holdout_scorer=oracle)
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
        replace(fit.model, target_definition={"churn_horizon_days": 30}),
        replace(fit.model, holdout_scorer=Scorer(("lost",), Curve((0.0,), (0.5,)))),
    ):
        found = fitted(features, last)
        assert "brier_less_last_model" not in quality(found)
        assert found.model.target_definition == TARGET_DEFINITION
