"""What earlier nights and extracts mean for tonight: assignments stay, and who left a list is removed."""

from datetime import UTC, date, datetime

from campaign_shop import NIGHT, CampaignShop, assignments, campaign, campaigns_of, members


def test_a_customer_is_assigned_on_the_first_night_at_midnight_of_the_business_zone(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing")
    first = shop.lists(campaigns_of(campaign()))
    row = ("win_back", "a", "email", "treated", datetime(2025, 3, 9, 23, tzinfo=UTC), NIGHT, 30, 0.0, "export")
    assert assignments(first) == [row]
    shop.commit(first)
    shop.customer("b", "lapsing")
    shop.leave("a")
    assert [(r[1], r[5], r[8]) for r in assignments(shop.lists(campaigns_of(campaign()), date(2025, 3, 11)))] == [
        ("a", NIGHT, "export"),
        ("b", date(2025, 3, 11), "export"),
    ]


def test_members_of_the_extract_are_assignments_treated_by_default_from_their_campaigns_start(
    shop: CampaignShop,
) -> None:
    shop.con.execute("INSERT INTO campaigns VALUES ('spring', '2025-03-01', 20, NULL)")
    shop.con.execute("""INSERT INTO campaign_member VALUES
        ('spring', 'a', 'email', 'treated', NULL, NULL, '2025-03-05'),
        ('spring', 'b', NULL, 'control', '2025-03-02 10:00:00+01', '2025-03-02', '2025-03-05'),
        ('unknown', 'a', NULL, 'treated', NULL, NULL, '2025-03-05'),
        ('spring', 'later', NULL, 'treated', '2025-03-11 10:00:00+01', '2025-03-11', '2025-03-05')""")
    assert assignments(shop.lists(campaigns_of())) == [
        (
            "spring",
            "a",
            "email",
            "treated",
            datetime(2025, 2, 28, 23, tzinfo=UTC),
            date(2025, 3, 1),
            20,
            None,
            "extract",
        ),
        ("spring", "b", None, "control", datetime(2025, 3, 2, 9, tzinfo=UTC), date(2025, 3, 2), 20, None, "extract"),
        (
            "unknown",
            "a",
            None,
            "treated",
            datetime(2025, 3, 4, 23, tzinfo=UTC),
            date(2025, 3, 5),
            None,
            None,
            "extract",
        ),
    ]


def test_a_corrected_extract_replaces_its_stored_assignment_but_not_one_of_ours(shop: CampaignShop) -> None:
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('spring', 'a', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, NULL, 'extract'),
        ('ours', 'a', NULL, 'treated', '2025-03-02', '2025-03-02', 30, NULL, 'export')""")
    shop.con.execute("""INSERT INTO campaign_member VALUES
        ('spring', 'a', NULL, 'control', '2025-03-01', '2025-03-01', '2025-03-05'),
        ('ours', 'a', NULL, 'control', '2025-03-01', '2025-03-01', '2025-03-05')""")
    rows = [(r[0], r[3], r[8]) for r in assignments(shop.lists(campaigns_of()))]
    assert rows == [("ours", "treated", "export"), ("spring", "control", "extract")]


def test_a_stored_assignment_that_the_extract_no_longer_has_stays(shop: CampaignShop) -> None:
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('spring', 'a', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, NULL, 'extract'),
        ('spring', 'b', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, NULL, 'extract')""")
    shop.con.execute("""INSERT INTO campaign_member VALUES
        ('spring', 'b', NULL, 'control', '2025-03-11', '2025-03-11', '2025-03-05')""")
    assert [(r[1], r[3]) for r in assignments(shop.lists(campaigns_of()))] == [("a", "treated"), ("b", "treated")]


def test_of_a_merged_customers_accounts_ours_goes_before_the_extracts_which_go_before_stored_ones(
    shop: CampaignShop,
) -> None:
    shop.con.execute("INSERT INTO customer_identity VALUES ('old', 'person'), ('older', 'person')")
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('ours', 'old', 'email', 'control', '2025-03-04', '2025-03-04', 45, NULL, 'export'),
        ('theirs', 'person', NULL, 'control', '2025-03-01', '2025-03-01', NULL, NULL, 'extract')""")
    shop.con.execute("""INSERT INTO campaign_member VALUES
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
        ('win_back', 'person', 'email', 'treated', '2025-03-05', '2025-03-05', 45, NULL, 'export'),
        ('win_back', 'old', 'email', 'control', '2025-03-04', '2025-03-04', 45, NULL, 'export')""")
    lists = shop.lists(campaigns_of(campaign()))
    assert [(r[1], r[3], r[5]) for r in assignments(lists)] == [("person", "control", date(2025, 3, 4))]
    assert members(lists) == [("win_back", "email", "person", "control")]
