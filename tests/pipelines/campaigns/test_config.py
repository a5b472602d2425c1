"""What a marketer writes: what is wrong is named with file, campaign and field."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from campaign_shop import campaign

from pipelines.campaigns.config import read_campaigns
from pipelines.errors import LoyaltyError


def write(path: Path, **values: Any) -> Path:
    """A config file with one campaign, in which `values` replace the fields."""
    path.write_text(yaml.safe_dump({"campaigns": [campaign(**values)]}))
    return path


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"control_share": 1.5}, "campaign win_back: control_share: Input should be less than or equal to 0.9"),
        ({"colour": "red"}, "campaign win_back: colour: Extra inputs are not permitted"),
        ({"id": "Win back"}, "campaign Win back: id: String should match pattern '^[a-z0-9_]+$'"),
        (
            {"channels": [{"channel": "fax", "target": "sms"}]},
            "campaign win_back: channels: 0: channel: Input should be",
        ),
        (
            {"segment": "asleep"},
            "campaign win_back: segment: there is no segment 'asleep'; there are: at_risk, lapsing",
        ),
        (
            {"starts_on": "2025-02-01", "ends_on": "2025-01-01"},
            "campaign win_back: ends_on: 2025-01-01 is before starts_on, 2025-02-01",
        ),
        (
            {"channels": [{"channel": "email", "target": "fax"}]},
            "campaign win_back: channels: email: target: there is no target 'fax'; there are: esputnik, google_ads",
        ),
        (
            {"channels": [{"channel": "email", "target": "meta"}]},
            "campaign win_back: channels: email: target: meta is for ads",
        ),
        (
            {"channels": [{"channel": "email", "target": "unisender", "fields": {"City": "town"}}]},
            "campaign win_back: channels: email: fields: City: customer_360 has no column 'town'",
        ),
        (
            {"channels": [{"channel": "email", "target": "unisender", "fields": {"tel": "phone"}}]},
            "campaign win_back: channels: email: fields: tel: phone needs another consent than that for email",
        ),
        (
            {"channels": [{"channel": "email", "target": "unisender", "fields": {"email": "region"}}]},
            "campaign win_back: channels: email: fields: email: unisender has a column of this name",
        ),
        (
            {"channels": [{"channel": "ads", "target": "google_ads", "fields": {"City": "region"}}]},
            "campaign win_back: channels: ads: fields: City: google_ads takes no such column; it takes: Country, Zip",
        ),
        (
            {"channels": [{"channel": "ads", "target": "meta"}, {"channel": "ads", "target": "tiktok"}]},
            "campaign win_back: channels: ads is there twice",
        ),
    ],
)
def test_a_broken_config_names_file_campaign_and_field(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "campaigns.yaml", **values)
    with pytest.raises(LoyaltyError) as error:
        read_campaigns(path, segments={"lapsing", "at_risk"}, columns={"region"})
    assert str(error.value).startswith(f"{path}: {message}")


def test_all_problems_are_told_at_once_and_an_id_is_used_once(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.yaml"
    text = write(path, segment="asleep").read_text()
    path.write_text(text + text.removeprefix("campaigns:\n"))
    with pytest.raises(LoyaltyError) as error:
        read_campaigns(path, segments={"lapsing"}, columns=set())
    assert str(error.value).splitlines() == [
        f"{path}: campaign win_back: id: used twice",
        f"{path}: campaign win_back: segment: there is no segment 'asleep'; there are: lapsing",
        f"{path}: campaign win_back: segment: there is no segment 'asleep'; there are: lapsing",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("campaigns: [", "not readable as YAML"),
        ("", "file: Input should be a valid dictionary"),
        ("campaigns: [1]", "campaign no. 1: entry: Input should be a valid dictionary"),
        ("max_campaigns_per_night: 0\ncampaigns: []", "max_campaigns_per_night: Input should be greater than or equal"),
    ],
)
def test_a_file_that_is_no_config_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "campaigns.yaml"
    path.write_text(text)
    with pytest.raises(LoyaltyError, match=message) as error:
        read_campaigns(path)
    assert str(path) in str(error.value)


def test_a_config_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(LoyaltyError, match="LOYALTY_CAMPAIGNS"):
        read_campaigns(tmp_path / "campaigns.yaml")
