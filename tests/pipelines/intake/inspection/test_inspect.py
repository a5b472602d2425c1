"""What a file's rows and columns are, in any form; and what is no table."""

import gzip
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workbooks import write_workbook

from pipelines.errors import BadDataError
from pipelines.intake.inspection.inspect import Inspection, inspect_file
from pipelines.intake.inspection.report import lines


def found_in(folder: Path, text: str, name: str = "export.csv", encoding: str = "utf-8") -> Inspection:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return inspect_file(path)


def ours(found: Inspection, source: str) -> dict[str, str]:
    (matched,) = [match for match in found.filled if match.name == source]
    return {name: match.theirs.name for name, match in matched.matches.items()}


def test_a_row_settles_the_order_of_day_and_month(tmp_path):
    rows = [f"{n},05/06/2023" for n in range(40)] + ["40,31/05/2023", "41,07/08/2023"]
    found = found_in(tmp_path, "Order ID,Date\n" + "\n".join(rows) + "\n")
    assert found.dates.order == "day_first"
    text = " ".join(" ".join(lines(found)).split())
    assert "day first: '05/06/2023' fits both; row 41 says day first ('31/05/2023' in 'Date')" in text


def test_dates_that_fit_both_orders_are_said_to(tmp_path):
    found = found_in(tmp_path, "Order ID,Date,Total\n1,05/06/2023,1.50\n2,07/08/2023,2.50\n")
    (doubt,) = [doubt for doubt in found.doubts if "dates fit both" in doubt]
    assert "chosen: day first" in doubt


def test_columns_of_two_orders_are_said(tmp_path):
    found = found_in(tmp_path, "id,a,b\n1,31/05/2023,05/31/2023\n2,30/05/2023,05/30/2023\n")
    assert any("'b' has the month first (row 1" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("values", "decimal", "grouping"),
    [
        (["1.724,96", "3,50"], ",", "."),
        (["1,724.96", "3.50"], ".", ","),
        (["1 724,96", "3,50"], ",", " "),
        (["1\u202f724,96", "3,50"], ",", "\u202f"),
        (["1'724.96", "3.50"], ".", "'"),
        (["1,724,000", "3"], ".", ","),
        (["0,500", "1,250"], ",", None),
        (["1234,567", "0,100"], ",", None),
        (["$1,724.96", "$3.50"], ".", ","),
        (["1 724,96 ₽", "-3,50 ₽"], ",", " "),
    ],
)
def test_marks_are_read_from_numbers_that_settle_them(tmp_path, values, decimal, grouping):
    found = found_in(tmp_path, "Order ID;Total\n" + "".join(f"{n};{value}\n" for n, value in enumerate(values)))
    assert (found.marks.decimal, found.marks.grouping) == (decimal, grouping)
    assert not any("decimal" in doubt for doubt in found.doubts)


def test_a_mark_before_three_digits_alone_is_in_doubt(tmp_path):
    found = found_in(tmp_path, "Order ID\tTotal\n1\t1,250\n2\t3,500\n")
    (doubt,) = [doubt for doubt in found.doubts if "three decimals" in doubt]
    assert "chosen: decimal mark ." in doubt


def test_two_decimal_marks_in_one_file_are_said(tmp_path):
    found = found_in(tmp_path, "Order ID;Total;Tax\n1;1,5;0.25\n2;2,5;0.35\n")
    assert any("both marks stand before decimals" in doubt for doubt in found.doubts)


def test_two_delimiters_that_fit_are_both_said(tmp_path):
    found = found_in(tmp_path, "id;a,name;b\n1;x,Ann;2\n2;y,Bob;3\n")
    assert any("delimiters" in doubt for doubt in found.doubts)


def test_lines_above_the_header_are_skipped_and_said(tmp_path):
    text = "Отчёт по чекам\n\nНомер чека;Дата;Сумма\n1;01.05.2023;1,50\n2;31.05.2023;2,50\n"
    found = found_in(tmp_path, text, encoding="windows-1251")
    assert (found.table.header_row, found.table.rows) == (3, 2)
    assert any("above the header" in doubt for doubt in found.doubts)


def test_a_file_without_a_header_is_said_to_have_none(tmp_path):
    found = found_in(tmp_path, "1,2023-05-01,10.00\n2,2023-05-02,11.00\n")
    assert (found.table.header_row, found.table.rows) == (0, 2)
    assert any("no header" in doubt for doubt in found.doubts)


def test_rows_that_cant_be_split_are_counted_and_named(tmp_path):
    found = found_in(tmp_path, "id,day,total\n1,2023-05-01,1.00\n2,2023-05-02\n3,2023-05-03,3.00\n3,x,1,2\n")
    (doubt,) = [doubt for doubt in found.doubts if "can't be split" in doubt]
    assert "1 with too few fields" in doubt
    assert "1 with too many fields" in doubt
    assert "line 3" in doubt


def test_bytes_that_the_encoding_does_not_have_are_counted(tmp_path):
    path = tmp_path / "x.csv"
    filler = "".join(f"{n};Анна Петровна;1,50\n" for n in range(30_000))
    path.write_bytes(f"id;Имя;Сумма\n{filler}".encode("windows-1251") + b"30000;\x98\x98;2,50\n")
    found = inspect_file(path)
    assert found.table.encoding is not None
    assert found.table.encoding.name == "windows-1251"
    assert any("2 characters can't be read in windows-1251" in doubt for doubt in found.doubts)


def test_the_header_says_sep(tmp_path):
    found = found_in(tmp_path, "sep=;\nid;total\n1;1,50\n2;2,50\n")
    assert found.table.layout is not None
    assert (found.table.layout.delimiter, found.table.header_row, found.table.rows) == (";", 2, 2)


def test_quoted_line_ends_are_part_of_a_value(tmp_path):
    found = found_in(tmp_path, 'id,note,total\n1,"a\nb, c",1.00\n2,"d ""e""",2.00\n')
    assert found.table.rows == 2
    assert found.columns[1].sample == ("a\nb, c", 'd "e"')


LINES = "Номер чека;Дата;Товар;Количество;Сумма\n" + "".join(
    f"{n // 2};{n % 28 + 1:02d}.05.2023;A-{n};1,000;{n},50\n" for n in range(20)
)


def test_a_file_of_lines_is_known_by_receipts_that_repeat(tmp_path):
    found = found_in(tmp_path, LINES)
    assert found.row_is == "a line of a receipt"
    assert ours(found, "receipt_lines") == {
        "receipt_id": "Номер чека",
        "product_id": "Товар",
        "quantity": "Количество",
        "amount": "Сумма",
    }
    assert found.filled[0].missing == ("line_number",)


def test_a_file_of_orders_is_known_by_a_key(tmp_path):
    text = "Номер замовлення,Дата створення,Покупець,Разом\n" + "".join(
        f"{n},2023-05-{n + 1:02d},{n % 3},{n}.50\n" for n in range(20)
    )
    found = found_in(tmp_path, text)
    assert found.row_is == "an order (a receipt)"
    assert [key.names for key in found.keys] == ["Номер замовлення"]
    assert ours(found, "receipts") == {
        "receipt_id": "Номер замовлення",
        "issued_at": "Дата створення",
        "customer_id": "Покупець",
        "total_amount": "Разом",
    }


def test_a_file_of_customers_is_known(tmp_path):
    text = "id,Имя,Фамилия,Почта,Телефон,Пол,Дата регистрации\n" + "".join(
        f"{n},Анна,Иванова,a{n}@example.org,+7 916 123-45-{n:02d},{'жм'[n % 2]},2023-05-{n + 1:02d}\n"
        for n in range(20)
    )
    found = found_in(tmp_path, text)
    assert found.row_is == "a customer"
    assert ours(found, "crm_customers") == {
        "customer_id": "id",
        "first_name": "Имя",
        "last_name": "Фамилия",
        "email": "Почта",
        "phone": "Телефон",
        "gender": "Пол",
        "registered_at": "Дата регистрации",
    }


def test_a_file_of_redemptions_is_known(tmp_path):
    text = "Coupon code,Order number,Date\n" + "".join(f"MAY{n % 4},{n},2023-05-{n + 1:02d}\n" for n in range(20))
    assert found_in(tmp_path, text).row_is == "a redemption of a promo code"


def test_personal_values_are_masked_wherever_they_stand(tmp_path):
    text = "Order ID,Billing Name,Mail,Note to us\n" + "".join(
        f"{n},Ann Example,ann{n}@example.org,call +1 202 555 01{n:02d}\n" for n in range(20)
    )
    shown = "\n".join(lines(found_in(tmp_path, text)))
    assert "Ann" not in shown
    assert "ann1" not in shown
    assert "202 555" not in shown


def test_whole_duplicates_are_counted_with_their_rows(tmp_path):
    found = found_in(tmp_path, "id,total\n1,1.00\n2,2.00\n1,1.00\n1,1.00\n")
    assert (found.duplicates.rows, found.duplicates.first, found.duplicates.of) == (2, 3, 1)


def test_a_pair_is_the_key_where_no_column_is(tmp_path):
    text = "receipt_id,line_number,amount,quantity\n" + "".join(f"{n // 3},{n % 3 + 1},1.50,1\n" for n in range(30))
    assert [key.names for key in found_in(tmp_path, text).keys] == ["receipt_id + line_number"]


def test_columns_on_the_first_line_of_an_order_alone_are_said(tmp_path):
    text = "Order ID,Date,Total,SKU,Quantity\n" + "".join(
        f"{n // 2},{'2023-05-01,9.50' if n % 2 == 0 else ','},A{n},1\n" for n in range(12)
    )
    (doubt,) = [doubt for doubt in found_in(tmp_path, text).doubts if "filled down" in doubt]
    assert "'Date', 'Total'" in doubt


def test_offsets_and_a_currency_are_read(tmp_path):
    found = found_in(tmp_path, "id,at,Total (EUR)\n1,2023-05-30 23:21:57 -0700,1.50\n2,2023-05-31T10:00:00Z,2.50\n")
    assert found.dates.offsets == (("-0700", 1), ("Z", 1))
    assert found.currency.code == "EUR"


def test_a_dollar_sign_does_not_say_which_dollar(tmp_path):
    found = found_in(tmp_path, "id,Total\n1,$1.50\n2,$2.50\n")
    assert found.currency.code is None
    assert any("dollar" in doubt for doubt in found.doubts)


def test_a_total_at_the_end_is_said(tmp_path):
    found = found_in(tmp_path, "id,day,total\n1,2023-05-01,1.00\n2,2023-05-02,2.00\nTOTAL,,3.00\n")
    assert any("looks like a total" in doubt for doubt in found.doubts)


def test_a_workbook_is_read_with_its_own_types(tmp_path):
    rows = [
        ["Отчёт", None, None],
        ["Номер чека", "Дата", "Сумма"],
        *([n, date(2023, 5, n), n + 0.5] for n in range(1, 9)),
    ]
    found = inspect_file(write_workbook(tmp_path / "book.xlsx", {"Май": rows, "Июнь": [["x", "y"], ["a", "b"]]}))
    assert (found.table.sheet, found.table.header_row, found.table.rows) == ("Май", 2, 8)
    assert [column.kind for column in found.columns] == ["integer", "date", "number"]
    assert any("'Июнь'" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("form", ["array", "lines", "wrapped"])
def test_json_is_read_in_each_form(tmp_path, form):
    rows = [{"order_id": f"A{n}", "created_at": f"2023-05-{n + 1:02d}", "total": n + 0.5} for n in range(9)]
    texts = {
        "array": json.dumps(rows, indent=1),
        "lines": "\n".join(map(json.dumps, rows)),
        "wrapped": json.dumps({"count": 9, "orders": rows}),
    }
    found = found_in(tmp_path, texts[form], "orders.json")
    assert found.table.rows == 9
    assert ours(found, "receipts") == {"receipt_id": "order_id", "issued_at": "created_at", "total_amount": "total"}


def test_parquet_is_read_with_its_own_types(tmp_path):
    table = pa.table({"order_id": ["a", "b"], "created_at": [date(2023, 5, 1), date(2023, 5, 2)], "total": [1.5, 2.5]})
    pq.write_table(table, tmp_path / "orders.parquet")
    found = inspect_file(tmp_path / "orders.parquet")
    assert [column.kind for column in found.columns] == ["text", "date", "number"]
    assert found.doubts == ()


def test_a_packed_file_is_read(tmp_path):
    path = tmp_path / "lines.csv.gz"
    path.write_bytes(gzip.compress(LINES.encode("windows-1251")))
    found = inspect_file(path)
    assert (found.table.rows, found.row_is) == (20, "a line of a receipt")


def test_a_header_alone_is_a_table(tmp_path):
    found = found_in(tmp_path, "receipt_id,issued_at,total_amount\n")
    assert found.table.rows == 0
    assert ours(found, "receipts").keys() == {"receipt_id", "issued_at", "total_amount"}


NO_TABLES = {
    "empty.csv": (b"", "empty"),
    "blank.csv": (b"\n\n \n", "no line of text"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(200), "a picture"),
    "noise.csv": (bytes(range(256)) * 40, "no text"),
    "cut.csv.gz": (gzip.compress(LINES.encode() * 50)[:-20], "cut off"),
    "archive.xlsx": (b"PK\x03\x04" + bytes(100), "no workbook"),
    "locked.xlsx": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(1000),
        "password",
    ),
    "broken.json": (b'[{"a": 1}, {"a": ', "JSON"),
    "cut.parquet": (b"PAR1" + bytes(100), "can't be read"),
}


@pytest.mark.parametrize("name", NO_TABLES)
def test_what_is_no_table_is_refused_with_its_name_and_why(tmp_path, name):
    data, why = NO_TABLES[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadDataError, match=why) as refused:
        inspect_file(path)
    assert str(path) in str(refused.value)


def test_no_line_is_wider_than_a_terminal(tmp_path):
    header = ";".join(f"Очень длинное название столбца номер {n} " * 3 for n in range(12))
    text = f"{header}\n" + "".join(";".join(["слово " * 20] * 11 + [f"{n},5"]) + "\n" for n in range(9))
    assert [line for line in lines(found_in(tmp_path, text)) if len(line) > 80] == []


def test_a_value_cannot_write_to_the_terminal(tmp_path):
    found = found_in(tmp_path, "id,na\x1b[31mme,total\n1,\x1b]0;x\x07,1.00\n2,b,2.00\n")
    assert "\x1b" not in "\n".join(lines(found))


def test_the_last_day_of_each_column_of_dates_is_known(tmp_path):
    found = found_in(tmp_path, "id,at,due\n1,31/12/2023 10:00,01/01/2025\n2,02/01/2024 9:00,\n")
    assert found.dates.newest == {1: date(2024, 1, 2), 2: date(2025, 1, 1)}


@pytest.mark.parametrize("header", ["CPF / CNPJ", "GSTIN/UIN", "PESEL", "BEDIENER_NAME", "スタッフ名"])
def test_numbers_of_taxpayers_and_names_of_staff_are_personal(tmp_path, header):
    text = f"Order ID,{header},Total\n" + "".join(f"{n},111.444.777-3{n},5.00\n" for n in range(9))
    found = found_in(tmp_path, text)
    assert found.masked == {1}
    assert "111.444" not in "\n".join(lines(found))
