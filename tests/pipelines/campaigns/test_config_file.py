"""A campaign file as people write it: every fault is named with its line, in words."""

from datetime import date
from pathlib import Path

import pytest

from pipelines.campaigns.config import AfterDays, AlarmChange, Campaign, ContactCap, unshareable_columns
from pipelines.campaigns.config_file import read_campaign_file, read_campaigns
from pipelines.errors import LoyaltyError

GOOD = """\
campaigns:
- id: win_back
  name: Win them back
  segment: lapsing
  priority: 1
  window_days: 30
  control_share: 0.1
  channels:
  - channel: email
    target: unisender
"""
OTHER = GOOD.removeprefix("campaigns:\n").replace("win_back", "other").replace("priority: 1", "priority: 2")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(content: str | bytes) -> list[Campaign]:
    path = Path("campaigns.yaml")
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_campaigns(path, segments={"lapsing", "at_risk", "champions"}, columns={"region"}).campaigns


def faults(content: str | bytes) -> list[str]:
    with pytest.raises(LoyaltyError) as error:
        read(content)
    return str(error.value).splitlines()


def test_a_file_without_a_fault_is_its_campaigns():
    assert [campaign.id for campaign in read(GOOD + OTHER)] == ["win_back", "other"]


@pytest.mark.parametrize(
    ("now", "instead", "message"),
    [
        (
            "segment: lapsing",
            "segment: champoins",
            "line 4, campaign win_back, segment: 'champoins' is no segment. Did you mean champions? There are: "
            "at_risk, champions, lapsing",
        ),
        (
            "segment: lapsing",
            "segment: lapsing\n  exclude: [at_risk, champoins]",
            "line 5, campaign win_back, exclude: 'champoins' is no segment. Did you mean champions? There are: "
            "at_risk, champions, lapsing",
        ),
        (
            "segment: lapsing",
            "segment: [lapsing, xyz]",
            "line 4, campaign win_back, segment: 'xyz' is no segment. There are: at_risk, champions, lapsing",
        ),
        ("priority: 1", "priority: first", "line 5, campaign win_back, priority: 'first' is no whole number"),
        ("segment: lapsing", "segment: [[x]]", "line 4, campaign win_back, segment, no. 1: [x] is no text; write one"),
        ("priority: 1", "priority: .inf", "line 5, campaign win_back, priority: inf is no whole number"),
        (
            "priority: 1",
            "priority: 9999999999",
            "line 5, campaign win_back, priority: 9999999999 is too large; the most",
        ),
        (
            "window_days: 30",
            "window_days: 99999",
            "line 6, campaign win_back, window_days: 99999 is too large; the most",
        ),
        ("priority: 1", "priority: 0", "line 5, campaign win_back, priority: 0 is too small; the least is 1"),
        ("  priority: 1\n", "", "line 2, campaign win_back, priority: is missing"),
        (
            "priority: 1",
            "priority: 1\n  colour: red",
            "line 6, campaign win_back, colour: 'colour' is no field. There are: channels, control_share, ends_on, "
            "exclude, id, mode, name, needs_approval, primary_metric, priority, repeat, segment, starts_on, "
            "use_channels, window_days",
        ),
        (
            "priority: 1",
            "priority: 1\n  priority: 2",
            "line 6, campaign win_back, priority: is there twice; which one counts?",
        ),
        (
            "control_share: 0.1",
            "control_share: 10",
            "line 7, campaign win_back, control_share: 10 is too large; the most is 0.9 (90%); write it like "
            "0.1 or 10%",
        ),
        (
            "control_share: 0.1",
            "control_share: some",
            "line 7, campaign win_back, control_share: 'some' is no share; write it like 0.1 or 10%",
        ),
        (
            "priority: 1",
            "priority: 1\n  ends_on: 31.02.2025",
            "line 6, campaign win_back, ends_on: '31.02.2025' is no date; write it like 2025-12-31 or 31.12.2025",
        ),
        (
            "priority: 1",
            "priority: 1\n  ends_on: 12/31/2025",
            "line 6, campaign win_back, ends_on: '12/31/2025' is no date; write it like 2025-12-31 or 31.12.2025",
        ),
        (
            "priority: 1",
            "priority: 1\n  ends_on: 2025-02-30",
            "line 6, campaign win_back, ends_on: '2025-02-30' is no date; write it like 2025-12-31 or 31.12.2025",
        ),
        (
            "priority: 1",
            "priority: yes",
            "line 5, campaign win_back, priority: yes (or true) is no whole number",
        ),
        (
            "priority: 1",
            "priority:",
            "line 5, campaign win_back, priority: has no value; write one, or take the line out",
        ),
        (
            "priority: 1",
            "prioritty: 1",
            "line 5, campaign win_back, prioritty: 'prioritty' is no field. Did you mean priority? There are: ",
        ),
        (
            "priority: 1",
            "priority: 1\n  contact_cap: {contacts: 1, days: 1}",
            "line 6, campaign win_back, contact_cap: 'contact_cap' is about the whole file; write it above campaigns:, "
            "not indented",
        ),
        (
            "priority: 1",
            "priority: 1\n  yes: 1",
            "line 2, campaign win_back: yes (or true) is no field",
        ),
        (
            "control_share: 0.1",
            "control_share: no",
            "line 7, campaign win_back, control_share: no (or false) is no share; write it like 0.1 or 10%",
        ),
        (
            "priority: 1",
            "priority: 1\n  mode: yes",
            "line 6, campaign win_back, mode: yes (or true) is no value. There are: audience, send",
        ),
        (
            "channel: email\n    target: unisender",
            "channel: ads\n    target: meta\n  mode: send",
            "line 11, campaign win_back, mode: an ad platform keeps an audience, and nothing is sent to it; leave mode",
        ),
        (
            "channel: email\n    target: unisender",
            "channel: sms\n    target: sms\n  mode: audience",
            "line 11, campaign win_back, mode: sms keeps no audience: it sends whatever is in a file, so the whole "
            "list would be written to every night; leave mode out, or write mode: send",
        ),
        (
            "channel: email\n    target: unisender",
            "channel: ads\n    target: meta\n  repeat: never",
            "line 11, campaign win_back, repeat: it says how customers are written to, and no channel of this campaign "
            "sends: ads keeps an audience",
        ),
        (
            "priority: 1",
            "priority: 1\n  mode: audience\n  use_channels: best",
            "line 7, campaign win_back, use_channels: it says how customers are written to, and no channel of this "
            "campaign sends: mode is audience",
        ),
        (
            "priority: 1",
            "priority: 1\n  use_channels: Fisrt",
            "line 6, campaign win_back, use_channels: 'Fisrt' is no value. Did you mean first? There are: all, ",
        ),
        (
            "priority: 1",
            "priority: 1\n  needs_approval: ja",
            "line 6, campaign win_back, needs_approval: 'ja' is neither yes nor no; write needs_approval: true, ",
        ),
        (
            "priority: 1",
            "priority: 1\n  repeat: no",
            "line 6, campaign win_back, repeat: no (or false) is no value. There are: each_entry, never, {after_",
        ),
        (
            "priority: 1",
            "priority: 1\n  repeat: {after_days: soon}",
            "line 6, campaign win_back, repeat, after_days: 'soon' is no whole number",
        ),
        (
            "priority: 1",
            "priority: 1\n  repeat: {after: 3}",
            "line 6, campaign win_back, repeat, after: 'after' is no field. Did you mean after_days? There",
        ),
        (
            "priority: 1",
            "priority: 1\n  starts_on: 2025-02-01\n  ends_on: 2025-01-01",
            "line 7, campaign win_back, ends_on: 2025-01-01 is before starts_on, 2025-02-01",
        ),
        (
            "channel: email",
            "channel: emial",
            "line 9, campaign win_back, channels, no. 1, channel: 'emial' is no value. Did you mean email? There are: "
            "ads, call, email, messenger, push, sms",
        ),
        (
            "channel: email",
            "channel: ads",
            "line 10, campaign win_back, channels, no. 1, target: unisender takes lists for email, sms, not for ads",
        ),
        (
            "target: unisender",
            "target: unisender\n    fields:\n      City: regoin",
            "line 12, campaign win_back, channels, no. 1, fields, City: 'regoin' is no column of customer_360. Did you "
            "mean region? There are: ",
        ),
        (
            "target: unisender",
            "target: unisender\n    fields:\n      worth: clv",
            "line 12, campaign win_back, channels, no. 1, fields, worth: clv must not leave with a file: its contract "
            "doesn't say shareable",
        ),
        (
            "target: unisender",
            "target: unisender\n    fields:\n      tel: phone",
            "line 12, campaign win_back, channels, no. 1, fields, tel: phone needs another consent than that for email",
        ),
        (
            "target: unisender",
            "target: unisender\n    fields:\n      email: region",
            "line 12, campaign win_back, channels, no. 1, fields, email: unisender has a column of this name",
        ),
        (
            "target: unisender",
            "target: unisender\n    fields:\n      City: {colum: region}",
            "line 12, campaign win_back, channels, no. 1, fields, City, colum: 'colum' is no field. Did you mean "
            "column? There are: column",
        ),
        (
            "target: unisender",
            "target: unisender\n    fields:\n      City: {column: region, value: x}",
            "line 12, campaign win_back, channels, no. 1, fields, City: {column: region, value: x}: either "
            "column: or value: must be there, and not both",
        ),
        (
            "target: unisender",
            "target: unisender\n    fields:\n      City: {value: x, default: y}",
            "line 12, campaign win_back, channels, no. 1, fields, City: {value: x, default: y}: default: ",
        ),
        (
            "target: unisender",
            "target: unisender\n    fields:\n      loyalty_other: region",
            "line 12, campaign win_back, channels, no. 1, fields, loyalty_other: fields whose names begin with ",
        ),
        (
            "channel: email\n    target: unisender",
            "channel: ads\n    target: google_ads\n    fields: {City: region}",
            "line 11, campaign win_back, channels, no. 1, fields, City: google_ads takes no such column; it takes: "
            "Country, Zip",
        ),
        (
            "channel: email\n    target: unisender",
            "channel: ads\n    target: google_ads\n    fields: {Country: {value: Germany}}",
            "line 11, campaign win_back, channels, no. 1, fields, Country: 'Germany' is no country; write its",
        ),
        (
            "id: win_back",
            "id: Win back",
            "line 2, campaign Win back, id: 'Win back' has characters that are not allowed; lower-case letters, digits "
            "and _ are",
        ),
    ],
)
def test_a_fault_is_named_with_its_line(now: str, instead: str, message: str):
    text = GOOD.replace(now, instead, 1)
    [fault] = faults(text)
    assert fault.startswith(f"campaigns.yaml, {message}")
    assert faults(text + OTHER) == [fault]


def test_an_id_is_short_enough_for_the_tools_field():
    text = GOOD.replace("win_back", "x" * 18)
    assert read(text)
    assert faults(text.replace("unisender", "mautic")) == [
        f"campaigns.yaml, line 10, campaign {'x' * 18}, channels, no. 1, target: mautic allows 25 characters in a "
        f"field's name, and loyalty_{'x' * 18} has 26; give the campaign an id of at most 17"
    ]
    assert read(text.replace("unisender", "mautic").replace("x" * 18, "x" * 17))


def test_merge_fields_are_columns_constants_and_defaults():
    fields = "fields: {a: region, b: {column: region, default: 5}, c: {value: 2025-12-31}, d: {value: 10}}"
    (campaign,) = read(GOOD.replace("target: unisender", f"target: unisender\n    {fields}"))
    found = {header: field.model_dump(exclude_none=True) for header, field in campaign.channels[0].fields.items()}
    assert found == {
        "a": {"column": "region"},
        "b": {"column": "region", "default": "5"},
        "c": {"value": "2025-12-31"},
        "d": {"value": "10"},
    }


def test_what_the_customer_need_not_know_is_not_shareable():
    private = {"clv", "p_churn", "gross_margin", "p_alive", "headroom", "rfm_segment", "revenue", "last_nps"}
    assert private < unshareable_columns()
    shown = {"favourite_category", "last_order_date", "points_balance", "tier", "region", "home_store_name"}
    assert not shown & unshareable_columns()


@pytest.mark.parametrize(
    ("written", "repeat"),
    [
        ("never", "never"),
        ("each_entry", "each_entry"),
        ("{after_days: 30}", AfterDays(after_days=30)),
        ('"after_days: 30"', AfterDays(after_days=30)),
        ("after_days:30", AfterDays(after_days=30)),
        ("\n    after_days: 30", AfterDays(after_days=30)),
    ],
)
def test_how_often_a_customer_is_written_to_is_a_word_or_days(written: str, repeat: object):
    assert read(f"{GOOD}  repeat: {written}\n")[0].repeat == repeat


def test_ads_keep_an_audience_and_the_other_channels_send_unless_the_mode_says_otherwise():
    ads = "  - channel: ads\n    target: meta\n"
    (one,) = read(GOOD + ads)
    assert [one.mode_of(channel) for channel in one.channels] == ["send", "audience"]
    (two,) = read(f"{GOOD}{ads}  mode: audience\n")
    assert [two.mode_of(channel) for channel in two.channels] == ["audience", "audience"]


def test_what_a_file_leaves_out_limits_nothing_and_asks_nobody():
    file = read_campaign_file(Path("x"), {"lapsing"}, {"region"}, GOOD.encode()).campaigns
    assert (file.contact_cap, file.global_control_share) == (None, 0)
    assert file.alarm_change == AlarmChange(share=0.3, customers=100)
    (one,) = file.campaigns
    assert (one.mode, one.repeat, one.use_channels, one.needs_approval) == (None, "never", "first", False)


def test_the_fields_of_the_whole_file_are_read():
    text = "contact_cap: {contacts: 2, days: 7}\nglobal_control_share: 5%\nalarm_change: {share: 20%}\n"
    file = read_campaign_file(Path("x"), {"lapsing"}, {"region"}, (text + GOOD).encode()).campaigns
    assert file.contact_cap == ContactCap(contacts=2, days=7)
    assert (file.global_control_share, file.alarm_change) == (0.05, AlarmChange(share=0.2, customers=100))


def test_content_is_read_in_the_files_place_and_faults_name_the_file():
    Path("campaigns.yaml").write_text("campaigns: [")
    content = GOOD.replace("lapsing", "lapsin").encode()
    (fault,) = read_campaign_file(Path("campaigns.yaml"), {"lapsing"}, {"region"}, content).faults
    assert f"{fault}".startswith("campaigns.yaml, line 4, campaign win_back, segment: 'lapsin' is no segment.")


def test_all_faults_are_told_at_once():
    text = GOOD.replace("lapsing", "lapsin").replace("priority: 1", "priority: x").replace("unisender", "unisendr")
    assert [fault.split(": ")[0] for fault in faults(text)] == [
        "campaigns.yaml, line 4, campaign win_back, segment",
        "campaigns.yaml, line 5, campaign win_back, priority",
        "campaigns.yaml, line 10, campaign win_back, channels, no. 1, target",
    ]


def test_an_id_is_used_once():
    text = GOOD + OTHER.replace("id: other", "id: win_back")
    assert faults(text) == [
        "campaigns.yaml, line 11, campaign win_back, id: win_back is the id of an earlier campaign, too"
    ]


@pytest.mark.parametrize(
    ("written", "share"), [("10%", 0.1), ("10 %", 0.1), ('"0,1"', 0.1), ("0,1", 0.1), ("12,5%", 0.125), (".5", 0.5)]
)
def test_shares_are_read_as_people_write_them(written: str, share: float):
    text = GOOD.replace("control_share: 0.1", f"control_share: {written}")
    assert read(text)[0].control_share == pytest.approx(share)


@pytest.mark.parametrize("written", ["2025-12-31", "31.12.2025", '"31.12.2025"'])
def test_dates_are_read_as_people_write_them(written: str):
    text = GOOD + f"  ends_on: {written}\n"
    assert read(text)[0].ends_on == date(2025, 12, 31)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"campaigns: [", "line 1: not readable as YAML: expected the node content, but found '<stream end>'; put"),
        (
            b"campaigns:\n- id: a: b",
            "line 2: not readable as YAML: there is a : where none can be; look at the line before, too: put",
        ),
        (
            b"campaigns:\n- name: 'x\n\n",
            "line 2: not readable as YAML: a quote begins here and does not end; put one at",
        ),
        (
            b"campaigns:\n\t- id: x",
            "line 2: not readable as YAML: there is a tab; indent with blanks, all fields alike",
        ),
        (b"", "the file must hold campaigns: and below it a list"),
        (b"campaigns: {a: 1}", "line 1, campaigns: the file must hold campaigns: and below it a list"),
        (
            b"campains: []",
            "line 1, campains: 'campains' is no field. Did you mean campaigns? There are: alarm_change, ",
        ),
        (
            b"campaigns:\n- name: it 'is'\n  x: 'it's'",
            "line 3: not readable as YAML: there is text after the end of a q",
        ),
        (b"campaigns:\n- id: x\n name: x", "line 3: not readable as YAML: this line is not indented like those above"),
        (b"campaigns:\n- id: x\n  name", "line 3: not readable as YAML: a field has no : after its name; look at the"),
        (b"campaigns: &a\n- [*a]", "an alias (*) stands within what it is an alias of"),
        (
            b"max_campaigns_per_night: 2\ncampaigns: []",
            "line 1, max_campaigns_per_night: is no field any more; write contact_cap: {contacts: 2, days: 1} instead; "
            "it counts a customer's contacts over all channels together",
        ),
        (b"contact_cap: {contacts: 0, days: 1}\ncampaigns: []", "line 1, contact_cap, contacts: 0 is too small; the"),
        (
            b"contact_cap: {contacts: yes, days: 1}\ncampaigns: []",
            "line 1, contact_cap, contacts: yes (or true) is no ",
        ),
        (
            b"contact_cap: no\ncampaigns: []",
            "line 1, contact_cap: no (or false) has no fields; write it like contact_cap: {contacts: 2, days: 7}, or "
            "take the line out",
        ),
        (
            b"global_control_share: 0.6\ncampaigns: []",
            "line 1, global_control_share: 0.6 is too large; the most is 0.5",
        ),
        (b"global_control_share: 1e3\ncampaigns: []", "line 1, global_control_share: '1e3' is too large; the most is"),
        (b"global_control_share: .nan\ncampaigns: []", "line 1, global_control_share: nan is no share; write it like"),
        (
            b"alarm_change: {share: 0}\ncampaigns: []",
            "line 1, alarm_change, share: 0 is too small; it must be more than 0",
        ),
        (
            b"alarm_change: {share: 2}\ncampaigns: []",
            "line 1, alarm_change, share: 2 is too large; the most is 1 (100%)",
        ),
        (
            b"alarm_change: {customer: 5}\ncampaigns: []",
            "line 1, alarm_change, customer: 'customer' is no field. Did you",
        ),
        ("name: Вернуть".encode("cp1251"), "the file is not in UTF-8 (it looks like windows-1251); save it as UTF-8"),
        ("name: Größe".encode("cp1252"), "the file is not in UTF-8 (it looks like windows-1252 or another code page"),
        ("name: Größe".encode("utf-16"), "the file is not in UTF-8 (it looks like UTF-16); save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_config_says_why(content: bytes, message: str):
    [fault] = faults(content)
    assert fault.startswith(f"campaigns.yaml{', ' if message.startswith('line') else ': '}{message}")


def test_a_campaign_without_fields_or_id_is_called_by_its_number():
    found = faults("campaigns:\n- 7\n- name: x\n")
    assert found[0] == (
        "campaigns.yaml, line 2, campaign no. 1: 7 has no fields; write each on a line of its own, like name: value"
    )
    assert "campaigns.yaml, line 3, campaign no. 2, id: is missing" in found


def test_a_file_that_is_not_there_says_where_it_was_looked_for():
    with pytest.raises(LoyaltyError, match=r"campaigns\.yaml: there is no such file; LOYALTY_CAMPAIGNS says"):
        read_campaigns(Path("campaigns.yaml"))


def test_a_file_saved_with_a_byte_order_mark_is_read():
    assert [campaign.id for campaign in read(b"\xef\xbb\xbf" + GOOD.encode())] == ["win_back"]
