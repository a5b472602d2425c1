"""The catalog: every table of a night, where it stands, what makes it and what it reads."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from graphlib import CycleError

import pytest

from pipelines import catalog
from pipelines.catalog import PARAMETERS, SQL, query, read_inputs, tables, views
from pipelines.contracts import TABLE_LAYERS, contract_path, layer_contracts, table_contract
from pipelines.settings import ROOT
from pipelines.table import LAYERS, Table

MADE_BY_PYTHON = [table for table in tables().values() if table.function]
# A SQL file in sql/segments/ is one segment, so the table of their history stands in sql/marts/.
READS_A_LATER_LAYER = {("customer_segment_history", "customer_segment")}


def function_of(table: Table) -> Callable[..., object]:
    module, name = table.function.split(":")
    return getattr(importlib.import_module(module), name)


def made_of(*given: Table, monkeypatch: pytest.MonkeyPatch) -> dict[str, Table]:
    """What the catalog makes of these tables alone."""
    monkeypatch.setattr(catalog, "_made", lambda: iter(given))
    return tables.__wrapped__()


# --- where tables stand ---


def test_layers_of_tables_are_those_of_the_contracts():
    assert ("staging", *TABLE_LAYERS) == LAYERS


def test_every_table_has_a_contract_in_the_folder_of_its_layer():
    made = [table for table in tables().values() if table.layer != "staging"]
    assert {table.name: contract_path(table.name).parent.name for table in made} == {t.name: t.layer for t in made}
    assert all(table_contract(table.name).name == table.name for table in made)


def test_every_contract_of_a_table_has_its_table():
    """Parameters of a night and its runs are no tables that a night makes, but they have contracts."""
    contracts = {contract.name for layer in TABLE_LAYERS for contract in layer_contracts(layer)}
    assert contracts == {table.name for table in tables().values() if table.layer != "staging"} | PARAMETERS | {
        "pipeline_run"
    }


@pytest.mark.parametrize("table", tables().values(), ids=lambda table: table.name)
def test_no_table_reads_a_later_layer(table: Table):
    later = {name for name in table.inputs if LAYERS.index(tables()[name].layer) > LAYERS.index(table.layer)}
    assert {(table.name, name) for name in later} <= READS_A_LATER_LAYER


def test_views_are_the_tables_whose_contract_says_so_and_all_of_them_have_sql():
    assert views() == {table.name for table in tables().values() if table.kind == "sql" and table.is_view}
    assert all(table_contract(name).is_view and tables()[name].sql for name in views())
    assert not [c.name for layer in TABLE_LAYERS for c in layer_contracts(layer) if c.is_view and c.name not in views()]


# --- what makes them ---


@pytest.mark.parametrize("table", MADE_BY_PYTHON, ids=lambda table: table.name)
def test_a_dotted_name_is_that_of_a_function_which_says_its_grain_first(table: Table):
    assert (function_of(table).__doc__ or "").startswith("Grain: ")


def test_only_tables_that_python_makes_have_a_function_and_a_split_is_made_with_one_table():
    for table in tables().values():
        assert bool(table.function) == (table.kind == "python"), table.name
        if table.kind == "split":
            (maker,) = table.inputs
            assert tables()[maker].kind in ("python", "source"), table.name


@pytest.mark.parametrize("table", [table for table in MADE_BY_PYTHON if table.model], ids=lambda table: table.name)
def test_a_fit_names_a_model_that_exists_and_libraries_that_are_installed(table: Table):
    models = ROOT / "models"
    assert (models / f"{table.model}.py").exists() or (models / table.model / "__init__.py").exists()
    assert all(importlib.metadata.version(name) for name in table.libraries)


def test_the_catalog_imports_no_function_so_that_a_dag_parses_fast():
    code = "import sys; from pipelines.catalog import tables; tables(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = {name.split(":")[0] for name in (table.function for table in MADE_BY_PYTHON)}
    assert modules.isdisjoint(done.stdout.split())
    assert {"numpy", "duckdb", "pyarrow"}.isdisjoint(done.stdout.split())


# --- in which order ---


def test_every_table_comes_after_those_that_it_reads():
    order = list(tables())
    assert all(order.index(name) < order.index(t.name) for t in tables().values() for name in t.inputs)


def test_what_earlier_nights_published_draws_no_edge(monkeypatch):
    found = made_of(Table("a", "facts", "sql", ("b",)), Table("b", "facts", "sql", (), ("a",)), monkeypatch=monkeypatch)
    assert list(found) == ["b", "a"]


def test_tables_that_read_each_other_are_refused(monkeypatch):
    with pytest.raises(CycleError):
        made_of(Table("a", "facts", "sql", ("b",)), Table("b", "facts", "sql", ("a",)), monkeypatch=monkeypatch)


@pytest.mark.parametrize("given", [{"inputs": ("c",)}, {"history": ("c",)}], ids=lambda given: next(iter(given)))
def test_a_table_that_nobody_makes_is_named_with_its_reader(given, monkeypatch):
    with pytest.raises(ValueError, match="a reads c, which nobody makes"):
        made_of(Table("a", "facts", "sql", **given), monkeypatch=monkeypatch)


def test_two_tables_of_one_name_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="two tables are named a"):
        made_of(Table("a", "facts", "sql"), Table("a", "marts", "sql"), monkeypatch=monkeypatch)


# --- what they read ---


def test_a_select_reads_the_tables_that_it_names_sorted_and_once():
    sql = "SELECT o.a FROM order_fact AS o INNER JOIN contact AS c ON c.a = o.a INNER JOIN contact AS d ON d.a = o.a"
    assert read_inputs(sql) == (("contact", "order_fact"), (), ())


def test_a_selects_own_ctes_are_not_read_but_what_they_read_is():
    ctes = "a AS (SELECT x FROM order_fact), b AS (SELECT x FROM a)"
    sql = f"WITH {ctes} SELECT x FROM b WHERE x IN (SELECT x FROM contact)"
    assert read_inputs(sql).tonight == ("contact", "order_fact")


def test_a_table_of_a_ctes_name_is_read_where_the_cte_is_not_in_scope():
    assert read_inputs("WITH contact AS (SELECT x FROM contact) SELECT x FROM contact").tonight == ("contact",)


def test_tables_of_earlier_nights_are_not_those_of_tonight():
    inputs = read_inputs("SELECT x FROM history.contact UNION ALL SELECT x FROM order_fact")
    assert (inputs.tonight, inputs.history) == (("order_fact",), ("contact",))


def test_superseded_rows_are_of_a_table_of_tonight():
    inputs = read_inputs("SELECT x FROM replaced.receipts")
    assert (inputs.tonight, inputs.replaced) == (("receipts",), ("receipts",))


def test_parameters_of_the_night_are_no_tables():
    assert read_inputs("SELECT n.run_date FROM night AS n CROSS JOIN feature_date AS f") == ((), (), ())


def test_customer_segment_reads_what_any_segment_reads():
    read = [read_inputs(path.read_text(encoding="utf-8")) for path in catalog.segment_files()]
    assert set(tables()["customer_segment"].inputs) == {name for inputs in read for name in inputs.tonight}


# --- SELECTs that are no tables ---


def test_a_query_is_found_by_its_folder_and_name(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "SQL", tmp_path)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "anybody.sql").write_text("-- Anybody.\nSELECT 1 AS n\n")
    assert query("lists/anybody") == "-- Anybody.\nSELECT 1 AS n"
    query.cache_clear()


def test_no_query_is_taken_for_a_table_of_the_night():
    tables_of_sql = {path.stem for layer in TABLE_LAYERS[:-1] for path in (SQL / layer).glob("*.sql")}
    assert {table.name for table in tables().values() if table.kind == "sql"} == tables_of_sql


def test_a_query_without_a_file_is_an_error_that_names_it():
    with pytest.raises(FileNotFoundError, match=r"sql/lists/nobody\.sql"):
        query("lists/nobody")
