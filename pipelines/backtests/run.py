"""Backtests: what the models forecast at past dates, held against what customers then did, as known in one night.

Two kinds of forecast are judged. `published`: what an earlier night told people, by the models that it had then.
`rolling_origin`: what the models would have said at a date of the past, learnt from what was known then alone; so a new
home has something to judge, too. A rolling origin goes through the very functions and SELECTs of a night, on tables
cut off at its date. The result is a file of the lake of its own; later nights show it.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from models.evaluation.backtest import LEAST_CUSTOMERS, Scale, by_group, metrics
from models.next_order.parameters import NextOrderParameters
from models.next_order.score import interval_probability
from pipelines.backtests.replay import (
    Origin,
    PastNight,
    put,
    register_cut_off,
    register_known,
    register_published,
    replay,
)
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.errors import LoyaltyError
from pipelines.scoring import clv as score
from pipelines.scoring.fitting import dates_back
from pipelines.settings import Settings, code_version
from pipelines.store.lake import CommittedNight, Lake
from pipelines.store.locks import exclusive_home_lock
from pipelines.store.manifest import Backtest

Progress = Callable[[str], None]


# Rolling origins lie one churn horizon apart, or some days more (fits.dates_back); another one lies a CLV horizon back.
ROLLING_ORIGINS = 4


# So many earlier nights, at least as far apart as fits are, stand for what was published.
PUBLISHED_NIGHTS = 8


# What a young home's nights are judged by until a whole churn horizon is over.
SHORT_WINDOW_DAYS = 28


# The groups of customers, as they were at the time of the forecast.
_GROUPS = (
    "YEAR(p.first_order_date) || '-Q' || QUARTER(p.first_order_date) AS first_order_quarter, "
    "r.rfm_segment AS rfm_segment"
)


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
    """Judge past forecasts by what is known in a committed night, and keep the result.

    Raises:
        HomeBusyError: another run works in the home.
    """
    lake = Lake(settings.home)
    with exclusive_home_lock(settings.home):
        base = lake.open_backtest(night)
        groups: list[dict[str, Any]] = []
        quality: list[dict[str, Any]] = []
        for origin in _origins(base, settings):
            progress(f"forecasts of {origin.as_of} ({origin.kind})")
            with DuckDBEngine(base, settings) as engine:
                register_known(engine, base)
                if origin.published:
                    register_published(origin.published, engine, settings)
                else:
                    replay(origin, base, engine, settings)
                for judged in _judged(origin, base, engine, settings):
                    groups += _group_rows(judged)
                    quality += _quality_rows(judged)
        result = Backtest(
            run_date=night, code_version=code_version(), tables={"backtest": groups, "backtest_quality": quality}
        )
        lake.add_backtest(result)
        return result


# --- which forecasts ---


def _origins(base: CommittedNight, settings: Settings) -> Iterator[Origin]:
    """Forecasts whose outcome is known in a night: published ones, then rolling origins, each oldest first."""
    night, full, usual = base.run_date, settings.clv_horizon_days, settings.churn_horizon_days

    def over(as_of: date, *windows: int) -> tuple[int, ...]:
        return tuple(sorted({days for days in windows if as_of + timedelta(days) <= night}))

    earlier = [known for known in base.lake.nights() if known < night]
    least = usual if any(over(known, usual) for known in earlier) else SHORT_WINDOW_DAYS
    recent = _spaced([known for known in earlier if over(known, least)], settings.fit_days, PUBLISHED_NIGHTS)
    oldest = [known for known in earlier if over(known, full)][-1:]
    for as_of in sorted({*recent, *oldest}):
        manifest = base.lake.manifest(as_of)
        lead, horizon = (int(manifest.settings[f"churn_{name}_days"]) for name in ("lead", "horizon"))
        ahead = (lead, horizon) if over(as_of, lead + horizon) else None
        yield Origin("published", as_of, over(as_of, least, full), ahead, manifest)

    lead = settings.churn_lead_days
    with DuckDBEngine(base, settings) as engine:
        register_known(engine, base)
        register_cut_off(night, engine, settings)
        begins = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0]
        origins = dates_back(engine, night, timedelta(lead + usual), ROLLING_ORIGINS, settings)
        (year_ago,) = dates_back(engine, night, timedelta(full), 1, settings)
    for as_of in sorted({*origins, year_ago}):
        if begins is not None and as_of > begins:
            ahead = (lead, usual) if as_of in origins else None
            windows = (*((usual,) if as_of in origins else ()), *((full,) if as_of == year_ago else ()))
            yield Origin("rolling_origin", as_of, over(as_of, *windows), ahead)


def _spaced(nights: list[date], days: int, most: int) -> list[date]:
    """The last nights, going back in steps of at least so many days."""
    found: list[date] = []
    for night in reversed(nights):
        if not found or found[-1] - night >= timedelta(days):
            found.append(night)
    return found[:most]


# --- what then happened ---


@dataclass(frozen=True)
class _Judged:
    """One measure of one forecast with its outcomes, one row per customer.

    reason: why there may be none. whom: who is judged, where that is not everybody with a forecast.
    """

    measure: "_Measure"
    key: dict[str, Any]
    outcomes: pd.DataFrame
    reason: str
    whom: str = ""


@dataclass(frozen=True)
class _Measure:
    """What is forecast, by which model.

    fit: the table of its fit. reason_metric: the metric there whose note says why there is no forecast. version: one
    that bears the day of the model itself, not of a later attempt.
    """

    name: str
    model: str
    fit: str
    scale: Scale
    unit: str
    reason_metric: str
    version: str


_PURCHASE_DAYS = _Measure("purchase_days", "clv", "clv_fit", "amount", "purchase days", "customers", "r")


_REVENUE = _Measure("revenue", "clv", "clv_fit", "amount", "revenue", "spend_customers", "p")


_CHURNED = _Measure("churned", "churn", "churn_fit", "probability", "share that left", "method", "training_rows")


_SPENT_MORE = _Measure(
    "spent_more", "growth", "spend_growth_fit", "probability", "share that spent more", "method", "method"
)


_ORDERED = _Measure(
    "ordered_in_interval",
    "next_order",
    "next_order_fit",
    "probability",
    "share that ordered within it",
    "customers",
    "k",
)


def _judged(origin: Origin, base: CommittedNight, engine: DuckDBEngine, settings: Settings) -> Iterator[_Judged]:
    """Every measure of an origin's forecasts, over every window that is over."""

    def judged(measure: _Measure, window: int, outcomes: pd.DataFrame, whom: str = "") -> _Judged:
        fit = f"{identifier(measure.fit)} WHERE model = '{measure.model}'"
        notes = engine.rows(f"SELECT note FROM {fit} AND metric = '{measure.reason_metric}'")
        versions = engine.rows(f"SELECT trained_through FROM {fit} AND metric = '{measure.version}'")
        key = {
            "model": measure.model,
            "measure": measure.name,
            "kind": origin.kind,
            "as_of_date": origin.as_of,
            "window_days": window,
            "trained_through": versions[0][0] if versions else None,
        }
        reason = whom or (str(notes[0][0]) if notes else "there was no such model yet")
        return _Judged(measure, key, outcomes, reason, whom)

    # Without a margin rate the model speaks of revenue, which is known for every purchase.
    engine.rows("DELETE FROM clv_model WHERE component = 'margin_rate'")
    for window in origin.windows:
        undiscounted = settings.model_copy(update={"clv_horizon_days": window, "discount_rate": 0.0})
        scored = score.customer_clv(engine, PastNight(base.lake, origin.as_of, base.token), undiscounted)
        put("forecast", scored["customer_clv"], engine)
        for measure in (_PURCHASE_DAYS, _REVENUE):
            yield judged(measure, window, _amounts(measure, origin.as_of, window, engine))
        yield judged(_ORDERED, window, *_next_orders(origin.as_of, window, engine))
    if origin.horizon:
        lead, horizon = map(timedelta, origin.horizon)
        yield judged(_CHURNED, horizon.days, _departures(origin.as_of, lead, horizon, engine))
        yield judged(_SPENT_MORE, horizon.days, _growth(origin.as_of, lead, horizon, engine))


def _amounts(measure: _Measure, as_of: date, window: int, engine: DuckDBEngine) -> pd.DataFrame:
    """Grain: customer with a forecast. Baseline: as much as in the window before, if the data reach back so far."""
    begins = engine.rows("SELECT MIN(business_date) FROM days_known_now")[0][0]
    reaches_back = begins is not None and begins <= as_of - timedelta(window - 1)
    predicted, interval = "f.expected_purchases", ""
    if measure is _REVENUE:
        predicted, interval = "f.clv", "f.clv_low AS low, f.clv_high AS high,"
    found: pd.DataFrame = engine.arrow(
        f"""WITH afterwards AS ({_bought("days_known_now", as_of, as_of + timedelta(window))}),
        earlier AS ({_bought("days_known_at_origin", as_of - timedelta(window), as_of)})
        SELECT {_GROUPS}, {interval}
            {predicted} AS predicted,
            CAST(COALESCE(a.{measure.name}, 0) AS DOUBLE) AS actual,
            CAST({f"COALESCE(e.{measure.name}, 0)" if reaches_back else "NULL"} AS DOUBLE) AS baseline
        FROM forecast AS f
        INNER JOIN customer_purchase_pattern AS p ON p.customer_id = f.customer_id
        LEFT JOIN customer_rfm AS r ON r.customer_id = f.customer_id
        LEFT JOIN afterwards AS a ON a.customer_id = f.customer_id
        LEFT JOIN earlier AS e ON e.customer_id = f.customer_id
        WHERE {predicted} IS NOT NULL AND f.customer_id NOT IN (SELECT customer_id FROM left_out)
        ORDER BY f.customer_id"""
    ).to_pandas()
    return found


def _bought(days: str, after: date, until: date) -> str:
    """SQL of purchase days (net spend above 0) and their revenue, by customer."""
    return (
        f"SELECT customer_id, COUNT(*) AS purchase_days, SUM(net_spend) AS revenue FROM {days} "
        f"WHERE business_date > DATE '{after}' AND business_date <= DATE '{until}' AND net_spend > 0 "
        "GROUP BY customer_id"
    )


def _departures(as_of: date, lead: timedelta, horizon: timedelta, engine: DuckDBEngine) -> pd.DataFrame:
    """Grain: active customer with a forecast.

    Baseline: at the cut-off before this one, the share that left of those with as many weeks since their last order.
    """
    before = as_of - lead - horizon
    recency = "DATE_DIFF('day', MAX(business_date), DATE '{0}')"

    def last_order(day: date) -> str:
        return (
            f"SELECT customer_id, {recency.format(day)} AS days FROM days_known_at_origin "
            f"WHERE order_count > 0 AND business_date <= DATE '{day}' GROUP BY customer_id"
        )

    def buyers(days: str, day: date) -> str:
        return (
            f"SELECT DISTINCT customer_id FROM {days} WHERE order_count > 0 "
            f"AND business_date > DATE '{day + lead}' AND business_date <= DATE '{day + lead + horizon}'"
        )

    found: pd.DataFrame = engine.arrow(
        f"""WITH now_ AS ({last_order(as_of)}),
        active AS (
            SELECT c.customer_id, c.p_churn, n.days FROM customer_churn AS c
            LEFT JOIN now_ AS n ON n.customer_id = c.customer_id
            WHERE c.is_active AND c.p_churn IS NOT NULL AND c.customer_id NOT IN (SELECT customer_id FROM left_out)
        ),
        earlier AS (
            SELECT e.days // 7 AS weeks,
                e.customer_id NOT IN (SELECT customer_id FROM ({buyers("days_known_at_origin", before)})) AS has_left
            FROM ({last_order(before)}) AS e
            WHERE e.days <= (SELECT MAX(days) FROM active)
                AND e.customer_id NOT IN (SELECT customer_id FROM left_out)
        ),
        by_week AS (
            SELECT weeks, CAST(COUNT(*) FILTER (WHERE has_left) AS DOUBLE) / COUNT(*) AS share
            FROM earlier GROUP BY weeks HAVING COUNT(*) >= {LEAST_CUSTOMERS}
        ),
        overall AS (SELECT CAST(COUNT(*) FILTER (WHERE has_left) AS DOUBLE) / NULLIF(COUNT(*), 0) AS share FROM earlier)
        SELECT {_GROUPS},
            a.p_churn AS predicted,
            CAST(a.customer_id NOT IN (SELECT customer_id FROM ({buyers("days_known_now", as_of)})) AS DOUBLE)
                AS actual,
            COALESCE(w.share, o.share) AS baseline
        FROM active AS a
        CROSS JOIN overall AS o
        INNER JOIN customer_purchase_pattern AS p ON p.customer_id = a.customer_id
        LEFT JOIN customer_rfm AS r ON r.customer_id = a.customer_id
        LEFT JOIN by_week AS w ON w.weeks = a.days // 7
        ORDER BY a.customer_id"""
    ).to_pandas()
    return found


def _growth(as_of: date, lead: timedelta, horizon: timedelta, engine: DuckDBEngine) -> pd.DataFrame:
    """Grain: customer with a forecast. What he spent, as known in the night of the backtest; less than 0 counts as 0.

    Baseline: at the cut-off before this one, the share that spent more of those who had also spent nothing, less than
    in the horizon before it, or as much; if the data reach back so far.
    """
    before = as_of - lead - horizon
    begins = engine.rows("SELECT MIN(business_date) FROM days_known_now")[0][0]
    reaches_back = begins is not None and begins <= before - 2 * horizon + timedelta(1)

    def spends(days: str, day: date) -> str:
        def between(after: date, until: date) -> str:
            within = f"business_date > DATE '{after}' AND business_date <= DATE '{until}'"
            return f"GREATEST(COALESCE(SUM(net_revenue) FILTER ({within}), 0), 0)"

        return (
            f"SELECT customer_id, {between(day - horizon, day)} AS spent, "
            f"CASE WHEN spent = 0 THEN 0 WHEN spent < {between(day - 2 * horizon, day - horizon)} THEN 1 ELSE 2 END "
            f"AS band, {between(day + lead, day + lead + horizon)} > spent AS has_grown, "
            f"MAX(business_date) FILTER (order_count > 0 AND business_date <= DATE '{day}') AS last_order_date "
            f"FROM {days} GROUP BY customer_id"
        )

    found: pd.DataFrame = engine.arrow(
        f"""WITH earlier AS (
            SELECT band, has_grown FROM ({spends("days_known_at_origin", before)})
            WHERE last_order_date > DATE '{before - timedelta(365)}' AND {reaches_back}
                AND customer_id NOT IN (SELECT customer_id FROM left_out)
        ),
        by_band AS (
            SELECT band, CAST(COUNT(*) FILTER (WHERE has_grown) AS DOUBLE) / COUNT(*) AS share
            FROM earlier GROUP BY band HAVING COUNT(*) >= {LEAST_CUSTOMERS}
        ),
        overall AS (
            SELECT CAST(COUNT(*) FILTER (WHERE has_grown) AS DOUBLE) / NULLIF(COUNT(*), 0) AS share FROM earlier
        )
        SELECT {_GROUPS},
            f.p_spend_more AS predicted,
            CAST(a.has_grown AS DOUBLE) AS actual,
            COALESCE(b.share, o.share) AS baseline
        FROM customer_spend_more AS f
        CROSS JOIN overall AS o
        LEFT JOIN ({spends("days_known_at_origin", as_of)}) AS s ON s.customer_id = f.customer_id
        INNER JOIN ({spends("days_known_now", as_of)}) AS a ON a.customer_id = f.customer_id
        INNER JOIN customer_purchase_pattern AS p ON p.customer_id = f.customer_id
        LEFT JOIN customer_rfm AS r ON r.customer_id = f.customer_id
        LEFT JOIN by_band AS b ON b.band = s.band
        WHERE f.p_spend_more IS NOT NULL AND f.customer_id NOT IN (SELECT customer_id FROM left_out)
        ORDER BY f.customer_id"""
    ).to_pandas()
    return found


def _next_orders(as_of: date, window: int, engine: DuckDBEngine) -> tuple[pd.DataFrame, str]:
    """Grain: customer with an interval that ended within the window; and who they are among those with a date.

    Who is judged was settled on the night of the forecast: it does not hang on whether and when an order came, so that
    who has not come (yet) counts as what he is, one whose interval ended without an order. Of dates the baseline is as
    many days after the last purchase day as a customer's purchase days lie apart (who has one: as everybody's do), but
    not before the day after the forecast. predicted is left to the model of the night.
    """
    dated = engine.arrow(
        f"""WITH afterwards AS (
            SELECT customer_id, DATE_DIFF('day', DATE '{as_of}', MIN(business_date)) AS order_days FROM days_known_now
            WHERE business_date > DATE '{as_of}' AND business_date <= DATE '{as_of + timedelta(window)}'
                AND net_spend > 0
            GROUP BY customer_id
        ),
        usual AS (
            SELECT CAST(SUM(recency_days) AS DOUBLE) / NULLIF(SUM(frequency), 0) AS days FROM customer_purchase_pattern
            WHERE customer_id NOT IN (SELECT customer_id FROM left_out)
        )
        SELECT {_GROUPS}, p.frequency, p.recency_days, p.age_days,
            DATE_DIFF('day', DATE '{as_of}', f.next_order_low) AS low_days,
            DATE_DIFF('day', DATE '{as_of}', f.next_order_high) AS high_days,
            CAST(DATE_DIFF('day', DATE '{as_of}', f.next_order_date) AS DOUBLE) AS date_days,
            GREATEST(COALESCE(CAST(p.recency_days AS DOUBLE) / NULLIF(p.frequency, 0), u.days)
                - (p.age_days - p.recency_days), 1) AS guessed_days,
            CAST(a.order_days AS DOUBLE) AS order_days
        FROM customer_next_order AS f
        CROSS JOIN usual AS u
        INNER JOIN customer_purchase_pattern AS p ON p.customer_id = f.customer_id
        LEFT JOIN customer_rfm AS r ON r.customer_id = f.customer_id
        LEFT JOIN afterwards AS a ON a.customer_id = f.customer_id
        WHERE f.next_order_date IS NOT NULL AND f.customer_id NOT IN (SELECT customer_id FROM left_out)
        ORDER BY f.customer_id"""
    )
    judged = dated.filter(pc.less_equal(dated["high_days"], window))
    whom = f"of {len(dated):,} customers with a date, {len(judged):,} have an interval that had ended" if dated else ""
    parameters = engine.rows("SELECT parameters FROM next_order_model")
    predicted = np.empty(0)
    if len(judged):
        predicted = interval_probability(judged, NextOrderParameters.from_json(parameters[0][0]))
    found: pd.DataFrame = judged.drop_columns(["frequency", "recency_days", "age_days"]).to_pandas()
    within = found["order_days"].between(found.pop("low_days"), found.pop("high_days"))
    return found.assign(predicted=predicted, actual=within.astype(float), baseline=np.nan), whom


# --- the result's rows ---


def _group_rows(judged: _Judged) -> list[dict[str, Any]]:
    frame = by_group(judged.outcomes)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [judged.key | {str(name): value for name, value in row.items()} for row in rows]


def _quality_rows(judged: _Judged) -> list[dict[str, Any]]:
    count, key = len(judged.outcomes), judged.key
    about = f"forecast of {key['as_of_date']} ({key['kind']}) for {key['window_days']} days"
    whom = f"; {judged.whom}" if judged.whom else ""
    note = f"judged{whom}; {about}" if count else f"no customer has a {about}: {judged.reason}"
    rows = [
        {"metric": "customers", "value": float(count), "baseline_value": None, "beats_baseline": None, "note": note}
    ]
    for found in metrics(judged.outcomes, judged.measure.scale):
        naive = "" if found.baseline_value is None else f"; without a model {found.baseline_value:g}"
        note = f"{judged.measure.unit}: {found.note}{naive}; {about}"
        rows.append({**asdict(found), "note": note})
    return [key | row for row in rows]
