"""The search after an erasure finds what is left, wherever it is."""

import bz2
import gzip
import json
import os
import socket

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.privacy.erase import erase
from pipelines.privacy.person import Person
from pipelines.privacy.verify import verify_erasure


def test_the_search_finds_what_is_left_anywhere(shop):
    (shop.home / "notes.txt").write_text("call ann.lee@example.org")
    (shop.home / "reports").mkdir(exist_ok=True)
    with gzip.open(shop.home / "old.csv.gz", "wt") as file:
        file.write("customer_id,note\n12,x\n")
    pq.write_table(pa.table({"customer_id": ["12"]}), shop.home / "copy.parquet")
    outcome = erase("12", shop.settings)
    assert {(find.path.name, find.what) for find in outcome.found} == {
        ("notes.txt", "in the file's bytes"),
        ("old.csv.gz", "in column customer_id"),
        ("copy.parquet", "in column customer_id"),
    }


ANN = Person(
    frozenset({"12"}),
    texts=frozenset({"ann.lee@example.org"}),
    phones=frozenset({"+12015550005"}),
    names=frozenset({("ann", "lee")}),
)


def _found(retailer, path, content):
    target = retailer.home / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    _, finds = verify_erasure(retailer.settings, ANN)
    target.unlink()
    return [find.what for find in finds if find.path == target]


@pytest.mark.parametrize("spelling", ["2015550005", "201-555-0005", "(201) 555-0005", "+1 201 555 0005", "LEE, Ann"])
@pytest.mark.parametrize(
    ("path", "packed"),
    [
        ("landing/2017-12-01/notes.txt", bytes),
        ("landing/2017-12-01/receipts/.part", bytes),
        ("landing/2017-12-01/control_totals.bak", bytes),
        ("landing/2017-12-01/old.data", gzip.compress),
        ("landing/2017-12-01/old.bz2", bz2.compress),
        ("reports/2017-12-01/index.html", bytes),
        ("quality/2017-12-01/index.html", bytes),
        ("exports/2017-12-01/hello/email.jsonl", bytes),
        ("lake/tmp/left", bytes),
    ],
)
def test_each_spelling_is_found_in_each_place(retailer, spelling, path, packed):
    (what,) = _found(retailer, path, packed(f"<p>call {spelling} now</p>".encode()))
    assert what in ("in the file's bytes", "in what is packed")


def _parquet(**columns):
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue().to_pybytes()


@pytest.mark.parametrize(
    "folder", ["exports/2017-12-01/hello", "exports/2017-12-01/hello/2", "lake/deliveries/a/1/files"]
)
def test_an_id_is_found_in_campaign_files_in_the_columns_that_the_manifest_names(retailer, folder):
    path = retailer.home / folder / "manifest.json"
    path.parent.mkdir(parents=True)
    entry = {"path": "push.jsonl", "target": "push", "identifiers": {"ref": "customer_id", "push_token": "push_token"}}
    channels = [{"channel": "push", "files": [entry]}]
    path.write_text(json.dumps({"campaign_id": "hello", "channels": channels}))
    assert _found(retailer, f"{folder}/push.jsonl", b'{"ref": "12", "n": "2"}\n') == ["in column ref"]
    assert _found(retailer, f"{folder}/push.jsonl", b'{"ref": "2", "n": "12"}\n') == []
    assert _found(retailer, f"{folder}/push.csv", b"ref,n\n12,2\n") == ["in column ref"]
    assert _found(retailer, f"{folder}/push.csv", b"ref,n\n2,12\n") == []


@pytest.mark.parametrize(
    ("path", "content", "what"),
    [
        ("lake/deliveries/a/1/members.parquet", _parquet(customer_id=["12"]), "in column customer_id"),
        ("lake/deliveries/a/1/members.parquet", _parquet(phone=["+12015550005"]), "in column phone"),
        ("lake/deliveries/a/1/eligible.parquet", _parquet(customer_id=["12"]), "in column customer_id"),
        ("lake/deliveries/a/.new/assignments.parquet", _parquet(customer_id=["12"]), "in column customer_id"),
        ("lake/deliveries/a/1/delivery.json", b'{"held": "Ann Lee asked"}', "in the file's bytes"),
        ("lake/tables/campaign_exclusion/x.parquet", _parquet(customer_id=["12"]), "in column customer_id"),
    ],
)
def test_what_is_left_of_deliveries_is_found(retailer, path, content, what):
    assert what in _found(retailer, path, content)


def test_a_phone_is_found_in_a_tables_texts_and_not_in_ids_of_other_things(retailer):
    csv = b"receipt_id,note\n%s,%s\n"
    for path in ("landing/2017-12-01/other.csv", "landing/2017-12-01/OTHER.CSV"):
        assert _found(retailer, path, csv % (b"2015550005", b"x")) == []
        assert _found(retailer, path, csv % (b"1", b"201 555 0005")) == ["in column note"]
    table = pa.table({"receipt_id": ["2015550005"], "note": ["x"], "tel": [2.0], "more": [["y"]]})
    for column, value, what in (
        ("note", "x", []),
        ("note", "201.555.0005", ["in column note"]),
        ("tel", 2015550005.0, ["in column tel"]),
        ("more", ["(201) 555-0005"], ["in column more"]),
    ):
        buffer = pa.BufferOutputStream()
        pq.write_table(table.set_column(table.column_names.index(column), column, [[value]]), buffer)
        assert _found(retailer, "copy.parquet", buffer.getvalue().to_pybytes()) == what


def test_text_in_utf_16_or_escaped_in_json_is_read(retailer):
    assert _found(retailer, "notes.txt", "call 201 555 0005".encode("utf-16")) == ["in the file's bytes"]
    person = Person(frozenset({"1"}), names=frozenset({("анна", "иванова")}))
    (retailer.home / "a.json").write_text(json.dumps("ИВАНОВА Анна"))
    assert [find.what for find in verify_erasure(retailer.settings, person)[1]] == ["in the file's bytes"]


def test_what_is_no_file_in_a_landing_folder_is_named_and_keeps_nobody_waiting(retailer, monkeypatch):
    folder = retailer.deliver(
        "2017-12-01", crm_customers="customer_id,registered_at,email\n12,2017-01-01,ann.lee@example.org\n"
    )
    (folder / "receipts.csv").unlink()
    (folder / "contacts").mkdir()
    for name in ("receipts.csv", "control_totals.csv", "contacts/part.csv", "crm_customers-2.csv", "../pipe"):
        os.mkfifo(folder / name)
    (folder / "surveys.csv").symlink_to("nowhere")
    (folder / "stores.csv").symlink_to("/dev/zero")
    (folder / "products.csv").symlink_to("products.csv")
    (folder / "promo_codes").symlink_to(".")
    (folder / "web_events.parquet").mkdir()
    with socket.socket(socket.AF_UNIX) as bound:
        monkeypatch.chdir(folder)  # the path of a socket may not be long
        bound.bind("points_ledger.csv")
    outcome = erase("12", retailer.settings)
    assert {find.what.partition(":")[2] for find in outcome.found} == {
        " neither a file nor a folder (a pipe, a device, or a link to nothing); remove it"
    }
    named = (find.path.relative_to(folder.parent).as_posix() for find in outcome.found)
    assert sorted(name.removeprefix("2017-12-01/") for name in named) == [
        "contacts/part.csv", "control_totals.csv", "crm_customers-2.csv", "pipe", "points_ledger.csv", "products.csv",
        "receipts.csv", "stores.csv", "surveys.csv",
    ]  # fmt: skip
    assert (folder / "crm_customers.csv").read_text() == "customer_id,registered_at,email\n"


def test_an_extract_that_is_a_link_is_cleaned_where_it_lies(retailer, tmp_path):
    folder = retailer.deliver("2017-12-01", crm_customers="customer_id,registered_at\n12,2017-01-01\n")
    (tmp_path / "parts").mkdir()
    part, whole = tmp_path / "parts" / "a.csv.gz", tmp_path / "sent.txt"
    part.write_bytes(gzip.compress(b"contact_id,customer_id,channel,sent_at\nm1,12,email,2017-11-01\n"))
    (folder / "contacts").symlink_to(tmp_path / "parts")
    whole.write_text("ticket_id,customer_id,opened_at,topic\nt1,12,2017-11-01,x\n")
    (folder / "support_tickets.csv").symlink_to(whole)
    assert erase("12", retailer.settings).found == ()
    assert gzip.decompress(part.read_bytes()) == b"contact_id,customer_id,channel,sent_at\n"
    assert whole.read_text() == "ticket_id,customer_id,opened_at,topic\n"
    assert (folder / "support_tickets.csv").is_symlink()


def test_a_file_packed_in_a_way_that_cannot_be_read_is_said_to_be_so(retailer):
    (what,) = _found(retailer, "landing/2017-12-01/a.zst", b"\x28\xb5\x2f\xfd123")
    assert what == "can't be searched: it is packed; unpack it, or remove it"
