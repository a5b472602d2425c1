"""Customers who buy and may leave, as churn sees them at some cut-offs, for tests."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from models.churn.fit import ChurnFit, fit_churn
from models.churn.model import ChurnModel
from models.churn.score import with_p_alive
from models.churn.season import Outcomes
from models.clv.parameters import ClvParameters

START = date(2023, 1, 1)


TARGET_DEFINITION = {"churn_horizon_days": 90}


# How the simulated customers buy and leave: p_alive's parameters need no estimate.
BUYING = ClvParameters("mbg/nbd", 1.2, 35.0, 0.8, 6.0)


def simulated_orders(customers: int, days: int, seed: int) -> list[np.ndarray]:
    """Order days by customer: each joins on a day, buys at a rate of their own, and may leave after any order."""
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


def fitted(features: pd.DataFrame, champion: ChurnModel | None = None, outcomes: Outcomes | None = None) -> ChurnFit:
    known = with_p_alive(features, BUYING)
    return fit_churn(
        known, 1, champion, buying=BUYING, target_definition=TARGET_DEFINITION, outcomes=outcomes, threads=1
    )


def quality(fit: ChurnFit) -> dict[str, float | None]:
    return {metric: value for metric, value, _ in (*fit.fit_diagnostics, *fit.quality)}
