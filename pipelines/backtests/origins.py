"""Which past forecasts a backtest looks at: what earlier nights published, and rolling origins."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from pipelines.backtests.replay import register_cut_off, register_days_known_now
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import dates_back
from pipelines.settings import Settings
from pipelines.store.lake import CommittedNight
from pipelines.store.manifest import Manifest

Kind = Literal["published", "rolling_origin"]

# Rolling origins lie one churn horizon apart, or some days more (fitting.dates_back); one more lies a CLV horizon back.
ROLLING_ORIGINS = 4

# At most so many earlier nights are looked at; they lie at least as far apart as fits.
PUBLISHED_NIGHTS = 8

# The window of a young home's nights, until a whole churn horizon is over.
SHORT_WINDOW_DAYS = 28


@dataclass(frozen=True)
class Origin:
    """A past date as of which something was forecast, and how much of the time after it is over.

    windows: lengths in days, from the day after the origin, over which purchases, revenue and next orders are compared.
    horizon: lead and length, in days, of the forecasts of churn and spend growth; None if its end has not come.
    published: the manifest of the night that published the forecasts; None for a rolling origin.
    """

    kind: Kind
    as_of: date
    windows: tuple[int, ...]
    horizon: tuple[int, int] | None
    published: Manifest | None = None


def past_origins(base: CommittedNight, settings: Settings) -> Iterator[Origin]:
    """Origins whose outcome is known in a night: published ones, then rolling ones, each oldest first."""
    yield from _published_origins(base, settings)
    yield from _rolling_origins(base, settings)


def _published_origins(base: CommittedNight, settings: Settings) -> Iterator[Origin]:
    night, churn_days, clv_days = base.run_date, settings.churn_horizon_days, settings.clv_horizon_days
    earlier = [day for day in base.lake.nights() if day < night]
    shortest = churn_days if any(_windows_over(day, night, churn_days) for day in earlier) else SHORT_WINDOW_DAYS
    recent = [day for day in earlier if _windows_over(day, night, shortest)]
    oldest = [day for day in earlier if _windows_over(day, night, clv_days)][-1:]
    for as_of in sorted({*_spaced(recent, settings.fit_days, PUBLISHED_NIGHTS), *oldest}):
        manifest = base.lake.manifest(as_of)
        lead, length = (int(manifest.settings[f"churn_{name}_days"]) for name in ("lead", "horizon"))
        horizon = (lead, length) if _windows_over(as_of, night, lead + length) else None
        yield Origin("published", as_of, _windows_over(as_of, night, shortest, clv_days), horizon, manifest)


def _rolling_origins(base: CommittedNight, settings: Settings) -> Iterator[Origin]:
    night, lead = base.run_date, settings.churn_lead_days
    churn_days, clv_days = settings.churn_horizon_days, settings.clv_horizon_days
    with DuckDBEngine(base, settings) as engine:
        register_days_known_now(engine, base)
        register_cut_off(night, engine, settings)
        first_day = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0]
        recent = dates_back(engine, night, timedelta(lead + churn_days), ROLLING_ORIGINS, settings)
        (oldest,) = dates_back(engine, night, timedelta(clv_days), 1, settings)
    for as_of in sorted({*recent, oldest}):
        if first_day is not None and as_of > first_day:
            horizon = (lead, churn_days) if as_of in recent else None
            windows = (*((churn_days,) if as_of in recent else ()), *((clv_days,) if as_of == oldest else ()))
            yield Origin("rolling_origin", as_of, _windows_over(as_of, night, *windows), horizon)


def _windows_over(as_of: date, night: date, *windows: int) -> tuple[int, ...]:
    """Those of some windows after a date that end by a night, in days."""
    return tuple(sorted({days for days in windows if as_of + timedelta(days) <= night}))


def _spaced(nights: list[date], days: int, most: int) -> list[date]:
    """The last nights, going back in steps of at least so many days."""
    found: list[date] = []
    for night in reversed(nights):
        if not found or found[-1] - night >= timedelta(days):
            found.append(night)
    return found[:most]
