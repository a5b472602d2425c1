"""Who unsubscribed is on no list, from the night on which the unsubscribe arrives until they consent anew."""

import json

import pytest
from conftest import Retailer
from two_people import DAYS, run_day

from pipelines.settings import load_settings

CRM = "customer_id,registered_at,email,email_consent,merged_into_customer_id,updated_at\n"
CONTACTS = "contact_id,customer_id,channel,sent_at,unsubscribed_at\n"
SENT = "m1,old,email,2017-11-01,"
CAMPAIGNS = """
campaigns:
- {id: hello, name: Hello, segment: members_without_order, priority: 1, window_days: 30, control_share: 0,
   mode: audience, channels: [
    {channel: email, target: unisender, fields: {id: customer_id}}]}
"""


@pytest.fixture
def shop(retailer: Retailer, tmp_path, monkeypatch) -> Retailer:
    """Ann, with an old account that was merged into hers, and Bob; every customer is written to."""
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(tmp_path / "campaigns.yaml"))
    load_settings.cache_clear()
    return retailer


def crm(day: str, *consents: str) -> str:
    """All three accounts, updated that day."""
    accounts = (("ann", ""), ("old", "ann"), ("bob", ""))
    rows = zip(accounts, consents, strict=True)
    return CRM + "".join(f"{a},2017-01-01,{a}@example.org,{yes},{into},{day}\n" for (a, into), yes in rows)


def listed(shop: Retailer, day: str) -> tuple[set[str], int]:
    """Who is on the night's list, and how many are left out as unsubscribed."""
    folder = shop.home / "exports" / day
    rows = (folder / "hello" / "email.csv").read_text().splitlines()[1:]
    (part,) = json.loads((folder / "manifest.json").read_text())["campaigns"]
    return {row.split(",")[1] for row in rows}, part["channels"][0]["left_out"]["unsubscribed"]


def test_an_unsubscribe_of_any_account_closes_the_channel_until_no_and_then_yes(shop: Retailer) -> None:
    yes = ("true", "true", "true")
    shop.deliver(DAYS[0], crm_customers=crm(DAYS[0], *yes), contacts=f"{CONTACTS}{SENT}2017-12-01\n")
    shop.deliver(DAYS[1], crm_customers=crm(DAYS[1], *yes), contacts=f"{CONTACTS}{SENT}\n")
    shop.deliver(DAYS[2], crm_customers=crm(DAYS[2], "false", "true", "true"))
    shop.deliver("2017-12-04", crm_customers=crm("2017-12-04", *yes))
    for day in (*DAYS, "2017-12-04"):
        run_day(day)
    found = [listed(shop, day) for day in (*DAYS, "2017-12-04")]
    assert found == [({"bob"}, 1), ({"bob"}, 1), ({"bob"}, 1), ({"ann", "bob"}, 0)]


def test_an_unsubscribe_that_comes_late_closes_the_channel_from_its_arrival_on(shop: Retailer) -> None:
    for day in DAYS:
        shop.deliver(day, crm_customers=crm(day, "true", "true", "true"))
    run_day(DAYS[0])
    shop.deliver(DAYS[1], contacts=f"{CONTACTS}{SENT}2017-11-02\n")
    run_day(DAYS[1])
    run_day(DAYS[2])
    assert [listed(shop, day) for day in DAYS] == [({"ann", "bob"}, 0), ({"bob"}, 1), ({"bob"}, 1)]
