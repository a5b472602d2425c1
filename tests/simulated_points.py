"""Made-up points ledgers of 36 months whose future is known: customers earn, spend the oldest lots, let some expire.

A ledger is of some hundred customers who earn in some months and spend in some, all that they have or a part; points
that were not spent after a year expire. What becomes of the points that are there after 36 months is the truth.
"""

from dataclasses import dataclass

import numpy as np

from models.points.breakage import Ledger
from models.types import Floats

MONTHS, FUTURE, EXPIRES = 36, 14, 12
KINDS = ("steady", "growing", "first_month", "december", "shocks")
PLANTED = ("spending", "expiry")


@dataclass(frozen=True)
class SimulatedLedger:
    """A ledger up to the night, and how many of its points will be spent after it, by issue month."""

    ledger: Ledger
    of_months: Floats

    @property
    def will_be_spent(self) -> float:
        return float(self.of_months.sum())


def simulated_ledger(kind: str, seed: int, customers: int = 2000) -> SimulatedLedger:
    """A ledger of a kind in KINDS, or with what PLANTED names planted in its last months."""
    random = np.random.default_rng([seed, (*KINDS, *PLANTED).index(kind)])
    burn = 0 if kind == "first_month" else EXPIRES + 2
    months = burn + MONTHS + FUTURE
    joined = random.integers(-60, 1, customers)
    if kind == "growing":  # three times as many after three years
        joined = np.sort(random.uniform(0, 1, customers)) ** 0.6 * months - EXPIRES
    if kind == "first_month":
        joined = random.integers(0, 6, customers)
    earns, spends = random.beta(3, 3, customers), random.beta(1.2, 6, customers)
    part = random.choice([1.0, 0.5], customers, p=[0.6, 0.4])
    lots = np.zeros((customers, EXPIRES + 1))  # by age in months
    shape = (months, months)
    granted, spent, expired = np.zeros(months), np.zeros(shape), np.zeros(shape)
    for month in range(months):
        known = month - burn
        december = 2.0 if kind == "december" and known % 12 == 11 else 1.0
        shock = random.lognormal(0, 0.15) if kind == "shocks" else random.lognormal(0, 0.03)
        planted = 1.6 if kind == "spending" and MONTHS - 4 <= known < MONTHS else 1.0
        lots = np.hstack([np.zeros((customers, 1)), lots[:, :-1]])
        buys = (joined <= month) & (random.random(customers) < np.minimum(earns * december, 1))
        lots[buys, 0] = np.round(random.lognormal(3, 0.8, buys.sum()))
        granted[month] = lots[:, 0].sum()
        uses = random.random(customers) < np.minimum(spends * december * shock * planted, 1)
        takes = np.where(uses, part, 0) * lots.sum(axis=1)
        older = lots.sum(axis=1, keepdims=True) - np.cumsum(lots, axis=1)  # the oldest go first
        taken = np.clip(takes[:, None] - older, 0, lots)
        lots = lots - taken
        ages = np.arange(min(EXPIRES, month) + 1)
        spent[month - ages, month] = taken.sum(axis=0)[ages]
        gone = np.zeros(EXPIRES + 1)
        lasts = 6 if kind == "expiry" else EXPIRES  # of what was granted in the last ten months
        changed = (np.arange(EXPIRES + 1) >= lasts) & (known - np.arange(EXPIRES + 1) >= MONTHS - 10)
        changed[EXPIRES] = True
        gone[changed] = lots[:, changed].sum(axis=0)
        lots[:, changed] = 0
        expired[month - ages, month] = gone[ages]
    known = slice(burn, burn + MONTHS)
    cells = (spent[known, known], expired[known, known], np.zeros((MONTHS, MONTHS)))
    ledger = Ledger(granted[known], *cells, 1)
    return SimulatedLedger(ledger, spent[known, burn + MONTHS :].sum(axis=1))
