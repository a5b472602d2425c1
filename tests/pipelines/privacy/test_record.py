"""The record of an erasure."""

import json


def test_the_record_says_what_was_changed_and_holds_nothing_personal(erased):
    (record,) = (erased.home / "lake" / "erasures").glob("2017-12-02.*.json")
    kept = json.loads(record.read_text())
    assert kept["landing"]["2017-12-01/crm_customers.csv"]["records"] == 1
    assert len(kept["customers"]) == 2
    assert record.stat().st_mode & 0o777 == 0o600
    assert "ann" not in record.read_text().replace("scanned", "").replace("channel", "").lower().replace("2017", "")
