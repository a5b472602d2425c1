"""Files as they come from odd programs: read all the same, or what is odd about them is said."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from workbooks import write_workbook

from pipelines.intake.inspection.form import _other_lines
from pipelines.intake.inspection.inspect import Inspection, inspect_file

HEADER = ["Order Number", "Order Date", "Customer ID", "Total"]
DAYS = [date(2023, 1, 3) + timedelta(3 * n) for n in range(12)]


def rows(form: str = "%Y-%m-%d", amount: str = "{n}.25") -> list[list[str]]:
    return [[f"A{n}", day.strftime(form), f"{n % 5:03d}", amount.format(n=n + 7)] for n, day in enumerate(DAYS)]


def inspected(tmp_path: Path, body: list[list[str]], delimiter: str = ",", header: list[str] = HEADER) -> Inspection:
    path = tmp_path / "orders.csv"
    path.write_text("".join(f"{delimiter.join(line)}\n" for line in (header, *body) if line), encoding="utf-8")
    return inspect_file(path)


def doubts(found: Inspection) -> str:
    return " ".join(found.doubts)


@pytest.mark.parametrize(
    "ends", [("\n", "\r\n", "\r\n"), ("\r\n", "\n", "\n"), ("\n", "\n", "\r\n")], ids=["above", "header", "row"]
)
def test_lines_may_end_in_two_ways(tmp_path, ends):
    first, header, row = ends
    path = tmp_path / "orders.csv"
    lines = [",".join(line) for line in rows()]
    path.write_bytes(f"Report{first}{','.join(HEADER)}{header}{lines[0]}\n{row.join(lines[1:])}{row}".encode())
    found = inspect_file(path)
    assert (found.table.header_row, found.table.rows, found.table.rejected) == (2, 12, {})
    assert found.doubts == ("1 line above the header: 'Report'",)


def test_a_file_without_a_header_is_split_by_the_mark_that_is_no_decimal_mark(tmp_path):
    found = inspected(tmp_path, rows(amount="{n},25")[:5], delimiter=";", header=[])
    assert found.table.layout is not None
    assert (found.table.layout.delimiter, found.table.header_row, found.table.rows) == (";", 0, 5)
    assert (found.marks.decimal, found.dates.order) == (",", "year_first")


def test_commas_may_part_lakhs(tmp_path):
    found = inspected(tmp_path, rows(amount="{n},34,567.50"), delimiter=";")
    assert (found.marks.decimal, found.marks.grouping, found.doubts) == (".", ",", ())


@pytest.mark.parametrize(
    ("amount", "value"), [("{n}.50-", "7.50-"), ("({n}.50)", "(7.50)"), ("{n}.50 off", "")], ids=["behind", "(", "word"]
)
def test_numbers_that_a_night_would_not_read_are_spoken_of(tmp_path, amount, value):
    found = inspected(tmp_path, rows(amount=amount))
    said = f"12 values of 'Total' can't be read as numbers so: '{value}' in row 1; a night would reject them"
    called = "'Total' is called as receipts.total_amount would be, but its values do not fit"
    assert found.doubts == (said if value else called,)


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y 13:05 PM", "%d.%m.%Y 9.05", "%Y-%m-%d 09:05:00 EST"], ids=["half_days", "points", "zone"]
)
def test_times_that_a_night_would_not_read_are_spoken_of(tmp_path, form):
    found = inspected(tmp_path, rows(form))
    assert f"12 values of 'Order Date' can't be read as dates so: '{DAYS[0].strftime(form)}' in row 1" in doubts(found)


def test_dates_of_another_form_are_spoken_of(tmp_path):
    found = inspected(tmp_path, [*rows(), *rows("%d.%m.%Y")[:1]])
    assert "1 value of 'Order Date' can't be read as dates so: '03.01.2023' in row 13" in doubts(found)


def test_an_address_is_masked_in_what_is_said_of_it(tmp_path):
    path = tmp_path / "customers.csv"
    people = "".join(f"{n},Anna,anna{n}@example.org,1990-02-{n:02d}\n" for n in range(1, 20))
    path.write_text(f"Customer ID,First Name,Email,Birthday\n{people}20,Anna,,bert@example.org\n", encoding="utf-8")
    said = doubts(inspect_file(path))
    assert "1 value of 'Birthday' can't be read as dates so: 'b***@e***.org' in row 20" in said
    assert "bert" not in said


def test_a_column_called_as_ours_whose_values_do_not_fit_is_named(tmp_path):
    found = inspected(tmp_path, [[key, f"{45000 + n}", *more] for n, (key, _, *more) in enumerate(rows())])
    assert found.doubts[0] == (
        "'Order Date' is called as receipts.issued_at would be, but its values are no dates that can be read, but "
        "numbers, as a workbook keeps dates"
    )


def test_two_digits_of_a_year_in_front_are_in_doubt(tmp_path):
    found = inspected(tmp_path, rows("%y-%m-%d"))
    assert "'23-01-03' may begin with the year, as its end varies more" in doubts(found)


def test_words_whose_encoding_was_taken_for_another_one_are_spoken_of(tmp_path):
    wrong = [[*row, "Köln".encode().decode("cp1252")] for row in rows()]
    found = inspected(tmp_path, wrong, header=[*HEADER, "City"])
    assert "the encoding was taken for another one before: 'Ã¶' should be 'ö'" in found.doubts
    right = [[*row, "Köln"] for row in rows()]
    assert inspected(tmp_path, right, header=[*HEADER, "City"]).doubts == ()


def test_a_title_page_of_a_workbook_is_not_taken_for_its_table(tmp_path):
    path = write_workbook(tmp_path / "b.xlsx", {"About": [["Report"], ["of 2023"]], "Data": [HEADER, *rows()]})
    found = inspect_file(path)
    assert (found.table.sheet, found.table.rows) == ("Data", 12)
    assert found.doubts == ("other sheets have rows too: 'About'; this is 'Data'",)


def test_empty_rows_and_columns_before_a_sheets_table_are_left_out(tmp_path):
    above: list[list[object]] = [[], [None, "Report"], []]
    path = write_workbook(tmp_path / "b.xlsx", {"Data": [*above, *([None, *row] for row in (HEADER, *rows()))]})
    found = inspect_file(path)
    assert (found.table.names, found.table.header_row, found.table.rows) == (tuple(HEADER), 4, 12)


@pytest.mark.parametrize(
    "header",
    [
        "Kod rabatowy;Numer zamówienia;Klient;Data użycia;Kwota rabatu",
        "Gutscheincode;Bestellnummer;Kundennummer;Einlösedatum;Rabattbetrag",
        "Código de cupón;Número de pedido;Cliente;Fecha de uso;Importe descuento",
    ],
)
def test_redemptions_are_known_by_their_headers(tmp_path, header):
    body = [[f"SAVE{n % 3}", *row] for n, row in enumerate(rows())]
    found = inspected(
        tmp_path, [[c, key, client, day, amount] for c, key, day, client, amount in body], ";", header.split(";")
    )
    assert [match.theirs.position for _, match in sorted(found.filled[0].matches.items())] == [2, 4, 0, 1, 3]


def test_the_lines_beyond_ascii_are_found_and_long_ones_cut():
    assert list(_other_lines("a\nKöln;1\r\nb\nÉ".encode())) == ["Köln;1".encode(), "É".encode()]
    (near,) = _other_lines(b"x" * 1000 + "é".encode() + b"y" * 1000)
    assert near == b"x" * 400 + "é".encode() + b"y" * 398
