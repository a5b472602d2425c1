"""campaign_effect: what campaigns changed, as far as that can be told."""

import pandas as pd
import pyarrow as pa

from models.campaign_effect import campaign_effects
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables
from pipelines.settings import Settings
from pipelines.store.lake import Night


def campaign_effect(engine: DuckDBEngine, _night: Night, _settings: Settings) -> Tables:
    """Grain: campaign, metric and segment. What campaigns changed, as far as that can be told."""
    outcomes: pd.DataFrame = engine.arrow("SELECT * FROM campaign_outcome ORDER BY ALL").to_pandas()
    return {"campaign_effect": pa.Table.from_pandas(campaign_effects(outcomes), preserve_index=False)}
