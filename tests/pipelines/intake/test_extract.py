"""What extracts have been seen to do: damage, dialects, headers, files that change; and what is said about it."""

import gzip
import io
import re
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from damage import damage, damaged
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines.catalog import tables
from pipelines.contracts import CONTRACTS, read_contract, sources
from pipelines.errors import BadDataError
from pipelines.intake import damaged_text, extract
from pipelines.intake import load as loading
from pipelines.ops.cli import app
from pipelines.settings import load_settings

NIGHT, NEXT = "2018-01-01", "2018-01-02"
RECEIPTS = "receipt_id,customer_id,issued_at,total_amount\n"


def load(retailer, source, content, night=NIGHT, **files):
    """Load one source of a night."""
    retailer.deliver(night, **{source: content} if content is not None else {}, **files)
    return retailer.load(night, only=frozenset({source}))


def products(retailer, night):
    return retailer.rows(night, "products", "product_id, name")


def rules(retailer, night, source="products"):
    return [row[1:] for row in retailer.rejected(night, source)]


# --- damage ---


@pytest.mark.parametrize(
    ("content", "loaded", "rejected"),
    [
        pytest.param("product_id,name\np1,a\np2\np3,c\n", ["p1", "p3"], [(2, "too_few_fields")], id="too few fields"),
        pytest.param("product_id,name\np1,a\np2,b,c\n", ["p1"], [(2, "too_many_fields")], id="too many fields"),
        pytest.param("product_id,name\np1,a\np2,b\0\n", ["p1"], [(2, "nul_byte")], id="a NUL byte"),
        pytest.param(f"product_id,name\np1,a\np2,{'x' * 5_000_000}\n", ["p1"], [(2, "field_too_long")], id="5 MB"),
        pytest.param('product_id,name\np1,a\np2,"b"x\n', ["p1"], [(2, "stray_quote")], id="text after a quote"),
        pytest.param('product_id,name\np1,a\np2,"b', ["p1"], [(2, "stray_quote")], id="a quote never closed"),
        pytest.param("product_id,name\np1,a\np2,b\rc\n", ["p1"], [(2, "stray_carriage_return")], id="a lone return"),
        pytest.param("product_id,name\np1,a\n\n\np2,b\n", ["p1", "p2"], [], id="blank lines"),
        pytest.param("product_id,name\r\np1,a\r\np2,b\r\n", ["p1", "p2"], [], id="CRLF"),
        pytest.param("product_id,name\r\np1,a\np2,b\r\np3,c\n", ["p1", "p2", "p3"], [], id="mixed line ends"),
        pytest.param("product_id,name\np1,a\r\np2,b\r\n", ["p1", "p2"], [], id="CRLF after the header"),
        pytest.param("product_id,name\np1,a\np2,b", ["p1", "p2"], [], id="no last line feed"),
        pytest.param("\ufeffproduct_id,name\np1,a\n", ["p1"], [], id="byte-order mark"),
        pytest.param(' Product_ID ,"NAME"\np1,a\n', ["p1"], [], id="header with blanks, quotes, upper case"),
        pytest.param("product_id,name,,\np1,a,,\n", ["p1"], [], id="empty columns at the end"),
    ],
)
def test_a_damaged_row_is_rejected_and_the_others_are_loaded(retailer, content, loaded, rejected):
    night = load(retailer, "products", content)
    assert [row[0] for row in products(retailer, night)] == loaded
    assert rules(retailer, night) == rejected
    assert retailer.counts(night, "products")[:3] == (len(loaded) + len(rejected), len(loaded), len(rejected))


def test_line_ends_are_no_part_of_a_value(retailer):
    for content in (
        "product_id,name\r\np1,a\r\np2,b\r\n",
        "product_id,name\np1,a\r\np2,b\n",
        "product_id,name\r\np1,a\np2,b",
    ):
        assert products(retailer, load(retailer, "products", content)) == [("p1", "a"), ("p2", "b")]


def test_a_value_of_several_lines_in_the_first_column_is_one_value(retailer):
    night = load(retailer, "products", 'name,product_id\n"two\nlines",p1\nb,p2\n')
    assert products(retailer, night) == [("p1", "two\nlines"), ("p2", "b")]


def test_two_stray_quotes_lose_no_row_between_them(retailer):
    night = load(retailer, "products", 'product_id,name\np1,"a\np2,b\np3,c"\np4,d\n')
    assert products(retailer, night) == [("p2", "b"), ("p4", "d")]
    assert rules(retailer, night) == [(1, "stray_quote"), (3, "stray_quote")]


def test_an_inch_sign_in_a_name_is_no_quote(retailer):
    for more in ("", "p2\n"):
        night = load(retailer, "products", 'product_id,name\np1,TV 40"\n' + more)
        assert products(retailer, night) == [("p1", 'TV 40"')]


def test_a_damaged_file_is_read_like_a_sound_one_but_for_its_damage(retailer):
    rows = "".join(f'p{i},"name ""{i}"", café"\n' for i in range(50))
    sound = products(retailer, load(retailer, "products", "product_id,name\n" + rows))
    night = load(retailer, "products", "product_id,name\n" + rows + "x\n")
    assert products(retailer, night) == sound
    assert rules(retailer, night) == [(51, "too_few_fields")]


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


def test_a_line_without_end_is_refused(retailer, monkeypatch):
    monkeypatch.setattr(damaged_text, "LONGEST_LINE", 1000)
    with pytest.raises(BadDataError, match=r"products\.csv: a line is longer than 1,000 bytes"):
        load(retailer, "products", "product_id,name\np1,a\0" + "x" * 2000)


def test_more_rejected_rows_than_anybody_looks_at_stop_the_night(retailer, monkeypatch):
    monkeypatch.setattr(damaged_text, "MOST_REJECTED", 2)
    rows = "".join(f"r{i},c1,31.12.2017,1\n" for i in range(3))
    with pytest.raises(BadDataError, match=r"receipts\.csv: more than 2 rows can't be used, .* issued_at_unreadable"):
        load(retailer, "receipts", RECEIPTS + rows)
    with pytest.raises(BadDataError, match=r"products\.csv: more than 2 rows can't be used, .* too_few_fields"):
        load(retailer, "products", "product_id,name\n1\n2\n3\n")


def test_a_damaged_parquet_file_is_an_error_that_names_it(retailer):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"product_id": [f"p{i}" for i in range(5000)]}), buffer)
    whole = buffer.getvalue()
    for broken in (whole[:-200], whole[:40] + b"\xff" * 2000 + whole[2040:]):
        with pytest.raises(BadDataError, match=r"products\.parquet: not a whole Parquet file"):
            load(retailer, "products", None, **{"products.parquet": broken})


def test_yesterdays_extract_again_changes_nothing_and_is_counted_as_superseding(retailer):
    rows = RECEIPTS + "r1,c1,2017-12-31,1\n"
    load(retailer, "receipts", rows)
    night = load(retailer, "receipts", rows, NEXT)
    assert retailer.counts(night, "receipts") == (1, 1, 0, 0, 1)
    assert len(retailer.rows(night, "receipts")) == 1


def test_two_of_the_same_item_on_a_receipt_are_two_lines(retailer):
    night = load(retailer, "receipt_lines", "receipt_id,line_number,quantity,amount\nr1,1,1,5\nr1,2,1,5\n")
    assert retailer.counts(night, "receipt_lines") == (2, 2, 0, 0, 0)


def test_odd_but_possible_values_are_loaded(retailer):
    rows = "r1,1,0,0\nr1,2,89638,1\nr1,3,-80995,-5\n"
    night = load(retailer, "receipt_lines", "receipt_id,line_number,quantity,amount\n" + rows)
    assert retailer.counts(night, "receipt_lines") == (3, 3, 0, 0, 0)
    night = load(retailer, "crm_customers", "customer_id,registered_at,birth_date\nc1,2017-01-01,1893-01-01\n")
    assert retailer.counts(night, "crm_customers") == (1, 1, 0, 0, 0)


@pytest.mark.parametrize("end", ["294247-01-10", "294247-01-10T04:00:54Z", "290309-12-22 (BC)", "-290308-01-01"])
def test_a_time_at_the_end_of_the_calendar_costs_its_row_only(retailer, end):
    night = load(retailer, "receipts", RECEIPTS + f"r1,c1,2017-12-31,1\nr2,c1,{end},1\n")
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r1"]
    assert len(rules(retailer, night, "receipts")) == 1


# --- unknown values ---


def test_an_unknown_value_of_an_optional_column_is_counted_and_costs_no_row(retailer):
    header = "receipt_id,issued_at,total_amount,sales_channel\n"
    rows = "r1,2017-12-01,5,web\nr2,2017-12-01,5,Online\nr3,2017-12-01,5,WEB\nr4,2017-12-01,5,\n"
    night = load(retailer, "receipts", header + rows)
    channels = [("r1", None), ("r2", "online"), ("r3", None), ("r4", None)]
    assert retailer.rows(night, "receipts", "receipt_id, sales_channel") == channels
    assert retailer.counts(night, "receipts") == (4, 4, 0, 0, 0)
    assert night.table("receipts").info["unknown_values"] == {"sales_channel": 2}
    again = load(retailer, "receipts", header + rows)
    assert again.table("receipts").info["unknown_values"] == {"sales_channel": 2}


def test_an_unknown_value_is_rejected_where_it_is_required_or_where_none_means_one(retailer):
    night = load(retailer, "receipts", "receipt_id,issued_at,total_amount,operation\nr1,2017-12-01,5,refund\n")
    assert rules(retailer, night, "receipts") == [(1, "operation_unknown_value")]
    night = load(retailer, "surveys", "response_id,customer_id,answered_at,kind,score\ns1,c1,2017-12-01,ces,5\n")
    assert rules(retailer, night, "surveys") == [(1, "kind_unknown_value")]
    night = load(retailer, "crm_customers", "customer_id,registered_at,gender\nc1,2017-01-01,unknown\n")
    assert retailer.rows(night, "crm_customers", "customer_id, gender") == [("c1", None)]


def test_an_amount_that_cant_be_read_is_never_dropped_from_its_row(retailer):
    night = load(retailer, "receipts", "receipt_id,issued_at,total_amount,tax_amount\nr1,2017-12-01,5,one\n")
    assert rules(retailer, night, "receipts") == [(1, "tax_amount_unreadable")]


# --- rejected rows ---


def test_a_corrected_row_in_a_later_extract_heals_a_rejected_one(retailer):
    night = load(retailer, "receipts", RECEIPTS + "r1,c1,2017-12-31,five\nr2,c1,2017-12-31,2\n")
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r2"]
    night = load(retailer, "receipts", RECEIPTS + "r1,c1,2017-12-31,5\n", NEXT)
    assert [row[0] for row in retailer.rows(night, "receipts", "receipt_id")] == ["r1", "r2"]


@pytest.fixture
def loyalty(retailer, monkeypatch):
    monkeypatch.setenv("LOYALTY_HOME", str(retailer.home))
    return lambda *args: CliRunner().invoke(app, [*args, "--home", str(retailer.home)])


def test_the_rejected_rows_of_a_night_are_shown_with_their_values(retailer, loyalty):
    rows = "r1,c1,2017-12-31,five\nr2,c1,2017-12-31,2\nr3,c1,never,3\n"
    retailer.deliver(NIGHT, receipts=RECEIPTS + rows, products="product_id,name\np1,Кофе,x\n")
    retailer.load(NIGHT)
    shown = loyalty("rejected", "--date", NIGHT)
    assert shown.output.splitlines() == [
        'products  products.csv  row 1  too_many_fields  ["p1", "Кофе", "x"]',
        'receipts  receipts.csv  row 1  total_amount_unreadable  ["r1", "c1", "2017-12-31", "five"]',
        'receipts  receipts.csv  row 3  issued_at_unreadable  ["r3", "c1", "never", "3"]',
    ]
    limited = loyalty("rejected", "--date", NIGHT, "--source", "receipts", "--limit", "1")
    assert limited.output.splitlines()[1:] == ["1 more of 2; --limit shows them."]


def test_it_is_said_when_there_is_no_rejected_row_night_or_source(retailer, loyalty):
    retailer.deliver(NIGHT)
    retailer.load(NIGHT)
    assert loyalty("rejected", "--date", NIGHT).output == f"No row was rejected in night {NIGHT}.\n"
    for args, message in (
        (["--date", NEXT], f"night {NEXT} was never loaded"),
        (["--date", NIGHT, "--source", "till"], "no source is named 'till'"),
    ):
        failed = loyalty("rejected", *args)
        assert failed.exit_code == 1
        assert message in failed.output


# --- a retailer's own contracts ---


@pytest.fixture
def own_contract(tmp_path, monkeypatch):
    """Change a source's contract as a retailer would: a copy in a folder of their own."""
    folder = tmp_path / "contracts" / "sources"
    folder.mkdir(parents=True)

    def forget():
        for cached in (load_settings, sources, tables):
            cached.cache_clear()

    def change(source, *, server=None, custom=None, columns=()):
        document = yaml.safe_load((CONTRACTS / "sources" / f"{source}.yaml").read_text())
        if server:
            document["servers"] = [{"server": "landing", "type": "custom", **server}]
        schema = document["schema"][0]
        schema.setdefault("customProperties", []).extend({"property": k, "value": v} for k, v in (custom or {}).items())
        for column in columns:
            schema["properties"] = [p for p in schema["properties"] if p["name"] != column["name"]] + [column]
        (folder / f"{source}.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
        monkeypatch.setenv("LOYALTY_CONTRACTS", str(folder.parent))
        forget()
        return folder / f"{source}.yaml"

    yield change
    monkeypatch.delenv("LOYALTY_CONTRACTS", raising=False)
    forget()


CRM = {"delimiter": ";", "encoding": "windows-1251"}
CRM_CUSTOM = {"decimalMark": ",", "timeZone": "Europe/Moscow", "dateFormat": "DD.MM.YYYY"}


def test_a_contracts_dialect_is_how_its_file_is_read(retailer, own_contract):
    own_contract("receipts", server=CRM, custom=CRM_CUSTOM)
    rows = (
        "receipt_id;customer_id;issued_at;total_amount;fiscal_qr\r\n"
        "r1;c1;31.12.2017 14:05;1234,50;Кофе\r\n"
        "r2;c1;01.01.2018 07:59:59;5;\r\n"
        "r3;c1;2017-12-31T23:00:00Z;,5;\r\n"
        "r4;c1;31.12.2017 14:05;1.234,50;\r\n"
        "r5;c1;12.31.2017 14:05;1;\r\n"
    )
    night = load(retailer, "receipts", rows.encode("windows-1251"))
    assert retailer.rows(night, "receipts", "receipt_id, issued_at, issued_date, total_amount, fiscal_qr") == [
        ("r1", datetime(2017, 12, 31, 11, 5, tzinfo=UTC), date(2017, 12, 31), Decimal("1234.50"), "Кофе"),
        ("r2", datetime(2018, 1, 1, 4, 59, 59, tzinfo=UTC), date(2017, 12, 31), Decimal("5.00"), None),
        ("r3", datetime(2017, 12, 31, 23, 0, tzinfo=UTC), date(2017, 12, 31), Decimal("0.50"), None),
    ]
    assert rules(retailer, night, "receipts") == [(4, "total_amount_unreadable"), (5, "issued_at_unreadable")]


def test_a_damaged_file_of_another_encoding_costs_the_damaged_rows(retailer, own_contract):
    own_contract("products", server=CRM)
    content = "product_id;name\np1;Щи\np2\n".encode("windows-1251") + b"p3;\x98\np4;\0\n"
    night = load(retailer, "products", content + "p5;Мёд".encode("windows-1251"))
    assert products(retailer, night) == [("p1", "Щи"), ("p5", "Мёд")]
    assert rules(retailer, night) == [(2, "too_few_fields"), (3, "wrong_encoding"), (4, "nul_byte")]


def test_utf_16_is_read(retailer, own_contract):
    own_contract("products", server={"delimiter": "\t", "encoding": "UTF-16"})
    text = "product_id\tname\r\np1\tЩи\r\np2\tx\ty\r\np3\tਊ\r\n"
    night = load(retailer, "products", None, products__csv_gz=gzip.compress(text.encode("utf-16")))
    assert products(retailer, night) == [("p1", "Щи"), ("p3", "ਊ")]
    with pytest.raises(BadDataError, match=r"products\.csv\.gz: is no UTF-16 text"):
        load(retailer, "products", None, products__csv_gz=gzip.compress(text.encode("utf-16")[:-1]))


def test_parquet_knows_its_numbers_and_times_without_offset_are_the_contracts(retailer, own_contract):
    own_contract("receipts", server=CRM, custom=CRM_CUSTOM)
    columns = {
        "receipt_id": ["r1"],
        "issued_at": pa.array([datetime(2018, 1, 1, 7)], pa.timestamp("us")),
        "total_amount": pa.array([Decimal("1.50")], pa.decimal128(9, 2)),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    folder = retailer.deliver(NIGHT, **{"receipts.parquet": buffer.getvalue()})
    (folder / "receipts.csv").unlink()
    night = retailer.load(NIGHT, only=frozenset({"receipts"}))
    assert retailer.rows(night, "receipts", "issued_at, total_amount") == [
        (datetime(2018, 1, 1, 4, tzinfo=UTC), Decimal("1.50"))
    ]


@pytest.mark.parametrize(
    ("date_format", "text", "expected"),
    [
        ("MM/DD/YYYY", "12/31/2017", date(2017, 12, 31)),
        ("dd.MM.yyyy", "1.2.2017", date(2017, 2, 1)),
        ("YYYYMMDD", "20171231", date(2017, 12, 31)),
        ("DD.MM.YYYY", "2017-12-31", date(2017, 12, 31)),
    ],
)
def test_dates_are_read_in_the_contracts_format_or_as_iso(retailer, own_contract, date_format, text, expected):
    own_contract("crm_customers", custom={"dateFormat": date_format})
    night = load(retailer, "crm_customers", f"customer_id,registered_at,birth_date\nc1,{text},{text}\n")
    assert retailer.rows(night, "crm_customers", "registered_date, birth_date") == [(expected, expected)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"server": {"encoding": "windows1251x"}}, "encoding 'windows1251x' is not known"),
        ({"server": {"delimiter": "||"}}, "is not one character"),
        ({"custom": {"decimalMark": "'"}}, "decimalMark"),
        ({"custom": {"timeZone": "Moscow"}}, "timeZone 'Moscow' is no IANA time zone"),
        ({"custom": {"dateFormat": "DD.MM.YY"}}, "dateFormat 'DD.MM.YY' is not of DD, MM and YYYY"),
    ],
)
def test_a_dialect_that_makes_no_sense_is_an_error_that_names_the_contract(own_contract, change, message):
    path = own_contract("products", **change)
    with pytest.raises(ValueError, match=message) as error:
        read_contract(path)
    assert "products.yaml" in str(error.value)


def test_a_retailers_contract_must_keep_what_the_pipeline_counts_on(own_contract):
    path = own_contract("crm_customers")
    whole = yaml.safe_load(path.read_text())
    for change, message in (
        (lambda p: p.pop(3), "columns that the pipeline reads are missing: birth_date"),
        (lambda p: p[0].update(primaryKey=False), "the key must be customer_id"),
        (lambda p: next(c for c in p if c["name"] == "email").pop("classification"), "marked as personal: email"),
    ):
        document = yaml.safe_load(yaml.safe_dump(whole))
        change(document["schema"][0]["properties"])
        path.write_text(yaml.safe_dump(document))
        sources.cache_clear()
        with pytest.raises(ValueError, match=message):
            sources()


@pytest.mark.parametrize(
    ("source", "name", "type_", "is_taken"),
    [
        ("receipts", "total_amount", "DECIMAL(18,2)", True),
        ("receipts", "total_amount", "DECIMAL(20, 4)", True),
        ("receipts", "total_amount", "DECIMAL(18,3)", False),  # fewer digits before the mark
        ("receipts", "total_amount", "DECIMAL(20,1)", False),
        ("receipts", "total_amount", "DOUBLE", False),
        ("receipts", "total_amount", "VARCHAR", False),
        ("receipt_lines", "line_number", "BIGINT", True),
        ("receipt_lines", "line_number", "INTEGER", False),
        ("crm_customers", "birth_date", "TIMESTAMP WITH TIME ZONE", False),
    ],
)
def test_a_retailers_type_may_be_wider_than_the_pipelines_not_narrower_or_another(
    own_contract, source, name, type_, is_taken
):
    path = own_contract(source)
    document = yaml.safe_load(path.read_text())
    next(p for p in document["schema"][0]["properties"] if p["name"] == name)["physicalType"] = type_
    path.write_text(yaml.safe_dump(document))
    sources.cache_clear()
    if is_taken:
        assert next(c.type for c in sources()[source].columns if c.name == name) == type_
    else:
        with pytest.raises(ValueError, match=rf"{source}\.yaml: column {name} is {re.escape(type_)}, which can't hold"):
            sources()


def column(name, type_="VARCHAR", **more):
    return {"name": name, "logicalType": "string", "physicalType": type_, "description": "Its own.", **more}


def former(*names):
    return {"property": "formerNames", "value": list(names)}


def test_a_new_column_is_null_in_the_rows_of_earlier_nights(retailer, own_contract):
    load(retailer, "surveys", "response_id,customer_id,answered_at,kind,score\ns1,c,2017-12-01,csi,5\n")
    own_contract("surveys", columns=[column("wave")])
    empty = load(retailer, "surveys", None, NEXT)
    assert retailer.rows(empty, "surveys", "response_id, wave") == [("s1", None)]
    rows = "response_id,customer_id,answered_at,kind,score,wave\ns2,c,2017-12-01,csi,5,w2\n"
    night = load(retailer, "surveys", rows, "2018-01-03")
    assert retailer.rows(night, "surveys", "response_id, wave") == [("s1", None), ("s2", "w2")]


def test_a_wider_type_holds_the_rows_of_earlier_nights_and_new_ones(retailer, own_contract):
    header = "response_id,customer_id,answered_at,kind,score,minutes,price\n"
    narrow = [column("minutes", "INTEGER"), column("price", "DECIMAL(18,2)")]
    wide = [column("minutes", "BIGINT"), column("price", "DECIMAL(38,2)")]
    own_contract("surveys", columns=narrow)
    load(retailer, "surveys", header + "s1,c,2017-12-01,csi,5,7,1.50\n")
    own_contract("surveys", columns=wide)
    night = load(retailer, "surveys", header + f"s2,c,2017-12-01,csi,5,{2**40},{10**20}.25\n", NEXT)
    assert retailer.rows(night, "surveys", "response_id, minutes, price") == [
        ("s1", 7, Decimal("1.50")),
        ("s2", 2**40, Decimal(f"{10**20}.25")),
    ]


def test_a_renamed_column_is_read_by_either_name_from_extracts_and_earlier_nights(retailer, own_contract):
    header = "response_id,customer_id,answered_at,kind,score,"
    own_contract("surveys", columns=[column("wave"), column("asked_at", "TIMESTAMP WITH TIME ZONE")])
    load(retailer, "surveys", header + "wave,asked_at\ns1,c,2017-12-01,csi,5,w1,2017-12-01\ns9,c,2017-12-01,csi,1,w,\n")
    own_contract("surveys", columns=[
        column("round", customProperties=[former("wave")]),
        column("sent_at", "TIMESTAMP WITH TIME ZONE", customProperties=[former("asked_at")]),
    ])  # fmt: skip
    load(retailer, "surveys", header + "Wave\ns2,c,2017-12-01,csi,5,w2\ns9,c,2017-12-01,csi,5,w9\n", NEXT)
    night = load(retailer, "surveys", header + "round\ns3,c,2017-12-01,csi,5,w3\n", "2018-01-03")
    assert retailer.rows(night, "surveys", "response_id, round, sent_date") == [
        ("s1", "w1", date(2017, 12, 1)), ("s2", "w2", None), ("s3", "w3", None), ("s9", "w9", None),
    ]  # fmt: skip
    assert night.table("surveys").info["unknown_columns"] == []


def test_a_night_loaded_again_under_a_changed_contract_is_read_again(retailer, own_contract):
    rows = "response_id,customer_id,answered_at,kind,score,wave\ns1,c,2017-12-01,csi,5,w1\n"
    assert load(retailer, "surveys", rows).table("surveys").info["unknown_columns"] == ["wave"]
    own_contract("surveys", columns=[column("wave")])
    assert retailer.rows(load(retailer, "surveys", rows), "surveys", "wave") == [("w1",)]


# --- anything at all ---

SOUND = [
    f"r{i:03d},c{i % 7},2017-12-{i % 28 + 1:02d}T10:00:00,{i}.25,{text}"
    for i, text in enumerate(["", "plain", '"a, b"', '"say ""hi"""', "Кофе", '5" pipe'] * 4)
]
HEADER = "receipt_id,customer_id,issued_at,total_amount,fiscal_qr"


@pytest.fixture(scope="module")
def expected():
    """What each sound row is when it is loaded."""
    found = {}
    for i, text in enumerate(SOUND):
        qr = text.split(",", 4)[4]
        value = qr[1:-1].replace('""', '"') if qr.startswith('"') else qr or None
        found[i] = (f"r{i:03d}", f"c{i % 7}", date(2017, 12, i % 28 + 1), Decimal(f"{i}.25"), value)
    return found


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(damage, min_size=1, max_size=4), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans())
def test_whatever_happens_to_an_extract_no_other_row_is_lost_or_altered(retailer, expected, what, end, packed, last):
    """Damage of some rows costs those rows at most, or the whole file with an error that names it."""
    lines = [line.encode() for line in SOUND]
    touched: set[int] = set()
    for one in what:
        lines, rows = damaged(lines, one)
        touched |= rows
    content = end.join([HEADER.encode(), *lines]) + (end if last else b"")
    name = "receipts__csv_gz" if packed else "receipts"
    folder = retailer.home / "landing" / NIGHT
    for old in folder.glob("receipts*"):
        old.unlink()
    retailer.deliver(NIGHT, **{name: gzip.compress(content) if packed else content})
    if packed:
        (folder / "receipts.csv").unlink()
    try:
        night = retailer.load(NIGHT, only=frozenset({"receipts"}))
    except BadDataError as error:
        assert "receipts.csv" in str(error)
        return
    read, loaded, rejected, duplicate, _ = retailer.counts(night, "receipts")
    assert read == loaded + rejected + duplicate
    assert len(retailer.rejected(night, "receipts")) == rejected
    got = retailer.rows(night, "receipts", "receipt_id, customer_id, issued_date, total_amount, fiscal_qr")
    assert len(got) == loaded
    ids = {line.split(b",")[0].strip(b'" ') for i in touched for line in lines[i].split(b"\n")}
    for i, row in expected.items():
        if i not in touched and row[0].encode() not in ids:
            assert row in got, (i, what)
