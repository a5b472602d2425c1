"""Who leaves the audience of a tool, and by which address; a sending removes nobody."""

from datetime import date
from typing import Any

import pytest
from campaign_shop import CampaignShop, campaign, campaign_on, campaigns_of, listed, members, removals

BEFORE = date(2025, 3, 9)
AUDIENCE = campaign(mode="audience")
ADS = campaign_on("ads", "meta")
BOTH = campaign(channels=[{"channel": "ads", "target": "meta"}, {"channel": "sms", "target": "mindbox"}])


def test_who_left_the_segment_withdrew_consent_or_was_deleted_is_removed_and_told_once(shop: CampaignShop) -> None:
    for customer_id in ("left", "withdrew", "deleted", "stays"):
        shop.customer(customer_id, "lapsing")
    first = shop.lists(campaigns_of(AUDIENCE), BEFORE)
    assert removals(first) == []
    shop.commit(first)
    shop.leave("left")
    shop.consent("email", None, "withdrew")
    shop.con.execute("UPDATE customer SET is_deleted = TRUE WHERE customer_id = 'deleted'")
    second = shop.lists(campaigns_of(AUDIENCE))
    assert removals(second) == [
        ("win_back", "email", "unisender", "deleted", "deleted@example.org"),
        ("win_back", "email", "unisender", "left", "left@example.org"),
        ("win_back", "email", "unisender", "withdrew", "withdrew@example.org"),
    ]
    shop.commit(second)
    assert removals(shop.lists(campaigns_of(AUDIENCE))) == []


def test_a_sending_removes_nobody(shop: CampaignShop) -> None:
    for customer_id in ("left", "withdrew", "deleted", "moved"):
        shop.customer(customer_id, "lapsing")
    shop.write(campaign(), night=BEFORE)
    shop.leave("left")
    shop.consent("email", False, "withdrew")
    shop.con.execute("UPDATE customer SET is_deleted = TRUE WHERE customer_id = 'deleted'")
    shop.change("moved", email="new@example.org")
    assert removals(shop.lists(campaigns_of(campaign()))) == []
    assert removals(shop.lists(campaigns_of(campaign(ends_on=BEFORE)))) == []


@pytest.mark.parametrize(
    "tonight",
    [
        campaign(mode="audience", ends_on=BEFORE),
        campaign_on("email", "mautic", mode="audience"),
        campaign_on("sms", "unisender", mode="audience"),
        campaign(),
    ],
    ids=["ended", "another target", "another channel", "a sending now"],
)
def test_everyone_is_removed_from_an_audience_that_ended(shop: CampaignShop, tonight: dict[str, Any]) -> None:
    shop.customer("a", "lapsing")
    shop.write(AUDIENCE, night=BEFORE)
    assert removals(shop.lists(campaigns_of(tonight))) == [("win_back", "email", "unisender", "a", "a@example.org")]


def test_an_ended_campaign_is_told_of_once(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing")
    ended = campaign(mode="audience", ends_on=BEFORE)
    shop.write(AUDIENCE, night=BEFORE)
    assert [file.path for each in shop.write(ended) for file in each.files] == ["email_removals.csv"]
    assert shop.write(ended, night=date(2025, 3, 11)) == []


def test_a_campaign_at_fault_removes_nobody(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing")
    shop.write(AUDIENCE, night=BEFORE)
    shop.leave("a")
    assert removals(shop.lists(campaigns_of(), held={"win_back"})) == []


def test_an_erased_person_is_removed_by_the_address_that_was_listed(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email=" A@Example.org", phone="(201) 555-0100")
    audiences = campaign(mode="audience", channels=BOTH["channels"])
    shop.write(audiences, night=BEFORE)
    for table in ("customer", "extract", "customer_segment"):
        shop.con.execute(f"DELETE FROM {table}")
    rows = shop.lists(campaigns_of(audiences)).removals.to_pylist()
    assert [(r["channel"], r["customer_id"], r["email"], r["phone"], r["push_token"]) for r in rows] == [
        ("ads", "a", "a@example.org", "+12015550100", None),
        ("sms", "a", None, "+12015550100", None),
    ]


@pytest.mark.parametrize("email", [None, " ", "nobody"])
def test_a_blanked_or_spoiled_address_is_removed_as_it_was(shop: CampaignShop, email: str | None) -> None:
    shop.customer("a", "lapsing")
    shop.write(AUDIENCE, night=BEFORE)
    shop.change("a", email=email)
    assert removals(shop.lists(campaigns_of(AUDIENCE))) == [("win_back", "email", "unisender", "a", "a@example.org")]


def test_who_left_and_has_another_address_now_is_removed_by_the_old_one_alone(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email="old@example.org")
    shop.write(AUDIENCE, night=BEFORE)
    shop.leave("a")
    shop.change("a", email="new@example.org")
    assert removals(shop.lists(campaigns_of(AUDIENCE))) == [("win_back", "email", "unisender", "a", "old@example.org")]


def test_a_changed_address_removes_the_old_one_and_keeps_the_person(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email="old@example.org", phone=None)
    shop.write(ADS, night=BEFORE)
    shop.change("a", email="new@example.org", push_token="new")
    lists = shop.lists(campaigns_of(ADS))
    assert [(row["customer_id"], row["email"]) for row in lists.listed.to_pylist()] == [("a", "new@example.org")]
    assert removals(lists) == [("win_back", "ads", "meta", None, "old@example.org")], "no id: the customer stays"
    shop.commit(lists)
    shop.change("a", email=None, phone="(201) 555-0100")
    assert removals(shop.lists(campaigns_of(ADS))) == [("win_back", "ads", "meta", None, "new@example.org")]


def test_an_unchanged_address_is_not_removed_however_it_is_spelled(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", phone="(201) 555-0100")
    shop.write(BOTH | {"mode": "audience"}, night=BEFORE)
    shop.change("a", email=" A@Example.ORG", phone="+1 201 5550100", messenger_id="new")
    assert removals(shop.lists(campaigns_of(BOTH | {"mode": "audience"}))) == []


def test_a_merged_account_leaves_and_the_person_takes_its_place(shop: CampaignShop) -> None:
    shop.customer("old", "lapsing")
    shop.write(AUDIENCE, night=BEFORE)
    shop.customer("person", "lapsing")
    shop.merge("old", "person")
    lists = shop.lists(campaigns_of(AUDIENCE))
    assert listed(lists) == [("win_back", "email", "person")]
    assert removals(lists) == [("win_back", "email", "unisender", "old", "old@example.org")]


def test_an_address_of_whoever_left_that_another_customer_has_now_stays_in_the_tool(shop: CampaignShop) -> None:
    for customer_id in ("a", "b"):
        shop.customer(customer_id, "lapsing")
    shop.write(AUDIENCE, night=BEFORE)
    shop.leave("a")
    shop.change("b", email="A@example.org")
    shop.write(AUDIENCE)
    assert shop.text("win_back/email.csv") == "email,loyalty_win_back\na@example.org,1\n"
    assert shop.text("win_back/email_removals.csv") == "email,loyalty_win_back\nb@example.org,0\n"
    (counts,) = shop.manifest()["channels"]
    assert (counts["removed"], counts["warnings"]) == (
        2,
        ["1 removals are in no file: no address is known, or another customer's list entry has it"],
    )


def test_the_control_of_an_audience_is_in_no_tool_and_not_removed(shop: CampaignShop) -> None:
    kept = campaign(mode="audience", control_share=0.5)
    for number in range(20):
        shop.customer(f"c{number}", "lapsing")
    shop.write(kept, night=BEFORE)
    lists = shop.lists(campaigns_of(kept))
    assert {arm for *_, arm in members(lists)} == {"control", "treated"}
    assert removals(lists) == []
