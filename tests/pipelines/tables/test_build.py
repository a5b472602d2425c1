"""Made tables are held against their contracts."""

import pyarrow as pa
import pytest

from pipelines.contracts import Column, Contract, Rule
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.tables.write import check_table

CONTRACT = Contract(
    "share",
    "",
    "",
    (Column("customer_id", "VARCHAR", "", required=True), Column("share", "DOUBLE", "")),
    ("customer_id",),
    (Rule("share_out_of_range", "share BETWEEN 0 AND 1"),),
)


def check(retailer, ids: list[str], shares: list[float | None]) -> None:
    retailer.deliver("2017-12-01")
    with DuckDBEngine(retailer.open("2017-12-01"), retailer.settings) as engine:
        engine.register_arrow("made", pa.table({"customer_id": ids, "share": pa.array(shares, pa.float64())}))
        check_table(CONTRACT, "made", engine)


def test_a_table_that_keeps_its_contract_passes_nulls_too(retailer):
    check(retailer, ["a", "b"], [0.5, None])
    check(retailer, [], [])


def test_a_broken_rule_is_named_with_the_rows_that_break_it(retailer):
    with pytest.raises(LoyaltyError, match="table share: 2 rows break share_out_of_range"):
        check(retailer, ["a", "b", "c"], [1.5, -1.0, 0.0])


def test_a_key_that_is_there_twice_is_named(retailer):
    with pytest.raises(LoyaltyError, match=r"1 rows have a key \(customer_id\) that another has too"):
        check(retailer, ["a", "a"], [0.1, 0.2])
