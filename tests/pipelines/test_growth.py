"""Growth over nights: what categories hold, who is compared with whom, choices that are logged and weighed."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from conftest import Retailer

from pipelines.catalog import tables
from pipelines.settings import load_settings


def read_by(*names: str) -> frozenset[str]:
    """These tables and all that they are made from."""
    return frozenset(names).union(*(read_by(*tables()[name].inputs) for name in names))


GROWTH = read_by("customer_growth", "customer_next_order", "customer_channel", "channel_log")
NIGHT = date(2024, 6, 30)
RECEIPT = "receipt_id,customer_id,issued_at,total_amount\n"
LINE = "receipt_id,line_number,product_id,quantity,amount\n"
PRODUCTS = "product_id,category\ntv,television\nb,bread\n"


class Till:
    """Receipts of one line each, as extracts."""

    def __init__(self) -> None:
        self.receipts, self.lines = [RECEIPT], [LINE]

    def sell(self, customer: str, day: date, product: str, amount: int) -> None:
        number = len(self.receipts)
        self.receipts.append(f"r{number},{customer},{day}T12:00:00,{amount}\n")
        self.lines.append(f"r{number},1,{product},1,{amount}\n")

    def extracts(self) -> dict[str, str]:
        return {"receipts": "".join(self.receipts), "receipt_lines": "".join(self.lines)}


def load(shop: Retailer, day: date):
    return shop.load(f"{day}", upto=("staging", "facts", "scores", "marts"), only=GROWTH)


@pytest.fixture(scope="module")
def regulars(tmp_path_factory):
    """A shop of which nothing changes, and its night."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(tmp_path_factory.mktemp("regulars")))
        load_settings.cache_clear()
        shop = opened(Retailer(load_settings().home))
        yield shop, load(shop, NIGHT)
    load_settings.cache_clear()


@pytest.fixture
def shop(retailer):
    return opened(retailer)


def opened(retailer: Retailer) -> Retailer:
    """40 customers of one year and more: all have bought one television, and bread monthly, c0 the least of it."""
    till = Till()
    for n in range(40):
        till.sell(f"c{n}", NIGHT - timedelta(400), "tv", 900)
        for month in range(12):
            till.sell(f"c{n}", NIGHT - timedelta(30 * month + n % 7), "b", 10 + n)
    crm = "customer_id,registered_at,region,email_consent,sms_consent\n"
    crm += "".join(
        f"c{n},2020-01-01,{'north' if n < 35 else 'south'},true,{str(n % 2 == 0).lower()}\n" for n in range(40)
    )
    retailer.deliver(f"{NIGHT}", crm_customers=crm, products=PRODUCTS, **till.extracts())
    return retailer


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


def test_regular_customers_get_a_date_after_the_night(regulars):
    shop, night = regulars
    columns = "next_order_low, next_order_date, next_order_high, method"
    for low, middle, high, method in shop.rows(night, "customer_next_order", columns):
        assert NIGHT < low <= middle <= high
        assert middle <= NIGHT + timedelta(45)
        assert method == "own_rhythm"


def test_what_was_refused_is_tried_again_the_next_night(regulars):
    shop, night = regulars
    refused = shop.rows(night, "growth_fit", "metric, value, trained_through")
    assert ("method", None, NIGHT) in refused
    assert shop.rows(night, "growth_model", "part") == [("rhythm",)]
    tomorrow = NIGHT + timedelta(1)
    shop.deliver(f"{tomorrow}")
    assert set(shop.rows(load(shop, tomorrow), "growth_fit", "trained_through")) == {(tomorrow,)}


def test_choices_are_drawn_by_month_logged_when_used_and_weighed(shop):
    first = load(shop, NIGHT)
    columns = "customer_id, chosen_channel, choice_probability, is_explored, best_channel, method"
    chosen = {row[0]: row[1:] for row in shop.rows(first, "customer_channel", columns)}
    for n in range(40):
        channel, probability, *rest = chosen[f"c{n}"]
        assert (probability, *rest) == (0.5 if n % 2 == 0 else 1.0, True, None, "observational")
        assert channel in (("email", "sms") if n % 2 == 0 else ("email",))
    assert {chosen[f"c{n}"][0] for n in range(0, 40, 2)} == {"email", "sms"}

    contacts = "contact_id,customer_id,channel,sent_at,delivered_at\n"
    sent = NIGHT + timedelta(1)
    for n in range(40):
        contacts += f"k{n},c{n},email,{sent}T09:00:00,{sent}T09:01:00\n"
    shop.deliver(f"{sent}", contacts=contacts)
    second = load(shop, sent)
    logged = shop.rows(second, "channel_log", "contact_id, customer_id, channel, choice_probability, is_explored")
    assert logged == sorted(
        (f"k{n}", f"c{n}", "email", chosen[f"c{n}"][1], True) for n in range(40) if chosen[f"c{n}"][0] == "email"
    )
    later = sent + timedelta(7)
    shop.deliver(f"{later}")
    third = load(shop, later)
    assert shop.rows(third, "channel_log", "contact_id") == [(row[0],) for row in logged]
    weights = dict(shop.rows(third, "contact_response", "customer_id, logged_weight"))
    assert weights == {
        f"c{n}": Decimal(1 / chosen[f"c{n}"][1]) if chosen[f"c{n}"][0] == "email" else 0 for n in range(40)
    }
    counts = dict(shop.rows(third, "customer_channel", "customer_id, delivered_count"))
    assert counts == {f"c{n}": 1 for n in range(40)}


def test_the_best_channel_is_published_for_customers_and_segments(shop):
    """Each got an e-mail two days before every monthly purchase, and an sms eight days after it."""
    contacts = "contact_id,customer_id,channel,sent_at,delivered_at\n"
    for n in range(40):
        for month in range(1, 12):
            bought = NIGHT - timedelta(30 * month + n % 7)
            for channel, day in (("email", bought - timedelta(2)), ("sms", bought + timedelta(8))):
                contacts += f"{channel}{n}-{month},c{n},{channel},{day}T09:00:00,{day}T09:01:00\n"
    shop.deliver(f"{NIGHT + timedelta(1)}", contacts=contacts)
    load(shop, NIGHT)
    night = load(shop, NIGHT + timedelta(1))
    rows = shop.rows(night, "customer_channel", "best_channel, p_purchase, delivered_count, method, p_sms, p_push")
    for best, p, count, method, p_sms, p_push in rows:
        assert (best, count, method, p_push) == ("email", 22, "observational", None)
        assert p > 0.8 > 0.2 > p_sms
    best = shop.rows(night, "segment_channel", "channel, is_best")
    assert set(best) == {("email", True), ("sms", False)}
