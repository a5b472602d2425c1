"""The record of the global control group's draws: which share was drawn, when, and with which salt."""

from datetime import date

import pyarrow as pa

from models.campaign.global_control import Draw, continued, salt_digest
from pipelines.engines.duckdb import DuckDBEngine

_DRAW = pa.schema(
    [
        ("drawn_in", pa.string()),
        ("control_share", pa.float64()),
        ("salt_digest", pa.string()),
        ("from_date", pa.date32()),
        ("to_date", pa.date32()),
    ]
)


def global_control_draws(engine: DuckDBEngine, share: float, salt: str, run_date: date) -> pa.Table:
    """Grain: draw. All draws up to tonight; without a share tonight has none."""
    drawn_in = f"{run_date.year}"
    tonight = Draw(drawn_in, share, salt_digest(salt), run_date, run_date) if share else None
    names = ", ".join(_DRAW.names)
    recorded = [Draw(*row) for row in engine.rows(f"SELECT {names} FROM history.global_control_draw")]
    draws = continued(recorded, tonight)
    return pa.Table.from_pylist([draw._asdict() for draw in draws], schema=_DRAW)
