"""Fixed random parts of the customers, by the md5 of their ids: what fits learn from where customers are many."""

import pyarrow as pa

from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine

# More customers than these make the fits of spend growth, the next order and headroom slower, and no better.
FITTED_CUSTOMERS = 50_000


def sample_customers(engine: DuckDBEngine) -> None:
    """Make customer_day stand for the days of a fixed random part of the shoppers, sampled_customer."""
    customers = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    register_bound(engine, md5_bound(FITTED_CUSTOMERS, customers))
    engine.materialise("sampled_customer", query("fits/sampled_customer"))
    put_sampled_days(engine)


def put_sampled_days(engine: DuckDBEngine) -> None:
    """Make customer_day stand for sampled_day: the days of sampled_customer alone."""
    engine.materialise(
        "sampled_day",
        "SELECT d.* FROM customer_day AS d INNER JOIN sampled_customer AS s ON d.customer_id = s.customer_id",
    )
    engine.register("customer_day", "SELECT * FROM sampled_day")


def register_bound(engine: DuckDBEngine, bound: str) -> None:
    """Make sample_bound the one row of an md5, or of its first characters, that bounds a part."""
    engine.register_arrow("sample_bound", pa.table({"md5_bound": pa.array([bound], pa.string())}))


def md5_bound(wanted: int, customers: int) -> str:
    """The md5 below which about so many customers lie; above every md5 if there are no more."""
    return "g" if customers <= wanted else f"{round(wanted / customers * 16**8):08x}"


def md5_share(share: float) -> str:
    """Eight characters of an md5 up to which this share of all lies."""
    return f"{round(share * (16**8 - 1)):08x}"
