"""Made tables are written as their contracts say, and checked against them."""

import pyarrow as pa
import pytest

from pipelines.contracts import Column, Contract, Rule
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.store.manifest import TableState
from pipelines.tables import write
from pipelines.tables.write import _groups_by_key, check_table, write_table

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


def test_a_table_that_groups_by_its_key_is_not_counted_by_it(retailer):
    retailer.deliver("2017-12-01")
    with DuckDBEngine(retailer.open("2017-12-01"), retailer.settings) as engine:
        engine.register_arrow("made", pa.table({"customer_id": ["a", "a"], "share": [0.1, 0.2]}))
        check_table(CONTRACT, "made", engine, groups_by_key=True)


@pytest.mark.parametrize(
    ("select", "groups"),
    [
        ("SELECT customer_id, SUM(x) AS share FROM t GROUP BY customer_id", True),
        ("SELECT c.id AS customer_id, SUM(x) AS share FROM t AS c GROUP BY c.id", True),
        ("SELECT customer_id, SUM(x) AS share FROM t GROUP BY customer_id, region", False),
        ("SELECT region AS customer_id, SUM(x) AS share FROM t GROUP BY customer_id", False),
        ("SELECT customer_id, x AS share FROM t", False),
        ("SELECT customer_id, x AS share FROM (SELECT customer_id, x FROM t GROUP BY customer_id, x)", False),
    ],
)
def test_a_select_gives_a_key_once_only_if_it_groups_by_columns_of_the_key(select, groups):
    assert _groups_by_key(select, ("customer_id",)) == groups


def test_a_table_is_written_in_the_columns_order_and_types_of_its_contract(retailer, monkeypatch):
    monkeypatch.setattr(write, "contract_of", lambda _: CONTRACT)
    retailer.deliver("2017-12-01")
    with DuckDBEngine(retailer.open("2017-12-01"), retailer.settings) as engine:
        files = write_table("share", "SELECT 1 AS share, 7 AS other, 'a' AS customer_id -- a comment", engine)
        select = engine.select_of(TableState(data_files=files), CONTRACT)
        assert engine.rows(select) == [("a", 1.0)]
        written = engine.rows(f"DESCRIBE SELECT * FROM {engine.scan_files(files)}")
        assert [column[:2] for column in written] == [("customer_id", "VARCHAR"), ("share", "DOUBLE")]


def test_a_table_that_breaks_its_contract_is_not_recorded(retailer, monkeypatch):
    monkeypatch.setattr(write, "contract_of", lambda _: CONTRACT)
    retailer.deliver("2017-12-01")
    night = retailer.open("2017-12-01")
    with (
        DuckDBEngine(night, retailer.settings) as engine,
        pytest.raises(LoyaltyError, match="table share: 1 rows break"),
    ):
        write_table("share", "SELECT 'a' AS customer_id, 2.0 AS share", engine)
    assert night.tables() == {}
