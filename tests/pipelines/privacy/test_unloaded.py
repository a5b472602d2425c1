"""An extract that no night has loaded yet, after an erasure: its control totals hold, and what went is told."""

import gzip
import json
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from batches import NIGHTS, judged, load, receipts

from pipelines.contracts import Contract, sources
from pipelines.errors import BadDataError
from pipelines.intake.erased import Rewritten, taken_out
from pipelines.privacy.erase import erase
from pipelines.privacy.person import Person
from pipelines.privacy.redact import redact_extract
from pipelines.store.lake import Lake

NIGHT = NIGHTS[0]
CRM = "customer_id,registered_at\n12,2017-01-01\n2,2017-01-01\n3,2017-01-01\n12,never\n"


def deliver(retailer, totals: str, **extracts: str | bytes):
    folder = retailer.deliver(NIGHT, crm_customers=CRM, **extracts)
    (folder / "control_totals.csv").write_text("source,rows,amount\n" + totals)
    return folder


def test_the_night_counts_what_was_erased_before_it_as_delivered(retailer):
    sales = "receipt_id,issued_at,customer_id,total_amount\nr1,2025-06-30,12,5\nr2,2025-06-30,2,2.50\n"
    folder = deliver(retailer, "crm_customers,4,\nreceipts,2,7.50\n", receipts=sales)
    assert erase("12", retailer.settings).found == ()
    assert erase("3", retailer.settings).found == ()
    assert (folder / "crm_customers.csv").read_text() == "customer_id,registered_at\n2,2017-01-01\n"
    night = load(retailer, NIGHT)
    words = "1 rows were read and 3 erased before, control_totals.csv says 4"
    assert judged(retailer, night, "crm_customers")["control_rows"] == ("fail", True, words)
    assert judged(retailer, night)["control_amount"][1]
    again = load(retailer, NIGHT)
    assert judged(retailer, again, "crm_customers")["control_rows"] == ("fail", True, words)


def test_totals_that_were_wrong_before_are_wrong_still(retailer):
    deliver(retailer, "crm_customers,5,\n")
    erase("12", retailer.settings)
    with pytest.raises(BadDataError, match=r"2 rows were read and 2 erased before, control_totals\.csv says 5"):
        load(retailer, NIGHT)


def test_a_night_that_was_loaded_before_the_erasure_holds_too(retailer):
    deliver(retailer, "crm_customers,4,\n")
    load(retailer, NIGHT)
    erase("12", retailer.settings)
    night = load(retailer, NIGHT)
    words = "4 rows were read, control_totals.csv says 4"
    assert judged(retailer, night, "crm_customers")["control_rows"] == ("fail", True, words)


def test_the_amount_is_not_judged_where_that_of_a_damaged_record_is_not_known(retailer):
    text = receipts(NIGHT, 3, "receipt_id,issued_at,customer_id,total_amount", ",2,5") + f"bad,{NIGHT},12\n"
    deliver(retailer, "receipts,4,99\n", receipts=text)
    erase("12", retailer.settings)
    night = load(retailer, NIGHT)
    words = "3 rows were read and 1 erased before, control_totals.csv says 4"
    found = judged(retailer, night)
    assert found["control_rows"] == ("fail", True, words)
    assert "control_amount" not in found


def of_customers_alone(decimal_mark: str = ".") -> Contract:
    """Receipts, each of which must name its customer: a person's are removed whole."""
    contract = sources()["receipts"]
    columns = tuple(replace(c, required=True) if c.name == "customer_id" else c for c in contract.columns)
    dialect = replace(contract.dialect, delimiter=";", decimal_mark=decimal_mark)
    return replace(contract, columns=columns, dialect=dialect)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize(("amounts", "known"), [(("1724,96", "-0,5", "7"), "1724.46"), (("5", "five", "7"), None)])
def test_the_amount_of_removed_rows_is_summed_as_ingest_reads_it(retailer, tmp_path, suffix, amounts, known):
    path, contract = tmp_path / f"receipts{suffix}", of_customers_alone(",")
    rows = list(zip(("12", "12.0", "2"), amounts, strict=True))
    if suffix == ".parquet":
        of_person, other = zip(*rows, strict=True)
        amount = [value.replace(",", ".") for value in other]
        pq.write_table(pa.table({"Customer_ID": of_person, "total_amount": amount}), path)
    else:
        text = ("customer_id;total_amount\n" + "".join(f"{who};{amount}\n" for who, amount in rows)).encode()
        path.write_bytes(gzip.compress(text) if suffix == ".csv.gz" else text)
    kept: list[Rewritten] = []
    assert redact_extract(path, contract, Person(frozenset({"12"})), kept.append) == 2
    ((removed, amount),) = [(new.removed, new.amount) for new in kept]
    assert (removed, amount and Decimal(amount)) == (2, known and Decimal(known))


def test_what_several_erasures_took_out_adds_up_to_the_file_as_it_is_now(tmp_path):
    lake = Lake(tmp_path)
    lake.erasures.mkdir(parents=True)

    def record(name: str, finished: str, **landing: object) -> None:
        rows = {"D/receipts.csv": {"old_sha256": "a", "size": 1, "sha256": "b", "records": 1} | landing}
        text = f'{{"finished_at": "{finished}", "landing": {json.dumps(rows)}}}'
        (lake.erasures / name).write_text(text if finished else f'{{"landing": {json.dumps(rows)}}}')

    record("1.json", "2025-01-01", sha256="b", removed=1, amount="1.50")
    record("2.json", "2025-01-02", old_sha256="b", sha256="c", removed=2, amount="2")
    record("3.open.json", "", old_sha256="x", sha256="y", removed=4, amount=None)
    record("0.json", "2024-12-31", old_sha256="other", sha256="c", removed=9, amount="9")
    record("old.json", "2024-12-30", old_sha256="before", sha256="a")  # of a version that did not count
    assert taken_out(lake, {"D/receipts.csv": "c"}) == {"rows": 3, "amount": "3.50"}
    assert taken_out(lake, {"D/receipts.csv": "y"}) == {"rows": 4, "amount": None}
    assert taken_out(lake, {"D/receipts.csv": "new", "E/receipts.csv": "c"}) == {"rows": 0, "amount": "0"}
