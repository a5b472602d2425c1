"""Settings: environment variables LOYALTY_*, or lines of `settings.env` in LOYALTY_HOME. The environment wins."""

import hashlib
import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

import phonenumbers
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings of one home. The README's table says what each means."""

    model_config = SettingsConfigDict(env_prefix="LOYALTY_", extra="ignore")

    home: Path = Path("data")
    landing: Path | None = None
    timezone: str = "UTC"
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    phone_region: str = Field("US", pattern=r"^[A-Z]{2}$")
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = "local[*]"
    memory_limit: str = Field("2GB", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$")
    threads: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1)
    active_days: int = Field(90, ge=1)
    churn_lead_days: int = Field(0, ge=0)
    churn_horizon_days: int = Field(90, ge=1)
    clv_horizon_days: int = Field(365, ge=1)
    buying_model: Literal["best", "mbg/nbd", "bg/nbd", "pareto/nbd"] = "best"
    fit_days: int = Field(7, ge=1)
    discount_rate: float = Field(0.10, ge=0, lt=10)
    point_value: Decimal = Field(Decimal("0.01"), ge=0)
    amounts_include_tax: bool = True
    gift_card_categories: tuple[str, ...] = ()
    contracts: Path | None = None
    campaigns: Path = ROOT / "config" / "campaigns.yaml"
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

    Raises:
        pydantic.ValidationError: a setting has a value that it can't have; the message names the setting.
    """
    folder = Path(os.environ.get("LOYALTY_HOME", "data")).resolve()
    return Settings(_env_file=folder / "settings.env", home=folder)  # type: ignore[call-arg]


@cache
def code_version() -> str:
    """Twelve characters of a hash of all code, SQL and contracts."""
    digest = hashlib.sha256()
    for folder in ("pipelines", "models", "sql", "data_contracts"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".sql", ".yaml", ".jinja"):
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
