"""A sending writes to nobody twice but as its repeat says, whatever becomes of customers and nights in between."""

from datetime import date, timedelta
from typing import Any

import pytest
from campaign_shop import (
    NIGHT,
    CampaignShop,
    assignments,
    campaign,
    campaign_on,
    campaigns_of,
    is_control,
    listed,
    members,
    reasons,
)
from tools import ContactTool, Gateway

BEFORE, NEXT = NIGHT - timedelta(1), NIGHT + timedelta(1)
ANN = ("win_back", "email", "ann")
SENT_BEFORE = [("win_back", "ann", "sent_before", None)]


def days(first: int, *later: int) -> list[date]:
    """Nights after NIGHT by numbers of days."""
    return [NIGHT + timedelta(number) for number in (first, *later)]


def test_a_sending_writes_to_a_customer_once_and_to_newcomers(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(), night=BEFORE)
    shop.customer("bob", "lapsing")
    lists = shop.lists(campaigns_of(campaign()))
    assert listed(lists) == [("win_back", "email", "bob")]
    assert reasons(lists) == SENT_BEFORE


def test_a_sending_that_never_repeats_remembers_over_years_and_segments(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(), night=BEFORE)
    shop.con.execute("UPDATE customer_segment SET segment = 'at_risk'")
    for night in days(0, 200, 2000):
        lists = shop.lists(campaigns_of(campaign(segment=["lapsing", "at_risk"])), night)
        assert (listed(lists), reasons(lists)) == ([], SENT_BEFORE)
        shop.commit(lists)


def test_a_person_is_not_written_to_again_after_a_merge(shop: CampaignShop) -> None:
    shop.customer("old", "lapsing")
    shop.write(campaign(), night=BEFORE)
    shop.customer("ann", "lapsing", email="ann@example.net")
    shop.merge("old", "ann")
    lists = shop.lists(campaigns_of(campaign()))
    assert (listed(lists), reasons(lists)) == ([], SENT_BEFORE)


def test_an_address_is_not_written_to_again_under_a_new_customer_id(shop: CampaignShop) -> None:
    shop.customer("old", "lapsing", email="ann@example.org")
    shop.write(campaign(), night=BEFORE)
    for table in ("customer", "extract", "customer_segment"):
        shop.con.execute(f"DELETE FROM {table}")
    shop.customer("ann", "lapsing", email="ANN@example.org ")
    lists = shop.lists(campaigns_of(campaign()))
    assert (listed(lists), reasons(lists)) == ([], SENT_BEFORE)


def test_a_customer_is_not_written_to_again_at_a_new_address(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(), night=BEFORE)
    shop.change("ann", email="new@example.org")
    assert reasons(shop.lists(campaigns_of(campaign()))) == SENT_BEFORE


def test_a_sending_that_moves_to_another_tool_or_channel_goes_on_where_it_was(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(), night=BEFORE)
    for tonight in (campaign_on("email", "mautic"), campaign_on("sms", "sms")):
        assert reasons(shop.lists(campaigns_of(tonight))) == SENT_BEFORE


@pytest.mark.parametrize(("passed", "is_listed"), [(1, False), (29, False), (30, True), (31, True)])
def test_after_days_writes_again_on_that_day_and_not_the_day_before(
    shop: CampaignShop, passed: int, is_listed: bool
) -> None:
    shop.customer("ann", "lapsing")
    monthly = campaign(repeat={"after_days": 30})
    shop.write(monthly)
    lists = shop.lists(campaigns_of(monthly), NIGHT + timedelta(passed))
    assert (listed(lists), reasons(lists)) == (([ANN], []) if is_listed else ([], SENT_BEFORE))


def test_after_days_counts_from_the_last_time(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    monthly = campaign(repeat={"after_days": 30})
    for night in days(0, 30):
        shop.write(monthly, night=night)
    found = [listed(shop.lists(campaigns_of(monthly), night)) for night in days(59, 60)]
    assert found == [[], [ANN]]


@pytest.mark.parametrize(
    ("stays", "is_listed"),
    [
        ([("lapsing", "2025-03-01", None)], False),
        ([("lapsing", "2025-03-01", "2025-03-11"), ("lapsing", "2025-03-12", None)], True),
        ([("lapsing", "2025-03-01", "2025-03-11"), ("lapsing", "2025-03-11", None)], False),
        ([("lapsing", "2025-03-01", "2025-03-11"), ("at_risk", "2025-03-11", None)], False),
        ([("lapsing", "2025-03-01", "2025-03-13"), ("at_risk", "2025-03-11", None)], False),
        ([("lapsing", "2025-03-01", "2025-03-11"), ("at_risk", "2025-03-13", None)], True),
        ([("champions", "2025-03-12", None), ("lapsing", "2025-03-01", None)], False),
    ],
    ids=["stayed", "out a night", "no night out", "segment to segment", "overlap", "out, another", "other segment"],
)
def test_each_entry_writes_again_only_after_a_night_outside_all_segments(
    shop: CampaignShop, stays: list[tuple[str, str, str | None]], is_listed: bool
) -> None:
    shop.customer("ann", "lapsing")
    entries = campaign(segment=["lapsing", "at_risk"], repeat="each_entry")
    shop.con.execute("INSERT INTO customer_segment_history VALUES ('ann', 'lapsing', '2025-03-01', NULL)")
    shop.write(entries)
    shop.con.execute("DELETE FROM customer_segment_history")
    for segment, first, end in stays:
        shop.con.execute("INSERT INTO customer_segment_history VALUES ('ann', ?, ?, ?)", [segment, first, end])
    lists = shop.lists(campaigns_of(entries), date(2025, 3, 14))
    assert (listed(lists), reasons(lists)) == (([ANN], []) if is_listed else ([], SENT_BEFORE))


def test_each_channel_has_its_own_turn_where_a_campaign_uses_all(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing", push_token=None)
    three = [("email", "unisender"), ("sms", "sms"), ("push", "push")]
    everywhere = campaign(channels=[{"channel": c, "target": t} for c, t in three], use_channels="all")
    shop.write(everywhere, night=BEFORE)
    shop.change("ann", push_token="new")
    assert listed(shop.lists(campaigns_of(everywhere))) == [("win_back", "push", "ann")]


def test_who_is_control_has_their_turn_once_too(shop: CampaignShop) -> None:
    customer_id = next(f"c{i}" for i in range(100) if is_control("win_back", f"c{i}", 0.5))
    shop.customer(customer_id, "lapsing")
    half = campaign(control_share=0.5, repeat={"after_days": 30})
    first = shop.lists(campaigns_of(half))
    assert (members(first), listed(first)) == ([("win_back", "email", customer_id, "control")], [])
    shop.commit(first)
    found = [shop.lists(campaigns_of(half), night) for night in days(29, 30)]
    assert [(members(lists), reasons(lists)) for lists in found] == [
        ([], [("win_back", customer_id, "control_group", None)]),
        ([("win_back", "email", customer_id, "control")], [("win_back", customer_id, "control_group", None)]),
    ]


# --- what a tool makes of it ---


def test_a_gateway_sends_once_to_each_over_nights(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing", phone="(201) 555-0101")
    gateway = Gateway("phone")
    for night, customer in zip(days(0, 1, 2), ("bob", None, "carl"), strict=True):
        if customer:
            shop.customer(customer, "lapsing", phone=f"(201) 555-010{len(customer)}")
        shop.write(campaign_on("sms", "sms"), night=night)
        gateway.import_list(shop.out_dir / f"{night}" / "win_back" / "sms.csv")
    assert gateway.sent == ["+12015550101", "+12015550103", "+12015550104"]


@pytest.mark.parametrize("name", ["unisender", "mautic", "esputnik"])
def test_a_tool_finds_a_nights_recipients_by_the_night_in_the_field_and_nobody_is_removed(
    shop: CampaignShop, name: str
) -> None:
    shop.customer("ann", "lapsing")
    tool = ContactTool(name, ("loyalty_win_back",))
    for night, customer in zip(days(0, 1), (None, "bob"), strict=True):
        if customer:
            shop.customer(customer, "lapsing")
            shop.leave("ann")
        shop.write(campaign_on("email", name), night=night)
        assert shop.sent_files(night) == ["win_back/email.csv"]
        tool.import_list(shop.out_dir / f"{night}" / "win_back" / "email.csv")
    found = {day: tool.segment("loyalty_win_back", day) for day in ("2025-03-10", "2025-03-11", "1", "0")}
    assert found == {"2025-03-10": {"ann@example.org"}, "2025-03-11": {"bob@example.org"}, "1": set(), "0": set()}


# --- nights that are run again or broke off ---


def test_a_rerun_sends_only_newcomers_to_a_folder_of_its_own_and_lists_both(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign())
    shop.customer("bob", "lapsing")
    again = shop.lists(campaigns_of(campaign()))
    shop.commit(again)
    assert listed(again) == [ANN, ("win_back", "email", "bob")]
    assert reasons(again) == []
    assert shop.sent_files() == ["win_back/2/email.csv", "win_back/email.csv"]
    assert shop.text("win_back/2/email.csv") == "email,loyalty_win_back\nbob@example.org,2025-03-10\n"
    assert [row[1] for row in assignments(shop.lists(campaigns_of(campaign()), NEXT))] == ["ann", "bob"]


@pytest.mark.parametrize("mode", ["send", "audience"])
def test_a_rerun_with_nothing_new_makes_no_delivery(shop: CampaignShop, mode: str) -> None:
    shop.customer("ann", "lapsing")
    first = shop.write(campaign(mode=mode))
    again = shop.write(campaign(mode=mode))
    assert [made.delivery for made in again] == [made.delivery for made in first]
    assert [delivery.number for delivery in shop.deliveries.of("win_back")] == [1]
    assert shop.sent_files() == ["win_back/email.csv"]


def test_a_rerun_writes_an_audience_anew_if_somebody_left_it(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(mode="audience"))
    shop.leave("ann")
    shop.write(campaign(mode="audience"))
    assert shop.sent_files() == ["win_back/2/email.csv", "win_back/2/email_removals.csv", "win_back/email.csv"]
    assert shop.text("win_back/2/email_removals.csv") == "email,loyalty_win_back\nann@example.org,0\n"


@pytest.mark.parametrize("is_first", [True, False], ids=["first list", "later list"])
def test_what_a_night_that_broke_off_did_not_send_assigns_nobody_and_the_next_night_sends_it(
    shop: CampaignShop, is_first: bool
) -> None:
    earlier: list[tuple[Any, ...]] = []
    if not is_first:
        shop.customer("zoe", "lapsing")
        shop.write(campaign(), night=BEFORE)
        earlier = [("zoe", BEFORE)]
    shop.customer("ann", "lapsing")
    shop.make(shop.lists(campaigns_of(campaign())))  # committed, not sent
    lists = shop.lists(campaigns_of(campaign()), NEXT)
    assert listed(lists) == [ANN]
    assert [(row[1], row[5]) for row in assignments(lists)] == [("ann", NEXT), *earlier]
    shop.commit(lists)
    assert shop.text("win_back/email.csv", NEXT) == "email,loyalty_win_back\nann@example.org,2025-03-11\n"


def test_what_was_not_sent_leaves_the_earlier_lists_of_the_tool_as_they_were(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(mode="audience"), night=BEFORE)
    shop.leave("ann")
    shop.make(shop.lists(campaigns_of(campaign(mode="audience"))))  # committed, not sent
    shop.write(campaign(mode="audience"), night=NEXT)
    assert shop.text("win_back/email_removals.csv", NEXT) == "email,loyalty_win_back\nann@example.org,0\n"
