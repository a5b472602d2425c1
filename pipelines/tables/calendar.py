"""The calendar: each day from the first receipt to tonight."""

from datetime import date, timedelta

import pyarrow as pa

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Night


def calendar(engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: date. Every date from the first receipt's to tonight's; only tonight's if there is no receipt.

    `calendar_period` has the day, the ISO week (from Monday) and the month of each.
    """
    first: date = engine.rows("SELECT MIN(business_date) FROM receipt_fact")[0][0] or night.run_date
    days = [first + timedelta(n) for n in range((night.run_date - first).days + 1)]
    rows = [
        {"business_date": day, "period": period, "period_start": start, "period_end": end}
        for day in days
        for period, start, end in periods_of(day)
    ]
    schema = pa.schema([("business_date", pa.date32()), ("period", pa.string())])
    schema = schema.append(pa.field("period_start", pa.date32())).append(pa.field("period_end", pa.date32()))
    return {
        "calendar": pa.table({"business_date": pa.array(days, pa.date32())}),
        "calendar_period": pa.Table.from_pylist(rows, schema),
    }


def periods_of(day: date) -> list[tuple[str, date, date]]:
    """The day, the ISO week (from Monday) and the month that a day lies in: name, first day, last day."""
    monday, first = day - timedelta(day.weekday()), day.replace(day=1)
    last = (first + timedelta(31)).replace(day=1) - timedelta(1)
    return [("day", day, day), ("week", monday, monday + timedelta(6)), ("month", first, last)]
