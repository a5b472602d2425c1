"""The contracts: valid by their standard, in the folder of their layer, found by name; errors name the file."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from pipelines import contracts
from pipelines.catalog import tables
from pipelines.column_types import header_name
from pipelines.contracts import (
    CONTRACTS,
    open_contract,
    published_tables,
    read_contract,
    sources,
    table_contract,
)

FILES = sorted(CONTRACTS.rglob("*.yaml"))
SCHEMA = json.loads(OpenDataContractStandard.json_schema())
STANDARD = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
SHARE = """
apiVersion: v3.1.0
kind: DataContract
id: loyalty.table.share
version: 1.0.0
status: active
schema:
- name: share
  physicalType: table
  properties:
  - {name: customer_id, physicalType: VARCHAR, description: Customer., primaryKey: true}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder of contracts of its own, with one of a table in facts/."""
    monkeypatch.setattr(contracts, "CONTRACTS", tmp_path)
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "share.yaml").write_text(SHARE)
    contracts._table_files.cache_clear()
    table_contract.cache_clear()
    yield tmp_path
    contracts._table_files.cache_clear()
    table_contract.cache_clear()


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_contract_is_valid_by_the_standards_schema(path: Path):
    document = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    STANDARD.validate(document)
    assert document["apiVersion"] == "v3.1.0"
    assert read_contract(path).name == path.stem


def test_contracts_lie_with_the_sources_the_exports_or_in_a_layer():
    folders = {path.parent.relative_to(CONTRACTS).as_posix() for path in FILES if path.name != "every_source.yaml"}
    assert folders == {"sources", "exports", *contracts.TABLE_LAYERS}


def test_every_column_has_a_type_and_a_meaning_and_every_source_a_key():
    made = [table_contract(name) for name, table in tables().items() if table.layer != "staging"]
    for contract in (*made, *sources().values()):
        assert all(column.description and column.type for column in contract.columns), contract.name
    assert all(contract.key for contract in sources().values())


def test_what_is_published_holds_no_personal_column():
    assert {
        contract.name: contract.personal_columns for contract in published_tables() if contract.personal_columns
    } == {}


def test_what_a_night_writes_no_file_for_is_published_as_a_view():
    assert {contract.published for contract in published_tables() if contract.is_view} == {"view"}


def test_published_tables_come_layer_by_layer_each_by_name():
    layers = [contracts.contract_path(contract.name).parent.name for contract in published_tables()]
    assert layers == sorted(layers, key=contracts.TABLE_LAYERS.index)
    facts = [contract.name for contract in contracts.layer_contracts("facts")]
    assert facts == sorted(facts)


def test_a_table_is_published_as_its_contract_says_and_by_default_not_at_all(folder):
    assert table_contract("share").published is None
    assert published_tables() == []
    for kind in ("table", "view"):
        properties = f"  customProperties: [{{property: published, value: {kind}}}]\n"
        assert read_contract(written(folder / "share.yaml", SHARE + properties)).published == kind


def test_another_way_of_publishing_is_refused(folder):
    path = written(folder / "share.yaml", SHARE + "  customProperties: [{property: published, value: always}]\n")
    with pytest.raises(ValueError, match=r"share\.yaml: .*published 'always' is neither table nor view"):
        read_contract(path)


def test_a_contract_of_physical_type_view_is_a_view(folder):
    path = written(folder / "share.yaml", SHARE.replace("physicalType: table", "physicalType: view"))
    assert read_contract(path).is_view
    assert not table_contract("share").is_view


def test_how_an_extract_is_read_does_not_change_with_where_a_table_is_seen(folder):
    path = written(folder / "share.yaml", SHARE + "  customProperties: [{property: published, value: view}]\n")
    assert repr(read_contract(path)) == repr(table_contract("share"))


def test_a_table_without_a_contract_names_the_file_to_write(folder):
    with pytest.raises(
        FileNotFoundError, match=rf"table order_fact has no contract: write {folder}/facts/order_fact\.yaml"
    ):
        table_contract("order_fact")
    with pytest.raises(FileNotFoundError, match=r"/\(facts\|scores\|marts\|segments\)/made_by_python\.yaml"):
        table_contract("made_by_python")


def test_two_contracts_of_one_name_are_an_error_that_names_both(folder):
    other = written(folder / "marts" / "share.yaml", SHARE)
    with pytest.raises(ValueError, match=rf"named share: {folder}/facts/share\.yaml and {other}; remove one"):
        table_contract("share")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it holds nothing"),
        ("- not\n- a map", "it holds no names with values"),
        ("kind: DataContract\nschema: [", "while parsing"),
        ("kind: DataContract\nschema: []", "a contract has a list `schema` of one entry"),
        ("kind: DataContract", "a contract has a list `schema` of one entry"),
    ],
)
def test_a_broken_contract_is_named_with_what_is_wrong(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf"broken\.yaml: not a valid data contract: {message}"):
        read_contract(written(tmp_path / "broken.yaml", text))


def test_what_the_reader_of_a_contract_refuses_is_said_with_the_file(folder):
    path = folder / "facts" / "share.yaml"
    with pytest.raises(ValueError, match=r"share\.yaml: not a valid data contract: no such tool"), open_contract(path):
        raise ValueError("no such tool")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{name: 'a b', physicalType: VARCHAR}", "column 'a b': a name is of lower-case letters"),
        ("{name: a, physicalType: 'DATE); DROP TABLE x; --'}", "column a: the physicalType .* is none that is known"),
        (
            "{name: a, physicalType: VARCHAR, customProperties: [{property: formerNames, value: InvoiceNo}]}",
            "column a: formerNames 'InvoiceNo' is no list",
        ),
        (
            "{name: a, physicalType: VARCHAR, customProperties: [{property: formerNames, value: [Customer_ID]}]}",
            "customer_id and a both have the name 'customer_id', now or formerly",
        ),
        ("{name: customer_id, physicalType: DATE}", "column customer_id is there twice"),
    ],
)
def test_a_column_that_would_break_the_sql_is_refused_when_the_contract_is_read(folder, line, message):
    with pytest.raises(ValueError, match=rf"share\.yaml: not a valid data contract: {message}"):
        read_contract(written(folder / "share.yaml", f"{SHARE}  - {line}\n"))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("points >> >", "rule sign: 'points >> >' is no SQL condition"),
        ("TRUE) THEN 'x' WHEN (TRUE", "rule sign: .* is no SQL condition"),
        ("TRUE; DROP TABLE x", "rule sign: .* is no SQL condition"),
        ("SELECT 1", "rule sign: .* is no SQL condition"),
        ("point > 0", "rule sign: 'point > 0' reads point, which is no column"),
    ],
)
def test_a_row_rule_is_a_condition_over_the_contracts_columns(folder, condition, message):
    rule = {"name": "sign", "type": "custom", "engine": "row_rule", "implementation": condition}
    with pytest.raises(ValueError, match=rf"share\.yaml: not a valid data contract: {message}"):
        read_contract(written(folder / "share.yaml", f"{SHARE}  quality: [{json.dumps(rule)}]\n"))


def test_a_flag_in_quotes_is_refused_since_no_would_count_as_yes(folder):
    properties = "  customProperties: [{property: required, value: 'no'}]\n"
    with pytest.raises(ValueError, match="required 'no' is neither true nor false"):
        read_contract(written(folder / "share.yaml", SHARE + properties))


@pytest.mark.parametrize(
    "pair",
    [
        ("F\u0130\u015e NO", "fi\u015f no"),
        ("KI\u015e", "k\u0131\u015f"),
        ("\u0421\u0423\u041c\u041c\u0410", "\u0441\u0443\u043c\u043c\u0430"),
        ("STRASSE", "stra\u00dfe"),
    ],
)
def test_capitals_of_any_alphabet_make_no_difference_to_a_header(pair):
    assert header_name(pair[0]) == header_name(pair[1])
