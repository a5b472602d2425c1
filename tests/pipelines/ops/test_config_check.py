"""What is said of a campaign file before a night reads it."""

from datetime import date
from pathlib import Path

import pytest

from pipelines.ops.config_check import campaign_report, target_report

HELLO = """\
- {id: hello, name: Hello, segment: champions, priority: 1, window_days: 30, control_share: 0, channels: [
    {channel: email, target: mautic, fields: {patronymic: middle_name}}]}
"""
OTHER = HELLO.replace("id: hello", "id: other")
DAY = date(2025, 6, 30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "campaigns.yaml"


def report(path: Path, *campaigns: str) -> tuple[list[str], bool]:
    path.write_text("campaigns:\n" + "".join(campaigns))
    return campaign_report(path, DAY)


def test_a_file_without_a_fault_is_counted(path):
    assert report(path, HELLO) == ([f"{path}: no fault in 1 campaigns"], True)


def test_a_fault_is_named_and_who_goes_on(path):
    (fault, held), is_sound = report(path, HELLO.replace("champions", "champoins"), OTHER)
    assert fault.startswith(
        f"{path}, line 2, campaign hello, segment: 'champoins' is no segment. Did you mean champions?"
    )
    assert held == (
        "Until this is mended, campaigns at fault are held back: they write to nobody new; these go on: other."
    )
    assert not is_sound


def test_a_fault_of_the_whole_file_holds_all(path):
    path.write_text("campaigns: [")
    lines, is_sound = campaign_report(path, DAY)
    assert lines[-1] == "Until this is mended, all campaigns are held back: they write to nobody new."
    assert not is_sound


def test_what_may_not_be_meant_is_said(path):
    ended = OTHER.replace("priority: 1", "priority: 1, ends_on: 2025-06-29").replace("id: other", "id: old")
    lines, is_sound = report(path, HELLO, OTHER, ended)
    assert lines[:-1] == [
        "note: there is no contact_cap: on one night a customer may be written to by each of hello, other",
        "note: hello, other have the same priority, 1: the file's order decides who goes first",
        "note: old ended on 2025-06-29",
    ]
    assert is_sound


def test_what_is_said_of_sending_and_has_no_use_is_noted(path):
    again = HELLO.replace("priority: 1", "priority: 1, repeat: {after_days: 7}, use_channels: best")
    audience = OTHER.replace("priority: 1", "priority: 2, mode: audience")
    lines, is_sound = report(path, again, audience)
    assert lines[:-1] == [
        "note: hello writes to a customer again after 7 days, while their purchases of 30 days (window_days) count as "
        "its outcome",
        "note: hello has one channel that sends, so use_channels changes nothing",
    ]
    assert is_sound


def test_with_a_contact_cap_several_campaigns_may_send(path):
    path.write_text(f"contact_cap: {{contacts: 1, days: 7}}\ncampaigns:\n{HELLO}{OTHER.replace('y: 1', 'y: 2')}")
    assert campaign_report(path, DAY) == ([f"{path}: no fault in 2 campaigns"], True)


PLAN = "plan:\n- {metric: revenue, period: month, values: {2025-07: 5, 2025-08: 6}}\n"


def test_targets_are_counted_and_a_file_without_any_is_not_spoken_of(path):
    path.write_text(PLAN)
    assert target_report(path) == ([f"{path}: no fault in 2 planned figures and 0 growth targets"], True)
    path.write_text("# nothing")
    assert target_report(path) == ([], True)


def test_a_fault_in_the_targets_says_what_nights_do_meanwhile(path):
    path.write_text(PLAN.replace("revenue", "revenu"))
    (fault, meanwhile), is_sound = target_report(path)
    assert fault.startswith(f"{path}, line 2, plan, no. 1, metric: 'revenu' is no key figure that can be planned.")
    assert (meanwhile, is_sound) == ("Until this is mended, nights go on without plans and growth targets.", False)
