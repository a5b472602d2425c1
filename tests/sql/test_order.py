"""Tables that are the same to the byte when a night is scored again: SQL that makes one says the order of its rows."""

import sqlglot

from pipelines.catalog import tables


def test_customer_growth_is_written_in_the_order_of_customers():
    select = sqlglot.parse_one(tables()["customer_growth"].sql, read="duckdb")
    assert [item.this.sql() for item in select.args["order"].expressions] == ["c.customer_id"]
