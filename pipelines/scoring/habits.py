"""What the fits of spend growth and of the next order share: the customers they learn from."""

from typing import Any

from pipelines.engines.duckdb import DuckDBEngine

LIBRARIES = ("numpy", "scikit-learn", "scipy")


# More customers than these make a fit slower, and no better: of habits (spend, categories), and of rhythms.
FITTED_CUSTOMERS = 50_000


def model_components(engine: DuckDBEngine, table: str) -> dict[str, dict[str, Any]]:
    """Rows of spend_growth_model by part; those without a date were written before they had one, and are not used."""
    rows = engine.arrow(f"SELECT * FROM {table} WHERE trained_through IS NOT NULL ORDER BY part").to_pylist()
    return {row["part"]: row for row in rows}


def sample_customers(engine: DuckDBEngine) -> None:
    """Make `day` hold the days of a fixed random part of the shoppers (by md5 of their id), with the md5."""
    customers = engine.rows("SELECT COUNT(*) FROM customer_totals")[0][0]
    engine.materialise(
        "sampled",
        f"SELECT customer_id, md5(customer_id) AS draw FROM customer_totals WHERE md5(customer_id) < "
        f"'{md5_bound(FITTED_CUSTOMERS, customers)}' AND customer_id NOT IN (SELECT customer_id FROM service_account)",
    )
    engine.materialise(
        "sampled_day",
        "SELECT d.*, s.draw FROM customer_day AS d INNER JOIN sampled AS s ON d.customer_id = s.customer_id",
    )
    engine.register("customer_day", "SELECT * FROM sampled_day")


def md5_bound(wanted: int, customers: int) -> str:
    """The md5 below which about so many customers lie; above every md5 if there are no more."""
    return "g" if customers <= wanted else f"{round(wanted / customers * 16**8):08x}"
