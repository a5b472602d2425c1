"""Looking before sending: the preview says what the next night then does, shows no address, and leaves nothing."""

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from conftest import Retailer, needed
from nights import hashes, make_tables
from typer.testing import CliRunner, Result

from models.detectable_effect import detectable_difference
from pipelines.campaigns import preview as previews
from pipelines.campaigns.preview import CampaignPreview, Overlap, SmallestEffect
from pipelines.campaigns.sending import send_night
from pipelines.ops.cli import app
from pipelines.settings import load_settings
from pipelines.store.home import published_night
from pipelines.store.lake import CommittedNight, Lake, Night

FIRST, SECOND = "2017-12-01", "2017-12-02"
PEOPLE = 40
BUYERS = 30  # the first so many bought once in November; the others never
NEEDED = needed("campaign_list", "customer_day")
CRM = "customer_id,registered_at,first_name,last_name,email,email_consent,phone,sms_consent,ads_consent,updated_at\n"
RECEIPTS = "receipt_id,customer_id,issued_at,operation,total_amount\n"
HELLO = """
- {id: hello, name: Hello, segment: one_time_buyers, priority: 1, window_days: 20, control_share: 0.4, channels: [
    {channel: email, target: unisender}]}
"""
OFFER = """
- {id: offer, name: Offer, segment: one_time_buyers, exclude: champions, priority: 2, window_days: 20,
   control_share: 0, needs_approval: true, use_channels: all, channels: [
    {channel: sms, target: sms}, {channel: ads, target: meta}]}
"""
LATER = """
- {id: later, name: Later, segment: one_time_buyers, priority: 3, window_days: 20, control_share: 0,
   starts_on: 2018-01-01, channels: [{channel: email, target: unisender}]}
"""
WRONG = HELLO.replace("hello", "wrong").replace("one_time_buyers", "one_time_buyer")


def crm() -> str:
    rows = [
        f"c{n},2017-01-01,Given,Family,secret{n}@example.org,{n % 5 != 0},+1201555{n:04d},{n % 3 != 0},true,{FIRST}"
        for n in range(PEOPLE)
    ]
    return CRM + "\n".join(rows).replace("True", "true").replace("False", "false") + "\n"


def receipts() -> str:
    first = "first,c39,2017-06-01,sale,5\nfirst2,c39,2017-06-02,sale,5\n"  # the data reach back; c39 bought twice
    return RECEIPTS + first + "".join(f"r{n},c{n},2017-11-20,sale,5\n" for n in range(BUYERS))


def run_night(retailer: Retailer, day: str) -> Night:
    """A night of what campaigns need: published, sent and finished."""
    draft = retailer.open(day)
    make_tables(NEEDED, draft, retailer.settings)
    draft.commit("test", {}, draft.tables())
    dated = retailer.home / f"warehouse.{day}.duckdb"
    dated.touch()
    (shown := retailer.home / "warehouse.duckdb").unlink(missing_ok=True)
    shown.hardlink_to(dated)
    states = draft.table("campaign_delivery"), draft.table("campaign_hold")
    send_night(draft.lake, retailer.settings, draft.run_date, *states)
    draft.finish()
    return draft


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after a night: campaign hello has written to those who bought once."""
    folder = tmp_path_factory.mktemp("preview")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(folder / "home"))
        patch.setenv("LOYALTY_TIMEZONE", "America/New_York")
        patch.setenv("LOYALTY_CAMPAIGNS", str(folder / "campaigns.yaml"))
        patch.setenv("LOYALTY_CONTROL_SALT", "salt")
        load_settings.cache_clear()
        (folder / "campaigns.yaml").write_text(f"campaigns:{HELLO}")
        retailer = Retailer(folder / "home")
        retailer.deliver(FIRST, crm_customers=crm(), receipts=receipts())
        run_night(retailer, FIRST)
        retailer.deliver(SECOND)
    load_settings.cache_clear()
    return folder / "home"


@pytest.fixture
def shop(retailer: Retailer, first_night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Retailer]:
    """A copy of that home, in whose campaign file an offer is new, and another campaign is wrong."""
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(tmp_path / "campaigns.yaml"))
    monkeypatch.setenv("LOYALTY_CONTROL_SALT", "salt")
    load_settings.cache_clear()
    shutil.copytree(first_night, retailer.home, dirs_exist_ok=True)
    (tmp_path / "campaigns.yaml").write_text(f"campaigns:{HELLO}{OFFER}{LATER}{WRONG}")
    yield retailer


@pytest.fixture
def loyalty(shop: Retailer) -> Callable[..., Result]:
    def run(*words: str) -> Result:
        done = CliRunner().invoke(app, ["preview", *words, "--home", str(shop.home)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def of(shop: Retailer, name: str) -> CampaignPreview:
    [found] = previews.preview(shop.settings, name).campaigns
    return found


def test_the_next_night_does_what_the_preview_said(shop):
    found = previews.preview(shop.settings)
    assert (found.published, found.run_date) == (date.fromisoformat(FIRST), date.fromisoformat(SECOND))
    night = run_night(shop, SECOND)
    delivered = shop.rows(
        night, "campaign_delivery", "campaign_id, channel, target, mode, listed_count, removed_count, list_date"
    )
    assert sorted(row[:-1] for row in delivered if row[-1] == found.run_date) == sorted(
        (each.campaign.id, part.channel, part.target, part.mode, part.listed, part.removed)
        for each in found.campaigns
        for part in each.lists
    )
    left_out = shop.rows(night, "campaign_exclusion", "campaign_id, channel, reason, customer_id")
    counted: dict[tuple[str, ...], int] = {}
    for *reason, _ in left_out:
        if reason[-1] != "held":
            counted[tuple(reason)] = counted.get(tuple(reason), 0) + 1
    assert counted == {
        (each.campaign.id, part.channel, reason): count
        for each in found.campaigns
        for part in each.lists
        for reason, count in part.left_out.items()
    }
    held = shop.rows(night, "campaign_hold", "campaign_id, reason")
    assert [why for name, why in held if name != "wrong"] == [why for each in found.campaigns for why in each.held]


def test_who_of_the_segments_is_left_out_is_counted_by_reason_down_to_the_list(shop):
    offer = of(shop, "offer")
    assert (offer.segments, offer.members) == ({"one_time_buyers": BUYERS, "champions": 0}, BUYERS)
    sms, ads = offer.lists
    assert (sms.channel, sms.target, sms.mode, sms.left_out, sms.listed) == (
        "sms",
        "sms",
        "send",
        {"no_consent": 10},
        20,
    )
    assert (ads.channel, ads.target, ads.mode, ads.left_out, ads.listed) == ("ads", "meta", "audience", {}, 30)
    assert (sms.candidates, ads.candidates) == (BUYERS, BUYERS)
    assert offer.held == ("campaign offer: it needs approval before its first sending",)
    hello = of(shop, "hello").lists[0]
    assert (hello.listed, hello.left_out.keys()) == (0, {"no_consent", "sent_before", "control_group"})


def test_customers_in_common_are_counted_in_segments_and_on_lists(shop):
    shop.settings.campaigns.write_text(f"campaigns:{HELLO}{OFFER}{OFFER.replace('id: offer', 'id: other')}")
    assert of(shop, "offer").overlaps == (Overlap("hello", BUYERS, 0), Overlap("other", BUYERS, BUYERS))


def test_the_smallest_effect_is_that_of_all_who_are_assigned_then(shop):
    effect = of(shop, "hello").smallest_effect
    night = CommittedNight(Lake(shop.home), date.fromisoformat(FIRST), "test")
    assigned = shop.rows(night, "campaign_assignment", "arm")
    treated, control = assigned.count(("treated",)), assigned.count(("control",))
    assert treated + control == 24
    assert control > 0
    # All of them bought on 20 November, within the window of 20 days.
    assert effect == SmallestEffect(treated, control, 1.0, None, "all of them buy without it")
    shorter = HELLO.replace("window_days: 20", "window_days: 5")
    shop.settings.campaigns.write_text(f"campaigns:{shorter}")
    expected = detectable_difference(0.0, treated, control)
    assert of(shop, "hello").smallest_effect == SmallestEffect(treated, control, 0.0, expected)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (HELLO.replace("hello", "new").replace("0.4", "0"), "without a control group no effect can be shown"),
        (HELLO.replace("hello", "new").replace("days: 20", "days: 400"), "the data begin on 2017-06-01"),
    ],
    ids=["no control", "too long"],
)
def test_without_a_control_group_or_enough_of_the_past_the_reason_is_said(shop, entry, why):
    shop.settings.campaigns.write_text(f"campaigns:{HELLO}{entry}")
    effect = of(shop, "new").smallest_effect
    assert (effect.difference, effect.base_rate) == (None, None)
    assert why in effect.why_not


def test_a_segment_whose_sql_is_new_is_previewed_as_it_stands(shop, tmp_path, monkeypatch):
    from pipelines.campaigns import config_file, holds, manifest

    new = tmp_path / "seldom.sql"
    new.write_text(
        "-- Who never bought.\n-- Grain: customer.\nSELECT customer_id FROM customer WHERE customer_id > 'c35'\n"
    )
    known = previews.segment_path
    paths = lambda name: new if name == "seldom" else known(name)  # noqa: E731
    for module in (previews, holds, manifest):
        monkeypatch.setattr(module, "segment_path", paths)
    files = [*config_file.segment_files(), new]
    monkeypatch.setattr(config_file, "segment_files", lambda: files)
    shop.settings.campaigns.write_text(
        f"campaigns:{HELLO.replace('hello', 'new').replace('one_time_buyers', 'seldom')}"
    )
    assert of(shop, "new").segments == {"seldom": 10}  # as text, c4 to c9 are after c35


# --- the command ---


def test_nothing_is_written_and_no_address_is_shown(shop, loyalty):
    before = hashes(shop.home)
    done = loyalty()
    assert done.exit_code == 0
    assert hashes(shop.home) == before
    assert re.findall(r"secret|\d{7}|Given|Family", done.output) == []
    sms, ads = r"sms +\+1201\*{5}\d\d", r"ads +s\*\*\*@e\*\*\*\.org, \+1201\*{5}\d\d"
    assert len(re.findall(rf"^    (?:{sms}|{ads})  G\. F\.$", done.stdout, re.MULTILINE)) == 10


def test_what_is_shown_of_a_campaign(loyalty):
    said = loyalty("--campaign", "offer").stdout.splitlines()
    assert said[:11] == [
        f"What night {SECOND} would send, from what the published night {FIRST} knows.",
        "",
        "offer: Offer",
        "  segments: one_time_buyers 30; 30 customers in all",
        "  exclude: champions 0",
        "  sms to sms (mode send): 30 customers",
        "    no_consent   10",
        "    on the list  20",
        "  ads to meta (mode audience): 30 customers",
        "    on the list  30",
        "  would be held back: it needs approval before its first sending",
    ]
    assert said[-1] == (
        "  smallest effect that can be shown: none with 30 treated and 0 control: without a control group no effect "
        "can be shown; control_share is 0"
    )


def test_a_campaign_that_does_not_run_then_and_faults_of_others_are_said_if_all_are_asked_for(loyalty):
    said = loyalty().stdout
    assert f"later does not run on {SECOND} (starts_on, ends_on)." in said
    assert "campaign wrong, segment: 'one_time_buyer' is no segment." in said
    assert "wrong" not in loyalty("--campaign", "offer").stdout


def test_a_campaign_that_is_gone_from_the_file_is_said_to_be_held_back(shop, loyalty):
    shop.settings.campaigns.write_text(f"campaigns:{OFFER}")
    assert (
        "\nheld back: campaign hello: it has a list in the tools, and no entry in the campaign file" in loyalty().stdout
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("wrong", "'one_time_buyer' is no segment. Did you mean one_time_buyers?"),
        ("offr", "'offr' is no campaign. Did you mean offer?"),
    ],
)
def test_a_fault_of_the_campaign_and_a_mistyped_name_are_errors(loyalty, name, why):
    done = loyalty("--campaign", name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert why in done.stderr


def test_a_file_that_is_wrong_as_a_whole_and_a_home_without_a_night_are_errors(shop, loyalty):
    shop.settings.campaigns.write_text("campaigns: [")
    done = loyalty("--campaign", "hello")
    assert (done.exit_code, "not readable as YAML" in done.stderr) == (1, True)
    (shop.home / "warehouse.duckdb").unlink()
    assert published_night(shop.home) is None
    done = loyalty("--campaign", "hello")
    assert (done.exit_code, "no night is published in" in done.stderr) == (1, True)


def test_an_error_shows_no_value_of_a_customer(loyalty, monkeypatch):
    def fails(*_):
        raise duckdb.ConversionException("Could not convert string 'secret1@example.org' to INT64")

    monkeypatch.setattr(previews, "give_tables", fails)
    done = loyalty("--campaign", "hello")
    assert done.exit_code == 1
    assert "secret1" not in done.output
    assert "the lists can't be worked out: ConversionException" in done.stderr
