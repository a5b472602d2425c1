"""The layout of a home: where its lake, warehouses, exports, reports and quality pages lie.

Every room asks here for a path in the home; inside the lake, the Lake knows. (Airflow's own folders are made by
pipelines.ops, and pipelines.settings reads settings.env.)
"""

import json
import re
import shutil
from datetime import date
from pathlib import Path

from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.files import write_atomically


def lake_folder(home: Path) -> Path:
    return home / "lake"


def settings_path(home: Path) -> Path:
    """The settings of a home, as pipelines.settings reads them."""
    return home / "settings.env"


def mapping_path(home: Path) -> Path:
    """The file that says how sources are made of the retailer's own files; there need be none."""
    return home / "mapping.yaml"


def lock_file(home: Path) -> Path:
    return home / ".lock"


def warehouse_path(home: Path, night: date | None = None) -> Path:
    """The warehouse of one night; without a night the one that analysts read, which is that of the newest."""
    return home / (f"warehouse.{night}.duckdb" if night else "warehouse.duckdb")


def exports_folder(home: Path, night: date | None = None) -> Path:
    """The folder of the campaign files of one night, or of all."""
    return _of_night(home / "exports", night)


def removals_folder(home: Path) -> Path:
    """The folder of the removals that erasures leave for the campaign tools."""
    return exports_folder(home) / "erasures"


def reports_folder(home: Path, night: date | None = None) -> Path:
    """The folder of the report of one night, or of all."""
    return _of_night(home / "reports", night)


def quality_folder(home: Path, night: date | None = None) -> Path:
    """The folder of the Data Docs of one night, or of all."""
    return _of_night(home / "quality", night)


def landing_folder(settings: Settings, night: date) -> Path:
    """The folder of a night's extracts as received; it may lie outside the home."""
    return _of_night(settings.landing_dir, night)


def _of_night(folder: Path, night: date | None) -> Path:
    return folder / f"{night}" if night else folder


def night_folders(parent: Path) -> list[Path]:
    """The folders in landing, exports, reports or quality that are named after a night, oldest first."""
    return sorted(path for path in parent.glob("????-??-??") if path.is_dir())


def dated_warehouses(home: Path) -> list[Path]:
    """The warehouses that are kept, oldest night first."""
    return sorted(
        path for path in home.glob("warehouse.*.duckdb") if re.fullmatch(r"\d{4}-\d\d-\d\d", path.name.split(".")[1])
    )


def night_of_warehouse(warehouse: Path) -> date:
    return date.fromisoformat(warehouse.name.split(".")[1])


def published_night(home: Path) -> date | None:
    """The night that analysts see, or None before the first."""
    if not warehouse_path(home).exists():
        return None
    return max(map(night_of_warehouse, dated_warehouses(home)), default=None)


def remove_leftovers(home: Path) -> None:
    """Remove what a killed run had written beside the file or folder that it was to become.

    Only while nobody else works in the home.
    """
    unfinished = [".warehouse.*", "lake/.*", "lake/*/.*", "exports/.*", "exports/*/.*", "quality/.*", "reports/*/.*"]
    unfinished += ["lake/deliveries/*/.*", "lake/deliveries/*/*/.*", "lake/deliveries/*/*/files/.*"]
    unfinished += ["exports/*/*/.*", "exports/*/*/*/.*"]
    unfinished.append("lake/heads")  # where earlier versions kept what heads.json has
    for path in (path for pattern in unfinished for path in home.glob(pattern)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def check_identity(home: Path, identity: dict[str, str]) -> None:
    """Refuse a home that was filled with another time zone or currency than the settings now have.

    Raises:
        LoyaltyError: one of them changed; stored dates and amounts would mean something else.
    """
    path = _identity_file(home)
    for name, value in json.loads(path.read_bytes()).items() if path.exists() else ():
        if identity[name] != value:
            raise LoyaltyError(
                f"{home}: this home was filled with {name} {value}, the settings now say {identity[name]}. Stored "
                "dates and amounts would change their meaning: set it back, or load the landing folders into a new "
                "home."
            )


def keep_identity(home: Path, identity: dict[str, str]) -> None:
    """Keep what a home is filled with."""
    path, content = _identity_file(home), json.dumps(identity, sort_keys=True).encode()
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, content)


def _identity_file(home: Path) -> Path:
    return lake_folder(home) / "home.json"
