"""The landing folder: whether a night can begin on it."""

from collections.abc import Iterable
from pathlib import Path

from pipelines.contracts import Contract
from pipelines.errors import BadDataError
from pipelines.intake.extract import find_files


def check_landing(folder: Path, contracts: Iterable[Contract]) -> None:
    """Stop the night before it begins if what it needs is not there.

    Raises:
        BadDataError: the folder or a required source is missing.
    """
    if not folder.is_dir():
        raise BadDataError(f"{folder}: no such landing folder. Deliver the night's extracts there, then run again.")
    for contract in contracts:
        if contract.required and not find_files(folder, contract.name):
            raise BadDataError(
                f"{folder}: the required source {contract.name} is missing. Deliver {contract.name}.csv, .csv.gz or "
                ".parquet (a header without rows will do), then run again."
            )
