"""Who is on which list, who is control, who is left out: each rule with the smallest data that shows it."""

from datetime import date

import pytest
from campaign_shop import (
    SETTINGS,
    CampaignShop,
    NightLists,
    assignments,
    campaign,
    campaigns_of,
    is_control,
    left_out,
    members,
)

from pipelines.campaigns.selection import REASONS


def test_a_customer_in_any_of_the_segments_is_a_candidate_once(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", "at_risk")
    shop.customer("b", "at_risk")
    shop.customer("c", "champions")
    lists = shop.lists(campaigns_of(campaign(segment=["lapsing", "at_risk"])))
    assert members(lists) == [("win_back", "email", "a", "treated"), ("win_back", "email", "b", "treated")]


def test_consent_that_is_null_or_of_another_channel_is_no_consent(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email_consent=None)
    shop.customer("b", "lapsing", email_consent=False)
    shop.con.execute("INSERT INTO customer_segment VALUES ('unknown', 'lapsing')")
    lists = shop.lists(campaigns_of(campaign()))
    assert members(lists) == []
    assert left_out(lists) == {("win_back", "email", "no_consent"): 3}


def test_who_unsubscribed_from_the_channel_is_left_out_for_that_reason(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email_consent=False, unsubscribed_channels="email, sms")
    shop.customer("b", "lapsing", email_consent=False, unsubscribed_channels="push")
    shop.customer("c", "lapsing", is_deleted=True, email_consent=False, unsubscribed_channels="email")
    left = left_out(shop.lists(campaigns_of(campaign())))
    assert left == {
        ("win_back", "email", "deleted"): 1,
        ("win_back", "email", "unsubscribed"): 1,
        ("win_back", "email", "no_consent"): 1,
    }


def test_ads_need_the_consent_to_ads(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", ads_consent=False)
    shop.customer("b", "lapsing", email_consent=False, sms_consent=False)
    lists = shop.lists(campaigns_of(campaign(channels=[{"channel": "ads", "target": "meta"}])))
    assert members(lists) == [("win_back", "ads", "b", "treated")]
    assert left_out(lists) == {("win_back", "ads", "no_consent"): 1}


def test_a_deleted_customer_is_left_out_as_deleted_even_if_suppressed(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", is_deleted=True)
    shop.con.execute("INSERT INTO suppressed_channel VALUES ('a', 'email')")
    assert left_out(shop.lists(campaigns_of(campaign()))) == {("win_back", "email", "deleted"): 1}


def test_who_is_suppressed_on_a_channel_is_left_out_of_it_and_of_no_other(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", "champions", email_consent=False)
    shop.con.execute("INSERT INTO suppressed_channel VALUES ('a', 'email')")
    both = [{"channel": "email", "target": "unisender"}, {"channel": "sms", "target": "sms"}]
    lists = shop.lists(campaigns_of(campaign(channels=both), campaign("other", exclude="champions")))
    assert members(lists) == [("win_back", "sms", "a", "treated")]
    assert left_out(lists) == {("win_back", "email", "suppressed"): 1, ("other", "email", "suppressed"): 1}


def test_who_is_in_a_segment_that_the_campaign_excludes_is_left_out_and_leaves_the_tool(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing")
    shop.customer("b", "lapsing", "champions", email_consent=False)
    shop.commit(shop.lists(campaigns_of(campaign(mode="audience"))))
    shop.con.execute("INSERT INTO customer_segment VALUES ('a', 'champions')")
    lists = shop.lists(campaigns_of(campaign(mode="audience", exclude="champions")))
    assert members(lists) == []
    assert left_out(lists) == {("win_back", "email", "excluded_segment"): 2}
    assert [row["customer_id"] for row in lists.removals.to_pylist()] == ["a"]


def test_any_of_several_excluded_segments_leaves_a_customer_out_of_that_campaign_alone(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", "champions")
    shop.customer("b", "lapsing", "at_risk", "champions")
    shop.customer("c", "lapsing")
    lists = shop.lists(campaigns_of(campaign(exclude=["champions", "at_risk"]), campaign("other", priority=2)))
    assert [row[:3] for row in members(lists)] == [
        ("other", "email", "a"),
        ("other", "email", "b"),
        ("other", "email", "c"),
        ("win_back", "email", "c"),
    ]


def test_an_address_that_is_missing_or_bad_is_left_out_and_counted(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", phone="+1 201 555 0100")
    shop.customer("b", "lapsing", phone=None)
    shop.customer("c", "lapsing", phone="  ")
    shop.customer("d", "lapsing", phone="12")
    shop.customer("e", "lapsing", phone="call me")
    lists = shop.lists(campaigns_of(campaign(channels=[{"channel": "sms", "target": "sms"}])))
    assert [(row["customer_id"], row["phone"]) for row in lists.listed.to_pylist()] == [("a", "+12015550100")]
    assert left_out(lists) == {("win_back", "sms", "no_address"): 2, ("win_back", "sms", "bad_address"): 2}


def test_an_ads_list_takes_whoever_has_one_good_address_and_counts_the_bad_one(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email="A@Example.org ", phone="12")
    shop.customer("b", "lapsing", email=None, phone="(201) 555-0100")
    shop.customer("c", "lapsing", email="nobody", phone=None)
    lists = shop.lists(campaigns_of(campaign(channels=[{"channel": "ads", "target": "meta"}])))
    listed = [(row["customer_id"], row["email"], row["phone"]) for row in lists.listed.to_pylist()]
    assert listed == [("a", "a@example.org", None), ("b", None, "+12015550100")]
    assert left_out(lists) == {("win_back", "ads", "bad_address"): 1}
    assert [tuple(row.values()) for row in lists.bad_values.to_pylist()] == [
        ("win_back", "ads", "email", 1),
        ("win_back", "ads", "phone", 1),
    ]


def test_a_list_holds_only_the_addresses_of_its_channel(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", name=" Ann  Mary Lee ")
    (row,) = shop.lists(campaigns_of(campaign())).listed.to_pylist()
    assert row == {
        "campaign_id": "win_back",
        "channel": "email",
        "target": "unisender",
        "customer_id": "a",
        "email": "a@example.org",
        "phone": None,
        "push_token": None,
        "messenger_id": None,
        "first_name": "Ann",
        "last_name": "Lee",
        "middle_name": "Mary",
    }


def test_names_are_parted_in_the_order_of_the_setting(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", name="Иванова Анна Петровна")
    shop.customer("b", "lapsing", name="Lee, Ann", middle_name="Mary")
    last_first = SETTINGS.model_copy(update={"name_order": "last_first"})
    lists = shop.lists(campaigns_of(campaign()), settings=last_first)
    names = [(row["first_name"], row["middle_name"], row["last_name"]) for row in lists.listed.to_pylist()]
    assert names == [("Анна", "Петровна", "Иванова"), ("Ann", "Mary", "Lee")]


def test_two_customers_with_one_address_get_one_message_and_who_was_assigned_earlier_keeps_it(
    shop: CampaignShop,
) -> None:
    shop.customer("b", "lapsing", email="home@example.org")
    shop.commit(shop.lists(campaigns_of(campaign(mode="audience"))))
    shop.customer("a", "lapsing", email="HOME@example.org")
    lists = shop.lists(campaigns_of(campaign(mode="audience")))
    assert members(lists) == [("win_back", "email", "b", "treated")]
    assert left_out(lists) == {("win_back", "email", "same_address"): 1}


def test_who_has_no_consent_is_not_drawn(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email_consent=False)
    lists = shop.lists(campaigns_of(campaign("vip", control_share=0.9)))
    assert (members(lists), assignments(lists)) == ([], [])


def test_every_candidate_is_listed_or_has_one_reason(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing")
    shop.customer("b", "lapsing", email="nobody")
    shop.customer("c", "lapsing", is_deleted=True, email_consent=False, email=None)
    lists = shop.lists(campaigns_of(campaign()))
    assert [row["reason"] for row in lists.exclusions.to_pylist()] == list(REASONS)
    assert lists.listed.num_rows + sum(lists.exclusions["customer_count"].to_pylist()) == 3


@pytest.mark.parametrize(("night", "listed"), [(9, 0), (10, 1), (11, 1), (12, 0)])
def test_a_campaign_runs_from_its_first_to_its_last_night(shop: CampaignShop, night: int, listed: int) -> None:
    shop.customer("a", "lapsing")
    dated = campaigns_of(campaign(starts_on=date(2025, 3, 10), ends_on=date(2025, 3, 11)))
    assert shop.lists(dated, date(2025, 3, night)).listed.num_rows == listed


# --- control group ---


def ten_thousand(shop: CampaignShop) -> None:
    """Customers 0 to 9999, all of them lapsing and with a push token."""
    shop.con.execute("""
        INSERT INTO customer SELECT i::VARCHAR, FALSE, TRUE, TRUE, TRUE, TRUE, TRUE, TRUE, NULL
            FROM range(10000) AS t (i);
        INSERT INTO extract BY NAME SELECT i::VARCHAR AS customer_id, i::VARCHAR AS push_token
            FROM range(10000) AS t (i);
        INSERT INTO customer_segment SELECT i::VARCHAR, 'lapsing' FROM range(10000) AS t (i)""")


def controls(lists: NightLists, campaign_id: str) -> set[str]:
    return {row[2] for row in members(lists) if row[0] == campaign_id and row[3] == "control"}


def test_the_arm_is_the_salted_sha256_of_campaign_and_customer_and_its_share_is_kept(shop: CampaignShop) -> None:
    ten_thousand(shop)
    push = {"channels": [{"channel": "push", "target": "push"}], "control_share": 0.2}
    lists = shop.lists(campaigns_of(campaign("one", **push), campaign("two", **push)))
    one, two = controls(lists, "one"), controls(lists, "two")
    assert one == {str(i) for i in range(10_000) if is_control("one", str(i), 0.2)}
    assert abs(len(one) - 2000) < 4 * (10_000 * 0.2 * 0.8) ** 0.5
    assert abs(len(one & two) - 400) < 4 * (10_000 * 0.04 * 0.96) ** 0.5, "the campaigns' draws are independent"


def test_the_arm_stays_for_the_campaigns_life_whatever_share_and_salt_become(shop: CampaignShop) -> None:
    ten_thousand(shop)
    push = {"channels": [{"channel": "push", "target": "push"}], "repeat": {"after_days": 1}}
    first = shop.lists(campaigns_of(campaign(control_share=0.1, **push)))
    shop.commit(first)
    changed = SETTINGS.model_copy(update={"control_salt": "other"})
    later = shop.lists(campaigns_of(campaign(control_share=0.5, **push)), date(2025, 3, 11), changed)
    assert members(later) == members(first)
    assert assignments(later) == assignments(first)


def test_one_arm_for_all_channels_of_a_campaign(shop: CampaignShop) -> None:
    both = [{"channel": "sms", "target": "sms"}, {"channel": "email", "target": "unisender"}]
    for i in range(20):
        shop.customer(f"c{i}", "lapsing")
    lists = shop.lists(campaigns_of(campaign(control_share=0.5, channels=both, use_channels="all")))
    arms = {(customer, arm) for _, _, customer, arm in members(lists)}
    assert (len(members(lists)), len(arms)) == (40, 20)
    assert {row[2] for row in assignments(lists)} == {"sms"}, "assigned on the campaign's first channel"
