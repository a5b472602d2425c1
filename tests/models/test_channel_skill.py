"""Whether customers prefer channels: what all of them do, and how much each buys, is no preference."""

import numpy as np
import pytest

from models.channel_skill import preference_p_value


def shop(seed: int, prefer: float, customers: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecast, contacts and purchases: frequent buyers are sent more e-mails, and channels differ for all."""
    random = np.random.default_rng(seed)
    level = random.gamma(1, 1, customers)
    true = np.exp(prefer * random.normal(size=(customers, 3)))
    delivered = random.poisson(4 * np.column_stack([np.sqrt(level), np.ones(customers), 1 / (level + 0.3)]))
    rate = np.clip(np.array([0.1, 0.08, 0.18]) * level[:, None] * true, 0, 0.95)
    bought = random.binomial(delivered, rate)
    noise = random.normal(0, 0.3, (customers, 3)) + np.array([0.2, 0, -0.2]) + 0.1 * level[:, None]
    return noise + np.log(true), delivered.astype(float), bought.astype(float)


def test_of_forecasts_worth_nothing_as_many_pass_as_chance_says():
    p = np.array([preference_p_value(*shop(seed, 0))[0] for seed in range(400)])
    assert (p < 0.025).mean() == pytest.approx(0.025, abs=0.02)
    assert (p > 0.975).mean() == pytest.approx(0.025, abs=0.02)


def test_true_preferences_are_found():
    assert all(preference_p_value(*shop(seed, 0.4))[0] < 0.025 for seed in range(20))


def test_levels_of_channels_and_customers_are_no_preference():
    forecast, delivered, bought = shop(1, 0.3)
    more = forecast + np.array([3.0, -1.0, 0.5]) + np.arange(len(forecast))[:, None]
    assert preference_p_value(more, delivered, bought) == pytest.approx(preference_p_value(forecast, delivered, bought))


def test_who_bought_nothing_or_was_reached_on_one_channel_tells_nothing():
    delivered = np.array([[5.0, 5.0, 0.0], [5.0, 0.0, 0.0]])
    bought = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    assert preference_p_value(np.ones((2, 3)), delivered, bought) == (1.0, 0)
