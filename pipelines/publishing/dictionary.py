"""The data dictionary: what every source and published table holds, as the contracts say it."""

from collections.abc import Iterable

from pipelines.contracts import Contract, sources, table_contract
from pipelines.publishing.warehouse import PUBLISHED, PUBLISHED_VIEWS

HEAD = """# Data dictionary

Made from the contracts in `data_contracts/` by `loyalty dictionary`; a test keeps it up to date. All published tables
also carry `run_date`, the business date of the night that made them. Money is in the home's currency.
"""


def data_dictionary() -> str:
    """The whole dictionary as Markdown."""
    published = sorted({*PUBLISHED, *PUBLISHED_VIEWS, "pipeline_run"})
    return "\n".join(
        [
            HEAD,
            "## Published tables\n",
            *_chapter(table_contract(name) for name in published),
            "## Sources\n",
            *_chapter(sources().values()),
        ]
    )


def _chapter(contracts: Iterable[Contract]) -> Iterable[str]:
    for contract in contracts:
        yield f"### {contract.name}\n\n{contract.description} Grain: {contract.grain}.\n"
        yield "| column | type | meaning |\n|---|---|---|"
        for column in contract.columns:
            notes = [name for name, is_so in (("required", column.required), ("personal", column.personal)) if is_so]
            notes += [" / ".join(column.values)] if column.values else []
            meaning = column.description + (f" ({'; '.join(notes)})" if notes else "")
            yield f"| {column.name} | {column.type} | {meaning.replace('|', '/')} |"
        yield ""
