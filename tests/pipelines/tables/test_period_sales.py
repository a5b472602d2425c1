"""KPIs of periods that a night keeps or works out again, against those worked out whole, and against kpi_daily."""

from datetime import date
from typing import Any

import pytest
from conftest import Retailer, needed

from pipelines.tables import period_sales

RECEIPTS = "receipt_id,customer_id,card_id,store_id,sales_channel,issued_at,operation,total_amount,points_earned\n"
LINES = "receipt_id,line_number,product_id,quantity,amount,cost_amount\n"
CRM = "customer_id,registered_at,enrolled_at,acquisition_channel,merged_into_customer_id,deleted_at\n"
LEDGER = "entry_id,customer_id,kind,points,posted_at,expires_at\n"
PRODUCTS = "product_id,category\ntea,drinks\ncup,dishes\n"
STORES = "store_id,name,region\ns1,Harbour,North\ns2,Market,South\n"
CARDS = "card_id,customer_id,closed_at\n"
DAYS = ("2017-11-27", "2017-11-29", "2017-12-01", "2017-12-04", "2017-12-05")
MADE = needed("kpi_period", "kpi_daily", "cohort_month")
LAYERS = ("staging", "facts", "scores", "marts")
TABLES = ("kpi_period", "cohort_month")


def deliver(retailer: Retailer) -> None:
    """Late, corrected and voided receipts, a card found to be somebody's, a merge, an enrolment, late points."""
    retailer.deliver(
        DAYS[0],
        crm_customers=CRM + "a,2017-01-01,,app,,\nb,2017-11-27,,,,\nc,2017-01-01,2017-12-04,till,,\n",
        receipts=RECEIPTS
        + "r1,a,,s1,store,2016-11-20,sale,20,2\nr2,b,,s2,online,2017-11-01,sale,30,\n"
        + "r3,,k,s1,store,2017-11-02,sale,7,\nr4,c,,s1,store,2017-11-27,sale,9,\n",
        receipt_lines=LINES + "r1,1,tea,2,20,8\nr2,1,cup,1,30,9\nr3,1,tea,1,7,3\n",
        products=PRODUCTS,
        stores=STORES,
        points_ledger=LEDGER + "e1,a,earn,5,2017-11-21,\n",
    )
    retailer.deliver(
        DAYS[1],
        receipts=RECEIPTS + "r5,a,,s2,online,2017-11-01,sale,11,\nr2,b,,s1,store,2017-11-03,sale,25,\n",
        receipt_lines=LINES + "r5,1,tea,1,11,4\nr2,1,tea,1,25,9\n",
        products=PRODUCTS,
        stores=STORES,
    )
    retailer.deliver(
        DAYS[2],
        loyalty_cards=CARDS + "k,a,\n",
        receipts=RECEIPTS + "r4,c,,s1,store,2017-11-27,void,9,\nr6,a,,s1,store,2017-12-01,return,4,\n",
        products=PRODUCTS,
        stores=STORES,
        points_ledger=LEDGER + "e2,a,spend,-3,2017-11-22,\n",
    )
    retailer.deliver(
        DAYS[3],
        crm_customers=CRM + "b,2017-11-27,,web,a,\nc,2017-01-01,2016-01-01,till,,2017-12-05\n",
        receipts=RECEIPTS + "r7,c,,s2,store,2017-11-28,sale,13,\n",
        products=PRODUCTS,
        stores=STORES,
        loyalty_cards=CARDS + "k,a,\n",
    )
    retailer.deliver(
        DAYS[4],
        products=PRODUCTS,
        stores=STORES,
        loyalty_cards=CARDS + "k,a,\n",
        crm_customers=CRM + "b,2017-11-27,,web,,\n",
    )


def found(retailer: Retailer, night: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {name: retailer.rows(night, name) for name in TABLES}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[set[date]]:
    """The days that each night works out, in order."""
    days: list[set[date]] = []
    true = period_sales._days_to_make
    monkeypatch.setattr(period_sales, "_days_to_make", lambda *a: days.append(true(*a)) or days[-1])
    return days


def test_a_night_works_out_the_days_it_touches_and_gets_what_working_out_all_gives(retailer, asked, monkeypatch):
    deliver(retailer)
    for number, day in enumerate(DAYS):
        night = retailer.load(day, upto=LAYERS, only=MADE)
        by_increments = found(retailer, night)
        with monkeypatch.context() as patch:
            patch.setattr(period_sales, "_is_outdated", lambda *_: True)
            assert found(retailer, retailer.load(day, upto=LAYERS, only=MADE)) == by_increments, day
        whole = asked.pop()
        assert len(asked) == number + 1 and asked[-1] <= whole
    assert [len(days) for days in asked[1:]] == [2, 4, 8, 7]  # of over 370
    assert asked[1] == {date(2017, 11, 1), date(2017, 11, 3)}


@pytest.mark.parametrize("day", DAYS[-1:])
def test_the_periods_of_all_sales_are_the_sums_of_kpi_daily(retailer, day):
    deliver(retailer)
    for each in DAYS:
        night = retailer.load(each, upto=LAYERS, only=MADE)
    summed = "revenue, member_revenue, receipts, return_receipts, orders, new_members"
    daily = retailer.rows(night, "kpi_daily", f"business_date, {summed}")
    for period, start in (("day", 0), ("week", 1), ("month", 2)):
        sums: dict[date, list[Any]] = {}
        for business_date, *values in daily:
            of = period_sales.periods_of(business_date)[start][1]
            sums[of] = [a + b for a, b in zip(sums.get(of, [0] * len(values)), values, strict=True)]
        rows = retailer.rows(night, "kpi_period", f"period, cut, period_start, {summed}")
        assert {row[2]: list(row[3:]) for row in rows if row[:2] == (period, "all")} == sums


def test_each_days_figures_are_those_of_kpi_daily(retailer):
    deliver(retailer)
    for each in DAYS:
        night = retailer.load(each, upto=LAYERS, only=MADE)
    same = "gross_margin, buyers, members, active_members, participation_rate, participation_revenue_rate"
    daily = retailer.rows(night, "kpi_daily", f"business_date, average_order_value, {same}, benefit_users")
    rows = retailer.rows(
        night,
        "kpi_period",
        f"period || cut, period_start, average_order_value, {same}, COALESCE(benefit_users, 0)",
    )
    assert [row[1:] for row in rows if row[0] == "dayall"] == daily


def test_sales_add_up_over_channels_stores_regions_and_sources(retailer):
    deliver(retailer)
    night = retailer.load(DAYS[0], upto=LAYERS, only=MADE)
    sums: dict[tuple[Any, ...], dict[str, list[Any]]] = {}
    columns = "period, period_start, cut, revenue, member_revenue, receipts, orders, sale_lines"
    for period, start, cut, *values in retailer.rows(night, "kpi_period", columns):
        of = sums.setdefault((period, start), {})
        of[cut] = [a + b for a, b in zip(of.get(cut, [0] * len(values)), values, strict=True)]
    for by_cut in sums.values():
        with_sales = by_cut if by_cut["all"][2] else {"all": by_cut["all"]}
        for cut in with_sales.keys() - {"category", "segment"}:
            assert by_cut[cut] == by_cut["all"], cut


def test_cohorts_of_the_first_order_add_up_to_what_known_customers_bought(retailer):
    deliver(retailer)
    for each in DAYS:
        night = retailer.load(each, upto=LAYERS, only=MADE)
    sums: dict[date, Any] = {}
    columns = "business_month, CASE WHEN cohort_kind = 'first_order' THEN revenue ELSE 0 END"
    for month, revenue in retailer.rows(night, "cohort_month", columns):
        sums[month] = sums.get(month, 0) + revenue
    rows = retailer.rows(night, "kpi_period", "period || cut, period_start, member_revenue")
    assert {month: revenue for of, month, revenue in rows if of == "monthall"} == sums
