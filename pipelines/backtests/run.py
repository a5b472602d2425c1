"""A backtest: what the models forecast at past dates, compared with what customers then did, as known in one night.

There are two kinds of forecast. `published`: what an earlier night published, by the models that it had.
`rolling_origin`: what the models would have said at a past date, fitted on what was known then alone; so a new home has
something to look at, too. A rolling origin runs the very functions and SELECTs of a night, on tables cut off at its
date. The result is a file of its own in the lake; later nights show it.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from pipelines.backtests.origins import past_origins
from pipelines.backtests.outcomes import forecast_outcomes
from pipelines.backtests.replay import register_days_known_now, register_published, replay
from pipelines.backtests.results import group_rows, quality_rows
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings, code_version
from pipelines.store.lake import Lake
from pipelines.store.locks import exclusive_home_lock
from pipelines.store.manifest import Backtest

Progress = Callable[[str], None]


def committed_night(lake: Lake, day: date | None, *, or_before: bool = False) -> date:
    """The committed night to be backtested: that of a day, the last one up to it, or (no day given) the last of all.

    Raises:
        LoyaltyError: there is none.
    """
    nights = [night for night in lake.nights() if day is None or night <= day]
    if not nights or (day is not None and not or_before and nights[-1] != day):
        which = "no night" if day is None else f"no night up to {day}" if or_before else f"night {day}"
        was = "was" if day is None or or_before else "was never"
        raise LoyaltyError(
            f"{which} {was} run in {lake.home}; `loyalty run --date D` runs one, `loyalty status` lists them"
        )
    return nights[-1]


def run_backtest(night: date, settings: Settings, progress: Progress = lambda _: None) -> Backtest:
    """Compare past forecasts with what is known in a committed night, and keep the result.

    Raises:
        HomeBusyError: another run works in the home.
    """
    lake = Lake(settings.home)
    with exclusive_home_lock(settings.home):
        base = lake.open_backtest(night)
        groups: list[dict[str, Any]] = []
        quality: list[dict[str, Any]] = []
        for origin in past_origins(base, settings):
            progress(f"forecasts of {origin.as_of} ({origin.kind})")
            with DuckDBEngine(base, settings) as engine:
                register_days_known_now(engine, base)
                if origin.published:
                    register_published(origin.published, engine, settings)
                else:
                    replay(origin.as_of, base, engine, settings, with_horizon=origin.horizon is not None)
                for outcome in forecast_outcomes(origin, base, engine, settings):
                    groups += group_rows(outcome)
                    quality += quality_rows(outcome)
        result = Backtest(
            run_date=night, code_version=code_version(), tables={"backtest": groups, "backtest_quality": quality}
        )
        lake.backtests.replace(result)
        return result
