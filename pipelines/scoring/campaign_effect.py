"""Campaign effects: what campaigns changed, worked out every night from the outcomes of their arms."""

import pandas as pd
import pyarrow as pa

from models.campaign.after_window import pulled_forward
from models.campaign.effect import campaign_effects
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables
from pipelines.settings import Settings
from pipelines.store.lake import Night


def campaign_effect(engine: DuckDBEngine, _night: Night, _settings: Settings) -> Tables:
    """Grain: campaign, metric, segment and pair of arms. What campaigns changed, with the verdict.

    And what each took from the time after it, by campaign, metric and pair of arms.
    """
    outcomes: pd.DataFrame = engine.arrow("SELECT * FROM campaign_outcome ORDER BY ALL").to_pandas()
    by_arm: pd.DataFrame = engine.arrow(f"SELECT * FROM ({query('fits/campaign_arm')}) AS arm ORDER BY ALL").to_pandas()
    after: pd.DataFrame = engine.arrow("SELECT * FROM campaign_after_outcome ORDER BY ALL").to_pandas()
    made = {
        "campaign_effect": campaign_effects(outcomes, by_arm),
        "campaign_pull_forward": pulled_forward(after, outcomes),
    }
    return {name: pa.Table.from_pandas(table, preserve_index=False) for name, table in made.items()}
