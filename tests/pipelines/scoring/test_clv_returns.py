"""What comes back is no value: the sum of CLV follows what customers keep."""

from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from conftest import Retailer, needed

from pipelines.settings import load_settings

NIGHT = date(2018, 6, 30)
DAYS = 540
HEADER = "receipt_id,customer_id,issued_at,operation,total_amount,original_receipt_id\n"


def sales() -> list[tuple[str, int, int]]:
    """Customer, day and amount of the purchases of 800 steady customers; each has a rhythm and a basket."""
    random, found = Random(5), []
    for n in range(800):
        rhythm, basket = random.uniform(10, 50), random.uniform(10, 60)
        day = random.uniform(0, 60)
        while day < DAYS:
            found.append((f"c{n}", int(day), round(basket * random.uniform(0.5, 1.5))))
            day += random.expovariate(1 / rhythm)
    return found


def clv_and_net_spend(home: Path, returned: float) -> tuple[float, float]:
    """The sum of CLV, and what was spent in the last year less what came back, if so many orders do after 7 days."""
    random, rows, net = Random(6), [HEADER], 0
    for number, (customer, day, amount) in enumerate(sales()):
        bought, back = (NIGHT - timedelta(DAYS - 1 - later) for later in (day, day + 7))
        rows.append(f"r{number},{customer},{bought},sale,{amount},\n")
        comes_back = random.random() < returned and back <= NIGHT
        if comes_back:
            rows.append(f"b{number},{customer},{back},return,{amount},r{number}\n")
        net += amount if day >= DAYS - 365 and not comes_back else 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        load_settings.cache_clear()
        retailer = Retailer(home)
        retailer.deliver(f"{NIGHT}", receipts="".join(rows))
        night = retailer.load(f"{NIGHT}", upto=("staging", "facts", "scores"), only=needed("customer_clv", "clv_fit"))
        ((clv,),) = retailer.rows(night, "customer_clv", "SUM(clv)")
    load_settings.cache_clear()
    return float(clv), float(net)


def test_when_two_orders_in_five_come_back_whole_the_sum_of_clv_follows_the_net_spend(tmp_path):
    clv, net = clv_and_net_spend(tmp_path / "kept", 0)
    clv_less, net_less = clv_and_net_spend(tmp_path / "returned", 0.4)
    assert net_less / net == pytest.approx(0.6, abs=0.02)
    assert clv_less / clv == pytest.approx(net_less / net, rel=0.03)
    assert clv_less == pytest.approx(0.95 * net_less, rel=0.05)  # what comes in a year is discounted
