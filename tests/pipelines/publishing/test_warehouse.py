"""Publishing: what is written into the warehouse, and what is a view over the lake."""

from datetime import date
from pathlib import Path

import duckdb

from pipelines.contracts import published_tables
from pipelines.publishing import warehouse as publish
from pipelines.store.lake import CommittedNight, Lake
from pipelines.tables.inputs import contract_of

CRM = "customer_id,registered_at\nc2,2025-01-02\nc1,2025-01-01\nc3,2025-01-03"
SHOWN = "customer_360"


def published(retailer, path: Path) -> Path:
    """The warehouse of a night with three customers."""
    retailer.deliver("2025-06-30", crm_customers=CRM)
    night = retailer.load("2025-06-30", upto=("staging", "facts", "scores", "marts", "segments"))
    publish._fill(path, CommittedNight(Lake(retailer.home), night.run_date, night.token), retailer.settings)
    return path


def kinds(path: Path) -> dict[str, str]:
    with duckdb.connect(str(path), read_only=True) as warehouse:
        return dict(warehouse.execute("SELECT table_name, table_type FROM information_schema.tables").fetchall())


def shown(path: Path) -> list[tuple[str, date]]:
    with duckdb.connect(str(path), read_only=True) as warehouse:
        return warehouse.execute(f"SELECT customer_id, run_date FROM {SHOWN}").fetchall()


def comments(path: Path) -> dict[str, str]:
    with duckdb.connect(str(path), read_only=True) as warehouse:
        found = (
            f"SELECT column_name, comment FROM duckdb_columns() WHERE table_name = '{SHOWN}' AND comment IS NOT NULL"
        )
        return dict(warehouse.execute(found).fetchall())


def test_a_table_is_written_in_the_order_of_its_keys(retailer):
    warehouse = published(retailer, retailer.home / "shown.duckdb")
    assert kinds(warehouse)[SHOWN] == "BASE TABLE"
    assert shown(warehouse) == [(f"c{n}", date(2025, 6, 30)) for n in (1, 2, 3)]


def test_a_table_of_very_many_rows_is_a_view_with_the_same_rows_and_comments(retailer, monkeypatch):
    monkeypatch.setattr(publish, "WRITTEN_ROWS", 2)
    warehouse = published(retailer, retailer.home / "shown.duckdb")
    assert kinds(warehouse)[SHOWN] == "VIEW"
    assert kinds(warehouse)["night"] == "BASE TABLE"
    assert sorted(shown(warehouse)) == [(f"c{n}", date(2025, 6, 30)) for n in (1, 2, 3)]
    described = {column.name: column.description for column in contract_of(SHOWN).columns}
    assert comments(warehouse) == {"run_date": publish.RUN_DATE} | described


def test_a_group_that_reads_the_warehouse_needs_no_file_of_the_lake_for_a_customer_table(retailer, monkeypatch):
    monkeypatch.setattr(publish, "WRITTEN_ROWS", 2)
    shared = retailer.settings.model_copy(update={"shared_group": True})
    monkeypatch.setattr(type(retailer), "settings", property(lambda _: shared))
    assert kinds(published(retailer, retailer.home / "shown.duckdb"))[SHOWN] == "BASE TABLE"


def test_the_warehouse_holds_what_contracts_publish_as_and_with_the_words_that_they_say(retailer):
    warehouse = published(retailer, retailer.home / "shown.duckdb")
    as_said = {"table": "BASE TABLE", "view": "VIEW"}
    assert kinds(warehouse) == {c.name: as_said[c.published] for c in published_tables()}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute(
            "SELECT table_name, comment FROM duckdb_tables() "
            "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
        )
        words = dict(found.fetchall())
    assert words == {c.name: f"{c.description} Grain: {c.grain}." for c in published_tables()}
