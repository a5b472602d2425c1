"""Damaged text: a damaged row is rejected, and no other row is lost or altered."""

import gzip
from datetime import date
from decimal import Decimal

import pytest
from damage import damage, damaged
from extracts import NIGHT, RECEIPTS, load, products, rules
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.errors import BadDataError
from pipelines.intake import damaged_text


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


def test_damage_in_a_row_of_many_bytes_a_character_is_rejected(retailer):
    damaged = "r1," + "я" * 5000 + ",2017-12-01,1,9\n"
    long = "r2," + "я" * 200_000 + ",2017-12-01,1\n"
    retailer.deliver("2017-12-01", receipts=RECEIPTS + damaged + long + "r3,c1,2017-12-01,1\n")
    night = retailer.load("2017-12-01")
    assert [row[2] for row in retailer.rejected(night, "receipts")] == ["too_many_fields", "field_too_long"]
    assert retailer.counts(night, "receipts") == (3, 1, 2, 0, 0)


def test_a_nul_byte_alone_is_found(retailer):
    retailer.deliver("2017-12-01", products=b"product_id,name\np2,a\x00b\np3,c\n")
    assert retailer.counts(retailer.load("2017-12-01"), "products") == (2, 1, 1, 0, 0)


def test_text_that_is_no_csv_at_all_is_an_error_that_names_the_file(retailer):
    retailer.deliver("2017-12-01", products=b"product_id,name\rp2,b\rp3,c\r")
    with pytest.raises(BadDataError, match=r"products\.csv"):
        retailer.load("2017-12-01")


def test_a_stray_quote_costs_its_own_row_only(retailer):
    rows = [f"p{i},name {i}" for i in range(1, 1001)]
    rows[300] = 'p301,"name 301'
    retailer.deliver("2017-12-01", products="product_id,name\n" + "\n".join(rows) + "\n")
    night = retailer.load("2017-12-01")
    assert retailer.counts(night, "products") == (1000, 999, 1, 0, 0)
    assert retailer.rejected(night, "products") == [("products.csv", 301, "stray_quote")]


def test_a_quoted_line_feed_is_part_of_its_value(retailer):
    retailer.deliver("2017-12-01", products='product_id,name\np1,"two\nlines"\np2,"say ""hi"""\n')
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "products", "product_id, name") == [("p1", "two\nlines"), ("p2", 'say "hi"')]


def test_bytes_that_are_no_text_are_rejected_and_counted(retailer):
    retailer.deliver("2017-12-01", products=b"product_id,name\np1,caf\xe9\np2,a\x00b\np3,caf\xc3\xa9\n")
    night = retailer.load("2017-12-01")
    assert retailer.rows(night, "products", "product_id, name") == [("p3", "café")]
    assert [row[2] for row in retailer.rejected(night, "products")] == ["wrong_encoding", "nul_byte"]


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
    max_examples=100,
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
