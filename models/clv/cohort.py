"""Whether young customers buy unlike earlier ones, and what that means for the total.

The young cohort's purchases are compared with those that earlier cohorts made at the same ages and, as a season or a
trend moves all alike, with those that older customers made on the same days: a quasi-Poisson regression with a level
for each of the last 52 weeks, one for each young age, and one for the young. Source: McCullagh and Nelder 1989, chapter
9; it is a difference in differences, on the log scale.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from models.clv.contest import PublishedTotal
from models.clv.outlook import Z
from models.clv.parameters import ClvParameters
from models.clv.season import quasi_poisson
from models.clv.total import TotalForecast
from models.clv.weeks import WEEK, EntryWeeks
from models.types import Floats, Integers, QualityRow

# The young are who first bought in the last nine weeks.
YOUNG_WEEKS = 9
YOUNG_DAYS = YOUNG_WEEKS * WEEK

SPAN_WEEKS = 52

MAX_CHANCE = 0.001

# A difference smaller than this is not worth two fits, however certain it is in a shop of a million.
SMALL_DIFFERENCE = 0.15

# What young customers do in a year is unlike what a model makes of their first weeks by this standard deviation (log
# scale): those weeks don't show how many of them are of the kind that stays.
YOUNG_SPREAD = 0.3
UNLIKE = "young customers buy unlike earlier ones"
TOO_FEW = "too few of them came back to be fitted apart"


@dataclass(frozen=True)
class YoungCohort:
    """The young against earlier customers.

    Attributes:
        customers: who first bought in the last YOUNG_DAYS days.
        actual: their repeat purchases.
        expected: as many as earlier cohorts made at these ages, on these days; None: it can't be said.
        chance: probability of such a difference, either way, if there is none; None as expected.
    """

    customers: int
    actual: float
    expected: float | None = None
    chance: float | None = None

    @property
    def differs(self) -> bool:
        """Whether they buy unlike earlier customers."""
        if self.expected is None or self.chance is None:
            return False
        ratio = (self.actual + 0.5) / (self.expected + 0.5)
        return self.chance < MAX_CHANCE and abs(float(np.log(ratio))) > SMALL_DIFFERENCE

    def why_unknown(self, fitted_apart: bool, is_last_model: bool) -> str | None:
        """Why the total can't be said of all customers; None: it can. Arguments as for quality."""
        if not self.differs or fitted_apart:
            return None
        why = "the last model stays, which does not tell them apart" if is_last_model else TOO_FEW
        return f"{UNLIKE}, and {why}"

    def quality(self, fitted_apart: bool, is_last_model: bool) -> list[QualityRow]:
        """(metric, value, note) for model_quality.

        Args:
            fitted_apart: whether the young have a fit of their own in the model that is published.
            is_last_model: whether that is the last one, as tonight's was refused or failed.
        """
        who = f"of {self.customers:,} customers who first bought in the last {YOUNG_DAYS} days"
        rows: list[QualityRow] = [("young_repeats", self.actual, f"repeat purchases {who}")]
        if self.expected is None or self.chance is None:
            return [*rows, ("young_ratio", None, "too short a history, or too few young customers to compare")]
        alarm = "alarm; " if self.differs else ""
        of_differing = self.why_unknown(fitted_apart, is_last_model) or f"{UNLIKE}: fitted apart"
        verdict = of_differing if self.differs else "young customers buy as earlier ones did"
        words = f"by earlier cohorts at these ages and older customers on these days; {verdict}"
        ratio = self.actual / self.expected if self.expected else None
        return [
            *rows,
            ("young_expected_repeats", round(self.expected, 6), words),
            ("young_ratio", None if ratio is None else round(ratio, 6), f"{alarm}actual / expected repeats; {words}"),
            (
                "young_chance",
                round(self.chance, 6),
                f"of such a ratio by chance; {MAX_CHANCE} is the most for a difference",
            ),
        ]


def compare_young(weeks: EntryWeeks) -> YoungCohort:
    """The young cohort against earlier ones; nothing is expected where the history has no two such cohorts."""
    young = slice(0, YOUNG_WEEKS)
    seen = YoungCohort(int(weeks.entered[young].sum()), float(weeks.purchases[young].sum()))
    if weeks.weeks < 2 * YOUNG_WEEKS or not seen.customers or not weeks.purchases[YOUNG_WEEKS:].sum():
        return seen
    cells = weeks.cells()
    span = min(SPAN_WEEKS, weeks.weeks)
    recent = cells.week < span
    entry, week, exposure, age = cells.entry[recent], cells.week[recent], cells.exposure[recent], cells.age[recent]
    observed = weeks.purchases[entry, week]
    columns = _columns(entry, week, age, span)
    start = np.zeros(columns.shape[1])
    start[:span] = np.log(observed.sum() / exposure.sum())
    found = quasi_poisson(columns, observed, exposure, np.full(columns.shape[1], 0.01), start)
    if found is None:
        return seen
    coefficients, expected, inverse = found
    difference = float(coefficients[-1])
    deviation = np.sqrt(_dispersion(observed, expected, entry, week) * inverse[-1, -1])
    of_young = float(expected[entry < YOUNG_WEEKS].sum())
    chance = float(2 * ndtr(-abs(difference) / deviation))
    return YoungCohort(seen.customers, seen.actual, of_young * float(np.exp(-difference)), chance)


def _columns(entry: Integers, week: Integers, age: Floats, span: int) -> Floats:
    """Levels of weeks and of young ages, two terms of later ages, and the young."""
    weeks_old = entry - week
    later = weeks_old >= YOUNG_WEEKS
    return np.concatenate(
        [
            week[:, None] == np.arange(span),
            weeks_old[:, None] == np.arange(YOUNG_WEEKS),
            np.stack([later * np.log(age / YOUNG_DAYS), later * (age - YOUNG_DAYS) / 365, entry < YOUNG_WEEKS], axis=1),
        ],
        axis=1,
    ).astype(float)


def _dispersion(observed: Floats, expected: Floats, entry: Integers, week: Integers) -> float:
    """Variance of what a cohort buys while it is young, in Poisson variances: customers differ and stay alike."""
    young = entry - week < YOUNG_WEEKS
    miss, mean = (np.bincount(entry[young], values[young]) for values in (observed - expected, expected))
    some = mean > 0
    return max(float((miss[some] ** 2 / mean[some]).sum()) / max(int(some.sum()) - YOUNG_WEEKS - 1, 1), 1.0)


def young_interval(total: TotalForecast, parameters: ClvParameters, factor: float) -> tuple[float, float] | None:
    """Interval of the young customers' own total, by the fit that is theirs; None: unknown. It holds 80 % at least."""
    found = total.interval(parameters)
    if found is None or not total.purchases:
        return found
    low, high = (abs(float(np.log(max(end, 1.0) / total.purchases))) for end in found)
    below, above = (np.hypot(end, Z * YOUNG_SPREAD) for end in (low, high))
    return tuple(factor * total.purchases * np.exp([-below, above]))


def together(older: PublishedTotal, young: PublishedTotal) -> PublishedTotal:
    """The total of both. The distances of the ends add up in squares (Zou and Donner 2008)."""
    expected = older.expected + young.expected
    if older.interval is None or young.interval is None:
        return PublishedTotal(expected, None, older.factor)
    (low, high), (young_low, young_high) = older.interval, young.interval
    below = float(np.hypot(older.expected - low, young.expected - young_low))
    above = float(np.hypot(high - older.expected, young_high - young.expected))
    return PublishedTotal(expected, (max(expected - below, 0.0), expected + above), older.factor)
