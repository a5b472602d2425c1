"""The lake without a person: data files written anew, and manifests that name the new ones."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from pipelines.contracts import sources
from pipelines.engines.sql import identifier, literal
from pipelines.intake.erased import NO_VALUES, Rewritten, named_by, nobody_left_sql, person_columns, redaction_sql
from pipelines.intake.mapping.salt import read_salt
from pipelines.privacy.person import Person, is_of_person, is_other_id, rows_of
from pipelines.privacy.record import Erasure
from pipelines.privacy.redact import Redaction, marked_columns, redact_parquet, replacing, rows_to_redact
from pipelines.store.lake import Lake
from pipelines.store.manifest import DataFile, Manifest, TableState
from pipelines.tables.inputs import contract_of

# Numbers of the rows of feeds' files that are the person's, by the file's path in the folder of landing folders.
RawRows = Mapping[str, Collection[int]]


def count_in_lake(person: Person, lake: Lake, raw: RawRows) -> dict[str, int]:
    """Rows to be changed or removed, by data file."""
    home = lake.root.parent
    salt = read_salt(lake) if lake.mapping_salt.exists() else None
    return {
        str(path.relative_to(home)): rows_to_redact(path, _redaction_of(path, person, salt, raw))[0]
        for path in lake.table_files()
        if has_rows(path)
    } | {
        str(path.relative_to(home)): rows_to_redact(path, _member_redaction(person))[0]
        for path in _delivery_files(lake)
        if has_rows(path)
    }


def has_rows(path: Path) -> bool:
    """Whether a Parquet file has rows: many tables of a home are empty, and looking at the columns of each takes long.

    Raises:
        pyarrow.ArrowInvalid: it is no Parquet file.
    """
    return bool(pq.read_metadata(path).num_rows)


def rewrite_lake(erasure: Erasure, lake: Lake) -> None:
    """Write new data files for those that name the person, and let the manifests name the new ones.

    A new name depends only on the old one and the request, so manifests agree also after a break.
    """
    renamed: dict[str, tuple[str, int]] = {}
    salt = read_salt(lake) if lake.mapping_salt.exists() else None
    for path in filter(has_rows, lake.table_files()):
        redaction = _redaction_of(path, erasure.person, salt, erasure.rows)
        changed, left = rows_to_redact(path, redaction)
        if changed:
            unique = sha256(f"{erasure.request}:{path.name}".encode()).hexdigest()[:8]
            new = lake.successor(path, unique)
            writing = new.with_suffix(".writing")
            redact_parquet(path, writing, redaction)
            writing.replace(new)
            renamed[lake.relative(path)] = (lake.relative(new), left)
    for manifest in map(lake.manifest, lake.nights()):
        tables = {
            name: _renamed_state(_with_lineage(name, manifest), renamed, f"{manifest.run_date}", erasure.landing)
            for name in manifest.tables
        }
        if tables != manifest.tables:
            lake.replace_manifest(manifest.model_copy(update={"tables": tables}))
    for stopped in lake.stopped.steps():
        tables = {
            name: _renamed_state(state, renamed, f"{stopped.run_date}", erasure.landing)
            for name, state in stopped.tables.items()
        }
        if tables != stopped.tables:
            lake.stopped.replace(stopped.model_copy(update={"tables": tables}))


def rewrite_deliveries(person: Person, lake: Lake) -> None:
    """Take the person out of every delivery's members, eligible customers and assignments.

    Each file takes its old one's place under the same name, and whether a delivery is sent is not touched.
    """
    for path in _delivery_files(lake):
        redaction = _member_redaction(person)
        if rows_to_redact(path, redaction)[0]:
            with replacing(path) as beside:
                redact_parquet(path, beside, redaction)


def _delivery_files(lake: Lake) -> list[Path]:
    return [
        path
        for delivery in lake.deliveries.all()
        for path in (delivery.members, delivery.eligible, delivery.assignments)
    ]


def _member_redaction(person: Person) -> Redaction:
    """The person's rows. An address in another customer's row is what a tool was sent of that customer."""
    return Redaction(f"COALESCE({person.is_named_sql('customer_id', 'customer_id')}, FALSE)", {})


def _redaction_of(path: Path, person: Person, salt: str | None, raw: RawRows) -> Redaction:
    """What is removed from a data file of the lake."""
    table = path.parent.name
    if table.startswith("rejected_") and table != "rejected_rows":
        found = _rejected_rows(path, table.removeprefix("rejected_"), person, salt, raw)
        rows = ", ".join(map(str, found)) or "NULL"
        goes = f"COALESCE(file_row_number IN ({rows}), FALSE)"
        # In a row whose columns are shifted, anything may stand in the place of the receipt.
        read_in = {"row_values", "receipt_id"} & set(duckdb.sql(f"FROM {rows_of([str(path)])}").columns)
        return Redaction("FALSE", dict.fromkeys(sorted(read_in), goes), {"row_values": literal(NO_VALUES)})
    try:
        contract = contract_of(table.removesuffix("_superseded"))
        columns, marked, of_list = person_columns(contract), marked_columns(contract), named_by(contract)
    except FileNotFoundError:  # a table of an earlier version, which nobody reads now
        columns, marked, of_list = {}, frozenset(), ()
    table_rows = duckdb.sql(f"FROM {rows_of([str(path)])}")
    in_file = table_rows.columns
    columns |= {name: True for name in in_file if name.endswith("customer_id") and name not in columns}
    columns = {name: required for name, required in columns.items() if name in in_file}
    row_goes, value_goes = redaction_sql(columns, lambda column: person.is_named_sql(column, identifier(column)))
    if table != "crm_customers_personal":  # a text in another customer's row there is their own
        texts = {
            name: identifier(name)
            for name, kind in zip(in_file, table_rows.types, strict=True)
            if str(kind) == "VARCHAR" and name not in columns
        }
        for name in person.columns_to_read(rows_of([str(path)]), texts, duckdb.cursor()):
            has_text = person.has_text(texts[name], is_id=is_other_id(name))
            value_goes[name] = f"COALESCE({has_text}, FALSE)"
    marks = {identifier(name): person.mark_sql(identifier(name)) for name in marked & value_goes.keys()}
    value_goes = {identifier(column): sql for column, sql in value_goes.items()}
    row_goes = f"({row_goes} OR {nobody_left_sql([identifier(c) for c in of_list if c in in_file], value_goes)})"
    return Redaction(row_goes, value_goes, marks)


def _rejected_rows(path: Path, source: str, person: Person, salt: str | None, raw: RawRows) -> list[int]:
    """Numbers of a file's rejected rows whose values name the person, or that were made of a raw row of theirs."""
    contract = sources().get(source)
    named = contract is None or salt or person_columns(contract)
    looked_for = person if named else replace(person, ids=frozenset(), cards=frozenset())
    night = path.name.split(".")[0]
    rows = duckdb.sql(f"SELECT row_values, file, row_number FROM {rows_of([str(path)])}").fetchall()
    return [
        number
        for number, (text, file, row) in enumerate(rows)
        if text != NO_VALUES and (row in raw.get(f"{night}/{file}", ()) or is_of_person(text, looked_for, salt))
    ]


def _with_lineage(name: str, manifest: Manifest) -> TableState:
    """A table's state that says its lineage, which is worked out of the files' names where nobody wrote it down."""
    state = manifest.tables[name]
    return state.model_copy(update={"lineage": manifest.lineage(name)}) if state.key else state


def _renamed_state(
    state: TableState, renamed: dict[str, tuple[str, int]], night: str, landing: dict[str, Rewritten]
) -> TableState:
    """A table's state with the new data files, and with its extract's files as they now are."""

    def new_file(file: DataFile) -> DataFile:
        path, rows = renamed.get(file.path, (file.path, file.rows))
        return file.model_copy(update={"path": path, "rows": rows})

    return state.model_copy(
        update={
            "data_files": tuple(map(new_file, state.data_files)),
            "superseded": tuple(map(new_file, state.superseded)),
            "info": _updated_info(state, night, landing),
        }
    )


def _updated_info(state: TableState, night: str, landing: dict[str, Rewritten]) -> dict[str, Any]:
    """What a state says of its extract's files. It follows the rewritten files, so that no night reads them again."""
    if "files" not in state.info:
        return state.info
    files = []
    for file in state.info["files"]:
        new = landing.get(f"{night}/{file['file']}")
        if new and new.old_sha256 == file["sha256"]:
            file = file | {"size": new.size, "sha256": new.sha256, "records": new.records}
        files.append(file)
    return state.info | {"files": files}
