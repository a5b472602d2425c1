"""Files of removals: which tools get one, what stands in it, and that nobody on tonight's list is in it."""

from datetime import date
from typing import Any

import pytest
from campaign_shop import CampaignShop, campaign_on, files_of, sha

# Customer, name, e-mail, phone, favourite category, points.
ANN = ("a", "Ann Mary Lee", "Ann.Lee+shop@Gmail.com", "(201) 555-0123", "=HYPERLINK(1)", "-5.00")
BOB = ("b", "Bob", None, "+44 20 7946 0958", "Tea; black, loose", "7.50")
META = "email,phone,madid,fn,ln,ct,st,country,uid\n"


BEFORE = date(2025, 3, 9)


def audience(channel: str, target: str, fields: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    return campaign_on(channel, target, fields, mode="audience", **values)


def test_a_tool_that_filters_on_a_field_gets_identifiers_and_0(shop: CampaignShop) -> None:
    shop.customers(ANN)
    fields = {"Name": "first_name", "points": "points_balance", "code": {"value": "SUMMER10"}}
    shop.write(audience("email", "unisender", fields), night=BEFORE)
    shop.consent("email", False, "a")
    shop.write(audience("email", "unisender", fields))
    assert shop.text("win_back/email.csv") == "email,Name,points,code,loyalty_win_back\n"
    assert shop.text("win_back/email_removals.csv") == "email,loyalty_win_back\nann.lee+shop@gmail.com,0\n"


def test_a_tool_with_a_remove_gets_its_own_headers_and_hashed_identifiers_only(shop: CampaignShop) -> None:
    shop.customers(ANN)
    three = [campaign_on("ads", target, id=target) for target in ("meta", "google_ads", "yandex_api")]
    shop.write(*three, night=BEFORE)
    shop.consent("ads", False, "a")
    shop.write(*three)
    phone = sha("12015550123")
    assert shop.text("meta/ads_removals.csv") == f"{META}{sha('ann.lee+shop@gmail.com')},{phone},,,,,,,\n"
    assert shop.text("google_ads/ads_removals.csv") == (
        f"Email,Phone,First Name,Last Name,Country,Zip\n{sha('annlee@gmail.com')},{sha('+12015550123')},,,,\n"
    )
    assert shop.text("yandex_api/ads_removals.csv") == (
        f"email,phone,ext_id\n{sha('ann.lee+shop@gmail.com')},{phone},a\n"
    )


def test_where_lists_are_replaced_the_list_alone_says_who_left(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB)
    shop.write(campaign_on("ads", "yandex"), night=BEFORE)
    shop.leave("a")
    shop.write(campaign_on("ads", "yandex"))
    assert shop.sent_files() == ["win_back/ads.csv"]
    assert shop.text("win_back/ads.csv") == f"email,phone,ext_id\n,{sha('442079460958')},b\n"
    (counts,) = shop.manifest()["channels"]
    assert counts["removed"] == 1
    assert counts["warnings"] == [
        "1 rows, but yandex takes lists of 100 and more; whoever left stays in the tool until then: delete its segment"
    ]


@pytest.mark.parametrize(
    ("tonight", "path"),
    [
        (campaign_on("ads", "yandex", ends_on=BEFORE), "win_back/ads.csv"),
        (campaign_on("ads", "meta"), "win_back/ads.yandex.csv"),
        (campaign_on("email", "unisender"), "win_back/ads.csv"),
    ],
    ids=["ended", "another target", "another channel"],
)
def test_a_list_that_ended_is_replaced_by_an_empty_one(shop: CampaignShop, tonight: dict[str, Any], path: str) -> None:
    shop.customers(ANN)
    shop.write(campaign_on("ads", "yandex"), night=BEFORE)
    shop.write(tonight)
    assert path in shop.sent_files()
    assert shop.text(path) == "email,phone,ext_id\n"


def test_mautic_is_told_who_withdrew_consent_but_not_who_only_left_the_segment(shop: CampaignShop) -> None:
    for customer_id in ("a", "b", "c", "gone", "old"):
        shop.customer(customer_id, "lapsing")
    shop.write(audience("email", "mautic"), night=BEFORE)
    shop.consent("email", False, "a")
    shop.con.execute("UPDATE customer SET is_deleted = TRUE WHERE customer_id = 'c'")
    shop.con.execute("DELETE FROM customer WHERE customer_id = 'gone'")
    shop.con.execute("DELETE FROM customer_segment")
    shop.merge("old", "b")
    shop.write(audience("email", "mautic"))
    assert shop.text("win_back/email_removals.csv").splitlines() == [
        "email,doNotEmail,loyalty_win_back",
        "a@example.org,1,0",
        "b@example.org,,0",
        "c@example.org,1,0",
        "gone@example.org,1,0",
        "old@example.org,,0",
    ]


def test_an_erased_person_is_removed_by_the_address_that_was_listed(shop: CampaignShop) -> None:
    shop.customers(ANN)
    both = campaign_on("ads", "yandex_api"), audience("email", "unisender", id="mails")
    shop.write(*both, night=BEFORE)
    for table in ("customer", "extract", "customer_segment", "customer_360"):
        shop.con.execute(f"DELETE FROM {table}")
    shop.write(*both)
    row = f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},a"
    assert shop.text("win_back/ads_removals.csv") == f"email,phone,ext_id\n{row}\n"
    assert shop.text("mails/email_removals.csv") == "email,loyalty_mails\nann.lee+shop@gmail.com,0\n"


@pytest.mark.parametrize(
    ("channel", "target", "fields", "expected"),
    [
        ("ads", "yandex_api", {}, f"email,phone,ext_id\n,{sha('442079460958')},\n"),
        ("ads", "meta", {"uid": "customer_id"}, f"{META},{sha('442079460958')},,,,,,,\n"),
        ("sms", "mindbox", {"Phone": "phone"}, "CustomerId;Phone;loyalty_win_back\n;+442079460958;0\n"),
        ("sms", "mautic", {"id": "customer_id"}, "phone,doNotEmail,id,loyalty_win_back\n+442079460958,,,0\n"),
    ],
)
def test_a_changed_address_is_removed_without_the_id_of_the_person_who_stays(
    shop: CampaignShop, channel: str, target: str, fields: dict[str, str], expected: str
) -> None:
    shop.customers(BOB)
    shop.write(audience(channel, target, fields), night=BEFORE)
    shop.con.execute("UPDATE extract SET phone = '(201) 555-0100'")
    list_file, removals = files_of(shop.write(audience(channel, target, fields)))
    assert (list_file.rows, removals.rows) == (1, 1)
    assert shop.text(f"win_back/{removals.path}") == expected
    (counts,) = shop.manifest()["channels"]
    assert (counts["listed"], counts["removed"], [w for w in counts["warnings"] if "removals" in w]) == (1, 1, [])


@pytest.mark.parametrize(
    ("target", "old", "new", "is_removed"),
    [
        ("google_ads", "ann.lee@gmail.com", "annlee+x@gmail.com", False),
        ("google_ads", "ann.lee@example.org", "annlee@example.org", True),
        ("tiktok", "ann@example.org", "ann+shop@example.org", False),
        ("meta", "ann@example.org", "ann+shop@example.org", True),
    ],
)
def test_an_address_that_the_tool_takes_for_tonights_is_not_removed(
    shop: CampaignShop, target: str, old: str, new: str, is_removed: bool
) -> None:
    shop.customer("a", "lapsing", email=old, phone=None)
    shop.write(campaign_on("ads", target), night=BEFORE)
    shop.change("a", email=new)
    files = files_of(shop.write(campaign_on("ads", target)))
    assert [file.rows for file in files if file.kind == "removals"] == [int(is_removed)]


def test_another_campaigns_list_keeps_nobody_in_this_ones(shop: CampaignShop) -> None:
    shop.customers(ANN)
    both = campaign_on("ads", "meta"), campaign_on("ads", "meta", id="other")
    shop.write(*both, night=BEFORE)
    shop.write(both[0] | {"ends_on": BEFORE}, both[1])
    assert shop.text("win_back/ads_removals.csv").splitlines()[1:] == [
        f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},,,,,,,"
    ]
    assert shop.sent_files() == ["other/ads.csv", "win_back/ads_removals.csv"]
