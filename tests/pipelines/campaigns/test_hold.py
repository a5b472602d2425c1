"""A campaign file with a fault stops no night: the campaigns at fault wait, all others go on."""

import shutil
from pathlib import Path

import pytest
from campaign_shop import CampaignShop, assignments, campaign, campaigns_of
from conftest import Retailer, needed

from pipelines.campaigns.config_file import read_campaign_file
from pipelines.catalog import tables
from pipelines.publishing.night_warnings import hold_warnings
from pipelines.settings import load_settings
from pipelines.store.lake import Night
from pipelines.tables.build import make_table

HELLO = """\
- id: hello
  name: Hello
  segment: one_time_buyers
  priority: 1
  window_days: 30
  control_share: 0
  channels: [{channel: email, target: mautic}]
"""
OTHER = HELLO.replace("hello", "other").replace("email, target: mautic", "sms, target: sms")
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
LISTED = [("hello", "email", "mautic", "ann"), ("other", "sms", "sms", "ann"), ("other", "sms", "sms", "bob")]
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
    for table in tables().values():
        if table.name in NEEDED and table.kind != "split":
            make_table(table.name, draft, retailer.settings)
    draft.commit("test", {}, draft.tables())
    return draft


def files(draft: Night) -> dict[str, str]:
    folder = draft.prepared_folder() / f"{draft.run_date}"
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.glob("*/*.csv"))}


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
    assert shop.rows(draft, "campaign_list") == LISTED
    assert {name: said[: len(why.get(name, ""))] for name, said in held(shop, draft).items()} == why
    written = files(draft)
    assert written.keys() == {"hello/email_removals.csv", "other/sms.csv"}
    assert "bob@example.org" in written["hello/email_removals.csv"]
    assert "ann@example.org" not in written["hello/email_removals.csv"]


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
    assert shop.rows(draft, "campaign_list") == LISTED
    assert files(draft).keys() == {"hello/email_removals.csv"}
    sentences = hold_warnings(draft.lake, draft.lake.manifest(draft.run_date))
    assert any(sentence.startswith("campaigns held back: ") and why in sentence for sentence in sentences)


def test_a_campaign_that_ended_leaves_the_tools(shop):
    write(shop.home.parent, f"campaigns:\n{HELLO}  ends_on: 2017-12-01\n{OTHER}")
    draft = night(shop, "2017-12-02")
    assert held(shop, draft) == {}
    assert shop.rows(draft, "campaign_list") == LISTED[1:]
    assert files(draft).keys() == {"hello/email_removals.csv", "other/sms.csv"}
    assert "ann@example.org" in files(draft)["hello/email_removals.csv"]


def test_a_campaign_that_is_mended_goes_on_as_if_it_had_never_waited(shop):
    write(shop.home.parent, f"campaigns:\n{OTHER}")
    night(shop, "2017-12-02")
    write(shop.home.parent, f"campaigns:\n{HELLO}{OTHER}")
    shop.deliver("2017-12-03", crm_customers=CRM.splitlines()[0] + "\n", receipts=RECEIPTS.splitlines()[0] + "\n")
    draft = night(shop, "2017-12-03")
    assert (held(shop, draft), shop.rows(draft, "campaign_list")) == ({}, LISTED)
    assert files(draft).keys() == {"hello/email.csv", "other/sms.csv"}


def test_a_campaign_that_is_held_back_assigns_nobody(tmp_path):
    shop = CampaignShop(tmp_path / "exports")
    shop.customer("a", "lapsing")
    shop.commit(shop.lists(campaigns_of(campaign("x"))))
    shop.customer("b", "lapsing")
    lists = shop.lists(campaigns_of(campaign("y")), held={"x"})
    assert [row[:2] for row in assignments(lists)] == [("x", "a"), ("y", "a"), ("y", "b")]
    shop.con.close()


def test_campaigns_of_one_id_are_all_at_fault(tmp_path):
    write(tmp_path, f"campaigns:\n{HELLO}{HELLO}{OTHER}")
    file = read_campaign_file(tmp_path / "campaigns.yaml")
    assert [campaign.id for campaign in file.campaigns.campaigns] == ["other"]
    assert [fault.line for fault in file.faults] == [9]
