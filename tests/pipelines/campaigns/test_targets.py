"""Each target's format: headers, hashing, protection and merge fields, byte for byte."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from campaign_shop import CampaignShop, campaign_on, sha
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.campaigns import targets
from pipelines.campaigns.channels import CHANNELS
from pipelines.campaigns.targets import FORMS, export_target, target_names

# Customer, name, e-mail, phone, favourite category, points.
ANN = ("a", "Ann Mary Lee", "Ann.Lee+shop@Gmail.com", "(201) 555-0123", "=HYPERLINK(1)", "-5.00")
BOB = ("b", "Bob", None, "+44 20 7946 0958", "Tea; black, loose", "7.50")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as found:
        yield found


def warnings(shop: CampaignShop) -> list[str]:
    """What the manifest of the night's one list warns of."""
    found: list[str] = shop.manifest()["channels"][0]["warnings"]
    return found


# --- formats ---


GOOGLE = "Email,Phone,First Name,Last Name,Country,Zip"


def test_google_ads_hashes_gmail_without_dots_and_suffix_and_has_all_headers(shop: CampaignShop) -> None:
    shop.customers(ANN, ("c", None, "C.D+e@Example.org", None, None, None))
    shop.write(campaign_on("ads", "google_ads"))
    assert shop.text("win_back/ads.csv").splitlines() == [
        GOOGLE,
        f"{sha('annlee@gmail.com')},{sha('+12015550123')},,,US,",
        f"{sha('c.d+e@example.org')},,,,,",
    ]


def test_hashes_are_plain_sha256_in_lower_case_hex(shop: CampaignShop) -> None:
    shop.customers(("t", None, " Test@Example.com", None, None, None))
    shop.write(campaign_on("ads", "google_ads"))
    # echo -n test@example.com | sha256sum
    assert "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b" in shop.text("win_back/ads.csv")


def test_google_ads_gets_names_only_together_with_country_and_zip(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB)
    shop.con.execute("UPDATE customer_360 SET region = CASE customer_id WHEN 'b' THEN 'SW1A 1AA' END")
    shop.write(campaign_on("ads", "google_ads", {"Zip": "region"}))
    assert shop.text("win_back/ads.csv").splitlines() == [
        GOOGLE,
        f"{sha('annlee@gmail.com')},{sha('+12015550123')},,,US,",
        f",{sha('+442079460958')},{sha('bob')},,GB,SW1A 1AA",
    ]


def test_a_country_that_is_none_by_iso_3166_is_left_out_and_counted_and_the_names_with_it(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB)
    shop.con.execute("UPDATE customer_360 SET region = CASE customer_id WHEN 'a' THEN ' de' ELSE 'UK' END")
    shop.write(campaign_on("ads", "google_ads", {"Country": "region", "Zip": {"value": "10115"}}))
    assert shop.text("win_back/ads.csv").splitlines() == [
        GOOGLE,
        f"{sha('annlee@gmail.com')},{sha('+12015550123')},{sha('ann')},{sha('lee')},DE,10115",
        f",{sha('+442079460958')},,,,10115",
    ]
    assert warnings(shop)[0] == "1 values of Country are no country by ISO 3166, and are left out"


def test_google_ads_lists_say_by_when_to_upload_them_again(shop: CampaignShop) -> None:
    shop.write(campaign_on("ads", "google_ads"))
    assert warnings(shop) == ["google_ads forgets members after 540 days: upload the list again before 2026-09-01"]


def test_meta_has_all_headers_and_hashes_the_phones_digits_without_plus_and_its_country(shop: CampaignShop) -> None:
    shop.customers(ANN, BOB, ("c", None, "c@example.org", None, None, None))
    shop.write(campaign_on("ads", "meta", {"st": "region"}))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "email,phone,madid,fn,ln,ct,st,country,uid",
        f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},,{sha('ann')},{sha('lee')},,{sha('east')},{sha('us')},",
        f",{sha('442079460958')},,{sha('bob')},,,{sha('east')},{sha('gb')},",
        f"{sha('c@example.org')},,,,,,{sha('east')},,",
    ]


def test_a_campaign_says_which_country_stands_where_no_phone_is_known(shop: CampaignShop) -> None:
    shop.customers(BOB, ("c", None, "c@example.org", None, None, None))
    shop.write(campaign_on("ads", "meta", {"country": {"column": "country", "default": "de"}}))
    assert [line.split(",")[7] for line in shop.text("win_back/ads.csv").splitlines()[1:]] == [sha("gb"), sha("de")]


def test_tiktok_hashes_email_without_suffix_and_e164(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.write(campaign_on("ads", "tiktok"))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "Email_SHA256,Phone_SHA256",
        f"{sha('ann.lee@gmail.com')},{sha('+12015550123')}",
    ]
    assert warnings(shop) == ["1 rows, but tiktok takes lists of 1000 and more"]


@pytest.mark.parametrize("target", ["yandex", "yandex_api"])
def test_yandex_hashes_email_and_digits_and_names_the_customer(shop: CampaignShop, target: str) -> None:
    shop.customers(ANN, ("b", None, "Иван@Почта.рф", None, None, None))
    shop.write(campaign_on("ads", target))
    assert shop.text("win_back/ads.csv").splitlines() == [
        "email,phone,ext_id",
        f"{sha('ann.lee+shop@gmail.com')},{sha('12015550123')},a",
        f"{sha('иван@xn--80a1acny.xn--p1ai')},,b",
    ]


def test_an_audience_says_1_of_who_is_on_it_and_a_sending_its_night(shop: CampaignShop) -> None:
    shop.customers(BOB)
    shop.write(campaign_on("sms", "esputnik"), campaign_on("sms", "esputnik", id="kept", mode="audience"))
    assert shop.text("win_back/sms.csv") == "phone,loyalty_win_back\n+442079460958,2025-03-10\n"
    assert shop.text("kept/sms.csv") == "phone,loyalty_kept\n+442079460958,1\n"


def test_unisender_gets_the_channels_address_and_the_merge_fields(shop: CampaignShop) -> None:
    shop.customers(ANN)
    fields = {"Name": "first_name", "category": "favourite_category", "points": "points_balance"}
    shop.write(campaign_on("email", "unisender", {**fields, "last": "last_order_date"}))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,Name,category,points,last,loyalty_win_back",
        "ann.lee+shop@gmail.com,Ann,'=HYPERLINK(1),-5.00,2025-01-31,2025-03-10",
    ]


def test_esputnik_takes_a_phone_instead(shop: CampaignShop) -> None:
    shop.customers(BOB)
    shop.write(campaign_on("sms", "esputnik"))
    assert shop.text("win_back/sms.csv") == "phone,loyalty_win_back\n+442079460958,2025-03-10\n"


def test_mautic_gets_aliases_and_hears_nothing_of_who_wants_email(shop: CampaignShop) -> None:
    shop.customers(ANN)
    shop.write(campaign_on("email", "mautic"))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,firstname,lastname,doNotEmail,loyalty_win_back",
        "ann.lee+shop@gmail.com,Ann,Lee,,2025-03-10",
    ]


def test_mautic_hears_on_an_sms_list_who_does_not_want_email(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", email_consent=False)
    shop.customer("b", "lapsing")
    shop.write(campaign_on("sms", "mautic"))
    assert [line.split(",")[3] for line in shop.text("win_back/sms.csv").splitlines()] == ["doNotEmail", "1", ""]


def test_mindbox_headers_are_the_campaigns(shop: CampaignShop) -> None:
    shop.customers(BOB)
    shop.write(campaign_on("sms", "mindbox", {"Phone": "phone", "Category": "favourite_category"}))
    assert list(csv.reader(shop.text("win_back/sms.csv").splitlines(), delimiter=";")) == [
        ["CustomerId", "Phone", "Category", "loyalty_win_back"],
        ["b", "+442079460958", "Tea; black, loose", "2025-03-10"],
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
    shop.write(campaign_on("push", "push", channels=both, use_channels="all"))
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


def test_every_format_says_how_the_tool_removes() -> None:
    assert {name: export_target(name).removal for name in target_names()} == {
        "esputnik": "field",
        "google_ads": "subtract",
        "mautic": "field",
        "messenger": "none",
        "meta": "subtract",
        "mindbox": "field",
        "push": "none",
        "sms": "none",
        "tiktok": "subtract",
        "unisender": "field",
        "yandex": "replace",
        "yandex_api": "subtract",
    }


@pytest.mark.parametrize(
    ("now", "instead", "message"),
    [
        ("value: phone", "value: telephone", "column phone: unknown source 'telephone'"),
        ("value: none", "value: delete", "removal 'delete' is none of replace, subtract, field, none"),
        ("value: none", "value: subtract", "removal subtract needs a removalPage"),
        (
            "value: none",
            "value: replace\n  - property: removalPage\n    value: https://example.org",
            "removalReadOn must be the day",
        ),
    ],
)
def test_a_contract_that_leaves_a_question_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str, instead: str, message: str
) -> None:
    text = (targets.CONTRACTS / "exports" / "sms.yaml").read_text().replace(now, instead)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "fax.yaml").write_text(text)
    monkeypatch.setattr(targets, "CONTRACTS", tmp_path)
    with pytest.raises(ValueError, match=rf"fax\.yaml: .*{message}"):
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


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("=-+Anna", "Anna"),
        ("'Anna", "Anna"),
        ("=cmd()", "cmd()"),
        ("\t@Anna", "Anna"),
        ("\uff1dAnna", "Anna"),
        ("=\u00a0'Anna", "Anna"),
        ("O'Neil", "O'Neil"),
        ("Anna-Maria", "Anna-Maria"),
        ("=-+", ""),
        ("Anna\nMaria", "Anna Maria"),
    ],
)
def test_from_a_name_what_begins_a_formula_or_a_quote_is_cut_off(con: Any, given: str, written: str) -> None:
    found = con.execute(f"SELECT {FORMS['name'].format('$name')}", {"name": given}).fetchone()
    assert found == (written or None,)


@given(st.text(alphabet="=+-@\t\r\n' \u2019\uff1d\u00a0aя.", max_size=8))
@settings(deadline=None, derandomize=True, database=None)
def test_no_name_begins_like_a_formula_or_with_a_quote(con: Any, name: str) -> None:
    (found,) = con.execute(f"SELECT {FORMS['name'].format('$name')}", {"name": name}).fetchone()
    assert found is None or (found[0] not in "=+-@\t\r\n' \u2019\uff1d" and "\n" not in found)


def test_the_middle_name_is_a_merge_field_and_is_protected_too(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing", name="Иванова Анна", first_name="Анна", middle_name="=Петровна", last_name="Иванова")
    shop.write(campaign_on("email", "mautic", {"patronymic": "middle_name"}))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,firstname,lastname,doNotEmail,patronymic,loyalty_win_back",
        "a@example.org,Анна,Иванова,,Петровна,2025-03-10",
    ]


def test_names_are_protected_in_columns_of_the_contract_and_of_the_campaign(shop: CampaignShop) -> None:
    shop.customers(("a", "=cmd() -x", "a@example.org", None, None, None), ("b", "=", "b@example.org", None, None, None))
    shop.write(campaign_on("email", "mautic", {"hello": {"column": "first_name", "default": "friend"}}))
    assert shop.text("win_back/email.csv").splitlines()[1:] == [
        "a@example.org,x,,cmd(),2025-03-10",
        "b@example.org,,,friend,2025-03-10",
    ]


# --- merge fields ---


def test_a_merge_field_may_be_the_same_for_everybody_or_have_a_default(shop: CampaignShop) -> None:
    shop.customers(ANN, ("b", None, "b@example.org", None, None, None))
    fields = {
        "code": {"value": "SUMMER10"},
        "category": {"column": "favourite_category", "default": "our shop"},
        "points": {"column": "points_balance", "default": 0},
    }
    shop.write(campaign_on("email", "unisender", fields))
    assert shop.text("win_back/email.csv").splitlines() == [
        "email,code,category,points,loyalty_win_back",
        "ann.lee+shop@gmail.com,SUMMER10,'=HYPERLINK(1),-5.00,2025-03-10",
        "b@example.org,SUMMER10,our shop,0,2025-03-10",
    ]


def test_a_campaigns_own_text_is_no_formula_and_no_sql(shop: CampaignShop) -> None:
    shop.customers(BOB)
    shop.write(campaign_on("sms", "sms", {"a": {"value": "=1"}, "b": {"value": "it's {0} $campaign f.x"}}))
    assert shop.text("win_back/sms.csv") == "phone,a,b\n+442079460958,'=1,it's {0} $campaign f.x\n"
