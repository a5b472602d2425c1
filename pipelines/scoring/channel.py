"""Best channel: its model is fitted every night, and each customer gets a likeliest and a chosen channel."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.channel import CHANNELS, ChannelFit, choose_channel, fit_channel, score_channel
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import BATCH_ROWS, quality_rows
from pipelines.scoring.sampling import md5_bound, register_bound
from pipelines.settings import Settings
from pipelines.store.lake import Night

# More customers than these, who were reached, show no better how much customers differ in what they do on a channel.
FITTED_REACHED = 100_000

_RESPONSES = """
    SELECT customer_id, channel, CAST(SUM(delivered_count) AS BIGINT) AS delivered_count,
        CAST(SUM(opened_count) AS BIGINT) AS opened_count, CAST(SUM(clicked_count) AS BIGINT) AS clicked_count,
        CAST(SUM(purchase_count) AS BIGINT) AS purchase_count,
        CAST(SUM(opened_purchase_count) AS BIGINT) AS opened_purchase_count,
        CAST(SUM(clicked_purchase_count) AS BIGINT) AS clicked_purchase_count
    FROM response WHERE customer_id BETWEEN $min AND $max GROUP BY customer_id, channel ORDER BY customer_id, channel"""


def customer_channel(engine: DuckDBEngine, night: Night, settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer who is not deleted. The channel of the likeliest purchase, and the one that is chosen."""
    # In the order of customers, so that a batch of them finds its own rows without reading all.
    engine.materialise("response", query("fits/response"))
    fit = _fit(engine)
    prefix = f"{settings.control_salt}:channel:{night.run_date:%Y-%m}:"
    engine.register_arrow("channel_draw", pa.table({"prefix": [prefix]}))

    def scored(batch: pa.Table) -> pa.Table:
        responses = engine.arrow(_RESPONSES, pc.min_max(batch["customer_id"]).as_py())
        return _scored(batch, fit, responses.to_pandas(), settings)

    engine.map_batches("scored_channel", scored, query("fits/channel_customer"), BATCH_ROWS)
    share = ("exploration_share", settings.channel_exploration, "of customers are given a channel by lot")
    return {
        "customer_channel": "SELECT * FROM scored_channel",
        "segment_channel": _segment_channel(fit),
        "channel_fit": quality_rows("channel", [*fit.quality, share], night.run_date),
    }


def _fit(engine: DuckDBEngine) -> ChannelFit:
    """The fit on the sums of all, and on a fixed random part of the customers who were reached."""
    totals = engine.arrow(query("fits/response_total"))
    reached = engine.rows("SELECT COUNT(DISTINCT customer_id) FROM response")[0][0]
    register_bound(engine, md5_bound(FITTED_REACHED, reached))
    return fit_channel(totals.to_pandas(), engine.arrow(query("fits/response_sample")).to_pandas())


def _scored(customers: pa.Table, fit: ChannelFit, responses: pd.DataFrame, settings: Settings) -> pa.Table:
    """Rows of customer_channel: probabilities, the best channel that is consented to or was reached, the choice."""
    p, reached = np.full((len(customers), len(CHANNELS)), np.nan), np.zeros((len(customers), len(CHANNELS)))
    if fit.model or len(responses):
        segments = customers.select(["customer_id", "segment"]).to_pandas().set_index("customer_id")["segment"]
        p = score_channel(fit.model, segments, responses).to_numpy()
        own = responses[responses["customer_id"].isin(segments.index)]
        rows = segments.index.get_indexer(pd.Index(own["customer_id"]))
        reached[rows, pd.Index(CHANNELS).get_indexer(pd.Index(own["channel"]))] = own["delivered_count"]
    consents = np.column_stack([customers[f"{channel}_consent"].to_numpy() for channel in CHANNELS]).astype(bool)
    likely = np.where(consents | (reached > 0), np.nan_to_num(p, nan=-1.0), -1.0)
    highest = likely.max(axis=1)
    best = np.where(highest >= 0, likely.argmax(axis=1), -1)
    draws = _draws(customers["draw"])
    chosen, probability, is_drawn = choose_channel(p, consents, draws, settings.channel_exploration)
    return pa.table(
        {
            "customer_id": customers["customer_id"],
            "best_channel": _channel_names(best),
            "p_purchase": pa.array(np.where(best >= 0, highest, np.nan), pa.float64(), from_pandas=True),
            **{f"p_{name}": pa.array(p[:, i], pa.float64(), from_pandas=True) for i, name in enumerate(CHANNELS)},
            "delivered_count": pa.array(reached.sum(axis=1), pa.int64()),
            "method": pa.repeat(fit.model.method if fit.model else "observational", len(customers)),
            "chosen_channel": _channel_names(chosen),
            "choice_probability": pa.array(probability.round(6), pa.float64(), from_pandas=True),
            "is_explored": is_drawn,
        }
    )


def _draws(md5s: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Two numbers of each md5, from 0 to 1: its first eight hexadecimal digits, and its second."""
    digits = np.frombuffer(bytes.fromhex("".join(md5s.to_pylist())), ">u4").reshape(-1, 4)
    return digits[:, :2] / 2.0**32


def _channel_names(numbers: npt.NDArray[np.int64]) -> pa.Array:
    """Names of channels, NULL for -1."""
    return pa.array([*CHANNELS, None], pa.string()).take(pa.array(numbers % (len(CHANNELS) + 1)))


def _segment_channel(fit: ChannelFit) -> pa.Table:
    """Grain: segment and channel in use."""
    columns = ["segment", "channel", "delivered_count", "purchase_count", "p_purchase"]
    rates = fit.model.rates if fit.model else pd.DataFrame(columns=columns).astype({"p_purchase": float})
    best = rates.groupby("segment")["p_purchase"].transform("max") == rates["p_purchase"]
    is_first = best & ~(best.groupby(rates["segment"]).cumsum() > 1)
    return pa.Table.from_pandas(rates.assign(is_best=is_first.astype(bool)), preserve_index=False)
