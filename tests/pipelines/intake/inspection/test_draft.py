"""The draft of a mapping is YAML, says what is sure, and has the rest as comments."""

from datetime import date

import duckdb
import pytest
import yaml
from preset_files import ITEMS

from pipelines.dialect import Dialect
from pipelines.errors import BadDataError
from pipelines.intake.inspection.draft import file_pattern, mapping_draft, write_draft
from pipelines.intake.inspection.inspect import inspect_file
from pipelines.intake.mapping.config_file import read_mapping_file
from pipelines.intake.mapping.expressions import parse
from pipelines.intake.mapping.readers import reader_macros

TILL = "Номер чека;Дата;Товар;Количество;Сумма\n" + "".join(
    f"{n // 2};{n + 1:02d}.05.2023 10:00;A-{n};1,000;1 {n:03d},50\n" for n in range(20)
)


@pytest.fixture
def till(tmp_path):
    path = tmp_path / "cheki_2023-05-30.csv"
    path.write_bytes(TILL.encode("windows-1251"))
    return inspect_file(path)


def test_a_draft_has_feeds_dialects_and_columns(till):
    draft = yaml.safe_load(mapping_draft([till]))
    assert draft["feeds"] == {
        "cheki": {
            "files": ["cheki_*.csv"],
            "dialect": {
                "encoding": "windows-1251",
                "delimiter": ";",
                "decimal_mark": ",",
                "grouping_mark": " ",
                "date_order": "day_first",
                "header_row": 1,
            },
        }
    }
    assert draft["sources"]["receipt_lines"] == [
        {
            "feed": "cheki",
            "columns": {
                "receipt_id": {"column": "Номер чека"},
                "line_number": {"number_within": "Номер чека"},
                "product_id": {"column": "Товар"},
                "quantity": {"column": "Количество"},
                "amount": {"column": "Сумма"},
            },
        }
    ]


def test_each_doubt_is_a_comment(till):
    draft = mapping_draft([till])
    assert "# ambiguous: rows that have it in common are one of receipts" in draft
    assert "# ambiguous: times carry no offset" in draft
    assert all(f"# ambiguous: {doubt}" in draft for doubt in till.doubts)


SHOP = """Order,Email,Ordered at,Total,Item,Quantity,Price
A1,ann@example.com,2024-02-01 10:00,25.00,TEE,2,10.00
A1,,,,MUG,1,5.00
A2,bob@example.com,2024-02-03 10:00,5.00,MUG,1,5.00
A3,bob@example.com,2024-02-05 10:00,15.00,MUG,1,5.00
A3,,,,TEE,1,10.00
A4,cy@example.com,2024-02-05 11:00,10.00,TEE,1,10.00
"""


def test_a_draft_of_lines_with_their_order_on_the_first_is_a_whole_mapping(tmp_path):
    (tmp_path / "shop.csv").write_text(SHOP, encoding="utf-8")
    write_draft([inspect_file(tmp_path / "shop.csv")], tmp_path / "mapping.yaml")
    mapping = read_mapping_file(tmp_path / "mapping.yaml").model
    fill_down = mapping.feeds["shop"].fill_down
    assert fill_down is not None
    assert (fill_down.by, fill_down.columns) == ("Order", ["Email", "Ordered at", "Total"])
    (lines,), (receipts,) = mapping.sources["receipt_lines"], mapping.sources["receipts"]
    assert receipts.group_by == ["Order"]
    assert {name: rule.model_dump(exclude_none=True) for name, rule in receipts.columns.items()} == {
        "receipt_id": {"column": "Order"},
        "customer_id": {"id_of_email": "Email"},
        "issued_at": {"column": "Ordered at"},
        "total_amount": {"column": "Total"},
    }
    assert lines.columns["line_number"].number_within == "Order"
    assert lines.columns["amount"].expression == 'number("Price") * number("Quantity")'


def test_the_amounts_of_lines_without_a_total_are_summed(tmp_path):
    text = "Invoice,Item,Quantity,Day,Price\n1,A,2,2024-02-01,3.00\n1,B,1,2024-02-01,4.00\n2,A,1,2024-02-02,3.00\n"
    (tmp_path / "invoices.csv").write_text(text, encoding="utf-8")
    draft = yaml.safe_load(mapping_draft([inspect_file(tmp_path / "invoices.csv")]))
    (receipts,) = draft["sources"]["receipts"]
    product = {"expression": 'number("Price") * number("Quantity")'}
    assert receipts["columns"]["total_amount"] == product | {"aggregate": "sum"}


ETSY = """Sale Date,Quantity,Price,Discount Amount,Item Total,Transaction ID,Order ID,SKU
01/31/24,2,10.00,2.00,20.00,1001,9001,MUG
01/31/24,1,30.00,3.00,30.00,1002,9001,LAMP
02/02/24,1,10.00,0.00,10.00,1003,9002,MUG
02/03/24,1,10.00,0.00,10.00,1004,9003,MUG
02/03/24,1,30.00,0.00,30.00,1005,9003,LAMP
"""


@pytest.mark.parametrize(
    ("text", "receipts"),
    [
        (
            ITEMS,
            {
                "receipt_id": {"column": "Transaction ID"},
                "issued_at": {"expression": 'time("Date" || \' \' || "Time")'},
                "total_amount": {"expression": "number(replace(\"Net Sales\", '$', ''))", "aggregate": "sum"},
            },
        ),
        (
            ETSY,  # an order's id repeats, a line's own does not; years have two digits; the price is of a piece
            {
                "receipt_id": {"column": "Order ID"},
                "issued_at": {"expression": 'time(left("Sale Date", 6) || \'20\' || substr("Sale Date", 7))'},
                "total_amount": {"column": "Item Total", "aggregate": "sum"},
            },
        ),
    ],
)
def test_signs_of_currencies_clocks_and_short_years_are_met_by_expressions(tmp_path, text, receipts):
    (tmp_path / "sales.csv").write_text(text, encoding="utf-8")
    write_draft([inspect_file(tmp_path / "sales.csv")], tmp_path / "mapping.yaml")
    (part,) = read_mapping_file(tmp_path / "mapping.yaml").model.sources["receipts"]
    assert {name: part.columns[name].model_dump(exclude_none=True) for name in receipts} == receipts


GRID = """ID,Purchase Date,Grand Total,Status,Customer Email,Customer Name,Shipping,Total Refunded
000000001,"Jan 5, 2024 8:42:34 AM",10.50,Complete,ann@example.com,Ann Lee,1.00,
000000002,"Jan 31, 2024 12:01:00 AM",20.00,Closed,bob@example.com,Bob Lee,2.50,20.00
000000003,"Feb 1, 2024 9:00:00 PM",30.25,Complete,ann@example.com,Ann Lee,3.00,
"""


def test_months_in_words_are_read_by_an_expression(tmp_path):
    (tmp_path / "grid.csv").write_text(GRID, encoding="utf-8")
    inspection = inspect_file(tmp_path / "grid.csv")
    write_draft([inspection], tmp_path / "mapping.yaml")
    (part,) = read_mapping_file(tmp_path / "mapping.yaml").model.sources["receipts"]
    expression = parse(str(part.columns["issued_at"].expression))
    assert expression.headers == ("Purchase Date",)
    assert inspection.dates.newest[1] == date(2024, 2, 1)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for macro in reader_macros(Dialect()):
            connection.execute(macro)
        sql = expression.sql({"purchase date": "c1"}).value
        found = [
            connection.execute(f"SELECT STRFTIME({sql}, '%Y-%m-%d %H:%M') FROM (SELECT ? AS c1)", [text]).fetchone()
            for text in ("Jan 31, 2024 12:01:00 AM", "Feb 1, 2024 9:00:00 PM", "Mai 1, 2024 9:00:00 PM")
        ]
    assert found == [("2024-01-31 00:01",), ("2024-02-01 21:00",), (None,)]


def test_customers_are_told_by_their_email_and_never_by_the_number_of_their_order(tmp_path):
    (tmp_path / "grid.csv").write_text(GRID, encoding="utf-8")
    draft = yaml.safe_load(mapping_draft([inspect_file(tmp_path / "grid.csv")]))
    assert draft["sources"]["receipts"][0]["columns"]["customer_id"] == {"id_of_email": "Customer Email"}
    (people,) = draft["sources"]["crm_customers"]
    assert people["group_by"] == ["Customer Email"]
    assert people["columns"]["customer_id"] == {"id_of_email": "Customer Email"}


def test_money_that_is_read_nowhere_is_a_doubt(tmp_path):
    (tmp_path / "grid.csv").write_text(GRID, encoding="utf-8")
    draft = mapping_draft([inspect_file(tmp_path / "grid.csv")])
    assert '# ambiguous: "Total Refunded" is read nowhere. It looks like what was paid back' in draft
    assert '# ambiguous: "Shipping" is read nowhere. It looks like what was paid for shipping' in draft


HISTORY = """Date,Receipt Number,Line Type,Quantity,Total,Tax 15%,Status,Sku
2024-01-31 10:00:00,1001,Sale,2,23.00,3.00,CLOSED,
2024-01-31 10:00:00,1001,Sale Line,2,23.00,3.00,CLOSED,TEE
2024-01-31 10:00:00,1001,Payment,,23.00,,CLOSED,
2024-02-01 10:00:00,1002,Sale,1,11.50,1.50,VOIDED,
2024-02-01 10:00:00,1002,Sale Line,1,11.50,1.50,VOIDED,TEE
2024-02-01 10:00:00,1002,Payment,,11.50,,VOIDED,
"""


def test_a_column_that_says_what_kind_a_row_is_is_a_doubt(tmp_path):
    (tmp_path / "history.csv").write_text(HISTORY, encoding="utf-8")
    draft = mapping_draft([inspect_file(tmp_path / "history.csv")])
    kinds = '"Payment", "Sale", "Sale Line"'
    assert f'# ambiguous: rows of an order differ in "Line Type" ({kinds}): do all count?' in draft
    assert 'tax_amount: {column: "Tax 15%"' in draft


PEDIDOS = """Número do Pedido;E-mail;Data;Desconto;Valor do Frete;Total;Valor do Produto;Quantidade Comprada;SKU
1;a@example.com;31/01/2024 09:30:00;2,00;5,00;23,00;10,00;1;A
1;a@example.com;;;;;10,00;1;B
2;b@example.com;01/02/2024 09:30:00;1,00;0,00;1.299,00;1.300,00;1;A
3;b@example.com;02/02/2024 09:30:00;0,00;0,00;30,00;10,00;1;A
3;b@example.com;;;;;10,00;2;B
"""


def test_an_orders_discount_is_none_of_its_lines(tmp_path):
    (tmp_path / "pedidos.csv").write_text(PEDIDOS, encoding="latin-1")
    draft = yaml.safe_load(mapping_draft([inspect_file(tmp_path / "pedidos.csv")]))
    (receipts,), (lines,) = draft["sources"]["receipts"], draft["sources"]["receipt_lines"]
    assert receipts["columns"]["discount_amount"] == {"column": "Desconto"}
    assert "discount_amount" not in lines["columns"]


def test_texts_that_are_known_are_mapped_and_the_others_left_to_be_rejected(tmp_path):
    rows = "".join(
        f"{n},2024-02-{n:02d},{n}.50,{('Продажа', 'Возврат', 'Обмен')[n % 3]},{('Сайт', 'Магазин')[n % 2]}\n"
        for n in range(1, 13)
    )
    (tmp_path / "чеки.csv").write_text(f"Номер чека,Дата,Сумма,Вид операции,Канал продаж\n{rows}", encoding="utf-8")
    draft = mapping_draft([inspect_file(tmp_path / "чеки.csv")])
    (receipts,) = yaml.safe_load(draft)["sources"]["receipts"]
    assert receipts["columns"]["operation"] == {
        "column": "Вид операции",
        "values": {"Возврат": "return", "Продажа": "sale"},
    }
    assert receipts["columns"]["sales_channel"]["values"] == {"Магазин": "offline", "Сайт": "online"}
    assert '# ambiguous: is each meant so?; not listed, so rejected: "Обмен"' in draft


def test_a_header_cannot_break_the_draft(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('"Order ID","Total: {a}\n# b","Date"\n1,1.50,2023-05-01\n2,2.50,2023-05-02\n', encoding="utf-8")
    draft = yaml.safe_load(mapping_draft([inspect_file(path)]))
    assert draft["sources"]["receipts"][0]["columns"]["receipt_id"] == {"column": "Order ID"}


def test_files_of_one_form_are_one_feed(till):
    draft = yaml.safe_load(mapping_draft([till, till]))
    assert list(draft["feeds"]) == ["cheki"]
    assert len(draft["sources"]["receipt_lines"]) == 1


def test_files_of_one_name_and_another_form_are_two_feeds_in_doubt(tmp_path, till):
    path = tmp_path / "cheki_2023-05-31.csv"
    path.write_bytes(TILL.encode())
    draft = mapping_draft([till, inspect_file(path)])
    assert list(yaml.safe_load(draft)["feeds"]) == ["cheki", "cheki_2"]
    assert draft.count("another feed has the same pattern") == 2


def test_a_no_break_space_can_be_seen_in_the_draft(tmp_path):
    path = tmp_path / "no.csv"
    path.write_text("Номер чека;Сумма\n1;1\u00a0724,96\n2;3,50\n", encoding="utf-8")
    draft = mapping_draft([inspect_file(path)])
    assert 'grouping_mark: "\\u00a0"' in draft
    assert yaml.safe_load(draft)["feeds"]["no_feed"]["dialect"]["grouping_mark"] == "\u00a0"


def test_a_draft_is_readable_by_its_owner_alone_and_replaces_nothing(tmp_path, till):
    path = tmp_path / "mapping.yaml"
    write_draft([till], path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadDataError, match="exists already"):
        write_draft([till], path)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("orders_export_1.csv", "orders_export_*.csv"),
        ("orders_export.csv", "orders_export*.csv"),
        ("2023-05-30 чеки.csv.gz", "* чеки*.csv.gz"),
        ("a[1].xlsx", "a?*?*.xlsx"),
    ],
)
def test_dates_and_numbers_of_a_file_name_may_be_any(name, pattern):
    assert file_pattern(name) == pattern
