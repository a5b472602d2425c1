"""The features of spend growth: the last horizon against a customer's usual spend, and what is known of them."""

import numpy as np
import pandas as pd

from models.types import Floats

YEAR = 365


# Share of the usual spend that is added to both sides of a ratio, so that spends near 0 make no huge ones.
CUSHION = 0.1


# What is known of a customer; the features are made of it, and its drift is followed.
INPUTS = (
    "days_since_last_order",
    "days_since_first_order",
    "order_day_count_365d",
    "spend_365d",
    "spend_last",
    "spend_before",
)


# The first alone is a baseline.
FEATURES = (
    "last_against_usual",
    "last_against_usual_squared",
    "before_against_last",
    "silent_days",
    "order_days",
    "missed_orders",
    "missed_orders_squared",
    "known_days",
    "has_spent",
    "last_spend",
    "last_against_usual_by_order_days",
    "last_against_usual_by_missed_orders",
    "is_newer_than_horizon",
)


def cushion_of(customers: pd.DataFrame, horizon_days: int) -> float:
    """What is added to both sides of a ratio of spends, in currency."""
    return max(CUSHION * float(_usual_spend(customers, horizon_days).mean()), 0.01)


def features(customers: pd.DataFrame, cushion: float, horizon_days: int) -> dict[str, Floats]:
    """The features of FEATURES by name, one value per customer; cushion: see cushion_of."""
    last, before = (np.maximum(customers[name].to_numpy(dtype=float), 0) for name in ("spend_last", "spend_before"))
    silent = customers["days_since_last_order"].to_numpy(dtype=float)
    order_days = customers["order_day_count_365d"].to_numpy(dtype=float)
    known = _known_days(customers)
    against_usual = np.log((last + cushion) / (_usual_spend(customers, horizon_days) + cushion))
    missed = np.minimum(silent * order_days / known, 10)
    return {
        "last_against_usual": against_usual,
        "last_against_usual_squared": against_usual**2,
        "before_against_last": np.log((before + cushion) / (last + cushion)),
        "silent_days": np.log1p(silent),
        "order_days": np.log1p(order_days),
        "missed_orders": missed,
        "missed_orders_squared": missed**2,
        "known_days": np.log(known / YEAR),
        "has_spent": (last > 0).astype(float),
        "last_spend": np.log1p(last / cushion),
        "last_against_usual_by_order_days": against_usual * np.log1p(order_days),
        "last_against_usual_by_missed_orders": against_usual * missed,
        "is_newer_than_horizon": (known < horizon_days).astype(float),
    }


def _known_days(customers: pd.DataFrame) -> Floats:
    return np.asarray(np.minimum(customers["days_since_first_order"].to_numpy(dtype=float) + 1, YEAR))


def _usual_spend(customers: pd.DataFrame, horizon_days: int) -> Floats:
    """Net spend of the year, scaled to the horizon; of the days since the first order if they are fewer."""
    year = np.maximum(customers["spend_365d"].to_numpy(dtype=float), 0)
    return np.asarray(year * horizon_days / np.maximum(_known_days(customers), horizon_days))
