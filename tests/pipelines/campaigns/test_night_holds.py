"""A fault in the campaign file stops no night: its campaigns wait, all others go on. What a person holds waits too."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Retailer, needed
from nights import make_tables

from pipelines.campaigns.config_file import read_campaign_file
from pipelines.campaigns.sending import hold, release, send_night
from pipelines.errors import LoyaltyError
from pipelines.publishing.night_warnings import hold_warnings
from pipelines.settings import load_settings
from pipelines.store.lake import Night

HELLO = """\
- id: hello
  name: Hello
  segment: one_time_buyers
  priority: 1
  window_days: 30
  control_share: 0
  mode: audience
  channels: [{channel: email, target: mautic}]
"""
OTHER = HELLO.replace("hello", "other").replace("email, target: mautic", "sms, target: mindbox")
CRM = """customer_id,registered_at,email,email_consent,phone,sms_consent,updated_at
ann,2017-01-01,ann@example.org,true,+12015550001,true,2017-11-30
bob,2017-01-01,bob@example.org,true,+12015550002,true,2017-11-30
"""
OPT_OUT = """customer_id,registered_at,email,email_consent,phone,sms_consent,updated_at
bob,2017-01-01,bob@example.org,false,+12015550002,true,2017-12-01
"""
RECEIPTS = """receipt_id,customer_id,issued_at,operation,total_amount
r1,ann,2017-11-30,sale,5
r2,bob,2017-11-30,sale,5
"""
LISTED = [("hello", "email", "mautic", "ann"), ("other", "sms", "mindbox", "ann"), ("other", "sms", "mindbox", "bob")]
NEEDED = needed("campaign_list")


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after a night: two people on the lists of two campaigns. The next one brings an opt-out from e-mail."""
    folder = tmp_path_factory.mktemp("first_night")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(folder / "home"))
        patch.setenv("LOYALTY_TIMEZONE", "America/New_York")
        patch.setenv("LOYALTY_CAMPAIGNS", str(folder / "campaigns.yaml"))
        load_settings.cache_clear()
        write(folder, f"campaigns:\n{HELLO}{OTHER}")
        retailer = Retailer(folder / "home")
        retailer.deliver("2017-12-01", crm_customers=CRM, receipts=RECEIPTS)
        night(retailer, "2017-12-01")
        retailer.deliver("2017-12-02", crm_customers=OPT_OUT, receipts=RECEIPTS.splitlines()[0] + "\n")
    load_settings.cache_clear()
    return folder / "home"


@pytest.fixture
def shop(retailer: Retailer, first_night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    """A copy of that home, with a campaign file of its own."""
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(tmp_path / "campaigns.yaml"))
    load_settings.cache_clear()
    shutil.copytree(first_night, retailer.home, dirs_exist_ok=True)
    return retailer


def write(folder: Path, text: str) -> None:
    (folder / "campaigns.yaml").write_text(text)


def night(retailer: Retailer, run_date: str) -> Night:
    draft = retailer.open(run_date)
    make_tables(NEEDED, draft, retailer.settings)
    draft.commit("test", {}, draft.tables())
    for name in (f"warehouse.{run_date}.duckdb", "warehouse.duckdb"):
        (retailer.home / name).touch()
    delivered, holds = draft.table("campaign_delivery"), draft.table("campaign_hold")
    send_night(draft.lake, retailer.settings, draft.run_date, delivered, holds)
    draft.finish()
    return draft


def files(retailer: Retailer, draft: Night) -> dict[str, str]:
    """What the night sent."""
    folder = retailer.home / "exports" / f"{draft.run_date}"
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.csv"))}


def manifest(retailer: Retailer, draft: Night) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((retailer.home / "exports" / f"{draft.run_date}" / "manifest.json").read_bytes())
    return found


def held(retailer: Retailer, draft: Night) -> dict[str, str]:
    """Why each campaign is held back."""
    path = retailer.home.parent / "campaigns.yaml"
    rows = retailer.rows(draft, "campaign_hold", "campaign_id, reason")
    return {name: why.replace(f"{path}, ", "") for name, why in rows}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            HELLO.replace("one_time_buyers", "one_time_buyer") + OTHER,
            {"hello": "line 4, campaign hello, segment: 'one_time_buyer' is no segment. Did you mean one_time_buyers?"},
        ),
        (
            OTHER,
            {"hello": "campaign hello: it has a list in the tools, and no entry in the campaign file; to end it, put"},
        ),
        (
            HELLO.replace("- id: hello\n ", "-") + OTHER,
            {
                "no. 1": "line 2, campaign no. 1, id: is missing",
                "hello": "campaign hello: no entry without a fault is its own",
            },
        ),
    ],
    ids=["fault", "gone", "without id"],
)
def test_a_campaign_at_fault_waits_and_the_others_go_on(shop, text, why):
    write(shop.home.parent, f"campaigns:\n{text}")
    draft = night(shop, "2017-12-02")
    assert shop.rows(draft, "campaign_list") == LISTED[1:]
    assert {name: said[: len(why.get(name, ""))] for name, said in held(shop, draft).items()} == why
    written = files(shop, draft)
    assert written.keys() == {"hello/email_removals.csv", "other/sms.csv"}
    assert "bob@example.org" in written["hello/email_removals.csv"]
    assert "ann@example.org" not in written["hello/email_removals.csv"]
    said = manifest(shop, draft)
    assert said["held"] == sorted(why)
    assert [(part["folder"], part["channels"][0]["files"][0]["path"]) for part in said["campaigns"]] == [
        ("hello", "hello/email_removals.csv"),
        ("other", "other/sms.csv"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("campaigns: [", "line 1: not readable as YAML"),
        (
            f"contact_cap: {{contacts: 0, days: 1}}\ncampaigns:\n{HELLO}",
            "line 1, contact_cap, contacts: 0 is too small",
        ),
        ("campaigns: []", "campaign hello: it has a list in the tools, and no entry in the campaign file"),
    ],
    ids=["unreadable", "cap", "empty"],
)
def test_if_the_whole_file_is_at_fault_all_wait_and_only_who_may_not_be_written_to_leaves(shop, text, why):
    write(shop.home.parent, text)
    draft = night(shop, "2017-12-02")
    assert shop.rows(draft, "campaign_list") == []
    assert files(shop, draft).keys() == {"hello/email_removals.csv"}
    sentences = hold_warnings(draft.lake, draft.lake.manifest(draft.run_date))
    assert any(sentence.startswith("campaigns held back: ") and why in sentence for sentence in sentences)


def test_a_campaign_that_ended_leaves_the_tools(shop):
    write(shop.home.parent, f"campaigns:\n{HELLO}  ends_on: 2017-12-01\n{OTHER}")
    draft = night(shop, "2017-12-02")
    assert held(shop, draft) == {}
    assert shop.rows(draft, "campaign_list") == LISTED[1:]
    assert files(shop, draft).keys() == {"hello/email_removals.csv", "other/sms.csv"}
    assert "ann@example.org" in files(shop, draft)["hello/email_removals.csv"]


def test_a_campaign_that_is_mended_goes_on_as_if_it_had_never_waited(shop):
    write(shop.home.parent, f"campaigns:\n{OTHER}")
    night(shop, "2017-12-02")
    write(shop.home.parent, f"campaigns:\n{HELLO}{OTHER}")
    nothing_new(shop, "2017-12-03")
    draft = night(shop, "2017-12-03")
    assert (held(shop, draft), shop.rows(draft, "campaign_list")) == ({}, LISTED)
    assert files(shop, draft).keys() == {"hello/email.csv", "other/sms.csv"}


def nothing_new(retailer: Retailer, run_date: str) -> None:
    retailer.deliver(run_date, crm_customers=CRM.splitlines()[0] + "\n", receipts=RECEIPTS.splitlines()[0] + "\n")


def test_a_list_that_a_person_holds_waits_until_it_is_released(shop):
    write(shop.home.parent, f"campaigns:\n{HELLO}{OTHER}")
    hold(shop.settings, "hello", "the text is wrong")
    draft = night(shop, "2017-12-02")
    assert held(shop, draft) == {"hello": "campaign hello: a person holds it back: the text is wrong"}
    assert files(shop, draft).keys() == {"hello/email_removals.csv", "other/sms.csv"}
    assert manifest(shop, draft)["held"] == ["hello"]
    folder = release(shop.settings, "hello")
    assert folder == shop.home / "exports" / "2017-12-02" / "hello" / "2"
    assert files(shop, draft)["hello/2/email.csv"] == (
        "email,firstname,lastname,doNotEmail,loyalty_hello\nann@example.org,,,,1\n"
    )
    said = manifest(shop, draft)
    assert (said["held"], [part["folder"] for part in said["campaigns"]]) == ([], ["hello", "hello/2", "other"])
    with pytest.raises(LoyaltyError, match="nothing of a campaign hello is held back; held back are: none"):
        release(shop.settings, "hello")


def test_a_campaign_released_before_its_night_leaves_with_it(shop):
    write(shop.home.parent, f"campaigns:\n{HELLO}{OTHER}")
    hold(shop.settings, "hello", "wait")
    assert release(shop.settings, "hello") is None
    draft = night(shop, "2017-12-02")
    assert files(shop, draft).keys() == {"hello/email.csv", "hello/email_removals.csv", "other/sms.csv"}


def test_a_list_of_an_earlier_night_can_not_be_released_and_a_held_campaign_waits_on(shop):
    write(shop.home.parent, f"campaigns:\n{HELLO}{OTHER}")
    hold(shop.settings, "hello", "wait")
    night(shop, "2017-12-02")
    nothing_new(shop, "2017-12-03")
    draft = night(shop, "2017-12-03")
    assert release(shop.settings, "hello") == shop.home / "exports" / "2017-12-03" / "hello"
    assert [(d.note.run_date, d.is_sent) for d in draft.lake.deliveries.of("hello")] == [
        (date(2017, 12, 2), True),
        (date(2017, 12, 3), True),
    ]


def test_nothing_is_released_while_a_night_is_open(shop):
    shop.open("2017-12-02")
    with pytest.raises(LoyaltyError, match="night 2017-12-02 was begun and is not finished"):
        release(shop.settings, "hello")


def test_campaigns_of_one_id_are_all_at_fault(tmp_path):
    write(tmp_path, f"campaigns:\n{HELLO}{HELLO}{OTHER}")
    file = read_campaign_file(tmp_path / "campaigns.yaml")
    assert [campaign.id for campaign in file.campaigns.campaigns] == ["other"]
    assert [fault.line for fault in file.faults] == [10]
