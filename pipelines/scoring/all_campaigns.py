"""The effect of all campaigns together, from the draws of the global control group; weekly, and anew each month."""

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa

from models.campaign.all_campaigns import Told, all_campaigns_effects
from models.campaign.global_control import Draw, Month, hash_below, kept_months, rolling_period, salt_digest
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables, is_fitted
from pipelines.settings import Settings
from pipelines.store.lake import Night

_NO_GROUP = "no global control group has been drawn: global_control_share is 0"
_OTHER_SALT = "LOYALTY_CONTROL_SALT is not what the group was drawn with"
_NO_MONTH = "no whole month has passed since the group was drawn, but for the first, which is dropped"
_ARM = pa.schema(
    [("draw_number", pa.int64()), ("arm", pa.string())]
    + [(name, pa.int64()) for name in ("customers", "recent_buyers", "active_customers", "churned_customers")]
)
_SUM = pa.schema(
    [("draw_number", pa.int64()), ("arm", pa.string()), ("metric", pa.string()), ("month_date", pa.date32())]
    + [(name, pa.decimal128(38, 2)) for name in ("revenue", "uncosted_revenue")]
    + [(name, pa.decimal128(38, 4)) for name in ("sum_v", "sum_vv", "sum_vvv")]
)


def all_campaigns_effect(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: period and metric. What all campaigns together changed, from the global control group."""
    period = rolling_period(night.run_date)
    if _is_kept(engine, night, settings, period[1]):
        return {"all_campaigns_effect": engine.arrow("SELECT * FROM history.all_campaigns_effect")}
    recorded = [
        Draw(*row)
        for row in engine.rows(
            "SELECT drawn_in, control_share, salt_digest, from_date, to_date FROM history.global_control_draw"
            " ORDER BY to_date"
        )
    ]
    draws = [draw for draw in recorded if draw.salt_digest == salt_digest(settings.control_salt)]
    months = kept_months(draws, night.run_date)
    sums, arms = _read(engine, draws, months, settings) if months else (_SUM.empty_table(), _ARM.empty_table())
    without = _NO_MONTH if draws else _OTHER_SALT if recorded else _NO_GROUP
    told = Told(sums.to_pandas(), arms.to_pandas(), months, period, settings.churn_horizon_days, without)
    table = all_campaigns_effects(told).assign(worked_out_date=night.run_date)
    return {"all_campaigns_effect": _typed(table)}


def _is_kept(engine: DuckDBEngine, night: Night, settings: Settings, period_end: date) -> bool:
    """Whether an earlier night's figures serve: of the same months and code, and young enough."""
    found = engine.rows("SELECT MAX(worked_out_date), MAX(to_date) FROM history.all_campaigns_effect")[0]
    return found[1] == period_end and is_fitted("all_campaigns_effect", night, settings, found[0])


def _read(
    engine: DuckDBEngine, draws: Sequence[Draw], months: Sequence[Month], settings: Settings
) -> tuple[pa.Table, pa.Table]:
    """Sums of what the draws' arms bought in the months that count, and how many customers they have."""
    numbers = sorted({month.draw_number for month in months})
    kept = {number: [month for month in months if month.draw_number == number] for number in numbers}
    engine.register_arrow("draw", _draw_table(draws, kept, settings.control_salt))
    stretches: list[dict[str, object]] = [
        {"draw_number": m.draw_number, "month_date": m.from_date, "from_date": m.from_date, "to_date": m.to_date}
        for m in months
    ]
    for number in numbers:
        begun = draws[number].from_date
        first, last = begun - timedelta(settings.active_days), begun - timedelta(1)
        stretches.append({"draw_number": number, "month_date": None, "from_date": first, "to_date": last})
    kinds = [(name, pa.date32()) for name in ("month_date", "from_date", "to_date")]
    engine.register_arrow("draw_stretch", pa.Table.from_pylist(stretches, pa.schema([_SUM.field(0), *kinds])))
    engine.materialise("drawn_customer", query("fits/drawn_customer"))
    engine.materialise("drawn_purchase", query("fits/drawn_purchase"))
    return engine.arrow(query("fits/drawn_sum")), engine.arrow(query("fits/drawn_arm"))


def _draw_table(draws: Sequence[Draw], kept: dict[int, list[Month]], salt: str) -> pa.Table:
    """Grain: draw with a month that counts."""
    rows = [
        {
            "draw_number": number,
            "drawn_in": draws[number].drawn_in,
            "control_below": hash_below(draws[number].control_share),
            "salt": salt,
            "from_date": draws[number].from_date,
            "kept_to": months[-1].to_date,
        }
        for number, months in kept.items()
    ]
    texts = [(name, pa.string()) for name in ("drawn_in", "control_below", "salt")]
    days = [(name, pa.date32()) for name in ("from_date", "kept_to")]
    return pa.Table.from_pylist(rows, pa.schema([_SUM.field(0), *texts, *days]))


def _typed(table: pd.DataFrame) -> pa.Table:
    """With dates as dates."""
    days = [(name, pa.date32()) for name in ("from_date", "to_date", "worked_out_date")]
    made = pa.Table.from_pandas(table, preserve_index=False)
    for name, kind in days:
        made = made.set_column(made.schema.get_field_index(name), name, made[name].cast(kind))
    return made
