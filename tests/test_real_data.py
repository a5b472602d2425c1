"""What real data has been seen to do, one test for each kind: two nights of a shop to which all of it happens at once.

Each case has customers, receipts and products of its own, so that its outcome can be stated to the row. Damaged files
are in test_real_files.py. What takes weeks of nights or hundreds of rows (yesterday's extract again, half the usual
number of rows, receipts whose lines do not add up) is in pipelines/intake/, test_batch_figures.py and
test_batch_profile.py.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import Retailer, needed

from pipelines.settings import load_settings
from pipelines.store.lake import Night

FIRST, SECOND = "2018-01-01", "2018-01-02"
LAYERS = ("staging", "facts", "scores", "marts", "segments")

CRM = "customer_id,registered_at,name,email,phone,birth_date,income"
CUSTOMERS = """
returner,2017-01-01,,,,,
loose,2017-01-01,,,,,
17850,2017-01-01,,,,,
7,2017-01-01,,,,,
007,2017-01-01,,,,,
ann1,2017-01-01,Ann Lee, Ann.Lee@Example.org ,,,
ann2,2017-06-01,Ann Lee,ann.lee@EXAMPLE.org,,,
two_cards,2017-01-01,,,,,
born9508,2017-01-01,,,,9508-03-01,
born0116,2017-01-01,,,,0116-03-01,
born1893,2017-01-01,,,,1893-01-01,
aged118,2017-01-01,,,,1899-12-31,
born1990,2017-01-01,,,,1990-06-15,666666
cashier,2017-01-01,,,,,
"""
PHONES = ("(201) 555-0188", "201-555-0188", "+1 201 555 0188", "1.201.555.0188", "2015550188")
RECEIPTS = "receipt_id,customer_id,issued_at,operation,original_receipt_id,total_amount"
SALES = """
neg_sale,returner,2017-10-01T10:00:00,sale,,20
neg_return,returner,2017-10-02T10:00:00,,,-5
pos_return,returner,2017-10-03T10:00:00,return,,5
big_sale,big_back,2017-10-01T10:00:00,sale,,30
big_return,big_back,2017-10-05T10:00:00,return,big_sale,45
paper,paper_craft,2017-12-09T09:15:00,sale,,168469.60
paper_back,paper_craft,2017-12-09T09:27:00,return,,168469.60
lost_return,no_origin,2017-10-07T10:00:00,return,never_seen,9
anon1,,2017-11-01T10:00:00,sale,,1
named1,loose,2017-11-01T11:00:00,sale,,2
named2,loose,2017-11-01T12:00:00,sale,,3
named3,stranger,2017-11-01T13:00:00,sale,,4
bare,bare,2017-11-02T10:00:00,sale,,7
off,off,2017-11-03T10:00:00,sale,,100
twice,dup,2017-11-04T10:00:00,sale,,10
twice,dup,2017-11-04T10:00:00,sale,,10
changed,dup,2017-11-04T10:00:00,sale,,10
changed,dup,2017-11-04T10:00:00,sale,,11
late,corrected,2017-03-04T10:00:00,sale,,40
coupon,coupons,2017-11-05T10:00:00,sale,,60
odd,odd,2017-11-06T10:00:00,sale,,3
float1,17850.0,2017-11-07T10:00:00,sale,,1
zeros,007,2017-11-07T10:00:00,sale,,2
seven,7,2017-11-07T10:00:00,sale,,4
same,same,2017-11-08T10:00:00,sale,,6
evening,evening,2017-12-02T03:30:00Z,sale,,5
card_a,two_cards,2017-11-09T10:00:00,sale,,5
card_b,two_cards,2017-11-10T10:00:00,sale,,5
gift_sold,gifts,2017-11-11T10:00:00,sale,,50
gift_used,gifts,2017-11-12T10:00:00,sale,,50
"""
LINES = "receipt_id,line_number,product_id,quantity,amount,cost_amount"
SOLD = """
neg_sale,1,mug,1,20,8
big_sale,1,vase,1,30,10
paper,1,paper_bird,80995,168469.60,80000
paper_back,1,paper_bird,80995,168469.60,80000
orphan,1,mug,1,5,2
off,1,mug,2,40,16
odd,1,mug,0,0,0
odd,2,free,1,0,1
odd,3,fuel,89638,3,1
same,1,mug,1,3,1
same,2,mug,1,3,1
gift_sold,1,gift,1,50,
gift_used,1,mug,2,50,16
"""
CODES = "promo_code,campaign_id\nMANY,spring\nMANY,summer\nWIDE,spring\nEVE,spring\n"
REDEEMED = """promo_code,receipt_id,redeemed_at,discount_amount
MANY,coupon,2017-11-05T10:00:00,4
WIDE,coupon,2017-11-05T10:00:00,6
EVE,evening,2017-12-02T03:30:00Z,1
"""
LEDGER = "entry_id,customer_id,kind,points,posted_at"
POSTED = "e3,ledger,spend,-80,2017-12-03\ne1,ledger,earn,50,2017-12-01\n"


class World:
    """The home and its two nights."""

    def __init__(self, home: Path) -> None:
        self.retailer = Retailer(home)
        wide = "".join(f"coupon,{n},item{n},1,0.30,\n" for n in range(200))
        busy = "".join(f"till{n},cashier,2017-12-{n // 100 + 1:02d}T10:00:00,sale,,1\n" for n in range(300))
        phones = "".join(f'caller{n},2017-01-01,Bob Roe,,"{phone}",,\n' for n, phone in enumerate(PHONES))
        self.retailer.deliver(
            FIRST,
            crm_customers=f"{CRM}{CUSTOMERS}{phones}",
            receipts=f"{RECEIPTS}{SALES}{busy}",
            receipt_lines=f"{LINES}{SOLD}{wide}",
            promo_codes=CODES,
            promo_redemptions=REDEEMED,
            products="product_id,category\ngift,gift cards\nmug,kitchen\n" + "".join(f"item{n},\n" for n in range(200)),
            loyalty_cards="card_id,customer_id\nk1,two_cards\nk2,two_cards\n",
            points_ledger=f"{LEDGER}\n{POSTED}",
        )
        self.first = self.retailer.load(
            FIRST, upto=LAYERS, only=needed("customer_360", "kpi_daily", "model_quality", "promo_performance")
        )
        self.retailer.deliver(
            SECOND,
            receipts=f"{RECEIPTS}\nlate,corrected,2017-03-04T10:00:00,sale,,4\norphan,bare,2017-11-20T10:00:00,sale,,5\n",
            promo_codes=CODES,
            points_ledger=f"{LEDGER}\ne2,ledger,earn,10,2017-11-30\n",
        )
        self.second = self.retailer.load(SECOND, upto=LAYERS, only=needed("customer_day", "customer_points"))

    def rows(self, table: str, columns: str, night: Night | None = None, **equal: str) -> list[tuple[Any, ...]]:
        """Some columns of a table's rows with given values in others, as of the first night."""
        found = self.retailer.rows(night or self.first, table, f"{columns}, {', '.join(equal)}".removesuffix(", "))
        wanted = tuple(equal.values())
        return [row[: len(row) - len(wanted)] for row in found if row[len(row) - len(wanted) :] == wanted]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("world") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        patch.setenv("LOYALTY_TIMEZONE", "America/New_York")
        patch.setenv("LOYALTY_GIFT_CARD_CATEGORIES", '["gift cards"]')
        load_settings.cache_clear()
        yield World(home)
    load_settings.cache_clear()


def money(*amounts: str | None) -> tuple[Decimal | None, ...]:
    return tuple(None if amount is None else Decimal(amount) for amount in amounts)


# --- returns ---


def test_a_negative_receipt_and_a_return_of_its_own_take_back_the_same(world):
    assert world.rows("order_fact", "receipt_id, is_return, revenue", customer_id="returner") == [
        ("neg_return", True, Decimal(-5)), ("neg_sale", False, Decimal(20)), ("pos_return", True, Decimal(-5)),
    ]  # fmt: skip
    assert world.rows("customer_360", "order_count, return_count, revenue", customer_id="returner") == [
        (1, 2, Decimal(10))
    ]


def test_a_return_larger_than_its_sale_counts_whole_as_revenue_and_only_up_to_the_sale_as_spend(world):
    columns = "sale_receipt_id, method, returned_revenue, linked_revenue, is_over_returned"
    assert world.rows("return_link", columns, receipt_id="big_return") == [
        ("big_sale", "receipt", Decimal(45), Decimal(30), True)
    ]
    assert world.rows("customer_360", "revenue", customer_id="big_back") == [money("-15")]
    assert world.rows("customer_purchase_pattern", "frequency, repeat_revenue", customer_id="big_back") == [
        (None, None)
    ]


def test_an_order_of_80995_pieces_cancelled_minutes_later_is_no_purchase(world):
    day = date(2017, 12, 9)
    columns = "business_date, order_count, return_count, net_revenue, net_spend, gross_margin"
    assert world.rows("customer_day", columns, customer_id="paper_craft") == [(day, 1, 1, *money("0", "0", "0"))]
    assert world.rows("return_link", "sale_receipt_id, method", receipt_id="paper_back") == [("paper", "match")]
    assert world.rows(
        "customer_purchase_pattern", "first_order_date, first_purchase_date", customer_id="paper_craft"
    ) == [(day, None)]


def test_a_return_whose_original_is_not_in_the_data_counts_on_its_day_and_is_reported_as_unlinked(world):
    columns = "business_date, sale_receipt_id, method, returned_revenue, linked_revenue"
    assert world.rows("return_link", columns, receipt_id="lost_return") == [
        (date(2017, 10, 7), None, "none", Decimal(9), None)
    ]
    assert world.rows("customer_360", "order_count, revenue", customer_id="no_origin") == [(0, Decimal(-9))]


# --- who and what ---


def test_receipts_without_a_customer_are_revenue_and_nobodys(world):
    columns = "revenue, member_revenue, receipts, orders, buyers"
    assert world.rows("kpi_daily", columns, business_date=date(2017, 11, 1)) == [(*money("10", "9"), 4, 3, 2)]
    assert world.rows("customer_360", "customer_id", customer_id=None) == []


def test_a_customer_who_is_not_in_the_crm_is_a_customer_and_no_member(world):
    columns = "order_count, revenue, registered_at, is_member, email_consent"
    assert world.rows("customer_360", columns, customer_id="stranger") == [(1, Decimal(4), None, False, False)]


def test_a_line_waits_for_its_receipt(world):
    assert world.rows("receipt_lines", "amount", receipt_id="orphan") == [money("5")]
    assert world.rows("order_line", "revenue", receipt_id="orphan") == []
    assert world.rows("order_line", "revenue, customer_id", world.second, receipt_id="orphan") == [(Decimal(5), "bare")]


def test_a_receipt_without_lines_has_revenue_and_no_known_margin(world):
    assert world.rows("order_fact", "revenue, gross_margin, line_count", receipt_id="bare") == [(*money("7", None), 0)]


def test_lines_that_do_not_add_up_leave_the_revenue_to_the_receipt(world):
    assert world.rows("order_fact", "revenue", receipt_id="off") == [money("100")]
    assert world.rows("order_line", "revenue", receipt_id="off") == [money("40")]


# --- twice ---


def test_exact_duplicate_rows_and_a_key_twice_with_different_values_count_once_and_the_last_stands(world):
    assert world.retailer.counts(world.first, "receipts") == (330, 328, 0, 2, 0)
    assert world.rows("order_fact", "receipt_id, revenue", customer_id="dup") == [
        ("changed", Decimal(11)), ("twice", Decimal(10)),
    ]  # fmt: skip


def test_a_correction_months_back_changes_the_day_it_is_of_and_no_night_before(world):
    assert world.rows("customer_day", "business_date, net_revenue", customer_id="corrected") == [
        (date(2017, 3, 4), Decimal(40))
    ]
    assert world.rows("customer_day", "business_date, net_revenue", world.second, customer_id="corrected") == [
        (date(2017, 3, 4), Decimal(4))
    ]
    assert world.retailer.counts(world.second, "receipts") == (2, 2, 0, 0, 1)


def test_a_coupon_of_several_campaigns_or_on_hundreds_of_products_multiplies_no_revenue(world):
    assert world.retailer.counts(world.first, "promo_codes") == (4, 3, 0, 1, 0)
    assert world.rows("order_fact", "revenue, line_count, promo_code_count, promo_discount", receipt_id="coupon") == [
        (Decimal(60), 200, 2, Decimal(10))
    ]
    columns = "redemptions, customers, orders, revenue, discount_amount"
    assert world.rows("promo_performance", columns, promo_code="MANY") == [(1, 1, 1, *money("60", "4"))]
    assert world.rows("promo_performance", columns, promo_code="WIDE") == [(1, 1, 1, *money("60", "6"))]


def test_identical_lines_on_a_receipt_are_two_of_the_same_item(world):
    assert world.rows("order_line", "line_number, product_id, quantity, revenue", receipt_id="same") == [
        (1, "mug", Decimal(1), Decimal(3)), (2, "mug", Decimal(1), Decimal(3)),
    ]  # fmt: skip
    assert world.rows("order_fact", "revenue, gross_margin", receipt_id="same") == [money("6", "4")]


# --- odd values ---


def test_zero_quantity_zero_price_and_a_quantity_by_volume_are_what_they_say(world):
    assert world.rows("order_line", "line_number, quantity, revenue, cost_amount", receipt_id="odd") == [
        (1, *money("0", "0", "0")), (2, *money("1", "0", "1")), (3, *money("89638", "3", "1")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("customer", "birth_date", "age"),
    [
        ("born9508", date(9508, 3, 1), None),  # an age of -7491
        ("born0116", date(116, 3, 1), None),  # an age of 1901
        ("born1893", date(1893, 1, 1), None),
        ("aged118", date(1899, 12, 31), None),
        ("born1990", date(1990, 6, 15), 27),
    ],
)
def test_a_date_of_birth_that_nobody_can_have_is_kept_as_given_and_gives_no_age(world, customer, birth_date, age):
    assert world.rows("customer", "birth_date", customer_id=customer) == [(birth_date,)]
    assert world.rows("customer_360", "age_years, is_member", customer_id=customer) == [(age, True)]


def test_an_income_that_no_contract_knows_is_left_out_and_named(world):
    assert world.first.lake.manifest(world.first.run_date).tables["crm_customers"].info["unknown_columns"] == ["income"]


def test_an_id_that_passed_through_a_float_is_the_same_and_leading_zeros_are_not(world):
    found = {
        customer: world.rows("customer_360", "revenue, is_member", customer_id=customer)
        for customer in ("17850", "007", "7")
    }
    assert found == {"17850": [(Decimal(1), True)], "007": [(Decimal(2), True)], "7": [(Decimal(4), True)]}
    assert world.rows("customer_360", "customer_id", customer_id="17850.0") == []


def test_a_utc_time_falls_on_the_business_day_on_which_the_shop_was_open(world):
    day = date(2017, 12, 1)
    assert world.rows("order_fact", "business_date", receipt_id="evening") == [(day,)]
    assert world.rows("promo_redemptions", "redeemed_date", receipt_id="evening") == [(day,)]


# --- people ---


def test_an_email_that_differs_in_case_and_blanks_is_one_person(world):
    assert world.rows("customer_identity", "source_customer_id", customer_id="ann1") == [("ann2",)]


def test_one_person_with_two_cards_is_one_customer(world):
    assert world.rows("customer_360", "order_count, revenue", customer_id="two_cards") == [(2, Decimal(10))]


def test_a_phone_in_five_spellings_is_one_number(world):
    rows = world.rows("crm_customers_personal", "customer_id, phone, phone_normal")
    assert [(phone, normal) for customer, phone, normal in rows if customer.startswith("caller")] == [
        (phone, "+12015550188") for phone in PHONES
    ]
    callers = {(f"caller{n}", "shared") for n in range(5)}  # five on one number are joined to nobody, and listed
    assert {row for row in world.rows("identity_conflict", "customer_id, reason") if row[0][:6] == "caller"} == callers


def test_points_below_zero_stay_below_and_history_out_of_order_adds_up_the_same(world):
    columns = "points_balance, points_earned, points_spent"
    assert world.rows("customer_points", columns, customer_id="ledger") == [money("-30", "50", "80")]
    assert world.rows("customer_points", columns, world.second, customer_id="ledger") == [money("-20", "60", "80")]


def test_a_cashiers_card_on_a_hundred_sales_a_day_is_listed_and_kept_out_of_models(world):
    columns = "busy_day_count, most_orders_a_day"
    assert world.rows("service_account", columns, customer_id="cashier") == [(3, 100)]
    fitted = {(m, k): v for m, k, v in world.rows("model_quality", "model, metric, value")}
    buyers = {c for c, first in world.rows("customer_purchase_pattern", "customer_id, first_purchase_date") if first}
    assert "cashier" in buyers
    assert fitted["clv", "customers"] == len(buyers - {"cashier"})


def test_a_gift_cards_sale_is_no_revenue_and_its_use_is_once(world):
    assert world.rows("order_fact", "receipt_id, revenue", customer_id="gifts") == [
        ("gift_sold", Decimal(0)), ("gift_used", Decimal(50)),
    ]  # fmt: skip
