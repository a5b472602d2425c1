"""A list that is held back: nobody comes in, who may no longer be written to leaves at once, the rest waits."""

from datetime import timedelta
from typing import Any

import pytest
from campaign_shop import (
    NIGHT,
    CampaignShop,
    assignments,
    campaign,
    campaign_on,
    campaigns_of,
    listed,
    reasons,
    removals,
)
from tools import AdPlatform, ContactTool

from pipelines.campaigns.config import ContactCap

BEFORE, NEXT = NIGHT - timedelta(1), NIGHT + timedelta(1)
HELD = {"win_back"}


def test_a_held_list_assigns_nobody_and_takes_nobody_in(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign("win_back"), campaign("other", priority=2), night=BEFORE)
    shop.customer("bob", "lapsing")
    lists = shop.lists(campaigns_of(campaign(), campaign("other", priority=2)), held=HELD)
    assert listed(lists) == [("other", "email", "bob")]
    assert [row[:2] for row in assignments(lists)] == [("other", "ann"), ("other", "bob"), ("win_back", "ann")]
    assert reasons(lists) == [
        ("other", "ann", "sent_before", None),
        ("win_back", "ann", "sent_before", None),
        ("win_back", "bob", "held", None),
    ]
    shop.commit(lists)
    assert shop.sent_files() == ["other/email.csv"]


def test_a_campaign_without_a_list_because_of_a_fault_keeps_its_assignments(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(), night=BEFORE)
    lists = shop.lists(campaigns_of(campaign("other")), held=HELD)
    assert [row[:2] for row in assignments(lists)] == [("other", "ann"), ("win_back", "ann")]


def test_a_sending_that_waits_writes_when_it_is_released_and_never_again(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(), held=HELD)
    assert shop.sent_files() == []
    shop.release()
    assert shop.text("win_back/email.csv") == "email,loyalty_win_back\nann@example.org,2025-03-10\n"
    lists = shop.lists(campaigns_of(campaign()), NEXT)
    assert reasons(lists) == [("win_back", "ann", "sent_before", None)]
    assert [(row[1], row[5]) for row in assignments(lists)] == [("ann", NIGHT)]


def test_a_sending_that_waited_and_was_not_released_is_worked_out_anew(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(), held=HELD)
    lists = shop.lists(campaigns_of(campaign()), NEXT)
    assert listed(lists) == [("win_back", "email", "ann")]
    shop.commit(lists)
    assert shop.deliveries.waiting("win_back") is None


def test_the_night_after_a_release_compares_with_what_was_released(shop: CampaignShop) -> None:
    kept = campaign(mode="audience")
    shop.customer("ann", "lapsing")
    shop.write(kept, night=BEFORE)
    shop.leave("ann")
    shop.customer("bob", "lapsing")
    shop.write(kept, held=HELD)
    shop.release()
    shop.leave("bob")
    lists = shop.lists(campaigns_of(kept), NEXT)
    (change,) = lists.changes
    assert (change.before_count, change.entered_count, change.left_count) == (1, 0, 1)
    assert removals(lists) == [("win_back", "email", "unisender", "bob", "bob@example.org")]


def test_the_night_after_a_hold_compares_with_what_was_sent_before_it(shop: CampaignShop) -> None:
    kept = campaign(mode="audience")
    shop.customer("ann", "lapsing")
    shop.customer("zoe", "lapsing")
    shop.write(kept, night=BEFORE)
    shop.leave("ann")
    shop.customer("bob", "lapsing")
    shop.consent("email", False, "zoe")
    shop.write(kept, held=HELD)
    lists = shop.lists(campaigns_of(kept), NEXT)
    (change,) = lists.changes
    assert (change.before_count, change.entered_count, change.left_count) == (2, 1, 2)
    assert removals(lists) == [("win_back", "email", "unisender", "ann", "ann@example.org")], "zoe left already"


def may_not(shop: CampaignShop, why: str, channel: str) -> None:
    """Customer `why` may no longer be written to, for that reason."""
    if why == "consent":
        shop.consent(channel, False, why)
    elif why == "deleted":
        shop.con.execute("UPDATE customer SET is_deleted = TRUE WHERE customer_id = 'deleted'")
    elif why == "suppressed":
        shop.con.execute("INSERT INTO suppressed_channel VALUES ('suppressed', ?)", [channel])
    elif why == "erased":
        for table in ("customer", "extract", "customer_segment", "customer_360"):
            shop.con.execute(f"DELETE FROM {table} WHERE customer_id = 'erased'")


WHYS = ("consent", "deleted", "suppressed", "erased")
STAY = ("left", "stays", "moved")


def changed_night(shop: CampaignShop, kept: dict[str, Any], channel: str, *, is_at_fault: bool) -> None:
    """A list of seven, the night before; tonight it is held back: four may not be written to, one left, one is new."""
    for customer_id in (*WHYS, *STAY):
        shop.customer(customer_id, "lapsing", phone=None)
    shop.write(kept, night=BEFORE)
    for why in WHYS:
        may_not(shop, why, channel)
    shop.leave("left")
    shop.change("moved", email="other@example.org")
    shop.customer("new", "lapsing", phone=None)
    shop.write(*([] if is_at_fault else [kept]), held=HELD)


@pytest.mark.parametrize("is_at_fault", [False, True], ids=["held", "at fault"])
@pytest.mark.parametrize("name", ["meta", "google_ads", "yandex_api", "yandex"])
def test_an_ad_platform_keeps_the_last_list_less_those_who_may_not_be_written_to(
    shop: CampaignShop, name: str, is_at_fault: bool
) -> None:
    changed_night(shop, campaign_on("ads", name), "ads", is_at_fault=is_at_fault)
    platform = AdPlatform(name, checks_size=False)
    platform.import_list(shop.out_dir / f"{BEFORE}" / "win_back" / "ads.csv")
    if name == "yandex":  # it replaces its list
        assert shop.sent_files() == ["win_back/ads.csv"]
        platform.import_list(shop.out_dir / f"{NIGHT}" / "win_back" / "ads.csv")
    else:
        assert shop.sent_files() == ["win_back/ads_removals.csv"]
        platform.import_removals(shop.out_dir / f"{NIGHT}" / "win_back" / "ads_removals.csv")
    people = [{"customer_id": name, "email": f"{name}@example.org", "phone": None} for name in STAY]
    assert platform.members == platform.members_of(people)


@pytest.mark.parametrize("name", ["unisender", "mautic", "esputnik"])
def test_a_tools_segment_keeps_the_last_list_less_those_who_may_not_be_written_to(
    shop: CampaignShop, name: str
) -> None:
    changed_night(shop, campaign_on("email", name, mode="audience"), "email", is_at_fault=False)
    tool = ContactTool(name, ("loyalty_win_back",))
    tool.import_list(shop.out_dir / f"{BEFORE}" / "win_back" / "email.csv")
    assert shop.sent_files() == ["win_back/email_removals.csv"]
    tool.import_removals(shop.out_dir / f"{NIGHT}" / "win_back" / "email_removals.csv")
    assert tool.segment("loyalty_win_back", "1") == {f"{name}@example.org" for name in STAY}


def test_who_unsubscribed_leaves_a_held_list_at_once(shop: CampaignShop) -> None:
    kept = campaign(mode="audience")
    shop.customer("ann", "lapsing")
    shop.write(kept, night=BEFORE)
    shop.con.execute("UPDATE customer SET unsubscribed_channels = 'email', email_consent = FALSE")
    shop.write(kept, held=HELD)
    assert shop.text("win_back/email_removals.csv") == "email,loyalty_win_back\nann@example.org,0\n"


def test_who_left_a_held_list_is_told_of_once_and_what_waits_is_still_right(shop: CampaignShop) -> None:
    kept = campaign_on("ads", "meta")
    shop.customer("ann", "lapsing")
    shop.customer("bob", "lapsing")
    shop.write(kept, night=BEFORE)
    shop.consent("ads", False, "ann")
    shop.write(kept, held=HELD)
    shop.write(kept, held=HELD, night=NEXT)
    assert (shop.sent_files(), shop.sent_files(NEXT)) == (["win_back/ads_removals.csv"], [])
    shop.release()
    assert shop.sent_files(NEXT) == ["win_back/ads.csv"]
    lists = shop.lists(campaigns_of(kept), NEXT + timedelta(1))
    assert (listed(lists), removals(lists)) == ([("win_back", "ads", "bob")], [])


def test_a_held_list_that_nobody_has_to_leave_sends_nothing(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign_on("ads", "yandex"), night=BEFORE)
    shop.leave("ann")
    shop.write(campaign_on("ads", "yandex"), held=HELD)
    assert shop.sent_files() == []


def test_a_held_sending_that_somebody_may_not_be_written_to_by_sends_nothing(shop: CampaignShop) -> None:
    shop.customer("ann", "lapsing")
    shop.write(campaign(), night=BEFORE)
    shop.consent("email", False, "ann")
    shop.write(campaign(), held=HELD)
    assert shop.sent_files() == []


def test_a_held_list_still_takes_the_contact_of_those_whom_it_wants(shop: CampaignShop) -> None:
    """Else a release would contact them once more than the cap allows."""
    shop.customer("ann", "lapsing")
    cap = ContactCap(contacts=1, days=7)
    second = campaign_on("sms", "sms", id="second", priority=2)
    lists = shop.lists(campaigns_of(campaign(), second, cap=cap), held=HELD)
    assert reasons(lists) == [("second", "ann", "priority", "win_back"), ("win_back", "ann", "held", None)]
