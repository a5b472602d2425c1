"""A forecast without skill is seen to have none, and one with skill to have some."""

import numpy as np
import pytest
from skill_coverage import FORECASTS, published_share

from models.evaluation.skill import Skill, probability_skill, rank_p_value


def test_of_random_ranks_one_in_forty_passes_whatever_their_distribution():
    random = np.random.default_rng(1)
    happened = random.random((2000, 300)) < 0.1
    found = [probability_skill(row, np.exp(random.normal(-3, 1, 300))) for row in happened]
    assert np.mean([skill.p_value < 0.025 for skill in found]) == pytest.approx(0.025, abs=0.014)
    assert np.mean([skill.is_beyond_chance for skill in found]) <= 0.035


def test_p_value_is_that_of_the_rank_test():
    # Of 10 customers the 5 who left were ranked first: U = 25 of 25, and no ties in the forecast.
    happened, forecast = np.arange(10) >= 5, np.arange(10.0)
    assert rank_p_value(happened, forecast) == pytest.approx(0.0045, abs=0.0001)
    assert rank_p_value(happened, -forecast) == pytest.approx(0.9955, abs=0.0001)
    assert rank_p_value(happened, np.ones(10)) == 1
    assert rank_p_value(np.ones(10), forecast) == 1


def test_ranks_alone_are_no_skill_where_the_forecast_exaggerates():
    happened = np.arange(200) % 2 == 0
    forecast = np.where(np.arange(200) < 120, happened, ~happened).clip(0.001, 0.999)
    skill = probability_skill(happened, forecast)
    assert skill.p_value < 0.01
    assert skill.improvement == pytest.approx(0.25 - 0.4 * 0.999**2 - 0.6 * 0.001**2)
    assert not skill.is_beyond_chance


def test_the_chance_is_shared_by_the_methods_of_which_the_best_was_taken():
    assert Skill(0.012, 0.01, 2, 300).is_beyond_chance
    assert not Skill(0.012, 0.01, 3, 300).is_beyond_chance
    (_, p, note), (_, improvement, _) = Skill(0.2, 0.01, 3, 300).quality(", and no tiers")
    assert (p, improvement) == (0.2, 0.01)
    assert note == (
        "alarm; the forecast has no skill, so everybody gets the base rate, and no tiers; chance of ranking 300 "
        "held-out customers so well without skill; skill is under 2.5% / 3 methods"
    )


@pytest.mark.parametrize("forecast", FORECASTS)
def test_without_skill_hardly_a_shop_gets_forecasts_and_with_skill_nearly_all(forecast):
    """A short form of `make verify`: of 8 shops without skill more than 2 pass with a chance of one in 1,000."""
    slow = forecast == "next order"
    assert published_share(forecast, 300, 0.0, 4 if slow else 8) <= 0.25
    assert published_share(forecast, 1000, 0.65, 1 if slow else 2) == 1.0
