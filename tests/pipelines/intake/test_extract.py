"""One extract file: its header, whether it is whole, and whether it changes while it is read."""

import gzip
import tracemalloc
from decimal import Decimal

import pytest
from extracts import load

from pipelines.errors import BadDataError
from pipelines.intake import extract
from pipelines.intake import load as loading


def test_columns_come_in_any_order_and_unknown_ones_are_named(retailer):
    retailer.deliver("2017-12-01", receipts="total_amount,till,issued_at,receipt_id\n5.10,7,2017-12-01,r1\n")
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "receipts", "receipt_id, total_amount, customer_id") == [("r1", Decimal("5.10"), None)]
    assert night.table("receipts").info["unknown_columns"] == ["till"]


def test_a_missing_required_column_names_file_and_column(retailer):
    retailer.deliver("2017-12-01", receipts="receipt_id,issued_at\nr1,2017-12-01\n")
    with pytest.raises(BadDataError, match=r"receipts\.csv: the required column total_amount is missing"):
        retailer.load("2017-12-01")


def test_a_file_without_a_header_is_named_and_nobodys_data_with_it(retailer):
    retailer.deliver("2017-12-01", crm_customers="4711,Jane Doe,jane@example.com\n4712,John Doe,jd@example.com\n")
    with pytest.raises(BadDataError, match=r"found: none that the contract knows; 3 in all") as error:
        retailer.load("2017-12-01")
    assert "jane" not in f"{error.value}".lower()


def test_a_gzip_cut_in_half_is_an_error_not_half_a_table(retailer):
    whole = gzip.compress("".join(f"r{i},2017-12-01,{i}\n" for i in range(5000)).encode())
    folder = retailer.deliver("2017-12-01", receipts__csv_gz=whole[: len(whole) // 2])
    (folder / "receipts.csv").unlink()
    with pytest.raises(BadDataError, match=r"receipts\.csv\.gz: the compressed file is cut off or damaged"):
        retailer.load("2017-12-01")


def test_an_empty_file_is_an_error_and_a_header_alone_is_not(retailer):
    retailer.deliver("2017-12-01", stores=b"")
    with pytest.raises(BadDataError, match=r"stores\.csv: the file is empty"):
        retailer.load("2017-12-01")
    retailer.deliver("2017-12-01", stores=b"store_id\n")
    assert retailer.counts(retailer.load("2017-12-01"), "stores") == (0, 0, 0, 0, 0)


def test_byte_order_mark_crlf_and_gzip_are_read(retailer):
    folder = retailer.deliver("2017-12-01", stores__csv_gz=gzip.compress("\ufeffstore_id,name\r\ns1,Nord\r\n".encode()))
    assert not (folder / "stores.csv").exists()
    assert retailer.rows(retailer.load("2017-12-01"), "stores", "store_id, name") == [("s1", "Nord")]


def test_column_names_from_a_file_never_reach_sql(retailer):
    retailer.deliver("2017-12-01", stores='store_id,"x""); DROP TABLE y; --"\ns1,1\n')
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "stores", "store_id") == [("s1",)]


def test_a_file_that_is_written_to_while_it_is_read_is_an_error(retailer, monkeypatch):
    real = loading._load

    def load_and_write(scan, file, *args, **more):
        with file.path.open("a") as out:
            out.write("p2,b\n")
        return real(scan, file, *args, **more)

    monkeypatch.setattr(loading, "_load", load_and_write)
    with pytest.raises(BadDataError, match=r"products\.csv: changed while it was read"):
        load(retailer, "products", "product_id,name\np1,a\n")


def test_a_gzip_that_expands_beyond_reason_is_refused_before_it_is_written_anywhere(retailer, monkeypatch):
    monkeypatch.setattr(extract, "SMALL", 1 << 20)
    bomb = gzip.compress(b"product_id,name\np1," + b"x" * (1 << 26), 9)
    tracemalloc.start()
    with pytest.raises(BadDataError, match=r"products\.csv\.gz: expands to more than .* 100 times its size"):
        load(retailer, "products", None, products__csv_gz=bomb)
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()
    assert not list((retailer.home / "lake").rglob("*.csv"))


def test_an_honest_extract_that_compresses_well_is_read(retailer, monkeypatch):
    monkeypatch.setattr(extract, "SMALL", 0)
    rows = "".join(f"p{i:07d},name\n" for i in range(20_000))
    assert (
        retailer.counts(
            load(retailer, "products", None, products__csv_gz=gzip.compress(f"product_id,name\n{rows}".encode())),
            "products",
        )[1]
        == 20_000
    )


def test_empty_header_names_at_the_end_cost_no_row_but_the_bad_one(retailer):
    rows = "product_id,name,,\np1,a,,\np2,b,x,y,z\np3,c,,\n"
    night = load(retailer, "products", rows)
    assert [row[0] for row in retailer.rows(night, "products", "product_id")] == ["p1", "p3"]
    night = load(retailer, "receipts", "receipt_id,issued_at,total_amount,,\nr1,2017-12-01,5,,\nr2,never,5,,\n")
    assert [row[1:] for row in retailer.rejected(night, "receipts")] == [(2, "issued_at_unreadable")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("stores.csv.gz", b"PK\x03\x04\x14\0\0\0", "is a zip archive or a workbook, .* Deliver it as .csv"),
        ("stores.csv", b"PK\x03\x04\x14\0\0\0", "is a zip archive or a workbook, .* Deliver it as .csv"),
        ("stores.csv", gzip.compress(b"store_id\n", mtime=0), r"is packed by gzip, .* Name it stores\.csv\.gz"),
        ("stores.csv", b"PAR1\x15\0\x15", r"is Parquet, .* Name it stores\.parquet"),
        ("stores.csv.gz", b"store_id\ns1\n", r"is not packed by gzip\. If it is text as it is, name it \.csv"),
        ("stores.csv", b"\nstore_id\ns1\n", "the first line is empty"),
    ],
)
def test_a_file_of_another_form_than_its_name_says_is_named_as_such(retailer, name, content, message):
    (retailer.deliver("2017-12-01") / name).write_bytes(content)
    with pytest.raises(BadDataError, match=message):
        retailer.load("2017-12-01", only=frozenset({"stores"}))


@pytest.mark.parametrize("end", [b"", b"\0" * 20, gzip.compress(b"", mtime=0)])
def test_a_gzip_of_several_members_is_read_whole_and_zeros_behind_it_are_none(retailer, end):
    parts = (b"store_id\ns1\n", b"", b"s2\n")
    retailer.deliver("2017-12-01", stores__csv_gz=b"".join(map(gzip.compress, parts)) + end)
    night = retailer.load("2017-12-01", only=frozenset({"stores"}))
    assert retailer.rows(night, "stores", "store_id") == [("s1",), ("s2",)]
