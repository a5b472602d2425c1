"""Customers whose intervals between purchase days are Gamma, for tests of the next order."""

import numpy as np
import pandas as pd
import pyarrow as pa

from models.next_order.parameters import NextOrderParameters

POPULATION = NextOrderParameters(k=1.4, r=1.3, alpha=12.0, a=0.6, b=5.0)


NIGHT = 500


def bought_days(customers: int, k: float, seed: int, last_day: int = 700) -> list[np.ndarray]:
    """Purchase days by customer: each has a first day, a rate and a chance to leave; intervals are Gamma(k)."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(customers):
        rate, leaves = rng.gamma(1.3, 1 / 12), rng.beta(0.6, 5)
        day, days = rng.uniform(0, NIGHT), []
        while day < last_day:
            days.append(int(day))
            if rng.random() < leaves:
                break
            day += rng.gamma(k, 1 / rate)
        found.append(np.unique(days).astype(int))
    return found


def patterns_of(days: list[np.ndarray]) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """What is known on the night: patterns, lengths of intervals; and the days to each next purchase day after it."""
    rows, intervals, following = [], [], []
    for number, own in enumerate(days):
        past, later = own[own <= NIGHT], own[own > NIGHT]
        if len(past):
            name = f"c{number:05d}"
            rows.append((name, len(past) - 1, past[-1] - past[0], NIGHT - past[0], 1))
            intervals += [(name, length, 1) for length in np.diff(past)]
            following.append(later[0] - NIGHT if len(later) else np.nan)
    patterns = pd.DataFrame(rows, columns=["customer_id", "frequency", "recency_days", "age_days", "customer_count"])
    lengths = pd.DataFrame(intervals, columns=["customer_id", "interval_days", "interval_count"])
    return patterns, lengths, np.array(following)


def customers(*rows: tuple[float | None, float | None, float | None]) -> pa.Table:
    x, recency, age = zip(*rows, strict=True)
    columns = {"frequency": x, "recency_days": recency, "age_days": age}
    ids = {"customer_id": pa.array([f"c{i}" for i in range(len(rows))])}
    return pa.table(ids | {name: pa.array(values, pa.int64()) for name, values in columns.items()})
