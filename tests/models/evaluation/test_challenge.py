"""Challenger against champion: refused only beyond chance and beyond the margin, and the rows say so."""

import numpy as np

from models.evaluation.challenge import Wording, compare_losses, compare_probabilities, no_comparison

WORDING = Wording("loss_less_last_model", "loss of the new one less that of the last one", "alarm; the last one stays")


def test_a_challenger_worse_beyond_chance_is_refused_with_an_alarm():
    champion = np.random.default_rng(1).exponential(size=500)
    result = compare_losses(champion + 0.5, champion, 1, WORDING)
    assert result.is_refused
    assert result.quality == [
        (
            "loss_less_last_model",
            0.5,
            "loss of the new one less that of the last one: +0.50000, 95 % interval +0.50000 to +0.50000; "
            "the new one is worse beyond chance, so the last one stays",
        ),
        ("new_model_refused", 1.0, "alarm; the last one stays"),
    ]


def test_a_challenger_worse_by_less_than_the_margin_is_published():
    champion = np.ones(100)
    for margin, is_refused in ((0.02, False), (0.005, True)):
        assert compare_losses(champion + 0.01, champion, 1, WORDING, margin).is_refused == is_refused


def test_probabilities_are_compared_by_squared_errors():
    happened = np.array([True, False] * 50)
    sure, unsure = np.where(happened, 0.9, 0.1), np.full(100, 0.5)
    assert not compare_probabilities(sure, unsure, happened, 1, WORDING).is_refused
    result = compare_probabilities(unsure, sure, happened, 1, WORDING)
    assert result.is_refused
    assert result.quality[0][1] == 0.24


def test_without_a_champion_the_challenger_is_published():
    result = no_comparison("loss_less_last_model", "there is no earlier one")
    note = "the new model is published without being held against an earlier one: there is no earlier one"
    assert (result.is_refused, result.quality) == (False, [("loss_less_last_model", None, note)])
