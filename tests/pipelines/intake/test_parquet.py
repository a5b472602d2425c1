"""Parquet extracts with the types that other systems write: each is read right, or refused by file and column."""

import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from extracts import NIGHT

from pipelines.errors import BadDataError

NEW_YORK = ZoneInfo("America/New_York")
TEN = datetime(2017, 12, 1, 10)


def _load(retailer, *, also=None, empty_row_group=False, **columns):
    """Load one receipt with these columns, as Parquet; returns the night."""
    row = {"receipt_id": ["r1"], "issued_at": ["2017-12-01T10:00:00"], "total_amount": ["5"]}
    table, buffer = pa.table(row | columns), io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema, **(also or {})) as writer:
        if empty_row_group:
            writer.write_table(table.slice(0, 0))
        writer.write_table(table)
    folder = retailer.deliver(NIGHT, receipts__parquet=buffer.getvalue())
    (folder / "receipts.csv").unlink()
    return retailer.load(NIGHT, only=frozenset({"receipts"}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([TEN], pa.timestamp("s")), TEN.replace(tzinfo=NEW_YORK)),
        (pa.array([TEN], pa.timestamp("ms")), TEN.replace(tzinfo=NEW_YORK)),
        (pa.array([TEN], pa.timestamp("ns")), TEN.replace(tzinfo=NEW_YORK)),
        (pa.array([TEN], pa.timestamp("ns", "UTC")), TEN.replace(tzinfo=UTC)),
        (pa.array([TEN], pa.timestamp("us", "Europe/Moscow")), TEN.replace(tzinfo=UTC)),
        (pa.array([date(2017, 12, 1)]), datetime(2017, 12, 1, tzinfo=NEW_YORK)),
    ],
)
def test_times_of_any_unit_keep_their_zone_and_without_one_are_of_the_business(retailer, values, expected):
    assert retailer.rows(_load(retailer, issued_at=values), "receipts", "issued_at") == [(expected,)]


def test_nanoseconds_are_cut_to_microseconds_and_int96_is_a_time_without_zone(retailer):
    times = pa.array([1512122400123456789], pa.timestamp("ns"))
    expected = [(TEN.replace(microsecond=123456, tzinfo=NEW_YORK),)]
    assert retailer.rows(_load(retailer, issued_at=times), "receipts", "issued_at") == expected
    int96 = _load(retailer, issued_at=times, also={"use_deprecated_int96_timestamps": True})
    assert retailer.rows(int96, "receipts", "issued_at") == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([Decimal("1234.5000000000")], pa.decimal128(38, 10)), "1234.50"),
        (pa.array([0.1 + 0.2]), "0.30"),
        (pa.array([16.1], pa.float32()), "16.10"),
        (pa.array([123456.78], pa.float32()), "123456.78"),
        (pa.array([5], pa.uint64()), "5.00"),
        (pa.array(["5.5"]).dictionary_encode(), "5.50"),
    ],
)
def test_money_is_read_to_the_cent_from_decimals_and_floats(retailer, values, expected):
    night = _load(retailer, total_amount=values)
    assert retailer.rows(night, "receipts", "total_amount") == [(Decimal(expected),)]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["né1"]).dictionary_encode(),
        pa.array(["né1"], pa.large_string()),
        pa.array(["né1".encode()], pa.binary()),
        pa.array(["né1".encode()], pa.large_binary()),
        pa.array(["né1".encode()], pa.binary(4)),
    ],
)
def test_text_is_read_however_it_is_stored(retailer, values):
    night = _load(retailer, receipt_id=values)
    assert retailer.rows(night, "receipts", "receipt_id") == [("né1",)]


def test_an_empty_row_group_and_a_column_of_nothing_but_null_are_read(retailer):
    night = _load(retailer, empty_row_group=True, customer_id=pa.nulls(1), other=[{"a": 1}])
    assert retailer.rows(night, "receipts", "receipt_id, customer_id") == [("r1", None)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("customer_id", pa.array([{"a": 1}])),
        ("customer_id", pa.array([["1"]])),
        ("customer_id", pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))),
        ("customer_id", pa.array([True])),
        ("issued_at", pa.array([1512122400])),
        ("issued_at", pa.array([time(10)])),
        ("total_amount", pa.array([Decimal(5)], pa.decimal256(50, 2))),
        ("total_amount", pa.array([TEN])),
        ("customer_id", pa.array([b"\xff\xfe"])),
        ("total_amount", pa.array([1234567.89], pa.float32())),
    ],
)
def test_what_can_not_be_read_right_is_refused_by_file_and_column(retailer, column, values):
    with pytest.raises(BadDataError, match=rf"receipts\.parquet: column {column} .*Deliver"):
        _load(retailer, **{column: values})


def test_a_whole_number_other_than_0_and_1_is_no_consent(retailer):
    codes = {"customer_id": ["c0", "c1", "c2", "c3"], "email_consent": pa.array([0, 1, 2, -1], pa.int8())}
    folder = retailer.deliver(NIGHT)
    (folder / "crm_customers.csv").unlink()
    pq.write_table(pa.table(codes | {"registered_at": ["2017-01-01"] * 4}), folder / "crm_customers.parquet")
    night = retailer.load(NIGHT, only=frozenset({"crm_customers"}))
    assert retailer.rows(night, "crm_customers", "customer_id, email_consent") == [("c0", False), ("c1", True)]
    assert [rule for _, _, rule in retailer.rejected(night, "crm_customers")] == ["email_consent_unreadable"] * 2
