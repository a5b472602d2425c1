"""Rows of campaign_outcome, worked out from customers' values."""

from decimal import Decimal
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

METRICS = ("buyer_rate", "orders_per_customer", "revenue_per_customer", "margin_per_customer")


def outcome(
    arm: str,
    metric: str,
    values: npt.ArrayLike,
    before: npt.ArrayLike | None = None,
    tenure: npt.ArrayLike | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """A row for customers with these values in the window and in the pre-period; each bought in every window before."""
    v = np.asarray(values, float)
    p = np.zeros(len(v)) if before is None else np.asarray(before, float)
    t = np.zeros(len(v)) if tenure is None else np.asarray(tenure, float)
    letters = {"v": v, "p": p, "t": t}
    row: dict[str, Any] = {
        "campaign_id": "c",
        "metric": metric,
        "segment_family": "all",
        "segment": "all",
        "arm": arm,
        "stratum": "unknown",
        "control_share": None,
        "window_days": 14,
        "customers": len(v),
        "pending_customers": 0,
        "buyers": int((v > 0).sum()),
        "pre_window_count": 4 * len(v),
        "pre_bought_window_count": 4 * len(v),
        "before_sum": _decimal(p.sum()),
        "revenue": _decimal(100.0 * len(v)),
        "uncosted_revenue": _decimal(0.0),
        "pre_revenue": _decimal(100.0 * len(v)),
        "pre_uncosted_revenue": _decimal(0.0),
        "is_over": True,
        "has_end": True,
        "primary_metric": None,
        "cost_amount": None,
    }
    for power in (1, 2, 3):
        for names in combinations_with_replacement("vpt", power):
            product = np.prod([letters[name] for name in names], axis=0)
            row[f"sum_{''.join(names)}"] = _decimal(product.sum())
    return row | columns


def campaign(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """campaign_outcome with rows of all metrics: where one is not among them, everybody has 1."""
    found = list(rows)
    for metric in METRICS:
        if all(row["metric"] != metric for row in rows):
            same = [row for row in rows if row["metric"] == rows[0]["metric"]]
            given = ("pending_customers", "is_over", "has_end", "primary_metric", "cost_amount", "control_share")
            keys = ("campaign_id", "arm", "stratum", "segment", "segment_family")
            found += [
                outcome("", metric, np.ones(row["customers"])) | {name: row[name] for name in (*keys, *given)}
                for row in same
            ]
    return pd.DataFrame(found)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(float(value), 4)))
