"""What people do with lists that wait: hold, release, and see in the status what is held back."""

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from held_home import HeldHome
from typer.testing import CliRunner, Result

from pipelines.campaigns.held import HeldCampaign, held_campaigns
from pipelines.ops.cli import app
from pipelines.ops.cli_campaigns import print_held
from pipelines.settings import load_settings

FIRST, SECOND, THIRD = "2025-03-01", "2025-03-02", "2025-03-03"
WHY = "it needs approval before its first sending"
CAMPAIGN = """
- {id: %s, name: Hello, segment: one_time_buyers, priority: 1, window_days: 30, control_share: 0, channels: [
    {channel: email, target: unisender}]}
"""


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldHome]:
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(tmp_path / "campaigns.yaml"))
    (tmp_path / "campaigns.yaml").write_text("campaigns:" + CAMPAIGN % "win_back" + CAMPAIGN % "Wrong")
    load_settings.cache_clear()
    yield HeldHome(load_settings())
    load_settings.cache_clear()


@pytest.fixture
def loyalty(held: HeldHome) -> Callable[..., Result]:
    def run(*words: str) -> Result:
        done = CliRunner().invoke(app, [*words, "--home", str(held.settings.home)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def files(home: Path) -> list[str]:
    return sorted(path.relative_to(home).as_posix() for path in (home / "exports").rglob("*") if path.is_file())


# --- release ---


def test_a_list_that_waits_is_sent_and_the_command_says_where_its_files_are(held, loyalty):
    held.night(FIRST, vip=None, win_back=WHY)
    done = loyalty("release", "--campaign", "win_back")
    folder = held.settings.home / "exports" / FIRST / "win_back"
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            f"Campaign win_back is released, and its list is sent. The files are in {folder}:",
            "  email.csv",
            "  manifest.json",
        ],
    )
    assert (folder / "email.csv").read_text() == "email\nann@example.org\n"


def test_a_campaign_that_a_person_holds_and_whose_list_does_not_wait_sends_with_its_next_night(held, loyalty):
    held.night(FIRST, win_back=None)
    loyalty("hold", "--campaign", "win_back")
    before = files(held.settings.home)
    done = loyalty("release", "--campaign", "win_back")
    assert done.exit_code == 0
    assert done.stdout == "Campaign win_back is released. No list of it waits; its next one leaves with its night.\n"
    assert held.lake.deliveries.held_by_person() == {}
    assert files(held.settings.home) == before


def test_what_is_not_held_back_cannot_be_released_and_what_is_held_back_is_named(held, loyalty):
    held.night(FIRST, vip=WHY, win_back=None)
    done = loyalty("release", "--campaign", "win_back")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: nothing of a campaign win_back is held back; held back are: vip\n"


@pytest.mark.parametrize("command", ["hold", "release"])
def test_nobody_decides_while_a_night_is_not_finished(held, loyalty, command):
    held.night(FIRST, win_back=WHY)
    held.lake.open_night(held.lake.nights()[0].replace(day=2), "broken off")
    done = loyalty(command, "--campaign", "win_back")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: night {SECOND} was begun and is not finished: wait until it ends")
    assert files(held.settings.home) == []


def test_a_list_that_was_not_looked_at_is_not_sent(held):
    from pipelines.campaigns.sending import release
    from pipelines.errors import LoyaltyError

    looked_at = held.night(FIRST, win_back=WHY)["win_back"]
    held.night(SECOND, win_back=WHY)
    with pytest.raises(LoyaltyError, match=f"delivery {looked_at.number} of campaign win_back waits no longer"):
        release(held.settings, "win_back", looked_at.number)
    assert files(held.settings.home) == []


# --- hold ---


def test_a_campaign_is_held_from_the_next_night_on_and_what_was_sent_stays(held, loyalty):
    held.night(FIRST, win_back=None)
    before = files(held.settings.home)
    done = loyalty("hold", "--campaign", "win_back", "--reason", "the  price\nis wrong")
    assert done.exit_code == 0
    assert "held back from the next night on. What was already sent stays sent." in done.stdout
    assert "loyalty release --campaign win_back" in done.stdout
    assert held.lake.deliveries.held_by_person() == {"win_back": "the price is wrong"}
    assert files(held.settings.home) == before


@pytest.mark.parametrize("name", ["win_back", "ended"])
def test_a_campaign_of_the_file_and_one_that_has_deliveries_can_be_held(held, loyalty, name):
    held.night(FIRST, ended=None)
    assert loyalty("hold", "--campaign", name).exit_code == 0
    assert held.lake.deliveries.held_by_person() == {name: "no reason given"}


@pytest.mark.parametrize("name", ["win_bak", "Wrong", "../win_back"])
def test_what_is_no_campaign_is_refused_with_the_nearest_name_and_leaves_nothing(held, loyalty, name):
    held.night(FIRST, ended=None)
    done = loyalty("hold", "--campaign", name)
    assert (done.exit_code, done.stdout) == (1, "")
    near = "" if name == "Wrong" else "Did you mean win_back? "
    assert done.stderr == f"Error: '{name}' is no campaign. {near}There are: ended, win_back\n"
    assert held.lake.deliveries.held_by_person() == {}


def test_if_the_file_cannot_be_read_that_is_said_too(held, loyalty):
    held.settings.campaigns.write_text("campaigns: [")
    done = loyalty("hold", "--campaign", "win_back")
    assert done.exit_code == 1
    assert "There are: none" in done.stderr
    assert "not readable as YAML" in done.stderr


# --- status ---


def test_the_status_names_what_is_held_since_when_why_and_the_command(held, capsys):
    held.night(FIRST, vip=None, win_back=None)
    held.night(SECOND, vip=None, win_back=WHY)
    held.night(THIRD, {"wrong": "campaigns.yaml, line 4, campaign wrong, id: no id"}, vip=None, win_back=WHY)
    held.lake.deliveries.hold("vip", "too many")
    print_held(held.settings)
    assert capsys.readouterr().out.splitlines() == [
        f"  held back: win_back, since {SECOND}: {WHY}",
        "    loyalty release --campaign win_back releases it",
        f"  held back: wrong, since {THIRD}: campaigns.yaml, line 4, campaign wrong, id: no id",
        "    mend the campaign file; the night after takes it up again",
        "  held back: vip, from the next night on: a person holds it back: too many",
        "    loyalty release --campaign vip releases it",
    ]


def test_what_was_released_is_not_held_back_and_what_is_held_again_is_so_since_then(held, loyalty):
    held.night(FIRST, win_back=WHY)
    held.night(SECOND, win_back=WHY)
    loyalty("release", "--campaign", "win_back")
    assert held_campaigns(held.settings) == []
    held.night(THIRD, win_back="other people")
    assert [(each.since.isoformat(), each.reasons) for each in held_campaigns(held.settings)] == [
        (THIRD, ("other people",))
    ]


def test_a_night_that_delivered_nothing_is_no_break(held):
    held.night(FIRST, win_back=WHY)
    held.night(SECOND)
    held.night(THIRD, win_back=WHY)
    assert [f"{each.since}" for each in held_campaigns(held.settings)] == [FIRST]


def test_a_home_without_a_night_holds_back_what_a_person_does(held):
    assert held_campaigns(held.settings) == []
    held.lake.deliveries.hold("win_back", "not yet")
    assert held_campaigns(held.settings) == [
        HeldCampaign("win_back", None, ("a person holds it back: not yet",), is_releasable=True)
    ]


def test_the_status_ends_with_what_is_held_back(held, loyalty):
    held.lake.deliveries.hold("win_back", "not yet")
    assert loyalty("status").stdout.splitlines()[-1] == "    loyalty release --campaign win_back releases it"


@pytest.mark.parametrize("command", ["hold", "release"])
def test_a_home_in_which_another_works_is_left_alone(held, loyalty, command):
    held.night(FIRST, win_back=WHY)
    with (held.settings.home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        done = loyalty(command, "--campaign", "win_back")
    assert (done.exit_code, "another run works in" in done.stderr) == (1, True)
    assert files(held.settings.home) == []
    assert held.lake.deliveries.held_by_person() == {}
