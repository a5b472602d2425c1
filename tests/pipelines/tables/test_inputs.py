"""The inputs of a table: which names its SELECT reads, and what they stand for."""

import pytest
from conftest import Retailer

from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.store.manifest import TableState
from pipelines.table import INCREMENTAL, Table
from pipelines.tables.inputs import columns_read, contract_of, register_inputs, register_table, stored_inputs

RECEIPTS = "receipt_id,customer_id,issued_at,total_amount\n"


def test_the_contract_of_a_source_is_that_of_its_staging_table_and_personal_columns_lie_apart():
    columns = {
        name: [c.name for c in contract_of(name).columns] for name in ("crm_customers", "crm_customers_personal")
    }
    assert "email" not in columns["crm_customers"]
    assert {"customer_id", "email", "email_normal", "landing_date"} <= {*columns["crm_customers_personal"]}
    assert {"registered_date", "landing_date"} <= {*columns["crm_customers"]}


@pytest.mark.parametrize("name", [name for name, table in tables().items() if table.kind != "segments"])
def test_every_table_has_a_contract_of_its_name(name):
    assert contract_of(name).name == name


def test_a_view_is_followed_down_to_the_tables_that_it_reads():
    assert tables()["order_line"].is_view
    reader = Table("reader", "marts", "sql", ("order_line", "products"))
    found = stored_inputs(reader)
    assert found == stored_inputs(tables()["order_line"]) | {"products"}
    assert not any(tables()[name].is_view for name in found)


@pytest.mark.parametrize("name", INCREMENTAL)
def test_an_incremental_table_reads_columns_that_its_inputs_have_and_always_their_keys(name):
    for source in stored_inputs(tables()[name]):
        contract = contract_of(source)
        read = columns_read(tables()[name], contract)
        assert {*contract.key} <= {*read} <= {column.name for column in contract.columns}


def test_a_column_that_only_a_view_names_is_read_too():
    reader = Table("reader", "marts", "sql", ("gift_card_sale",), sql="SELECT receipt_id FROM gift_card_sale")
    lines = contract_of("receipt_lines")
    assert "product_id" in columns_read(reader, lines)
    assert "discount_amount" not in columns_read(reader, lines)


def load_two_nights(retailer: Retailer):
    retailer.deliver("2017-12-01", receipts=RECEIPTS + "r1,a,2017-12-01,1\nr2,a,2017-12-01,2\n")
    retailer.deliver("2017-12-02", receipts=RECEIPTS + "r1,a,2017-12-01,10\n")
    only = frozenset({"receipts"})
    retailer.load("2017-12-01", only=only)
    return retailer.load("2017-12-02", only=only)


def test_names_stand_for_rows_of_tonight_of_history_and_for_replaced_rows(retailer):
    night = load_two_nights(retailer)
    reader = Table("reader", "marts", "sql", ("receipts", "replaced_receipt"), ("receipts",))
    with DuckDBEngine(night, retailer.settings) as engine:
        register_inputs(engine, night, retailer.settings, reader)
        amounts = "receipt_id, CAST(total_amount AS INTEGER)"
        assert sorted(engine.rows(f"SELECT {amounts} FROM receipts")) == [("r1", 10), ("r2", 2)]
        assert sorted(engine.rows(f"SELECT {amounts} FROM history.receipts")) == [("r1", 1), ("r2", 2)]
        assert engine.rows(f"SELECT {amounts} FROM replaced.receipts") == [("r1", 1)]
        assert engine.rows("SELECT receipt_id FROM replaced_receipt") == [("r1",)]
        assert engine.rows("SELECT CAST(run_date AS VARCHAR) FROM night") == [("2017-12-02",)]


def test_history_before_the_first_night_is_empty(retailer):
    retailer.deliver("2017-12-01")
    night = retailer.open("2017-12-01")
    night.add("receipts", TableState())
    with DuckDBEngine(night, retailer.settings) as engine:
        register_inputs(engine, night, retailer.settings, Table("reader", "marts", "sql", (), ("receipts",)))
        register_table(engine, night, "receipts")
        assert engine.rows("SELECT * FROM history.receipts") == engine.rows("SELECT * FROM receipts") == []
