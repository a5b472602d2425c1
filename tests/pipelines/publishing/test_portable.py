"""A warehouse that stands alone: what was published, also where the lake is gone."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts import published_tables
from pipelines.errors import LoyaltyError
from pipelines.publishing.portable import write_portable
from pipelines.publishing.warehouse import publish_warehouse
from pipelines.store.home import lake_folder, warehouse_path
from pipelines.store.lake import CommittedNight, Lake

NIGHT = "2025-06-30"


@pytest.fixture
def published(retailer):
    """A home with a published night of a sale, which order_fact and order_line show as views."""
    retailer.deliver(
        NIGHT,
        receipts=f"receipt_id,customer_id,issued_at,operation,total_amount\nr1,c1,{NIGHT},sale,5\n",
        receipt_lines="receipt_id,line_number,product_id,quantity,amount\nr1,1,tea,1,5\n",
    )
    night = retailer.load(NIGHT, upto=("staging", "facts", "scores", "marts", "segments"))
    assert publish_warehouse(CommittedNight(Lake(retailer.home), night.run_date, night.token), retailer.settings)
    return retailer


def read(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as warehouse:
        return warehouse.execute(sql).fetchall()


def words(path: Path) -> list[tuple[object, ...]]:
    """Every comment of a warehouse: on its tables or views, and on their columns."""
    return read(
        path,
        "SELECT table_name, NULL, comment FROM duckdb_tables() "
        "UNION ALL SELECT view_name, NULL, comment FROM duckdb_views() WHERE NOT internal "
        "UNION ALL SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
    )


def test_it_has_the_published_rows_and_words_and_no_view_when_the_home_is_gone(published, tmp_path):
    file = tmp_path / "alone.duckdb"
    assert write_portable(file, published.settings) == len(published_tables())
    source = warehouse_path(published.home)
    assert words(file) == words(source)
    names = [contract.name for contract in published_tables()]
    expected = {name: read(source, f"SELECT * FROM {name} ORDER BY ALL") for name in names}
    lake_folder(published.home).rename(tmp_path / "elsewhere")
    assert {name: read(file, f"SELECT * FROM {name} ORDER BY ALL") for name in names} == expected
    assert read(file, "SELECT receipt_id, run_date FROM order_fact") == [("r1", date(2025, 6, 30))]
    assert read(file, "SELECT view_name FROM duckdb_views() WHERE NOT internal") == []
    assert file.stat().st_mode & 0o777 == 0o400


def test_a_file_that_exists_is_not_replaced(published, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(LoyaltyError, match=r"mine\.txt exists already"):
        write_portable(tmp_path / "mine.txt", published.settings)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_without_a_published_night_or_a_folder_it_says_so(retailer, tmp_path):
    with pytest.raises(LoyaltyError, match="Run a night first"):
        write_portable(tmp_path / "alone.duckdb", retailer.settings)
    warehouse_path(retailer.home).parent.mkdir(parents=True)
    warehouse_path(retailer.home).touch()
    with pytest.raises(LoyaltyError, match="there is no such folder"):
        write_portable(tmp_path / "none" / "alone.duckdb", retailer.settings)


def test_a_view_whose_files_are_gone_is_named_and_nothing_is_left(published, tmp_path):
    lake_folder(published.home).rename(tmp_path / "elsewhere")
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(LoyaltyError, match="If the home was moved or copied, its next night"):
        write_portable(target / "alone.duckdb", published.settings)
    assert list(target.iterdir()) == []
