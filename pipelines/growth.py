"""Growth tables that Python makes: who will spend more, what categories hold, when the next order is due, best channel.

Each function has the inputs that the catalog declares for it, as views of the engine, and returns tables by name.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.channel import CHANNELS, ChannelFit, choose_channel, fit_channel, score_channel
from models.clv_trial import Trial
from models.drift import bin_counts, drift_rows, fixed_bins
from models.growth import GrowthModel, fit_growth, score_growth, watched
from models.rhythm import (
    WATCHED,
    QualityRow,
    RhythmFit,
    RhythmParameters,
    fit_rhythm,
    judge_rhythm,
    regularity,
    score_rhythm,
    watched_columns,
)
from models.rhythm_trial import hold_against_last, no_trial
from pipelines.build import FITTED_BY, feature_dates
from pipelines.catalog import tables
from pipelines.engine import DuckDBEngine
from pipelines.fits import (
    ARTEFACT,
    BATCH_ROWS,
    SEED,
    SHOPPER,
    TRIAL_DAYS,
    Tables,
    artefact,
    cut_offs,
    is_fitted,
    kept_bins,
    model_age,
    part_drift,
    quality_rows,
    values_of,
)
from pipelines.lake import Night
from pipelines.settings import Settings

FITS = ("growth_fit", "growth_model", "category_capacity", "peer_group")
_LIBRARIES = ("numpy", "scikit-learn", "scipy")
# More customers than these make a fit slower, and no better: of habits (spend, categories), and of rhythms.
FITTED_CUSTOMERS = 50_000
FITTED_RHYTHMS = 3_000
# Settings that say which purchases a rhythm is of, and what the bins of its drift rest on, beside the parameters.
_RHYTHM_QUESTION = ("amounts_include_tax", "gift_card_categories")
_RHYTHM_WATCHED_BY = ("active_days",)
# Nor do more of those who were reached tell better how much customers differ in what they do on a channel.
FITTED_REACHED = 100_000
# Fewer are no peers, and no measure of what a category holds.
MINIMUM_COMPARED = 30
# What a household may well reach: the quarter of peers above it, the tenth of a category's households above it.
PEER_SHARE, CAPACITY_SHARE = 0.75, 0.9
# A category is durable if fewer than this share of its households ever took it again.
REPEATED_SHARE = 0.2
# Of whom less is known, what he takes in a year is not.
KNOWN_DAYS = 180
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
_SPEND = (
    "days_since_last_order, days_since_first_order, order_day_count_365d, revenue_365d, spend_last, spend_before, "
    "spend_next, spend_last_complete"
)


def growth_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. Models of growth and of the next order; what peers spend and categories hold."""
    earlier = _parts(engine, "history.growth_model")
    fitted_on = engine.rows("SELECT MAX(trained_through) FROM history.growth_fit")[0][0]
    if len(earlier) == 2 and is_fitted("growth_fit", night, settings, fitted_on):
        return {name: engine.arrow(f"SELECT * FROM history.{name}") for name in FITS}
    capacity, peers = _category_capacity(engine, night.run_date), _peer_group(engine)
    _sample_customers(engine)
    first_day = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0]
    horizon, now = settings.churn_horizon_days, settings.model_dump(mode="json")
    gap = timedelta(settings.churn_lead_days + horizon)
    train, test = (_spend_as_of(day, engine, settings) for day in cut_offs(engine, night.run_date, gap, settings)[-2:])
    last = GrowthModel.from_json(earlier["spend_more"]["parameters"]) if "spend_more" in earlier else None
    growth = fit_growth(train, test, horizon, last, {name: now[name] for name in FITTED_BY})
    rhythm, of_rhythm = _rhythm(engine, night, settings, earlier.get("rhythm"), first_day)
    parts = [rhythm] if rhythm else []
    if growth.model is last and last is not None:
        parts.append(earlier["spend_more"])
    elif growth.model is not None:
        data = (frame.to_numpy(dtype=float) for frame in (train, test))
        parts.append(artefact("spend_more", growth.model.to_json(), data, _LIBRARIES, first_day, night.run_date))
    learnt_through = parts[-1]["trained_through"] if growth.model else night.run_date
    quality = (
        quality_rows("growth", growth.quality, learnt_through),
        quality_rows("growth", _headroom_quality(capacity, peers), night.run_date),
        *of_rhythm,
    )
    return {
        "growth_fit": pa.concat_tables(quality),
        "growth_model": pa.Table.from_pylist(parts, schema=ARTEFACT),
        "category_capacity": capacity,
        "peer_group": peers,
    }


def _parts(engine: DuckDBEngine, table: str) -> dict[str, dict[str, Any]]:
    """Rows of growth_model by part; those without a date were written before they had one, and are not used."""
    rows = engine.arrow(f"SELECT * FROM {table} WHERE trained_through IS NOT NULL ORDER BY part").to_pylist()
    return {row["part"]: row for row in rows}


def _sample_customers(engine: DuckDBEngine) -> None:
    """Make `day` hold the days of a fixed random part of the shoppers (by md5 of their id), with the md5."""
    customers = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    engine.materialise(
        "sampled",
        f"SELECT customer_id, md5(customer_id) AS draw FROM customer_totals WHERE md5(customer_id) < "
        f"'{_bound(FITTED_CUSTOMERS, customers)}' AND customer_id NOT IN (SELECT customer_id FROM service_account)",
    )
    engine.materialise(
        "sampled_day",
        "SELECT d.*, s.draw FROM customer_day AS d INNER JOIN sampled AS s ON d.customer_id = s.customer_id",
    )
    engine.register("customer_day", "SELECT * FROM sampled_day")


def _bound(wanted: int, customers: int) -> str:
    """The md5 below which about so many customers lie; above every md5 if there are no more."""
    return "g" if customers <= wanted else f"{round(wanted / customers * 16**8):08x}"


def _spend_as_of(day: date, engine: DuckDBEngine, settings: Settings) -> pd.DataFrame:
    """What growth is learnt from, as of another day than tonight, with what was spent then where it is known."""
    engine.register_arrow("feature_date", feature_dates([day], settings))
    spend: pd.DataFrame = engine.arrow(
        f"SELECT {_SPEND} FROM ({tables()['customer_features'].sql}) ORDER BY customer_id"
    ).to_pandas()
    return spend


def _rhythm(
    engine: DuckDBEngine, night: Night, settings: Settings, last: dict[str, Any] | None, first_day: date
) -> tuple[dict[str, Any] | None, list[pa.Table]]:
    """The next order's row of growth_model, and its rows of growth_fit.

    The row is the last one where tonight's fit fails or is refused. The fit of an earlier day says how good dates are.
    """
    tonight, follow_up = night.run_date, 2 * settings.churn_horizon_days
    customers = engine.rows("SELECT COUNT(*) FROM sampled")[0][0]
    engine.materialise(
        "purchase_day",
        "SELECT customer_id, business_date, LAG(business_date) OVER (PARTITION BY customer_id ORDER BY business_date) "
        f"AS earlier_date FROM sampled_day WHERE net_spend > 0 AND draw < '{_rhythm_bound(customers, engine)}'",
    )
    earlier, patterns = _rhythm_as_of(engine, tonight - timedelta(follow_up))
    forecast = score_rhythm(pa.Table.from_pandas(patterns, preserve_index=False), earlier.parameters)
    judged = judge_rhythm(forecast, patterns["next_days"], follow_up)
    fit, learnt = _rhythm_as_of(engine, tonight, earlier.parameters)
    is_asked = last is not None and json.loads(last["question"] or "{}") == values_of(settings, _RHYTHM_QUESTION)
    part, rows = last if is_asked else None, judged
    if fit.parameters is not None:
        trial = _rhythm_trial(engine, night, settings, fit.parameters, last)
        rows += trial.quality
        if not trial.is_refused:
            data = learnt[["frequency", "recency_days", "age_days"]].to_numpy(dtype=float)
            part = artefact("rhythm", fit.parameters.to_json(), [data], _LIBRARIES, first_day, tonight)
            part["question"] = json.dumps(values_of(settings, _RHYTHM_QUESTION))
            part["bins"] = _rhythm_bins(engine, tonight, fit.parameters, settings)
    elif part:
        fit = replace(fit, note=f"{fit.note}; the last model stays")
    quality = [quality_rows("next_order", [*fit.quality(), *rows], tonight)]
    if part:
        parameters = RhythmParameters.from_json(part["parameters"]).quality()
        quality.append(quality_rows("next_order", parameters, part["trained_through"]))
    return part, quality


def _rhythm_bound(sampled: int, engine: DuckDBEngine) -> str:
    if sampled <= FITTED_RHYTHMS:
        return "g"
    bound: str = engine.rows(f"SELECT draw FROM sampled ORDER BY draw OFFSET {FITTED_RHYTHMS} LIMIT 1")[0][0]
    return bound


def _rhythm_as_of(
    engine: DuckDBEngine, day: date, start: RhythmParameters | None = None
) -> tuple[RhythmFit, pd.DataFrame]:
    """A fit on what was known on a day; and the customers' patterns then, with the days to the next purchase day."""
    intervals = engine.arrow(
        "SELECT customer_id, DATE_DIFF('day', earlier_date, business_date) AS interval_days, "
        "COUNT(*) AS interval_count FROM purchase_day "
        f"WHERE business_date <= DATE '{day}' AND earlier_date IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).to_pandas()
    patterns = _patterns_as_of(engine, day)
    return fit_rhythm(patterns, regularity(intervals), start), patterns


def _patterns_as_of(engine: DuckDBEngine, day: date, purchase_days: str = "purchase_day") -> pd.DataFrame:
    """Grain: customer who had bought by a day. His pattern then, and the days to his next purchase day."""
    known = f"business_date <= DATE '{day}'"
    patterns: pd.DataFrame = engine.arrow(
        f"""SELECT customer_id, COUNT(*) FILTER ({known}) - 1 AS frequency,
            DATE_DIFF('day', MIN(business_date), MAX(business_date) FILTER ({known})) AS recency_days,
            DATE_DIFF('day', MIN(business_date), DATE '{day}') AS age_days, 1 AS customer_count,
            DATE_DIFF('day', DATE '{day}', MIN(business_date) FILTER (NOT {known})) AS next_days
        FROM {purchase_days} GROUP BY customer_id HAVING MIN(business_date) <= DATE '{day}' ORDER BY customer_id"""
    ).to_pandas()
    return patterns


def _rhythm_trial(
    engine: DuckDBEngine, night: Night, settings: Settings, new: RhythmParameters, last: dict[str, Any] | None
) -> Trial:
    """Tonight's parameters against the last ones (a row of growth_model), by when customers ordered since."""
    if last is None:
        return no_trial("there is no earlier one")
    if json.loads(last["question"] or "{}") != values_of(settings, _RHYTHM_QUESTION):
        return no_trial(f"the earlier one was fitted by other settings ({', '.join(_RHYTHM_QUESTION)})")
    days = max((night.run_date - last["trained_through"]).days, TRIAL_DAYS)
    customers = _patterns_as_of(engine, night.run_date - timedelta(days))
    return hold_against_last(new, RhythmParameters.from_json(last["parameters"]), customers, days, SEED)


def _rhythm_bins(engine: DuckDBEngine, tonight: date, parameters: RhythmParameters, settings: Settings) -> str:
    """Bins of what is watched, over all sampled customers: more than are fitted on, as few of them may be active."""
    patterns = _patterns_as_of(engine, tonight, "(SELECT * FROM sampled_day WHERE net_spend > 0)")
    customers = pa.Table.from_pandas(patterns, preserve_index=False)
    columns = watched_columns(customers, score_rhythm(customers, parameters), settings.active_days)
    bins = {name: asdict(fixed_bins(values)) for name, values in columns.items()}
    return json.dumps(values_of(settings, _RHYTHM_WATCHED_BY) | {"bins": bins})


def _category_capacity(engine: DuckDBEngine, tonight: date) -> pa.Table:
    """Grain: category. What households known for half a year take a year: nine in ten no more than its capacity."""
    households = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    engine.materialise(
        "household",
        f"""SELECT t.customer_id, COALESCE('h' || c.household_id, 'c' || t.customer_id) AS household,
            MIN(t.first_order_date) OVER (PARTITION BY household) AS first_order_date
        FROM customer_totals AS t LEFT JOIN customer AS c ON t.customer_id = c.customer_id
        WHERE t.customer_id NOT IN (SELECT customer_id FROM service_account)
            AND md5(household) < '{_bound(FITTED_CUSTOMERS, households)}'""",
    )
    engine.materialise(
        "taken",
        f"""SELECT h.household, c.category, SUM(c.line_count) AS line_count, CAST(CAST(SUM(c.revenue) AS DOUBLE) * 365
            / (DATE_DIFF('day', MIN(h.first_order_date), DATE '{tonight}') + 1) AS DECIMAL(18, 2)) AS amount
        FROM customer_category AS c INNER JOIN household AS h ON c.customer_id = h.customer_id
        WHERE DATE_DIFF('day', h.first_order_date, DATE '{tonight}') >= {KNOWN_DAYS} GROUP BY h.household, c.category
        HAVING SUM(c.line_count) > 0 AND SUM(c.revenue) > 0""",
    )
    return engine.arrow(
        f"""SELECT category, COUNT(*) AS household_count,
            CAST(COUNT(*) FILTER (line_count > 1) AS DOUBLE) / COUNT(*) AS repeated_share,
            repeated_share < {REPEATED_SHARE} AS is_durable,
            QUANTILE_DISC(amount, {CAPACITY_SHARE}) AS capacity_amount
        FROM taken GROUP BY category HAVING COUNT(*) >= {MINIMUM_COMPARED} ORDER BY category"""
    )


def _peer_group(engine: DuckDBEngine) -> pa.Table:
    """Grain: tenure band, band of order days, and region ('*': all). What a quarter of such customers spend or more."""
    groups = "tenure_band, order_band, region"
    return engine.arrow(
        f"""WITH spend AS (
            SELECT tenure_band, order_band, region, revenue_365d FROM customer_peer
            WHERE customer_id NOT IN (SELECT customer_id FROM service_account)
        )
        SELECT {groups}, COUNT(*) AS customer_count, QUANTILE_DISC(revenue_365d, {PEER_SHARE}) AS upper_revenue
        FROM (SELECT * FROM spend WHERE region IS NOT NULL UNION ALL SELECT * REPLACE ('*' AS region) FROM spend)
        GROUP BY {groups} HAVING COUNT(*) >= {MINIMUM_COMPARED} ORDER BY {groups}"""
    )


def _headroom_quality(capacity: pa.Table, peers: pa.Table) -> list[tuple[str, float | None, str]]:
    durable = sum(capacity["is_durable"].to_pylist())
    if len(capacity):
        note = f"categories with a capacity; {durable} durable ones hold no more for who has one"
    else:
        note = f"headroom is NULL: no category has {MINIMUM_COMPARED} households that are known for half a year"
    few = "" if len(peers) else f"; headroom is NULL: no group has {MINIMUM_COMPARED}"
    return [
        ("categories_with_capacity", float(len(capacity)), note),
        ("peer_groups", float(len(peers)), f"groups of {MINIMUM_COMPARED} comparable customers or more{few}"),
    ]


def customer_spend_more(engine: DuckDBEngine, night: Night, _settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order in the last year. The probability to spend more in the horizon than in the last."""
    part = _parts(engine, "growth_model").get("spend_more")
    model = GrowthModel.from_json(part["parameters"]) if part else None
    counts = {name: np.zeros(len(bins.shares), np.int64) for name, bins in model.bins.items()} if model else {}

    def scored(batch: pa.Table) -> pa.Table:
        customers = batch.drop_columns("customer_id").to_pandas()
        p = score_growth(model, customers)
        if model:
            for name, values in watched(customers, p):
                counts[name] += bin_counts(model.bins[name], values)
        columns = {
            "customer_id": batch["customer_id"],
            "p_spend_more": pa.array(p, pa.float64(), from_pandas=True),
            "method": pa.repeat(pa.scalar(model.method if model else None, pa.string()), len(batch)),
        }
        return pa.table(columns)

    select = f"SELECT customer_id, {_SPEND} FROM customer_features ORDER BY customer_id"
    engine.map_batches("scored_spend", scored, select, BATCH_ROWS)
    learnt_through = part["trained_through"] if part else night.run_date
    drift = drift_rows(model.bins, counts, "buyers of the last year", "the last cut-off learnt on") if model else []
    if model:
        drift.append(model_age(learnt_through, night.run_date))
    return {
        "customer_spend_more": "SELECT * FROM scored_spend",
        "growth_drift": quality_rows("growth", drift, learnt_through),
    }


def customer_next_order(engine: DuckDBEngine, night: Night, settings: Settings) -> Mapping[str, pa.Table | str]:
    """Grain: customer with an order. When the next purchase day is due, with an interval."""
    part = _parts(engine, "growth_model").get("rhythm")
    parameters = RhythmParameters.from_json(part["parameters"]) if part else None
    bins = kept_bins(part, settings, _RHYTHM_WATCHED_BY) if part else {}
    counts = {name: np.zeros(len(kept.shares), np.int64) for name, kept in bins.items()}
    epoch = (night.run_date - date(1970, 1, 1)).days
    named = {"next_order_date": "next_days", "next_order_low": "low_days", "next_order_high": "high_days"}

    def scored(batch: pa.Table) -> pa.Table:
        rows = score_rhythm(batch, parameters)
        if bins:
            people = batch["is_shopper"]
            known = batch.select(["frequency", "recency_days", "age_days"]).filter(people)
            made = rows.select(["p_order_again", "next_days"]).filter(people)
            for name, values in watched_columns(known, made, settings.active_days).items():
                counts[name] += bin_counts(bins[name], values)
        dates = {name: pc.add(rows[days], epoch).cast(pa.int32()).cast(pa.date32()) for name, days in named.items()}
        return pa.table({name: rows[name] for name in ("customer_id", "p_order_again", "method", "reason")} | dates)

    patterns = f"customer_id, frequency, recency_days, age_days, {SHOPPER} AS is_shopper"
    select = f"SELECT {patterns} FROM customer_purchase_pattern ORDER BY customer_id"
    engine.map_batches("scored_rhythm", scored, select, BATCH_ROWS)
    drift: list[QualityRow] = []
    learnt_through = part["trained_through"] if part else night.run_date
    if part:
        drift = part_drift(bins, counts, WATCHED, _RHYTHM_WATCHED_BY)
        drift.append(model_age(learnt_through, night.run_date))
    return {
        "customer_next_order": "SELECT * FROM scored_rhythm",
        "next_order_drift": quality_rows("next_order", drift, learnt_through),
    }


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
        f"WHERE md5(customer_id) < '{_bound(FITTED_REACHED, reached)}' ORDER BY customer_id, channel"
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
