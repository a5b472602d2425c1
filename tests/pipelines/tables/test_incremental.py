"""Tables that are worked out for what a night touches only come out as if they were worked out whole."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import Retailer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.catalog import tables
from pipelines.engines import merge
from pipelines.settings import load_settings
from pipelines.table import INCREMENTAL
from pipelines.tables import incremental

RECEIPTS = "receipt_id,customer_id,issued_at,operation,total_amount\n"
LINES = "receipt_id,line_number,product_id,quantity,amount,cost_amount\n"
CRM = "customer_id,registered_at,merged_into_customer_id\n"
PRODUCTS = "product_id,category\n"
EVENTS = "event_id,customer_id,occurred_at,kind\n"
LEDGER = "entry_id,customer_id,kind,points,posted_at,expires_at\n"
DAYS = ("2017-12-01", "2017-12-02", "2017-12-03")
LAYERS = ("staging", "facts", "scores")
COLUMNS = {
    "receipt_fact": "receipt_id, customer_id, business_date, revenue, gross_margin, line_count, promo_code_count, "
    "known_date",
    "line_slip": "finding, subject_id, business_date, line_count, lost_amount, overcharged_amount, example_receipt_id",
    "receipt_offer": "receipt_id, promotion_id, line_count, amount",
    "return_link": "receipt_id, customer_id, sale_receipt_id, linked_revenue, is_over_returned, known_date",
    "customer_day": "customer_id, business_date, order_count, return_count, net_revenue, net_spend, gross_margin, "
    "known_date",
    "customer_category": "customer_id, category, revenue, line_count, last_order_date",
    "customer_totals": "customer_id, first_order_date, order_count, revenue, favourite_category, repeat_revenue",
    "customer_gap": "customer_id, gap_count, long_gap_days",
    "lifecycle_stay": "customer_id, lifecycle_stage, from_date, until_date, earlier_stage",
    "customer_start": "customer_id, first_order_date, order_count_90d, revenue_90d",
    "points_flow": "customer_id, granted_month, fate, moved_month, expires_month, expires_date, points",
    "customer_points": "customer_id, points_balance, points_earned, points_spent, points_expired, next_expiry_date, "
    "next_expiry_points",
    "order_line": "receipt_id, line_number, customer_id, revenue",
    "web_visit": "customer_id, occurred_date, event_count, view_count",
    "web_visitor": "customer_id, last_visit_date",
}


MADE = frozenset(
    {
        *INCREMENTAL,
        *tables()["order_line"].inputs,
        *tables()["customer_identity"].inputs,
        *("priced_line", "below_cost", "price_difference"),
        *("gift_card_sale", "loyalty_cards", "order_fact", "order_line", "person_receipt", "points_ledger"),
        *("products", "promo_redemptions", "receipts", "stores", "web_events"),
    }
)


@pytest.fixture(autouse=True)
def superseded_rows_stay(monkeypatch):
    """Of so few rows many are soon superseded, and what a night wrote would hardly be seen."""
    monkeypatch.setattr(merge, "MOST_SUPERSEDED", 1)


def facts(retailer, night):
    return {name: retailer.rows(night, name, columns) for name, columns in COLUMNS.items()}


def pieces(night, table):
    """By how many nights a table was written."""
    return len(night.lake.manifest(night.run_date).tables[table].data_files)


def load(retailer):
    return [retailer.load(day, upto=LAYERS, only=MADE) for day in DAYS][-1]


def load_whole(retailer, monkeypatch):
    """The last night again, nothing taken over from the nights before."""
    with monkeypatch.context() as patch:
        patch.setattr(incremental, "_rests_on", lambda *_: False)
        night = retailer.load(DAYS[-1], upto=LAYERS, only=MADE)
    assert {pieces(night, name) for name in INCREMENTAL} <= {0, 1}
    return night


def test_a_late_line_a_late_receipt_a_correction_and_a_redemption_touch_their_receipts_alone(retailer, monkeypatch):
    retailer.deliver(
        DAYS[0],
        receipts=RECEIPTS + "r1,c1,2017-12-01,sale,5\nr2,c1,2017-12-01,sale,6\nr9,c1,2017-12-03,sale,9\n",
        receipt_lines=LINES + "r1,1,tea,1,5,3\nr3,1,tea,1,8,4\n",
        products=PRODUCTS + "tea,drinks\n",
    )
    retailer.deliver(
        DAYS[1],
        receipts=RECEIPTS + "r1,c2,2017-12-01,sale,50\nr3,c1,2017-11-30,sale,8\n",
        receipt_lines=LINES + "r2,1,tea,1,6,1\n",
    )
    retailer.deliver(DAYS[2], promo_redemptions="promo_code,receipt_id\nX,r1\nY,r1\n")
    by_increments = load(retailer)
    found = facts(retailer, by_increments)
    assert found["receipt_fact"] == [
        ("r1", "c2", date(2017, 12, 1), Decimal("50.00"), Decimal("47.00"), 1, 2, date(2017, 12, 2)),
        ("r2", "c1", date(2017, 12, 1), Decimal("6.00"), Decimal("5.00"), 1, 0, date(2017, 12, 1)),
        ("r3", "c1", date(2017, 11, 30), Decimal("8.00"), Decimal("4.00"), 1, 0, date(2017, 12, 2)),
        ("r9", "c1", date(2017, 12, 3), Decimal("9.00"), None, 0, 0, date(2017, 12, 1)),
    ]
    assert found["customer_totals"] == [
        ("c1", date(2017, 11, 30), 3, Decimal("23.00"), "drinks", Decimal("15.00")),
        ("c2", date(2017, 12, 1), 1, Decimal("50.00"), "drinks", None),
    ]
    # no return, no event, no point, no offer; since r2 tea has two prices
    none_there = ("return_link", "web_visit", "web_visitor", "customer_points", "points_flow", "receipt_offer")
    wrote = dict.fromkeys(INCREMENTAL, 3) | dict.fromkeys(none_there, 1) | {"line_slip": 2}
    assert {name: pieces(by_increments, name) for name in INCREMENTAL} == wrote
    assert facts(retailer, load_whole(retailer, monkeypatch)) == found


def test_a_late_receipt_is_held_against_the_other_prices_of_its_day(retailer, monkeypatch):
    prices = RECEIPTS + "r1,c1,2017-12-01,sale,5\nr2,c1,2017-12-01,sale,5\nr5,c1,2017-12-02,sale,9\n"
    retailer.deliver(DAYS[0], receipts=prices, receipt_lines=LINES + "r1,1,tea,1,5,\nr2,1,tea,1,5,\n")
    retailer.deliver(DAYS[1], receipt_lines=LINES + "r5,1,tea,1,9,\n")
    retailer.deliver(DAYS[2], receipts=RECEIPTS + "r3,c1,2017-12-01,sale,4\n", receipt_lines=LINES + "r3,1,tea,1,4,\n")
    night = load(retailer)
    found = facts(retailer, night)
    slip = ("prices_vary", "tea", date(2017, 12, 1), 1, Decimal("1.00"), Decimal("0.00"), "r3")
    assert found["line_slip"] == [slip]
    assert facts(retailer, load_whole(retailer, monkeypatch)) == found


def test_an_offer_that_a_correction_takes_off_is_gone_and_others_stay(retailer, monkeypatch):
    lines = LINES.strip() + ",promotion_id\n"
    retailer.deliver(
        DAYS[0],
        receipts=RECEIPTS + "r1,c1,2017-12-01,sale,5\nr2,c1,2017-12-01,sale,6\n",
        receipt_lines=lines + "r1,1,tea,1,5,3,P\nr2,1,tea,1,4,3,P\nr2,2,tea,1,2,3,Q\n",
    )
    retailer.deliver(DAYS[1])
    retailer.deliver(DAYS[2], receipt_lines=lines + "r2,1,tea,1,6,3,Q\n")
    night = load(retailer)
    found = facts(retailer, night)
    assert found["receipt_offer"] == [("r1", "P", 1, Decimal("5.00")), ("r2", "Q", 1, Decimal("6.00"))]
    assert pieces(night, "receipt_offer") == 2
    assert facts(retailer, load_whole(retailer, monkeypatch)) == found


def test_a_later_return_lowers_the_day_of_its_sale_alone(retailer, monkeypatch):
    with_sale = RECEIPTS.strip() + ",original_receipt_id\n"
    retailer.deliver(DAYS[0], receipts=with_sale + "r1,c1,2017-12-01,sale,50,\nr2,c2,2017-12-01,sale,9,\n")
    retailer.deliver(DAYS[1], receipts=with_sale + "r3,c1,2017-12-02,sale,30,\n")
    retailer.deliver(DAYS[2], receipts=with_sale + "r4,c1,2017-12-03,return,50,r1\n")
    night = load(retailer)
    assert retailer.rows(night, "customer_day", "customer_id, business_date, net_revenue, net_spend") == [
        ("c1", date(2017, 12, 1), Decimal("50.00"), Decimal("0.00")),
        ("c1", date(2017, 12, 2), Decimal("30.00"), Decimal("30.00")),
        ("c1", date(2017, 12, 3), Decimal("-50.00"), Decimal("0.00")),
        ("c2", date(2017, 12, 1), Decimal("9.00"), Decimal("9.00")),
    ]
    assert retailer.rows(night, "customer_totals", "customer_id, first_purchase_date, purchase_day_count") == [
        ("c1", date(2017, 12, 2), 1),
        ("c2", date(2017, 12, 1), 1),
    ]
    assert facts(retailer, night) == facts(retailer, load_whole(retailer, monkeypatch))


def test_a_line_removed_by_a_correction_is_gone_from_every_table(retailer, monkeypatch):
    retailer.deliver(
        DAYS[0],
        receipts=RECEIPTS + "r1,c1,2017-12-01,sale,50\nr2,c1,2017-12-01,sale,7\n",
        receipt_lines=LINES + "r1,1,tea,1,20,8\nr1,2,cup,1,30,9\nr2,1,tea,1,7,3\n",
        products=PRODUCTS + "tea,drinks\ncup,dishes\n",
    )
    retailer.deliver(
        DAYS[1], receipts=RECEIPTS + "r1,c1,2017-12-01,sale,20\n", receipt_lines=LINES + "r1,1,tea,1,20,8\n"
    )
    retailer.deliver(DAYS[2])
    night = load(retailer)
    found = facts(retailer, night)
    assert [row[0] + str(row[3]) for row in found["order_line"]] == ["r120.00", "r27.00"]
    assert [row[3:6] for row in found["receipt_fact"]] == [
        (Decimal("20.00"), Decimal("12.00"), 1),
        (Decimal("7.00"), Decimal("4.00"), 1),
    ]
    assert [row[:3] for row in found["customer_category"]] == [("c1", "drinks", Decimal("27.00"))]
    assert pieces(night, "receipt_fact") == 2
    assert found == facts(retailer, load_whole(retailer, monkeypatch))


def test_a_void_takes_a_receipt_and_its_lines_back_and_a_later_row_brings_them_again(retailer, monkeypatch):
    retailer.deliver(
        DAYS[0],
        receipts=RECEIPTS + "r1,c1,2017-12-01,sale,50\nr2,c1,2017-12-01,sale,7\n",
        receipt_lines=LINES + "r1,1,tea,1,50,8\nr2,1,tea,1,7,3\n",
        products=PRODUCTS + "tea,drinks\n",
        promo_redemptions="promo_code,receipt_id\nX,r1\n",
    )
    retailer.deliver(DAYS[1], receipts=RECEIPTS + "r1,c1,2017-12-01,void,50\n")
    retailer.deliver(DAYS[2], receipts=RECEIPTS + "r1,c1,2017-12-01,Void,50\nr2,c1,2017-12-01,void,7\n")
    nights = [retailer.load(day, upto=LAYERS, only=MADE) for day in DAYS]
    for table in ("receipt_fact", "order_line"):
        found = [[row[0] for row in retailer.rows(night, table, "receipt_id")] for night in nights]
        assert found == [["r1", "r2"], ["r2"], []], table
    assert retailer.rows(nights[1], "customer_totals", "order_count, revenue") == [(1, Decimal("7.00"))]
    assert facts(retailer, nights[2]) == facts(retailer, load_whole(retailer, monkeypatch))


def test_a_card_with_another_holder_touches_the_receipts_that_show_it_alone(retailer, monkeypatch):
    receipts = "receipt_id,customer_id,card_id,issued_at,total_amount\n"
    cards = "card_id,customer_id,closed_at\n"
    retailer.deliver(
        DAYS[0],
        receipts=receipts + "r1,,k,2017-12-01,5\nr2,c2,k,2017-12-01,6\nr3,,m,2017-12-01,7\n",
        loyalty_cards=cards + "m,c3,\n",
    )
    retailer.deliver(DAYS[1], loyalty_cards=cards + "m,c3,\nk,c1,\n")
    retailer.deliver(DAYS[2], loyalty_cards=cards + "m,c3,2017-11-30\nk,c1,\n")
    nights = [retailer.load(day, upto=LAYERS, only=MADE) for day in DAYS]
    holders = [dict(retailer.rows(night, "receipt_fact", "receipt_id, customer_id")) for night in nights]
    assert holders == [
        {"r1": None, "r2": "c2", "r3": "c3"},
        {"r1": "c1", "r2": "c2", "r3": "c3"},
        {"r1": "c1", "r2": "c2", "r3": None},
    ]
    files = nights[2].lake.manifest(nights[2].run_date).tables["receipt_fact"].data_files
    assert [file.rows for file in files] == [3, 1, 1]
    assert facts(retailer, nights[2]) == facts(retailer, load_whole(retailer, monkeypatch))


def test_a_receipt_is_known_since_the_night_that_first_had_it_with_its_customer(retailer, monkeypatch):
    again = "same,c1,2017-12-01,sale,5\n"
    first = again + "corrected,c1,2017-12-01,sale,5\nclaimed,,2017-12-01,sale,5\nmoved,c1,2017-12-01,sale,5\n"
    retailer.deliver(DAYS[0], receipts=RECEIPTS + first)
    second = again + "claimed,c2,2017-12-01,sale,5\nmoved,c2,2017-12-01,sale,5\nlate,c2,2017-11-30,sale,5\n"
    retailer.deliver(DAYS[1], receipts=RECEIPTS + second)
    third = again + "corrected,c1,2017-12-01,sale,9\nclaimed,c2,2017-12-01,sale,9\nmoved,c1,2017-12-01,sale,5\n"
    retailer.deliver(DAYS[2], receipts=RECEIPTS + third)
    night = load(retailer)
    assert dict(retailer.rows(night, "receipt_fact", "receipt_id, known_date")) == {
        "same": date(2017, 12, 1),
        "corrected": date(2017, 12, 1),
        "claimed": date(2017, 12, 2),
        "moved": date(2017, 12, 1),
        "late": date(2017, 12, 2),
    }
    assert facts(retailer, night) == facts(retailer, load_whole(retailer, monkeypatch))


def test_points_are_worked_out_again_for_whom_a_posting_came_or_fell_due_or_points_expired_alone(retailer, monkeypatch):
    retailer.deliver(
        DAYS[0],
        points_ledger=LEDGER
        + "e1,c1,earn,10,2017-11-01,2017-12-02\ne2,c2,earn,10,2017-11-01,2017-12-31\n"
        + "e3,c3,earn,10,2017-11-01,\ne4,c3,spend,-4,2017-12-03,\n"
        + "e5,c4,earn,10,2017-11-01,\ne6,c5,earn,1,2017-11-01,\ne7,c6,earn,3,2017-11-01,2018-01-03\n",
    )
    retailer.deliver(DAYS[1])
    retailer.deliver(DAYS[2], points_ledger=LEDGER + "e5,c5,earn,20,2017-11-01,2017-12-03\n")
    nights = [retailer.load(day, upto=LAYERS, only=MADE) for day in DAYS]
    files = nights[2].lake.manifest(nights[2].run_date).tables["customer_points"].data_files
    # c1's points expire; e4 waited, e5 has moved from c4 to c5, and those of c6 expire within 31 days.
    assert [file.rows for file in files] == [6, 1, 3]
    columns = "customer_id, CAST(points_balance AS INT), CAST(points_expired AS INT)"
    assert retailer.rows(nights[0], "customer_points", columns)[0] == ("c1", 10, 0)
    assert retailer.rows(nights[2], "customer_points", columns) == [
        ("c1", 0, 10),
        ("c2", 10, 0),
        ("c3", 6, 0),
        ("c5", 1, 20),
        ("c6", 3, 0),
    ]
    next_expiry = "customer_id, next_expiry_date, CAST(next_expiry_points AS INT)"
    assert [row for row in retailer.rows(nights[1], "customer_points", next_expiry) if row[1]] == [
        ("c2", date(2017, 12, 31), 10)
    ]
    assert [row for row in retailer.rows(nights[2], "customer_points", next_expiry) if row[1]] == [
        ("c2", date(2017, 12, 31), 10),
        ("c6", date(2018, 1, 3), 3),
    ]
    found = facts(retailer, nights[2])
    assert found == facts(retailer, load_whole(retailer, monkeypatch))


def test_a_store_that_is_renamed_has_no_fact_worked_out_again_and_shows_its_new_name(retailer):
    sales = "receipt_id,customer_id,issued_at,operation,total_amount,store_id\nr1,c1,2017-12-01,sale,5,s1\n"
    retailer.deliver(DAYS[0], receipts=sales, stores="store_id,name\ns1,Harbour\n")
    retailer.deliver(DAYS[1], stores="store_id,name\ns1,Old harbour\ns2,Market\n")
    nights = [retailer.load(day, upto=("staging", "facts"), only=MADE) for day in DAYS[:2]]
    assert {pieces(nights[1], name) for name in ("receipt_fact", "customer_day", "customer_totals")} == {1}
    names = [retailer.rows(night, "order_fact", "store_name") for night in nights]
    assert names == [[("Harbour",)], [("Old harbour",)]]


def test_a_merge_touches_both_accounts_and_its_reversal_too(retailer, monkeypatch):
    sales = RECEIPTS + "r1,old,2017-12-01,sale,5\nr2,new,2017-12-01,sale,6\nr3,other,2017-12-01,sale,7\n"
    retailer.deliver(DAYS[0], receipts=sales, crm_customers=CRM + "old,2017-01-01,\nnew,2017-01-01,\n")
    retailer.deliver(DAYS[1], crm_customers=CRM + "old,2017-01-01,new\n")
    retailer.deliver(DAYS[2], crm_customers=CRM + "old,2017-01-01,\n")
    nights = [retailer.load(day, upto=LAYERS, only=MADE) for day in DAYS]
    orders = [retailer.rows(night, "customer_totals", "customer_id, order_count") for night in nights]
    apart = [("new", 1), ("old", 1), ("other", 1)]
    assert orders == [apart, [("new", 2), ("other", 1)], apart]
    assert pieces(nights[2], "customer_totals") == 3
    assert facts(retailer, nights[2]) == facts(retailer, load_whole(retailer, monkeypatch))


def test_an_address_that_two_share_touches_both_and_its_correction_too(retailer, monkeypatch):
    sales = RECEIPTS + "r1,old,2017-12-01,sale,5\nr2,new,2017-12-01,sale,6\nr3,other,2017-12-01,sale,7\n"
    crm = "customer_id,registered_at,email\n"
    retailer.deliver(
        DAYS[0], receipts=sales, crm_customers=crm + "old,2017-01-01,a@example.com\nnew,2017-02-01,b@example.com\n"
    )
    retailer.deliver(DAYS[1], crm_customers=crm + "new,2017-02-01, A@Example.com\n")
    retailer.deliver(DAYS[2], crm_customers=crm + "new,2017-02-01,b@example.com\n")
    nights = [retailer.load(day, upto=LAYERS, only=MADE) for day in DAYS]
    identity = [retailer.rows(night, "customer_identity") for night in nights]
    assert identity == [[], [("new", "old", "email")], []]
    orders = [retailer.rows(night, "customer_totals", "customer_id, order_count") for night in nights]
    apart = [("new", 1), ("old", 1), ("other", 1)]
    assert orders == [apart, [("old", 2), ("other", 1)], apart]
    assert pieces(nights[2], "customer_totals") == 3
    assert facts(retailer, nights[2]) == facts(retailer, load_whole(retailer, monkeypatch))


def test_who_buys_with_a_merged_account_keeps_what_the_others_bought(retailer, monkeypatch):
    sales = RECEIPTS + "r1,old,2017-12-01,sale,5\nr2,new,2017-12-01,sale,6\n"
    lines = LINES + "r1,1,tea,1,5,3\nr2,1,tea,1,6,3\n"
    crm = CRM + "old,2017-01-01,new\nnew,2017-01-01,\n"
    retailer.deliver(
        DAYS[0], receipts=sales, receipt_lines=lines, crm_customers=crm, products=PRODUCTS + "tea,drinks\n"
    )
    retailer.deliver(DAYS[1])
    retailer.deliver(
        DAYS[2], receipts=RECEIPTS + "r3,old,2017-12-03,sale,7\n", receipt_lines=LINES + "r3,1,tea,1,7,3\n"
    )
    night = load(retailer)
    assert retailer.rows(night, "customer_category", "customer_id, category, revenue") == [
        ("new", "drinks", Decimal("18.00"))
    ]
    assert pieces(night, "customer_category") == 2
    assert facts(retailer, night) == facts(retailer, load_whole(retailer, monkeypatch))


def test_a_product_in_another_category_moves_all_its_sales(retailer):
    sales = {"receipts": RECEIPTS + "r1,c1,2017-12-01,sale,5\n", "receipt_lines": LINES + "r1,1,tea,1,5,3\n"}
    retailer.deliver(DAYS[0], **sales, products=PRODUCTS + "tea,drinks\n")
    retailer.deliver(DAYS[1], products="product_id,category,name\ntea,drinks,Tea\n")
    retailer.deliver(DAYS[2], products=PRODUCTS + "tea,groceries\n")
    nights = [retailer.load(day, upto=LAYERS, only=MADE) for day in DAYS]
    categories = [retailer.rows(night, "customer_category", "customer_id, category") for night in nights]
    assert categories == [[("c1", "drinks")], [("c1", "drinks")], [("c1", "groceries")]]
    kept = {night.lake.manifest(night.run_date).tables["customer_category"].data_files for night in nights[:2]}
    assert len(kept) == 1, "another name of a product touches nothing"


def test_a_late_a_corrected_a_repeated_and_a_waiting_event_touch_their_days_alone(retailer, monkeypatch):
    first = "e1,c1,2017-11-01,view\ne2,c1,2017-11-02,view\ne3,,2017-11-03,view\ne9,c1,2017-12-03,view\n"
    retailer.deliver(DAYS[0], web_events=EVENTS + first)
    retailer.deliver(DAYS[1], web_events=EVENTS + "e1,c2,2017-11-04,cart\ne4,c1,2017-11-02,view\n")
    retailer.deliver(DAYS[2], web_events=EVENTS + "e3,,2017-11-03,view\n")
    night = load(retailer)
    found = facts(retailer, night)
    assert found["web_visitor"] == [("c1", date(2017, 12, 3)), ("c2", date(2017, 11, 4))]
    assert found["web_visit"] == [
        ("c1", date(2017, 11, 2), 2, 2),
        ("c1", date(2017, 12, 3), 1, 1),
        ("c2", date(2017, 11, 4), 1, 0),
        (None, date(2017, 11, 3), 1, 1),
    ]
    files = night.lake.manifest(night.run_date).tables["web_visit"].data_files
    assert [file.rows for file in files] == [3, 2, 2], "e1 left its day and came to another"
    assert facts(retailer, load_whole(retailer, monkeypatch)) == found


def test_pieces_become_one_and_tonights_before_they_are_too_many(retailer, monkeypatch):
    monkeypatch.setattr(merge, "MOST_SMALL_FILES", 2)
    for number, day in enumerate(DAYS):
        retailer.deliver(day, receipts=RECEIPTS + f"r{number},c1,{day},sale,5\n")
    night = load(retailer)
    assert pieces(night, "receipt_fact") == 2
    assert len(facts(retailer, night)["receipt_fact"]) == 3


def test_a_table_of_which_much_is_superseded_is_written_without_it(retailer, monkeypatch):
    monkeypatch.setattr(merge, "MOST_SUPERSEDED", 0.25)
    rows = "".join(f"r{n},c{n},2017-12-01,sale,5\n" for n in range(7))
    retailer.deliver(DAYS[0], receipts=RECEIPTS + rows)
    retailer.deliver(DAYS[1], receipts=RECEIPTS + "r0,c0,2017-12-01,sale,6\nr1,c1,2017-12-01,sale,6\n")
    retailer.deliver(DAYS[2], receipts=RECEIPTS + "r2,c2,2017-12-01,sale,6\n")
    retailer.deliver("2017-12-04", receipts=RECEIPTS + "r3,c3,2017-12-01,sale,6\n")
    nights = [retailer.load(day, upto=LAYERS, only=MADE) for day in (*DAYS, "2017-12-04")]
    states = [night.lake.manifest(night.run_date).tables["receipt_fact"] for night in nights]
    assert [[file.rows for file in state.data_files] for state in states] == [[7], [7, 2], [7, 2, 1], [7, 1]]
    assert [[file.rows for file in state.superseded] for state in states] == [[], [2], [2, 1], [1]]
    assert [state.info.get(merge.SUPERSEDED_ROWS, 0) for state in states] == [0, 2, 3, 1]
    revenues = dict(retailer.rows(nights[-1], "receipt_fact", "receipt_id, CAST(revenue AS INT)"))
    assert revenues == {f"r{n}": 6 if n < 4 else 5 for n in range(7)}


def test_a_night_without_news_leaves_every_piece_as_it_is(retailer):
    retailer.deliver(DAYS[0], receipts=RECEIPTS + "r1,c1,2017-12-01,sale,5\n")
    retailer.deliver(DAYS[1])
    first, second = (retailer.load(day, upto=LAYERS, only=MADE) for day in DAYS[:2])
    for name in INCREMENTAL:
        tables = [night.lake.manifest(night.run_date).tables[name] for night in (first, second)]
        assert tables[0].data_files == tables[1].data_files, name
        assert not tables[1].superseded, name


accounts = st.sampled_from(["a", "b", "c", ""])
numbers = st.integers(0, 4)
receipt = st.builds(
    "r{},{},2017-{},{},{}\n".format,
    numbers,
    accounts,
    st.sampled_from(["11-30", "12-01", "12-02", "12-03", "12-09"]),
    st.sampled_from(["sale", "return", "void"]),
    st.integers(1, 9),
)
line = st.builds(
    "r{},{},p{},1,{},1,{}\n".format,
    numbers,
    st.integers(1, 3),
    numbers,
    st.integers(1, 9),
    st.sampled_from(["", "P", "Q"]),
)
account = st.builds("{},2017-01-01,{}\n".format, st.sampled_from("abc"), accounts)
product = st.builds("p{},category {}\n".format, numbers, st.integers(0, 1))
event = st.builds(
    "e{},{},2017-{},{}\n".format,
    numbers,
    accounts,
    st.sampled_from(["11-30", "12-01", "12-02", "12-03", "12-09"]),
    st.sampled_from(["view", "cart"]),
)
posting = st.builds(
    "e{},{},{},2017-{},{}\n".format,
    numbers,
    st.sampled_from("abc"),
    st.sampled_from(["earn,8", "earn,5", "spend,-3", "expire,-2"]),
    st.sampled_from(["11-30", "12-01", "12-02", "12-03"]),
    st.sampled_from(["", "2017-12-01", "2017-12-02", "2017-12-03"]),
)
extracts = st.fixed_dictionaries(
    {"receipts": st.lists(receipt), "receipt_lines": st.lists(line), "crm_customers": st.lists(account)},
    optional={
        "products": st.lists(product),
        "points_ledger": st.lists(posting),
        "web_events": st.lists(event),
    },
)
HEADERS = {
    "receipts": RECEIPTS,
    "receipt_lines": LINES.strip() + ",promotion_id\n",
    "crm_customers": CRM,
    "products": PRODUCTS,
    "points_ledger": LEDGER,
    "web_events": EVENTS,
}


@settings(
    max_examples=5,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # shrinking would load nights for minutes
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(nights=st.lists(extracts, min_size=3, max_size=3))
def test_whatever_comes_increments_add_up_to_the_whole(
    nights: list[dict[str, list[str]]], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("LOYALTY_HOME", str(home))
    load_settings.cache_clear()
    monkeypatch.setattr(merge, "MOST_SUPERSEDED", 0.25)
    monkeypatch.setattr(merge, "MOST_SMALL_FILES", 2)
    retailer = Retailer(home)
    for day, delivered in zip(DAYS, nights, strict=True):
        retailer.deliver(day, **{name: HEADERS[name] + "".join(rows) for name, rows in delivered.items()})
    by_increments = facts(retailer, load(retailer))
    assert by_increments == facts(retailer, load_whole(retailer, monkeypatch))
