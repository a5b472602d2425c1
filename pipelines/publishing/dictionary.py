"""The data dictionary: what every published table and every source holds, in the words of the contracts."""

from collections.abc import Iterable

from pipelines.contracts import TABLE_LAYERS, Contract, layer_contracts, sources

HEAD = """# Data dictionary

Made from the contracts in `data_contracts/` by `loyalty dictionary`; a test keeps it up to date. The published tables
come first, by layer. All of them also carry `run_date`, the business date of the night that made them. Money is in the
home's currency.
"""


def data_dictionary() -> str:
    """The whole dictionary as Markdown: a chapter for each layer's published tables, then the sources."""
    lines = [HEAD]
    for layer in TABLE_LAYERS:
        published = [contract for contract in layer_contracts(layer) if contract.published]
        lines += [f"## Published tables: {layer}\n", *_chapter(published)]
    return "\n".join([*lines, "## Sources\n", *_chapter(sources().values())])


def _chapter(contracts: Iterable[Contract]) -> Iterable[str]:
    """A table of columns for each contract."""
    for contract in contracts:
        yield f"### {contract.name}\n\n{contract.description} Grain: {contract.grain}.\n"
        yield "| column | type | meaning |\n|---|---|---|"
        for column in contract.published_columns if contract.published else contract.columns:
            notes = [name for name, is_so in (("required", column.required), ("personal", column.personal)) if is_so]
            notes += [" / ".join(column.values)] if column.values else []
            meaning = column.description + (f" ({'; '.join(notes)})" if notes else "")
            yield f"| {column.name} | {column.type} | {meaning.replace('|', '/')} |"
        yield ""
