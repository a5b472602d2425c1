"""Products: bought again, bought first, bought by the same customers. Worked out weekly, of a sample of customers."""

import numpy as np
import pandas as pd
import pyarrow as pa

from models.product.fit import (
    MIN_CUSTOMERS,
    Relations,
    fit_relations,
    gain_rows,
    held_out_gain,
    refusal,
    related_pairs,
)
from models.product.rates import exact_interval, likeliest_strength, shrunken_share
from models.types import Floats, QualityRow
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.fitting import Tables, kept_fit, last_fit_day, quality_rows
from pipelines.scoring.sampling import md5_bound, register_bound
from pipelines.settings import Settings
from pipelines.store.lake import Night

# Pairs of more products or of more customers take minutes, and find little that is not found of these.
CUSTOMERS, PRODUCTS = 20_000, 300
# Fewer buyers say little of a product.
MIN_BUYERS = 30
# The month that is forecast, and the days before it from which.
MONTH_DAYS, BEFORE_DAYS = 30, 270

_RELATION = pa.schema(
    [
        ("product_id", pa.string()),
        ("related_product_id", pa.string()),
        *((name, pa.int64()) for name in ("customers", "related_customers")),
        *((name, pa.float64()) for name in ("support_share", "confidence", "lift", "expected_share")),
        *((name, pa.float64()) for name in ("purchase_probability", "probability_low", "probability_high")),
        ("reason", pa.string()),
    ]
)


def product_fit(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: model and metric. What the products were worked out of, what was left out, and whether relations hold."""
    if kept := kept_fit("product_fit", last_fit_day(engine, "product_fit"), engine, night, settings):
        return kept
    customers = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    register_bound(engine, md5_bound(CUSTOMERS, customers))
    engine.register_arrow("product_bound", pa.table({"product_limit": [PRODUCTS]}))
    engine.materialise("sampled_customer", query("fits/sampled_customer"))
    engine.materialise("product_purchase", query("fits/product_purchase"))
    relation, quality = _relations(engine.arrow("SELECT * FROM product_purchase").to_pandas())
    return {
        "product_fit": quality_rows("product", [*_sample_rows(engine, customers), *quality], night.run_date),
        "product_repeat": _repeat(engine.arrow(query("fits/product_repeat"))),
        "first_product": _first(engine.arrow(query("fits/first_product"))),
        "product_relation": relation,
    }


def _sample_rows(engine: DuckDBEngine, customers: int) -> list[QualityRow]:
    """What is looked at, and what is left out."""
    sampled, products = (
        engine.rows(f"SELECT COUNT(DISTINCT {column}) FROM {table}")[0][0]
        for column, table in (("customer_id", "sampled_customer"), ("product_id", "product_purchase"))
    )
    note = f"a fixed random part of {customers} customers, without service accounts"
    bound = f"products bought in the last 360 days; beyond the {PRODUCTS} that most bought, all others are left out"
    return [("sampled_customers", float(sampled), note), ("products", float(products), bound)]


def _repeat(counts: pa.Table) -> pa.Table:
    """Rows of product_repeat, of the rows of fits/product_repeat."""
    bought, again = _counts(counts)
    low, high = exact_interval(again, bought)
    is_known = bought >= MIN_BUYERS
    return (
        counts.append_column("repeat_rate", _known(again / bought, is_known))
        .append_column("repeat_rate_low", _known(low, is_known))
        .append_column("repeat_rate_high", _known(high, is_known))
        .append_column("reason", _reason(is_known))
    )


def _first(counts: pa.Table) -> pa.Table:
    """Rows of first_product, of the rows of fits/first_product. Ranks are by what is left of a rate without chance."""
    of_all = counts.filter(pa.compute.is_null(counts["product_id"]))
    rows = counts.filter(pa.compute.is_valid(counts["product_id"]))
    bought, again = _counts(rows)
    is_known = bought >= MIN_BUYERS
    shrunken = np.full(len(rows), np.nan)
    if is_known.any():
        everybody = float(_counts(of_all)[1][0] / _counts(of_all)[0][0])
        expected = np.full(int(is_known.sum()), min(max(everybody, 1e-6), 1 - 1e-6))
        strength = likeliest_strength(again[is_known], bought[is_known], expected)
        shrunken[is_known] = shrunken_share(again[is_known], bought[is_known], expected, strength).round(6)
    low, high = exact_interval(again, bought)
    rank = pd.Series(shrunken).rank(method="min", ascending=False).to_numpy()
    columns = {
        "repeat_rate": _known(again / bought, is_known),
        "repeat_rate_low": _known(low, is_known),
        "repeat_rate_high": _known(high, is_known),
        "shrunken_repeat_rate": _known(shrunken, is_known),
        "repeat_rank": pa.array(rank, pa.float64(), from_pandas=True).cast(pa.int64()),
        "method": pa.array(["association"] * len(rows), pa.string()),
        "reason": _reason(is_known),
    }
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows


def _counts(rows: pa.Table) -> tuple[Floats, Floats]:
    """Customers, and those who came again."""
    return tuple(rows[name].to_numpy().astype(float) for name in ("customers", "repeat_customers"))


def _known(values: Floats, is_known: np.typing.NDArray[np.bool_]) -> pa.Array:
    """Values to six digits; NULL where they are not known."""
    return pa.array(np.where(is_known, values.round(6), np.nan), pa.float64(), from_pandas=True)


def _reason(is_known: np.typing.NDArray[np.bool_]) -> pa.Array:
    return pa.array([None if known else f"under_{MIN_BUYERS}_customers" for known in is_known], pa.string())


def _relations(purchases: pd.DataFrame) -> tuple[pa.Table, list[QualityRow]]:
    """Rows of product_relation, and how well those of a month earlier forecast the last month."""
    products = np.sort(purchases["product_id"].unique())
    earlier, held_out = (_month(purchases, products, ends) for ends in (MONTH_DAYS, 0))
    if min(len(earlier[0]), len(held_out[0])) < MIN_CUSTOMERS:
        return _relation_rows(None, products, "too_few_customers"), gain_rows(None)
    gains = held_out_gain(fit_relations(*earlier), *held_out)
    why = refusal(gains, len(held_out[0]))
    return _relation_rows(fit_relations(*held_out), products, why), gain_rows(gains)


def _month(purchases: pd.DataFrame, products: np.typing.NDArray[np.object_], ends: int) -> tuple[Floats, Floats]:
    """Customer x product: what was bought in the days before a month that ended so many days ago, and what in it."""
    days = purchases["days_ago"].to_numpy()
    is_after = (days >= ends) & (days < ends + MONTH_DAYS)
    is_before = (days >= ends + MONTH_DAYS) & (days < ends + MONTH_DAYS + BEFORE_DAYS)
    customers = np.sort(purchases.loc[is_before, "customer_id"].unique())
    found = []
    for wanted in (is_before, is_after):
        rows = purchases[wanted & purchases["customer_id"].isin(customers).to_numpy()]
        bought = np.zeros((len(customers), len(products)))
        bought[np.searchsorted(customers, rows["customer_id"]), np.searchsorted(products, rows["product_id"])] = 1
        found.append(bought)
    return found[0], found[1]


def _relation_rows(
    relations: Relations | None, products: np.typing.NDArray[np.object_], refused: str | None
) -> pa.Table:
    """Rows of product_relation: without probabilities if they are refused, none without customers."""
    if relations is None:
        return _RELATION.empty_table()
    pairs = related_pairs(relations)
    count = len(pairs["product"])
    named = {
        "support_share": "support",
        "confidence": "confidence",
        "lift": "lift",
        "expected_share": "expected",
        "purchase_probability": "probability",
        "probability_low": "low",
        "probability_high": "high",
    }
    columns = {name: pa.array(pairs[source].round(6), pa.float64()) for name, source in named.items()}
    if refused:
        forecasts = ("purchase_probability", "probability_low", "probability_high")
        columns |= {name: pa.nulls(count, pa.float64()) for name in forecasts}
    columns |= {
        "product_id": pa.array(products[pairs["product"].astype(int)], pa.string()),
        "related_product_id": pa.array(products[pairs["related"].astype(int)], pa.string()),
        "customers": pa.array(pairs["buyers"].astype(np.int64)),
        "related_customers": pa.array(pairs["both"].astype(np.int64)),
        "reason": pa.array([refused] * count, pa.string()),
    }
    return pa.table(columns).select(_RELATION.names).cast(_RELATION)
