"""Campaign files: the lists of a night, each in the format of the tool that imports it, and their manifests.

`content` makes the SQL of a file from the tool's contract; this module runs it and writes a night's folder as a whole.
"""

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pipelines.campaigns.config import Campaigns
from pipelines.campaigns.content import ListFile, country_losses_query, list_query
from pipelines.campaigns.manifest import ExportFile, campaign_manifests
from pipelines.campaigns.selection import Lists
from pipelines.campaigns.targets import Removal, export_target
from pipelines.engines.sql import literal
from pipelines.errors import LoyaltyError
from pipelines.intake.addresses import register_file_functions
from pipelines.settings import Settings

# What a person does in a tool to erase somebody, beside importing the removals.
_BY_HAND: dict[Removal, str] = {
    "replace": "upload the list again",
    "field": "delete the contact; the removals only take it off the list",
    "none": "delete what the tool keeps of the person",
}


def write_exports(
    con: duckdb.DuckDBPyConnection,
    lists: Lists,
    campaigns: Campaigns,
    settings: Settings,
    run_date: date,
    out_dir: Path,
    held: Collection[str] = (),
) -> list[ExportFile]:
    """Write the night's campaign files to out_dir/<run_date>/; they replace what is there.

    A running campaign has one list per channel (the header alone if nobody is on it). `<channel>_removals` holds who
    left a list since the night before, and old addresses of who has another now, for the tools that take such a file.
    Where a tool replaces its list, a list that somebody left is written even if its campaign ended (then it is empty)
    or is held back. Rows are sorted by customer_id and address, so that the same lists make the same bytes. Each
    campaign and the night have a manifest.json, written last; it holds no time of writing.

    Args:
        con: has customer, customer_identity, customer_360 and what campaign_lists left in it.
        lists: from campaign_lists, of the same night.
        campaigns: the same config.
        settings: the modes of files and folders.
        run_date: the business date.
        out_dir: the folder of all nights' exports.
        held: ids of campaigns that are held back: only what somebody's leaving needs is written of them.

    Returns:
        The files, by path, without the manifests.
    """
    folder = out_dir / run_date.isoformat()
    writing = out_dir / f".{run_date}.new"
    shutil.rmtree(writing, ignore_errors=True)
    for path in (out_dir, writing):
        path.mkdir(mode=settings.folder_mode, parents=True, exist_ok=True)
        path.chmod(settings.folder_mode)
    planned = _planned_files(lists, campaigns, run_date)
    files = sorted(
        (part for file in planned for part in _write_file(con, campaigns, file, writing, settings)),
        key=lambda file: file.path,
    )
    manifests = campaign_manifests(lists, planned, files, campaigns, run_date, held)
    for manifest in manifests:
        _write_json(writing / manifest["campaign_id"] / "manifest.json", manifest, settings.file_mode)
    night = {"run_date": run_date.isoformat(), "campaigns": manifests, "held": sorted(held)}
    _write_json(writing / "manifest.json", night, settings.file_mode)
    replace_folder(writing, folder)
    return files


def _planned_files(lists: Lists, campaigns: Campaigns, run_date: date) -> list[ExportFile]:
    """The lists of the night's campaigns; and of lists that somebody left, what the tool needs to know it."""
    running = [(c.id, ch.channel, ch.target) for c in campaigns.campaigns if c.runs_on(run_date) for ch in c.channels]
    files = [
        ExportFile(f"{campaign_id}/{channel}.{export_target(target).format}", campaign_id, channel, target, "list")
        for campaign_id, channel, target in running
    ]
    for row in lists.removal_counts.to_pylist():
        campaign_id, channel, name = row["campaign_id"], row["channel"], row["target"]
        target, path = export_target(name), f"{campaign_id}/{channel}"
        if target.takes_removals:
            files.append(ExportFile(f"{path}_removals.{target.format}", campaign_id, channel, name, "removals"))
        elif target.removal == "replace" and (campaign_id, channel, name) not in running:
            has_another = any(entry[:2] == (campaign_id, channel) for entry in running)
            path = f"{path}.{name}" if has_another else path
            files.append(ExportFile(f"{path}.{target.format}", campaign_id, channel, name, "list"))
    return files


def write_removals(
    con: duckdb.DuckDBPyConnection, campaigns: Campaigns, settings: Settings, folder: Path
) -> list[ExportFile]:
    """Write the removals of list_removal to a folder of their own, apart from any night's, with a manifest.json.

    They are of an erased person: the manifest also says what is to be done by hand in the tools.

    Args:
        con: has list_removal and list_entry (who else is on the lists), customer, customer_identity and customer_360.
        campaigns: the config, for the files' columns.
        settings: the modes of files and folders.
        folder: where to write; it must not exist.
    """
    writing = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir(mode=settings.folder_mode, parents=True)
    files: list[ExportFile] = []
    by_hand: list[dict[str, str]] = []
    lists = con.execute("SELECT DISTINCT campaign_id, channel, target FROM list_removal ORDER BY ALL").fetchall()
    for campaign_id, channel, name in lists:
        target = export_target(name)
        if target.takes_removals:
            path = f"{campaign_id}/{channel}_removals.{name}.{target.format}"
            files += _write_file(
                con, campaigns, ExportFile(path, campaign_id, channel, name, "removals"), writing, settings
            )
        if target.removal in _BY_HAND:
            to_do = _BY_HAND[target.removal]
            by_hand.append({"campaign_id": campaign_id, "channel": channel, "target": name, "to_do": to_do})
    manifest = {"files": [asdict(file) for file in files], "by_hand": by_hand}
    _write_json(writing / "manifest.json", manifest, settings.file_mode)
    writing.rename(folder)
    return files


def _write_file(
    con: duckdb.DuckDBPyConnection, campaigns: Campaigns, file: ExportFile, folder: Path, settings: Settings
) -> list[ExportFile]:
    """Write one list, or its removals; returns each part with its path, rows, size and hash."""
    path, target = folder / file.path, export_target(file.target)
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(settings.folder_mode)
    channels = next((c.channels for c in campaigns.campaigns if c.id == file.campaign_id), [])
    fields = next((c.fields for c in channels if (c.channel, c.target) == (file.channel, file.target)), {})
    types = {name: str(kind) for name, kind, *_ in con.execute("DESCRIBE customer_360").fetchall()}
    register_file_functions(con)
    content = ListFile(target, file.campaign_id, file.channel, file.kind, fields, types)
    form = "FORMAT JSON" if target.format == "jsonl" else f"FORMAT CSV, HEADER, DELIMITER {literal(target.delimiter)}"
    con.execute(f"COPY ({list_query(content)}) TO {literal(str(path))} ({form})", content.parameters)
    lost = _no_countries(con, content)
    written: list[ExportFile] = []
    for part, rows in split_file(path, target.maximum_bytes, header=target.format == "csv"):
        part.chmod(settings.file_mode)
        with part.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        name, size = part.relative_to(folder).as_posix(), part.stat().st_size
        written.append(replace(file, path=name, rows=rows, bytes=size, sha256=digest, no_countries=lost))
    return written


def _no_countries(con: duckdb.DuckDBPyConnection, content: ListFile) -> dict[str, int]:
    """How many values of each column of countries were no country, and are not in the file."""
    query = country_losses_query(content)
    found = con.execute(query, content.parameters).fetchall() if query else []
    return {header: count for header, count in found if count}


def split_file(path: Path, limit: int | None, header: bool) -> Iterator[tuple[Path, int]]:
    """The parts of a file whose records are lines, and each part's number of records.

    Each part is below the limit and has the header. The file itself is the only part if it is small enough; else
    `<name>.part-001<suffix>` and so on replace it.

    Raises:
        LoyaltyError: a record alone is over the limit.
    """
    with path.open("rb") as whole:
        head = whole.readline() if header else b""
        if limit is None or path.stat().st_size < limit:
            yield path, sum(block.count(b"\n") for block in iter(lambda: whole.read(1 << 20), b""))
            return
        part, size, rows, number = None, 0, 0, 0
        for line in whole:
            if len(head) + len(line) >= limit:
                raise LoyaltyError(
                    f"{path.name}: a record alone is over the limit of {limit} bytes; shorten its fields"
                )
            if part is None or size + len(line) >= limit:
                if part is not None:
                    part.close()
                    yield Path(part.name), rows
                number += 1
                part = path.with_suffix(f".part-{number:03d}{path.suffix}").open("wb")
                part.write(head)
                size, rows = len(head), 0
            part.write(line)
            size, rows = size + len(line), rows + 1
        if part is not None:
            part.close()
            yield Path(part.name), rows
    path.unlink()


def _write_json(path: Path, content: dict[str, Any], mode: int) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    path.chmod(mode)


def replace_folder(new: Path, folder: Path) -> None:
    """Rename `new` to `folder`; what was there goes."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
