"""Campaign files without a person: those that nights and people sent, and those that wait to be sent."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from pipelines.campaigns.channels import ADDRESSES
from pipelines.campaigns.config import Campaigns, MergeField
from pipelines.campaigns.config_file import read_campaign_file
from pipelines.campaigns.content import ListFile, list_query
from pipelines.campaigns.sending import write_night_manifest
from pipelines.campaigns.sent import give_sent
from pipelines.campaigns.targets import Target, export_target
from pipelines.engines.sql import literal
from pipelines.intake.addresses import register_file_functions
from pipelines.intake.erased import in_list
from pipelines.privacy.person import Person
from pipelines.privacy.redact import hash_of, redact_export
from pipelines.privacy.removals import give_entries, give_no_rows
from pipelines.settings import Settings
from pipelines.store.deliveries import Delivery
from pipelines.store.files import write_atomically
from pipelines.store.home import exports_folder, night_folders
from pipelines.store.lake import Lake

Json = dict[str, Any]


@dataclass(frozen=True)
class _CampaignFile:
    """A campaign file, and its entry in the manifest of its folder."""

    path: Path
    campaign_id: str
    channel: Json
    entry: Json

    @property
    def target(self) -> Target:
        return export_target(self.entry["target"])

    def identifiers(self, campaigns: Campaigns) -> dict[str, str]:
        """The columns that name a customer: what each is taken from, by header.

        The manifest says it. Of an earlier version's it is what the tool's contract and the campaign file say now.
        """
        if "identifiers" in self.entry:
            return dict(self.entry["identifiers"])
        wanted = (*ADDRESSES, "customer_id")
        found = {c.header: c.source for c in self.target.columns if c.source in wanted}
        channels = (c.channels for c in campaigns.campaigns if c.id == self.campaign_id)
        known = (channel for each in channels for channel in each if channel.channel == self.channel["channel"])
        named = {header: field.column for channel in known for header, field in channel.fields.items()}
        return {header: source for header, source in (found | named).items() if source in wanted}


@dataclass(frozen=True)
class _Folder:
    """A folder of campaign files with their manifest; of a list that waits, the delivery that it belongs to."""

    path: Path
    waiting: Delivery | None = None

    @cached_property
    def manifest(self) -> Json:
        content: Json = json.loads((self.path / "manifest.json").read_bytes())
        return content

    def files(self) -> Iterator[_CampaignFile]:
        """Its files; earlier versions wrote paths relative to the night's folder."""
        for channel in self.manifest["channels"]:
            for entry in channel["files"]:
                path = self.path / Path(entry["path"]).name
                yield _CampaignFile(path, self.manifest["campaign_id"], channel, entry)


def _folders(lake: Lake, settings: Settings) -> Iterator[_Folder]:
    for night in night_folders(exports_folder(settings.home)):
        for path in sorted([*night.glob("*/manifest.json"), *night.glob("*/*/manifest.json")]):
            yield _Folder(path.parent)
    for delivery in lake.deliveries.all():
        if not delivery.is_sent:
            yield _Folder(delivery.files, delivery)


def headers_of_ids(lake: Lake, settings: Settings) -> dict[Path, set[str]]:
    """The columns of campaign files that hold a customer's id, by folder."""
    campaigns = read_campaign_file(settings.campaigns).campaigns
    return {
        folder.path: {
            header
            for file in folder.files()
            for header, source in file.identifiers(campaigns).items()
            if source == "customer_id"
        }
        for folder in _folders(lake, settings)
    }


def count_in_campaign_files(person: Person, lake: Lake, settings: Settings) -> dict[str, int]:
    """The person's records, by campaign file."""
    campaigns = read_campaign_file(settings.campaigns).campaigns
    return {
        str(file.path.relative_to(settings.home)): _without(person, file, folder, campaigns)[1]
        for folder in _folders(lake, settings)
        for file in folder.files()
    }


def redact_campaign_files(person: Person, lake: Lake, settings: Settings) -> None:
    """Take the person out of all campaign files, sent or waiting; do it before the members of deliveries go.

    Deliveries and manifests follow what is in the files, also where an erasure that was broken off had changed them:
    a manifest is the last to be written, since it says what a file was before.
    """
    campaigns = read_campaign_file(settings.campaigns).campaigns
    folders = list(_folders(lake, settings))
    hashes: dict[tuple[str, str, str], str] = {}  # by campaign, name and hash before
    for folder in folders:
        for file in folder.files():
            content, removed = _without(person, file, folder, campaigns)
            if removed:
                write_atomically(file.path, content, settings.file_mode)
            hashes[file.campaign_id, file.path.name, file.entry["sha256"]] = hash_of(file.path)
    for delivery in lake.deliveries.all():
        _update_note(delivery, hashes)
    for folder in folders:
        for file in folder.files():
            _update_entry(file)
        text = json.dumps(folder.manifest, indent=2, ensure_ascii=False) + "\n"
        path = folder.path / "manifest.json"
        if text.encode() != path.read_bytes():
            write_atomically(path, text.encode(), settings.file_mode)
    for night in night_folders(exports_folder(settings.home)):
        if (night / "manifest.json").exists():
            held = json.loads((night / "manifest.json").read_bytes()).get("held", [])
            write_night_manifest(settings, date.fromisoformat(night.name), held)


def _without(person: Person, file: _CampaignFile, folder: _Folder, campaigns: Campaigns) -> tuple[bytes, int]:
    """A campaign file's content without the person, and how many of its records were removed."""
    identifiers = file.identifiers(campaigns)
    ids = [header for header, source in identifiers.items() if source == "customer_id"]
    addresses = [header for header, source in identifiers.items() if source != "customer_id"]
    written = _as_waiting(person, file, folder.waiting, identifiers) if folder.waiting else set()

    def is_theirs(record: Json) -> bool:
        if any(str(record.get(header)) in person.ids for header in ids):
            return True
        values = {str(value).lower() for value in record.values()}
        return not values.isdisjoint(person.texts) or _values(record, addresses) in written

    return redact_export(file.path, file.target.delimiter, is_theirs)


def _values(record: Json, headers: list[str]) -> tuple[str, ...]:
    return tuple(str(record.get(header) or "") for header in headers)


def _as_waiting(
    person: Person, file: _CampaignFile, delivery: Delivery, identifiers: dict[str, str]
) -> set[tuple[str, ...]]:
    """The person's addresses as a list that waits has them, in order of headers, whoever else has them too.

    An address that is another customer's too says nothing of whom the record is about; but the delivery's members do.
    """
    if file.entry["kind"] != "list":
        return set()
    own = {column.header: column.source for column in file.target.columns}
    fields = {header: MergeField(column=source) for header, source in identifiers.items() if own.get(header) != source}
    channel, addresses = file.channel["channel"], [name for name in identifiers if identifiers[name] != "customer_id"]
    is_on_it = f"arm <> 'control' AND COALESCE(sent_date = {literal(f'{delivery.note.run_date}')}, TRUE)"
    content = ListFile(file.target, file.campaign_id, channel, "list", fields)
    with duckdb.connect() as con:
        register_file_functions(con)
        for name in ("customer", "customer_identity"):
            give_no_rows(con, name)
        give_sent(con, [delivery])
        give_entries(con, "list_entry", f"{is_on_it} AND customer_id IN {in_list(person.ids)}")
        rows = con.execute(list_query(content), content.parameters).to_arrow_table().to_pylist()
    return {values for row in rows if any(values := _values(row, addresses))}


def _update_note(delivery: Delivery, hashes: dict[tuple[str, str, str], str]) -> None:
    """Let a delivery say what its lists now are, so that a night that is run again knows them."""
    note = delivery.note
    lists = {path: hashes.get((note.campaign_id, path, digest), digest) for path, digest in note.lists.items()}
    if lists != note.lists:
        text = note.model_copy(update={"lists": lists}).model_dump_json()
        write_atomically(delivery.folder / "delivery.json", text.encode())


def _update_entry(file: _CampaignFile) -> None:
    """Let a manifest say what the file now holds."""
    rows = len(file.path.read_bytes().splitlines()) - (file.target.format == "csv")
    removed = file.entry["rows"] - rows
    size = file.path.stat().st_size
    file.entry.update(path=file.path.name, rows=rows, bytes=size, sha256=hash_of(file.path))
    for count in ("candidates", "listed") if file.entry["kind"] == "list" else ("removed",):
        if count in file.channel:  # a campaign that is held back has no counts of its list
            file.channel[count] -= removed
