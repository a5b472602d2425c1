"""What people are told to look at after a night."""

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace

import pytest
from held_home import HeldHome

from pipelines.catalog import tables
from pipelines.contracts import sources, table_contract
from pipelines.publishing import night_warnings
from pipelines.publishing.night_warnings import hold_warnings, model_warnings, never_loaded_folders
from pipelines.store.lake import Lake

FIRST, SECOND, THIRD = "2025-06-30", "2025-07-01", "2025-07-02"
RECEIPTS = "receipt_id,issued_at,total_amount,sales_channel"


def warnings(retailer, night) -> list[str]:
    return night_warnings.night_warnings(retailer.settings, Lake(retailer.home).manifest(night.run_date))


def test_a_night_without_anything_to_look_at_has_no_warning(retailer):
    retailer.deliver(FIRST)
    assert warnings(retailer, retailer.load(FIRST)) == []


def test_a_file_of_no_source_is_named_with_its_folder_but_control_totals_are_not(retailer):
    folder = retailer.deliver(FIRST, weather="day,degrees", control_totals="source,rows")
    assert warnings(retailer, retailer.load(FIRST)) == [
        f"not read: weather.csv (in {folder}): no source has this name; rename it, or move it away"
    ]


def test_a_source_that_came_while_the_night_ran_is_named(retailer):
    folder = retailer.deliver(FIRST)
    night = retailer.load(FIRST)
    (folder / "stores.csv").write_text("store_id\ns1\n")
    assert warnings(retailer, night) == [
        "stores: came after the night had looked for it; run the night again to take it in"
    ]


def test_unread_files_are_named_together_by_what_to_do(retailer):
    folder = retailer.deliver(FIRST, **{f"weather{n:02d}": "day" for n in range(12)}, _done="")
    (folder / "_done.csv").rename(folder / "_DONE")
    retailer.settings.__dict__["complete_marker"] = "_DONE"
    names = ", ".join(f"weather{n:02d}.csv" for n in range(10))
    assert warnings(retailer, retailer.load(FIRST)) == [
        f"not read: {names} and 2 more (in {folder}): no source has this name; rename it, or move it away"
    ]


def test_what_lies_beside_the_landing_folders_is_named(retailer):
    folder = retailer.deliver(FIRST).parent
    (folder / "receipts.csv").touch()
    (folder / "2025-6-30").mkdir()
    assert warnings(retailer, retailer.load(FIRST)) == [
        f"not read: 2025-6-30, receipts.csv (in {folder}): no night's folder, whose name is a date like 2017-11-30"
    ]


def test_columns_rejected_rows_and_unknown_values_are_said_source_by_source(retailer):
    retailer.deliver(
        FIRST,
        crm_customers="customer_id,registered_at,shoe_size\nc1,2025-01-01,42",
        receipts=f"{RECEIPTS}\nr1,{FIRST}T12:00:00,5,online\nr2,{FIRST}T12:00:00,?,online\nr3,{FIRST}T12:00:00,5,fax",
    )
    assert warnings(retailer, retailer.load(FIRST)) == [
        "crm_customers: columns that the contract doesn't know were left out: shoe_size",
        f"receipts: 1 of 3 rows rejected; loyalty rejected --date {FIRST} --source receipts shows them",
        "receipts: 1 values of sales_channel are none of online, offline; they count as not given",
    ]


def test_a_full_extract_without_rows_is_said_when_an_earlier_one_stays_the_state(retailer):
    for night, rows in ((FIRST, ""), (SECOND, "\np1"), (THIRD, "")):
        retailer.deliver(night, products=f"product_id{rows}")
    nights = [retailer.load(night) for night in (FIRST, SECOND, THIRD)]
    assert [warnings(retailer, night) for night in nights] == [
        [],
        [],
        ["products: came without rows; the last full extract that had some stays the state"],
    ]


MAPPED = """
feeds:
  sales: {files: ["sales*.csv"], filters: {other_goods: "item <> 'gift card'"}}
sources:
  products:
  - feed: sales
    columns: {product_id: {column: item}}
every_night: []
"""


def test_a_mapped_source_of_whose_rows_there_are_none_tonight_is_no_oddity(retailer):
    for night, item in ((FIRST, "gift card"), (SECOND, "bread")):
        retailer.deliver(night, sales__csv=f"item\n{item}")
    (retailer.home / "mapping.yaml").write_text(MAPPED, encoding="utf-8")
    assert [warnings(retailer, retailer.load(night)) for night in (FIRST, SECOND)] == [[], []]


def test_nights_after_one_that_was_loaded_again_are_to_be_run_again(retailer):
    for night in (FIRST, SECOND):
        retailer.deliver(night)
        retailer.load(night)
    retailer.deliver(FIRST, receipts=f"{RECEIPTS}\nr1,{FIRST}T12:00:00,5,online")
    again = retailer.load(FIRST)
    assert warnings(retailer, again) == [
        f"nights that rest on an earlier version of the data, to be run again: {SECOND}"
    ]


def test_folders_before_a_night_that_were_never_loaded_are_named(retailer):
    for night in (FIRST, SECOND, THIRD):
        retailer.deliver(night)
    (retailer.home / "landing" / "2025-06-29").touch()  # a file is no landing folder
    night = retailer.load(SECOND)
    assert warnings(retailer, night)[1:] == [f"landing folders before this night that were never loaded: {FIRST}"]
    assert never_loaded_folders(retailer.settings, night.lake, date(2025, 7, 3)) == [FIRST, THIRD]


# --- models ---


@pytest.fixture
def night_with_models(monkeypatch) -> Iterator[dict[str, list[tuple[str, str, float, str]]]]:
    """Rows (model, metric, value, note) by table, read in place of a night's."""
    rows: dict[str, list[tuple[str, str, float, str]]] = {}

    def read(table: str, *_night: object) -> list[dict[str, object]]:
        return [dict(zip(("model", "metric", "value", "note"), row, strict=True)) for row in rows.get(table, [])]

    monkeypatch.setattr(night_warnings, "_rows", read)
    return rows


def test_only_alarms_are_reported_by_model_and_metric(night_with_models):
    night_with_models["clv_drift"] = [
        ("clv", "psi_p_alive", 0.3, "alarm; moved"),
        ("clv", "model_age_days", 36.0, "warning; old"),
    ]
    night_with_models["churn_fit"] = [("churn", "new_model_refused", 1.0, "alarm; the last one stays")]
    assert model_warnings(None, None) == [
        "model churn, new_model_refused 1: the last one stays",
        "model clv, psi_p_alive 0.3: moved",
    ]


def test_drift_of_a_single_input_stays_in_model_quality(night_with_models):
    night_with_models["churn_drift"] = [("churn", "psi_days_since_last_order", 0.9, "alarm; moved")]
    assert model_warnings(None, None) == []


def test_every_table_that_model_quality_speaks_of_is_looked_at(monkeypatch):
    read = []
    monkeypatch.setattr(night_warnings, "_rows", lambda table, *_: read.append(table) or [])
    model_warnings(None, None)
    fits = {n for n, t in tables().items() if t.model and table_contract(n).key == ("model", "metric")}
    assert set(read) == set(tables()["model_fit"].inputs) >= fits


def test_a_night_without_a_table_has_no_rows_of_it(retailer):
    retailer.deliver(FIRST)
    night = retailer.load(FIRST, only=frozenset(sources()))
    manifest = night.lake.manifest(night.run_date)
    assert night_warnings._rows("churn_fit", night.lake, manifest) == []
    assert model_warnings(night.lake, manifest) == []


def test_an_expectation_that_was_not_met_is_said_in_words(retailer, monkeypatch):
    row = {"source": "receipts", "expectation": "volume_low", "is_met": False, "observed": "few", "expected": "more"}
    rows = [
        row | {"severity": "warn", "advice": "Ask.", "expectation": name} for name in ("volume_low", "newest_event")
    ]
    rows.append(rows[0] | {"source": "contacts", "is_met": True})
    monkeypatch.setattr(night_warnings, "_rows", lambda table, *_: rows if table == "batch_expectation" else [])
    said = night_warnings._expectation_warnings(None, SimpleNamespace(accepted=()))
    assert [words.split(" is not met")[0] for words in said] == [
        "receipts: expectation newest_event",
        "receipts: expectation volume_low",
    ]


def test_a_campaign_whose_list_waits_is_named_with_the_command_that_sends_it_and_one_at_fault_is_not(retailer):
    held = HeldHome(retailer.settings)
    held.night(FIRST, win_back="other people")
    held.night(SECOND, {"wrong": "line 4, campaign wrong: no id"}, win_back="other people", vip=None)
    assert hold_warnings(held.lake, held.lake.manifest(date.fromisoformat(SECOND))) == [
        "campaigns held back: campaign win_back: other people; loyalty release --campaign win_back sends it",
        "campaigns held back: line 4, campaign wrong: no id",
    ]
