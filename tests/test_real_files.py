"""What real files have been seen to do, one test for each kind: an error that names the file, or rejected rows."""

import gzip
from typing import Any

import pytest
from conftest import Retailer

from pipelines.errors import BadDataError
from pipelines.intake import load as loading
from pipelines.store.lake import Night

FIRST = "2018-01-01"


def load(retailer: Retailer, source: str, night: str = FIRST, **extracts: str | bytes) -> Night:
    retailer.deliver(night, **extracts)
    return retailer.load(night, only=frozenset({source}))


STORES = "store_id,name\n"


def test_amounts_in_two_currencies_are_an_error_that_names_both(retailer):
    extract = "receipt_id,issued_at,total_amount,currency\nr1,2018-01-01,5,USD\nr2,2018-01-01,5,RUB\n"
    with pytest.raises(BadDataError, match=r"receipts\.csv: 1 rows have currency 'RUB', the home is kept in USD"):
        load(retailer, "receipts", receipts=extract)


def test_a_truncated_gzip_is_an_error_and_no_half_table(retailer):
    whole = gzip.compress((STORES + "".join(f"s{n},{n * n}\n" for n in range(9999))).encode())
    for cut in (len(whole) // 2, len(whole) - 1, 5):
        with pytest.raises(BadDataError, match=r"stores\.csv\.gz: the compressed file is cut off or damaged"):
            load(retailer, "stores", stores__csv_gz=whole[:cut])
    assert not list((retailer.home / "lake" / "tables").rglob("*.parquet"))


def test_an_empty_file_is_an_error_and_a_header_without_rows_is_none(retailer):
    with pytest.raises(
        BadDataError, match=r"stores\.csv: the file is empty; even an extract without rows has a header"
    ):
        load(retailer, "stores", stores="")
    assert retailer.counts(load(retailer, "stores", stores=STORES), "stores") == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("row", "rule"),
    [("s2,a\0b", "nul_byte"), ("s2", "too_few_fields"), (f"s2,{'x' * 5_000_000}", "field_too_long")],
    ids=["NUL byte", "too few fields", "5 MB field"],
)
def test_a_damaged_row_is_rejected_by_name_and_the_others_are_loaded(retailer, row, rule):
    night = load(retailer, "stores", stores=f"{STORES}s1,a\n{row}\ns3,c\n")
    assert retailer.rows(night, "stores", "store_id, name") == [("s1", "a"), ("s3", "c")]
    assert retailer.rejected(night, "stores") == [("stores.csv", 2, rule)]
    assert retailer.counts(night, "stores") == (3, 2, 1, 0, 0)


def test_a_file_still_being_written_is_an_error(retailer, monkeypatch):
    real = loading._load

    def write_on(scan: str, file: Any, *more: Any, **options: Any) -> Any:
        with file.path.open("a") as out:
            out.write("s2,b\n")
        return real(scan, file, *more, **options)

    monkeypatch.setattr(loading, "_load", write_on)
    with pytest.raises(BadDataError, match=r"stores\.csv: changed while it was read; is it still being written\?"):
        load(retailer, "stores", stores=f"{STORES}s1,a\n")
