"""Campaign effects: what campaigns changed, worked out every night from the outcomes of their arms."""

import pandas as pd
import pyarrow as pa

from models.campaign.effect import campaign_effects
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables
from pipelines.settings import Settings
from pipelines.store.lake import Night


def campaign_effect(engine: DuckDBEngine, _night: Night, _settings: Settings) -> Tables:
    """Grain: campaign, metric, segment and pair of arms. What campaigns changed, with the verdict."""
    outcomes: pd.DataFrame = engine.arrow("SELECT * FROM campaign_outcome ORDER BY ALL").to_pandas()
    by_arm: pd.DataFrame = engine.arrow(f"SELECT * FROM ({query('fits/campaign_arm')}) AS arm ORDER BY ALL").to_pandas()
    return {"campaign_effect": pa.Table.from_pandas(campaign_effects(outcomes, by_arm), preserve_index=False)}
