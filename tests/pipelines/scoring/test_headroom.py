"""Headroom over nights: what categories hold, who is compared with whom, and how long that is kept."""

from datetime import timedelta
from decimal import Decimal

from regulars import NIGHT, load


def test_nobody_buys_a_second_television_but_more_bread(regulars):
    shop, night = regulars
    columns = "category, household_count, repeated_share, is_durable"
    assert shop.rows(night, "category_capacity", columns) == [("bread", 40, 1.0, False), ("television", 40, 0.0, True)]
    rooms = {
        customer: (category, amount, total)
        for customer, category, amount, total in shop.rows(
            night, "customer_growth", "customer_id, headroom_category, headroom_category_amount, category_headroom"
        )
    }
    capacity = shop.rows(night, "category_capacity", "capacity_amount")[0][0]
    taken = (Decimal(12 * 10 * 365) / 401).quantize(Decimal("0.01"))
    assert rooms["c0"] == ("bread", capacity - taken, capacity - taken)
    assert rooms["c39"] == (None, None, Decimal("0.00"))


def test_peers_are_of_the_region_where_there_are_enough(regulars):
    shop, night = regulars
    columns = "customer_id, tenure_band, order_band, peer_region, peer_count, revenue_365d, peer_revenue, peer_headroom"
    rows = {row[0]: row[1:] for row in shop.rows(night, "customer_growth", columns)}
    north, everyone = 12 * Decimal(10 + 26), 12 * Decimal(10 + 29)
    assert rows["c0"] == ("a year or more", "8 to 15", "north", 35, Decimal(120), north, north - 120)
    assert rows["c39"] == ("a year or more", "8 to 15", "*", 40, Decimal(588), everyone, Decimal(0))


def test_headroom_is_worked_out_again_after_a_week_only(regulars):
    shop, night = regulars
    before = [shop.rows(night, name) for name in ("headroom_fit", "category_capacity", "peer_group")]
    for days, is_kept in ((6, True), (7, False)):
        shop.deliver(f"{NIGHT + timedelta(days)}")
        later = load(shop, NIGHT + timedelta(days))
        found = [shop.rows(later, name) for name in ("headroom_fit", "category_capacity", "peer_group")]
        assert (found == before) == is_kept
        through = NIGHT if is_kept else NIGHT + timedelta(days)
        assert set(shop.rows(later, "headroom_fit", "trained_through")) == {(through,)}
