"""Thirty slips in the campaign file: nights go on, the campaigns at fault wait, and the others' lists are made."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Retailer, needed
from nights import make_tables
from typos import IDS, TYPOS

from pipelines.settings import load_settings
from pipelines.store.lake import Night

NIGHT = "2017-12-01"
CRM = """customer_id,registered_at,email,email_consent
ann,2017-11-01,ann@example.org,true
"""
RECEIPTS = """receipt_id,customer_id,issued_at,operation,total_amount
r0,bob,2016-11-30,sale,5
r1,ann,2017-11-30,sale,5
"""


def rows(night: Night, table: str) -> list[dict[str, object]]:
    files = night.table(table).data_files
    return [row for file in files for row in pq.read_table(night.lake.path(file.path)).to_pylist()]


def test_thirty_slips_stop_no_night_and_hold_back_their_campaigns_alone(
    retailer: Retailer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "campaigns.yaml"
    path.touch()
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(path))
    load_settings.cache_clear()
    retailer.deliver(NIGHT, crm_customers=CRM, receipts=RECEIPTS)
    night = retailer.open(NIGHT)
    make_tables(needed("campaign_list") - {"campaign_list"}, night, retailer.settings)
    found, said, made = {}, {}, {}
    for name, typo in TYPOS.items():
        (night._folder.parent / "campaigns.yaml").write_bytes(typo.content)
        make_tables({"campaign_list"}, night, retailer.settings)
        found[name] = {row["campaign_id"] for row in rows(night, "campaign_delivery")}
        reasons = [f"{row['reason']}".removeprefix(f"{path}, ") for row in rows(night, "campaign_hold")]
        said[name] = [fault for fault in typo.faults if any(fault in reason for reason in reasons)]
        made[name] = rows(night, "campaign_list")
    assert len(TYPOS) == 30
    assert found == {name: set(IDS) - typo.held for name, typo in TYPOS.items()}
    assert said == {name: list(typo.faults) for name, typo in TYPOS.items()}
    ann = {"campaign_id": "welcome", "channel": "email", "target": "mautic", "customer_id": "ann"}
    assert made == {name: [] if "welcome" in typo.held else [ann] for name, typo in TYPOS.items()}
    night.commit("test", {}, night.tables())
    assert [f"{known}" for known in night.lake.nights()] == [NIGHT]
