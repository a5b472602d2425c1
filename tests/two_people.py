"""Two nights of two people, one of whom has two accounts, for erasures."""

from datetime import date
from pathlib import Path

import duckdb
from conftest import Retailer
from nights import run_night

DAYS = ("2017-12-01", "2017-12-02", "2017-12-03")
CRM = "customer_id,registered_at,name,email,phone,push_token,email_consent,merged_into_customer_id,birth_date\n"
ANN = "12,2017-01-01,Ann Lee,Ann.Lee@Example.org,(201) 555-0123,token-ann,true,,1980-12-05\n"
OLD_ANN = "11,2016-01-01,Ann Leigh,ann@old.example.org,201.555.0177,,true,12,1980-12-05\n"
BOB = "2,2017-01-01,Bob Roe,bob@example.org,(201) 555-0123,token-bob,true,,1981-12-06\n"
RECEIPTS = "receipt_id,customer_id,issued_at,total_amount,card_id\n"
TICKETS = "ticket_id,customer_id,opened_at,topic\n"
EVENTS = "event_id,customer_id,occurred_at,kind\n"
CAMPAIGNS = """
campaigns:
- {id: hello, name: Hello, segment: everybody, priority: 1, window_days: 30, control_share: 0, channels: [
    {channel: email, target: unisender, fields: {id: customer_id}}]}
- {id: club, name: Club, segment: everybody, priority: 2, window_days: 30, control_share: 0, mode: audience, channels: [
    {channel: email, target: mautic}]}
- {id: later, name: Later, segment: everybody, priority: 3, window_days: 30, control_share: 0, needs_approval: true,
   channels: [{channel: email, target: unisender}]}
"""


def deliver_two_nights(retailer: Retailer) -> None:
    retailer.deliver(
        DAYS[0],
        crm_customers=CRM + ANN + OLD_ANN + BOB + '12,never,Ann Lee,"ann.lee@example.org",,,,,\n',
        receipts=RECEIPTS + "12,2,2017-12-01,5,\nr2,12.0,2017-12-01,7.50,k-ann-1\nr3,11,2017-11-30,8,\n",
        receipt_lines="receipt_id,line_number,quantity,amount\nr2,1,12,7.50\n",
        promo_codes="promo_code,kind\n2015550177,percent\nANN.LEE@Example.org,points\nTEA,percent\n",
        promo_redemptions="promo_code,receipt_id\n2015550177,12\nANN.LEE@Example.org,r2\n(201) 555-0177,r3\nTEA,r3\n",
        loyalty_cards="card_id,customer_id\nk-ann-1,12\n",
        contacts="contact_id,customer_id,channel,sent_at\nm1,12,email,2017-11-01\nm2,2,email,2017-11-01\n",
        support_tickets=TICKETS + "t1,2,2017-11-01,Ann Lee sent me here\nt2,11,2017-11-01,\n",
        surveys="response_id,customer_id,answered_at,kind,score\ns1,12,2017-11-01,nps,9\ns2,2,2017-11-01,csi,1\n",
        web_events=EVENTS + "w1,11,2017-11-01,view\nw2,2,2017-11-01,cart\nw3,,2017-11-01,view\n",
    )
    retailer.deliver(DAYS[1], receipts=RECEIPTS + "r4,12,2017-12-02,9,k-ann-1\n")


def run_day(day: str) -> None:
    """A night without its report."""
    run_night(date.fromisoformat(day), f"test {day}", without=("report",))


def landing(shop: Retailer, day: str, name: str) -> list[str]:
    return (shop.home / "landing" / day / name).read_text().splitlines()


def warehouse(shop: Retailer, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(shop.home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def contents(home: Path) -> dict[str, bytes]:
    return {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file() and p.name != ".lock"}
