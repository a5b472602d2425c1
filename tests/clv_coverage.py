"""How often a customer's interval of CLV holds what they bring, in simulated shops: a table of docs/COVERAGE.md.

Run by `make verify`, with the number of customers a row.
"""

import sys

import numpy as np
import pandas as pd
from clv_customers import mean_value, simulated
from coverage_page import write_measured

from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters, SpendParameters
from models.clv.score import score_clv
from models.clv.spend import fit_spend

SEED = 20261130
HORIZONS = (90, 365, 730)
WORLDS = {
    "mostly one-time buyers": (ClvParameters("mbg/nbd", 0.525, 43.0, 0.89, 1.6), SpendParameters(6.25, 3.74, 15.44)),
    "loyal, spend varies": (ClvParameters("mbg/nbd", 0.9, 12.0, 0.3, 6.0), SpendParameters(1.2, 2.5, 30.0)),
    "patient, steady spend": (ClvParameters("mbg/nbd", 3.0, 90.0, 2.0, 20.0), SpendParameters(60.0, 5.0, 10.0)),
    "one-time buyers never leave": (ClvParameters("bg/nbd", 0.6, 30.0, 0.8, 3.0), SpendParameters(6.25, 3.74, 15.44)),
    "leave at any time": (ClvParameters("pareto/nbd", 1.2, 28.0, 0.9, 250.0), SpendParameters(2.0, 4.0, 60.0)),
    "groceries": (ClvParameters("pareto/nbd", 1.5, 10.0, 0.5, 300.0), SpendParameters(1.2, 2.5, 30.0)),
    "leave at any time, steady spend": (
        ClvParameters("pareto/nbd", 3.0, 60.0, 2.0, 1500.0),
        SpendParameters(60.0, 5.0, 10.0),
    ),
}


def scored_world(
    buying: ClvParameters, spend: SpendParameters, count: int, horizon: int, seed: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Scores of customers by the models that were fitted on them, and what each brings in the horizon."""
    rows, brought = simulated(buying, spend, count, horizon, 0.1, seed)
    fit, money = fit_clv(rows, model=buying.model), fit_spend(mean_value(rows))
    return score_clv(rows, fit.parameters, money.parameters, horizon, 0.1, None).to_pandas(), brought


def missed(scored: pd.DataFrame, brought: np.ndarray) -> dict[str, tuple[float, float, int]]:
    """Shares of customers who bring less and more than their interval, and how many they are.

    Of all, of the best tenth by clv, and of the loyal, whose interval begins above zero.
    """
    assert scored[["clv_low", "clv_high"]].notna().all(axis=None), "an interval is missing"
    below, above = brought < scored["clv_low"] - 0.005, brought > scored["clv_high"] + 0.005
    groups = {
        "all": scored["clv"] >= 0,
        "best": scored["clv"] >= scored["clv"].quantile(0.9),
        "loyal": scored["clv_low"] > 0,
    }
    return {name: (below[who].mean(), above[who].mean(), int(who.sum())) for name, who in groups.items()}


def table(customers: int) -> str:
    """The table as Markdown."""
    lines = [
        f"{customers:,} customers a row, seed {SEED}, parameters fitted on them. No",
        "interval is NULL. Where more than 2.5 % bring nothing, clv_low is 0 and nobody brings less.",
        "",
        "| shop | model | horizon, days | all: below | above | best tenth: below | above | clv_low above 0: customers "
        "| below | above | median width / clv of the best |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (buying, spend) in WORLDS.items():
        for horizon in HORIZONS:
            scored, brought = scored_world(buying, spend, customers, horizon, SEED)
            found = missed(scored, brought)
            best = scored[scored["clv"] >= scored["clv"].quantile(0.9)]
            width = ((best["clv_high"] - best["clv_low"]) / best["clv"]).median()
            shares = {who: f"{below:.2%} | {above:.2%}" for who, (below, above, _) in found.items()}
            lines.append(
                f"| {name} | {buying.model} | {horizon} | {shares['all']} | {shares['best']} | {found['loyal'][2]:,} "
                f"| {shares['loyal'] if found['loyal'][2] >= 1000 else '- | -'} | {width:.2f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    write_measured("clv_interval", [table(int(sys.argv[1]))])
