"""Concentration of revenue by month and ABC of products: worked out weekly, as all lines of a year are read for it."""

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa

from models.concentration import TOP_PERCENTS, Concentration, concentration
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables, kept_fit, last_fit_day, quality_rows
from pipelines.settings import Settings
from pipelines.store.lake import Night

_MONTHLY = pa.schema(
    [
        ("unit", pa.string()),
        ("month_date", pa.date32()),
        ("unit_count", pa.int64()),
        ("revenue", pa.decimal128(38, 2)),
        *((f"top_{percent}_share", pa.float64()) for percent in TOP_PERCENTS),
        ("gini", pa.float64()),
    ]
)


def concentration_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. How many months and products could be looked at."""
    if kept := kept_fit("concentration_fit", last_fit_day(engine, "concentration_fit"), engine, night, settings):
        return kept
    engine.materialise("product_day", query("fits/product_day"))
    months, products = _monthly(engine.arrow(query("fits/monthly_revenue"))), engine.arrow(query("fits/product_abc"))
    rows = [
        ("months", float(len(set(months["month_date"].to_pylist()))), "complete months, of the last 13"),
        ("products", float(len(products)), "products with a line in the last 360 days; lines without one are left out"),
    ]
    return {
        "concentration_fit": quality_rows("concentration", rows, night.run_date),
        "concentration": months,
        "product_abc": products,
    }


def _monthly(spread: pa.Table) -> pa.Table:
    """Rows of concentration, of the rows of fits/monthly_revenue (which are in order)."""
    frame = spread.to_pandas()
    rows = []
    for (unit, month), group in frame.groupby(["unit", "month_date"], sort=True):
        amounts, counts = (group[name].to_numpy(dtype=np.int64) for name in ("hundredths", "unit_count"))
        found = concentration(amounts, counts)
        rows.append(_row(str(unit), month, int(amounts @ counts), found))
    return pa.Table.from_pylist(rows, _MONTHLY)


def _row(unit: str, month: date, hundredths: int, found: Concentration) -> dict[str, object]:
    """A row of concentration."""
    tops = {f"top_{percent}_share": share for percent, share in zip(TOP_PERCENTS, found.top_shares, strict=True)}
    return {
        "unit": unit,
        "month_date": month,
        "unit_count": found.unit_count,
        "revenue": Decimal(hundredths) / 100,
        "gini": found.gini,
        **tops,
    }
