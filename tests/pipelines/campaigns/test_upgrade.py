"""The first night after a version that kept no deliveries: its lists, and whom it assigned, are what was sent."""

from datetime import timedelta

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

LAST = NIGHT - timedelta(1)


@pytest.fixture
def upgraded(shop: CampaignShop) -> CampaignShop:
    """The earlier version had ann and bob on an e-mail list and one of ads; zoe was assigned long ago, carl control."""
    for name in ("ann", "bob", "zoe", "carl", "new"):
        shop.customer(name, "lapsing", phone=None)
    shop.con.execute("""
        INSERT INTO history.crm_customers_personal SELECT customer_id, email_normal, NULL, NULL, NULL
            FROM crm_customers_personal;
        INSERT INTO history.campaign_list VALUES
            ('win_back', 'email', 'unisender', 'ann'), ('win_back', 'email', 'unisender', 'bob'),
            ('seen', 'ads', 'meta', 'ann'), ('seen', 'ads', 'meta', 'bob');
        INSERT INTO history.campaign_assignment VALUES
            ('win_back', 'ann', 'email', 'treated', '2025-03-09', '2025-03-09', 30, NULL, 'export'),
            ('win_back', 'bob', 'email', 'treated', '2025-03-01', '2025-03-01', 30, NULL, 'export'),
            ('win_back', 'zoe', 'email', 'treated', '2025-01-01', '2025-01-01', 30, NULL, 'export'),
            ('win_back', 'carl', 'email', 'control', '2025-03-01', '2025-03-01', 30, NULL, 'export'),
            ('seen', 'ann', 'ads', 'treated', '2025-03-01', '2025-03-01', 30, NULL, 'export'),
            ('seen', 'bob', 'ads', 'treated', '2025-03-01', '2025-03-01', 30, NULL, 'export')""")
    return shop


def test_nobody_whom_the_earlier_version_listed_or_assigned_is_written_to_again(upgraded: CampaignShop) -> None:
    lists = upgraded.lists(campaigns_of(campaign()), upgraded_from=LAST)
    assert listed(lists) == [("win_back", "email", "new")]
    assert reasons(lists) == [
        ("win_back", "ann", "sent_before", None),
        ("win_back", "bob", "sent_before", None),
        ("win_back", "carl", "control_group", None),
        ("win_back", "zoe", "sent_before", None),
    ]
    assert [row[1:4] for row in assignments(lists) if row[0] == "win_back"] == [
        ("ann", "email", "treated"),
        ("bob", "email", "treated"),
        ("carl", "email", "control"),
        ("new", "email", "treated"),
        ("zoe", "email", "treated"),
    ]


def test_after_days_counts_from_the_last_night_for_who_was_on_its_list(upgraded: CampaignShop) -> None:
    lists = upgraded.lists(campaigns_of(campaign(repeat={"after_days": 30})), upgraded_from=LAST)
    assert [customer for *_, customer in listed(lists)] == ["new", "zoe"]


def test_an_audience_of_the_earlier_version_goes_on_and_who_left_it_is_removed(upgraded: CampaignShop) -> None:
    upgraded.leave("ann")
    lists = upgraded.lists(campaigns_of(campaign_on("ads", "meta", id="seen")), upgraded_from=LAST)
    assert [customer for *_, customer in listed(lists)] == ["bob", "carl", "new", "zoe"]
    assert removals(lists) == [("seen", "ads", "meta", "ann", "ann@example.org")]


def test_a_campaign_that_holds_its_first_list_after_the_upgrade_keeps_its_assignments(upgraded: CampaignShop) -> None:
    held = upgraded.lists(campaigns_of(campaign()), held={"win_back"}, upgraded_from=LAST)
    before = assignments(held)
    assert [row[1] for row in before if row[0] == "win_back"] == ["ann", "bob", "carl", "zoe"]
    upgraded.commit(held)
    assert assignments(upgraded.lists(campaigns_of(), NIGHT + timedelta(1), held={"win_back"})) == before


def test_the_second_night_knows_what_the_first_knew(upgraded: CampaignShop) -> None:
    upgraded.commit(upgraded.lists(campaigns_of(campaign()), upgraded_from=LAST))
    lists = upgraded.lists(campaigns_of(campaign()), NIGHT + timedelta(1))
    assert listed(lists) == []
    assert [row[1:3] for row in reasons(lists)] == [
        ("ann", "sent_before"),
        ("bob", "sent_before"),
        ("carl", "control_group"),
        ("new", "sent_before"),
        ("zoe", "sent_before"),
    ]
