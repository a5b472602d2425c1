"""The cap counts contacts with a customer over all campaigns and channels that send; priority says who goes first."""

from datetime import date, timedelta
from typing import Any

import pytest
from campaign_shop import (
    NIGHT,
    CampaignShop,
    campaign,
    campaign_on,
    campaigns_of,
    is_control,
    listed,
    members,
    reasons,
)

from pipelines.campaigns.config import Campaigns, ContactCap

AGAIN = {"repeat": {"after_days": 1}}


def capped(*campaigns: dict[str, Any], contacts: int = 1, days: int = 7) -> Campaigns:
    return campaigns_of(*campaigns, cap=ContactCap(contacts=contacts, days=days))


def sms(campaign_id: str, priority: int, **values: Any) -> dict[str, Any]:
    return campaign_on("sms", "sms", id=campaign_id, priority=priority, **values)


def contact(shop: CampaignShop, *row: str | None) -> None:
    """An extract reports a contact with ann: campaign, channel, day."""
    shop.con.execute("INSERT INTO contact VALUES ('ann', ?, ?, ?)", row)


def test_the_cap_counts_over_campaigns_and_channels_and_priority_names_who_took_the_last_contact(
    shop: CampaignShop,
) -> None:
    shop.customer("ann", "lapsing")
    third, first, second = sms("third", 3), campaign("first"), sms("second", 2)
    one = shop.lists(capped(third, first, second))
    assert listed(one) == [("first", "email", "ann")]
    assert reasons(one) == [("second", "ann", "priority", "first"), ("third", "ann", "priority", "first")]
    two = shop.lists(capped(third, first, second, contacts=2))
    assert listed(two) == [("first", "email", "ann"), ("second", "sms", "ann")]
    assert reasons(two) == [("third", "ann", "priority", "second")]
    assert reasons(shop.lists(capped(third, first, second, contacts=3))) == []
    assert reasons(shop.lists(campaigns_of(third, first, second))) == [], "without a cap there is no limit"


@pytest.mark.parametrize(("passed", "is_listed"), [(1, False), (6, False), (7, True)])
def test_the_cap_counts_earlier_nights_of_its_days_tonight_among_them(
    shop: CampaignShop, passed: int, is_listed: bool
) -> None:
    shop.customer("ann", "lapsing")
    shop.commit(shop.lists(capped(campaign("first"))))
    lists = shop.lists(capped(sms("second", 2)), NIGHT + timedelta(passed))
    assert reasons(lists) == ([] if is_listed else [("second", "ann", "cap", "first")])
    assert listed(lists) == ([("second", "sms", "ann")] if is_listed else [])


def test_the_cap_names_the_campaign_of_the_last_contact(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    for number, name in enumerate(("early", "late")):
        shop.write(sms(name, 1), night=NIGHT - timedelta(2 - number))
    lists = shop.lists(capped(campaign("third", priority=3), contacts=2))
    assert reasons(lists) == [("third", "ann", "cap", "late")]


def test_a_campaign_that_is_over_and_one_that_went_from_the_file_count_still(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(sms("over", 1), night=NIGHT - timedelta(1))
    shop.write(sms("over", 1, ends_on=NIGHT - timedelta(1)))
    assert reasons(shop.lists(capped(campaign("second")))) == [("second", "ann", "cap", "over")]


def test_a_contact_of_another_tool_counts_on_whatever_channel_but_ads(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    contact(shop, "theirs", "ads", "2025-03-09")
    assert listed(shop.lists(capped(campaign()))) == [("win_back", "email", "ann")]
    contact(shop, None, "call", "2025-03-09")
    assert reasons(shop.lists(capped(campaign()))) == [("win_back", "ann", "cap", None)]
    assert listed(shop.lists(capped(campaign(), days=1))) == [("win_back", "email", "ann")]


@pytest.mark.parametrize(
    ("reported", "counted"),
    [(["2025-03-09"], 1), (["2025-03-10"], 1), (["2025-03-09", "2025-03-10"], 2), ([], 1)],
)
def test_what_extracts_report_of_our_own_sending_counts_once_unless_it_is_more(
    shop: CampaignShop, reported: list[str], counted: int
) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign("first"), night=date(2025, 3, 9))
    for day in reported:
        contact(shop, "first", "email", day)
    found = [reasons(shop.lists(capped(sms("second", 2), contacts=contacts))) for contacts in (counted, counted + 1)]
    assert found == [[("second", "ann", "cap", "first")], []]


def test_contacts_of_a_merged_account_are_the_persons(shop: CampaignShop) -> None:
    shop.customer("old", "lapsing")
    shop.write(campaign("first"), night=NIGHT - timedelta(1))
    shop.customer("ann", "lapsing")
    shop.merge("old", "ann")
    assert reasons(shop.lists(capped(sms("second", 2)))) == [("second", "ann", "cap", "first")]


def test_who_is_control_takes_a_contact_too_tonight_and_later(shop: CampaignShop) -> None:
    customer_id = next(str(i) for i in range(100) if is_control("vip", str(i), 0.5))
    shop.customer(customer_id, "lapsing")
    vip, other = campaign("vip", control_share=0.5), sms("other", 2)
    lists = shop.lists(capped(vip, other))
    assert (members(lists), listed(lists)) == ([("vip", "email", customer_id, "control")], [])
    assert reasons(lists) == [
        ("other", customer_id, "priority", "vip"),
        ("vip", customer_id, "control_group", None),
    ]
    shop.commit(lists)
    later = shop.lists(capped(other), NIGHT + timedelta(1))
    assert reasons(later) == [("other", customer_id, "cap", "vip")]


def test_who_can_not_or_need_not_be_written_to_takes_no_contact(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing", email_consent=False)
    shop.customer("bob", "lapsing")
    shop.write(campaign("first"), night=NIGHT - timedelta(20))
    lists = shop.lists(capped(campaign("first"), sms("second", 2)))
    assert listed(lists) == [("second", "sms", "ann"), ("second", "sms", "bob")]


def test_an_audience_takes_no_contact_and_is_not_capped(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    kept, ads = campaign("kept", mode="audience"), campaign_on("ads", "meta", id="ads")
    both = capped(kept, ads, sms("sends", 3))
    first = shop.lists(both)
    assert listed(first) == [("ads", "ads", "ann"), ("kept", "email", "ann"), ("sends", "sms", "ann")]
    shop.commit(first)
    later = shop.lists(both, NIGHT + timedelta(1))
    assert listed(later) == [("ads", "ads", "ann"), ("kept", "email", "ann")]
    assert reasons(later) == [("sends", "ann", "sent_before", None)]


def test_channels_of_one_campaign_take_a_contact_each(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    both = [{"channel": "sms", "target": "sms"}, {"channel": "email", "target": "unisender"}]
    lists = shop.lists(capped(campaign(channels=both, use_channels="all")))
    assert listed(lists) == [("win_back", "sms", "ann")]
    assert reasons(lists) == [("win_back", "ann", "priority", "win_back")]


def test_a_campaign_that_waited_for_the_cap_writes_when_the_cap_lets_it(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    found = []
    for number in range(4):
        lists = shop.lists(capped(campaign("first"), sms("second", 2), days=3), NIGHT + timedelta(number))
        shop.commit(lists)
        found.append((listed(lists), reasons(lists)))
    first_is_done = ("first", "ann", "sent_before", None)
    assert found == [
        ([("first", "email", "ann")], [("second", "ann", "priority", "first")]),
        ([], [first_is_done, ("second", "ann", "cap", "first")]),
        ([], [first_is_done, ("second", "ann", "cap", "first")]),
        ([("second", "sms", "ann")], [first_is_done]),
    ]


def test_a_rerun_of_the_night_decides_as_its_first_run_did(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    both = capped(campaign("first"), sms("second", 2))
    shop.commit(shop.lists(both))
    again = shop.lists(both)
    assert listed(again) == [("first", "email", "ann")]
    assert reasons(again) == [("second", "ann", "priority", "first")]


def test_nobody_is_contacted_more_often_than_the_cap_in_any_span_of_its_days(shop: CampaignShop) -> None:
    for number in range(5):
        shop.customer(f"c{number}", "lapsing")
    often = [campaign(f"x{i}", priority=i + 1, **AGAIN) for i in range(3)]
    cap = capped(*often, contacts=4, days=3)
    nights: dict[str, list[int]] = {}
    for number in range(8):
        lists = shop.lists(cap, NIGHT + timedelta(number))
        shop.commit(lists)
        for _, _, customer in listed(lists):
            nights.setdefault(customer, []).append(number)
    assert set(nights) == {f"c{number}" for number in range(5)}
    for found in nights.values():
        spans = [sum(first <= night < first + 3 for night in found) for first in range(6)]
        assert spans == [4] * 6, "and no contact is left unused"
