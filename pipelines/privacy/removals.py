"""The removals of an erased person: files that tell the tools to forget them."""

from pathlib import Path

import duckdb

from pipelines.campaigns.channels import ADDRESSES
from pipelines.campaigns.config_file import read_campaign_file
from pipelines.campaigns.files import write_removals
from pipelines.campaigns.night import sent_last
from pipelines.campaigns.sent import give_sent
from pipelines.campaigns.targets import NAMES
from pipelines.engines.sql import identifier
from pipelines.intake.erased import in_list
from pipelines.privacy.person import Person, rows_of
from pipelines.settings import Settings
from pipelines.store.lake import Lake
from pipelines.tables.inputs import contract_of


def write_removals_of(person: Person, lake: Lake, settings: Settings, folder: Path) -> None:
    """Tell every tool that was sent the person: by id, and by each address that no other member of the list has.

    Whom the tools have is what the last sent delivery of each campaign says, audiences and sendings alike. A list that
    waits is in no tool yet. The folder's manifest says what is to be done by hand in which tool. The campaign file only
    adds the columns of campaigns without a fault.
    """
    sent = list(sent_last(lake).values())
    with duckdb.connect() as con:
        latest = lake.manifest(lake.nights()[-1]) if lake.nights() else None
        is_upgraded = latest is not None and "campaign_delivery" not in latest.tables
        for name in ("campaign_list", "campaign_assignment", "crm_customers_personal") if is_upgraded else ():
            give_no_rows(con, f"history.{name}")
            if latest and name in latest.tables and (files := latest.tables[name].data_files):
                rows = rows_of(str(lake.path(file.path)) for file in files)
                con.execute(f"INSERT INTO history.{name} BY NAME SELECT {_columns(con, name, rows)} FROM {rows}")
        give_sent(con, sent, latest.run_date if latest and is_upgraded else None)
        is_theirs = f"customer_id IN {in_list(person.ids)}"
        give_entries(con, "list_removal", f"{is_theirs} AND arm <> 'control'")
        give_entries(con, "list_entry", f"NOT {is_theirs}")
        for name in ("customer", "customer_identity", "customer_360"):
            give_no_rows(con, name)
        if con.execute("SELECT 1 FROM list_removal LIMIT 1").fetchone():
            folder.parent.mkdir(parents=True, exist_ok=True, mode=settings.folder_mode)
            write_removals(con, read_campaign_file(settings.campaigns).campaigns, settings, folder)


def give_no_rows(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Make a table of the lake, without a row: files of campaigns may read it, and have nothing to read there."""
    schema, _, table = name.rpartition(".")
    if schema:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
    columns = ", ".join(f"{identifier(column.name)} {column.type}" for column in contract_of(table).columns)
    con.execute(f"CREATE TABLE {name} ({columns})")


def give_entries(con: duckdb.DuckDBPyConnection, name: str, condition: str) -> None:
    """Make the table `name` of those rows of list_sent that meet a condition, as files of campaigns read it."""
    nameless = ", ".join(f"CAST(NULL AS VARCHAR) AS {column}" for column in NAMES)
    con.execute(
        f"""CREATE TABLE {name} AS
        SELECT DISTINCT campaign_id, channel, target, customer_id, {", ".join(ADDRESSES)}, {nameless}
        FROM list_sent WHERE {condition}"""
    )


def _columns(con: duckdb.DuckDBPyConnection, table: str, rows: str) -> str:
    """The columns of a table's contract that its files have."""
    present = {column for column, *_ in con.execute(f"DESCRIBE FROM {rows}").fetchall()}
    return ", ".join(identifier(column.name) for column in contract_of(table).columns if column.name in present)
