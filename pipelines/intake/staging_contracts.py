"""The staging tables that a source's contract becomes."""

from dataclasses import replace

from pipelines.contracts import Column, Contract
from pipelines.intake.addresses import NORMALISED


def staged_columns(contract: Contract) -> tuple[Column, ...]:
    """The contract's columns, a business date for each time, and the night whose landing folder brought the row."""
    times = {column.name: column for column in contract.columns}
    dates = [
        Column(name, "DATE", f"Business date of {of}.", former_names=tuple(map(_date_name, times[of].former_names)))
        for name, of in business_dates(contract).items()
    ]
    return (*contract.columns, *dates, Column("landing_date", "DATE", "Night whose landing folder brought the row."))


def staging_contracts(contract: Contract) -> tuple[Contract, ...]:
    """The tables that a source becomes: itself, and (if any) its personal columns apart, with normal addresses."""
    columns = staged_columns(contract)
    if not contract.personal_columns:
        return (replace(contract, columns=columns),)
    apart = tuple(c for c in columns if c.personal or c.name in contract.key or c.name == "landing_date")
    normal = tuple(
        Column(f"{name}_normal", "VARCHAR", f"{name}, normalised; NULL if it can't be used.", personal=True)
        for name in address_columns(contract)
    )
    return (
        replace(contract, columns=tuple(c for c in columns if not c.personal)),
        replace(contract, name=f"{contract.name}_personal", columns=(*apart, *normal)),
    )


def address_columns(contract: Contract) -> tuple[str, ...]:
    """The personal columns that hold an address to be normalised."""
    return tuple(name for name in NORMALISED if name in contract.personal_columns)


def business_dates(contract: Contract) -> dict[str, str]:
    """Each time's business date, by name: issued_date of issued_at."""
    times = [column.name for column in contract.columns if column.type == "TIMESTAMP WITH TIME ZONE"]
    return {_date_name(name): name for name in times}


def _date_name(time: str) -> str:
    return f"{time.removesuffix('_at')}_date"
