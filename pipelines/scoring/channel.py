"""Best channel: the model of what customers do on a channel, and the channel that is chosen for each."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.channel import CHANNELS, ChannelFit, choose_channel, fit_channel, score_channel
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import BATCH_ROWS, quality_rows
from pipelines.scoring.habits import md5_bound
from pipelines.settings import Settings
from pipelines.store.lake import Night

# Nor do more of those who were reached tell better how much customers differ in what they do on a channel.
FITTED_REACHED = 100_000


# Of contact_response, what customers did; and what the choices that were logged weigh.
_ANSWERS = (
    "delivered_count",
    "opened_count",
    "clicked_count",
    "purchase_count",
    "opened_purchase_count",
    "clicked_purchase_count",
)


_LOGGED = ("logged_count", "logged_weight", "logged_purchase_weight")


def customer_channel(engine: DuckDBEngine, night: Night, settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer who is not deleted. The channel of the likeliest purchase, and the one that is chosen."""
    # By customer, so that a batch of customers finds its own rows without reading all.
    engine.materialise(
        "response",
        "SELECT r.*, COALESCE(f.rfm_segment, 'no_order') AS segment FROM contact_response AS r "
        "LEFT JOIN customer_rfm AS f ON r.customer_id = f.customer_id ORDER BY r.customer_id, r.channel",
    )
    fit = _channel_fit(engine)
    consents = ", ".join(f"c.{channel}_consent" for channel in CHANNELS)
    month, salt = f"{night.run_date:%Y-%m}", settings.control_salt.replace("'", "''")
    customers = f"""
        SELECT c.customer_id, COALESCE(f.rfm_segment, 'no_order') AS segment, {consents},
            CAST('0x' || draw[1:8] AS UBIGINT) / 16.0**8 AS first_draw,
            CAST('0x' || draw[9:16] AS UBIGINT) / 16.0**8 AS second_draw
        FROM (
            SELECT *, md5(concat_ws(':', '{salt}', 'channel', '{month}', customer_id)) AS draw
            FROM customer WHERE NOT is_deleted
        ) AS c LEFT JOIN customer_rfm AS f ON c.customer_id = f.customer_id ORDER BY c.customer_id"""

    def scored(batch: pa.Table) -> pa.Table:
        own = engine.arrow(
            f"SELECT customer_id, channel, {', '.join(_ANSWERS)} FROM response "
            "WHERE customer_id BETWEEN $min AND $max ORDER BY customer_id, channel",
            pc.min_max(batch["customer_id"]).as_py(),
        )
        return _channels(batch, fit, own.to_pandas(), settings)

    engine.map_batches("channels", scored, customers, BATCH_ROWS)
    return {
        "customer_channel": "SELECT * FROM channels",
        "segment_channel": _segment_channel(fit),
        "channel_fit": quality_rows(
            "channel",
            [
                *fit.quality,
                ("exploration_share", settings.channel_exploration, "of customers are given a channel by lot"),
            ],
            night.run_date,
        ),
    }


def _channel_fit(engine: DuckDBEngine) -> ChannelFit:
    """The fit on the sums of all, and on a fixed random part (by md5 of their id) of the customers who were reached."""
    sums = ", ".join(f"CAST(SUM({name}) AS DOUBLE) AS {name}" for name in (*_ANSWERS, *_LOGGED))
    counts = engine.arrow(f"SELECT segment, channel, {sums} FROM response GROUP BY ALL ORDER BY segment, channel")
    reached = engine.rows("SELECT COUNT(DISTINCT customer_id) FROM response")[0][0]
    sample = engine.arrow(
        f"SELECT customer_id, segment, channel, {', '.join(_ANSWERS)} FROM response "
        f"WHERE md5(customer_id) < '{md5_bound(FITTED_REACHED, reached)}' ORDER BY customer_id, channel"
    )
    return fit_channel(counts.to_pandas(), sample.to_pandas())


def _channels(customers: pa.Table, fit: ChannelFit, responses: pd.DataFrame, settings: Settings) -> pa.Table:
    """One row per customer: probabilities, the best channel that he agreed to or was reached on, the choice."""
    p, reached = np.full((len(customers), len(CHANNELS)), np.nan), np.zeros((len(customers), len(CHANNELS)))
    if fit.model or len(responses):
        segments = customers.select(["customer_id", "segment"]).to_pandas().set_index("customer_id")["segment"]
        p = score_channel(fit.model, segments, responses).to_numpy()
        own = responses[responses["customer_id"].isin(segments.index)]
        place = (pd.Index(own["customer_id"]), segments.index), (pd.Index(own["channel"]), pd.Index(CHANNELS))
        reached[tuple(of.get_indexer(names) for names, of in place)] = own["delivered_count"]
    agreed = np.column_stack([customers[f"{channel}_consent"].to_numpy() for channel in CHANNELS]).astype(bool)
    likely = np.where(agreed | (reached > 0), np.nan_to_num(p, nan=-1.0), -1.0)
    highest = likely.max(axis=1)
    best = np.where(highest >= 0, likely.argmax(axis=1), -1)
    draws = np.column_stack([customers[name].cast(pa.float64()).to_numpy() for name in ("first_draw", "second_draw")])
    chosen, probability, is_drawn = choose_channel(p, agreed, draws, settings.channel_exploration)
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
