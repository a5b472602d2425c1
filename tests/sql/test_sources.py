"""What an extract brings is read by some SQL, or its contract says that nothing reads it yet."""

import pytest
from sqlglot import exp

from pipelines.catalog import SQL, parsed, read_inputs
from pipelines.contracts import Contract, sources
from pipelines.intake.staging_contracts import business_dates

NOT_READ = "Kept; nothing reads it yet."
SELECTS = [path.read_text(encoding="utf-8") for path in sorted(SQL.glob("*/*.sql"))]


def readers(source: str) -> list[str]:
    """The SELECTs that read a source, or its personal columns."""
    return [sql for sql in SELECTS if {source, f"{source}_personal"} & {*read_inputs(sql).tonight}]


def unread_columns(contract: Contract) -> set[str]:
    """Columns that no reader names, and neither their business dates. The key is read by staging."""
    named = {column.name for sql in readers(contract.name) for column in parsed(sql).find_all(exp.Column)}
    named |= {time for date, time in business_dates(contract).items() if date in named}
    return {column.name for column in contract.columns} - named - {*contract.key}


@pytest.mark.parametrize("contract", sources().values(), ids=lambda contract: contract.name)
def test_a_source_is_read_or_its_contract_says_that_it_is_not(contract: Contract):
    assert (NOT_READ in contract.description) == (not readers(contract.name))


@pytest.mark.parametrize(
    "contract", [c for c in sources().values() if readers(c.name)], ids=lambda contract: contract.name
)
def test_a_column_of_a_source_is_read_or_its_contract_says_that_it_is_not(contract: Contract):
    said = {column.name for column in contract.columns if NOT_READ in column.description}
    assert said == unread_columns(contract)
