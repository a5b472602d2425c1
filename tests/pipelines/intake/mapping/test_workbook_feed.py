"""Workbooks as feeds: what stands in cells arrives as text, and what could not be worked out is never a quiet NULL."""

from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Retailer
from mapped_files import deliver
from workbooks import RawCell, write_workbook

from pipelines.errors import BadDataError
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.tables import inspect_feed_file
from pipelines.intake.workbook import cell_of

NIGHT = "2023-06-10"
BOOK = """
feeds:
  orders:
    files: ["orders*.xlsx"]
    dialect: {}
sources:
  receipts:
  - feed: orders
    columns:
      receipt_id: {column: Order}
      issued_at: {column: Day}
      total_amount: {column: Sum}
      customer_id: {column: Client}
"""
HEADER = ["Order", "Day", "Sum", "Client", "Note"]
REF = RawCell("e", "<v>#REF!</v>")
NOT_AVAILABLE = RawCell("e", "<f>VLOOKUP(A1,B:C,2)</f><v>#N/A</v>")
COLUMNS = "receipt_id, issued_date::VARCHAR, total_amount::VARCHAR, customer_id"
ONLY = frozenset({"receipts"})


def book(home: Retailer, rows: list[list[object]], said: str = "{}", **others: list[list[object]]) -> Path:
    path = home.home / "landing" / NIGHT / "orders.xlsx"
    deliver(home, BOOK.replace("{}", said, 1), NIGHT)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_workbook(path, {"May": rows} | others)


def test_cells_arrive_as_text_and_rows_keep_the_sheets_numbers(home: Retailer) -> None:
    rows = [
        HEADER,
        [1001, date(2023, 5, 30), 12.299999999999999, 17850, RawCell("b", "<v>1</v>")],
        [],
        ["0002", "2023-05-31", "7.50", None],
        ["r3", "never", 1],
    ]
    book(home, rows)
    night = home.load(NIGHT, only=ONLY)
    assert home.rows(night, "receipts", COLUMNS) == [
        ("0002", "2023-05-31", "7.50", None),
        ("1001", "2023-05-30", "12.30", "17850"),
    ]
    assert home.rejected(night, "receipts") == [("orders.xlsx", 4, "issued_at_unreadable")]
    (file,) = night.lake.manifest(night.run_date).tables["rejected_receipts"].data_files
    values = pq.read_table(night.lake.path(file.path)).column("row_values").to_pylist()
    assert values == ['["r3", "never", "1", null, null]']


def test_a_cell_with_an_error_rejects_the_row_if_something_reads_it(home: Retailer) -> None:
    rows = [
        HEADER,
        ["r1", date(2023, 5, 30), 5, NOT_AVAILABLE],
        ["r2", date(2023, 5, 30), REF, "7"],
        ["r3", date(2023, 5, 30), 5, "7", REF],
        ["r4", date(2023, 5, 30), RawCell("n", "<f>A1+1</f>"), "7"],
        ["r5", date(2023, 5, 30), 5, RawCell("str", "<f>A9</f><v></v>")],
    ]
    book(home, rows)
    night = home.load(NIGHT, only=ONLY)
    assert [row[0] for row in home.rows(night, "receipts", COLUMNS)] == ["r3", "r5"]
    assert home.rejected(night, "receipts") == [
        ("orders.xlsx", 1, "error_in_cell"),
        ("orders.xlsx", 2, "error_in_cell"),
        ("orders.xlsx", 4, "error_in_cell"),
    ]


def test_a_mapping_may_say_that_an_error_is_no_value(home: Retailer) -> None:
    book(home, [HEADER, ["r1", date(2023, 5, 30), 5, NOT_AVAILABLE]], said='{null_values: ["#N/A"]}')
    night = home.load(NIGHT, only=ONLY)
    assert home.rows(night, "receipts", COLUMNS) == [("r1", "2023-05-30", "5.00", None)]


def test_a_sheet_is_read_by_its_name_from_its_header_on(home: Retailer) -> None:
    rows = [["Report of May"], [], HEADER, ["r1", date(2023, 5, 30), 5.5]]
    book(home, [["x"]], said='{sheet: june, header_row: 3, decimal_mark: ","}', June=rows)
    night = home.load(NIGHT, only=ONLY)
    assert home.rows(night, "receipts", COLUMNS) == [("r1", "2023-05-30", "5.50", None)]
    assert "unread_sheets" not in night.lake.manifest(night.run_date).tables["receipts"].info


def test_the_first_sheet_is_read_and_the_others_are_said(home: Retailer) -> None:
    rows = [HEADER, ["r1", date(2023, 5, 30), 5.5]]
    path = book(home, rows)
    write_workbook(path, {"May": rows, "Empty": [], "Old": rows, "Notes": [["x"]]}, hidden=["Old"])
    night = home.load(NIGHT, only=ONLY)
    info = night.lake.manifest(night.run_date).tables["receipts"].info
    assert info["unread_sheets"] == ["orders.xlsx, sheet Old (hidden)", "orders.xlsx, sheet Notes"]
    write_workbook(path, {"Old": rows, "May": rows}, hidden=["Old"])
    with pytest.raises(BadDataError, match="the first sheet, 'Old', is hidden; all are: 'Old', 'May'"):
        home.load(NIGHT, only=ONLY)


LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(1000)


@pytest.mark.parametrize(
    ("said", "content", "message"),
    [
        (FeedDialect(sheet="Juni"), None, r"there is no sheet 'Juni'\. There are: 'May'\. Say by sheet:"),
        (FeedDialect(header_row=7), None, r"row 7 of sheet 'May' is empty, and the header is to stand there"),
        (FeedDialect(), LOCKED, r"the workbook is protected by a password"),
        (FeedDialect(), b"PK\x03\x04" + bytes(500), r"this is no workbook that can be opened"),
        (FeedDialect(), b"", r"this is no workbook that can be opened"),
        (FeedDialect(), b"Order,Day\n", r"this is no workbook that can be opened"),
        (FeedDialect(), 900, r"this is no workbook that can be opened"),
    ],
    ids=["sheet", "header", "locked", "archive", "empty", "text", "cut"],
)
def test_a_workbook_that_cannot_be_read_is_named(
    tmp_path: Path, said: FeedDialect, content: bytes | int | None, message: str
) -> None:
    path = write_workbook(tmp_path / "orders.xlsx", {"May": [HEADER, ["r1", date(2023, 5, 30), 5]]})
    if isinstance(content, int):
        path.write_bytes(path.read_bytes()[:content])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(BadDataError, match=rf"orders\.xlsx: {message}"):
        inspect_feed_file(path, path.name, said)


def test_cells_beyond_the_header_reject_their_row(home: Retailer) -> None:
    book(home, [HEADER, ["r1", date(2023, 5, 30), 5, None, None, "x"], ["r2", date(2023, 5, 30), 5]])
    night = home.load(NIGHT, only=ONLY)
    assert home.rejected(night, "receipts") == [("orders.xlsx", 1, "too_many_fields")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (17850.0, "17850"),
        (1234567890123456.0, "1234567890123456"),
        (1e20, "1.00000000000000e+20"),  # as an id such a number is refused
        (True, "true"),
    ],
)
def test_a_number_has_no_trace_of_a_float(value: float, text: str) -> None:
    assert cell_of(value)[0] == text
