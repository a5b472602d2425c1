"""The parameters of a night, as small tables that SQL reads: its date and settings, and the cut-offs of features."""

from datetime import date, timedelta

import pyarrow as pa

from pipelines.engines.base import Engine
from pipelines.engines.sql import constants
from pipelines.settings import Settings


def register_parameters(engine: Engine, run_date: date, settings: Settings) -> None:
    """Make the names of a night's parameters stand for them."""
    for name, rows in parameters(run_date, settings).items():
        engine.register(name, constants(rows))


def parameters(run_date: date, settings: Settings) -> dict[str, pa.Table]:
    """The small tables `night` (one row: date and settings), `feature_date` and `gift_card_category` by name."""
    night = {
        "run_date": run_date,
        "active_days": settings.active_days,
        "churn_lead_days": settings.churn_lead_days,
        "churn_horizon_days": settings.churn_horizon_days,
        "clv_horizon_days": settings.clv_horizon_days,
        "discount_rate": settings.discount_rate,
        "point_value": settings.point_value,
        "points_order": settings.points_order,
        "amounts_include_tax": settings.amounts_include_tax,
        "currency": settings.currency,
    }
    types = {"active_days": pa.int32(), "churn_lead_days": pa.int32(), "churn_horizon_days": pa.int32()}
    types |= {"clv_horizon_days": pa.int32(), "point_value": pa.decimal128(18, 4)}
    return {
        "night": pa.table({name: pa.array([value], type=types.get(name)) for name, value in night.items()}),
        "feature_date": feature_dates([run_date], settings),
        "gift_card_category": pa.table({"category": pa.array(sorted(set(settings.gift_card_categories)), pa.string())}),
    }


def register_feature_dates(engine: Engine, as_of: list[date], settings: Settings) -> None:
    """Make `feature_date` stand for some cut-offs."""
    engine.register("feature_date", constants(feature_dates(as_of, settings)))


def feature_dates(as_of: list[date], settings: Settings) -> pa.Table:
    """Grain: cut-off. The days up to which features are known, each with the first and last day of its label."""
    lead, horizon = timedelta(settings.churn_lead_days), timedelta(settings.churn_horizon_days)
    columns = {
        "as_of_date": as_of,
        "label_from_date": [day + lead + timedelta(1) for day in as_of],
        "label_to_date": [day + lead + horizon for day in as_of],
    }
    return pa.table({name: pa.array(days, pa.date32()) for name, days in columns.items()})
