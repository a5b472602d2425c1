"""How good probabilities are, held against what happened: ranking, error, calibration, lift."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from models.types import Booleans, Floats, Integers

LEAST_PROBABILITY, HIGHEST_PROBABILITY = 0.001, 0.999


def published_probability(p: Floats) -> Floats:
    """Probabilities as they are published: to 6 digits, within .001 and .999."""
    return np.asarray(np.clip(p, LEAST_PROBABILITY, HIGHEST_PROBABILITY).round(6), dtype=float)


def log_odds(p: Floats) -> Floats:
    """ln(p / (1 - p)), of probabilities that are neither 0 nor 1."""
    return np.asarray(np.log(p / (1 - p)))


def logistic(score: Floats) -> Floats:
    """1 / (1 + e^-score), without overflow: the probability whose log-odds are the score."""
    return np.asarray(1 / (1 + np.exp(-np.clip(score, -500, 500))))


@dataclass(frozen=True)
class Logistic:
    """P(happened) = 1 / (1 + e^-(intercept + slope x)), with the slope's standard error."""

    intercept: float
    slope: float
    slope_error: float = field(default=np.nan)

    def probability(self, x: Floats) -> Floats:
        return logistic(self.intercept + self.slope * x)


def fit_logistic(x: Floats, y: Booleans) -> Logistic:
    """Logistic regression on one feature by Newton's method; a tiny ridge keeps separable data finite."""
    center, spread = float(x.mean()), float(x.std()) or 1.0
    design = np.column_stack([np.ones(len(x)), (x - center) / spread])
    ridge = np.diag([0.0, 1e-9 * len(x)])
    weights = np.array([np.log((y.sum() + 0.5) / ((~y).sum() + 0.5)), 0.0])
    information = np.eye(2)
    for _ in range(100):
        p = logistic(design @ weights)
        information = (design * (p * (1 - p))[:, None]).T @ design + ridge + np.eye(2) * 1e-12
        step = np.linalg.solve(information, design.T @ (y - p) - ridge @ weights)
        weights = weights + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-12:
            break
    error = float(np.sqrt(np.linalg.inv(information)[1, 1])) / spread
    slope = float(weights[1]) / spread
    return Logistic(float(weights[0]) - slope * center, slope, error)


def auc(happened: Booleans, predicted: Floats) -> tuple[float, float]:
    """Share of pairs ranked right (ties count half), and its standard error (Hanley and McNeil 1982)."""
    area = float(roc_auc_score(happened, predicted))
    ones, zeros = int(happened.sum()), int((~happened).sum())
    two_ones, two_zeros = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (ones - 1) * (two_ones - area**2) + (zeros - 1) * (two_zeros - area**2)
    return area, float(np.sqrt(max(variance, 0.0) / (ones * zeros)))


def brier(happened: Booleans, predicted: Floats) -> tuple[float, float]:
    """Mean squared error of the probabilities, and its standard error."""
    errors = (predicted - happened) ** 2
    return float(errors.mean()), float(errors.std() / np.sqrt(len(errors)))


def calibration_by_decile(happened: Booleans, predicted: Floats) -> pd.DataFrame:
    """One row per decile of risk, 1 the highest: decile, customers, predicted, actual, standard_error of actual."""
    frame = pd.DataFrame({"decile": decile(predicted), "predicted": predicted, "actual": happened.astype(float)})
    table = frame.groupby("decile", as_index=False).agg(
        customers=("actual", "size"), predicted=("predicted", "mean"), actual=("actual", "mean")
    )
    table["standard_error"] = np.sqrt(table["actual"] * (1 - table["actual"]) / table["customers"])
    return table.round({"predicted": 6, "actual": 6, "standard_error": 6})


def no_deciles() -> pd.DataFrame:
    """The empty table of calibration_by_decile."""
    return pd.DataFrame(columns=["decile", "customers", "predicted", "actual", "standard_error"])


def measures(happened: Booleans, predicted: Floats) -> list[tuple[str, float, str]]:
    """(metric, value, note): AUC, Brier score, calibration and lift of one method. No slope if all are alike."""
    base_rate = float(happened.mean())
    area, area_error = auc(happened, predicted)
    score, score_error = brier(happened, predicted)
    line = fit_logistic(log_odds(predicted), happened)
    slope = f"1 is right, below 1 is overconfident; {_error(line.slope_error)}"
    shift_error = float(np.sqrt((predicted * (1 - predicted)).sum())) / len(happened)
    top = happened[decile(predicted) == 1]
    rows = [
        ("auc", area, _error(area_error)),
        ("brier", score, _error(score_error)),
        *([("calibration_slope", line.slope, slope)] if np.ptp(predicted) > 0 else []),
        (
            "calibration_in_the_large",
            base_rate - float(predicted.mean()),
            f"actual less predicted share; {_error(shift_error)}; cut-offs drift by some points",
        ),
        (
            "top_decile_lift",
            float(top.mean()) / base_rate if len(top) else 1.0,
            f"{len(top)} customers of highest risk against the base rate",
        ),
    ]
    return [(metric, round(value, 6), note) for metric, value, note in rows]


def decile(forecast: Floats) -> Integers:
    """Decile of each forecast, 1 the highest: 1 + floor(10 x share strictly higher), so equal values share one."""
    higher = len(forecast) - np.searchsorted(np.sort(forecast), forecast, side="right")
    return 1 + (10 * higher) // max(len(forecast), 1)


def _error(value: float) -> str:
    return f"standard error {value:.4f}"
