"""Thirty slips in the campaign file: each is told in words, and holds back no campaign that it is not about."""

from pathlib import Path

import pytest
from typos import CAMPAIGNS, IDS, TYPOS

from pipelines.campaigns.config_file import Fault, read_campaign_file

PATH = Path("campaigns.yaml")


def told(fault: Fault) -> str:
    """A fault as people read it, without the file's name."""
    return f"{fault}".removeprefix(f"{PATH}").removeprefix(",").removeprefix(":").strip()


def test_the_file_before_the_slips_has_no_fault():
    file = read_campaign_file(PATH, content=CAMPAIGNS.encode())
    assert (file.faults, tuple(campaign.id for campaign in file.campaigns.campaigns)) == ((), IDS)


def test_there_are_thirty_slips():
    assert len({typo.content for typo in TYPOS.values()} - {CAMPAIGNS.encode()}) == len(TYPOS) == 30


@pytest.mark.parametrize("name", TYPOS)
def test_a_slip_is_told_with_its_line_and_what_is_allowed(name: str):
    typo = TYPOS[name]
    found = [told(fault) for fault in read_campaign_file(PATH, content=typo.content).faults]
    cut = [fault[: len(begins)] for fault, begins in zip(found, typo.faults, strict=True)]
    assert cut == list(typo.faults)


@pytest.mark.parametrize("name", TYPOS)
def test_a_slip_holds_back_only_what_it_is_about(name: str):
    typo = TYPOS[name]
    campaigns = read_campaign_file(PATH, content=typo.content).campaigns.campaigns
    assert [campaign.id for campaign in campaigns] == [name for name in IDS if name not in typo.held]
