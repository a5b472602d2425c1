"""How often the published total holds what then came, in made-up shops: a table of docs/COVERAGE.md.

Run by `make verify`, with the number of shops a row; of money more.
"""

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
from coverage_page import write_measured
from simulated_shops import FUTURE, HISTORY, SimulatedShop, simulated_shop

from models.clv.cohort import YOUNG_DAYS, together, young_interval
from models.clv.contest import PublishedTotal, publish_total
from models.clv.holdout import HoldoutPeriod
from models.clv.money import forecast_largest, publish_money
from models.clv.population import PopulationFit, fit_population
from models.clv.season import MIN_SEASON_DAYS
from models.clv.spend import fit_spend
from models.clv.total import forecast_total
from models.clv.weeks import EntryWeeks

NIGHT = HISTORY - 1
SHOPS = {
    "sound": "nothing changes",
    "season": "strong season, at its peak",
    "christmas": "Christmas shop",
    "down": "trend of -40 % a year",
    "up": "trend of +60 % a year",
    "doubled": "doubled in 60 days by poor newcomers",
    "half_year": "half a year open",
}


MONEY_SEED = 3_000_000
MONEY_SHOPS = {
    "drift": "prices rise by 25 % a year",
    "frequency": "who buys often spends less on a day",
    "huge": "five hold 60 %, each is lost at .2 a year",
}


@dataclass(frozen=True)
class Forecast:
    """What a night of a shop publishes, and what came; older, young and chance as of NightTotal."""

    fit: PopulationFit
    total: PublishedTotal
    came: int
    older: PublishedTotal
    chance: float
    young: PublishedTotal | None
    came_of_young: int


def patterns(days: pd.DataFrame, night: int) -> pd.DataFrame:
    """Frequency, recency and age by customer."""
    seen = days[days["day"] <= night].groupby("customer")["day"].agg(["min", "max", "count"])
    return pd.DataFrame(
        {
            "frequency": seen["count"] - 1,
            "recency_days": seen["max"] - seen["min"],
            "age_days": night - seen["min"],
            "customer_count": 1,
        }
    )


def entry_weeks(days: pd.DataFrame) -> EntryWeeks:
    """As sql/fits/entry_week.sql makes it."""
    first = days.groupby("customer")["day"].transform("min")
    entered = (days["day"] == first).astype(int)
    repeats = days[entered == 0].groupby("customer")["amount"].sum()
    counts = (1 - entered) * ~days["customer"].isin(repeats.nlargest(10).index)
    rows = pd.DataFrame(
        {
            "entry_week": (NIGHT - first) // 7,
            "week_number": (NIGHT - days["day"]) // 7,
            "entered": entered,
            "days_since_entry": entered * ((NIGHT - first) % 7),
            "purchase_days": 1 - entered,
            "spend_days": counts,
            "spend": counts * days["amount"],
            "squared_spend": counts * days["amount"] ** 2,
        }
    )
    return EntryWeeks.from_rows(rows.groupby(["entry_week", "week_number"], as_index=False).sum())


def held_back(days: pd.DataFrame, age: int) -> HoldoutPeriod | None:
    """As pipelines.scoring.clv makes it: of customers who at the night have a certain age."""
    history = NIGHT - int(days["day"].min())
    length = min(history // 3, FUTURE)
    if history - MIN_SEASON_DAYS >= 28:
        length = min(length, history - MIN_SEASON_DAYS)
    length -= length % 7
    before = patterns(days, NIGHT - length)
    before = before[before["age_days"] + length >= age]
    bought = ((days["day"] > NIGHT - length) & days["customer"].isin(before.index)).sum()
    return HoldoutPeriod(before, length, float(bought))


def forecast(shop: SimulatedShop, horizon: int = FUTURE) -> Forecast:
    """A night's fit and its total, as the pipeline makes them."""
    days, rows = shop.known, patterns(shop.known, NIGHT)
    fit = fit_population(rows, entry_weeks(days), lambda age: held_back(days, age), None, "best", horizon)
    older = rows if fit.young is None else rows[rows["age_days"] >= YOUNG_DAYS]
    ages = older["age_days"].to_numpy(float)
    assert fit.buying.parameters is not None
    plain = forecast_total(older, fit.buying.parameters, horizon)
    total = of_older = publish_total(plain, fit.buying.parameters, fit.total, (ages, np.ones(len(ages))), horizon, 0)
    young = None
    if fit.young is not None:
        own = forecast_total(rows[rows["age_days"] < YOUNG_DAYS], fit.young, horizon)
        factor = fit.total.calendar_factor(YOUNG_DAYS, horizon)
        young = PublishedTotal(factor * own.purchases, young_interval(own, fit.young, factor), factor)
        total = together(total, young)
    coming = shop.coming[shop.coming["day"] < HISTORY + horizon]
    of_young = coming["customer"].isin(rows.index[rows["age_days"] < YOUNG_DAYS]).sum()
    chance = float(plain.variance[0]) / plain.purchases**2
    return Forecast(fit, total, len(coming), of_older, chance, young, int(of_young))


def spend_patterns(days: pd.DataFrame) -> pd.DataFrame:
    """Frequency, mean and squares of what repeat purchase days brought, by customer."""
    later = days[days["day"] > days.groupby("customer")["day"].transform("min")]
    amount = (
        later.assign(square=later["amount"] ** 2)
        .groupby("customer")
        .agg(frequency=("amount", "size"), mean_repeat_value=("amount", "mean"), squared_value=("square", "sum"))
    )
    return amount.assign(repeat_revenue=amount["frequency"] * amount["mean_repeat_value"])


def forecast_money(shop: SimulatedShop, purchases: Forecast, horizon: int = FUTURE) -> tuple[PublishedTotal, float]:
    """The undiscounted money that is published, and what came."""
    rows, spent = patterns(shop.known, NIGHT), spend_patterns(shop.known)
    spend = fit_spend(spent).parameters
    below = YOUNG_DAYS if purchases.young is not None else 0
    largest = rows.join(spent["repeat_revenue"]).loc[spent["repeat_revenue"].nlargest(10).index]
    largest = largest[largest["age_days"] >= below]
    assert spend is not None and purchases.fit.money is not None and purchases.fit.buying.parameters is not None
    alone = forecast_largest(largest, purchases.fit.buying.parameters, spend, horizon, 0.0)
    rest = rows.drop(largest.index)
    age = rest["age_days"][rest["age_days"] >= below].to_numpy(float)
    found = publish_money(purchases.fit.money, alone, purchases, (age, np.ones(len(age))), horizon, 0, 0.0)
    return found, float(shop.coming["amount"][shop.coming["day"] < HISTORY + horizon].sum())


@dataclass(frozen=True)
class Row:
    """Of one kind of shop: shares of forecasts with an interval, that hold, lie above and below what came."""

    known: float
    held: float
    above: float
    below: float
    width: float
    ratio: float


def coverage(total: list[tuple[float, tuple[float, float] | None, float]]) -> Row:
    """Of (expected, interval, came) of many shops; shares of all, width and ratio are medians."""
    expected, came = (np.array([row[i] for row in total], float) for i in (0, 2))
    low, high = np.array([row[1] or (np.nan, np.nan) for row in total], float).T
    above, below = float((low > came).mean()), float((high < came).mean())
    known = float(np.isfinite(low).mean())
    width = float(np.nanmedian((high - low) / expected))
    return Row(known, known - above - below, above, below, width, float(np.median(expected / came)))


def table(shops: int, customers: int = 3000) -> str:
    """The tables as Markdown."""
    lines = [
        f"{shops:,} shops a row, of {customers:,} customers. Flagged: the young",
        "were found to buy unlike earlier customers, and were fitted apart.",
        "",
        "| shop | with an interval | held | interval above what came | below it | median width / total "
        "| median forecast / came | flagged |",
        "|---|---|---|---|---|---|---|---|",
    ]
    young = []
    for name, words in SHOPS.items():
        found = [forecast(simulated_shop(name, seed, customers)) for seed in range(shops)]
        row = coverage([(one.total.expected, one.total.interval, one.came) for one in found])
        flagged = [one for one in found if one.young is not None]
        lines.append(
            f"| {words} | {row.known:.1%} | {row.held:.1%} | {row.above:.1%} | {row.below:.1%} | {row.width:.2f} "
            f"| {row.ratio:.2f} | {len(flagged) / shops:.1%} |"
        )
        young += [(one.young.expected, one.young.interval, one.came_of_young) for one in flagged if one.young]
    if young:
        row = coverage(young)
        lines += [
            "",
            f"The young cohort's own total, of {len(young):,} flagged shops: held {row.held:.1%} (80 % promised),",
            f"above {row.above:.1%}, below {row.below:.1%}, median width {row.width:.2f} of it, forecast / came "
            f"{row.ratio:.2f}.",
        ]
    return "\n".join(lines)


def money_table(shops: int, customers: int = 3000) -> str:
    """The table of money as Markdown; its shops have seeds of their own."""
    seeds = range(MONEY_SEED, MONEY_SEED + shops)
    lines = [
        f"{shops:,} shops a row, of {customers:,} customers, seeds from {MONEY_SEED:,} on.",
        "",
        "| shop | with an interval | held | interval above what came | below it | median width / total "
        "| median forecast / came |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, words in MONEY_SHOPS.items():
        shop_of = (simulated_shop(name, seed, customers) for seed in seeds)
        row = coverage([(one.expected, one.interval, came) for one, came in map(money, shop_of)])
        lines.append(
            f"| {words} | {row.known:.1%} | {row.held:.1%} | {row.above:.1%} | {row.below:.1%} | {row.width:.2f} "
            f"| {row.ratio:.2f} |"
        )
    return "\n".join(lines)


def money(shop: SimulatedShop) -> tuple[PublishedTotal, float]:
    """As forecast_money, with the purchases that it needs."""
    return forecast_money(shop, forecast(shop))


if __name__ == "__main__":
    write_measured("forecasts", [table(int(sys.argv[1]))])
    write_measured("money", [money_table(int(sys.argv[2]))])
