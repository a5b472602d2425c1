"""The contracts: valid by their standard, one for every table, and the one place that the dictionary comes from."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from pipelines.catalog import tables
from pipelines.contracts import CONTRACTS, read_contract, sources, table_contract
from pipelines.publishing.dictionary import data_dictionary
from pipelines.publishing.warehouse import PUBLISHED, PUBLISHED_VIEWS
from pipelines.settings import ROOT

FILES = sorted(CONTRACTS.rglob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_contract_is_valid_by_the_standards_schema(path: Path):
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(OpenDataContractStandard.json_schema()))
    assert yaml.safe_load(path.read_text())["apiVersion"] == "v3.1.0"
    assert read_contract(path).name == path.stem


def test_every_table_has_a_contract_and_every_column_a_meaning():
    for name, table in tables().items():
        if table.kind not in ("source", "split"):
            assert all(column.description and column.type for column in table_contract(name).columns), name
    for contract in sources().values():
        assert contract.key
        assert all(column.description and column.type for column in contract.columns), contract.name


def test_what_is_published_is_made_and_holds_no_personal_column():
    for name in (*PUBLISHED, *PUBLISHED_VIEWS):
        assert name in tables()
        assert table_contract(name).personal_columns == (), name


def test_a_broken_contract_is_named(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("kind: DataContract\nschema: [")
    with pytest.raises(ValueError, match=r"broken\.yaml: not a valid data contract"):
        read_contract(path)


def test_the_data_dictionary_is_what_the_contracts_say():
    written = (ROOT / "docs" / "DATA_DICTIONARY.md").read_text()
    assert written == data_dictionary(), "run: .venv/bin/loyalty dictionary > docs/DATA_DICTIONARY.md"
