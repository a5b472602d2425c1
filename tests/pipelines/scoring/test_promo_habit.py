"""Share of spend on offer over a night: from lines and codes to each customer's interval."""

from datetime import date, timedelta

import pytest
from conftest import needed

from pipelines.table import LAYERS

NIGHT = date(2017, 12, 1)
RECEIPTS = "receipt_id,customer_id,issued_at,total_amount\n"
LINES = "receipt_id,line_number,product_id,quantity,amount,promotion_id\n"


def deliver(retailer, customers: int) -> None:
    """Customers with six orders of 10, of which the first `n % 7` are on offer; who is called few has four."""
    receipts, lines = [], []
    for number in range(customers):
        for order in range(6):
            day, offer = NIGHT - timedelta(7 * order), "P" if order < number % 7 else ""
            receipts.append(f"r{number}-{order},c{number},{day},10\n")
            lines.append(f"r{number}-{order},1,tea,1,10,{offer}\n")
    receipts += [f"f{order},few,{NIGHT - timedelta(order)},10\n" for order in range(4)]
    retailer.deliver(f"{NIGHT}", receipts=RECEIPTS + "".join(receipts), receipt_lines=LINES + "".join(lines))


@pytest.mark.parametrize(("customers", "reason"), [(140, None), (90, "under 100 customers")])
def test_shares_have_an_interval_from_five_orders_of_a_hundred_customers_on(retailer, customers, reason):
    deliver(retailer, customers)
    night = retailer.load(f"{NIGHT}", upto=LAYERS, only=needed("customer_promo_habit"))
    columns = "customer_id, promo_spend_share, promo_spend_share_low, promo_spend_share_high, is_only_on_offer"
    rows = {row[0]: row[1:] for row in retailer.rows(night, "customer_promo_habit", f"{columns}, unknown_reason")}
    assert rows["few"] == (0.0, None, None, None, "under 5 orders")
    share, low, high, is_only, found = rows["c6"]
    assert (share, is_only, found) == (1.0, True, reason)
    assert rows["c3"][0] == pytest.approx(0.5)
    assert rows["c3"][3] is False
    if reason is None:
        assert 0.4 < low < high == 1.0
        assert 0 == rows["c0"][1] < rows["c0"][2] < 0.6
        assert rows["c3"][1] < 0.5 < rows["c3"][2]
    else:
        assert (low, high) == (None, None)
