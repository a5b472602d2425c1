"""How often a forecast of single customers is published, in simulated shops with and without skill: docs/COVERAGE.md.

Run by `make verify`, with the number of shops a row.
"""

import sys
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
from coverage_page import write_measured

from models.churn.fit import fit_churn
from models.evaluation.probability import logistic
from models.next_order.fit import fit_next_order, regularity
from models.next_order.holdout import next_order_skill
from models.spend_growth.fit import fit_spend_growth

SEED = 20261130
CUT_OFFS = 4
# Standard deviations of the log-odds that history explains; the AUC of who knows them is about .5, .61, .67 and .72.
STRENGTHS = (0.0, 0.4, 0.65, 0.85)


def churn_shop(random: np.random.Generator, customers: int, strength: float) -> pd.DataFrame:
    """Customers at four cut-offs: each keeps a level of their own, which days since the last order and p_alive show."""
    level = random.normal(size=customers)
    frames = []
    for number in range(CUT_OFFS):
        now = 0.8 * level + 0.6 * random.normal(size=customers)
        frames.append(
            pd.DataFrame(
                {
                    "customer_id": [f"c{customer:06d}" for customer in range(customers)],
                    "as_of_date": date(2024, 1, 1) + timedelta(90 * number),
                    "is_active": True,
                    "has_churned": random.random(customers) < logistic(-0.6 + strength * now),
                    "days_since_last_order": np.round(np.exp(3 + 0.8 * now)),
                    "p_alive": logistic(1.5 - 0.7 * now + 0.3 * random.normal(size=customers)),
                    **{f"other_{column}": random.normal(size=customers).round(3) for column in range(6)},
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def churn_is_published(random: np.random.Generator, customers: int, strength: float) -> bool:
    """Whether the fit gives each customer a probability of their own."""
    return fit_churn(churn_shop(random, customers, strength), 7, threads=1).method != "base_rate"


def growth_shop(random: np.random.Generator, customers: int, strength: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers at two cut-offs, who spend more by a chance that the last horizon against their usual spend shows."""
    frames = []
    for _ in range(2):
        usual, now = random.gamma(4, 25, customers), random.normal(size=customers)
        last = usual * np.exp(0.5 * now)
        more = random.random(customers) < logistic(-0.2 - strength * now)
        frames.append(
            pd.DataFrame(
                {
                    "days_since_last_order": random.integers(0, 90, customers),
                    "days_since_first_order": random.integers(365, 900, customers),
                    "order_day_count_365d": random.poisson(8, customers) + 1,
                    "spend_365d": 365 / 90 * usual,
                    "spend_last": last,
                    "spend_before": usual * np.exp(0.5 * random.normal(size=customers)),
                    "spend_next": np.where(more, last + 1, last - 1),
                    "spend_last_complete": last,
                }
            )
        )
    return frames[0], frames[1]


def growth_is_published(random: np.random.Generator, customers: int, strength: float) -> bool:
    """Whether the fit gives each customer a probability of their own."""
    model = fit_spend_growth(*growth_shop(random, customers, strength), 90).model
    return model is not None and model.method != "base_rate"


def order_days(random: np.random.Generator, customers: int, strength: float) -> list[np.ndarray]:
    """Purchase days of two years: rates differ between customers, and one in ten purchases is the last for good.

    Without strength all buy at one rate and at random, and nobody leaves.
    """
    days = []
    for rate in np.exp(strength * random.normal(size=customers)) / 40:
        own = random.uniform(0, 365) + np.cumsum(random.exponential(1 / rate, 60))
        last = random.geometric(0.1) if strength else 60
        days.append(np.unique(own[:last].astype(int)))
    return days


def next_order_is_published(random: np.random.Generator, customers: int, strength: float) -> bool:
    """Whether customers get dates of their own: of a forecast on day 550 that is judged on day 730."""
    rows, intervals = [], []
    for number, own in enumerate(order_days(random, customers, strength)):
        past, later = own[own <= 550], own[(own > 550) & (own <= 730)]
        if len(past):
            following = later[0] - 550 if len(later) else np.nan
            rows.append((str(number), len(past) - 1, past[-1] - past[0], 550 - past[0], 1, following))
            intervals += [(str(number), length, 1) for length in np.diff(past)]
    names = ["customer_id", "frequency", "recency_days", "age_days", "customer_count", "next_days"]
    patterns = pd.DataFrame(rows, columns=names)
    lengths = pd.DataFrame(intervals, columns=["customer_id", "interval_days", "interval_count"])
    skill = next_order_skill(patterns, fit_next_order(patterns, regularity(lengths)).parameters, 180)
    return skill is not None and skill.is_beyond_chance


FORECASTS: dict[str, Callable[[np.random.Generator, int, float], bool]] = {
    "churn": churn_is_published,
    "spending more": growth_is_published,
    "next order": next_order_is_published,
}


def published_share(forecast: str, customers: int, strength: float, shops: int) -> float:
    """The share of simulated shops whose customers get a probability of their own."""
    random = np.random.default_rng([SEED, customers, round(strength * 100)])
    return float(np.mean([FORECASTS[forecast](random, customers, strength) for _ in range(shops)]))


def table(shops: int) -> str:
    """The table as Markdown."""
    lines = [
        f"{shops:,} simulated shops a row, seed {SEED}. Of the next order it is said by",
        "how much customers' rates differ (standard deviation of their logarithms); without that nobody leaves either.",
        "",
        "| forecast | customers | AUC of who knows all that history tells | shops with forecasts of single customers |",
        "|---|---|---|---|",
    ]
    for forecast in FORECASTS:
        for customers in (300, 1000):
            for strength in STRENGTHS:
                share = published_share(forecast, customers, strength, shops)
                best = f"{best_auc(strength):.2f}" if forecast != "next order" else f"rates differ by {strength:g}"
                lines.append(f"| {forecast} | {customers:,} | {best} | {share:.1%} |")
    return "\n".join(lines)


def best_auc(strength: float) -> float:
    """Share of pairs that who knows the log-odds ranks right."""
    random = np.random.default_rng(SEED)
    logit = -0.6 + strength * random.normal(size=400_000)
    p = logistic(np.sort(logit))
    below = np.cumsum(1 - p) - (1 - p) / 2
    return float((p * below).sum() / (p.sum() * (1 - p).sum()))


if __name__ == "__main__":
    write_measured("skill", [table(int(sys.argv[1]))])
