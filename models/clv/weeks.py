"""What customers bought after their first purchase, by the week of that purchase and by week."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from models.types import Floats, Integers

WEEK = 7

_COLUMNS = ("entered", "days_since_entry", "purchase_days", "spend_days", "spend", "squared_spend")


@dataclass(frozen=True)
class EntryWeeks:
    """Weeks are counted back from a night, 0 the last seven days; the first index is always the week of entry.

    Attributes:
        entered: customers by week of their first purchase.
        waited: days from the first purchase to the end of its week, summed over these customers.
        purchases: later purchase days, by week of entry and week.
        spend_days: those of them that spend is of: of all but the ten largest customers.
        spend: net spend on these.
        squares: sum of the squares of that spend, over all weeks.
    """

    entered: Floats
    waited: Floats
    purchases: Floats
    spend_days: Floats
    spend: Floats
    squares: float

    @classmethod
    def from_rows(cls, rows: pd.DataFrame) -> "EntryWeeks":
        """From entry_week, week_number and _COLUMNS, one row where there is any."""
        entry, week = (rows[name].to_numpy(np.int64) for name in ("entry_week", "week_number"))
        size = int(entry.max()) + 1 if len(entry) else 0
        tables = [np.zeros((size, size)) for _ in _COLUMNS]
        for name, table in zip(_COLUMNS, tables, strict=True):
            np.add.at(table, (entry, week), rows[name].to_numpy(float))
        entered, waited, purchases, spend_days, spend, squares = tables
        return cls(entered.sum(axis=1), waited.sum(axis=1), purchases, spend_days, spend, float(squares.sum()))

    @property
    def weeks(self) -> int:
        """Of history."""
        return len(self.entered)

    def as_of(self, weeks_ago: int) -> "EntryWeeks":
        """The same, as of so many weeks before the night; the squares alone stay."""
        past = slice(weeks_ago, None)
        return EntryWeeks(
            self.entered[past],
            self.waited[past],
            self.purchases[past, past],
            self.spend_days[past, past],
            self.spend[past, past],
            self.squares,
        )

    def entered_before(self, weeks_ago: int) -> "EntryWeeks":
        """The same, of those alone who first bought before the last so many weeks; the squares alone stay."""
        old = np.arange(self.weeks) >= weeks_ago
        return replace(
            self,
            entered=self.entered * old,
            waited=self.waited * old,
            purchases=self.purchases * old[:, None],
            spend_days=self.spend_days * old[:, None],
            spend=self.spend * old[:, None],
        )

    def since(self, weeks_ago: int, values: Floats) -> Floats:
        """Purchases or spend in each of the last weeks, oldest first, of who had entered before them."""
        return np.asarray(values[weeks_ago:, :weeks_ago].sum(axis=0)[::-1])

    def cells(self) -> "Cells":
        """The weeks in which somebody could buy again."""
        number = np.arange(self.weeks)
        entry, week = np.nonzero(number[:, None] >= number)
        mean_wait = self.waited / np.maximum(self.entered, 1.0)
        same = entry == week
        exposure = np.where(same, self.waited[entry], WEEK * self.entered[entry])
        in_first = (mean_wait[entry] + 1) / 2  # days 1 to the end of the week
        age = np.where(same, np.maximum(in_first, 1.0), WEEK * (entry - week) + mean_wait[entry] - 3)
        some = exposure > 0
        entry, week = entry[some], week[some]
        return Cells(entry, week, exposure[some], age[some], np.asarray(-(WEEK * week + 3.0), np.float64))


@dataclass(frozen=True)
class Cells:
    """Week of entry and week, both counted back; customers times days; mean age in days; day after the night."""

    entry: Integers
    week: Integers
    exposure: Floats
    age: Floats
    day: Floats
