"""On which of its channels a campaign writes to a customer."""

from datetime import timedelta
from typing import Any

import pytest
from campaign_shop import NIGHT, CampaignShop, campaign, campaigns_of, left_out, listed

THREE = [
    {"channel": "email", "target": "unisender"},
    {"channel": "sms", "target": "sms"},
    {"channel": "ads", "target": "meta"},
]


def of(use_channels: str, **values: Any) -> dict[str, Any]:
    return campaign("x", channels=THREE, use_channels=use_channels, **values)


@pytest.fixture
def people(shop: CampaignShop) -> CampaignShop:
    """All reachable but bob, by SMS alone; customer_channel chose SMS for carl, e-mail for bob and push for dora."""
    for name in ("ann", "carl", "dora"):
        shop.customer(name, "lapsing")
    shop.customer("bob", "lapsing", email="nobody")
    rows = [("carl", "sms"), ("bob", "email"), ("dora", "push")]
    shop.con.executemany("INSERT INTO customer_channel VALUES (?, ?)", rows)
    return shop


def sendings(shop: CampaignShop, use_channels: str) -> list[tuple[str, str]]:
    rows = listed(shop.lists(campaigns_of(of(use_channels))))
    return [(channel, customer) for _, channel, customer in rows if channel != "ads"]


def test_first_is_the_first_in_the_files_order_on_which_a_customer_can_be_reached(people: CampaignShop) -> None:
    assert sendings(people, "first") == [("email", "ann"), ("email", "carl"), ("email", "dora"), ("sms", "bob")]
    assert left_out(people.lists(campaigns_of(of("first")))) == {
        ("x", "email", "bad_address"): 1,
        ("x", "sms", "other_channel"): 3,
    }


def test_best_is_the_chosen_channel_if_it_can_be_used_else_the_first(people: CampaignShop) -> None:
    assert sendings(people, "best") == [("email", "ann"), ("email", "dora"), ("sms", "bob"), ("sms", "carl")]


def test_all_is_each_channel(people: CampaignShop) -> None:
    everywhere = [("email", "ann"), ("email", "carl"), ("email", "dora")]
    assert sendings(people, "all") == [*everywhere, ("sms", "ann"), ("sms", "bob"), ("sms", "carl"), ("sms", "dora")]


@pytest.mark.parametrize("use_channels", ["first", "best", "all"])
def test_an_audience_beside_sendings_holds_everybody(people: CampaignShop, use_channels: str) -> None:
    rows = listed(people.lists(campaigns_of(of(use_channels))))
    assert [customer for _, channel, customer in rows if channel == "ads"] == ["ann", "bob", "carl", "dora"]


def test_who_was_written_to_on_one_channel_is_not_written_to_on_another_later(people: CampaignShop) -> None:
    people.write(of("first"))
    people.consent("email", False, "ann", "carl", "dora")
    lists = people.lists(campaigns_of(of("first")), NIGHT + timedelta(1))
    assert [row for row in listed(lists) if row[1] != "ads"] == []
    assert left_out(lists)["x", "sms", "sent_before"] == 4


def test_an_address_that_is_anothers_is_no_way_to_reach_a_customer(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing", email="home@example.org")
    shop.customer("bob", "lapsing", email="home@example.org")
    assert sendings(shop, "first") == [("email", "ann"), ("sms", "bob")]
