"""The landing folder: which files are a source's, and whether a night can begin."""

import gzip
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from extracts import RECEIPTS

from pipelines.contracts import sources
from pipelines.errors import BadDataError
from pipelines.intake.landing import find_files, unread_files


def test_a_missing_required_source_or_folder_stops_the_night_before_it_begins(retailer):
    with pytest.raises(BadDataError, match=r"2017-12-01: no such landing folder"):
        retailer.open("2017-12-01")
    folder = retailer.deliver("2017-12-01")
    (folder / "receipts.csv").unlink()
    with pytest.raises(BadDataError, match=r"2017-12-01: the required source receipts is missing"):
        retailer.open("2017-12-01")


def test_a_source_that_is_there_twice_is_refused(retailer):
    retailer.deliver("2017-12-01", stores="store_id\n1\n", stores__csv_gz=gzip.compress(b"store_id\n1\n"))
    with pytest.raises(BadDataError, match=r"stores is there more than once, as stores\.csv and stores\.csv\.gz"):
        retailer.load("2017-12-01")


def test_parts_and_parquet_are_read_like_csv(retailer):
    folder = retailer.deliver("2017-12-01")
    (folder / "receipts.csv").unlink()
    (folder / "receipts").mkdir()
    (folder / "receipts" / "part-0.csv").write_text(RECEIPTS + "r1,17850,2017-12-01,1\n")
    table = {
        "receipt_id": [2.0],
        "customer_id": [17850.0],
        "issued_at": [date(2017, 12, 1)],
        "total_amount": [0.1 + 0.2],
    }
    pq.write_table(pa.table(table), folder / "receipts" / "part-1.parquet")
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "receipts", "receipt_id, customer_id, total_amount") == [
        ("2", "17850", Decimal("0.30")),
        ("r1", "17850", Decimal("1.00")),
    ]


def test_every_entry_of_a_landing_folder_is_read_or_named(retailer):
    folder = retailer.deliver(
        "2017-12-01", **{".DS_Store": "x", "Stores.CSV": "store_id\ns1\n", "weather.csv": "day\n"}
    )
    (folder / "receipts.csv").unlink()
    parts = folder / "receipts"
    (parts / "sub").mkdir(parents=True)
    (parts / "empty").mkdir()
    for number, name in enumerate(
        ("a.csv", "b.CSV", "c.csv.GZ", "d.txt", ".e.csv", "~$f.csv", "sub/g.csv", "h.csv.part")
    ):
        content = f"{RECEIPTS}r{number},c1,2017-12-01,1\n".encode()
        (parts / name).write_bytes(gzip.compress(content) if name.endswith("GZ") else content)
    night = retailer.load("2017-12-01")
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r0", "r1", "r2"]
    assert retailer.rows(night, "stores", "store_id") == [("s1",)]
    assert {(file.name, file.source, file.holds_rows) for file in unread_files(folder, sources())} == {
        (".DS_Store", None, False),
        ("receipts/.e.csv", "receipts", True),
        ("receipts/d.txt", "receipts", True),
        ("receipts/empty", "receipts", False),
        ("receipts/h.csv.part", "receipts", True),
        ("receipts/sub/g.csv", "receipts", True),
        ("receipts/~$f.csv", "receipts", False),
        ("weather.csv", None, True),
    }


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("receipts-2.csv", "receipts"),
        ("receipts (1).csv", "receipts"),
        (".receipts.csv.Xa1", "receipts"),
        ("receipts.xlsx", "receipts"),
        ("receipt_lines_2.csv", "receipt_lines"),
        ("receiptsold.csv", None),
        ("my_receipts.csv", None),
    ],
)
def test_an_unread_file_is_of_the_source_that_its_name_begins_with(tmp_path, name, source):
    (tmp_path / name).touch()
    assert [file.source for file in unread_files(tmp_path, sources())] == [source]


def test_a_folder_of_parts_may_be_a_link_and_a_link_in_a_circle_ends(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.csv").touch()
    folder = tmp_path / "2017-12-01"
    folder.mkdir()
    (folder / "stores").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(folder)
    assert [path.name for path in find_files(folder, "stores")] == ["a.csv"]
    assert [file.name for file in unread_files(folder, sources())] == ["stores/round"]


def test_a_source_twice_in_other_letters_is_refused(retailer):
    folder = retailer.deliver("2017-12-01", **{"stores": "store_id\n", "Stores.CSV": "store_id\n"})
    with pytest.raises(BadDataError, match=r"stores is there more than once, as Stores\.CSV and stores\.csv"):
        find_files(folder, "stores")


def test_a_required_source_that_is_missing_names_what_looks_like_it(retailer):
    folder = retailer.deliver("2017-12-01", **{"receipts.xlsx": "x"})
    (folder / "receipts.csv").unlink()
    with pytest.raises(BadDataError, match=r"receipts is missing\. .* There, but not read: receipts\.xlsx\."):
        retailer.open("2017-12-01")
