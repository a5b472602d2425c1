"""Erasure in a home whose files a mapping reads: orders and their money stay, and what is theirs in them goes."""

import hashlib
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Retailer
from mapped_files import CHECKS, HEADER, ORDERS, SHOP, STAGED, TILL, deliver
from workbooks import write_workbook

from pipelines.errors import BadDataError, LoyaltyError
from pipelines.privacy import erase as erasing
from pipelines.privacy.erase import erase

NIGHT = "2023-06-10"
MONEY = "receipt_id, issued_at::VARCHAR, operation, total_amount::VARCHAR"


@pytest.fixture
def home(retailer: Retailer) -> Retailer:
    retailer.home.mkdir()
    return retailer


def lines_of(home: Retailer, name: str, night: str = NIGHT, encoding: str = "utf-8") -> list[str]:
    return (home.home / "landing" / night / name).read_text(encoding=encoding).splitlines()


def test_orders_and_their_money_stay_and_the_person_is_filtered_and_not_rejected(home: Retailer) -> None:
    deliver(home, SHOP, NIGHT, orders_export_1__csv=ORDERS)
    night = home.load(NIGHT, only=STAGED)
    before = home.rows(night, "receipts", MONEY), home.rows(night, "receipt_lines")
    rejected = {source: home.rejected(night, source) for source in ("receipts", "receipt_lines")}
    assert erase("Ann@example.com", home.settings).found == ()
    assert lines_of(home, "orders_export_1.csv") == [
        HEADER.strip(),
        "#1001,,paid,2023-05-30 23:21:57 -0700,25.00,1,10.00,A-1,",
        "#1001,,,,,3,5.00,B-2,",
        "#1002,,refunded,2023-05-31 10:00:00 -0700,5.00,1,5.00,B-2,",
        *ORDERS.splitlines()[4:],
    ]
    assert home.rows(night, "crm_customers") == []
    ((rows, _),) = json.loads((home.home / "lake" / "blanked_rows.json").read_text()).values()
    assert rows == [1, 2, 3, 5, 8]  # two are of guests: nothing tells which orders were one person's
    (record,) = (home.home / "lake" / "erasures").glob(f"{NIGHT}.*.json")
    assert set(json.loads(record.read_text())) == {"finished_at", "customers", "changes", "landing"}
    deliver(home, SHOP.replace("'voided')", "'voided', 'gone')"), NIGHT)  # all three sources are read anew
    again = home.load(NIGHT, only=STAGED)
    info = again.lake.manifest(again.run_date).tables["crm_customers"].info
    assert info["feed_quality"][0]["filtered"] == {"cancelled": 1, "unpaid": 1, "without_email": 4}
    assert (home.rows(again, "receipts", MONEY), home.rows(again, "receipt_lines")) == before
    assert {source: home.rejected(again, source) for source in rejected} == rejected
    assert home.rows(again, "receipts", "DISTINCT customer_id") == [(None,)]


WIDE = """
feeds:
  shop:
    files: ["shop*.csv"]
    filters: {guests_without_mail: "Mail IS NULL AND Client IS NULL"}
sources:
  receipts:
  - feed: shop
    group_by: ["Order"]
    columns:
      receipt_id: {column: Order}
      issued_at: {column: Day, aggregate: first}
      total_amount: {column: Sum, aggregate: sum}
      customer_id: {column: Client, aggregate: first}
  crm_customers:
  - feed: shop
    group_by: [Client]
    columns:
      customer_id: {column: Client}
      registered_at: {column: Day, aggregate: min}
      email: {column: Mail, aggregate: first}
      name: {column: Who, aggregate: first}
"""
SALES = """Order,Client,Mail,Who,Day,Sum,Street,Gift card text
1,7,ann@example.org,Ann Lee,2023-06-01,5,Elm St 1,
1,,,,,6,,for Ann
2,8,bob@example.org,Bob Roe,2023-06-01,7,Oak St 2,Ann Lee sends it
3,,ann@example.org,A. Lee,2023-06-02,8,Elm St 1,
4,8,bob@example.org,Bob Roe,2023-06-03,9,Oak St 2,
"""


def test_columns_that_nothing_reads_go_in_rows_of_theirs_and_texts_that_are_theirs_go_everywhere(
    home: Retailer,
) -> None:
    deliver(home, WIDE, NIGHT, shop__csv=SALES)
    home.load(NIGHT, only=frozenset({"receipts", "crm_customers"}))
    dry = erase("7", home.settings, dry_run=True)
    assert lines_of(home, "shop.csv") == SALES.splitlines()
    outcome = erase("7", home.settings)
    assert (outcome.found, outcome.changes) == ((), dry.changes)
    header, first, second, third, fourth, fifth = lines_of(home, "shop.csv")
    assert first == "1,,,,2023-06-01,5,,"
    assert second == "1,,,,,6,,"
    assert third == "2,8,bob@example.org,Bob Roe,2023-06-01,7,Oak St 2,"
    assert fourth == "3,,,,2023-06-02,8,,"
    assert (header, fifth) == (SALES.splitlines()[0], SALES.splitlines()[5])
    assert outcome.changes[f"landing/{NIGHT}/shop.csv"] == 4


def test_a_file_in_its_own_encoding_keeps_all_other_bytes_and_the_search_finds_who_is_left(
    home: Retailer, monkeypatch
) -> None:
    deliver(home, TILL, NIGHT, **{"касса/июнь__csv": CHECKS.encode("windows-1251")})
    home.load(NIGHT, only=frozenset({"receipts"}))
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "redact_feed", lambda *_: None)
        (find,) = erase("K7", home.settings).found
    assert (find.path.name, find.what) == ("июнь.csv", "in 2 rows, as the mapping reads them")
    assert erase("K7", home.settings).found == ()
    kept = re.sub(r"0001;(.*?);.*?;(.*?);K7\n", r"0001;\1;;\2;\n", CHECKS)
    assert (home.home / "landing" / NIGHT / "касса" / "июнь.csv").read_bytes() == kept.encode("windows-1251")


def test_the_mapping_by_which_a_night_read_a_file_finds_them_though_it_is_gone_from_the_home(home: Retailer) -> None:
    deliver(home, WIDE, NIGHT, shop__csv=SALES)
    home.load(NIGHT, only=frozenset({"receipts", "crm_customers"}))
    (home.home / "mapping.yaml").unlink()
    (kept,) = (home.home / "lake" / "mappings").iterdir()
    kept.rename(home.home / "away")
    with pytest.raises(LoyaltyError, match=r"by a mapping that is not there any more, .* Nothing was changed"):
        erase("7", home.settings)
    (home.home / "away").rename(kept)
    assert erase("7", home.settings).found == ()
    assert "Elm" not in "".join(lines_of(home, "shop.csv"))


def test_rejected_rows_of_theirs_have_no_values_whether_they_came_before_the_erasure_or_after_it(
    home: Retailer,
) -> None:
    broken = ORDERS.replace("#1001,,,,,3,5.00,B-2", "#1001,,,,,three,5.00,B-2").replace("5.00,1,5.00,B", "5.00,1,x,B")
    deliver(home, SHOP, NIGHT, orders_export_1__csv=broken)
    night = home.load(NIGHT, only=STAGED)
    assert ("orders_export_1.csv", 2, "quantity_unreadable") in home.rejected(night, "receipt_lines")
    erase("ann@example.com", home.settings)
    (file,) = night.lake.manifest(night.run_date).tables["rejected_receipt_lines"].data_files
    table = pq.read_table(night.lake.path(file.path))
    values = dict(zip(table["row_number"].to_pylist(), table["row_values"].to_pylist(), strict=True))
    assert (values[2], values[3]) == ("[]", "[]")  # no cell of row 2 names anybody
    assert values[8].startswith('["#1006"')
    later = HEADER + "#1007,ANN@example.com,paid,2023-06-10 10:00:00 -0700,25.00,1,x,A-1,\n"
    later += '#1008,ann@example.com,"paid,2023-06-10 10:00:00 -0700,25.00\n'  # a quote that is never closed
    deliver(home, SHOP, "2023-06-11", orders_export_2__csv=later)
    home.load("2023-06-11", only=STAGED)
    for path in (home.home / "lake" / "tables").rglob("*.parquet"):
        texts = [str(value).lower() for column in pq.read_table(path).columns for value in column.to_pylist()]
        assert not [text for text in texts if "ann@" in text], path
    assert erase("ann@example.com", home.settings).found == ()
    assert "ann@" not in "\n".join(lines_of(home, "orders_export_2.csv", "2023-06-11")).lower()


def test_an_erasure_that_broke_off_is_finished_and_knows_all_rows(home: Retailer, monkeypatch) -> None:
    deliver(home, WIDE, NIGHT, shop__csv=SALES, shop_2__csv=SALES.replace("\n1,", "\n11,").replace("\n3,", "\n13,"))
    night = home.load(NIGHT, only=frozenset({"receipts", "crm_customers"}))
    before = home.rows(night, "receipts", MONEY)
    done: list[Path] = []

    def breaks_off_after_one(file, *arguments, redact=erasing.redact_feed):
        if done:
            raise KeyboardInterrupt
        done.append(file.path)
        redact(file, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "redact_feed", breaks_off_after_one)
        with pytest.raises(KeyboardInterrupt):
            erase("7", home.settings)
    assert erase("7", home.settings).found == ()
    deliver(home, WIDE.replace("aggregate: min", "aggregate: max"), NIGHT)
    again = home.load(NIGHT, only=frozenset({"receipts", "crm_customers"}))
    info = again.lake.manifest(again.run_date).tables["crm_customers"].info
    assert info["feed_quality"][0]["filtered"] == {"erased": 4, "guests_without_mail": 2}
    assert home.rejected(again, "crm_customers") == []
    assert home.rows(again, "receipts", MONEY) == before


def test_a_parquet_feed_is_erased(home: Retailer) -> None:
    mapping = WIDE.replace("shop*.csv", "shop.parquet")
    header, *rows = (line.split(",") for line in SALES.splitlines())
    sink = pa.BufferOutputStream()
    columns = {name: [row[n] or None for row in rows] for n, name in enumerate(header)}
    columns["Client"] = [None if value is None else int(value) for value in columns["Client"]]
    pq.write_table(pa.table(columns), sink)
    deliver(home, mapping, NIGHT, shop__parquet=sink.getvalue().to_pybytes())
    night = home.load(NIGHT, only=frozenset({"receipts", "crm_customers"}))
    before = home.rows(night, "receipts", MONEY)
    assert erase("7", home.settings).found == ()
    left = pq.read_table(home.home / "landing" / NIGHT / "shop.parquet").to_pydict()
    assert left["Client"] == [None, None, 8, None, 8]
    assert left["Street"] == [None, None, "Oak St 2", None, "Oak St 2"]
    again = home.load(NIGHT, only=frozenset({"receipts", "crm_customers"}))
    assert home.rows(again, "receipts", MONEY) == before


def test_a_file_that_no_night_loaded_is_erased_too(home: Retailer) -> None:
    deliver(home, WIDE, NIGHT, shop__csv=SALES)
    assert erase("7", home.settings).found == ()
    assert "Elm" not in "".join(lines_of(home, "shop.csv"))
    night = home.load(NIGHT, only=frozenset({"receipts", "crm_customers"}))
    assert home.rows(night, "crm_customers", "customer_id") == [("8",)]
    assert home.rejected(night, "crm_customers") == []


def test_a_workbook_is_erased_by_a_copy_that_is_read_as_the_workbook_was(home: Retailer) -> None:
    mapping = WIDE.replace("shop*.csv", "shop*.xlsx").replace(
        "    filters", "    dialect: {header_row: 2}\n    filters"
    )
    rows = [line.split(",") for line in SALES.splitlines()]
    path = home.home / "landing" / NIGHT / "shop.xlsx"
    deliver(home, mapping, NIGHT)
    path.parent.mkdir(parents=True)
    notes = [["call", "ann@example.org"], ["x", 1]]
    write_workbook(path, {"S": [["for Ann Lee", "May"], *rows[:2], [], *rows[2:]], "Notes": notes}, hidden=["Notes"])
    only = frozenset({"receipts", "crm_customers"})
    night = home.load(NIGHT, only=only)
    before, received = home.rows(night, "receipts", MONEY), path.read_bytes()
    assert erase("7", home.settings).found == ()
    assert not path.exists()
    copy = pq.read_table(path.with_name("shop.xlsx.erased.parquet")).to_pylist()
    assert [row["texts"] for row in copy if row["sheet"] == "Notes"] == [[], ["call", ""], ["x", "1"]]
    assert [row["row_number"] for row in copy if row["sheet"] == "S"] == [0, 1, 2, 3, 5, 6, 7, 8]
    (record,) = [p for p in (home.home / "lake" / "erasures").glob("*.json") if p.name != "erased.json"]
    new = json.loads(record.read_text())["landing"][f"{NIGHT}/shop.xlsx"]
    assert new["old_sha256"] == hashlib.sha256(received).hexdigest()
    info = night.lake.manifest(night.run_date).tables["receipts"].info
    assert [(file["file"], file["sha256"]) for file in info["files"]] == [("shop.xlsx", new["sha256"])]
    deliver(home, mapping.replace("aggregate: min", "aggregate: max"), NIGHT)
    again = home.load(NIGHT, only=only)
    assert home.rows(again, "receipts", MONEY) == before
    assert home.rejected(again, "crm_customers") == []
    assert home.rows(again, "crm_customers", "customer_id") == [("8",)]
    assert erase("8", home.settings).found == ()
    last = home.load(NIGHT, only=only)
    assert home.rows(last, "receipts", MONEY) == before
    deliver(home, mapping, NIGHT)
    info = home.load(NIGHT, only=only).lake.manifest(last.run_date).tables["crm_customers"].info
    assert info["feed_quality"][0]["filtered"] == {"erased": 4, "guests_without_mail": 1}  # of both erasures


API = """
feeds:
  orders: {files: ["orders.json*"], dialect: {rows: lines}}
sources:
  receipts:
  - feed: orders
    group_by: [id]
    columns:
      receipt_id: {column: id}
      issued_at: {column: day}
      total_amount: {column: total}
      customer_id: {column: customer.id}
  receipt_lines:
  - feed: orders
    columns:
      receipt_id: {column: id}
      line_number: {number_within: id}
      product_id: {column: lines.sku}
      quantity: {constant: "1"}
      amount: {column: lines.price}
  crm_customers:
  - feed: orders
    group_by: [customer.id]
    columns:
      customer_id: {column: customer.id}
      registered_at: {column: day, aggregate: min}
      email: {column: customer.email}
"""


def test_json_is_erased_by_a_copy_that_is_read_as_the_file_was(home: Retailer) -> None:
    ann = {"id": 7, "email": "ann@example.org", "address": {"street": "Elm St 1"}}
    bob = {"id": 8, "email": "bob@example.org", "address": {"street": "Oak St 2"}}
    lines = [{"sku": "A", "price": 5.10, "text": "for Bo"}, {"sku": "B", "price": "7.00", "text": "ann@example.org"}]
    orders = [
        {"id": 1, "day": "2023-06-01", "total": 12.1, "customer": ann, "lines": lines, "tags": ["x"]},
        {"id": 2, "day": "2023-06-02", "total": 12.10, "customer": bob, "lines": lines, "tags": ["x"]},
    ]
    deliver(home, API, NIGHT, orders__json=json.dumps({"orders": orders, "page": 1}))
    night = home.load(NIGHT, only=STAGED)
    before = home.rows(night, "receipts", MONEY), home.rows(night, "receipt_lines")
    assert len(before[1]) == 4
    folder = home.home / "landing" / NIGHT
    original = (folder / "orders.json").read_bytes()
    erase("7", home.settings)
    (folder / "orders.json").write_bytes(original)  # as if the erasure had broken off before it removed the file
    with pytest.raises(BadDataError, match=r"stands for orders\.json since an erasure, and that is there, too"):
        home.load(NIGHT, only=STAGED)
    assert erase("7", home.settings).found == ()
    assert [path.name for path in folder.iterdir()] == ["orders.json.erased.parquet"]
    first, second = map(json.loads, pq.read_table(folder / "orders.json.erased.parquet")["object"].to_pylist())
    nobody = {"id": None, "email": None, "address": {"street": None}}
    bare = [{"sku": "A", "price": 5.1, "text": None}, {"sku": "B", "price": "7.00", "text": None}]
    assert first == {"id": 1, "day": "2023-06-01", "total": 12.1, "customer": nobody, "lines": bare, "tags": None}
    assert second == orders[1] | {"lines": [lines[0], bare[1]]}
    deliver(home, API.replace("aggregate: min", "aggregate: max"), NIGHT)
    again = home.load(NIGHT, only=STAGED)
    assert (home.rows(again, "receipts", MONEY), home.rows(again, "receipt_lines")) == before
    assert home.rows(again, "crm_customers", "customer_id") == [("8",)]


def test_a_filter_that_looks_at_an_email_leaves_the_same_orders_out_as_before(home: Retailer) -> None:
    mapping = WIDE.replace(
        "filters: {", "filters: {staff: \"Mail LIKE '%@shop.example'\", odd: \"NOT contains(Mail, '@')\", "
    ).replace("{column: Client, aggregate: first}", "{column: Client}")
    sales = SALES + "5,9,cy@shop.example,Cy Way,2023-06-04,100,Fir St 5,\n"
    sales += "6,7,,,2023-06-05,10,,\n6,8,,,2023-06-05,10,,\n"  # of two customers: rejected, and stays so
    deliver(home, mapping, NIGHT, shop__csv=sales)
    only = frozenset({"receipts", "crm_customers"})
    night = home.load(NIGHT, only=only)
    before, rejected = home.rows(night, "receipts", MONEY), home.rejected(night, "receipts")
    assert erase("7", home.settings).found == ()
    assert erase("9", home.settings).found == ()
    assert "cy" not in "".join(lines_of(home, "shop.csv")).lower()
    deliver(home, mapping.replace("aggregate: first}\n      total", "aggregate: min}\n      total"), NIGHT)
    again = home.load(NIGHT, only=only)
    assert home.rows(again, "receipts", MONEY) == before
    assert home.rejected(again, "receipts") == rejected
    assert rejected == [("shop.csv", 7, "customer_id_differs"), ("shop.csv", 8, "customer_id_differs")]
    info = again.lake.manifest(again.run_date).tables["receipts"].info
    assert info["feed_quality"][0]["filtered"] == {"guests_without_mail": 1, "staff": 1}


def test_an_order_whose_lines_differ_is_rejected_though_what_differs_was_blanked(home: Retailer) -> None:
    mapping = WIDE.replace("    filters", "    fill_down: {by: Order, columns: [Client, Mail]}\n    filters")
    sales = SALES.splitlines()[0] + "\n1,7,ANN@example.org,Ann Lee,2023-06-01,5,,\n1,,ann@example.org,,2023-06-01,5,,\n"
    sales += '2,7,,,2023-06-01,5,,\n2,8,,,2023-06-01,5,,\n3,8,,,2023-06-01,5,,"two\nlines"\n7,,,Ann Lee,\n'
    deliver(home, mapping, NIGHT, shop__csv=sales)
    only = frozenset({"receipts", "crm_customers"})
    rejected = home.rejected(home.load(NIGHT, only=only), "receipts")
    assert [row for _, row, _ in rejected] == [1, 2, 3, 4, 6]
    assert erase("7", home.settings).found == ()
    assert lines_of(home, "shop.csv")[-3:] == ['3,8,,,2023-06-01,5,,"two', 'lines"', ",,,,"]
    deliver(home, mapping.replace("aggregate: first}\n      total", "aggregate: min}\n      total"), NIGHT)
    again = home.load(NIGHT, only=only)
    assert [row for _, row, _ in home.rejected(again, "receipts")] == [1, 2, 3, 4, 6]
    assert home.rows(again, "receipts", "receipt_id, total_amount::VARCHAR") == [("3", "5.00")]
