"""Where a home's warehouses lie, and which night they show."""

import re
from datetime import date
from pathlib import Path


def published_night(home: Path) -> date | None:
    """The night that the warehouse shows, or None before the first."""
    if not (home / "warehouse.duckdb").exists():
        return None
    return max(map(night_of_warehouse, dated_warehouses(home)), default=None)


def night_of_warehouse(warehouse: Path) -> date:
    return date.fromisoformat(warehouse.name.split(".")[1])


def dated_warehouses(home: Path) -> list[Path]:
    return sorted(
        path for path in home.glob("warehouse.*.duckdb") if re.fullmatch(r"\d{4}-\d\d-\d\d", path.name.split(".")[1])
    )


def warehouse_path(home: Path, night: date) -> Path:
    """The warehouse of one night; the newest is also warehouse.duckdb."""
    return home / f"warehouse.{night}.duckdb"
