"""The search after an erasure finds what is left, wherever it is."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.privacy.erase import erase


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
