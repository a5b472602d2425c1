"""Settings: a name that is none is refused with the nearest, and a path in settings.env is the home's."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.errors import LoyaltyError
from pipelines.settings import Settings, check_is_said, load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("LOYALTY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path))
    return tmp_path


def settings_of(home: Path, lines: str | bytes) -> Settings:
    (home / "settings.env").write_bytes(lines.encode() if isinstance(lines, str) else lines)
    load_settings.cache_clear()
    try:
        return load_settings()
    finally:
        load_settings.cache_clear()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "LOYALTY_CURENCY=EUR",
            r"settings\.env: .* no setting LOYALTY_CURENCY\. Did you mean LOYALTY_CURRENCY\?",
        ),
        ("CURRENCY=EUR", r"no setting CURRENCY\. Did you mean LOYALTY_CURRENCY\?"),
        ("# ours\nLOYALTY_HOME=/srv/b", r"settings\.env: LOYALTY_HOME can't stand here"),
        ("LOYALTY_CURRENCY: EUR", r"settings\.env, line 1: no setting; write it like"),
        ("LOYALTY_TIMEZONE=UTC\nLOYALTY_CURRENCY", r"settings\.env, line 2: no setting"),
        ("LOYALTY_CONTROL_SALT=Ü".encode("latin-1"), r"settings\.env is not in UTF-8"),
        ("SOMETHING_ELSE_ALTOGETHER=1", r"The README lists all settings"),
    ],
)
def test_a_line_that_sets_nothing_is_refused_by_name(home, lines, message):
    with pytest.raises(LoyaltyError, match=message):
        settings_of(home, lines)


def test_a_setting_in_the_environment_that_there_is_not_is_refused(home, monkeypatch):
    monkeypatch.setenv("LOYALTY_KEEP_NIGHT_DAYS", "3")
    with pytest.raises(LoyaltyError, match=r"the environment: .*_NIGHT_DAYS\. Did you mean LOYALTY_KEEP_NIGHTS_DAYS"):
        settings_of(home, "")


def test_names_are_known_in_any_case_and_comments_and_quotes_may_be_there(home, monkeypatch):
    monkeypatch.setenv("loyalty_timezone", "Europe/Berlin")
    for mark in ("", "\ufeff"):  # Windows' editors begin a file with it
        settings = settings_of(home, f"{mark}loyalty_currency='EUR'  # euros\n\n# our shop\nexport LOYALTY_THREADS=3")
        assert (settings.currency, settings.timezone, settings.threads) == ("EUR", "Europe/Berlin", 3)


def test_names_have_one_of_two_orders(home):
    assert settings_of(home, "").name_order == "first_last"
    assert settings_of(home, "LOYALTY_NAME_ORDER=last_first").name_order == "last_first"
    with pytest.raises(ValidationError, match=r"name_order\n.*should be 'first_last' or 'last_first'"):
        settings_of(home, "LOYALTY_NAME_ORDER=surname_first")


@pytest.mark.parametrize("name", ["LANDING", "CONTRACTS", "CAMPAIGNS"])
def test_an_empty_path_is_refused(home, name):
    with pytest.raises(ValidationError, match=f"{name.lower()}\n.*is empty"):
        settings_of(home, f"LOYALTY_{name}=\n")


def test_a_settings_file_that_is_no_file_is_refused(home):
    os.mkfifo(home / "settings.env")
    load_settings.cache_clear()
    with pytest.raises(LoyaltyError, match=r"settings\.env is no file"):
        load_settings()


def test_a_relative_path_in_settings_env_is_the_homes_and_one_in_the_environment_is_the_current_folders(
    home, monkeypatch
):
    here = home / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    names = ("landing", "contracts", "campaigns", "targets")
    lines = "".join(f"LOYALTY_{name.upper()}=files/{name}\n" for name in names)
    settings = settings_of(home, lines)
    assert [getattr(settings, name) for name in names] == [home / "files" / name for name in names]
    monkeypatch.setenv("LOYALTY_LANDING", "inbox")
    monkeypatch.setenv("HOME", "/root")
    settings = settings_of(home, lines.replace("files/campaigns", "~/campaigns.yaml"))
    assert (settings.landing_dir, settings.campaigns) == (here / "inbox", Path("/root/campaigns.yaml"))
    monkeypatch.delenv("LOYALTY_LANDING")
    assert settings_of(home, "").landing_dir == home / "landing"


def test_before_a_first_night_what_can_not_change_later_has_to_be_said(home):
    with pytest.raises(LoyaltyError) as refused:
        check_is_said(settings_of(home, "LOYALTY_CURRENCY=EUR"))
    assert str(refused.value) == (
        "before the first night, say what can't be changed after it: LOYALTY_TIMEZONE (the time zone in which a "
        "business day begins and ends), LOYALTY_PHONE_REGION (the country of phone numbers without a country code). "
        "Write lines like LOYALTY_TIMEZONE=Europe/Berlin and LOYALTY_PHONE_REGION=DE, with values of your own, into "
        f"{home}/settings.env."
    )


def test_a_setting_that_is_said_may_be_the_default(home, monkeypatch):
    monkeypatch.setenv("LOYALTY_PHONE_REGION", "US")
    check_is_said(settings_of(home, "LOYALTY_CURRENCY=USD\nLOYALTY_TIMEZONE=UTC"))


@pytest.mark.parametrize(
    ("text", "horizons"),
    [("730", (730,)), ("90,365,730", (90, 365, 730)), ("365, 90", (365, 90)), ("[90, 365]", (90, 365))],
)
def test_clv_has_one_horizon_or_several_the_main_one_first(home, text, horizons):
    settings = settings_of(home, f"LOYALTY_CLV_HORIZON_DAYS={text}\n")
    assert settings.clv_horizons == horizons
    assert settings.clv_horizon_days == settings.model_dump()["clv_horizon_days"] == horizons[0]
    assert settings.other_clv_horizons == horizons[1:]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("0", "'0' is no whole number of days from 1 to 36500"),
        ("365,-90", "'-90' is no whole number"),
        ("90,365,90", "90 is there twice; leave one of them"),
        ("a year", "'a year' is no whole number"),
        ("1.5", "'1.5' is no whole number"),
        ("90,,365", "'' is no whole number"),
        ("", "'' is no whole number"),
    ],
)
def test_a_horizon_of_clv_that_is_none_is_refused_by_name(home, text, fault):
    with pytest.raises(ValidationError, match=f"LOYALTY_CLV_HORIZON_DAYS\n.*{fault}"):
        settings_of(home, f"LOYALTY_CLV_HORIZON_DAYS={text}\n")


def test_horizons_can_stand_in_the_environment(home, monkeypatch):
    monkeypatch.setenv("LOYALTY_CLV_HORIZON_DAYS", "90,365")
    assert settings_of(home, "").clv_horizons == (90, 365)
    monkeypatch.delenv("LOYALTY_CLV_HORIZON_DAYS")
    assert Settings(_env_file=None).clv_horizons == (365,)
    assert Settings(_env_file=None, clv_horizon_days=90).clv_horizon_days == 90
