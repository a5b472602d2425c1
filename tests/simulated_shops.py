"""Made-up shops whose next year is known: seasons, trends, poor newcomers, price drift, a few huge customers.

Customers arrive, buy at rates of their own by a Poisson process that the season and the trend bend, and leave for good
(Pareto/NBD). Day HISTORY - 1 is the night, a 30th of June; what lies after it is the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.clv.weeks import EntryWeeks

HISTORY, FUTURE = 730, 365
HALF_YEAR = 182

Season = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SimulatedShop:
    """Purchase days of customers, first ones too: customer, day (0 to HISTORY + FUTURE - 1), amount; one row each."""

    days: pd.DataFrame

    @property
    def known(self) -> pd.DataFrame:
        """Days up to the night."""
        return self.days[self.days["day"] < HISTORY]

    @property
    def coming(self) -> pd.DataFrame:
        """Days of the next year of those who had bought by the night."""
        later = self.days[self.days["day"] >= HISTORY]
        return later[later["customer"].isin(self.known["customer"].unique())]


def flat(day: np.ndarray) -> np.ndarray:
    return np.ones_like(day)


def day_of_year(day: np.ndarray) -> np.ndarray:
    return day - HISTORY + 181


def summer(day: np.ndarray) -> np.ndarray:
    """A garden shop: the night is at the peak, where three times as much is bought as on the mean day."""
    return np.exp(1.2 * np.cos(2 * np.pi * (day_of_year(day) - 172) / 365.25)) * 0.7


def christmas(day: np.ndarray) -> np.ndarray:
    """Six times as much for six weeks before Christmas."""
    return (1 + 5 * (np.abs(day_of_year(day) % 365.25 - 340) < 22)) * 0.7


def falling(day: np.ndarray) -> np.ndarray:
    return 1.2 * 0.6 ** (day / 365)


def rising(day: np.ndarray) -> np.ndarray:
    return 0.5 * 1.6 ** (day / 365)


# Season or trend, and mean leaving rate's scale in days, of shops that differ in nothing else.
BUYING: dict[str, tuple[Season, float]] = {
    "sound": (flat, 200),
    "season": (summer, 400),
    "christmas": (christmas, 400),
    "down": (falling, 400),
    "up": (rising, 400),
    "doubled": (flat, 400),
    "half_year": (flat, 200),
    "drift": (flat, 400),
    "frequency": (flat, 200),
    "huge": (flat, 200),
}


def simulated_shop(name: str, seed: int, customers: int = 3000) -> SimulatedShop:
    """A shop of a name in BUYING."""
    random = np.random.default_rng([seed, list(BUYING).index(name)])
    season, scale = BUYING[name]
    opened = HISTORY - HALF_YEAR if name == "half_year" else 0
    start = random.uniform(opened, HISTORY, customers)
    rate = np.maximum(random.gamma(1.2, 1 / 40, customers), 1e-4)
    stays = random.exponential(1 / random.gamma(0.8, 1 / scale, customers))
    if name == "doubled":  # half come in the last 60 days, buy as often, and soon leave
        new = random.random(customers) < 0.5
        start = np.where(new, random.uniform(HISTORY - 60, HISTORY, customers), start)
        stays = np.where(new, random.exponential(25, customers), stays)
        rate = np.where(new, np.maximum(random.gamma(1.2, 1 / 50, customers), 1e-4), rate)
    if name == "huge":  # five buy every four days and are lost at .2 a year each
        start[:5], rate[:5], stays[:5] = random.uniform(0, 30, 5), 1 / 4, random.exponential(365 / 0.2, 5)
    customer, day = _purchases(random, start, np.minimum(start + stays, HISTORY + FUTURE), rate, season)
    amount = _amounts(random, name, rate, customer, day)
    days = pd.DataFrame({"customer": customer, "day": np.floor(day).astype(int), "amount": amount})
    return SimulatedShop(days.groupby(["customer", "day"], as_index=False)["amount"].sum())


def _purchases(
    random: np.random.Generator, start: np.ndarray, end: np.ndarray, rate: np.ndarray, season: Season
) -> tuple[np.ndarray, np.ndarray]:
    """Customer and day of each purchase, the first at the start: a Poisson process thinned by the season."""
    most = season(np.arange(HISTORY + FUTURE, dtype=float)).max()
    counts = random.poisson(rate * most * (end - start))
    customer = np.repeat(np.arange(len(start)), counts)
    day = start[customer] + random.random(len(customer)) * (end - start)[customer]
    kept = random.random(len(day)) < season(day) / most
    return np.append(np.arange(len(start)), customer[kept]), np.append(start, day[kept])


def _amounts(
    random: np.random.Generator, name: str, rate: np.ndarray, customer: np.ndarray, day: np.ndarray
) -> np.ndarray:
    """What each purchase brings: customers differ, lognormally, and so do a customer's days."""
    level = 40 * random.lognormal(0, 0.5, len(rate))
    if name == "frequency":  # who buys often spends less on a day
        z = np.log(rate)
        level = 40 * np.exp(-0.7 * (z - z.mean()) / z.std() + 0.3 * random.normal(size=len(rate)))
    amount = level[customer] * random.lognormal(-0.18, 0.6, len(customer))
    if name == "drift":
        amount *= 1.25 ** (day / 365)
    if name == "huge":
        past, big = day < HISTORY, customer < 5
        each = 1.5 * amount[past & ~big].sum() / max((past & big).sum(), 1)
        amount[big] = each * random.lognormal(-0.125, 0.5, big.sum())
    return np.maximum(np.round(amount, 2), 0.5)


def steady(weeks: int, change: float = 1.0, per_week: int = 40, rate: float = 0.05) -> EntryWeeks:
    """As many enter each week, and buy at a rate that changes yearly."""
    entered = np.full(weeks, float(per_week))
    week = np.arange(weeks)
    bought = 7 * per_week * rate * change ** (-week / 52) * (week[:, None] > week)
    return EntryWeeks(entered, 3 * entered, bought, bought, 10 * bought, float(100 * bought.sum()))
