"""The calendar: each day from the first receipt to tonight."""

from datetime import date, timedelta

import pyarrow as pa

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Night


def calendar(engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: date. Every date from the first receipt's to tonight's; only tonight's if there is no receipt."""
    first: date = engine.rows("SELECT MIN(business_date) FROM receipt_fact")[0][0] or night.run_date
    days = [first + timedelta(n) for n in range((night.run_date - first).days + 1)]
    return {"calendar": pa.table({"business_date": pa.array(days, pa.date32())})}
