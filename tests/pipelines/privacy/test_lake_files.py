"""The lake after an erasure: nights that are run again or later, and manifests that agree."""

from datetime import date

import pyarrow.parquet as pq
import pytest
from conftest import Retailer
from two_people import DAYS, RECEIPTS, run_day, warehouse

from pipelines.errors import BadDataError
from pipelines.privacy.erase import erase
from pipelines.settings import load_settings
from pipelines.store.lake import Lake


def test_a_night_run_again_reads_nothing_anew_and_comes_out_the_same(erased):
    shop = erased
    lake = Lake(shop.home)
    before = lake.manifest(date(2017, 12, 2)).tables
    rows = warehouse(shop, "SELECT * FROM customer_360"), warehouse(shop, "SELECT * FROM data_quality ORDER BY ALL")
    run_day(DAYS[1])
    after = lake.manifest(date(2017, 12, 2)).tables
    assert [after[name].data_files for name in ("receipts", "crm_customers", "contacts")] == [
        before[name].data_files for name in ("receipts", "crm_customers", "contacts")
    ]
    assert lake.stale_nights() == []
    assert warehouse(shop, "SELECT * FROM customer_360") == rows[0]
    assert warehouse(shop, "SELECT * FROM data_quality ORDER BY ALL") == rows[1]


def _without_parts_of_names(shop) -> None:
    """Let the lake's files be as before the CRM gave first_name, last_name and middle_name."""
    for path in Lake(shop.home).table_files():
        if path.parent.name == "crm_customers_personal":
            pq.write_table(pq.read_table(path).drop_columns(["first_name", "last_name", "middle_name"]), path)


def test_the_next_night_is_as_if_the_person_had_never_been_known(shop, tmp_path, monkeypatch):
    """Also where the lake's files are of a version without the parts of names."""
    _without_parts_of_names(shop)
    outcome = erase("12", shop.settings)
    assert (outcome.found, outcome.removals is not None) == ((), True)
    shop.deliver(DAYS[2], receipts=RECEIPTS + "r5,2,2017-12-03,4,\n")
    run_day(DAYS[2])
    query = "SELECT * EXCLUDE (run_date) FROM {} ORDER BY ALL"
    assert (
        shop.home / "exports" / DAYS[2] / "club" / "email.csv"
    ).read_text() == "email,firstname,lastname,doNotEmail,loyalty_club\nbob@example.org,Bob,Roe,,1\n"
    names = (
        "promo_performance",
        "customer_360",
        "order_fact",
        "kpi_daily",
        "customer_rfm",
        "customer_segment",
        "contact",
    )
    names += ("customer_coverage", "support_ticket", "survey_response", "web_event")
    found = {name: warehouse(shop, query.format(name)) for name in names}
    other = Retailer(tmp_path / "other")
    (other.home).mkdir()
    (shop.home / "landing").rename(other.home / "landing")
    monkeypatch.setenv("LOYALTY_HOME", str(other.home))
    load_settings.cache_clear()
    for day in DAYS:
        run_day(day)
    assert {name: warehouse(other, query.format(name)) for name in names} == found


def test_rejected_rows_of_a_stopped_night_are_erased_too(shop):
    bad = "".join(f"x{n},12,2017-12-03,?,\n" for n in range(10))
    shop.deliver(DAYS[2], receipts=RECEIPTS + bad)
    with pytest.raises(BadDataError, match="reject_rate_extreme"):
        run_day(DAYS[2])
    lake = Lake(shop.home)
    assert erase("12", shop.settings, discard_open=True).found == ()
    (stopped,) = lake.stopped.steps()
    (file,) = stopped.tables["rejected_receipts"].data_files
    kept = pq.read_table(lake.path(file.path))
    assert set(kept["row_values"].to_pylist()) == {"[]"}
    assert set(kept["receipt_id"].to_pylist()) == {None}  # where columns are shifted, it may be anybody's id
