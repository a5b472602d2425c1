"""Each target's format: headers, hashing, protection and removals, byte for byte."""

import csv
import json
from pathlib import Path

import pytest
import yaml
from campaign_shop import CampaignShop, campaign_on, sha

from pipelines.campaigns import targets
from pipelines.campaigns.channels import CHANNELS
from pipelines.campaigns.targets import export_target, target_names

# Customer, name, e-mail, phone, favourite category, points.
ANN = ("a", "Ann Mary Lee", "Ann.Lee+shop@Gmail.com", "(201) 555-0123", "=HYPERLINK(1)", "-5.00")
BOB = ("b", "Bob", None, "+44 20 7946 0958", "Tea; black, loose", "7.50")


# --- formats ---


def test_google_ads_hashes_gmail_without_dots_and_suffix_and_names_in_lower_case(shop: CampaignShop) -> None:
    shop.customers(ANN, ("c", None, "C.D+e@Example.org", None, None, None))
    shop.write(campaign_on("ads", "google_ads"))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "Email,Phone,First Name,Last Name",
        f"{sha('annlee@gmail.com')},{sha('+12015550123')},{sha('ann')},{sha('lee')}",
        f"{sha('c.d+e@example.org')},,,",
    ]


def test_hashes_are_plain_sha256_in_lower_case_hex(shop: CampaignShop) -> None:
    shop.customers(("t", None, " Test@Example.com", None, None, None))
    shop.write(campaign_on("ads", "google_ads"))
    # echo -n test@example.com | sha256sum
    assert "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b" in shop.text("win_back/ads.csv")


def test_google_ads_takes_country_and_zip_unhashed_from_the_campaign(shop: CampaignShop) -> None:
    shop.customers(BOB)
    shop.write(campaign_on("ads", "google_ads", {"Country": "region"}))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "Email,Phone,First Name,Last Name,Country",
        f",{sha('+442079460958')},{sha('bob')},,East",
    ]


def test_meta_has_all_headers_and_hashes_the_phones_digits_without_plus(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB)
    shop.write(campaign_on("ads", "meta", {"st": "region"}))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "email,phone,madid,fn,ln,ct,st,country,uid",
        f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},,{sha('ann')},{sha('lee')},,{sha('east')},,",
        f",{sha('442079460958')},,{sha('bob')},,,{sha('east')},,",
    ]


def test_tiktok_hashes_email_and_e164(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.write(campaign_on("ads", "tiktok"))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "Email_SHA256,Phone_SHA256",
        f"{sha('ann.lee+shop@gmail.com')},{sha('+12015550123')}",
    ]


def test_yandex_hashes_email_and_digits_and_names_the_customer(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.write(campaign_on("ads", "yandex"))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "email,phone,ext_id",
        f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},a",
    ]


def test_unisender_gets_the_channels_address_and_the_merge_fields(shop: CampaignShop) -> None:
    shop.customers(ANN)
    fields = {"Name": "first_name", "category": "favourite_category", "points": "points_balance"}
    shop.write(campaign_on("email", "unisender", {**fields, "last": "last_order_date"}))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,Name,category,points,last",
        "ann.lee+shop@gmail.com,Ann,'=HYPERLINK(1),-5.00,2025-01-31",
    ]


def test_esputnik_takes_a_phone_instead(shop: CampaignShop) -> None:
    shop.customers(BOB)
    shop.write(campaign_on("sms", "esputnik"))
    assert shop.text("win_back/sms.csv") == "phone\n+442079460958\n"


def test_mautic_gets_aliases_and_who_does_not_want_email(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.write(campaign_on("email", "mautic"))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,firstname,lastname,doNotEmail",
        "ann.lee+shop@gmail.com,Ann,Lee,0",
    ]


def test_mindbox_headers_are_the_campaigns(shop: CampaignShop) -> None:
    shop.customers(BOB)
    shop.write(campaign_on("sms", "mindbox", {"Phone": "phone", "Category": "favourite_category"}))
    assert list(csv.reader(shop.text("win_back/sms.csv").splitlines(), delimiter=";")) == [
        ["CustomerId", "Phone", "Category"],
        ["b", "+442079460958", "Tea; black, loose"],
    ]


@pytest.mark.parametrize("channel", ["sms", "call"])
def test_gateways_get_e164(shop: CampaignShop, channel: str) -> None:
    shop.customers(ANN, BOB)
    shop.write(campaign_on(channel, "sms", {"points": "points_balance"}))
    assert shop.text(f"win_back/{channel}.csv") == "phone,points\n+12015550123,-5.00\n+442079460958,7.50\n"


def test_push_and_messenger_are_json_lines(shop: CampaignShop) -> None:
    shop.customers(ANN)
    both = [
        {"channel": "push", "target": "push", "fields": {"category": "favourite_category", "points": "points_balance"}},
        {"channel": "messenger", "target": "messenger"},
    ]
    shop.write(campaign_on("push", "push", channels=both))
    assert [json.loads(line) for line in shop.text("win_back/push.jsonl").splitlines()] == [
        {"token": "token-a", "customer_id": "a", "category": "=HYPERLINK(1)", "points": -5.0}
    ]
    assert shop.text("win_back/messenger.jsonl") == '{"messenger_id":"m-a","customer_id":"a"}\n'


@pytest.mark.parametrize("name", target_names())
def test_every_target_has_a_valid_contract_with_an_identifier(name: str) -> None:
    target = export_target(name)
    sources = {column.source for column in target.columns}
    for channel in target.channels:
        assert sources & set(CHANNELS[channel])


def test_a_contract_with_an_unknown_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (targets.CONTRACTS / "exports" / "sms.yaml").read_text().replace("value: phone", "value: telephone")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "fax.yaml").write_text(text)
    monkeypatch.setattr(targets, "CONTRACTS", tmp_path)
    with pytest.raises(ValueError, match=r"fax\.yaml: .*column phone: unknown source 'telephone'"):
        export_target("fax")


def test_a_header_may_have_quotes_and_is_written_as_the_contract_has_it(
    shop: CampaignShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = ['Phone "mobile"', 'x", 1 AS "c.', "O'Brien's; -- $campaign"]
    contract = yaml.safe_load((targets.CONTRACTS / "exports" / "sms.yaml").read_text())
    properties = contract["schema"][0]["properties"]
    properties[0]["name"] = headers[0]
    properties += [
        {"name": header, "customProperties": [{"property": "source", "value": source}]}
        for header, source in zip(headers[1:], ("customer_id", "first_name"), strict=True)
    ]
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "quoting.yaml").write_text(yaml.safe_dump(contract))
    monkeypatch.setattr(targets, "CONTRACTS", tmp_path)
    shop.customers(BOB)
    shop.write(campaign_on("sms", "quoting"))
    assert list(csv.reader(shop.text("win_back/sms.csv").splitlines())) == [headers, ["+442079460958", "b", "Bob"]]


# --- protection ---


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "' =1"),
        ("Tea=1", "Tea=1"),
        ('say "hi"', 'say "hi"'),
        ("two\r\nlines", "two lines"),
        ("Чай", "Чай"),
    ],
)
def test_text_is_no_formula_and_a_record_is_one_line(shop: CampaignShop, given: str, written: str) -> None:
    shop.customers(("a", None, None, "(201) 555-0123", given, 1))
    shop.write(campaign_on("sms", "sms", {"category": "favourite_category"}))
    assert list(csv.reader(shop.text("win_back/sms.csv").split("\n")))[1] == ["+12015550123", written]


def test_names_are_protected_too(shop: CampaignShop) -> None:
    shop.customers(("a", "=cmd() -x", "a@example.org", None, None, None))
    shop.write(campaign_on("email", "mautic"))
    assert shop.text("win_back/email.csv").splitlines()[1] == "a@example.org,'=cmd(),'-x,0"


def test_the_middle_name_is_a_merge_field_and_is_protected_too(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", name="Иванова Анна", first_name="Анна", middle_name="=Петровна", last_name="Иванова")
    shop.write(campaign_on("email", "mautic", {"patronymic": "middle_name"}))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,firstname,lastname,doNotEmail,patronymic",
        "a@example.org,Анна,Иванова,0,'=Петровна",
    ]


# --- removals ---


def test_removals_name_the_person_and_nothing_else(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.listed_before("email", "unisender", "a")
    shop.con.execute("UPDATE customer SET email_consent = FALSE")
    shop.write(campaign_on("email", "unisender", {"Name": "first_name", "points": "points_balance"}))
    assert shop.text("win_back/email.csv") == "email,Name,points\n"
    assert shop.text("win_back/email_removals.csv") == "email\nann.lee+shop@gmail.com\n"


def test_removals_to_meta_keep_its_headers_and_hashing(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.listed_before("ads", "meta", "a")
    shop.con.execute("UPDATE customer SET ads_consent = FALSE")
    shop.write(campaign_on("ads", "meta"))
    row = f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},,,,,,,"
    assert shop.text("win_back/ads_removals.csv").splitlines()[1:] == [row]


def test_mautic_is_told_who_withdrew_consent_but_not_who_only_left_the_segment(shop: CampaignShop) -> None:
    shop.customers(("a", None, "a@example.org", None, None, None), ("b", None, "b@example.org", None, None, None))
    shop.listed_before("email", "mautic", "a", "b")
    shop.con.execute("DELETE FROM customer_segment")
    shop.con.execute("UPDATE customer SET email_consent = FALSE WHERE customer_id = 'a'")
    shop.write(campaign_on("email", "mautic"))
    assert shop.text("win_back/email_removals.csv") == "email,doNotEmail\na@example.org,1\nb@example.org,0\n"


def test_an_erased_person_is_removed_by_the_address_that_was_listed(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.listed_before("ads", "yandex", "a")
    shop.listed_before("email", "unisender", "a")
    for table in ("customer", "extract", "customer_segment", "customer_360"):
        shop.con.execute(f"DELETE FROM {table}")
    shop.write()
    row = f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},a"
    assert shop.text("win_back/ads_removals.csv") == f"email,phone,ext_id\n{row}\n"
    assert shop.text("win_back/email_removals.csv") == "email\nann.lee+shop@gmail.com\n"


@pytest.mark.parametrize(
    ("channel", "target", "fields", "expected"),
    [
        ("ads", "yandex", {}, f"email,phone,ext_id\n,{sha('442079460958')},\n"),
        (
            "ads",
            "meta",
            {"uid": "customer_id"},
            f"email,phone,madid,fn,ln,ct,st,country,uid\n,{sha('442079460958')},,,,,,,\n",
        ),
        ("sms", "mindbox", {"Phone": "phone"}, "CustomerId;Phone\n;+442079460958\n"),
        ("sms", "mautic", {"id": "customer_id"}, "phone,doNotEmail,id\n+442079460958,1,\n"),
        ("push", "push", {}, '{"token":"token-b","customer_id":null}\n'),
    ],
)
def test_a_changed_address_is_removed_without_the_id_of_the_person_who_stays(
    shop: CampaignShop, channel: str, target: str, fields: dict[str, str], expected: str
) -> None:
    shop.customers(BOB)
    shop.listed_before(channel, target, "b")
    shop.con.execute("UPDATE extract SET phone = '(201) 555-0100', push_token = 'new'")
    list_file, removals = shop.write(campaign_on(channel, target, fields))
    assert (list_file.rows, removals.rows) == (1, 1)
    assert shop.text(removals.path) == expected
    (counts,) = shop.manifest()["campaigns"][0]["channels"]
    assert (counts["listed"], counts["removed"], [w for w in counts["warnings"] if "removals" in w]) == (1, 1, [])
