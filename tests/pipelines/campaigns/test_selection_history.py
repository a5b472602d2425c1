"""What earlier nights and extracts mean for tonight: assignments stay, and who left a list is removed."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from campaign_shop import NIGHT, CampaignShop, NightLists, assignments, campaign, campaigns_of, members


def test_a_customer_is_assigned_on_the_first_night_at_midnight_of_the_business_zone(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing")
    first = shop.lists(campaigns_of(campaign()))
    row = ("win_back", "a", "email", "treated", datetime(2025, 3, 9, 23, tzinfo=UTC), NIGHT, 30, "export")
    assert assignments(first) == [row]
    shop.commit(first)
    shop.customer("b", "lapsing")
    shop.leave("a")
    assert [(r[1], r[5], r[7]) for r in assignments(shop.lists(campaigns_of(campaign()), date(2025, 3, 11)))] == [
        ("a", NIGHT, "export"),
        ("b", date(2025, 3, 11), "export"),
    ]


def test_members_of_the_extract_are_assignments_treated_by_default_from_their_campaigns_start(
    shop: CampaignShop,
) -> None:
    shop.con.execute("INSERT INTO campaigns VALUES ('spring', '2025-03-01', 20)")
    shop.con.execute("""INSERT INTO campaign_members VALUES
        ('spring', 'a', 'email', NULL, NULL, NULL, '2025-03-05'),
        ('spring', 'b', NULL, 'control', '2025-03-02 10:00:00+01', '2025-03-02', '2025-03-05'),
        ('unknown', 'a', NULL, 'treated', NULL, NULL, '2025-03-05'),
        ('spring', 'later', NULL, NULL, '2025-03-11 10:00:00+01', '2025-03-11', '2025-03-05')""")
    assert assignments(shop.lists(campaigns_of())) == [
        ("spring", "a", "email", "treated", datetime(2025, 2, 28, 23, tzinfo=UTC), date(2025, 3, 1), 20, "extract"),
        ("spring", "b", None, "control", datetime(2025, 3, 2, 9, tzinfo=UTC), date(2025, 3, 2), 20, "extract"),
        ("unknown", "a", None, "treated", datetime(2025, 3, 4, 23, tzinfo=UTC), date(2025, 3, 5), None, "extract"),
    ]


def test_a_corrected_extract_replaces_its_stored_assignment_but_not_one_of_ours(shop: CampaignShop) -> None:
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('spring', 'a', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, 'extract'),
        ('ours', 'a', NULL, 'treated', '2025-03-02', '2025-03-02', 30, 'export')""")
    shop.con.execute("""INSERT INTO campaign_members VALUES
        ('spring', 'a', NULL, 'control', '2025-03-01', '2025-03-01', '2025-03-05'),
        ('ours', 'a', NULL, 'control', '2025-03-01', '2025-03-01', '2025-03-05')""")
    rows = [(r[0], r[3], r[7]) for r in assignments(shop.lists(campaigns_of()))]
    assert rows == [("ours", "treated", "export"), ("spring", "control", "extract")]


def test_a_stored_assignment_that_the_extract_no_longer_has_stays(shop: CampaignShop) -> None:
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('spring', 'a', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, 'extract'),
        ('spring', 'b', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, 'extract')""")
    shop.con.execute("""INSERT INTO campaign_members VALUES
        ('spring', 'b', NULL, 'control', '2025-03-11', '2025-03-11', '2025-03-05')""")
    assert [(r[1], r[3]) for r in assignments(shop.lists(campaigns_of()))] == [("a", "treated"), ("b", "treated")]


def test_of_a_merged_customers_accounts_ours_goes_before_the_extracts_which_go_before_stored_ones(
    shop: CampaignShop,
) -> None:
    shop.con.execute("INSERT INTO customer_identity VALUES ('old', 'person'), ('older', 'person')")
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('ours', 'old', 'email', 'control', '2025-03-04', '2025-03-04', 45, 'export'),
        ('theirs', 'person', NULL, 'control', '2025-03-01', '2025-03-01', NULL, 'extract')""")
    shop.con.execute("""INSERT INTO campaign_members VALUES
        ('ours', 'person', NULL, 'treated', '2025-03-01', '2025-03-01', '2025-03-05'),
        ('theirs', 'old', NULL, 'treated', '2025-03-03', '2025-03-03', '2025-03-05'),
        ('theirs', 'older', NULL, 'treated', '2025-03-02', '2025-03-02', '2025-03-05')""")
    assert [(r[0], r[1], r[3], r[5]) for r in assignments(shop.lists(campaigns_of()))] == [
        ("ours", "person", "control", date(2025, 3, 4)),
        ("theirs", "person", "treated", date(2025, 3, 2)),
    ]


def test_a_merged_customer_keeps_the_earliest_arm(shop: CampaignShop) -> None:
    shop.customer("person", "lapsing")
    shop.con.execute("INSERT INTO customer_identity VALUES ('old', 'person')")
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('win_back', 'person', 'email', 'treated', '2025-03-05', '2025-03-05', 45, 'export'),
        ('win_back', 'old', 'email', 'control', '2025-03-04', '2025-03-04', 45, 'export')""")
    lists = shop.lists(campaigns_of(campaign()))
    assert [(r[1], r[3], r[5]) for r in assignments(lists)] == [("person", "control", date(2025, 3, 4))]
    assert members(lists) == [("win_back", "email", "person", "control")]


# --- removals ---


def removals(lists: NightLists) -> list[tuple[Any, ...]]:
    rows = lists.removals.to_pylist()
    return [(r["campaign_id"], r["channel"], r["target"], r["customer_id"], r["email"] or r["phone"]) for r in rows]


def test_who_left_the_segment_withdrew_consent_or_was_deleted_is_removed(shop: CampaignShop) -> None:
    for customer_id in ("left", "withdrew", "deleted", "stays"):
        shop.customer(customer_id, "lapsing")
    first = shop.lists(campaigns_of(campaign()))
    assert removals(first) == []
    shop.commit(first)
    shop.leave("left")
    shop.con.execute("UPDATE customer SET email_consent = NULL WHERE customer_id = 'withdrew'")
    shop.con.execute("UPDATE customer SET is_deleted = TRUE WHERE customer_id = 'deleted'")
    second = shop.lists(campaigns_of(campaign()))
    assert removals(second) == [
        ("win_back", "email", "unisender", "deleted", "deleted@example.org"),
        ("win_back", "email", "unisender", "left", "left@example.org"),
        ("win_back", "email", "unisender", "withdrew", "withdrew@example.org"),
    ]
    shop.commit(second)
    assert removals(shop.lists(campaigns_of(campaign()))) == [], "a removal is told once"


def test_everyone_is_removed_when_a_campaign_ends_is_taken_out_or_gets_another_target(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing")
    shop.commit(shop.lists(campaigns_of(campaign())))
    gone = [("win_back", "email", "unisender", "a", "a@example.org")]
    moved = campaign(channels=[{"channel": "email", "target": "mautic"}])
    assert removals(shop.lists(campaigns_of(campaign(ends_on=date(2025, 3, 9))))) == gone
    assert removals(shop.lists(campaigns_of())) == gone
    assert removals(shop.lists(campaigns_of(moved))) == gone


def test_an_erased_person_is_removed_by_the_address_that_was_listed(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email=" A@Example.org", phone="(201) 555-0100")
    both = [{"channel": "ads", "target": "meta"}, {"channel": "sms", "target": "sms"}]
    shop.commit(shop.lists(campaigns_of(campaign(channels=both))))
    for table in ("customer", "extract", "customer_segment"):
        shop.con.execute(f"DELETE FROM {table}")
    rows = shop.lists(campaigns_of(campaign(channels=both))).removals.to_pylist()
    assert [(r["channel"], r["customer_id"], r["email"], r["phone"], r["push_token"]) for r in rows] == [
        ("ads", "a", "a@example.org", "+12015550100", None),
        ("sms", "a", None, "+12015550100", None),
    ]


@pytest.mark.parametrize("email", [None, " ", "nobody"])
def test_a_blanked_or_spoiled_address_is_removed_as_it_was(shop: CampaignShop, email: str | None) -> None:
    shop.customer("a", "lapsing")
    shop.commit(shop.lists(campaigns_of(campaign())))
    shop.change("a", email=email)
    assert removals(shop.lists(campaigns_of(campaign()))) == [("win_back", "email", "unisender", "a", "a@example.org")]


def test_who_left_and_has_another_address_now_is_removed_by_the_old_one_alone(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email="old@example.org")
    shop.customer("b", "lapsing", email=None)
    shop.con.execute("INSERT INTO history.campaign_list VALUES ('win_back', 'email', 'unisender', 'b')")
    first = shop.lists(campaigns_of(campaign()))
    assert removals(first) == [("win_back", "email", "unisender", "b", None)], "no address was known"
    shop.commit(first)
    shop.leave("a")
    shop.change("a", email="new@example.org")
    assert removals(shop.lists(campaigns_of(campaign()))) == [
        ("win_back", "email", "unisender", "a", "old@example.org")
    ]


def test_a_changed_address_removes_the_old_one_and_keeps_the_person(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email="old@example.org", phone="(201) 555-0100")
    ads = campaigns_of(campaign(channels=[{"channel": "ads", "target": "meta"}]))
    shop.commit(shop.lists(ads))
    shop.change("a", email="new@example.org", push_token="new")
    lists = shop.lists(ads)
    assert [(row["customer_id"], row["email"]) for row in lists.listed.to_pylist()] == [("a", "new@example.org")]
    (row,) = lists.removals.to_pylist()
    addresses = [row[name] for name in ("customer_id", "email", "phone", "push_token")]
    assert addresses == [None, "old@example.org", None, None], "no id and no phone: the customer has both still"
    shop.commit(lists)
    shop.change("a", email=None)
    assert removals(shop.lists(ads)) == [("win_back", "ads", "meta", None, "new@example.org")]


def test_an_unchanged_address_is_not_removed_however_it_is_spelled(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", phone="(201) 555-0100")
    both = [{"channel": "email", "target": "unisender"}, {"channel": "sms", "target": "sms"}]
    shop.commit(shop.lists(campaigns_of(campaign(channels=both))))
    shop.change("a", email=" A@Example.ORG", phone="+1 201 5550100", messenger_id="new")
    lists = shop.lists(campaigns_of(campaign(channels=both)))
    assert (lists.removals.num_rows, lists.removal_counts.num_rows) == (0, 0)


def test_an_address_taken_over_by_another_listed_customer_is_not_removed(shop: CampaignShop) -> None:
    for customer_id in ("a", "b", "c"):
        shop.customer(customer_id, "lapsing")
    shop.commit(shop.lists(campaigns_of(campaign())))
    shop.leave("a")
    shop.change("b", email="A@example.org")
    shop.change("c", email="b@example.org")
    assert removals(shop.lists(campaigns_of(campaign()))) == [
        ("win_back", "email", "unisender", "a", None),
        ("win_back", "email", "unisender", None, "c@example.org"),
    ]
