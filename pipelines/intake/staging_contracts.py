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
    """The tables that a source becomes: itself, and (if any) its personal columns apart, with normal addresses.

    What is apart has the whole key. A key that is itself personal leaves the source with the rest of it: then the two
    can't be joined, and what lies apart is read alone.
    """
    columns = staged_columns(contract)
    if not contract.personal_columns:
        return (replace(contract, columns=columns),)
    of_key = {*contract.key, *(name for name, time in business_dates(contract).items() if time in contract.key)}
    apart = tuple(c for c in columns if c.personal or c.name in of_key or c.name == "landing_date")
    plain_key = tuple(name for name in contract.key if name not in contract.personal_columns)
    normal = tuple(
        Column(f"{name}_normal", "VARCHAR", f"{name}, normalised; NULL if it can't be used.", personal=True)
        for name in address_columns(contract)
    )
    return (
        replace(contract, columns=tuple(c for c in columns if not c.personal), key=plain_key),
        replace(contract, name=f"{contract.name}_personal", columns=(*apart, *normal)),
    )


def address_columns(contract: Contract) -> tuple[str, ...]:
    """The personal columns that hold an address to be normalised."""
    return tuple(name for name in NORMALISED if name in contract.personal_columns)


def listed_addresses(contract: Contract) -> tuple[str, ...]:
    """The addresses by which a list names people: those of its key. An unusable one names nobody."""
    return tuple(name for name in address_columns(contract) if name in contract.key)


def business_dates(contract: Contract) -> dict[str, str]:
    """Each time's business date, by name: issued_date of issued_at."""
    times = [column.name for column in contract.columns if column.type == "TIMESTAMP WITH TIME ZONE"]
    return {_date_name(name): name for name in times}


def event_time(contract: Contract) -> str | None:
    """The time that dates a source's rows: the first that the contract requires or marks as such; None without one."""
    times = set(business_dates(contract).values())
    dated = (c.name for c in contract.columns if c.name in times and (c.required or c.dates_rows))
    return next(dated, None)


def _date_name(time: str) -> str:
    return f"{time.removesuffix('_at')}_date"
