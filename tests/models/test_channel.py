"""Best channel: found where contacts tell it, shrunk where they are few, and explored with known probabilities."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.channel import (
    CHANNELS,
    MIN_DELIVERED,
    ChannelFit,
    ChannelModel,
    choose_channel,
    fit_channel,
    learn_channels,
    score_channel,
)

COUNTS = (
    "delivered_count",
    "opened_count",
    "clicked_count",
    "purchase_count",
    "opened_purchase_count",
    "clicked_purchase_count",
    "logged_count",
    "logged_weight",
    "logged_purchase_weight",
)
BASE = {"email": 0.10, "push": 0.08, "sms": 0.18}


def responses(*rows: dict[str, object]) -> pd.DataFrame:
    """Rows with the counts that are not named at 0."""
    frame = pd.DataFrame([{"segment": "loyal", "is_recent": False, **dict.fromkeys(COUNTS, 0), **row} for row in rows])
    return frame.sort_values(["customer_id", "channel"], ignore_index=True)


def fitted(frame: pd.DataFrame) -> ChannelFit:
    """The fit on all customers: their sums, and themselves."""
    return fit_channel(sums(frame), frame)


def learnt(frame: pd.DataFrame) -> ChannelModel:
    """The model of all customers, whether it has skill or not."""
    model = learn_channels(sums(frame), frame)
    assert model is not None
    return model


def sums(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.groupby(["segment", "channel"], as_index=False)[list(COUNTS)].sum()


def together(frame: pd.DataFrame) -> pd.DataFrame:
    """Earlier and recent contacts added up, as customers are scored by."""
    return frame.groupby(["customer_id", "segment", "channel"], as_index=False)[list(COUNTS)].sum()


def population(customers: int, contacts: float, seed: int, prefer: float = 8) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Responses of customers who buy more or less and prefer channels, clicks go with both; and the true rates.

    The higher `prefer`, the less customers prefer channels; a third of the contacts is recent.
    """
    rng = np.random.default_rng(seed)
    ids = np.array([f"c{n:05d}" for n in range(customers)])
    level = rng.gamma(4, 1 / 4, customers)
    parts, truth = [], pd.DataFrame(index=ids, columns=list(BASE), dtype=float)
    for channel, rate in BASE.items():
        own = rng.beta(prefer * rate, prefer * (1 - rate), customers)
        truth[channel] = p = np.clip(own * level, 0, 0.95)
        for is_recent, share in ((False, 2 / 3), (True, 1 / 3)):
            n = rng.poisson(contacts * share, customers)
            bought = rng.binomial(n, p)
            clicked, clicked_bought = rng.binomial(n - bought, np.clip(2 * p, 0, 0.9)), rng.binomial(bought, 0.5)
            part = pd.DataFrame({"customer_id": ids, "segment": "loyal", "channel": channel, "is_recent": is_recent})
            part = part.assign(
                delivered_count=n,
                opened_count=clicked + clicked_bought,
                clicked_count=clicked + clicked_bought,
                purchase_count=bought,
                opened_purchase_count=0,
                clicked_purchase_count=clicked_bought,
                logged_count=0,
                logged_weight=0.0,
                logged_purchase_weight=0.0,
            )
            parts.append(part[part["delivered_count"] > 0])
    return pd.concat(parts).sort_values(["customer_id", "channel"], ignore_index=True), truth


@pytest.fixture(scope="module")
def known():
    frame, truth = population(4000, 6, seed=1)
    fit = fitted(frame)
    scores = score_channel(fit.model, pd.Series("loyal", index=truth.index), together(frame))
    return frame, truth, fit, scores[list(BASE)]


def of(fit, metric: str) -> float | None:
    return {name: value for name, value, _ in fit.quality}[metric]


# Probabilities


def test_the_channel_found_best_brings_more_than_the_populations_best(known):
    _, truth, _, scores = known
    chosen = truth.to_numpy()[np.arange(len(truth)), scores.to_numpy().argmax(axis=1)].mean()
    best = truth.max(axis=1).mean()
    assert truth["sms"].mean() + 0.4 * (best - truth["sms"].mean()) < chosen < best


def test_probabilities_are_calibrated(known):
    _, truth, _, scores = known
    for channel in BASE:
        for group in np.array_split(np.argsort(scores[channel].to_numpy()), 5):
            expected = scores[channel].iloc[group].mean()
            assert truth[channel].iloc[group].mean() == pytest.approx(expected, abs=0.03)


def test_shrunk_probabilities_are_nearer_to_the_truth_than_raw_shares(known):
    frame, truth, _, scores = known
    frame = together(frame)
    few = frame[frame["delivered_count"] <= 3]
    place = truth.index.get_indexer(few["customer_id"]), truth.columns.get_indexer(few["channel"])
    raw = (few["purchase_count"] / few["delivered_count"]).to_numpy()
    population = few["channel"].map(BASE).to_numpy()
    error = {
        name: np.mean((p - truth.to_numpy()[place]) ** 2)
        for name, p in {"raw": raw, "population": population, "shrunk": scores.to_numpy()[place]}.items()
    }
    assert error["shrunk"] < error["population"] < error["raw"]


def test_clicks_that_go_with_buying_count_and_clicks_that_do_not_hardly_do(known):
    frame, _, fit, _ = known
    assert of(fit, "click_weight") >= 0.1
    rng = np.random.default_rng(2)
    silent = frame["delivered_count"] - frame["purchase_count"]
    noise = rng.binomial(silent, 0.2) + frame["clicked_purchase_count"]
    assert of(fitted(frame.assign(opened_count=noise, clicked_count=noise)), "click_weight") <= 0.2


def test_a_frequent_buyer_reached_on_one_channel_is_expected_to_buy_more_on_all(known):
    fit = known[2]
    own = responses({"customer_id": "new", "channel": "push", "delivered_count": 4, "purchase_count": 2})
    new, silent = score_channel(fit.model, pd.Series("loyal", index=["new", "silent"]), own)[list(BASE)].to_numpy()
    assert (new > silent).all()
    assert silent == pytest.approx(list(BASE.values()), abs=0.02)


def test_many_own_contacts_decide_and_few_do_not(known):
    fit = known[2]
    rows = [
        {"customer_id": "sure", "channel": "push", "delivered_count": 60, "purchase_count": 40},
        {"customer_id": "sure", "channel": "sms", "delivered_count": 60, "purchase_count": 6},
        {"customer_id": "once", "channel": "push", "delivered_count": 1, "purchase_count": 0},
        {"customer_id": "once", "channel": "sms", "delivered_count": 1, "purchase_count": 0},
    ]
    scores = score_channel(fit.model, pd.Series("loyal", index=["sure", "once"]), responses(*rows))
    assert scores[list(BASE)].idxmax(axis=1).tolist() == ["push", "sms"]
    assert scores.loc["sure", "push"] == pytest.approx(40 / 60, abs=0.07)


def test_channels_hardly_used_are_unknown(known):
    frame = known[0]
    few = responses({"customer_id": "x", "channel": "call", "delivered_count": MIN_DELIVERED - 1, "purchase_count": 50})
    more = learnt(pd.concat([frame, few], ignore_index=True))
    assert set(more.rates["channel"]) == set(BASE)
    scores = score_channel(more, pd.Series("loyal", index=["x"]), few)
    assert scores[["ads", "call", "messenger"]].isna().all(axis=None)


def test_a_segment_keeps_its_own_rates_where_it_has_many_contacts_and_an_unknown_one_gets_the_populations():
    def segment(name: str, sms: int, push: int) -> list[dict[str, object]]:
        bought = {"sms": sms, "push": push}
        return [
            {
                "customer_id": f"{name}{n}",
                "segment": name,
                "channel": channel,
                "delivered_count": 10,
                "purchase_count": count // 100 + (n < count % 100),
            }
            for n in range(100)
            for channel, count in bought.items()
        ]

    frame = responses(*segment("a", 300, 100), *segment("b", 100, 300), *segment("c", 200, 100))
    model = learnt(frame)
    rates = model.rates.set_index(["segment", "channel"])["p_purchase"]
    assert rates["a", "sms"] > rates["a", "push"]
    assert rates["b", "sms"] < rates["b", "push"]
    assert score_channel(model, pd.Series("elsewhere", index=["z"]), frame).loc["z", "sms"] == pytest.approx(0.2)


def test_a_segment_that_never_bought_after_a_contact_is_unlikely_to_but_not_certain_not_to():
    rows = [
        {
            "customer_id": f"{name}{n}",
            "segment": name,
            "channel": channel,
            "delivered_count": 5,
            "purchase_count": bought,
        }
        for name, purchases in (("loyal", (1, 2)), ("lost", (0, 0)))
        for n in range(60)
        for channel, bought in zip(("email", "sms"), purchases, strict=True)
    ]
    rates = learnt(responses(*rows)).rates.set_index(["segment", "channel"])["p_purchase"]
    assert 0.001 < rates["lost", "email"] < rates["lost", "sms"] < 0.02


def test_with_logged_choices_rates_are_weighed_and_explored():
    """Of the likely buyers nine in ten were sent an sms, of the others one in ten: raw shares favour sms."""
    rows = []
    for kind, p_sms, buys in (("likely", 0.9, 0.4), ("other", 0.1, 0.1)):
        for channel, p in (("sms", p_sms), ("email", 1 - p_sms)):
            count = round(1000 * p)
            bought = round(count * buys)
            rows.append(
                {
                    "customer_id": f"{kind} {channel}",
                    "channel": channel,
                    "delivered_count": count,
                    "purchase_count": bought,
                    "logged_count": count,
                    "logged_weight": count / p,
                    "logged_purchase_weight": bought / p,
                }
            )
    weighed, raw = learnt(responses(*rows)), learnt(responses(*rows).assign(logged_count=0))
    assert (weighed.method, raw.method) == ("explored", "observational")
    for model, expected in ((raw, {"email": 0.13, "sms": 0.37}), (weighed, {"email": 0.25, "sms": 0.25})):
        assert model.rates.set_index("channel")["p_purchase"].to_dict() == pytest.approx(expected)
        assert model.base_rates == pytest.approx(expected)


def test_rates_are_of_all_customers_though_only_some_tell_how_much_they_differ(known):
    frame, _truth, fit, _scores = known
    some = frame[frame["customer_id"] < "c02000"]
    part = fit_channel(sums(frame), some)
    assert part.model.rates.equals(fit.model.rates)
    assert part.model.sign_rates == fit.model.sign_rates
    assert part.model.customer_concentration == pytest.approx(fit.model.customer_concentration, rel=0.5)
    assert part.model.customer_concentration != fit.model.customer_concentration


def test_without_contacts_there_is_no_best_channel_and_the_reason_is_said():
    nothing = responses({"customer_id": "a", "channel": "sms", "delivered_count": 1}).head(0)
    fit = fitted(nothing)
    assert fit.model is None
    assert fit.quality[0][2].startswith("observational: no best channel: 0 contacts were delivered in the last year")
    assert score_channel(fit.model, pd.Series("loyal", index=["a"]), nothing).isna().all(axis=None)


def test_order_of_customers_and_batches_are_without_effect(known):
    frame, truth, fit, scores = known
    segments = pd.Series("loyal", index=truth.index[::-1])
    backwards = score_channel(fit.model, segments, together(frame))
    pd.testing.assert_frame_equal(backwards.loc[truth.index, list(BASE)], scores)
    part = score_channel(fit.model, pd.Series("loyal", index=truth.index[:100]), together(frame))
    pd.testing.assert_frame_equal(part[list(BASE)], scores.head(100))


# Skill


def test_where_customers_do_not_prefer_channels_everybody_gets_what_all_do_on_each():
    frame, truth = population(2000, 6, seed=3, prefer=1e6)
    fit = fitted(frame)
    assert fit.model.method == "base_rate"
    assert next(note for name, _, note in fit.quality if name == "skill_p_value").startswith("alarm; the forecast has")
    scores = score_channel(fit.model, pd.Series("loyal", index=truth.index), together(frame))
    assert scores[list(BASE)].drop_duplicates().to_numpy() == pytest.approx(np.array([list(BASE.values())]), abs=0.01)
    assert scores[["ads", "call", "messenger"]].isna().all(axis=None)


def test_preferences_beyond_chance_are_published(known):
    assert known[2].model.method == "observational"
    assert of(known[2], "skill_p_value") < 0.001


def test_without_later_contacts_or_with_one_channel_nothing_tells(known):
    frame = known[0]
    for one in (frame[~frame["is_recent"]], frame[frame["is_recent"]], frame[frame["channel"] == "sms"]):
        fit = fitted(one)
        assert (fit.model.method, of(fit, "skill_p_value")) == ("base_rate", 1.0)


# The choice


def test_the_best_allowed_channel_is_chosen_unless_lots_say_otherwise():
    p = np.array([[0.1, np.nan, 0.3, np.nan, np.nan, 0.2]] * 4)
    allowed = np.array([[True, False, False, False, True, True]] * 4)
    draws = np.array([[0.9, 0.5], [0.05, 0.0], [0.05, 0.5], [0.05, 0.99]])
    chosen, probability, is_drawn = choose_channel(p, allowed, draws, exploration=0.3)
    assert [CHANNELS[n] for n in chosen] == ["sms", "ads", "push", "sms"]
    assert probability == pytest.approx([0.8, 0.1, 0.1, 0.8])
    assert is_drawn.tolist() == [False, True, True, True]


def test_nothing_known_is_drawn_and_nothing_allowed_is_not_chosen():
    allowed = np.array([[True, False, True, False, False, False], [False] * 6])
    chosen, probability, is_drawn = choose_channel(np.full((2, 6), np.nan), allowed, np.full((2, 2), 0.9), 0.1)
    assert chosen.tolist() == [2, -1]
    assert probability[0] == 0.5
    assert np.isnan(probability[1])
    assert is_drawn.tolist() == [True, False]


@settings(max_examples=30, deadline=None)
@given(
    p=arrays(float, (1, 6), elements=st.floats(0, 1)),
    allowed=arrays(bool, (1, 6)).filter(lambda row: row.any()),
    exploration=st.floats(0, 1),
)
def test_the_logged_probability_is_the_share_of_draws_that_choose_the_channel(p, allowed, exploration):
    grid = (np.arange(60) + 0.5) / 60
    draws = np.array([(u, v) for u in grid for v in grid])
    rows = len(draws)
    chosen, probability, _ = choose_channel(np.repeat(p, rows, 0), np.repeat(allowed, rows, 0), draws, exploration)
    for channel in np.unique(chosen):
        assert allowed[0, channel]
        assert (chosen == channel).mean() == pytest.approx(probability[chosen == channel][0], abs=0.02)
