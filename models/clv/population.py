"""The fit of buying of a population: of all together or, where the young buy unlike earlier ones, of each apart."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from models.clv.cohort import YOUNG_DAYS, YOUNG_WEEKS, YoungCohort, compare_young
from models.clv.contest import TotalModel, choose
from models.clv.fit import BuyingChoice, ClvFit, fit_clv
from models.clv.holdout import HoldoutPeriod
from models.clv.money import MoneyModel, fit_money
from models.clv.parameters import ClvParameters
from models.clv.weeks import EntryWeeks
from models.types import QualityRow


@dataclass(frozen=True)
class PopulationFit:
    """How customers buy.

    Attributes:
        buying: the fit of all or, if young is given, of those who first bought before the last YOUNG_DAYS days.
        young: parameters of the others; None: there is no second fit.
        cohort: the young against earlier customers.
        total: how the total of those of the first fit is forecast.
        money: how their money is forecast; None: they have brought none.
    """

    buying: ClvFit
    young: ClvParameters | None
    cohort: YoungCohort
    total: TotalModel
    money: MoneyModel | None

    def quality(self, fitted_apart: bool, is_last_model: bool) -> list[QualityRow]:
        """(metric, value, note) for model_quality, but for those of the parameters; arguments as for the cohort's."""
        rows = [*self.buying.quality(), *self.cohort.quality(fitted_apart, is_last_model)]
        if self.buying.parameters is None:
            return rows
        return [*rows, *self.total.quality(), *(self.money.quality() if self.money else ())]


def fit_population(
    patterns: pd.DataFrame,
    weeks: EntryWeeks,
    holdout: Callable[[int], HoldoutPeriod | None],
    last_good: ClvParameters | None,
    model: BuyingChoice,
    horizon_days: int,
) -> PopulationFit:
    """The models of buying, and how the total is forecast.

    Args:
        patterns: as for fit_clv.
        weeks: purchases by week of entry and week, as of the same night.
        holdout: gives the holdout, less those who at the night are younger than so many days.
        last_good: the parameters of an earlier night.
        model: as for fit_clv.
        horizon_days: of the total.
    """
    cohort, young = compare_young(weeks), None
    if cohort.differs:
        young = fit_clv(patterns[patterns["age_days"] < YOUNG_DAYS], None, model, horizon_days).parameters
    if young is not None:
        patterns, weeks = patterns[patterns["age_days"] >= YOUNG_DAYS], weeks.entered_before(YOUNG_WEEKS)
    buying = fit_clv(patterns, last_good, model, horizon_days, holdout(YOUNG_DAYS if young else 0))
    total = choose(weeks, buying.past)
    money = fit_money(weeks, buying.past, total.method)
    total = replace(total, why_unknown=cohort.why_unknown(young is not None, is_last_model=False))
    return PopulationFit(buying, young, cohort, total, money)
