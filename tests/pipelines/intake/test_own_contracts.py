"""A retailer's own contracts: dialects, wider types, new and renamed columns."""

import gzip
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from extracts import NEXT, NIGHT, load, products, rules

from pipelines.contracts import ContractError, read_contract, sources
from pipelines.errors import BadDataError

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
        "r6;c1;31.12.2017 14:05;1.234.5,0;\r\n"
    )
    night = load(retailer, "receipts", rows.encode("windows-1251"))
    assert retailer.rows(night, "receipts", "receipt_id, issued_at, issued_date, total_amount, fiscal_qr") == [
        ("r1", datetime(2017, 12, 31, 11, 5, tzinfo=UTC), date(2017, 12, 31), Decimal("1234.50"), "Кофе"),
        ("r2", datetime(2018, 1, 1, 4, 59, 59, tzinfo=UTC), date(2017, 12, 31), Decimal("5.00"), None),
        ("r3", datetime(2017, 12, 31, 23, 0, tzinfo=UTC), date(2017, 12, 31), Decimal("0.50"), None),
        ("r4", datetime(2017, 12, 31, 11, 5, tzinfo=UTC), date(2017, 12, 31), Decimal("1234.50"), None),
    ]
    assert rules(retailer, night, "receipts") == [(5, "issued_at_unreadable"), (6, "total_amount_unreadable")]


def test_a_damaged_file_of_another_encoding_costs_the_damaged_rows(retailer, own_contract):
    own_contract("products", server=CRM)
    content = "product_id;name\np1;Щи\np2\n".encode("windows-1251") + b"p3;\x98\np4;\0\n"
    night = load(retailer, "products", content + "p5;Мёд".encode("windows-1251"))
    assert products(retailer, night) == [("p1", "Щи"), ("p5", "Мёд")]
    assert rules(retailer, night) == [(2, "too_few_fields"), (3, "wrong_encoding"), (4, "nul_byte")]


def test_text_in_utf_8_is_not_garbled_by_a_contract_of_another_encoding(retailer, own_contract):
    own_contract("products", server=CRM)
    with pytest.raises(BadDataError, match=r"products\.csv: is text in UTF-8, and is to be read as windows-1251"):
        load(retailer, "products", "product_id;name\np1;Кофе и чай\n")
    night = load(retailer, "products", "product_id;name\np1;Tea\n")  # which is the same in both
    assert products(retailer, night) == [("p1", "Tea")]


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
        ({"custom": {"groupingMark": "7"}}, "groupingMark '7' is the decimal mark, or no mark between digits"),
        ({"custom": {"decimalMark": ",", "groupingMark": ","}}, "groupingMark"),
        ({"custom": {"nullValues": "NULL"}}, "nullValues 'NULL' is no list"),
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


@pytest.mark.parametrize(
    ("custom", "good", "bad"),
    [
        (
            {"decimalMark": ","},
            {f"1{mark}724{mark}000,96": "1724000.96" for mark in " \u00a0\u2009\u202f.'\u2019"}
            | {"-1 724,5": "-1724.50", "1.724": "1724.00"},
            ["1.72", "1.7240", "12 34,5", "1.724 000", "1,724.96", "1724.000", "0.500", "01.724"],
        ),
        (
            {"decimalMark": "."},
            {"1,724.96": "1724.96", "1,23,456.50": "123456.50"},
            ["1.724,96", "1,2,456", "123,45,678"],
        ),
        ({"groupingMark": ","}, {"1,724.96": "1724.96"}, ["1 724.96"]),
        ({"groupingMark": ","}, {"12,34,567.50": "1234567.50", "-1,29,998": "-129998.00"}, ["1,2,345", "1,23,45"]),
        ({"decimalMark": ",", "groupingMark": " "}, {"1\u202f724,96": "1724.96"}, ["1.724,96"]),
        ({}, {"1724.96": "1724.96"}, ["1,724.96", "1 724.96"]),
    ],
)
def test_groups_of_three_digits_may_have_a_mark_between_them(retailer, own_contract, custom, good, bad):
    own_contract("receipts", custom=custom)
    rows = "".join(f'r{n},2017-12-31,"{text}"\n' for n, text in enumerate((*good, *bad)))
    night = load(retailer, "receipts", "receipt_id,issued_at,total_amount\n" + rows)
    found = dict(retailer.rows(night, "receipts", "receipt_id, total_amount"))
    assert found == {f"r{n}": Decimal(amount) for n, amount in enumerate(good.values())}
    assert {rule for _, rule in rules(retailer, night, "receipts")} == {"total_amount_unreadable"}


def test_a_contract_says_what_stands_for_no_value(retailer, own_contract):
    own_contract("receipts", custom={"nullValues": ["0000", "ohne"]})
    header = "receipt_id,customer_id,issued_at,total_amount\n"
    night = load(retailer, "receipts", header + "r1,0000,2017-12-31,1\nr2,OHNE,2017-12-31,1\nr3,NULL,2017-12-31,1\n")
    found = dict(retailer.rows(night, "receipts", "receipt_id, customer_id"))
    assert found == {"r1": None, "r2": None, "r3": "NULL"}


def test_a_former_name_is_compared_as_headers_are(retailer, own_contract):
    own_contract("surveys", columns=[column("wave", customProperties=[former("InvoiceNo", "Щи")])])
    header = "response_id,customer_id,answered_at,kind,score,"
    for night, name in ((NIGHT, "INVOICENO"), (NEXT, "\u00a0щИ ")):
        rows = f"{header}{name}\ns{night},c,2017-12-01,csi,5,{name}\n"
        loaded = load(retailer, "surveys", rows, night)
        assert loaded.table("surveys").info["unknown_columns"] == []
    assert None not in [row[0] for row in retailer.rows(loaded, "surveys", "wave")]


def test_a_listed_value_with_an_apostrophe_is_read_and_reaches_sql_as_text(retailer, own_contract):
    values = [{"value": "o'clock"}, {"value": "x') OR TRUE --"}]
    own_contract("surveys", columns=[column("wave", enum=values, required=True)])
    header = "response_id,customer_id,answered_at,kind,score,wave\n"
    night = load(retailer, "surveys", header + "s1,c,2017-12-01,csi,5,o'clock\ns2,c,2017-12-01,csi,5,other\n")
    assert retailer.rows(night, "surveys", "response_id, wave") == [("s1", "o'clock")]
    assert rules(retailer, night, "surveys") == [(2, "wave_unknown_value")]


def test_a_source_without_a_key_is_refused_when_it_is_read(own_contract):
    path = own_contract("surveys")
    document = yaml.safe_load(path.read_text())
    document["schema"][0]["name"] = "till_checks"
    for prop in document["schema"][0]["properties"]:
        prop.pop("primaryKey", None)
    path.write_text(yaml.safe_dump(document))
    sources.cache_clear()
    with pytest.raises(ContractError, match=r"surveys\.yaml: not a valid data contract: no column is the primaryKey"):
        sources()


@pytest.mark.parametrize(
    ("custom", "last"),
    [
        ([], datetime(2018, 3, 31, 20, 59, 59, 999999, tzinfo=UTC)),
        ([{"property": "dateAlone", "value": "startOfDay"}], datetime(2018, 3, 30, 21, tzinfo=UTC)),
    ],
)
def test_a_date_alone_stands_for_what_it_did_before_unless_the_own_contract_says_otherwise(
    retailer, own_contract, custom, last
):
    until = column("expires_at", "TIMESTAMP WITH TIME ZONE", customProperties=custom)
    own_contract("points_ledger", custom=CRM_CUSTOM, columns=[until])
    header = "entry_id,customer_id,kind,points,posted_at,expires_at\n"
    night = load(retailer, "points_ledger", f"{header}e1,c,earn,1,31.12.2017,31.03.2018\n")
    assert retailer.rows(night, "points_ledger", "expires_at") == [(last,)]
