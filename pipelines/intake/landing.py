"""The landing folder of a night: which files are a source's, which are nobody's, and whether the night can begin."""

from collections.abc import Iterable
from pathlib import Path

from pipelines.contracts import Contract
from pipelines.errors import BadDataError

# How a source's file may end; the contract's dialect says the rest.
SUFFIXES = (".csv", ".csv.gz", ".parquet")


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)


def find_files(folder: Path, source: str) -> list[Path]:
    """A source's files in a landing folder, in order; empty if it did not come.

    Raises:
        BadDataError: The source is there twice (say, as .csv and as .parquet), or its folder holds no file of it.
    """
    found = [path for suffix in SUFFIXES if (path := folder / f"{source}{suffix}").is_file()]
    parts_folder = folder / source
    if parts_folder.is_dir():
        found.append(parts_folder)
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise BadDataError(f"{folder}: {source} is there more than once, as {names}. Leave the one that counts.")
    if found == [parts_folder]:
        inside = sorted(path for path in parts_folder.iterdir() if path.is_file() and _suffix(path))
        if not inside:
            raise BadDataError(f"{parts_folder}: the folder holds no part ending in {', '.join(SUFFIXES)}")
        return inside
    return found


def unknown_files(folder: Path, sources: Iterable[str]) -> list[str]:
    """Names in a landing folder that belong to no source; they may be misspelt."""
    known = {f"{source}{suffix}" for source in sources for suffix in ("", *SUFFIXES)}
    return sorted(path.name for path in folder.iterdir() if path.name not in known)


def check_landing(folder: Path, contracts: Iterable[Contract]) -> None:
    """Stop the night before it begins if a required extract is missing.

    Raises:
        BadDataError: The folder or a required source is missing.
    """
    if not folder.is_dir():
        raise BadDataError(f"{folder}: no such landing folder. Deliver the night's extracts there, then run again.")
    for contract in contracts:
        if contract.required and not find_files(folder, contract.name):
            raise BadDataError(
                f"{folder}: the required source {contract.name} is missing. Deliver {contract.name}.csv, .csv.gz or "
                ".parquet (a header without rows will do), then run again."
            )
