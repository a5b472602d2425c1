"""The data dictionary: every published table and every source, as the contracts say it."""

import re

from pipelines.contracts import TABLE_LAYERS, layer_contracts, published_tables, sources
from pipelines.publishing.dictionary import data_dictionary
from pipelines.settings import ROOT


def chapters() -> dict[str, list[str]]:
    """Names of what is described, by chapter."""
    _, *parts = re.split(r"^## ", data_dictionary(), flags=re.MULTILINE)
    return {part.partition("\n")[0]: re.findall(r"^### (\w+)$", part, flags=re.MULTILINE) for part in parts}


def test_the_kept_dictionary_is_what_the_contracts_say():
    kept = (ROOT / "docs" / "DATA_DICTIONARY.md").read_text()
    assert kept == data_dictionary(), "run: .venv/bin/loyalty dictionary > docs/DATA_DICTIONARY.md"


def test_a_layers_chapter_has_its_published_tables_and_no_others():
    expected = {
        f"Published tables: {layer}": [contract.name for contract in layer_contracts(layer) if contract.published]
        for layer in TABLE_LAYERS
    }
    assert chapters() == expected | {"Sources": list(sources())}


def test_every_column_of_a_published_table_has_a_line():
    lines = data_dictionary().splitlines()
    for contract in published_tables():
        begin = lines.index(f"### {contract.name}")
        described = [line.split(" | ")[0].removeprefix("| ") for line in lines[begin + 6 :]]
        shown = [column.name for column in contract.published_columns]
        assert described[: len(shown)] == shown, contract.name


def test_what_is_required_or_personal_and_which_values_there_are_is_said():
    text = data_dictionary()
    assert re.search(r"^\| customer_id \| VARCHAR \| .* \(required\) \|$", text, flags=re.MULTILINE)
    assert re.search(r"^\| email \| VARCHAR \| .* \(personal\) \|$", text, flags=re.MULTILINE)
    assert re.search(r"^\| sales_channel \| VARCHAR \| .* \(online / offline\) \|$", text, flags=re.MULTILINE)
