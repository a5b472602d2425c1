"""control_totals.csv: rows and amounts that the sender counted."""

import csv
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pipelines.contracts import sources
from pipelines.errors import BadDataError

CONTROL_TOTALS = "control_totals.csv"


@dataclass(frozen=True)
class ControlTotal:
    """Rows, and the sum of the amount, that the sender says it delivered of a source."""

    rows: int
    amount: Decimal | None


def read_control_totals(folder: Path) -> dict[str, ControlTotal]:
    """The control totals in a landing folder by source; empty if there is no such file.

    Raises:
        BadDataError: The file can't be read; the message names the row.
    """
    path = folder / CONTROL_TOTALS
    if not path.exists():
        return {}
    found: dict[str, ControlTotal] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=1):
                source, given = (row["source"] or "").strip(), (row.get("amount") or "").strip()
                contract = sources().get(source)
                if contract is None:
                    raise ValueError(f"row {number}: no source is named {source!r}")
                if given and contract.control_amount is None:
                    raise ValueError(f"row {number}: {source} has no amount to compare; leave it empty")
                if source in found:
                    raise ValueError(f"row {number}: {source} is there twice")
                found[source] = ControlTotal(int(row["rows"]), Decimal(given) if given else None)
    except (ValueError, TypeError, KeyError, InvalidOperation, csv.Error) as error:
        raise BadDataError(
            f"{path}: can't be read: {error!r}. It has the columns source, rows and, for receipts and receipt_lines, "
            "amount, separated by commas. Deliver it again, or without it."
        ) from error
    return found
