"""What all customers together are expected to bring: the ten largest one by one, the rest by the regression or plainly.

Plainly, the rest bring their expected purchases at the mean spend of last year's repeat purchase days, which weighs who
buys often as they will count, carried on by the trend of prices where that is beyond chance. The regression of spend on
age, season and trend is the other way; the holdout chooses. The ten largest may hold most of the
money, and each may leave: each is forecast by the models of buying and spend, with a variance of their own.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from models.clv.contest import (
    NAMES,
    YEAR_WEEKS,
    Method,
    PublishedTotal,
    excess_error,
    losses_of,
    parts_of,
    past_forecasts,
    past_season,
)
from models.clv.holdout import PastForecast, part_ends
from models.clv.outlook import DAYS_A_YEAR, Z, futures, still_there
from models.clv.parameters import ClvParameters, Spend
from models.clv.score import expected_spend
from models.clv.season import FLOOR, MIN_SEASON_DAYS, Season, fit_season, quasi_poisson, sandwich
from models.clv.weeks import WEEK, EntryWeeks
from models.types import Floats, QualityRow

# Prices have a trend if it is so many times its standard error.
CERTAIN = 3.0


@dataclass(frozen=True)
class MoneyModel:
    """How the money of all but the ten largest customers is forecast.

    Attributes:
        method: "season" or "plain".
        mean_spend: on a repeat purchase day of the last 52 weeks.
        mean_deviation: its standard deviation, as a share of it.
        price: the trend of spend on a repeat purchase day, a year, log scale; 0 where it may be chance.
        price_deviation: its standard deviation.
        mean_day: of that year's repeat purchase days, counted from the night of the fit.
        overall_day: of all repeat purchase days.
        variation: squared coefficient of variation of repeat purchase days, of all customers together.
        losses: as of TotalModel.
        error: as of TotalModel.
        season: the regression of spend; None as there.
    """

    method: Method
    mean_spend: float
    mean_deviation: float
    price: float
    price_deviation: float
    mean_day: float
    overall_day: float
    variation: float
    losses: dict[Method, float]
    error: float = 0.0
    season: Season | None = None

    def growth(self, day: float, from_day: float) -> float:
        """By how much prices change from one day to another."""
        return float(np.exp(self.price * (day - from_day) / DAYS_A_YEAR))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "MoneyModel":
        """What to_json wrote."""
        fields: dict[str, Any] = json.loads(text)
        season = fields["season"]
        return cls(**fields | {"season": Season.from_json(json.dumps(season)) if season else None})

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality."""
        note = "of money: root mean squared error of its forecasts of each third of the holdout, log scale"
        words = NAMES["season"] if self.method == "season" else "expected purchases at last year's mean spend"
        trend = f"of spend on a repeat purchase day, a year, log scale; 0 within {CERTAIN:g} standard errors"
        return [
            ("money_method", None, f"{words}; the ten largest customers one by one"),
            ("price_trend", round(self.price, 6), trend),
            *((f"money_loss_{method}", round(loss, 6), note) for method, loss in self.losses.items()),
        ]


def fit_money(weeks: EntryWeeks, past: PastForecast | None, purchases: Method) -> MoneyModel | None:
    """How money is forecast; None where there is no money in the weeks.

    Args:
        weeks: as of the night; their spend leaves the ten largest customers out.
        past: the plain model's forecast of the holdout; None: there is none.
        purchases: the method that forecasts purchases.
    """
    if not weeks.spend.sum() > 0:
        return None
    plain = _plain(weeks)
    season = fit_season(weeks, weeks.spend)
    if past is None or season is None:
        return plain
    before = weeks.as_of(past.weeks)
    actual = parts_of(np.cumsum(weeks.since(past.weeks, weeks.spend)), past.weeks)
    expected = past_forecasts(weeks, past)[0]
    then, own = past_season(before, before.spend, past.weeks)
    forecasts: dict[Method, Floats] = {}
    if before.spend.sum() > 0:
        known = _plain(before)
        ends = np.array([0, *part_ends(past.weeks)]) * float(WEEK)
        prices = [known.mean_spend * known.growth(day, known.mean_day) for day in (ends[1:] + ends[:-1]) / 2]
        forecasts["plain"] = expected.get(purchases, expected["plain"]) * np.array(prices)
    if then is not None:
        forecasts["season"] = then
    losses = losses_of(forecasts, actual)
    method = min(losses, key=lambda name: losses[name]) if losses else "plain"
    variance = past.variance * (1 + plain.variation) + FLOOR**2 + own**2
    error = excess_error(forecasts[method], actual, variance) if method in forecasts else 0.0
    return replace(plain, method=method, losses=losses, season=season, error=error)


def _plain(weeks: EntryWeeks) -> MoneyModel:
    """Mean spend and its trend."""
    mean, deviation = _mean_spend(weeks)
    days = weeks.spend_days.sum()
    overall = weeks.spend.sum() / days
    variation = max(float(weeks.squares / days / overall**2 - 1), 0.0)
    price, price_deviation = _price(weeks)
    by_week = weeks.spend_days.sum(axis=0)
    day = -(WEEK * np.arange(weeks.weeks) + 3.0)
    year = by_week * (np.arange(weeks.weeks) < YEAR_WEEKS)
    year = year if year.sum() > 0 else by_week
    mean_day, overall_day = (float((count * day).sum() / count.sum()) for count in (year, by_week))
    return MoneyModel("plain", mean, deviation, price, price_deviation, mean_day, overall_day, variation, {})


def _price(weeks: EntryWeeks) -> tuple[float, float]:
    """Trend of spend on a repeat purchase day, a year, log scale, and its deviation; 0 and 0 where it may be chance."""
    if WEEK * weeks.weeks < MIN_SEASON_DAYS:
        return 0.0, 0.0
    entry, week = np.nonzero(weeks.spend_days > 0)
    unit = weeks.spend.sum() / weeks.spend_days.sum()
    observed, exposure = weeks.spend[entry, week] / unit, weeks.spend_days[entry, week]
    columns = np.stack([np.ones(len(week)), -(WEEK * week + 3.0) / DAYS_A_YEAR], axis=1)
    found = quasi_poisson(columns, observed, exposure, np.zeros(2))
    if found is None:
        return 0.0, 0.0
    coefficients, expected, inverse = found
    covariance = sandwich((observed - expected)[:, None] * columns, entry, week, inverse)
    trend, deviation = float(coefficients[1]), float(np.sqrt(max(covariance[1, 1], 0.0)))
    return (trend, deviation) if deviation > 0 and abs(trend) > CERTAIN * deviation else (0.0, 0.0)


def _mean_spend(weeks: EntryWeeks) -> tuple[float, float]:
    """On a repeat purchase day of the last 52 weeks (or ever, without one), and its deviation by weeks of entry."""
    spend, days = (table[:, :YEAR_WEEKS].sum(axis=1) for table in (weeks.spend, weeks.spend_days))
    if not spend.sum() > 0:
        spend, days = weeks.spend.sum(axis=1), weeks.spend_days.sum(axis=1)
    mean = float(spend.sum() / days.sum())
    return mean, float(np.sqrt(((spend - mean * days) ** 2).sum()) / spend.sum())


@dataclass(frozen=True)
class Largest:
    """The ten largest customers together: expected purchases, discounted money, and the variance of that money."""

    purchases: float
    money: float
    variance: float


def forecast_largest(
    customers: pd.DataFrame, parameters: ClvParameters, spend: Spend, horizon_days: int, discount_rate: float
) -> Largest:
    """What each of a few customers is expected to buy and bring.

    Args:
        customers: frequency, recency_days, age_days, repeat_revenue.
        parameters: of buying.
        spend: its parameters.
        horizon_days: how far to look ahead.
        discount_rate: a year.
    """
    if not len(customers):
        return Largest(0.0, 0.0, 0.0)
    x, recency, age, revenue = (
        customers[name].to_numpy(float) for name in ("frequency", "recency_days", "age_days", "repeat_revenue")
    )
    alive = still_there(parameters, x, recency, age)
    future, cell = futures(parameters, x, age, horizon_days, discount_rate)
    days = alive * future.mean[cell]
    variance = alive * (future.pairs + future.mean)[cell] - days**2
    value = expected_spend(spend, x, revenue)
    discount = future.discounted[cell] / np.maximum(future.mean[cell], 1e-300)
    money = days * value * discount
    spread = (variance + days * spend.day_variation) * (value * discount) ** 2
    return Largest(float(days.sum()), float(money.sum()), float(spread.sum()))


class Purchases(Protocol):
    """What money needs to know of purchases.

    Attributes:
        older: of those whom the model of money is of, the ten largest among them.
        young: of the others; None: there are none.
        chance: variance of the older's if the parameters were known, as a share of their square.
    """

    @property
    def older(self) -> PublishedTotal: ...

    @property
    def young(self) -> PublishedTotal | None: ...

    @property
    def chance(self) -> float: ...


def publish_money(
    model: MoneyModel,
    largest: Largest,
    purchases: Purchases,
    ages: tuple[Floats, Floats],
    horizon_days: int,
    since_fit: int,
    discount_rate: float,
) -> PublishedTotal:
    """The discounted money of all customers, with a 95 % interval; its factor is that of the largest's own money.

    Args:
        model: of fit_money.
        largest: of forecast_largest.
        purchases: of all customers; the young bring the same on a day.
        ages: in days, of groups of older customers without the largest, and how many they are.
        horizon_days: how far to look ahead.
        since_fit: days from the model's fit to the night.
        discount_rate: a year.
    """
    older, young = purchases.older, purchases.young
    discount = float(np.mean((1 + discount_rate) ** (-np.arange(1.0, horizon_days + 1) / DAYS_A_YEAR)))
    middle = since_fit + horizon_days / 2
    each = model.mean_spend * discount * model.growth(middle, model.mean_day)
    of_largest = largest.money * model.growth(middle, model.overall_day)
    if model.method == "season" and model.season is not None:
        rest, own = model.season.forecast(*ages, horizon_days, since_fit, discount_rate)
        spread, moved = purchases.chance * (1 + model.variation) + FLOOR**2 + own**2 + model.error**2, 0.0
    else:
        rest = moved = max(older.expected - largest.purchases, 0.0) * each
        of_price = model.price_deviation * (middle - model.mean_day) / DAYS_A_YEAR
        spread = purchases.chance * model.variation + FLOOR**2 + model.mean_deviation**2 + of_price**2 + model.error**2
    expected = rest + of_largest + (young.expected * each if young else 0.0)
    if older.interval is None or (young is not None and young.interval is None) or not expected:
        return PublishedTotal(expected, None, of_largest / largest.money if largest.money else 1.0)
    ends = []
    for end, sign in enumerate((-1, 1)):
        of_purchases = moved * (older.interval[end] / older.expected - 1) if older.expected else 0.0
        of_young = each * (young.interval[end] - young.expected) if young and young.interval else 0.0
        own_share = Z * np.sqrt(rest**2 * spread + largest.variance)
        far = float(np.linalg.norm([of_purchases, of_young, own_share]))
        ends.append(float(expected * np.exp(sign * min(far / expected, 50.0))))
    return PublishedTotal(expected, (ends[0], ends[1]), of_largest / largest.money if largest.money else 1.0)
