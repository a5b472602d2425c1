"""Campaign files without a person, and the removals that tell the tools to forget them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.config_file import read_campaigns
from pipelines.campaigns.files import write_removals
from pipelines.campaigns.targets import NAMES, Target, export_target
from pipelines.engines.sql import identifier
from pipelines.intake.erased import in_list
from pipelines.privacy.person import Person, lake_files, rows_of
from pipelines.privacy.redact import hash_of, redact_export
from pipelines.settings import Settings
from pipelines.store.files import write_atomically
from pipelines.store.home import exports_folder, night_folders
from pipelines.store.lake import Lake
from pipelines.tables.inputs import contract_of

Json = dict[str, Any]


@dataclass(frozen=True)
class _ExportFile:
    """A campaign file, its entry in the night's manifest, and the headers that hold a customer's id."""

    path: Path
    target: Target
    id_headers: set[str]
    channel: Json
    entry: Json


def _nights(settings: Settings) -> Iterator[tuple[Path, Json]]:
    """Every night's folder of campaign files, with its manifest."""
    for folder in night_folders(exports_folder(settings.home)):
        yield folder, json.loads((folder / "manifest.json").read_bytes())


def _files(folder: Path, night: Json, settings: Settings) -> Iterator[_ExportFile]:
    configured = {campaign.id: campaign.channels for campaign in read_campaigns(settings.campaigns).campaigns}
    for campaign in night["campaigns"]:
        for channel in campaign["channels"]:
            named = {
                header
                for known in configured.get(campaign["campaign_id"], [])
                if known.channel == channel["channel"]
                for header, field in known.fields.items()
                if field.column == "customer_id"
            }
            for entry in channel["files"]:
                target = export_target(entry["target"])
                own = {column.header for column in target.columns if column.source == "customer_id"}
                yield _ExportFile(folder / entry["path"], target, own | named, channel, entry)


def count_in_exports(person: Person, settings: Settings) -> dict[str, int]:
    """The person's records, by campaign file."""
    found = {}
    for folder, night in _nights(settings):
        for file in _files(folder, night, settings):
            _, records = redact_export(file.path, file.target.delimiter, file.id_headers, person)
            found[str(file.path.relative_to(settings.home))] = records
    return found


def redact_exports(person: Person, settings: Settings) -> None:
    """Take the person out of every night's campaign files.

    The manifests follow what is in the files, also where an erasure that was broken off had changed them.
    """
    for folder, night in _nights(settings):
        for file in _files(folder, night, settings):
            content, records = redact_export(file.path, file.target.delimiter, file.id_headers, person)
            if records:
                write_atomically(file.path, content, settings.file_mode)
            _update_entry(file, len(content.splitlines()) - (file.target.format == "csv"))
        for campaign in night["campaigns"]:
            _write_manifest(folder / campaign["campaign_id"] / "manifest.json", campaign, settings)
        _write_manifest(folder / "manifest.json", night, settings)


def _update_entry(file: _ExportFile, rows: int) -> None:
    """Let the night's manifest say what the file now holds."""
    removed = file.entry["rows"] - rows
    file.entry.update(rows=rows, bytes=file.path.stat().st_size, sha256=hash_of(file.path))
    for count in ("candidates", "listed") if file.entry["kind"] == "list" else ("removed",):
        if count in file.channel:  # a campaign that is held back has no counts of its list
            file.channel[count] -= removed


def _write_manifest(path: Path, content: Json, settings: Settings) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    if text.encode() != path.read_bytes():
        write_atomically(path, text.encode(), settings.file_mode)


def write_removals_of(person: Person, lake: Lake, settings: Settings, folder: Path) -> None:
    """Tell every tool that ever had the person: by id, and by each address that no other member of the list has.

    The folder's manifest says what is to be done by hand in which tool.
    """
    lists, personal = lake_files(lake, "campaign_list"), lake_files(lake, "crm_customers_personal")
    if not lists:
        return
    with duckdb.connect() as con:
        for name in ("customer", "customer_identity", "customer_360"):
            columns = ", ".join(f"{identifier(c.name)} {c.type}" for c in contract_of(name).columns)
            con.execute(f"CREATE TABLE {identifier(name)} ({columns})")
        used = ", ".join(f"{_column_as_used(name)} AS {name}" for name in ADDRESSES)
        con.execute(f"CREATE TABLE address AS SELECT DISTINCT customer_id, {used} FROM {rows_of(personal)}")
        con.execute(
            f"""CREATE TABLE member AS
            SELECT DISTINCT m.campaign_id, m.channel, m.target, m.customer_id,
                {", ".join(f"{_address_of_channel(name)} AS {name}" for name in ADDRESSES)},
                {", ".join(f"CAST(NULL AS VARCHAR) AS {name}" for name in NAMES)}
            FROM (SELECT DISTINCT campaign_id, channel, target, customer_id FROM {rows_of(lists)}) AS m
            LEFT JOIN address AS a ON a.customer_id = m.customer_id"""
        )
        is_theirs = f"customer_id IN {in_list(person.ids)}"
        con.execute(f"CREATE TABLE list_removal AS FROM member WHERE {is_theirs}")
        con.execute(f"CREATE TABLE list_entry AS FROM member WHERE NOT {is_theirs}")
        if con.execute("SELECT 1 FROM list_removal LIMIT 1").fetchone():
            folder.parent.mkdir(parents=True, exist_ok=True, mode=settings.folder_mode)
            write_removals(con, read_campaigns(settings.campaigns), settings, folder)


def _column_as_used(address: str) -> str:
    """The column of crm_customers_personal that has an address in the form that tools get."""
    return f"{address}_normal" if address in ("email", "phone") else address


def _address_of_channel(address: str) -> str:
    """SQL of the address, where the channel uses it."""
    channels = in_list(channel for channel, addresses in CHANNELS.items() if address in addresses)
    return f"CASE WHEN m.channel IN {channels} THEN a.{address} END"
