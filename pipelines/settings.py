"""Settings: environment variables LOYALTY_*, or lines of `settings.env` in LOYALTY_HOME. The environment wins."""

import difflib
import hashlib
import os
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

import phonenumbers
from dotenv.parser import parse_stream
from pydantic import AliasChoices, Field, computed_field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from pipelines.errors import LoyaltyError

PREFIX = "LOYALTY_"
NameOrder = Literal["first_last", "last_first"]
PointsOrder = Literal["expires_first", "posted_first"]
# What a first night fixes for ever, or nearly: it has to be said, and its default is of the demo alone.
_SAID_ONCE = {
    "timezone": ("Europe/Berlin", "the time zone in which a business day begins and ends"),
    "currency": ("EUR", "the currency of all amounts"),
    "phone_region": ("DE", "the country of phone numbers without a country code"),
}
# What Airflow expands in a path of its configuration, or takes for a part of its database's address.
NOT_IN_HOMES = "$?"
MAX_HORIZON = 36_500  # days
ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings of one home. The README's table says what each means."""

    model_config = SettingsConfigDict(env_prefix="LOYALTY_", extra="ignore")

    home: Path = Path("data")
    landing: Path | None = None
    timezone: str = "UTC"
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    name_order: NameOrder = "first_last"
    phone_region: str = Field("US", pattern=r"^[A-Z]{2}$")
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = "local[*]"
    memory_limit: str = Field("2GB", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$")
    threads: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1)
    active_days: int = Field(90, ge=1)
    churn_lead_days: int = Field(0, ge=0)
    churn_horizon_days: int = Field(90, ge=1)
    # LOYALTY_CLV_HORIZON_DAYS: one number of days, or several with commas, the main one first.
    clv_horizons: Annotated[tuple[int, ...], NoDecode] = Field(
        (365,), validation_alias=AliasChoices(f"{PREFIX}CLV_HORIZON_DAYS", "clv_horizon_days")
    )
    buying_model: Literal["best", "mbg/nbd", "bg/nbd", "pareto/nbd"] = "best"
    fit_days: int = Field(7, ge=1)
    discount_rate: float = Field(0.10, ge=0, lt=10)
    points_order: PointsOrder = "expires_first"
    point_value: Decimal = Field(Decimal("0.01"), ge=0)
    amounts_include_tax: bool = True
    gift_card_categories: tuple[str, ...] = ()
    contracts: Path | None = None
    campaigns: Path = ROOT / "config" / "campaigns.yaml"
    targets: Path = ROOT / "config" / "targets.yaml"
    tiers: Path = ROOT / "config" / "tiers.yaml"
    control_salt: str = "loyalty"
    channel_exploration: float = Field(0.1, ge=0, le=1)
    shared_group: bool = False
    keep_warehouses: int = Field(3, ge=1)
    keep_landing_days: int | None = Field(None, ge=0)
    keep_nights_days: int | None = Field(None, ge=0)
    keep_exports_days: int | None = Field(None, ge=0)
    schedule: str = "0 3 * * *"
    backtest_schedule: str = "0 9 * * 1"
    complete_marker: str | None = Field(None, pattern=r"^[^/]+$")
    settle_seconds: int = Field(60, ge=1)
    wait_hours: float = Field(6, gt=0)
    notify_connection: str | None = None
    notify_to: str | None = None
    publish_within_hours: float | None = Field(None, gt=0)

    @field_validator("landing", "contracts", "campaigns", "targets", "tiers", mode="before")
    @classmethod
    def _given_path(cls, value: object) -> object:
        if value == "":
            raise ValueError("is empty; give a path, or leave the setting out")
        return value

    @field_validator("clv_horizons", mode="before")
    @classmethod
    def _days_with_commas(cls, value: object) -> tuple[int, ...]:
        given = value if isinstance(value, list | tuple) else f"{value}".strip().strip("[]").split(",")
        texts = [f"{item}".strip() for item in given]
        wrong = [text for text in texts if not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_HORIZON)]
        if wrong or not texts:
            named = " and ".join(repr(text) for text in wrong) or "nothing"
            raise ValueError(
                f"{named} is no whole number of days from 1 to {MAX_HORIZON}; write one number, or several with "
                "commas, the main one first, like 365,90,730"
            )
        days = tuple(int(text) for text in texts)
        if twice := sorted({day for day in days if days.count(day) > 1}):
            raise ValueError(f"{', '.join(map(str, twice))} is there twice; leave one of them")
        return days

    @computed_field  # type: ignore[prop-decorator]
    @property
    def clv_horizon_days(self) -> int:
        """The main horizon of CLV: the first."""
        return self.clv_horizons[0]

    @property
    def other_clv_horizons(self) -> tuple[int, ...]:
        """The horizons of customer_clv_horizon, in days."""
        return self.clv_horizons[1:]

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone; write it like Europe/Berlin")
        return value

    @field_validator("schedule", "backtest_schedule")
    @classmethod
    def _known_schedule(cls, value: str) -> str:
        from croniter import croniter  # type: ignore[import-untyped]  # Airflow reads schedules with it

        if (not value.startswith("@") and len(value.split()) != 5) or not croniter.is_valid(value):
            raise ValueError(f"{value!r} is no cron schedule; write it like 0 3 * * *, which is 3 o'clock")
        return value

    @field_validator("phone_region")
    @classmethod
    def _known_region(cls, value: str) -> str:
        if value not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{value!r} is no region that phonenumbers knows; write it like DE")
        return value

    @property
    def landing_dir(self) -> Path:
        """The folder of the landing folders, one a night."""
        return self.landing or self.home / "landing"

    @property
    def file_mode(self) -> int:
        """Mode of the files that analysts and tools read: warehouse, exports, reports."""
        return 0o640 if self.shared_group else 0o600

    @property
    def folder_mode(self) -> int:
        """Mode of the folders of those files."""
        return 0o750 if self.shared_group else 0o700


@cache
def load_settings() -> Settings:
    """The settings of the home that LOYALTY_HOME names (default ./data), read once in a process.

    Paths in settings.env are relative to the home, those in the environment to the current folder.

    Raises:
        LoyaltyError: no folder can have this name, there is no setting of a name that is used, or a list is no JSON.
        pydantic.ValidationError: a setting has a value that it can't have; the message names the setting.
    """
    folder = checked_home(os.environ.get("LOYALTY_HOME", "data"))
    environment = {name.upper() for name in os.environ if name.upper().startswith(PREFIX)}
    _check_names(environment, "the environment")
    lines = folder / "settings.env"
    if lines.exists():
        _check_names(_names_in(lines), f"{lines}")
        if "LOYALTY_HOME" in _names_in(lines):
            raise LoyaltyError(f"{lines}: LOYALTY_HOME can't stand here; give it in the environment, or use --home")
    try:
        settings = Settings(_env_file=lines, home=folder)  # type: ignore[call-arg]
    except SettingsError:  # a value that is to be JSON and is none; of all settings this one alone
        form = 'a list in JSON, like ["gift cards"]'
        raise LoyaltyError(f"setting {PREFIX}GIFT_CARD_CATEGORIES: is no list; write it as {form}") from None
    for name in ("landing", "contracts", "campaigns", "targets", "tiers"):
        path = getattr(settings, name)
        if path is not None and name in settings.model_fields_set:  # a default is absolute, and stays one
            base = Path.cwd() if f"{PREFIX}{name.upper()}" in environment else folder
            setattr(settings, name, base / path.expanduser())
    return settings


def checked_home(text: str) -> Path:
    """The home of a name, as an absolute path.

    Raises:
        LoyaltyError: the name is empty, names a file, or has a character that Airflow can't have in its paths.
    """
    if not text.strip():
        raise LoyaltyError("the home has an empty name. Give its folder with --home or LOYALTY_HOME.")
    folder = Path(text).resolve()
    if folder.exists() and not folder.is_dir():
        raise LoyaltyError(f"{folder} is no folder, so it can't be a home")
    if found := sorted({c for c in f"{folder}" if c in NOT_IN_HOMES or not c.isprintable()}):
        named = " and ".join(repr(character) for character in found)
        raise LoyaltyError(
            f"the home {str(folder)!r} has {named} in its path, which Airflow would take for something else. Give the "
            "folder another name; a home can be moved whole."
        )
    return folder


def _names_in(path: Path) -> list[str]:
    """The names that a file of settings gives values.

    Raises:
        LoyaltyError: the file can't be read, a line is no setting, or a setting is there twice.
    """
    if not path.is_file():
        raise LoyaltyError(f"{path} is no file. Make it one with lines like LOYALTY_CURRENCY=EUR, or remove it.")
    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except UnicodeDecodeError:
        raise LoyaltyError(f"{path} is not in UTF-8; save it so") from None
    names = []
    for binding in bindings:
        if binding.error or (binding.key and binding.value is None):
            raise LoyaltyError(f"{path}, line {binding.original.line}: no setting; write it like LOYALTY_CURRENCY=EUR")
        if binding.key and binding.key.upper() in names:
            raise LoyaltyError(f"{path}, line {binding.original.line}: {binding.key} is there twice; leave one of them")
        if binding.key:
            names.append(binding.key.upper())
    return names


def _check_names(names: Iterable[str], where: str) -> None:
    """Refuse a name that is no setting's: it is misspelt, and what was meant would not be done.

    Raises:
        LoyaltyError: there is such a name; the message has the one most like it.
    """
    named = {"clv_horizons": "clv_horizon_days"}
    known = [f"{PREFIX}{named.get(name, name).upper()}" for name in Settings.model_fields]
    for name in sorted(set(names) - set(known)):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "The README lists all settings."
        raise LoyaltyError(f"{where}: there is no setting {name}. {hint}")


def check_is_said(settings: Settings) -> None:
    """Make sure that a home's settings say what can't be changed once a night is loaded.

    Raises:
        LoyaltyError: one is left to its default; the message names each, and how to set it.
    """
    missing = [name for name in _SAID_ONCE if name not in settings.model_fields_set]
    if not missing:
        return
    named = ", ".join(f"{PREFIX}{name.upper()} ({_SAID_ONCE[name][1]})" for name in missing)
    lines = " and ".join(f"{PREFIX}{name.upper()}={_SAID_ONCE[name][0]}" for name in missing)
    raise LoyaltyError(
        f"before the first night, say what can't be changed after it: {named}. "
        f"Write {'lines' if missing[1:] else 'a line'} like {lines}, with values of your own, into "
        f"{settings.home / 'settings.env'}."
    )


@cache
def code_version() -> str:
    """Twelve characters of a hash of all code, SQL and contracts."""
    digest = hashlib.sha256()
    for folder in ("pipelines", "models", "sql", "data_contracts"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".sql", ".yaml", ".jinja"):
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
