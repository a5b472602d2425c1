"""How often intervals of points still to be spent and of breakage hold, and how often changes are noticed.

    PYTHONPATH=.:tests .venv/bin/python -m points_coverage 200

writes a section of docs/COVERAGE.md. tests/models/points/test_breakage.py runs a short form.
"""

import sys
from dataclasses import dataclass, field

import numpy as np
from coverage_page import write_measured
from simulated_points import KINDS, PLANTED, simulated_ledger

from models.points.breakage import breakage, has_spending_changed

SEED = 10_000
NAMES = {
    "steady": "steady",
    "growing": "growing: three times as many customers",
    "first_month": "from the programme's first month",
    "december": "twice as much earned and spent in December",
    "shocks": "each month's spending with a shock of 15 %",
    "spending": "spending x 1.6 in the last four months",
    "expiry": "points of the last ten months expire after 6 months, not 12",
}


@dataclass
class Measured:
    """Of ledgers of one kind: where the truth lies, half-widths by total, and how often a change was seen."""

    above: int = 0
    below: int = 0
    half_widths: list[float] = field(default_factory=list)
    spending: int = 0
    unknown: int = 0
    ledgers: int = 0
    months: int = 0
    months_above: int = 0
    months_below: int = 0

    @property
    def inside(self) -> float:
        return 1 - (self.above + self.below) / max(self.ledgers - self.unknown, 1)


def measured(kind: str, ledgers: int, customers: int = 1000) -> Measured:
    """Ledgers of a kind, with seeds from SEED on; breakage by issue month of all months with points left."""
    found = Measured(ledgers=ledgers)
    for seed in range(SEED, SEED + ledgers):
        made = simulated_ledger(kind, seed, customers)
        result = breakage(made.ledger)
        found.spending += has_spending_changed(made.ledger)
        if result.total is None or result.total_low is None or result.total_high is None:
            found.unknown += 1
            continue
        found.above += result.total_low > made.will_be_spent
        found.below += result.total_high < made.will_be_spent
        found.half_widths.append((result.total_high - result.total_low) / 2 / result.total)
        some = (made.ledger.left > 0) & np.isfinite(result.rates)
        rate = 1 - (made.ledger.spent.sum(axis=1) + made.of_months)[some] / made.ledger.granted[some]
        found.months += int(some.sum())
        found.months_above += int((result.rate_low[some] > rate).sum())
        found.months_below += int((result.rate_high[some] < rate).sum())
    return found


def row(kind: str, ledgers: int) -> str:
    """A line of the table."""
    found = measured(kind, ledgers)
    width = f"{np.median(found.half_widths):.2f}" if found.half_widths else "-"
    known = max(ledgers - found.unknown, 1)
    shares = (found.inside, found.above / known, found.below / known)
    texts = [f"{share:.1%}" for share in shares] if found.half_widths else ["-"] * 3
    of_month = [f"{share / max(found.months, 1):.1%}" for share in (found.months_above, found.months_below)]
    alarms = (f"{found.spending / ledgers:.1%}", f"{found.unknown / ledgers:.1%}")
    return f"| {' | '.join((NAMES[kind], *texts, width, *(of_month if found.months else '--'), *alarms))} |"


def main() -> None:
    ledgers = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    header = (
        "| ledgers | inside | interval above the truth | below it | median half-width, the total is 1 "
        "| breakage of a month: above the truth | below it "
        "| change of spending noticed | total NULL, expiry changed |\n|---|---|---|---|---|---|---|---|---|"
    )
    text = f"{ledgers:,} ledgers of 36 months and 1,000 customers a row, seeds from {SEED:,}."
    write_measured("points", (text, "\n".join((header, *(row(kind, ledgers) for kind in (*KINDS, *PLANTED))))))


if __name__ == "__main__":
    main()
