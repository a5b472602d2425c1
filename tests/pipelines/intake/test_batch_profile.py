"""The profile of a batch: what is measured, how long it is kept, and that it holds nobody's values."""

import re

import pytest
from batches import NIGHTS, judged, load, receipts


@pytest.mark.parametrize(
    ("header", "row", "off"),
    [
        ("", "10", 0),
        ("", "-10", 0),
        ("", "10.01", 0),
        ("", "10.02", 100),
        (",discount_amount", "8,2", 0),
        (",discount_amount,points_amount", "7,2,1", 0),
        (",tax_amount", "12,2", 0),
        (",tax_amount", "10,2", 0),
        (",discount_amount", "8,1", 100),
    ],
)
def test_lines_add_up_to_the_receipt_with_what_tills_take_off_or_put_on_top(retailer, header, row, off):
    of_lines = "receipt_id,line_number,quantity,amount\n"
    of_lines += "".join(f"{NIGHTS[0]}-{n},{k},1,{k * 2 + 2}\n" for n in range(100) for k in (1, 2))
    extract = receipts(NIGHTS[0], 100, f"receipt_id,issued_at,total_amount{header}", f",{row}")
    retailer.deliver(NIGHTS[0], receipts=extract, receipt_lines=of_lines)
    night = load(retailer, NIGHTS[0])
    seen = f"the lines of {off} of 100 receipts do not add up to the total"
    assert judged(retailer, night, "receipt_lines")["lines_add_up"] == ("warn", off == 0, seen)


def test_profiles_older_than_eight_weeks_are_let_go(retailer):
    for night in (NIGHTS[0], NIGHTS[1], NIGHTS[57]):
        retailer.deliver(night)
        last = load(retailer, night)
    days = {f"{day}" for (day,) in retailer.rows(last, "batch_profile", "DISTINCT profile_date")}
    assert days == {NIGHTS[1], NIGHTS[57]}


def test_profiles_and_pages_hold_no_value_of_a_person(retailer):
    crm = "customer_id,registered_at,email,region,gender\n"
    crm += "".join(f"id-{n},{NIGHTS[0]},who{n}@example.com,secret-region,f\n" for n in range(100))
    for day in NIGHTS[:2]:  # the first batch's shares are compared with nothing, so not measured
        retailer.deliver(day, crm_customers=crm)
        night = load(retailer, day)
    metrics = {name for (name,) in retailer.rows(night, "batch_profile", "metric")}
    assert {"null_share:region", "value_share:gender=f", "days_behind"} <= metrics
    assert "null_share:email" not in metrics
    kept = repr(retailer.rows(night, "batch_profile")) + repr(retailer.rows(night, "batch_expectation"))
    kept += "".join(path.read_text() for path in (retailer.home / "quality" / NIGHTS[1]).iterdir())
    assert not re.search("id-1|example.com|secret-region", kept)
