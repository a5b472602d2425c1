"""Plan against actual, and growth targets: what the retailer's file of targets asks for beside what was reached."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from pipelines.catalog import segment_files
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.intake.mapping.words import unknown
from pipelines.scoring.fitting import Tables
from pipelines.scoring.growth_target import growth_targets
from pipelines.scoring.target_file import COUNTS, DECIMALS, METRICS, RATES, SUMS, Planned, read_target_file
from pipelines.settings import Settings
from pipelines.store.lake import Night

# Whole weeks before a running period whose weekdays say how much of it falls on the days that are over: a quarter, so
# that each weekday is a mean of thirteen and the season is near.
PROFILE_WEEKS = 13
_CENT = Decimal(1).scaleb(-DECIMALS)

Row = dict[str, Any]
Pair = tuple[str, str]


def plan_actual(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: metric, cut, its value, period and its first day. Splits: growth_target, and target_warning.

    A file with a fault plans nothing: both tables are empty then, and target_warning says why.
    """
    file = read_target_file(settings.targets, night.target_file)
    planned = file.planned
    rows, warnings = _plan_rows(engine, planned, night.run_date) if planned else ([], [])
    notes = [*(f"{fault}" for fault in file.faults), *warnings]
    return {
        "plan_actual": pa.Table.from_pylist(rows, _PLAN),
        "growth_target": growth_targets(engine, file.targets.growth, night.run_date),
        "target_warning": pa.table(
            {"warning_number": pa.array(range(1, len(notes) + 1), pa.int64()), "message": pa.array(notes, pa.string())}
        ),
    }


def _plan_rows(engine: DuckDBEngine, planned: list[Planned], night: date) -> tuple[list[Row], list[str]]:
    """Rows of all planned figures, and a sentence for each value of a cut that nothing knows."""
    engine.register_arrow("planned", _keys(planned))
    actual = _by_key(engine, "SELECT k.* FROM kpi_period AS k SEMI JOIN planned AS p USING ({key})")
    known = {(row["cut"], row["cut_value"]): row for row in _rows(engine, _KNOWN)}
    profiles = _profiles(engine, [p for p in planned if _is_running(p, night) and p.metric in SUMS])
    segments = set(engine.rows("SELECT DISTINCT period, period_start FROM kpi_period WHERE cut = 'segment'"))
    rows = []
    for plan in planned:
        row, of_cut = actual.get(plan.key[1:]), known.get((plan.cut, plan.cut_value))
        value, reason = _actual(plan, row, of_cut, night, knows_segments=plan[3:5] in segments)
        rows.append(_row(plan, value, reason, night, profiles))
    return rows, list(_unknown_values(engine, planned, known))


def _actual(
    plan: Planned, row: Row | None, of_cut: Row | None, night: date, *, knows_segments: bool
) -> tuple[Decimal | None, str | None]:
    """A figure of kpi_period, and why it is NULL, or 0 without a row."""
    if plan.period_start > night:
        return None, "not_begun"
    if of_cut is None:
        return None, "cut_value_without_data"
    if not of_cut[plan.metric]:
        return None, "unknown_by_cut"
    if row is not None:
        if row[plan.metric] is None:
            return None, "unknown_in_period"
        is_whole = row["is_complete"] or plan.period_end > night
        return _exact(row[plan.metric]), None if is_whole else "begins_before_the_data"
    if plan.period_end < of_cut["first_day"]:
        return None, "before_the_data"
    if plan.cut == "segment" and not knows_segments:
        return None, "segments_unknown_then"
    if plan.metric in (*SUMS, *COUNTS):
        return Decimal(0), "no_sale_in_period"
    return None, "no_sale_in_period"


def _row(
    plan: Planned, value: Decimal | None, reason: str | None, night: date, profiles: dict[tuple[Any, ...], Row]
) -> Row:
    days = (plan.period_end - plan.period_start).days + 1
    days_over = min(max((night - plan.period_start).days + 1, 0), days)
    share, why = _share_to_date(plan, days_over, days, profiles)
    to_date = None if share is None else round(plan.plan_value * share, DECIMALS)
    return {
        **plan._asdict(),
        "actual_value": value,
        "difference": None if value is None else value - plan.plan_value,
        "reached_share": _reached(plan, value),
        "period_days": days,
        "days_over": days_over,
        "is_over": days_over == days,
        "to_date_share": None if share is None else float(share),
        "to_date_value": to_date,
        "to_date_difference": None if value is None or to_date is None else value - to_date,
        "actual_reason": reason,
        "to_date_reason": why,
    }


def _reached(plan: Planned, value: Decimal | None) -> float | None:
    """A rate is not reached bit by bit: it has no share."""
    if value is None or plan.metric in RATES or not plan.plan_value:
        return None
    return float(value / plan.plan_value)


def _share_to_date(
    plan: Planned, days_over: int, days: int, profiles: dict[tuple[Any, ...], Row]
) -> tuple[Decimal | None, str | None]:
    """The part of a sum's plan that falls on the days that are over, by the weekdays of the weeks before the period."""
    if plan.metric not in SUMS:
        return None, "not_a_sum_of_days"
    if days_over in (0, days):
        return Decimal(days_over // days), None
    profile = profiles.get(plan.key[1:])
    if profile is None:
        return None, "no_sale_before"
    if profile["first_day"] > plan.period_start - timedelta(7 * (PROFILE_WEEKS - 1)):
        return None, "too_few_weeks_before"
    weekdays = profile[plan.metric]
    if any(total is None for total in weekdays) or min(weekdays) < 0 or sum(weekdays) <= 0:
        return None, "no_usable_weekdays_before"
    usual = [weekdays[(plan.period_start + timedelta(n)).weekday()] for n in range(days)]
    return Decimal(sum(usual[:days_over])) / Decimal(sum(usual)), None


def _profiles(engine: DuckDBEngine, running: list[Planned]) -> dict[tuple[Any, ...], Row]:
    """Sums by weekday, from Monday, of the weeks before each running period; None on a weekday with an unknown one."""
    if not running:
        return {}
    engine.register_arrow("running", _keys(running))
    found: dict[tuple[Any, ...], Row] = defaultdict(lambda: {metric: [Decimal(0)] * 7 for metric in SUMS})
    for row in _rows(engine, _WEEKDAYS):
        profile = found[tuple(row[name] for name in _KEY)]
        profile["first_day"] = row["first_day"]
        for metric in SUMS:
            profile[metric][row["weekday"] - 1] = row[metric]
    return found


def _unknown_values(engine: DuckDBEngine, planned: Iterable[Planned], known: dict[Pair, Row]) -> Iterator[str]:
    """A sentence for each planned value of a cut that neither a sale nor a list of the night knows."""
    pairs = {(plan.cut, plan.cut_value): plan for plan in reversed(list(planned))}
    doubtful = sorted(pair for pair in pairs if pair not in known)
    if not doubtful:
        return
    there = set(engine.rows("SELECT DISTINCT cut, cut_value FROM kpi_period"))
    there |= set(engine.rows("SELECT 'store', store_id FROM store"))
    there |= {("region", region) for (region,) in engine.rows("SELECT region FROM store") if region is not None}
    there |= {("segment", path.stem) for path in segment_files()}
    for cut, value in doubtful:
        if (cut, value) not in there:
            names = [name for of, name in there if of == cut]
            yield f"plan of {pairs[cut, value].metric} by {cut}: {unknown(value, cut, names)}"


def _is_running(plan: Planned, night: date) -> bool:
    return plan.period_start <= night < plan.period_end


def _exact(value: Any) -> Decimal:
    """A figure in the table's decimals; sums and counts have no more, a rate is rounded."""
    return round(Decimal(f"{value}"), DECIMALS)


def _keys(planned: Iterable[Planned]) -> pa.Table:
    """Each period and cut once."""
    keys = sorted({plan.key[1:] for plan in planned})
    return pa.Table.from_pylist([dict(zip(_KEY, key, strict=True)) for key in keys], pa.schema(_KEY_TYPES))


def _by_key(engine: DuckDBEngine, select: str) -> dict[tuple[Any, ...], Row]:
    rows = _rows(engine, select.format(key=", ".join(_KEY)))
    return {tuple(row[name] for name in _KEY): row for row in rows}


def _rows(engine: DuckDBEngine, select: str) -> list[Row]:
    return list(engine.arrow(select).to_pylist())


_KEY = ("cut", "cut_value", "period", "period_start")
_KEY_TYPES = [("cut", pa.string()), ("cut_value", pa.string()), ("period", pa.string()), ("period_start", pa.date32())]
# Of each planned cut: its first day, and how many periods know each figure.
_KNOWN = f"""
SELECT cut, cut_value, MIN(period_start) AS first_day, {", ".join(f"COUNT({name}) AS {name}" for name in METRICS)}
FROM kpi_period
SEMI JOIN planned USING (cut, cut_value)
GROUP BY cut, cut_value
"""
# NULL is no posting and no line, but for a margin, which is unknown then.
_WEEKDAYS = f"""
SELECT {", ".join(f"r.{name}" for name in _KEY)}, ISODOW(k.period_start) AS weekday,
    MIN(MIN(k.period_start)) OVER (PARTITION BY {", ".join(f"r.{name}" for name in _KEY)}) AS first_day,
    {", ".join(f"COALESCE(SUM(k.{name}), 0) AS {name}" for name in SUMS if name != "gross_margin")},
    CASE WHEN COUNT(k.gross_margin) = COUNT(*) THEN SUM(k.gross_margin) END AS gross_margin
FROM running AS r
INNER JOIN kpi_period AS k ON k.period = 'day' AND k.cut = r.cut AND k.cut_value = r.cut_value
    AND k.period_start BETWEEN r.period_start - {7 * PROFILE_WEEKS} AND r.period_start - 1
GROUP BY {", ".join(f"r.{name}" for name in _KEY)}, weekday
"""
_FIGURE = pa.decimal128(38, DECIMALS)
_PLAN = pa.schema(
    [
        ("metric", pa.string()),
        *_KEY_TYPES,
        ("period_end", pa.date32()),
        *((name, _FIGURE) for name in ("plan_value", "actual_value", "difference")),
        ("reached_share", pa.float64()),
        *((name, pa.int64()) for name in ("period_days", "days_over")),
        ("is_over", pa.bool_()),
        ("to_date_share", pa.float64()),
        *((name, _FIGURE) for name in ("to_date_value", "to_date_difference")),
        *((name, pa.string()) for name in ("actual_reason", "to_date_reason")),
    ]
)
