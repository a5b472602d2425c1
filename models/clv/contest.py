"""Which forecast of the total is published: the plain model's, the regression's on season and trend, or last year's.

Each is made as of the beginning of the holdout, and held against each third of it: a forecast that is right over all by
luck, too high in one season and too low in the next, is not taken for right.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from models.clv.holdout import PastForecast, part_ends
from models.clv.outlook import Z
from models.clv.parameters import ClvParameters
from models.clv.season import FLOOR, MIN_SEASON_DAYS, Season, fit_season
from models.clv.total import TotalForecast
from models.clv.weeks import WEEK, EntryWeeks
from models.types import Floats, QualityRow

Method = Literal["plain", "season", "last_year"]

YEAR_WEEKS = 52

NAMES: dict[Method, str] = {
    "plain": "the model of buying alone",
    "season": "the regression on age, season and trend",
    "last_year": "last year again",
}


@dataclass(frozen=True)
class TotalModel:
    """How the total is forecast.

    Attributes:
        method: what is published.
        history_days: of the fit.
        losses: root mean squared error of each method's forecast of the parts of the holdout, log scale.
        error: how far the method was off, log scale, beyond chance: in the parts of the holdout or, as the regression
            knows of seasons and trends, over all of it.
        season: the regression; None: too short a history, or no fit.
        last_year: purchases in each of the 52 weeks before the fit of those known before them, oldest first.
        why_unknown: why the total has no interval; None: it has one.
    """

    method: Method
    history_days: int
    losses: dict[Method, float]
    error: float = 0.0
    season: Season | None = None
    last_year: tuple[float, ...] = ()
    why_unknown: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TotalModel":
        """What to_json wrote."""
        fields: dict[str, Any] = json.loads(text)
        season = fields["season"]
        nested = {
            "season": Season.from_json(json.dumps(season)) if season else None,
            "last_year": tuple(fields["last_year"]),
        }
        return cls(**fields | nested)

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality."""
        note = "root mean squared error of its forecasts of each third of the holdout, log scale"
        rows: list[QualityRow] = [
            (f"total_loss_{method}", round(loss, 6), f"{NAMES[method]}: {note}") for method, loss in self.losses.items()
        ]
        days: QualityRow = ("history_days", self.history_days, "from the first purchase to the fit")
        if self.history_days < MIN_SEASON_DAYS:
            words = f"the total of the horizon, and its interval, know of neither: in {self._too_short}"
            days = ("history_days", self.history_days, f"alarm; {words}")
        return [("total_method", None, f"{NAMES[self.method]}{self.reason}"), days, *rows]

    def calendar_factor(self, past_days: int, horizon_days: int) -> float:
        """How much more is bought in the horizon than in the last days, by season and trend; 1 if they are unused.

        Those who are fitted on the last days alone need it.
        """
        if self.method != "season" or self.season is None:
            return 1.0
        return self.season.calendar(1, horizon_days) / self.season.calendar(1 - past_days, past_days)

    @property
    def _too_short(self) -> str:
        return f"{self.history_days} days, under 13 months of history, season and trend can't be told apart"

    @property
    def reason(self) -> str:
        """Why no season and no trend are in the total, in words that follow the method's name."""
        if self.history_days < MIN_SEASON_DAYS:
            return f": in {self._too_short}"
        return "" if "season" in self.losses else ": no forecast of season and trend could be held against a past"


def choose(weeks: EntryWeeks, past: PastForecast | None) -> TotalModel:
    """The method that came nearest to the parts of the holdout; the plain model where nothing can be compared.

    Args:
        weeks: as of the night.
        past: the plain model's forecast of the holdout; None: there is none.
    """
    plain = TotalModel("plain", WEEK * weeks.weeks, {})
    season = fit_season(weeks, weeks.purchases)
    if past is None:
        return plain
    actual = parts_of(np.cumsum(weeks.since(past.weeks, weeks.purchases)), past.weeks)
    forecasts, own = past_forecasts(weeks, past)
    if season is None:
        forecasts = {"plain": forecasts["plain"]}
    losses = losses_of(forecasts, actual)
    method = min(losses, key=lambda name: losses[name])
    if method == "season":
        error = excess_error(forecasts["season"], actual, own**2 + past.variance + FLOOR**2)
    else:
        error = losses[method]
        if method == "plain":
            miss = np.log((forecasts[method] + 0.5) / (actual + 0.5))
            # Over a longer time a season averages out, what all parts share does not.
            squared = max(float(miss.mean()) ** 2, error**2 / len(miss)) - past.variance
            error = float(np.sqrt(max(squared, 0.0)))
    return replace(plain, method=method, losses=losses, error=error, season=season, last_year=_last_year(weeks))


def past_forecasts(weeks: EntryWeeks, past: PastForecast) -> tuple[dict[Method, Floats], float]:
    """Purchases in each part of the holdout, by method; and the standard deviation of the regression's, log scale."""
    before = weeks.as_of(past.weeks)
    actual = weeks.since(past.weeks, weeks.purchases).sum()
    forecasts: dict[Method, Floats] = {"plain": actual * past.ratio * np.diff(past.path, prepend=0.0) / past.path[-1]}
    then, own = past_season(before, before.purchases, past.weeks)
    if then is not None:
        forecasts["season"] = then
    last_year = _last_year(before)
    if len(last_year) >= past.weeks:
        forecasts["last_year"] = parts_of(np.cumsum(last_year), past.weeks)
    return forecasts, own


def past_season(before: EntryWeeks, values: Floats, weeks: int) -> tuple[Floats | None, float]:
    """The regression's forecast of each part of a holdout of so many weeks, None without one, and its deviation."""
    season = fit_season(before, values)
    if season is None:
        return None, 0.0
    age, customers = _ages(before)
    ends = [season.forecast(age, customers, WEEK * end) for end in part_ends(weeks)]
    return np.diff([total for total, _ in ends], prepend=0.0), ends[-1][1]


def losses_of(forecasts: dict[Method, Floats], actual: Floats) -> dict[Method, float]:
    """Root mean squared error by method, log scale; half a unit more of each, as nothing has no logarithm."""
    misses = {method: np.log((forecast + 0.5) / (actual + 0.5)) for method, forecast in forecasts.items()}
    return {method: float(np.sqrt((miss**2).mean())) for method, miss in misses.items()}


def excess_error(forecast: Floats, actual: Floats, variance: float) -> float:
    """How far a forecast of all the holdout was off, on the log scale, beyond 95 % of chance (method of moments)."""
    miss = abs(float(np.log((forecast.sum() + 0.5) / (actual.sum() + 0.5))))
    return float(np.sqrt(miss**2 - variance)) if miss > Z * np.sqrt(variance) else 0.0


def parts_of(cumulated: Floats, weeks: int) -> Floats:
    """What each part of so many weeks has, from what there is up to the end of each week."""
    return np.diff([cumulated[end - 1] for end in part_ends(weeks)], prepend=0.0)


def _ages(weeks: EntryWeeks) -> tuple[Floats, Floats]:
    """Mean age of customers by week of entry, and how many they are."""
    some = weeks.entered > 0
    wait = weeks.waited[some] / weeks.entered[some]
    return WEEK * np.flatnonzero(some) + wait, weeks.entered[some]


def _last_year(weeks: EntryWeeks) -> tuple[float, ...]:
    """Purchases in the last 52 weeks of those who had entered before, oldest first; none in a shorter history."""
    if weeks.weeks <= YEAR_WEEKS:
        return ()
    return tuple(weeks.since(YEAR_WEEKS, weeks.purchases).tolist())


@dataclass(frozen=True)
class PublishedTotal:
    """Purchases of all customers in the horizon, with a 95 % interval (None: unknown).

    factor: what the plain model expects of each customer is multiplied by, so that they add up.
    """

    expected: float
    interval: tuple[float, float] | None
    factor: float


def publish_total(
    total: TotalForecast,
    parameters: ClvParameters,
    model: TotalModel | None,
    ages: tuple[Floats, Floats],
    horizon_days: int,
    since_fit: int,
) -> PublishedTotal:
    """The total by the method that the contest chose.

    Args:
        total: by the plain model.
        parameters: of buying.
        model: of choose; None: there is none.
        ages: in days, of groups of customers, and how many they are.
        horizon_days: how far to look ahead.
        since_fit: days from the model's fit to the night.
    """
    plain = PublishedTotal(total.purchases, _plain_interval(total, parameters, model.error if model else 0.0), 1.0)
    if model is None or model.method == "plain" or not total.purchases:
        return plain
    own = 0.0
    if model.method == "season" and model.season is not None:
        expected, own = model.season.forecast(*ages, horizon_days, since_fit)
    elif model.last_year and horizon_days <= 366:
        cumulated = np.append(0.0, np.cumsum(model.last_year))
        known = min(horizon_days, WEEK * len(model.last_year))  # 52 weeks are a day or two less than a year
        expected = float(np.interp(known / WEEK, np.arange(len(cumulated)), cumulated)) * horizon_days / known
    else:
        return plain
    chance = total.variance[0] / total.purchases**2
    spread = Z * float(np.sqrt(own**2 + chance + FLOOR**2 + model.error**2))
    return PublishedTotal(expected, (expected * np.exp(-spread), expected * np.exp(spread)), expected / total.purchases)


def _plain_interval(total: TotalForecast, parameters: ClvParameters, error: float) -> tuple[float, float] | None:
    """The plain model's interval, wider by its error in the holdout: it knows no season and no trend."""
    found = total.interval(parameters)
    if found is None or not total.purchases:
        return found
    more = Z * float(np.sqrt(max(error**2 - (parameters.held_out_error or 0.0) ** 2, 0.0)))
    low, high = (float(np.log(max(end, 1e-9) / total.purchases)) for end in found)
    below, above = np.exp(-np.hypot(low, more)), np.exp(np.hypot(high, more))
    return float(total.purchases * below), float(total.purchases * above)
