"""The landing folders of a demo retailer: one a night, whole or not at all, the same bytes on every machine."""

import gzip
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection

from pipelines.errors import LoyaltyError


@dataclass(frozen=True)
class DemoSummary:
    """What lies in the landing folder: rows by folder's date and source, and what of it is made up."""

    rows: dict[date, dict[str, int]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DemoRetailer:
    """How a demo's folders are made.

    Attributes:
        nights: each night's sources, as source to file name.
        prepare: makes a view extract_<source> for each source, of the rows of getvariable('night').
        notes: what of it is real and what is made up.
    """

    nights: Mapping[date, Mapping[str, str]]
    prepare: Callable[[DuckDBPyConnection], None]
    notes: Sequence[str]


def write_retailer(retailer: DemoRetailer, landing: Path, threads: int | None = None) -> DemoSummary:
    """Write the folders that are not complete; a complete folder stays as it is.

    Args:
        retailer: whose extracts.
        landing: where the folders go, made if missing.
        threads: of DuckDB; one per processor if None.

    Raises:
        LoyaltyError: a folder of one of these days holds other files.
    """
    landing.mkdir(parents=True, exist_ok=True, mode=0o700)
    nights = retailer.nights
    missing = [day for day, files in nights.items() if not _is_complete(landing / day.isoformat(), files)]
    if missing:
        import duckdb

        with duckdb.connect() as con:
            if threads:
                con.execute(f"SET threads = {threads}")
            retailer.prepare(con)
            for day in missing:
                _write_night(con, landing, day, nights[day])
    return DemoSummary(
        {
            day: {source: _row_count(landing / day.isoformat() / file) for source, file in files.items()}
            for day, files in nights.items()
        },
        tuple(retailer.notes),
    )


def _is_complete(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether all files of a night are there. A folder that also holds other files is somebody else's."""
    found = {path.name for path in folder.iterdir()} if folder.exists() else set()
    expected = set(files.values())
    if found >= expected:
        return True
    if found - expected:
        other = ", ".join(sorted(found - expected))
        raise LoyaltyError(f"{folder} holds files that are not the demo's ({other}): choose another landing folder")
    return False


def _write_night(con: DuckDBPyConnection, landing: Path, day: date, files: Mapping[str, str]) -> None:
    """Write one folder under another name and rename it, so that a killed run leaves no half folder."""
    unfinished, folder = landing / f".{day}.part", landing / day.isoformat()
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    con.execute(f"SET VARIABLE night = DATE '{day}'")
    for source, file in files.items():
        path, extract = unfinished / file, con.view(f"extract_{source}")
        if path.suffix == ".parquet":
            extract.write_parquet(str(path), compression="zstd")
        else:
            extract.write_csv(str(path), header=True, compression="gzip" if path.suffix == ".gz" else "none")
        path.chmod(0o600)
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.rename(folder)


def _row_count(path: Path) -> int:
    """Data rows of a file; no field of a demo holds a line break."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: lines.read(1 << 20), b"")) - 1
